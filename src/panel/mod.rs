//! The Administration Panel, drawn with egui.
//!
//! [`state`] is what is known; views draw it and return what the person at the screen wants ([`state::Intent`]). All I/O
//! happens on the threads of a runtime ([`background`], [`link`]), which asks for a repaint only when something has
//! changed. [`app`] ties them together. What pages and dialogs are made of is in [`style`] and [`widgets`].

mod about;
pub mod app;
pub mod background;
pub mod connect;
mod diagnostics;
pub mod failure_window;
pub mod files;
pub mod impersonation_test;
mod link;
pub mod main_window;
mod memory;
pub mod picker;
pub mod registration;
pub mod sandbox;
pub mod scope;
#[cfg(test)]
mod scripted;
mod selection;
pub mod session;
pub mod settings_window;
pub mod sign_in;
pub mod single;
mod start;
pub mod state;
pub mod style;
#[cfg(test)]
pub(crate) mod testing;
pub mod widgets;
mod window;
pub mod wizard;

pub use window::run;
