//! An administrator's directory as a test wants it, and an updater that shares what is in it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::watch;
use uuid::Uuid;

use super::{Administrator, Administrators};
use crate::organisation::Registration;
use crate::organisation::administration::{
    AdministrationError, Newcomer, Registered, Removed, Survey, There, computer_account,
};
use crate::organisation::document::{Change, Document, Sealed};
use crate::organisation::in_memory::InMemory;
use crate::organisation::key::{Bound, UpdaterKey, seal};
use crate::pipe::listener::Access;
use crate::settings::{Account, Connection, DirectorySettings, Settings};
use crate::updater::clock::Clock;
use crate::updater::dispatcher::{Attempt, Engine};
use crate::updater::organisation::Reach;
use crate::updater::queue::Job;
use crate::updater::service::{Updater, UpdaterOptions};

pub const ORGANISATION: Uuid = Uuid::from_u128(7);

/// The container, as the usual place of the domain has it.
pub const CONTAINER: &str = "CN=Sent Items Update,CN=Program Data,DC=corp,DC=example";

pub fn domain() -> DirectorySettings {
    DirectorySettings { domain: "corp.example".to_owned(), ..DirectorySettings::default() }
}

pub fn configured() -> Settings {
    Settings {
        enabled: true,
        connection: Some(Connection::manual("https://mail.corp.example/EWS/Exchange.asmx")),
        account: Some(Account { user: "svc@corp.example".into() }),
        ..Settings::default()
    }
}

/// Everything goes well until a test says otherwise. What is done is named as the methods are.
pub struct Registry {
    pub directory: InMemory,
    pub who: Mutex<(String, bool)>,
    /// What registering remarks.
    pub notes: Mutex<Vec<String>>,
    failures: Mutex<HashMap<&'static str, AdministrationError>>,
    held: watch::Sender<HashSet<&'static str>>,
    calls: Mutex<Vec<String>>,
}

impl Registry {
    pub fn new(directory: InMemory) -> Arc<Self> {
        Arc::new(Self {
            directory,
            who: Mutex::new(("anna@corp.example".to_owned(), true)),
            notes: Mutex::default(),
            failures: Mutex::default(),
            held: watch::Sender::new(HashSet::new()),
            calls: Mutex::default(),
        })
    }

    pub fn fail(&self, what: &'static str, error: AdministrationError) {
        self.failures.lock().unwrap().insert(what, error);
    }

    pub fn mend(&self, what: &'static str) {
        self.failures.lock().unwrap().remove(what);
    }

    /// From now on this does not end.
    pub fn hold(&self, what: &'static str) {
        self.held.send_modify(|held| {
            held.insert(what);
        });
    }

    pub fn release(&self, what: &'static str) {
        self.held.send_modify(|held| {
            held.remove(what);
        });
    }

    /// What was done, with what.
    pub fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// As the domain says to who may not.
    pub fn not_allowed(doing: &'static str) -> AdministrationError {
        AdministrationError::NotAllowed {
            who: "anna@corp.example".to_owned(),
            doing,
            domain: "corp.example".to_owned(),
            place: CONTAINER.to_owned(),
            said: "insufficient access rights".to_owned(),
        }
    }

    async fn does(&self, what: &'static str, with: &str) -> Result<(), AdministrationError> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{what} {with}").trim().to_owned());
        let mut held = self.held.subscribe();
        held.wait_for(|held| !held.contains(what)).await.unwrap();
        self.failures.lock().unwrap().get(what).cloned().map_or(Ok(()), Err)
    }
}

