//! What wizard, object picker and tests work on: the updater, the organisation, and its directory.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use secrecy::SecretString;

use crate::directory::DirectorySearch;
use crate::pipe::client::Client;
use crate::setup::{Failure, Organisation};

/// Everything outside the panel that dialogs need. Cheap to clone.
#[derive(Clone)]
pub struct Session {
    pub pipe: Client,
    pub organisation: Arc<dyn Organisation>,
    pub search: Arc<dyn DirectorySearch>,
}

/// Who signs in to the directory.
#[derive(Debug, Clone)]
pub enum SignIn {
    /// The person logged on to this computer.
    LoggedOn,
    /// Somebody else, in a domain that is named.
    As { domain: String, user: String, password: SecretString },
}

/// What the sign-in page is filled with beforehand: the sandbox knows all of it.
#[derive(Debug, Clone, Default)]
pub struct Prefilled {
    pub domain: String,
    pub user: String,
    pub password: Option<SecretString>,
}

/// Connects to an organisation: a domain, or the sandbox.
pub trait Connect: Send + Sync {
    /// Whoever calls it may drop what it returns at any time: nothing goes on then.
    fn connect(&self, pipe: Client, sign_in: SignIn) -> BoxFuture<'_, Result<Session, Failure>>;

    /// None: start with the person logged on.
    fn prefilled(&self) -> Option<Prefilled> {
        None
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
