//! A sandbox organisation, an engine for it, and mail.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use secrecy::SecretString;
use sent_items_update::ews::{Client, Credentials, Endpoint, Mailbox};
use sent_items_update::pipe::types::Rule;
use sent_items_update::sandbox::faults::Rule as FaultRule;
use sent_items_update::sandbox::store::{Delivery, FlagStatus, ItemFilter, StoredItem};
use sent_items_update::sandbox::{Organisation, Sandbox, SandboxOptions};
use sent_items_update::settings::{Account, Connection, Options, Settings};
use sent_items_update::updater::dispatcher::{Attempt, Engine as _};
use sent_items_update::updater::engine::MailboxEngine;
use sent_items_update::updater::queue::{Job, JobContent};
use sent_items_update::updater::scope::Scope;
use sent_items_update::updater::settings_store::InForce;

pub const ANNA: &str = "anna.bergstroem@nordwind.example";
pub const JONAS: &str = "jonas.weber@nordwind.example";

/// A one-pixel image, and another one.
pub const LOGO: &[u8] = b"\x89PNG\r\n\x1a\n logo of today";
pub const OLD_LOGO: &[u8] = b"\x89PNG\r\n\x1a\n logo of before";

pub struct Scene {
    _folder: tempfile::TempDir,
    pub sandbox: Sandbox,
    pub settings: Settings,
    pub password: SecretString,
    number: i64,
}

impl Scene {
    pub async fn new() -> Self {
        Self::with(Options::default()).await
    }

    pub async fn with(options: Options) -> Self {
        Self::on(options, |_| {}).await
    }

    /// With a sandbox that is different.
    pub async fn on(options: Options, change: impl FnOnce(&mut SandboxOptions)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let organisation = Organisation::embedded().without_messages();
        // `tests/run` holds everything on the wire against Microsoft's schema of EWS.
        let record = std::env::var_os("SIU_RECORD").map(|all| Path::new(&all).join(folder.path().file_name().unwrap()));
        let mut options_of_sandbox = SandboxOptions { organisation, record, ..SandboxOptions::new(folder.path()) };
        change(&mut options_of_sandbox);
        let sandbox = Sandbox::start(options_of_sandbox).await.unwrap();
        let account = sandbox.control().service_account().to_owned();
        let connection =
            Connection { extra_roots: vec![sandbox.ca_pem().to_owned()], ..Connection::manual(&sandbox.ews_url()) };
        let settings = Settings {
            enabled: true,
            connection: Some(connection),
            account: Some(Account { user: account.clone() }),
            options,
            ..Settings::default()
        };
        let password = sandbox.control().password(&account);
        Self { _folder: folder, sandbox, settings, password, number: 0 }
    }

    pub fn engine(&self) -> MailboxEngine {
        let in_force = InForce {
            settings: self.settings.clone(),
            password: Some(self.password.clone()),
            version: String::new(),
            change: 0,
            servers: std::sync::Arc::default(),
        };
        MailboxEngine::new(&in_force, &Scope::of(&in_force)).unwrap()
    }

    /// A mailbox as any client of EWS sees it.
    pub fn mailbox(&self, address: &str) -> Mailbox {
        let user = self.sandbox.control().service_account().to_owned();
        let url = self.sandbox.ews_url().parse().unwrap();
        let credentials = Credentials::Basic { user, password: self.password.clone() };
        let endpoint =
            Endpoint { extra_roots: vec![self.sandbox.ca_pem().to_owned()], ..Endpoint::new(url, credentials) };
        Client::new(endpoint).unwrap().mailbox(&address.parse().unwrap())
    }

    /// A job for a processed message; each one was accepted after those before.
    pub fn job(&mut self, mime: &Bytes) -> Job {
        self.number += 1;
        Job {
            id: self.number,
            message_id: String::new(),
            mailbox: String::new(),
            accepted_at: 1_000 * self.number,
            waits_since: 0,
            not_found_tries: 0,
            error_tries: 0,
            elsewhere: false,
            content: JobContent::Memory(mime.clone()),
        }
    }

    pub async fn attempt(&mut self, mime: &Bytes) -> Attempt {
        let job = self.job(mime);
        self.engine().attempt(&job).await
    }

    /// The rule by which the attempt ended.
    pub async fn ends(&mut self, mime: &Bytes) -> Rule {
        finished(self.attempt(mime).await)
    }

