//! A window without a screen: what is drawn there, found by its accessible label, and pictures of it.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use eframe::egui::{Context, Key, Modifiers, Theme, Vec2};
use eframe::egui_wgpu::{RenderState, RendererOptions, WgpuConfiguration, WgpuSetup};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use egui_kittest::wgpu::{WgpuTestRenderer, default_wgpu_setup};
use egui_kittest::{Harness, Node, SnapshotOptions, SnapshotResults};
use jiff::tz::TimeZone;

use super::{PATIENCE, background, wait_for};
use crate::panel::app::Surroundings;
use crate::panel::background::Background;
use crate::panel::files::Files;
use crate::panel::files::tests::Answers;
use crate::panel::session::{Connect, Nowhere};
use crate::panel::state::State;
use crate::panel::style;
use crate::pipe::client::Client;

/// What stands around a dialog in the panel.
pub struct Around {
    pub state: State,
    background: Background,
    pipe: Client,
    files: Arc<dyn Files>,
    connect: Arc<dyn Connect>,
}

impl Around {
    pub fn new(pipe: &std::path::Path, connect: Arc<dyn Connect>) -> Self {
        let state = State { zone: TimeZone::UTC, ..State::default() };
        let files = Arc::new(Answers::default());
        Self { state, background: background(), pipe: Client::new(pipe).unwrap(), files, connect }
    }

    /// Neither an updater nor an organisation.
    pub fn alone() -> Self {
        Self::new(std::path::Path::new("/run/sent-items-update/updater.sock"), Arc::new(Nowhere))
    }

    /// The person chooses this file whenever one is to be chosen.
    pub fn choosing(self, path: &std::path::Path) -> Self {
        Self { files: Arc::new(Answers::with(path)), ..self }
    }

    pub fn surroundings(&self) -> Surroundings<'_> {
        let Self { state, background, pipe, files, connect } = self;
        Surroundings { state, background, pipe, connect, files }
    }
}

/// A window with something drawn in it.
pub struct Screen<D: 'static>(Harness<'static, D>);

impl<D> Screen<D> {
    /// As large as this, in light.
    pub fn new(size: impl Into<Vec2>, dialog: D, draw: impl FnMut(&Context, &mut D) + 'static) -> Self {
        let mut screen = Self::drawn(size, Theme::Light, None, dialog, draw);
        screen.step();
        screen
    }

    fn drawn(
        size: impl Into<Vec2>,
        theme: Theme,
        renderer: Option<WgpuTestRenderer>,
        dialog: D,
        mut draw: impl FnMut(&Context, &mut D) + 'static,
    ) -> Self {
        let mut builder = Harness::builder()
            .with_size(size)
            .with_theme(theme)
            .with_max_steps(30)
            .with_context_setup(style::set)
            .allow_missing_glyphs();
        if let Some(renderer) = renderer {
            builder = builder.renderer(renderer);
        }
        Self(builder.build_ui_state(move |ui, dialog| draw(&ui.ctx().clone(), dialog), dialog))
    }

    pub fn dialog(&mut self) -> &mut D {
        self.0.state_mut()
    }

    /// Some frames, as many as a click needs until everything is drawn that follows from it.
    pub fn step(&mut self) {
        self.0.run_steps(4);
    }

    /// Whether something with this label is on the screen.
    pub fn shows(&self, label: &str) -> bool {
        self.0.query_all_by_label(label).next().is_some()
    }

    /// Whether a label on the screen has these words in it.
    pub fn says(&self, words: &str) -> bool {
        self.0.query_all_by_label_contains(words).next().is_some()
    }

