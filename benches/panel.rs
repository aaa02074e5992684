//! What a frame of the panel costs with a long list of messages or scope entries, and whether it is quiet when nothing happens. Under `cargo test` a
//! small list is enough to see that it works.
#![allow(clippy::cast_precision_loss)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use eframe::egui::{self, Event, Modifiers, MouseWheelUnit, Pos2, RawInput, Rect, vec2};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sent_items_update::panel::app::{Surroundings, View as _};
use sent_items_update::panel::background::Background;
use sent_items_update::panel::files::{Files, SystemFiles};
use sent_items_update::panel::session::{Connect, Nowhere};
use sent_items_update::panel::state::{Fetched, Link, Plot, SortBy, Sorting, Span, State};
use sent_items_update::panel::{main_window, scope, style};
use sent_items_update::pipe::client::Client;
use sent_items_update::pipe::types::{
    API, Activity, Bucket, ConfigurationSummary, Counts, Listed, Rule, ScopeSummary, Series, State as MessageState,
    Status,
};
use sent_items_update::settings::{EntryKind, ScopeEntry, ScopeMode, SendersScope};

const NOW: i64 = 1_764_000_007;

/// Rows of the list that is to scroll smoothly (issue 3).
const ROWS: i64 = 100_000;

/// A frame of 60 a second has 16 ms; half of it is what the panel may take.
const LIMIT: Duration = Duration::from_millis(8);

/// Entries of the scope's list.
const ENTRIES: usize = 10_000;

fn main() {
    // Cargo passes --bench to benches and --test or nothing to tests.
    let whole = std::env::args().any(|argument| argument == "--bench");
    let (rows, entries, frames) = if whole { (ROWS, ENTRIES, 600) } else { (2_000, 500, 20) };

    let context = egui::Context::default();
    style::set(&context);
    let began = Instant::now();
    let mut state = filled(rows);
    println!("activity: {rows} rows taken in within {:.1?}", began.elapsed());
    measure("activity", &context, frames, whole, |ui| {
        main_window::show(ui, &state);
    });
    let began = Instant::now();
    state.messages.sort(Sorting { by: SortBy::Sender, ascending: true });
    println!("activity: sorted by sender within {:.1?}", began.elapsed());

    let context = egui::Context::default();
    style::set(&context);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("threads");
    let background = Background::new(runtime.handle().clone(), || {});
    let nobody = std::env::temp_dir().join("sent-items-update-bench.sock");
    let pipe = Client::new(&nobody).expect("a client");
    let (connect, files): (Arc<dyn Connect>, Arc<dyn Files>) = (Arc::new(Nowhere), Arc::new(SystemFiles));
    let surroundings =
        Surroundings { state: &state, background: &background, pipe: &pipe, connect: &connect, files: &files };
    let began = Instant::now();
    let mut dialog = scope::Dialog::new(listed_scope(entries));
    println!("scope: {entries} entries taken in within {:.1?}", began.elapsed());
    measure("scope", &context, frames, whole, |ui| {
        dialog.show(&ui.ctx().clone(), &surroundings);
    });
}

/// Scrolls for so many frames, then sees whether it is quiet.
fn measure(what: &str, context: &egui::Context, frames: usize, whole: bool, mut show: impl FnMut(&mut egui::Ui)) {
    for _ in 0..30 {
        draw(context, Vec::new(), &mut show);
    }
    let mut times = Vec::new();
    for frame in 0..frames {
        // Down in steps of three rows, and now and then a leap as with a dragged bar.
        let wheel = if frame % 50 == 49 { -40_000.0 } else { -78.0 };
        times.push(draw(context, scroll(wheel), &mut show));
    }
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100];
    println!("{what}: frame while scrolling: median {:.2?}, 95 % {:.2?}, longest {:.2?}", at(50), at(95), at(100));

    // Whatever is animated, or asked of somebody, has come to rest after this.
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut quiet = 0;
    while quiet < 30 && Instant::now() < deadline {
        draw(context, Vec::new(), &mut show);
        quiet = if context.has_requested_repaint() { 0 } else { quiet + 1 };
    }
    let mut asked = 0;
    for _ in 0..100 {
        draw(context, Vec::new(), &mut show);
        asked += u32::from(context.has_requested_repaint());
    }
    println!("{what}: repaints asked for in 100 idle frames: {asked}");
    assert_eq!(asked, 0, "the panel is not quiet when nothing happens");
    // An unoptimised build says nothing about the time.
    if whole {
        assert!(at(95) < LIMIT, "a frame takes {:.2?}, longer than {LIMIT:?}", at(95));
    }
}

