use std::sync::OnceLock;

use eframe::egui::{Theme, vec2};
use eframe::egui_wgpu::{RenderState, RendererOptions, WgpuConfiguration};
use egui_kittest::kittest::Queryable as _;
use egui_kittest::wgpu::{WgpuTestRenderer, default_wgpu_setup};
use egui_kittest::{Harness, SnapshotOptions};

use super::*;
use crate::pipe::types::Counts;

fn status(activity: Activity) -> Status {
    Status {
        version: "0.1.0".into(),
        api: 1,
        process: 4711,
        started_at: Timestamp::from_second(1_764_000_000).unwrap(),
        sandbox: false,
        activity,
        account: Some("CodeTwoSiuAgent@nordwind.example".into()),
        ews_url: Some("https://mail.nordwind.example/EWS/Exchange.asmx".into()),
        counts: Counts { waiting: 12, working: 8, updated: 104_233, skipped: 310, failed: 2 },
        smtp: Some(DoorStatus { place: "127.0.0.1:2525".into(), problem: None }),
        pickup: Some(DoorStatus { place: "/var/spool/sent-items-update/pickup".into(), problem: None }),
        scope: crate::pipe::types::ScopeSummary::default(),
        data: "/var/lib/sent-items-update".into(),
        notices: Vec::new(),
    }
}

fn not_configured() -> Status {
    Status {
        account: None,
        ews_url: None,
        counts: Counts { waiting: 3, ..Counts::default() },
        smtp: None,
        pickup: None,
        ..status(Activity::NotConfigured)
    }
}

fn held() -> Status {
    let reason =
        "Exchange does not accept the account svc-siu@nordwind.example (HTTP 401): is its password still right?";
    let until = Timestamp::from_second(1_764_000_120).unwrap();
    status(Activity::Held { reason: reason.into(), until })
}

fn doors_with_problems() -> Status {
    let problem = |place: &str, problem: &str| Some(DoorStatus { place: place.into(), problem: Some(problem.into()) });
    Status {
        smtp: problem("127.0.0.1:25", "another program listens on this port already"),
        pickup: problem("/srv/pickup", "the folder is not there"),
        notices: vec![
            "Other users can look into /var/lib/sent-items-update, which holds messages: take their rights away \
             (chmod 700)."
                .into(),
        ],
        ..status(Activity::On)
    }
}

fn on(link: Link) -> State {
    State { link, zone: TimeZone::UTC }
}

fn connected(status: Status) -> State {
    on(Link::Connected(Box::new(status)))
}

fn not_running() -> State {
    on(Link::NotRunning { place: "/run/sent-items-update/updater.sock".into() })
}

fn unusable() -> State {
    on(Link::Unusable { reason: "Only administrators and the account that the updater runs as may use it.".into() })
}

/// The view alone, with what it wants gathered.
fn window(state: State, theme: Theme) -> Harness<'static, Vec<Intent>> {
    drawn(state, theme, None)
}

fn drawn(state: State, theme: Theme, renderer: Option<WgpuTestRenderer>) -> Harness<'static, Vec<Intent>> {
    let mut builder = Harness::builder().with_size(vec2(720.0, 620.0)).with_theme(theme).with_max_steps(8);
    if let Some(renderer) = renderer {
        builder = builder.renderer(renderer);
    }
    let mut themed = false;
    builder.build_ui_state(
        move |ui, wanted: &mut Vec<Intent>| {
            if !std::mem::replace(&mut themed, true) {
                crate::panel::theme::set(ui.ctx());
            }
            wanted.extend(show(ui, &state));
        },
        Vec::new(),
    )
}

/// Something that can draw without a screen, if the machine has it.
fn renderer() -> Option<WgpuTestRenderer> {
    static INSTANCE: OnceLock<eframe::wgpu::Instance> = OnceLock::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let wgpu_setup = default_wgpu_setup();
    let instance = INSTANCE.get_or_init(|| runtime.block_on(wgpu_setup.new_instance()));
    let configuration = WgpuConfiguration { wgpu_setup, ..WgpuConfiguration::default() };
    let state = RenderState::create(&configuration, instance, None, RendererOptions::PREDICTABLE);
    runtime.block_on(state).ok().map(WgpuTestRenderer::from_render_state)
}