    pub async fn client_stores(&self, mailbox: &str, mime: &Bytes) -> String {
        let options = Delivery {
            read: true,
            categories: vec!["Customers".into()],
            flag: FlagStatus::Flagged,
            // EWS tells times to the second.
            received: Some("2026-11-24T09:00:07Z".parse().unwrap()),
            ..Delivery::default()
        };
        self.sandbox.control().deliver(mailbox, "sentitems", mime.clone(), options).await.unwrap()
    }

    pub async fn sent_items(&self, mailbox: &str) -> Vec<StoredItem> {
        self.sandbox.control().folder(mailbox, "sentitems").await.unwrap()
    }

    pub async fn only_sent_item(&self, mailbox: &str) -> StoredItem {
        let mut items = self.sent_items(mailbox).await;
        assert_eq!(items.len(), 1, "{items:#?}");
        items.remove(0)
    }

    pub async fn everywhere(&self, mailbox: &str) -> Vec<StoredItem> {
        self.sandbox.control().items(mailbox, &ItemFilter::default()).await.unwrap()
    }

    pub fn fault(&self, rule: FaultRule) {
        self.sandbox.control().add_fault(rule).unwrap();
    }

    pub fn requests(&self) -> u64 {
        self.sandbox.control().statistics().ews()
    }
}

pub fn finished(attempt: Attempt) -> Rule {
    match attempt {
        Attempt::Finished(outcome) => outcome.rule,
        other => panic!("it did not end: {other:?}"),
    }
}

pub fn error(attempt: Attempt) -> String {
    match attempt {
        Attempt::Error { reason } | Attempt::LastingError { reason } => reason,
        other => panic!("no temporary error: {other:?}"),
    }
}

/// A message from Anna to a customer.
pub struct Mail {
    pub from: String,
    pub sender: Option<String>,
    pub subject: String,
    pub html: String,
    pub parts: Vec<(&'static str, &'static str, Vec<u8>)>,
    pub bcc: Option<&'static str>,
    pub message_id: String,
}

pub fn mail(html: &str) -> Mail {
    Mail {
        from: ANNA.into(),
        sender: None,
        subject: "Offer for the north park".into(),
        html: format!("<html><body>{html}</body></html>"),
        parts: Vec::new(),
        bcc: None,
        message_id: "offer-1@nordwind.example".into(),
    }
}

impl Mail {
    pub fn subject(mut self, subject: &str) -> Self {
        self.subject = subject.into();
        self
    }

    pub fn from(mut self, from: &str) -> Self {
        self.from = from.into();
        self
    }

    pub fn image(mut self, content_id: &'static str, content: &[u8]) -> Self {
        self.parts.push(("image", content_id, content.to_vec()));
        self
    }

    pub fn file(mut self, name: &'static str, content: &[u8]) -> Self {
        self.parts.push(("file", name, content.to_vec()));
        self
    }

    pub fn mime(self) -> Bytes {
        let mut text = format!("From: {}\r\n", self.from);
        if let Some(sender) = self.sender {
            text += &format!("Sender: {sender}\r\n");
        }
        if let Some(bcc) = self.bcc {
            text += &format!("Bcc: {bcc}\r\n");
        }
        text += &format!(
            "To: customer@kunde.example\r\nSubject: {}\r\nMessage-ID: <{}>\r\n\
             Date: Tue, 24 Nov 2026 10:00:00 +0100\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
             Content-Type: text/html; charset=utf-8\r\n\r\n{}\r\n",
            self.subject, self.message_id, self.html
        );
        for (kind, name, content) in self.parts {
            text += &match kind {
                "image" => format!(
                    "--b\r\nContent-Type: image/png; name={name}.png\r\nContent-ID: <{name}>\r\n\
                     Content-Disposition: inline; filename={name}.png\r\n"
                ),
                _ => format!(
                    "--b\r\nContent-Type: application/octet-stream; name={name}\r\n\
                     Content-Disposition: attachment; filename={name}\r\n"
                ),
            };
            let content = STANDARD.encode(content);
            text += &format!("Content-Transfer-Encoding: base64\r\n\r\n{content}\r\n");
        }
        text += "--b--\r\n";
        text.into()
    }
}

pub fn split(all: bool) -> Options {
    Options { message_splitting: true, save_all_split_messages: all, ..Options::default() }
}

pub fn copies() -> Options {
    Options { create_copy: true, ..Options::default() }
}
