//! The wizard of the panel reaches an organisation as it would reach a real one: controllers by DNS, the server by
//! Autodiscover under a name or by hand, the right by remote PowerShell. It goes green, and what fails is read in the
//! failure window. The organisation is the sandbox, in this process; the updater is the real program.
#![cfg(unix)]

#[path = "network/mod.rs"]
mod network;
mod process;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use eframe::egui::accesskit::Role;
use eframe::egui::{self, Key, Ui, vec2};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use egui_kittest::{Harness, Node};
use futures_util::future::BoxFuture;
use network::{NameServer, Records};
use process::{PATIENCE, Place};
use sent_items_update::directory::{self, Directory};
use sent_items_update::ews::autodiscover::{self, DnsServices};
use sent_items_update::panel::app::{Panel, Start};
use sent_items_update::panel::files::SystemFiles;
use sent_items_update::panel::session::{Connect, Prefilled, Session, SignIn};
use sent_items_update::panel::style;
use sent_items_update::pipe::client::Client;
use sent_items_update::pipe::types::Activity;
use sent_items_update::sandbox::control::{Fault, Rule};
use sent_items_update::sandbox::{Organisation, PointHost, Sandbox, SandboxOptions};
use sent_items_update::settings::DirectorySettings;
use sent_items_update::setup::{Domain, DomainOptions, Failure, Person};
use tokio::runtime::Runtime;

const DOMAIN: &str = "nordwind.example";

/// The administrator, who knows the domain's name and its name server.
struct ByName {
    name_server: SocketAddr,
    person: Person,
    ca: String,
}

impl Connect for ByName {
    fn connect(&self, pipe: Client, _: SignIn) -> BoxFuture<'_, Result<Session, Failure>> {
        Box::pin(async move {
            let settings = DirectorySettings {
                domain: DOMAIN.to_owned(),
                controllers: Vec::new(),
                extra_roots: vec![self.ca.clone()],
            };
            let Person { upn, password } = self.person.clone();
            let options = directory::Options { name_server: Some(self.name_server), ..directory::Options::default() };
            let sign_in = directory::SignIn::Password { upn, password };
            let directory = Directory::with_options(&settings, sign_in, &options).unwrap();
            let autodiscover = autodiscover::Options {
                connection_points: Some(Arc::new(directory.clone())),
                services: Arc::new(DnsServices::at(self.name_server)),
                name_server: Some(self.name_server),
                ..autodiscover::Options::default()
            };
            let organisation = Domain::new(DomainOptions {
                extra_roots: vec![self.ca.clone()],
                person: Some(self.person.clone()),
                autodiscover,
                ..DomainOptions::new(directory.clone(), settings)
            });
            Ok(Session { pipe, organisation: Arc::new(organisation), search: Arc::new(directory) })
        })
    }

    fn prefilled(&self) -> Option<Prefilled> {
        None
    }
}

/// The panel, and what it talks to.
struct Desk {
    window: Harness<'static, Panel>,
    runtime: Runtime,
    pipe: Client,
    sandbox: Sandbox,
    names: NameServer,
}

fn draw(ui: &mut Ui, panel: &mut Panel) {
    panel.logic();
    panel.ui(ui);
}

