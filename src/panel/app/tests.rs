use std::time::{Duration, Instant};

use eframe::egui::Theme;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use tokio::runtime::Runtime;

use super::*;
use crate::panel::files::tests::Answers;
use crate::panel::session::Nowhere;
use crate::panel::testing::{self, until};
use crate::pipe::listener::Access;
use crate::pipe::types::{Outcome, Rule, SettingsChange};
use crate::settings::{Account, Connection, Settings};
use crate::updater::clock::Clock;
use crate::updater::dispatcher::{Attempt, Engine};
use crate::updater::queue::Job;
use crate::updater::service::{Updater, UpdaterOptions};

/// Ends everything as refused.
struct Refusing;

impl Engine for Refusing {
    async fn attempt(&self, _: &Job) -> Attempt {
        Attempt::Finished(Outcome::new(Rule::Refused, "The mailbox is over its quota."))
    }
}

struct Whole {
    panel: Panel,
    runtime: Arc<Runtime>,
}

fn draw(ui: &mut Ui, whole: &mut Whole) {
    whole.panel.logic();
    whole.panel.ui(ui);
}

struct Stage {
    folder: tempfile::TempDir,
    runtime: Arc<Runtime>,
    window: Harness<'static, Whole>,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime =
            Arc::new(tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap());
        let context = egui::Context::default();
        let start = Start {
            pipe: folder.path().join("pipe.sock"),
            connect: Arc::new(Nowhere),
            files: Arc::<Answers>::default(),
            rehearsal: None,
        };
        let panel = Panel::new(&context, runtime.handle(), start).unwrap();
        let window = testing::window((1080.0, 720.0), Theme::Light, Whole { panel, runtime: runtime.clone() }, draw);
        Self { folder, runtime, window }
    }

    fn updater(&self) -> Updater {
        let (data, pipe) = (self.folder.path().join("data"), self.folder.path().join("pipe.sock"));
        let options = UpdaterOptions { data, pipe, access: Access::default(), sandbox: false, clock: Clock::system() };
        self.runtime.block_on(Updater::start(options, |_, _| Ok(Refusing))).unwrap()
    }

    fn client(&self) -> Client {
        Client::new(&self.folder.path().join("pipe.sock")).unwrap()
    }

    fn configure(&self) {
        let settings = Settings {
            enabled: true,
            connection: Some(Connection::manual("https://mail.nordwind.example/EWS/Exchange.asmx")),
            account: Some(Account { user: "svc-siu@nordwind.example".into() }),
            ..Settings::default()
        };
        let client = self.client();
        self.runtime.block_on(async {
            let (_, version) = client.settings().await.unwrap();
            let change = SettingsChange { settings, password: Some("Zebra-7".into()) };
            client.change_settings(&change, &version).await.unwrap();
        });
    }

    fn submit(&self, number: usize) {
        let message = format!(
            "From: anna@nordwind.example\r\nMessage-ID: <{number}@x>\r\nSubject: Number {number}\r\n\r\nText {number}\r\n"
        );
        self.runtime.block_on(self.client().submit(message)).unwrap();
    }

    fn shows(&mut self, text: &str) {
        until(&mut self.window, text, |window| window.query_all_by_label_contains(text).next().is_some());
    }

    fn press(&mut self, label: &str) {
        self.window.get_by_label(label).click();
        self.window.run_steps(2);
    }
}

/// M2
#[test]
fn it_finds_an_updater_that_is_started_later_and_finds_it_again() {
    let mut stage = Stage::new();
    stage.shows("The updater does not run");
    for _ in 0..2 {
        let updater = stage.updater();
        stage.press("Try now");
        stage.shows("not configured");
        stage.runtime.block_on(updater.stop());
        stage.shows("The updater does not run");
    }
}

/// M2
#[test]
fn a_start_that_fails_says_why() {
    let mut stage = Stage::new();
    stage.shows("Start the updater");
    stage.press("Start the updater");
    stage.shows("Install the updater.");
}

