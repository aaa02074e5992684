//! The wizard of the panel reaches an organisation as it would reach a real one: controllers by DNS, the server by
//! Autodiscover under a name or by hand, the right by remote PowerShell. It goes green, and what fails is read in the
//! failure window. The organisation is the sandbox, in this process; the updater is the real program.
#![cfg(unix)]

mod desk;
#[path = "network/mod.rs"]
mod network;
mod process;

use std::net::SocketAddr;
use std::sync::Arc;

use desk::Desk;
use eframe::egui::Key;
use futures_util::future::BoxFuture;
use network::{NameServer, Records};
use process::{PATIENCE, Place};
use sent_items_update::directory::{self, Directory};
use sent_items_update::ews::autodiscover::{self, DnsServices};
use sent_items_update::panel::app::Start;
use sent_items_update::panel::files::SystemFiles;
use sent_items_update::panel::session::{Connect, Prefilled, Session, SignIn};
use sent_items_update::pipe::client::Client;
use sent_items_update::pipe::types::Activity;
use sent_items_update::sandbox::control::{Fault, Rule};
use sent_items_update::sandbox::{Organisation, PointHost, Sandbox, SandboxOptions};
use sent_items_update::settings::DirectorySettings;
use sent_items_update::setup::{Domain, DomainOptions, Failure, Person};

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
            Ok(Session {
                pipe,
                organisation: Arc::new(organisation),
                search: Arc::new(directory),
                administrators: None,
            })
        })
    }

    fn prefilled(&self) -> Option<Prefilled> {
        None
    }
}

/// The panel, and what it talks to.
struct Scene {
    desk: Desk,
    sandbox: Sandbox,
    names: NameServer,
}

impl Scene {
    fn new(place: &Place) -> Self {
        let runtime = desk::runtime();
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
        Self { desk: Desk::new(runtime, start, PATIENCE), sandbox, names }
    }
}

/// W1–W10, W13: refused at first, read in the failure window, put right, and green; by hand then.
#[test]
fn the_wizard_reaches_an_organisation_by_name_and_says_what_stands_in_the_way() {
    let place = Place::new();
    let mut updater = place.spawn();
    let Scene { mut desk, sandbox, names } = Scene::new(&place);
    desk.runtime.block_on(updater.answers());
    desk.until("the updater answers", |desk| desk.window.state().state().status().is_some());

    // W9: the right can't be granted; the words and the cmdlet stand in the failure window.
    let message = Some("The user isn't assigned to any management roles.".to_owned());
    let denied = Fault::Refuse { code: "5".to_owned(), message, back_off_milliseconds: None, fault: None };
    let rule = sandbox.control().add_fault(Rule::every(denied).on("PowerShellCreate")).unwrap();
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
    sandbox.control().remove_fault(rule).unwrap();
    let warning = "The assignment takes effect after replication.";
    sandbox.control().set_granting_warning(Some(warning.to_owned()));
    desk.click("Run again");
    desk.wait("Sent Items Update is configured");
    assert!(desk.says("done before"), "{:?}", desk.labels());
    assert!(desk.says("Exchange warns: The assignment takes effect after replication"), "{:?}", desk.labels());
    desk.click("Finish");
    desk.wait("configured and switched on");
    desk.click("OK");
    desk.until("it is on", |desk| desk.activity() == Activity::On);
    let asked = names.asked();
    assert!(asked.iter().any(|name| name == "mail.nordwind.example"), "{asked:?}");
    let operations = sandbox.control().statistics().operations;
    assert!(operations.contains_key("PowerShellCommand") && !operations.contains_key("Management"), "{operations:?}");

    desk.window.state_mut().close();
    desk.runtime.block_on(updater.stop());
    desk.runtime.block_on(sandbox.stop());
}