/// M1: the status line says each state in a word.
#[test]
fn the_status_line_says_how_things_stand() {
    for (state, word) in [
        (on(Link::Connecting), "connecting"),
        (not_running(), "not running"),
        (unusable(), "not reachable"),
        (connected(not_configured()), "not configured"),
        (connected(status(Activity::Off)), "off"),
        (connected(status(Activity::On)), "on"),
        (connected(held()), "held"),
    ] {
        let mut window = window(state, Theme::Light);
        window.run_steps(3);
        assert!(window.query_by_label(word).is_some(), "{word} is not shown");
    }
}

/// M2
#[test]
fn an_updater_that_does_not_run_is_explained_and_can_be_tried_again_at_once() {
    let mut window = window(not_running(), Theme::Light);
    window.run_steps(3);
    assert!(window.query_by_label_contains("/run/sent-items-update/updater.sock").is_some());
    window.get_by_label("Try now").click();
    window.run_steps(2);
    window.get_by_label("Copy command").click();
    window.run_steps(2);
    assert_eq!(*window.state(), [Intent::TryNow, Intent::Copy("siu-updater run".into())]);
}

#[test]
fn the_reason_for_which_updating_is_held_and_the_next_try_are_shown() {
    let mut window = window(connected(held()), Theme::Dark);
    window.run_steps(3);
    assert!(window.query_by_label_contains("is its password still right?").is_some());
    assert!(window.query_by_label_contains("2025-11-24 16:02:00").is_some());
}

#[test]
fn what_is_wrong_with_a_door_stands_below_it() {
    let mut window = window(connected(doors_with_problems()), Theme::Dark);
    window.run_steps(3);
    for text in ["another program listens on this port already", "the folder is not there"] {
        assert!(window.query_by_label(text).is_some(), "{text} is not shown");
    }
    assert!(window.query_by_label_contains("Other users can look into").is_some());
}

/// A view that asks for frames all the time would keep a server's processor busy. Only the spinner may.
#[test]
fn nothing_moves_unless_something_changes() {
    for state in [not_running(), unusable(), connected(held()), connected(doors_with_problems())] {
        let mut window = window(state, Theme::Light);
        assert!(window.try_run().is_ok());
    }
}

fn not_run() {
    eprintln!("NOT RUN: no graphics adapter, not even a software one (package mesa-vulkan-drivers)");
}

#[test]
fn every_state_looks_as_it_was_approved_in_light_and_dark() {
    let options =
        SnapshotOptions::new().output_path("tests/snapshots/panel").threshold(1.0).max_failed_pixels(60_usize);
    let mut results = egui_kittest::SnapshotResults::new();
    for (theme, name) in [(Theme::Light, "light"), (Theme::Dark, "dark")] {
        for (state, what) in [
            (not_running(), "not-running"),
            (unusable(), "unusable"),
            (connected(not_configured()), "not-configured"),
            (connected(status(Activity::Off)), "off"),
            (connected(status(Activity::On)), "on"),
            (connected(held()), "held"),
            (connected(doors_with_problems()), "doors"),
        ] {
            let Some(renderer) = renderer() else { return not_run() };
            let mut window = drawn(state, theme, Some(renderer));
            window.run();
            results.add(window.try_snapshot_options(format!("{what}-{name}"), &options));
        }
    }
}

#[test]
fn while_it_connects_something_turns_in_light_and_dark() {
    for theme in [Theme::Light, Theme::Dark] {
        let Some(renderer) = renderer() else { return not_run() };
        let mut window = drawn(on(Link::Connecting), theme, Some(renderer));
        window.run_steps(3);
        let before = window.render().unwrap();
        window.run_steps(8);
        assert_ne!(before, window.render().unwrap());
    }
}
