//! Several computers on one directory in memory.

mod joining;
mod keeping_up;
mod publishing;
mod refusing;
mod sealing;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use super::look::Looked;
use super::*;
use crate::organisation::Registration;
use crate::organisation::document::{Change, Document};
use crate::organisation::in_memory::InMemory;
use crate::pipe::types::{Join, JoinSignIn, Leave, SecretState, SettingsChange, Source};
use crate::secret::SecretStore;
use crate::settings::{Account, Connection, DirectorySettings, Settings};

pub const ORGANISATION: Uuid = Uuid::from_u128(7);

/// One computer with its updater.
pub struct Computer {
    name: &'static str,
    folder: tempfile::TempDir,
    directory: InMemory,
    pub clock: Clock,
    pub settings: Arc<SettingsStore>,
    pub organisation: Organisation,
}

pub fn clock() -> Clock {
    Clock::manual(Timestamp::from_second(1_764_000_000).unwrap())
}

pub fn configured() -> Settings {
    Settings {
        enabled: true,
        connection: Some(Connection::manual("https://mail.corp.example/EWS/Exchange.asmx")),
        account: Some(Account { user: "svc@corp.example".into() }),
        ..Settings::default()
    }
}

pub fn with_connections(connections: usize) -> Settings {
    let mut settings = configured();
    settings.limits.connections = connections;
    settings
}

impl Computer {
    pub fn new(name: &'static str, directory: &InMemory, clock: &Clock) -> Self {
        Self::in_folder(name, tempfile::tempdir().unwrap(), directory, clock)
    }

    fn in_folder(name: &'static str, folder: tempfile::TempDir, directory: &InMemory, clock: &Clock) -> Self {
        let secrets = SecretStore::new(folder.path());
        let settings = Arc::new(SettingsStore::open(&folder.path().join("settings.json"), secrets).unwrap());
        let published = directory.clone();
        let reach: Arc<Reach> = Arc::new(move |_, _| Ok(Arc::new(published.clone())));
        let (place, of_clock) = (folder.path().to_owned(), clock.clone());
        let organisation = Organisation::open_named(name.to_owned(), &place, settings.clone(), of_clock, reach, || 3);
        Self { name, folder, directory: directory.clone(), clock: clock.clone(), settings, organisation }
    }

    /// The same computer after the service was started again.
    pub fn restarted(self) -> Self {
        let Self { name, folder, directory, clock, .. } = self;
        Self::in_folder(name, folder, &directory, &clock)
    }

    pub fn path(&self, file: &str) -> std::path::PathBuf {
        self.folder.path().join(file)
    }

    pub fn registration(&self) -> Registration {
        let own = self.organisation.report().unwrap().own;
        Registration {
            format: 1,
            id: own.id,
            name: own.name,
            key: own.key,
            account: format!("{}$", self.name),
            registered_by: "CORP\\admin".into(),
            registered_at: self.clock.now(),
        }
    }

    pub fn id(&self) -> Uuid {
        self.organisation.id().unwrap()
    }

    pub async fn join(&self) -> Result<(), ChangeError> {
        let join = Join {
            organisation: ORGANISATION,
            directory: DirectorySettings { domain: "corp.example".into(), ..Default::default() },
            place: None,
            sign_in: JoinSignIn::Service,
        };
        self.organisation.join(join, "CORP\\admin").await
    }

    /// What `siu-updater register` does.
    pub async fn registered(self) -> Self {
        let registration = self.registration();
        self.directory.world().register(registration);
        self.join().await.unwrap();
        self
    }

    pub async fn set(&self, settings: Settings, password: Option<&str>) -> Result<(), ChangeError> {
        let version = self.settings.get().version.clone();
        self.set_from(&version, settings, password).await
    }

    pub async fn set_from(
        &self,
        based_on: &str,
        settings: Settings,
        password: Option<&str>,
    ) -> Result<(), ChangeError> {
        let change = SettingsChange { settings, password: password.map(SecretString::from) };
        let by = format!("CORP\\{}", self.name);
        self.organisation.change(change, based_on, &by).await.map(drop)
    }

    pub fn in_force(&self) -> Settings {
        self.settings.get().settings.clone()
    }

    pub fn password(&self) -> Option<String> {
        self.settings.get().password.as_ref().map(|password| password.expose_secret().to_owned())
    }

    pub fn version(&self) -> Option<u64> {
        self.organisation.summary().version
    }

    pub fn problem(&self) -> String {
        self.organisation.summary().problem.unwrap_or_default()
    }

    pub fn notices(&self) -> String {
        self.organisation.notices().join("\n")
    }

    /// Whether each updater can read the secret, by name.
    pub fn secrets(&self) -> Vec<(String, SecretState)> {
        let joined = self.organisation.report().unwrap().joined.unwrap();
        joined.updaters.into_iter().map(|updater| (updater.name, updater.secret)).collect()
    }
}

/// Two computers that share what the first has published with this password.
pub async fn two(password: &str) -> (InMemory, Computer, Computer) {
    let (directory, clock) = (InMemory::default(), clock());
    let one = Computer::new("srv1", &directory, &clock).registered().await;
    one.set(configured(), Some(password)).await.unwrap();
    let two = Computer::new("srv2", &directory, &clock).registered().await;
    assert_eq!(one.organisation.look().await, Looked::Good);
    assert_eq!(two.organisation.look().await, Looked::Good);
    (directory, one, two)
}

/// The document that is published.
pub fn document(directory: &InMemory) -> Document {
    Document::parse(directory.world().configuration.as_deref().unwrap()).unwrap()
}

/// One that another updater publishes above that one.
pub fn next(directory: &InMemory, version: u64, settings: Settings) -> Document {
    let now = document(directory);
    now.next(Change {
        version,
        write: Uuid::new_v4(),
        changed_by: "CORP\\boris".into(),
        changed_on: "srv3".into(),
        changed_at: now.changed_at(),
        settings,
        secret: now.secret().cloned(),
    })
}
