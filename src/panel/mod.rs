//! The Administration Panel, drawn with egui.
