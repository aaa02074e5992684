//! The panel without a screen, and the person in front of it, who waits for what is to be seen.

use std::time::{Duration, Instant};

use eframe::egui::accesskit::Role;
use eframe::egui::{self, Key, Ui, vec2};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use egui_kittest::{Harness, Node};
use sent_items_update::panel::app::{Panel, Start};
use sent_items_update::panel::style;
use sent_items_update::pipe::client::Client;
use sent_items_update::pipe::types::Activity;
use tokio::runtime::Runtime;

pub struct Desk {
    pub window: Harness<'static, Panel>,
    pub runtime: Runtime,
    pub pipe: Client,
    patience: Duration,
}

pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn draw(ui: &mut Ui, panel: &mut Panel) {
    panel.logic();
    panel.ui(ui);
}

impl Desk {
    pub fn new(runtime: Runtime, start: Start, patience: Duration) -> Self {
        let pipe = Client::new(&start.pipe).unwrap();
        let panel = Panel::new(&egui::Context::default(), runtime.handle(), start).unwrap();
        let window = Harness::builder()
            .with_size(vec2(1_100.0, 760.0))
            .allow_missing_glyphs()
            .with_context_setup(style::set)
            .build_ui_state(draw, panel);
        Self { window, runtime, pipe, patience }
    }

    pub fn labels(&self) -> Vec<String> {
        let named = |node: Node<'_>| node.accesskit_node().label().or_else(|| node.accesskit_node().value());
        self.window.query_all_by(|_| true).filter_map(named).collect()
    }

    pub fn says(&self, words: &str) -> bool {
        self.window.query_all_by_label_contains(words).next().is_some()
    }

    #[track_caller]
    pub fn until(&mut self, what: &str, so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + self.patience;
        while !so(self) {
            assert!(Instant::now() < deadline, "it never comes to this: {what}; on the screen: {:?}", self.labels());
            self.window.step();
            std::thread::sleep(Duration::from_millis(5));
        }
        self.window.run_steps(3);
    }

    #[track_caller]
    pub fn wait(&mut self, words: &str) {
        self.until(words, |desk| desk.says(words));
    }

    /// The topmost control of this name.
    #[track_caller]
    fn control<'a>(&'a self, label: &'a str) -> Node<'a> {
        let words = |node: &Node<'_>| node.accesskit_node().role() == Role::Label;
        let mut controls = self.window.query_all_by_label(label).filter(|node| !words(node));
        let found = controls.next_back().or_else(|| self.window.query_all_by_label(label).next_back());
        found.unwrap_or_else(|| panic!("there is no {label:?} on the screen, but {:?}", self.labels()))
    }

    #[track_caller]
    pub fn click(&mut self, label: &str) {
        self.until(label, |desk| desk.window.query_all_by_label(label).next().is_some());
        self.control(label).click();
        self.window.run_steps(4);
    }

    pub fn press(&mut self, key: Key) {
        self.window.key_press(key);
        self.window.run_steps(4);
    }

    pub fn activity(&self) -> Activity {
        self.runtime.block_on(self.pipe.status()).unwrap().activity
    }

    /// Through the wizard, from its first page to the summary, by what is proposed.
    pub fn go_to_the_summary(&mut self) {
        self.wait("Where are the mailboxes?");
        self.press(Key::Enter);
        self.wait("How is the Exchange server found?");
        self.press(Key::Enter);
        self.wait("@nordwind.example");
        self.press(Key::Enter);
        self.wait("This will be done");
    }
}
