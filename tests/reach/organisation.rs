//! An organisation to be reached: where its name server is, and who plays which part in it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use secrecy::ExposeSecret as _;
use sent_items_update::pipe::types::Activity;
use sent_items_update::sandbox::control::Limits;
use sent_items_update::sandbox::{Organisation, PointHost, Sandbox, SandboxOptions};

use crate::network::{NameServer, Records};
use crate::process::{PATIENCE, Place, text};

/// Why the tests on a real organisation don't run.
pub const WITHOUT: &str = "a domain with Exchange behind it: SIU_REACH_DOMAIN is not set";

pub struct Reached {
    pub domain: String,
    pub name_server: SocketAddr,
    pub ca: PathBuf,
    pub administrator: String,
    pub administrator_password: String,
    /// An account that exists and may be used.
    pub account: String,
    pub account_password: String,
    /// Address of EWS, for those who give it by hand.
    pub server: String,
    pub place: Place,
    /// Where the organisation is one.
    pub sandbox: Option<Sandbox>,
    pub names: Option<NameServer>,
}

/// How the sandbox shows itself.
pub struct Shown {
    pub organisation: Organisation,
    pub connection_point: PointHost,
    /// Of DNS, beside the domain controllers; told the port of HTTPS.
    pub records: Box<dyn FnOnce(Records, u16) -> Records>,
    /// Authorities that are trusted beside the sandbox's own.
    pub authorities: String,
}

impl Shown {
    /// By a service connection point with a name that only the domain's DNS knows.
    pub fn by_connection_point() -> Self {
        Self {
            organisation: Organisation::embedded().without_messages(),
            connection_point: PointHost::Name("mail.nordwind.example".to_owned()),
            records: Box::new(|records, _| records.host("mail.nordwind.example")),
            authorities: String::new(),
        }
    }

    /// By DNS alone.
    pub fn by_record() -> Self {
        let service = |records: Records, port| {
            records.service("_autodiscover._tcp", "nordwind.example", "mail.nordwind.example", port)
        };
        Self { connection_point: PointHost::Nothing, records: Box::new(service), ..Self::by_connection_point() }
    }
}

impl Reached {
    /// The one that the environment names.
    pub fn named() -> Option<Self> {
        let get = |name: &str| std::env::var(format!("SIU_REACH_{name}")).ok();
        let domain = get("DOMAIN")?;
        let must = |name: &str| get(name).unwrap_or_else(|| panic!("SIU_REACH_{name} is not set"));
        Some(Self {
            domain,
            name_server: must("NAME_SERVER").parse().expect("SIU_REACH_NAME_SERVER"),
            ca: must("CA").into(),
            administrator: must("ADMINISTRATOR"),
            administrator_password: must("ADMINISTRATOR_PASSWORD"),
            account: must("ACCOUNT"),
            account_password: must("ACCOUNT_PASSWORD"),
            server: must("SERVER"),
            place: Place::new(),
            sandbox: None,
            names: None,
        })
    }

    /// A sandbox of its own.
    pub async fn sandbox(shown: Shown) -> Self {
        let place = Place::new();
        let folder = place.folder().join("sandbox");
        let sandbox = Sandbox::start(SandboxOptions {
            organisation: shown.organisation,
            connection_point: shown.connection_point,
            // What the updater is to reach later, it has to find without this name server.
            ews_host: Some("localhost".to_owned()),
            limits: Limits { max_concurrency: None, budget: None },
            ..SandboxOptions::new(folder)
        })
        .await
        .unwrap();
        let port = |url: &str| -> u16 { url.split(':').nth(2).unwrap().split('/').next().unwrap().parse().unwrap() };
        let domain = sandbox.control().organisation().domain.clone();
        let controllers = Records::default().service(
            "_ldap._tcp.dc._msdcs",
            &domain,
            &format!("dc01.{domain}"),
            port(&sandbox.ldaps_url()),
        );
        let names = NameServer::start((shown.records)(controllers, port(&sandbox.ews_url()))).await;
        let ca = place.folder().join("ca.pem");
        std::fs::write(&ca, sandbox.ca_pem().to_owned() + &shown.authorities).unwrap();
        let control = sandbox.control();
        let password = |upn: &str| control.password(upn).expose_secret().to_owned();
        Self {
            name_server: names.address,
            ca,
            administrator: control.administrator().to_owned(),
            administrator_password: password(control.administrator()),
            account: control.service_account().to_owned(),
            account_password: password(control.service_account()),
            server: sandbox.ews_url(),
            domain,
            place,
            sandbox: Some(sandbox),
            names: Some(names),
        }
    }

    /// `siu-updater configure` as the administrator, who knows the domain's name and nothing else.
    pub fn configure(&self, arguments: &[&str]) -> Command {
        let name_server = self.name_server.to_string();
        let mut command = self.place.command(&["configure", "--domain", &self.domain, "--user", &self.administrator]);
        command.args(["--name-server", &name_server]).arg("--ca").arg(&self.ca).args(arguments);
        command.env("SIU_DIRECTORY_PASSWORD", &self.administrator_password);
        command.env("SIU_PASSWORD", &self.account_password).stdin(Stdio::null());
        command
    }

    /// The same with the account that exists.
    pub fn configure_with_account(&self, arguments: &[&str]) -> Command {
        let mut command = self.configure(&["--account", &self.account]);
        command.args(arguments);
        command
    }

    pub fn control(&self) -> &sent_items_update::sandbox::Control {
        self.sandbox.as_ref().expect("the organisation is a sandbox").control()
    }

    pub async fn is_on(&self) {
        let give_up = std::time::Instant::now() + PATIENCE;
        while self.place.client().status().await.unwrap().activity != Activity::On {
            assert!(std::time::Instant::now() < give_up, "it is not on:\n{}", self.place.log());
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    pub async fn stop(self) {
        if let Some(sandbox) = self.sandbox {
            sandbox.stop().await;
        }
    }
}

/// Everything that a command said, without its line breaks.
fn unwrapped(output: &Output) -> String {
    let told = text(&output.stdout) + "\n" + &text(&output.stderr);
    told.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What it printed.
#[track_caller]
pub fn succeeds(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// What it said, as one line.
#[track_caller]
pub fn fails(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}\n{}", text(&output.stdout), text(&output.stderr));
    unwrapped(&output)
}

/// Each of these words is there.
#[track_caller]
pub fn says(told: &str, words: &[&str]) {
    for one in words {
        assert!(told.contains(one), "{one:?} is missing in: {told}");
    }
}
