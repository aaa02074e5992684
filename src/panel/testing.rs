//! What tests of pages and dialogs share: samples, and a window that is drawn without a screen.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use eframe::egui::{Theme, Ui, UiBuilder, vec2};
use eframe::egui_wgpu::{RenderState, RendererOptions, WgpuConfiguration};
use egui_kittest::wgpu::{WgpuTestRenderer, default_wgpu_setup};
use egui_kittest::{Harness, SnapshotOptions};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::app::{Surroundings, View};
use super::background::Background;
use super::files::Files;
use super::files::tests::Answers;
use super::session::{Connect, Nowhere};
use super::state::{Intent, Link, State};
use super::style;
use crate::pipe::client::Client;
use crate::pipe::types::{
    Activity, ConfigurationSummary, Counts, DoorStatus, Listed, Rule, ScopeSummary, State as MessageState, Status,
};

/// 2025-11-24 16:00:07 UTC
pub const NOW: i64 = 1_764_000_007;

pub fn status(activity: Activity) -> Status {
    Status {
        version: "0.1.0".into(),
        api: crate::pipe::types::API,
        process: 4711,
        started_at: Timestamp::from_second(NOW - 86_000).unwrap(),
        sandbox: false,
        activity,
        account: Some("CodeTwoSiuAgent@nordwind.example".into()),
        ews_url: Some("https://mail.nordwind.example/EWS/Exchange.asmx".into()),
        counts: Counts { waiting: 12, working: 8, updated: 104_233, skipped: 310, failed: 2 },
        smtp: Some(DoorStatus { place: "127.0.0.1:2525".into(), problem: None }),
        pickup: Some(DoorStatus { place: "/var/spool/sent-items-update/pickup".into(), problem: None }),
        scope: ScopeSummary::default(),
        configuration: ConfigurationSummary::default(),
        data: "/var/lib/sent-items-update".into(),
        notices: Vec::new(),
    }
}

pub fn not_configured() -> Status {
    Status {
        account: None,
        ews_url: None,
        counts: Counts { waiting: 3, ..Counts::default() },
        smtp: None,
        pickup: None,
        ..status(Activity::NotConfigured)
    }
}

pub fn state(link: Link) -> State {
    State { link, zone: TimeZone::UTC, now: Timestamp::from_second(NOW).unwrap(), ..State::default() }
}

pub fn connected(status: Status) -> State {
    state(Link::Connected(Box::new(status)))
}

/// A few messages as they come, the newest first.
pub fn messages() -> Vec<Listed> {
    let people = [
        ("anna.bergstroem@nordwind.example", "Quotation 4711: rotor blades for Havelberg"),
        ("jonas.weber@nordwind.example", "Re: Delivery dates in December"),
        ("elise.moreau@nordwind.example", "Compte rendu de la réunion du 21 novembre"),
        ("dmitri.sokolov@nordwind.example", "Отчёт за октябрь"),
        ("giorgos.papadopoulos@nordwind.example", "Προσφορά για το έργο"),
        ("sales@nordwind.example", "Invoice 2025-1184"),
        ("anna.bergstroem@nordwind.example", "Accepted: Planning 2026"),
        ("jonas.weber@nordwind.example", ""),
    ];
    let ends = [
        (MessageState::Working, None, ""),
        (MessageState::Waiting, None, "The sender's copy is not in Sent Items yet; it is looked for again."),
        (MessageState::Updated, Some(Rule::UpdatedInPlace), ""),
        (MessageState::Updated, Some(Rule::Replaced), ""),
        (
            MessageState::Failed,
            Some(Rule::Refused),
            "The mailbox is over its quota (ErrorQuotaExceeded): make room, then retry.",
        ),
        (MessageState::Skipped, Some(Rule::NoMailbox), "sales@nordwind.example has no mailbox."),
        (MessageState::Skipped, Some(Rule::Calendar), ""),
        (MessageState::Failed, Some(Rule::NotFound), "No copy appeared in Sent Items within 24 hours."),
    ];
    let rows = people.into_iter().zip(ends).enumerate();
    rows.map(|(at, ((sender, subject), (state, rule, reason)))| {
        let at = i64::try_from(at).unwrap();
        let accepted_at = (NOW - at * 47 - if at > 5 { 86_400 } else { 0 }) * 1000;
        Listed {
            id: 1000 - at,
            state,
            message_id: format!("<{}@nordwind.example>", 1000 - at),
            sender: sender.into(),
            subject: subject.into(),
            size: 48_312,
            source: "smtp".into(),
            accepted_at,
            due_at: (state == MessageState::Waiting).then_some(accepted_at + 30_000),
            finished_at: rule.map(|_| accepted_at + 2_400),
            rule,
            reason: reason.into(),
            tries: 1,
        }
    })
    .collect()
}