fn draw(context: &egui::Context, events: Vec<Event>, show: &mut impl FnMut(&mut egui::Ui)) -> Duration {
    let input = RawInput {
        screen_rect: Some(Rect::from_min_size(Pos2::ZERO, vec2(1_280.0, 800.0))),
        focused: true,
        events,
        ..RawInput::default()
    };
    let began = Instant::now();
    let mut output = context.run_ui(input, show);
    context.tessellate(std::mem::take(&mut output.shapes), output.pixels_per_point);
    let time = began.elapsed();
    // Nothing is painted.
    output.textures_delta.clear();
    time
}

fn scroll(points: f32) -> Vec<Event> {
    vec![
        Event::PointerMoved(Pos2::new(400.0, 500.0)),
        Event::MouseWheel {
            unit: MouseWheelUnit::Point,
            delta: vec2(0.0, points),
            phase: egui::TouchPhase::Move,
            source: egui::MouseWheelSource::Wheel,
            modifiers: Modifiers::NONE,
        },
    ]
}

fn listed_scope(entries: usize) -> SendersScope {
    let entry = |at: usize| ScopeEntry {
        id: uuid::Uuid::from_u128(at as u128),
        kind: if at.is_multiple_of(10) { EntryKind::Group } else { EntryKind::User },
        name: format!("Person {}", at * 7_919 % 10_007),
        domain: "nordwind.example".into(),
        address: Some(format!("person.{at}@nordwind.example")),
    };
    SendersScope { mode: ScopeMode::OnlyListed, entries: (0..entries).map(entry).collect(), ..SendersScope::default() }
}

fn filled(rows: i64) -> State {
    let status = Status {
        version: "0.1.0".into(),
        api: API,
        process: 1,
        started_at: Timestamp::from_second(NOW).unwrap_or_default(),
        sandbox: false,
        activity: Activity::On,
        account: Some("svc-siu@nordwind.example".into()),
        ews_url: None,
        counts: Counts { updated: rows, ..Counts::default() },
        smtp: None,
        pickup: None,
        scope: ScopeSummary::default(),
        configuration: ConfigurationSummary::default(),
        data: "/var/lib/sent-items-update".into(),
        notices: Vec::new(),
    };
    let mut state = State {
        link: Link::Connected(Box::new(status)),
        zone: TimeZone::UTC,
        now: Timestamp::from_second(NOW).unwrap_or_default(),
        ..State::default()
    };
    let all: Vec<_> = (1..=rows).rev().map(listed).collect();
    for page in all.chunks(500) {
        state.messages.page(0, page.to_vec());
    }
    // There are no more.
    state.messages.page(0, Vec::new());
    let query = Span::Day.query(state.now);
    let buckets = vec![Bucket { updated: 40, skipped: 4, failed: 1 }; 48];
    state.plot =
        Plot { span: Span::Day, series: Fetched::There(Series { from: query.from, step: query.step, buckets }) };
    state
}

fn listed(id: i64) -> Listed {
    Listed {
        id,
        state: if id % 97 == 0 { MessageState::Failed } else { MessageState::Updated },
        message_id: format!("<{id}@nordwind.example>"),
        sender: format!("person.{}@nordwind.example", id * 7_919 % 4_001),
        subject: format!("Re: Quotation {} for the wind farm at Havelberg", id * 31 % 9_973),
        size: 48_312,
        source: "smtp".into(),
        accepted_at: (NOW - id) * 1_000,
        due_at: None,
        finished_at: Some((NOW - id) * 1_000 + 2_400),
        rule: Some(Rule::UpdatedInPlace),
        reason: String::new(),
        tries: 1,
    }
}
