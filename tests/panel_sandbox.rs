//! `siu-panel --sandbox`: the whole product in one window, and nothing of it left when it is closed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use eframe::egui::{self, Ui, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use secrecy::ExposeSecret as _;
use sent_items_update::panel::app::{Panel, Start};
use sent_items_update::panel::files::SystemFiles;
use sent_items_update::panel::sandbox::{Opened, Rehearsal};
use sent_items_update::panel::session::Nowhere;
use sent_items_update::panel::style;
use sent_items_update::pipe::client::Client;
use sent_items_update::pipe::types::{Activity, SettingsChange};
use sent_items_update::settings::{Account, Connection, Schedule, Settings};
use tokio::runtime::Runtime;

fn draw(ui: &mut Ui, panel: &mut Panel) {
    panel.logic();
    panel.ui(ui);
}

fn until(window: &mut Harness<'_, Panel>, what: &str, so: impl Fn(&Panel) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !so(window.state()) {
        let sandbox = &window.state().state().sandbox;
        assert!(Instant::now() < deadline, "it never comes to this: {what}; {sandbox:?}");
        window.step();
        std::thread::sleep(Duration::from_millis(5));
    }
    window.run_steps(2);
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn window(runtime: &Runtime, rehearsal: Rehearsal) -> Harness<'static, Panel> {
    let context = egui::Context::default();
    let (connect, files) = (Arc::new(Nowhere), Arc::new(SystemFiles));
    let start = Start { pipe: rehearsal.pipe(), connect, files, rehearsal: Some(rehearsal) };
    let panel = Panel::new(&context, runtime.handle(), start).unwrap();
    Harness::builder()
        .with_size(vec2(1_100.0, 740.0))
        .allow_missing_glyphs()
        .with_context_setup(style::set)
        .build_ui_state(draw, panel)
}

/// What the wizard leads to.
async fn configure(pipe: &Client, opened: &Opened) {
    let control = &opened.control;
    let account = control.service_account().to_owned();
    let password = control.password(&account).expose_secret().into();
    let connection = Connection::manual(&control.ews_url());
    let settings = Settings {
        enabled: true,
        connection: Some(Connection { extra_roots: vec![opened.ca_pem.clone()], ..connection }),
        account: Some(Account { user: account }),
        schedule: Schedule { not_found_pauses: vec![1], ..Schedule::default() },
        ..Settings::default()
    };
    let (_, version) = pipe.settings().await.unwrap();
    pipe.change_settings(&SettingsChange { settings, password: Some(password) }, &version).await.unwrap();
}

/// X1
#[test]
fn the_sandbox_runs_beside_the_panel_updates_its_samples_and_leaves_nothing_behind() {
    let runtime = runtime();
    let rehearsal = Rehearsal::new().unwrap().with_program(env!("CARGO_BIN_EXE_siu-updater").into());
    let (folder, pipe, opened) = (rehearsal.folder().to_owned(), rehearsal.pipe(), rehearsal.opened());
    let mut window = window(&runtime, rehearsal);
    until(&mut window, "its updater answers", |panel| panel.state().status().is_some());
    let process = window.state().state().status().unwrap().process;
    assert!(window.query_by_label_contains("Nordwind is a made-up organisation").is_some());
    assert!(window.query_by_label("Configure").is_some());
    runtime.block_on(configure(&Client::new(&pipe).unwrap(), opened.get().unwrap()));
    until(&mut window, "it is on", |panel| {
        panel.state().status().is_some_and(|status| status.activity == Activity::On)
    });
    window.get_by_label("Send sample messages").click();
    window.run_steps(2);
    until(&mut window, "samples are updated", |panel| {
        panel.state().status().is_some_and(|status| status.counts.updated >= 20 && status.counts.skipped >= 5)
    });
    until(&mut window, "they are listed", |panel| panel.state().messages.len() >= 25);
    window.state_mut().close();
    assert!(!folder.exists(), "{} is still there", folder.display());
    #[cfg(unix)]
    {
        let gone = |process| !std::path::Path::new(&format!("/proc/{process}/stat")).exists();
        assert!(gone(process), "the updater is still there");
    }
}

/// X1
#[test]
fn a_sandbox_without_an_updater_says_so() {
    let runtime = runtime();
    let rehearsal = Rehearsal::new().unwrap().with_program("/nonexistent/siu-updater".into());
    let mut window = window(&runtime, rehearsal);
    until(&mut window, "it is told", |panel| {
        matches!(&panel.state().sandbox, Some(sent_items_update::panel::state::Sandbox::Failed(why))
            if why.contains("/nonexistent/siu-updater can't be run"))
    });
    assert!(window.query_by_label_contains("can't be run").is_some());
    window.state_mut().close();
}
