//! Through the window, by accessible label.
