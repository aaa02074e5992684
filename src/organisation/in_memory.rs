//! What is published, in memory: as the directory keeps it, with its conditional writes, its outages and other writers, for
//! tests.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::{Found, Mark, Published, PublishedError, Registration, Sighting};
use crate::directory::DirectoryError;

/// What happens to the next publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// It does not take effect, and nobody is told so.
    Before,
    /// It takes effect, and nobody is told so.
    After,
    /// No answer comes, ever; it has taken effect.
    Silent,
}

type Race = Box<dyn FnOnce(&mut World) + Send>;

#[derive(Default)]
pub struct World {
    /// Somebody deleted the container.
    pub deleted: bool,
    /// The directory does not answer.
    pub away: bool,
    /// It answers, and lets nobody of ours read.
    pub denied: bool,
    pub configuration: Option<String>,
    pub updaters: BTreeMap<Uuid, Registration>,
    pub sightings: BTreeMap<Uuid, Sighting>,
    pub problems: Vec<String>,
    pub lost: Option<Lost>,
    /// Others, each of whom is faster than one publication.
    pub races: VecDeque<Race>,
    /// Versions that were published, in their order.
    pub published: Vec<u64>,
    pub looks: u64,
    /// All that was read.
    pub reads: u64,
    /// Counts whatever is done, as uSNChanged does.
    changes: u64,
}

impl World {
    /// Somebody puts another document there.
    pub fn put(&mut self, document: impl Into<String>) {
        self.configuration = Some(document.into());
        self.changes += 1;
    }

    pub fn register(&mut self, registration: Registration) {
        self.updaters.insert(registration.id, registration);
        self.changes += 1;
    }

    pub fn unregister(&mut self, id: Uuid) {
        self.updaters.remove(&id);
        self.changes += 1;
    }

    /// Something changes that is not told of.
    pub fn touch(&mut self) {
        self.changes += 1;
    }

    fn usable(&self) -> Result<(), PublishedError> {
        if self.away {
            return Err(refused().into());
        }
        if self.denied {
            return Err(PublishedError::Directory(DirectoryError::Denied {
                account: "SRV2$".to_owned(),
                doing: "reading the organisation's configuration",
                said: "it is the account of no registered updater".to_owned(),
            }));
        }
        if self.deleted {
            return Err(PublishedError::NoContainer { place: "CN=Sent Items Update".to_owned() });
        }
        Ok(())
    }
}

fn refused() -> DirectoryError {
    DirectoryError::Connect {
        controller: "dc1.corp.example".to_owned(),
        problem: crate::directory::ConnectProblem::Refused,
    }
}

/// Clones see the same.
#[derive(Clone, Default)]
pub struct InMemory(Arc<Mutex<World>>);

impl InMemory {
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish_now(
        &self,
        replacing: Option<&str>,
        document: &str,
        version: u64,
    ) -> Result<Option<Lost>, PublishedError> {
        let mut world = self.world();
        world.usable()?;
        if let Some(race) = world.races.pop_front() {
            race(&mut world);
        }
        let lost = world.lost.take();
        if lost == Some(Lost::Before) {
            return Ok(lost);
        }
        if world.configuration.as_deref() != replacing {
            return Err(PublishedError::Conflict);
        }
        world.put(document);
        world.published.push(version);
        Ok(lost)
    }
}

impl Published for InMemory {
    fn place(&self) -> String {
        "CN=Sent Items Update in corp.example".to_owned()
    }

    fn read<'a>(&'a self, mark: Option<&'a Mark>) -> BoxFuture<'a, Result<Option<Found>, PublishedError>> {
        async move {
            let mut world = self.world();
            world.looks += 1;
            world.usable()?;
            let now = Mark(world.changes.to_string());
            if mark == Some(&now) {
                return Ok(None);
            }
            world.reads += 1;
            Ok(Some(Found {
                mark: now,
                configuration: world.configuration.clone(),
                updaters: world.updaters.values().cloned().collect(),
                sightings: world.sightings.clone(),
                problems: world.problems.clone(),
            }))
        }
        .boxed()
    }

    fn publish<'a>(
        &'a self,
        replacing: Option<&'a str>,
        document: &'a str,
        version: u64,
    ) -> BoxFuture<'a, Result<(), PublishedError>> {
        async move {
            match self.publish_now(replacing, document, version)? {
                None => Ok(()),
                Some(Lost::Silent) => std::future::pending().await,
                Some(Lost::Before | Lost::After) => Err(PublishedError::Unknown(DirectoryError::Lost {
                    controller: "dc1.corp.example".to_owned(),
                    doing: "publish the configuration",
                })),
            }
        }
        .boxed()
    }

    fn sighted<'a>(&'a self, id: Uuid, sighting: &'a Sighting) -> BoxFuture<'a, Result<(), PublishedError>> {
        async move {
            let mut world = self.world();
            world.usable()?;
            world.sightings.insert(id, sighting.clone());
            world.changes += 1;
            Ok(())
        }
        .boxed()
    }
}