    /// Waits until these words are on the screen, where they stay: a window that has grown for them moves in the next
    /// frame, and a click at once would go to where a button was.
    #[track_caller]
    pub fn wait(&mut self, words: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.0.run_steps(1);
            if self.says(words) {
                break;
            }
            assert!(
                Instant::now() < deadline,
                "waited in vain for {words:?} on the screen, which has {:?}",
                self.labels()
            );
            std::thread::sleep(Duration::from_millis(2));
        }
        self.step();
    }

    /// Waits until these words are not on the screen any more.
    #[track_caller]
    pub fn wait_until_gone(&mut self, words: &str) {
        let harness = &mut self.0;
        wait_for(&format!("{words} to go"), || {
            harness.run_steps(1);
            harness.query_all_by_label_contains(words).next().is_none()
        });
        self.step();
    }

    #[track_caller]
    pub fn wait_for(&mut self, what: &str, condition: impl Fn(&mut D) -> bool) {
        let harness = &mut self.0;
        wait_for(what, || {
            harness.run_steps(1);
            condition(harness.state_mut())
        });
        self.step();
    }

    /// The topmost control with this label, else the words: a dialog is drawn after what is below it.
    #[track_caller]
    pub fn get<'a>(&'a self, label: &'a str) -> Node<'a> {
        let words = |node: &Node<'_>| node.accesskit_node().role() == eframe::egui::accesskit::Role::Label;
        let mut controls = self.0.query_all_by_label(label).filter(|node| !words(node));
        let found = controls.next_back().or_else(|| self.0.query_all_by_label(label).next_back());
        found.unwrap_or_else(|| panic!("there is no {label:?} on the screen, but {:?}", self.labels()))
    }

    fn labels(&self) -> Vec<String> {
        let named = |node: Node<'_>| node.accesskit_node().label().or_else(|| node.accesskit_node().value());
        self.0.query_all_by(|_| true).filter_map(named).collect()
    }

    #[track_caller]
    pub fn click(&mut self, label: &str) {
        self.get(label).click();
        self.step();
    }

    #[track_caller]
    pub fn click_with(&mut self, label: &str, modifiers: Modifiers) {
        self.get(label).click_modifiers(modifiers);
        self.step();
    }

    #[track_caller]
    pub fn hover(&mut self, label: &str) {
        self.get(label).hover();
        // A tooltip waits a moment.
        self.0.run_steps(40);
    }

    /// Types into whatever has the keyboard.
    pub fn type_text(&mut self, text: &str) {
        self.0.event(eframe::egui::Event::Text(text.to_owned()));
        self.step();
    }

    /// Gives this the keyboard, and types.
    #[track_caller]
    pub fn type_into(&mut self, label: &str, text: &str) {
        self.get(label).focus();
        self.step();
        self.type_text(text);
    }

    pub fn press(&mut self, key: Key) {
        self.press_with(key, Modifiers::NONE);
    }

    pub fn press_with(&mut self, key: Key, modifiers: Modifiers) {
        self.0.key_press_modifiers(modifiers, key);
        self.step();
    }

    #[track_caller]
    pub fn is_greyed(&self, label: &str) -> bool {
        self.get(label).accesskit_node().is_disabled()
    }

    /// What was put on the clipboard in the last frames. A frame's output is gone with the next, so this clicks by itself.
    #[track_caller]
    pub fn copied_by(&mut self, label: &str) -> Option<String> {
        self.get(label).click();
        for _ in 0..4 {
            self.0.step();
            let copied = self.0.output().platform_output.commands.iter().find_map(|command| match command {
                eframe::egui::OutputCommand::CopyText(text) => Some(text.clone()),
                _ => None,
            });
            if copied.is_some() {
                return copied;
            }
        }
        None
    }

    /// Nothing asks for frames any more.
    pub fn is_still(&mut self) -> bool {
        self.0.try_run().is_ok()
    }
}

/// Something that can draw without a screen, if the machine has it.
fn renderer() -> Option<WgpuTestRenderer> {
    static INSTANCE: OnceLock<eframe::wgpu::Instance> = OnceLock::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut wgpu_setup = default_wgpu_setup();
    // OpenGL's contexts can't be used by several tests at a time.
    if let WgpuSetup::CreateNew(setup) = &mut wgpu_setup {
        setup.instance_descriptor.backends = eframe::wgpu::Backends::PRIMARY;
    }
    let instance = INSTANCE.get_or_init(|| runtime.block_on(wgpu_setup.new_instance()));
    let configuration = WgpuConfiguration { wgpu_setup, ..WgpuConfiguration::default() };
    let state = RenderState::create(&configuration, instance, None, RendererOptions::PREDICTABLE);
    runtime.block_on(state).ok().map(WgpuTestRenderer::from_render_state)
}

/// Pictures of a test, compared with those that were approved.
pub struct Pictures(SnapshotResults);

impl Pictures {
    pub fn new() -> Self {
        Self(SnapshotResults::new())
    }

    /// Of a dialog in light and in dark. `make` makes it, and `bring` brings it to where it is to be seen.
    pub fn take<D: 'static>(
        &mut self,
        name: &str,
        size: impl Into<Vec2> + Copy,
        make: impl Fn() -> D,
        draw: impl FnMut(&Context, &mut D) + Clone + 'static,
        bring: impl Fn(&mut Screen<D>),
    ) {
        let options =
            SnapshotOptions::new().output_path("tests/snapshots/panel").threshold(1.0).max_failed_pixels(80_usize);
        for (theme, suffix) in [(Theme::Light, "light"), (Theme::Dark, "dark")] {
            let Some(renderer) = renderer() else {
                eprintln!("NOT RUN: no graphics adapter, not even a software one (package mesa-vulkan-drivers)");
                return;
            };
            let mut screen = Screen::drawn(size, theme, Some(renderer), make(), draw.clone());
            screen.step();
            bring(&mut screen);
            screen.0.remove_cursor();
            screen.step();
            self.0.add(screen.0.try_snapshot_options(format!("{name}-{suffix}"), &options));
        }
    }
}
