//! The window of the system that the panel is drawn in.

use std::path::PathBuf;
use std::sync::Arc;

use eframe::egui::Ui;
use eframe::{App, AppCreator, Frame, NativeOptions, Renderer};
use tokio::runtime::Runtime;
use tracing::warn;

use super::app::{Panel, TITLE};
use super::session::Connect;
use super::style;

/// Opens the window and returns when it is closed.
///
/// # Errors
/// When no window can be opened, in words for the person who wanted one.
pub fn run(pipe: PathBuf, connect: Arc<dyn Connect>) -> Result<(), String> {
    let first = match eframe::run_native(TITLE, options(Renderer::Wgpu), create(pipe.clone(), connect.clone())) {
        Ok(()) => return Ok(()),
        Err(problem) => problem,
    };
    // wgpu draws on every Windows server, remote desktop included; OpenGL is what some Linux machines have only.
    warn!(problem = %first, "wgpu found nothing to draw with; OpenGL is tried");
    eframe::run_native(TITLE, options(Renderer::Glow), create(pipe, connect))
        .map_err(|second| format!("no window can be opened: {second} (with wgpu: {first})"))
}

fn create(pipe: PathBuf, connect: Arc<dyn Connect>) -> AppCreator<'static> {
    Box::new(move |creation| {
        style::set(&creation.egui_ctx);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("background")
            .enable_all()
            .build()?;
        let panel = Panel::new(&creation.egui_ctx, runtime.handle(), pipe, connect)?;
        Ok(Box::new(Window { panel, runtime: Some(runtime) }))
    })
}

struct Window {
    panel: Panel,
    runtime: Option<Runtime>,
}

impl App for Window {
    fn logic(&mut self, _context: &eframe::egui::Context, _frame: &mut Frame) {
        self.panel.logic();
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut Frame) {
        self.panel.ui(ui);
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // Nobody waits for an answer of the network that is of no use any more.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn options(renderer: Renderer) -> NativeOptions {
    let mut viewport = eframe::egui::ViewportBuilder::default()
        .with_app_id("sent-items-update")
        .with_inner_size([1080.0, 720.0])
        .with_min_inner_size([760.0, 520.0]);
    match eframe::icon_data::from_png_bytes(include_bytes!("../../resources/icons/sent-items-update.png")) {
        Ok(icon) => viewport = viewport.with_icon(icon),
        Err(problem) => warn!(%problem, "the window's icon can't be read"),
    }
    NativeOptions { viewport, renderer, centered: true, ..NativeOptions::default() }
}