impl Administrator for Registry {
    fn survey(&self) -> BoxFuture<'_, Result<Survey, AdministrationError>> {
        Box::pin(async {
            self.does("survey", "").await?;
            let (who, domain_admin) = self.who.lock().unwrap().clone();
            let world = self.directory.world();
            let there = match &world.configuration {
                Some(text) => serde_json::from_str(text).map_or(There::Unclear, There::Published),
                None if world.updaters.is_empty() => There::Nothing,
                None => There::Empty,
            };
            Ok(Survey { who, domain_admin, container: CONTAINER.to_owned(), there })
        })
    }

    fn register<'a>(
        &'a self,
        newcomer: &'a Newcomer,
        organisation: Uuid,
    ) -> BoxFuture<'a, Result<Registered, AdministrationError>> {
        Box::pin(async move {
            let account = newcomer.account.clone().unwrap_or_else(|| computer_account(&newcomer.name));
            self.does("register", &account).await?;
            let registration = Registration {
                format: 1,
                id: newcomer.id,
                name: newcomer.name.clone(),
                key: newcomer.key.clone(),
                account,
                registered_by: "anna@corp.example".to_owned(),
                registered_at: Timestamp::now(),
            };
            let mut world = self.directory.world();
            let mut done = Vec::new();
            if world.updaters.is_empty() {
                done.push(format!("{CONTAINER} is made."));
            }
            done.push(format!("{} is registered as the updater {}.", newcomer.name, newcomer.id));
            world.register(registration.clone());
            let published = world.configuration.as_deref().and_then(|text| Document::parse(text).ok());
            let organisation = published.map_or(organisation, |document| document.organisation());
            let notes = self.notes.lock().unwrap().clone();
            Ok(Registered { registration, organisation, place: CONTAINER.to_owned(), done, notes })
        })
    }

    fn remove<'a>(&'a self, updater: &'a str) -> BoxFuture<'a, Result<Removed, AdministrationError>> {
        Box::pin(async move {
            self.does("remove", updater).await?;
            let mut world = self.directory.world();
            let id = updater.parse().unwrap_or_default();
            let Some(registration) = world.updaters.get(&id).cloned() else {
                return Err(AdministrationError::NoUpdater { wanted: updater.to_owned(), known: Vec::new() });
            };
            world.unregister(id);
            Ok(Removed { registration, left: world.updaters.len(), notes: Vec::new() })
        })
    }
}

/// Whoever is signed in there.
pub struct SignedInto(pub Arc<Registry>);

impl Administrators for SignedInto {
    fn directory(&self) -> DirectorySettings {
        domain()
    }

    fn at(&self, _: &DirectorySettings, place: Option<&str>) -> Result<Arc<dyn Administrator>, AdministrationError> {
        if let Some(place) = place.filter(|place| !place.contains('=')) {
            let why =
                format!("{place:?} is no place for the organisation's configuration: it is not a distinguished name");
            return Err(crate::directory::DirectoryError::Settings(why).into());
        }
        Ok(self.0.clone())
    }
}

/// Another updater, which has published a configuration.
pub struct Other {
    pub id: Uuid,
    name: String,
}

impl Other {
    /// Registered, and nothing published.
    pub fn registered(directory: &InMemory, name: &str) -> Self {
        let other = Self { id: Uuid::new_v4(), name: name.to_owned() };
        directory.world().register(Registration {
            format: 1,
            id: other.id,
            name: name.to_owned(),
            key: UpdaterKey::generate().public(),
            account: computer_account(name),
            registered_by: "anna@corp.example".to_owned(),
            registered_at: Timestamp::from_second(1_764_000_000).unwrap(),
        });
        other
    }

    /// Publishes these settings, with a password for everybody who is registered now.
    pub fn publishes(&self, directory: &InMemory, version: u64, settings: &Settings) {
        let mut world = directory.world();
        let recipients: BTreeMap<_, _> = world.updaters.values().map(|one| (one.id, one.key.clone())).collect();
        let user = settings.account.as_ref().map(|account| account.user.clone()).unwrap_or_default();
        let bound = Bound { organisation: ORGANISATION, serial: version, user: &user };
        let sealed = seal(&recipients, bound, &SecretString::from("Zebra-7")).unwrap();
        let change = Change {
            version,
            write: Uuid::new_v4(),
            changed_by: "CORP\\boris".to_owned(),
            changed_on: self.name.clone(),
            changed_at: Timestamp::from_second(1_764_000_000).unwrap(),
            settings: settings.clone(),
            secret: Some(Sealed { serial: version, user: user.clone(), recipients, sealed }),
        };
        world.put(Document::first(ORGANISATION, change).to_text().unwrap());
    }
}

pub struct Idle;

impl Engine for Idle {
    async fn attempt(&self, _: &Job) -> Attempt {
        unreachable!("no message is submitted here")
    }
}

/// A real updater in this folder, whose way to the organisation leads there.
pub async fn updater(folder: &Path, directory: &InMemory) -> Updater {
    let published = directory.clone();
    let reach: Arc<Reach> = Arc::new(move |_, _| Ok(Arc::new(published.clone())));
    let options = UpdaterOptions {
        data: folder.join("data"),
        pipe: folder.join("pipe.sock"),
        access: Access::default(),
        sandbox: false,
        clock: Clock::system(),
    };
    Updater::start_in(reach, None, options, Updater::directory(), |_, _| Ok(Idle)).await.unwrap()
}