impl Desk {
    fn new(place: &Place) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let sandbox = runtime
            .block_on(Sandbox::start(SandboxOptions {
                organisation: Organisation::embedded().without_messages(),
                connection_point: PointHost::Name(format!("mail.{DOMAIN}")),
                ews_host: Some("localhost".to_owned()),
                ..SandboxOptions::new(place.folder().join("sandbox"))
            }))
            .unwrap();
        let port = sandbox.ldaps_url().rsplit(':').next().unwrap().trim_end_matches('/').parse().unwrap();
        let records = Records::default()
            .service("_ldap._tcp.dc._msdcs", DOMAIN, &format!("dc01.{DOMAIN}"), port)
            .host(&format!("mail.{DOMAIN}"));
        let names = runtime.block_on(NameServer::start(records));
        let administrator = sandbox.control().administrator().to_owned();
        let connect = ByName {
            name_server: names.address,
            person: Person { password: sandbox.control().password(&administrator), upn: administrator },
            ca: sandbox.ca_pem().to_owned(),
        };
        let start =
            Start { pipe: place.pipe(), connect: Arc::new(connect), files: Arc::new(SystemFiles), rehearsal: None };
        let panel = Panel::new(&egui::Context::default(), runtime.handle(), start).unwrap();
        let window = Harness::builder()
            .with_size(vec2(1_100.0, 760.0))
            .allow_missing_glyphs()
            .with_context_setup(style::set)
            .build_ui_state(draw, panel);
        Self { window, runtime, pipe: place.client(), sandbox, names }
    }

    fn labels(&self) -> Vec<String> {
        let named = |node: Node<'_>| node.accesskit_node().label().or_else(|| node.accesskit_node().value());
        self.window.query_all_by(|_| true).filter_map(named).collect()
    }

    fn says(&self, words: &str) -> bool {
        self.window.query_all_by_label_contains(words).next().is_some()
    }

    #[track_caller]
    fn until(&mut self, what: &str, so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !so(self) {
            assert!(Instant::now() < deadline, "it never comes to this: {what}; on the screen: {:?}", self.labels());
            self.window.step();
            std::thread::sleep(Duration::from_millis(5));
        }
        self.window.run_steps(3);
    }

    #[track_caller]
    fn wait(&mut self, words: &str) {
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
    fn click(&mut self, label: &str) {
        self.until(label, |desk| desk.window.query_all_by_label(label).next().is_some());
        self.control(label).click();
        self.window.run_steps(4);
    }

    fn press(&mut self, key: Key) {
        self.window.key_press(key);
        self.window.run_steps(4);
    }

    fn activity(&self) -> Activity {
        self.runtime.block_on(self.pipe.status()).unwrap().activity
    }

    /// From the first page to the summary, by what is proposed.
    fn go_to_the_summary(&mut self) {
        self.wait("Where are the mailboxes?");
        self.press(Key::Enter);
        self.wait("How is the Exchange server found?");
        self.press(Key::Enter);
        self.wait("@nordwind.example");
        self.press(Key::Enter);
        self.wait("This will be done");
    }
}

/// W1–W10, W13: refused at first, read in the failure window, put right, and green; by hand then.
#[test]
fn the_wizard_reaches_an_organisation_by_name_and_says_what_stands_in_the_way() {
    let place = Place::new();
    let mut updater = place.spawn();
    let mut desk = Desk::new(&place);
    desk.runtime.block_on(updater.answers());
    desk.until("the updater answers", |desk| desk.window.state().state().status().is_some());

    // W9: the right can't be granted; the words and the cmdlet stand in the failure window.
    let message = Some("The user isn't assigned to any management roles.".to_owned());
    let denied = Fault::Refuse { code: "5".to_owned(), message, back_off_milliseconds: None, fault: None };
    let rule = desk.sandbox.control().add_fault(Rule::every(denied).on("PowerShellCreate")).unwrap();
    desk.click("Click to change");
    desk.go_to_the_summary();
    desk.press(Key::Enter);
    desk.wait("The configuration failed");
    desk.click("Failure");
    desk.wait("New-ManagementRoleAssignment -Name");
    assert!(desk.says("members of Organization Management"), "{:?}", desk.labels());
    desk.click("Details");
    desk.wait("isn't assigned to any management roles");
    desk.press(Key::Escape);
    assert_eq!(desk.activity(), Activity::NotConfigured);

    // W8: mended, it goes on from there; what Exchange remarks stands beside the tick.
    desk.sandbox.control().remove_fault(rule).unwrap();
    let warning = "The assignment takes effect after replication.";
    desk.sandbox.control().set_granting_warning(Some(warning.to_owned()));
    desk.click("Run again");
    desk.wait("Sent Items Update is configured");
    assert!(desk.says("done before"), "{:?}", desk.labels());
    assert!(desk.says("Exchange warns: The assignment takes effect after replication"), "{:?}", desk.labels());
    desk.click("Finish");
    desk.wait("configured and switched on");
    desk.click("OK");
    desk.until("it is on", |desk| desk.activity() == Activity::On);
    let asked = desk.names.asked();
    assert!(asked.iter().any(|name| name == "mail.nordwind.example"), "{asked:?}");
    let operations = desk.sandbox.control().statistics().operations;
    assert!(operations.contains_key("PowerShellCommand") && !operations.contains_key("Management"), "{operations:?}");

    desk.window.state_mut().close();
    let Desk { runtime, sandbox, .. } = desk;
    runtime.block_on(updater.stop());
    runtime.block_on(sandbox.stop());
}