/// M3
#[test]
fn messages_appear_as_they_come_are_looked_into_and_retried() {
    let mut stage = Stage::new();
    let updater = stage.updater();
    stage.configure();
    stage.submit(1);
    stage.shows("Failed: 1");
    stage.shows("Number 1");
    stage.submit(2);
    stage.shows("Number 2");
    stage.press("Number 1");
    stage.shows("Text 1");
    stage.press("In Sent Items now");
    // This updater's engine knows no Exchange; what it answers reaches the screen.
    until(&mut stage.window, "an answer", |window| {
        window.state().panel.state().preview.as_ref().is_some_and(|preview| {
            matches!(preview.copy, crate::panel::state::Fetched::Failed(_) | crate::panel::state::Fetched::There(_))
        })
    });
    stage.press("Retry");
    stage.shows("The message is tried again.");
    stage.press("Dismiss");
    stage.shows("Failed: 2");
    stage.press("Retry all failed");
    stage.shows("messages are tried again.");
    stage.runtime.block_on(updater.stop());
}

/// M3
#[test]
fn the_list_is_filtered_searched_and_sorted() {
    let mut stage = Stage::new();
    let updater = stage.updater();
    for number in 1..=12 {
        stage.submit(number);
    }
    stage.shows("Waiting: 12");
    stage.shows("12 messages");
    stage.window.get_by_label("Search messages").focus();
    stage.window.run_steps(2);
    stage.window.get_by_label("Search messages").type_text("number 1");
    stage.shows("4 messages");
    stage.press("Failed: 0");
    stage.shows("No message matches");
    stage.press("Show all messages");
    stage.shows("12 messages");
    stage.press("Sort by Subject");
    until(&mut stage.window, "it is sorted", |window| {
        window.state().panel.state().messages.at(1).is_some_and(|row| row.subject == "Number 10")
    });
    stage.runtime.block_on(updater.stop());
}

/// T1
#[test]
fn a_setting_is_changed_from_the_status_line() {
    let mut stage = Stage::new();
    let updater = stage.updater();
    stage.configure();
    stage.shows("svc-siu@nordwind.example");
    stage.press("Click to change");
    stage.shows("Switch off");
    stage.press("Switch off");
    stage.press("OK");
    stage.shows("Sent Items Update is off.");
    until(&mut stage.window, "the window is closed", |window| window.query_by_label("Apply").is_none());
    stage.runtime.block_on(updater.stop());
}

/// X6
#[test]
fn diagnostics_are_saved_without_secrets_even_while_the_updater_is_down() {
    let mut stage = Stage::new();
    let path = stage.folder.path().join("diagnostics.json");
    stage.window.state_mut().panel.files = Arc::new(Answers::with(&path));
    stage.shows("The updater does not run");
    stage.press("Diagnostics");
    stage.shows("Passwords are not in it.");
    stage.press("Save…");
    stage.shows("The updater's part is missing");
    assert!(std::fs::read_to_string(&path).unwrap().contains("the updater does not run"));
    stage.press("Close");
    let updater = stage.updater();
    stage.configure();
    stage.press("Try now");
    stage.shows("svc-siu@nordwind.example");
    stage.press("Diagnostics");
    stage.shows("Passwords are not in it.");
    stage.press("Save…");
    stage.shows("Saved to");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("svc-siu@nordwind.example") && !text.contains("Zebra-7"), "{text}");
    stage.runtime.block_on(updater.stop());
}

#[test]
fn the_about_box_names_both_versions_and_escape_closes_it() {
    let mut stage = Stage::new();
    stage.shows("The updater does not run");
    stage.press("About");
    stage.shows("not connected");
    assert!(stage.window.query_by_label(env!("CARGO_PKG_VERSION")).is_some());
    stage.window.key_press(egui::Key::Escape);
    stage.window.run_steps(3);
    assert!(stage.window.query_by_label("Copy versions").is_none());
}

#[test]
fn an_idle_panel_asks_for_no_frames() {
    let mut stage = Stage::new();
    let updater = stage.updater();
    stage.shows("not configured");
    until(&mut stage.window, "the plot is there", |window| window.query_by_label_contains("In the last day").is_some());
    assert!(stage.window.try_run().is_ok(), "it draws and draws");
    let until = Instant::now() + Duration::from_millis(300);
    while Instant::now() < until {
        assert!(!stage.window.ctx.has_requested_repaint(), "something asked for a frame");
        std::thread::yield_now();
    }
    drop(stage.window.state().runtime.clone());
    stage.runtime.block_on(updater.stop());
}
