//! What wizard, object picker and tests work on: the updater, the organisation, and its directory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use secrecy::SecretString;

use crate::directory::DirectorySearch;
use crate::enrolment::Administrators;
use crate::pipe::client::Client;
use crate::setup::{Failure, Organisation};

/// Everything outside the panel that dialogs need. Cheap to clone.
#[derive(Clone)]
pub struct Session {
    pub pipe: Client,
    pub organisation: Arc<dyn Organisation>,
    pub search: Arc<dyn DirectorySearch>,
    /// For what updaters share; none: this directory keeps nothing of the kind.
    pub administrators: Option<Arc<dyn Administrators>>,
}

/// Who signs in to the directory.
#[derive(Debug, Clone)]
pub enum SignIn {
    /// The person logged on to this computer.
    LoggedOn,
    /// Somebody else, in a domain that is named.
    As(Box<Credentials>),
}

/// Who signs in, and where.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// DNS name of the domain.
    pub domain: String,
    /// Domain controller, as [`crate::settings::DirectorySettings::controllers`] writes it; none: those that DNS names.
    pub controller: Option<String>,
    /// User principal name.
    pub user: String,
    pub password: SecretString,
    /// Certificate authorities to trust beside the system's, as PEM text.
    pub extra_roots: Vec<String>,
}

/// What the sign-in page is filled with beforehand: the sandbox knows all of it.
#[derive(Debug, Clone, Default)]
pub struct Prefilled {
    pub domain: String,
    pub controller: String,
    pub user: String,
    pub password: Option<SecretString>,
    pub extra_roots: Vec<String>,
}

/// Connects to an organisation: a domain, or the sandbox.
pub trait Connect: Send + Sync {
    /// Whoever calls it may drop what it returns at any time: nothing goes on then.
    fn connect(&self, pipe: Client, sign_in: SignIn) -> BoxFuture<'_, Result<Session, Failure>>;

    /// What is known beforehand: of an earlier time, without the password, or with it in the sandbox.
    fn prefilled(&self) -> Option<Prefilled> {
        None
    }

    /// Somebody signed in already.
    fn remembered(&self) -> Option<Session> {
        None
    }
}

/// Signs in once: whatever is opened afterwards has the same session.
pub struct Remembering {
    connect: Arc<dyn Connect>,
    session: Mutex<Option<Session>>,
}

impl Remembering {
    #[must_use]
    pub fn new(connect: Arc<dyn Connect>) -> Self {
        Self { connect, session: Mutex::default() }
    }

    fn session(&self) -> MutexGuard<'_, Option<Session>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connect for Remembering {
    fn connect(&self, pipe: Client, sign_in: SignIn) -> BoxFuture<'_, Result<Session, Failure>> {
        Box::pin(async move {
            let known = self.session().clone();
            if let (SignIn::LoggedOn, Some(session)) = (&sign_in, known) {
                return Ok(session);
            }
            let session = self.connect.connect(pipe, sign_in).await?;
            *self.session() = Some(session.clone());
            Ok(session)
        })
    }

    fn prefilled(&self) -> Option<Prefilled> {
        self.connect.prefilled()
    }

    fn remembered(&self) -> Option<Session> {
        self.session().clone()
    }
}

/// Where no organisation is known: says so.
pub struct Nowhere;

impl Connect for Nowhere {
    fn connect(&self, _: Client, _: SignIn) -> BoxFuture<'_, Result<Session, Failure>> {
        let failure = Failure {
            what: "This program knows no organisation to connect to.".to_owned(),
            cause: "It was started without one.".to_owned(),
            advice: vec!["Install a complete build of the Administration Panel.".to_owned()],
            ..Failure::default()
        };
        Box::pin(std::future::ready(Err(failure)))
    }
}