/// Draws something into a window of this size, gathering what it wants in the harness's state.
pub fn window<S: 'static>(
    size: (f32, f32),
    theme: Theme,
    state: S,
    draw: impl FnMut(&mut Ui, &mut S) + 'static,
) -> Harness<'static, S> {
    builder(size, theme).build_ui_state(edge_to_edge(draw), state)
}

/// Held by a test that draws pixels: contexts of OpenGL, which some machines draw with, can't be used by several at a
/// time.
pub fn easel() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The same with pixels; none where the machine can't draw, which it says. Under the guard of [`easel`].
pub fn pictured<S: 'static>(
    size: (f32, f32),
    theme: Theme,
    state: S,
    draw: impl FnMut(&mut Ui, &mut S) + 'static,
) -> Option<Harness<'static, S>> {
    Some(builder(size, theme).renderer(renderer()?).build_ui_state(edge_to_edge(draw), state))
}

/// Without the margin that the harness leaves: a window has none.
fn edge_to_edge<S>(mut draw: impl FnMut(&mut Ui, &mut S)) -> impl FnMut(&mut Ui, &mut S) {
    move |ui, state| {
        let whole = ui.ctx().content_rect();
        ui.scope_builder(UiBuilder::new().max_rect(whole), |ui| {
            ui.set_clip_rect(whole);
            draw(ui, state);
        });
    }
}

fn builder<S>(size: (f32, f32), theme: Theme) -> egui_kittest::HarnessBuilder<S> {
    Harness::builder()
        .with_size(vec2(size.0, size.1))
        .with_theme(theme)
        .with_max_steps(12)
        // Names come in every script; the fonts of the machine that tests are not what they are about.
        .allow_missing_glyphs()
        .with_context_setup(style::set)
}

/// Something that can draw without a screen, if the machine has it.
fn renderer() -> Option<WgpuTestRenderer> {
    static INSTANCE: OnceLock<eframe::wgpu::Instance> = OnceLock::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let wgpu_setup = default_wgpu_setup();
    let instance = INSTANCE.get_or_init(|| runtime.block_on(wgpu_setup.new_instance()));
    let configuration = WgpuConfiguration { wgpu_setup, ..WgpuConfiguration::default() };
    let state = RenderState::create(&configuration, instance, None, RendererOptions::PREDICTABLE);
    let found = runtime.block_on(state).ok().map(WgpuTestRenderer::from_render_state);
    if found.is_none() {
        eprintln!("NOT RUN: no graphics adapter, not even a software one (package mesa-vulkan-drivers)");
    }
    found
}

/// Compares a window with its approved picture.
pub fn looks_as_approved<S>(window: &mut Harness<'_, S>, name: &str) {
    let options =
        SnapshotOptions::new().output_path("tests/snapshots/panel").threshold(1.0).max_failed_pixels(80_usize);
    if let Err(problem) = window.try_snapshot_options(name, &options) {
        panic!("{problem}");
    }
}

/// What surrounds a dialog in a test.
pub struct Around {
    pub state: State,
    pub background: Background,
    pub pipe: Client,
    pub connect: Arc<dyn Connect>,
    pub files: Arc<dyn Files>,
    pub runtime: tokio::runtime::Runtime,
}

impl Around {
    /// With an updater at this place, if there is one.
    pub fn new(state: State, pipe: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Self {
            state,
            background: Background::new(runtime.handle().clone(), || {}),
            pipe: Client::new(pipe).unwrap(),
            connect: Arc::new(Nowhere),
            files: Arc::<Answers>::default(),
            runtime,
        }
    }

    pub fn surroundings(&self) -> Surroundings<'_> {
        let Self { state, background, pipe, connect, files, .. } = self;
        Surroundings { state, background, pipe, connect, files }
    }
}

/// A dialog in a test, with what it wanted so far.
pub struct Shown<V> {
    pub view: V,
    pub around: Around,
    pub wanted: Vec<Intent>,
}

impl<V: View> Shown<V> {
    pub fn new(view: V, around: Around) -> Self {
        Self { view, around, wanted: Vec::new() }
    }

    pub fn draw(ui: &mut Ui, shown: &mut Self) {
        let wanted = shown.view.show(ui.ctx(), &shown.around.surroundings());
        shown.wanted.extend(wanted);
    }
}

/// Draws until something is so; what goes on in the background has its time meanwhile.
pub fn until<'w, S>(window: &mut Harness<'w, S>, what: &str, so: impl Fn(&Harness<'w, S>) -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !so(window) {
        assert!(std::time::Instant::now() < deadline, "it never comes to this: {what}");
        window.step();
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    window.run_steps(2);
}
