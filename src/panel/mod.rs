//! The Administration Panel, drawn with egui.
//!
//! [`state`] is what is known, [`view`] draws it and returns what the person at the screen wants ([`state::Intent`]),
//! [`link`] does all I/O on a thread of its own and asks for a repaint only when something has changed. [`app`] ties
//! the three together and knows nothing else.

mod app;
#[cfg(test)]
mod fakes;
mod link;
mod picker;
mod selection;
pub mod state;
mod theme;
pub mod view;
mod widgets;

use std::path::PathBuf;

use eframe::{NativeOptions, Renderer};
use tracing::warn;

/// Opens the window and returns when it is closed.
///
/// # Errors
/// When no window can be opened, in words for the person who wanted one.
pub fn run(pipe: PathBuf) -> Result<(), String> {
    let first = match eframe::run_native(app::TITLE, options(Renderer::Wgpu), app::create(pipe.clone())) {
        Ok(()) => return Ok(()),
        Err(problem) => problem,
    };
    // wgpu draws on every Windows server, remote desktop included; OpenGL is what some Linux machines have only.
    warn!(problem = %first, "wgpu found nothing to draw with; OpenGL is tried");
    eframe::run_native(app::TITLE, options(Renderer::Glow), app::create(pipe))
        .map_err(|second| format!("no window can be opened: {second} (with wgpu: {first})"))
}

fn options(renderer: Renderer) -> NativeOptions {
    let mut viewport = eframe::egui::ViewportBuilder::default()
        .with_app_id("sent-items-update")
        .with_inner_size([720.0, 620.0])
        .with_min_inner_size([480.0, 420.0]);
    match eframe::icon_data::from_png_bytes(include_bytes!("../../resources/icons/sent-items-update.png")) {
        Ok(icon) => viewport = viewport.with_icon(icon),
        Err(problem) => warn!(%problem, "the window's icon can't be read"),
    }
    NativeOptions { viewport, renderer, centered: true, ..NativeOptions::default() }
}
