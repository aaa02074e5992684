//! The directory of an organisation: its own domain, and those reached from there.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use uuid::Uuid;

pub use super::connection::{SignIn, Timeouts};
use super::controller::Controller;
use super::domain::{Domain, Means};
use super::entry::Entry;
use super::error::DirectoryError;
use super::names::Names;
use super::session::{Search, Session};
use super::{DirectoryObject, DirectorySearch, Location, Page, Query, SearchError, find, locations, tls};
use crate::settings::DirectorySettings;

/// Active Directory. Cheap to clone. Connects when it is first asked, keeps the connection, and makes a new one, to
/// another controller if need be, when it breaks.
#[derive(Clone)]
pub struct Directory {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    own: Arc<Domain>,
    writer: Arc<Domain>,
    /// By DNS name.
    others: Mutex<HashMap<String, Arc<Domain>>>,
    means: Means,
    pub nesting: Nesting,
    /// The matching rule did not do: it is not tried again for the next group.
    pub walks: AtomicBool,
    pub seen: find::Seen,
}

/// What is seldom anything but the default.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The name server to ask; none: those of the system.
    pub name_server: Option<SocketAddr>,
    pub timeouts: Timeouts,
    pub nesting: Nesting,
}

/// How nested membership is found out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Nesting {
    /// The controller follows it, in one search; where it can't, it is walked.
    #[default]
    MatchingRule,
    /// Group by group, by their members.
    Walk,
}

impl Directory {
    /// # Errors
    /// When the settings can't be used. Nothing is connected to yet.
    pub fn new(settings: &DirectorySettings, sign_in: SignIn) -> Result<Self, DirectoryError> {
        Self::with_options(settings, sign_in, &Options::default())
    }

    pub fn with_options(
        settings: &DirectorySettings,
        sign_in: SignIn,
        options: &Options,
    ) -> Result<Self, DirectoryError> {
        let domain = settings.domain.trim().trim_end_matches('.');
        if domain.is_empty() {
            return Err(DirectoryError::Settings("the DNS name of the domain is missing".to_owned()));
        }
        let controllers: Vec<_> =
            settings.controllers.iter().map(|text| Controller::parse(text)).collect::<Result<_, _>>()?;
        let means = Means {
            sign_in,
            names: Names::new(options.name_server),
            tls: tls::config(&settings.extra_roots)?,
            timeouts: options.timeouts,
        };
        let writer = Arc::new(Domain::writer(domain, controllers.clone(), means.clone()));
        // With one controller there is nothing to choose.
        let own = match controllers.len() {
            1 => writer.clone(),
            _ => Arc::new(Domain::new(domain, controllers, means.clone())),
        };
        let shared = Shared {
            own,
            writer,
            others: Mutex::default(),
            means,
            nesting: options.nesting,
            walks: AtomicBool::new(false),
            seen: find::Seen::default(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// DNS name of the own domain.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.shared.own.name()
    }

    /// Tells in which domain an object was when it was chosen. Whether it is gone can then be said although some other
    /// trusted domain can't be reached; otherwise it might be there.
    pub fn seen_in(&self, id: Uuid, domain: &str) {
        self.shared.seen.add([(id, domain)]);
    }

    /// Whose name the directory is asked in, for messages.
    pub(crate) fn sign_in(&self) -> &SignIn {
        &self.shared.means.sign_in
    }

    /// The name service that controllers are found with.
    pub(super) fn names(&self) -> &Names {
        &self.shared.means.names
    }

    pub(super) fn own(&self) -> &Arc<Domain> {
        &self.shared.own
    }

    /// The own domain at the controller where changes are made that depend on what is there.
    pub(crate) fn writer(&self) -> &Arc<Domain> {
        &self.shared.writer
    }

    /// Asks where changes are made, and another controller when that one can't be asked.
    pub(crate) async fn newest(&self, search: &Search<'_>) -> Result<(Session, Vec<Entry>), DirectoryError> {
        match self.writer().all_from(search).await {
            Err(error) if error.is_of_controller() && !Arc::ptr_eq(self.own(), self.writer()) => {
                tracing::debug!("another domain controller is asked: {error}");
                self.own().all_from(search).await
            }
            found => found,
        }
    }

    /// A domain by its DNS name, whose controllers DNS knows.
    pub(super) fn of(&self, domain: &str) -> Arc<Domain> {
        let domain = domain.trim_end_matches('.').to_lowercase();
        if domain == self.shared.own.name() {
            return self.shared.own.clone();
        }
        let mut others = self.shared.others.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let new = || Arc::new(Domain::new(&domain, Vec::new(), self.shared.means.clone()));
        others.entry(domain.clone()).or_insert_with(new).clone()
    }
}

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Directory").field("domain", &self.domain()).finish_non_exhaustive()
    }
}

impl DirectorySearch for Directory {
    fn locations(&self) -> BoxFuture<'_, Result<Vec<Location>, SearchError>> {
        Box::pin(async {
            let places = locations::all(self).await?;
            Ok(places.into_iter().map(|place| place.location).collect())
        })
    }

    fn search(&self, query: Query) -> BoxStream<'_, Result<Page, SearchError>> {
        find::pages(self, &query)
    }

    fn lookup(&self, ids: Vec<Uuid>) -> BoxFuture<'_, Result<Vec<Option<DirectoryObject>>, SearchError>> {
        Box::pin(async move { Ok(find::lookup(self, &ids).await?) })
    }
}
