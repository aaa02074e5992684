//! The window of the system that the panel is drawn in.

use std::cell::Cell;
use std::rc::Rc;

use eframe::egui::{Context, Ui, ViewportBuilder, ViewportCommand};
use eframe::{App, AppCreator, Frame, NativeOptions, Renderer};
use tokio::runtime::Runtime;
use tracing::warn;

use super::app::{Panel, Start, TITLE};
use super::memory::Place;
use super::style;

/// Opens the window and returns when it is closed.
///
/// # Errors
/// When no window can be opened, in words for the person who wanted one.
pub fn run(start: Start) -> Result<(), String> {
    // It stays here when the first way of drawing does not work.
    let start = Rc::new(Cell::new(Some(start)));
    let place = Place::remembered();
    let first = match eframe::run_native(TITLE, options(Renderer::Wgpu, place), create(start.clone(), place)) {
        Ok(()) => return Ok(()),
        Err(problem) => problem,
    };
    // wgpu draws on every Windows server, remote desktop included; OpenGL is what some Linux machines have only.
    warn!(problem = %first, "wgpu found nothing to draw with; OpenGL is tried");
    eframe::run_native(TITLE, options(Renderer::Glow, place), create(start, place))
        .map_err(|second| format!("no window can be opened: {second} (with wgpu: {first})"))
}

fn create(start: Rc<Cell<Option<Start>>>, place: Place) -> AppCreator<'static> {
    Box::new(move |creation| {
        style::set(&creation.egui_ctx);
        let start = start.take().ok_or("the window was opened before")?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("background")
            .enable_all()
            .build()?;
        let panel = Panel::new(&creation.egui_ctx, runtime.handle(), start)?;
        Ok(Box::new(Window { panel, place, runtime: Some(runtime) }))
    })
}

struct Window {
    panel: Panel,
    place: Place,
    runtime: Option<Runtime>,
}

impl App for Window {
    fn logic(&mut self, context: &Context, _frame: &mut Frame) {
        self.place = Place::now(context, self.place);
        self.panel.logic();
        if self.panel.told_to_end() {
            context.send_viewport_cmd(ViewportCommand::Close);
        }
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut Frame) {
        self.panel.ui(ui);
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        self.place.keep();
        self.panel.close();
        // Nobody waits for an answer of the network that is of no use any more.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn options(renderer: Renderer, place: Place) -> NativeOptions {
    let mut viewport = place.apply(ViewportBuilder::default().with_app_id("sent-items-update"));
    match eframe::icon_data::from_png_bytes(include_bytes!("../../resources/icons/sent-items-update.png")) {
        Ok(icon) => viewport = viewport.with_icon(icon),
        Err(problem) => warn!(%problem, "the window's icon can't be read"),
    }
    NativeOptions { viewport, renderer, centered: !place.has_position(), ..NativeOptions::default() }
}
