//! The Administration Panel, drawn with egui.
//!
//! [`state`] is what is known; views draw it and return what the person at the screen wants ([`state::Intent`]). All I/O
//! happens on the threads of a runtime ([`background`], [`link`]), which asks for a repaint only when something has
//! changed. [`app`] ties them together. What pages and dialogs are made of is in [`style`] and [`widgets`].

mod about;
pub mod app;
pub mod background;
mod diagnostics;
pub mod files;
mod link;
pub mod main_window;
mod memory;
pub mod sandbox;
pub mod session;
pub mod settings_window;
mod start;
pub mod state;
pub mod style;
#[cfg(test)]
pub(crate) mod testing;
pub mod widgets;
mod window;

pub use window::run;
