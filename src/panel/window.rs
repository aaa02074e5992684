//! The window of the system that the panel is drawn in.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use eframe::egui::{Context, Ui, ViewportBuilder, ViewportCommand};
use eframe::{App, AppCreator, Frame, NativeOptions, Renderer};
use tokio::runtime::Runtime;
use tracing::{info, warn};

use super::app::{Panel, Start, TITLE};
use super::memory::Place;
use super::single::Seat;
use super::style;

/// Opens the window and returns when it is closed. With a seat, it comes to the front when the panel is started again.
///
/// # Errors
/// When no window can be opened, in words for the person who wanted one.
pub fn run(start: Start, seat: Option<Seat>) -> Result<(), String> {
    // It stays here when the first way of drawing does not work.
    let start = Rc::new(Cell::new(Some((start, seat))));
    let place = Place::remembered();
    let mut problems = Vec::new();
    for way in Way::ALL {
        match eframe::run_native(TITLE, options(*way, place), create(start.clone(), place, *way)) {
            Ok(()) => return Ok(()),
            Err(problem) => {
                warn!(%problem, %way, "there is nothing to draw with");
                problems.push(format!("{way}: {problem}"));
            }
        }
    }
    Err(format!("no window can be opened ({})", problems.join("; ")))
}

/// How the window is drawn: the first that works.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// What every Windows server has, remote desktop included.
    #[cfg(windows)]
    Direct3d12,
    /// What wgpu finds best: Vulkan, else OpenGL.
    Wgpu,
    /// OpenGL as some machines have only, too old for wgpu.
    OpenGl,
}

impl Way {
    const ALL: &[Self] = &[
        #[cfg(windows)]
        Self::Direct3d12,
        Self::Wgpu,
        Self::OpenGl,
    ];
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            #[cfg(windows)]
            Self::Direct3d12 => "Direct3D 12",
            Self::Wgpu => "wgpu",
            Self::OpenGl => "OpenGL",
        })
    }
}

/// What the panel is started with, until a window has taken it.
type Waiting = Rc<Cell<Option<(Start, Option<Seat>)>>>;

fn create(start: Waiting, place: Place, way: Way) -> AppCreator<'static> {
    Box::new(move |creation| {
        info!(%way, adapter = adapter(creation), "the window is drawn");
        style::set(&creation.egui_ctx);
        let (start, seat) = start.take().ok_or("the window was opened before")?;
        if let Some(seat) = seat {
            let context = creation.egui_ctx.clone();
            seat.listen(move || {
                for command in [ViewportCommand::Minimized(false), ViewportCommand::Focus] {
                    context.send_viewport_cmd(command);
                }
                context.request_repaint();
            });
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("background")
            .enable_all()
            .build()?;
        let panel = Panel::new(&creation.egui_ctx, runtime.handle(), start)?;
        Ok(Box::new(Window { panel, place, runtime: Some(runtime) }))
    })
}

/// What wgpu draws with; empty without it.
fn adapter(creation: &eframe::CreationContext<'_>) -> String {
    creation.wgpu_render_state.as_ref().map_or_else(String::new, |state| {
        let found = state.adapter.get_info();
        format!("{} ({})", found.name, found.backend)
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

fn options(way: Way, place: Place) -> NativeOptions {
    let mut viewport = place.apply(ViewportBuilder::default().with_app_id("sent-items-update"));
    match eframe::icon_data::from_png_bytes(include_bytes!("../../resources/icons/sent-items-update.png")) {
        Ok(icon) => viewport = viewport.with_icon(icon),
        Err(problem) => warn!(%problem, "the window's icon can't be read"),
    }
    let renderer = if matches!(way, Way::OpenGl) { Renderer::Glow } else { Renderer::Wgpu };
    #[cfg_attr(not(windows), expect(unused_mut, reason = "changed on Windows only"))]
    let mut options = NativeOptions { viewport, renderer, centered: !place.has_position(), ..NativeOptions::default() };
    #[cfg(windows)]
    if let eframe::egui_wgpu::WgpuSetup::CreateNew(setup) = &mut options.wgpu_options.wgpu_setup {
        use eframe::wgpu::Backends;
        // What the administrator asks for by WGPU_BACKEND goes first.
        setup.instance_descriptor.backends = Backends::from_env().unwrap_or(match way {
            Way::Direct3d12 => Backends::DX12,
            _ => Backends::VULKAN | Backends::GL,
        });
    }
    options
}
