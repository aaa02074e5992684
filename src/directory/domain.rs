//! A domain: which of its controllers is asked, over a connection that is kept.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, OnceCell};
use tokio_rustls::rustls::ClientConfig;

use super::connection::{SignIn, Timeouts, Way};
use super::controller::Controller;
use super::entry::Entry;
use super::error::DirectoryError;
use super::names::Names;
use super::refusal::Refusal;
use super::session::{Base, Search, Session};

/// So long a password that was refused is not tried again: every try counts towards the account being locked.
const AFTER_WRONG_PASSWORD: Duration = Duration::from_secs(600);

/// What all domains are reached with.
#[derive(Clone)]
pub(super) struct Means {
    pub sign_in: SignIn,
    pub names: Names,
    pub tls: Arc<ClientConfig>,
    pub timeouts: Timeouts,
}

pub(crate) struct Domain {
    /// DNS name.
    name: String,
    /// Those that are set; empty: those that DNS names.
    controllers: Vec<Controller>,
    which: Which,
    means: Means,
    state: Mutex<State>,
    exchange: OnceCell<bool>,
}

/// Which of a domain's controllers will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Any,
    /// The one that all updaters write at, because a change that depends on what is there is safe on one controller only:
    /// the first that is set, else the PDC emulator, of which a domain has one.
    Writer,
}

#[derive(Default)]
struct State {
    session: Option<Session>,
    /// Served last, and is asked first.
    good: Option<Controller>,
    /// Did not answer in time, and is asked last.
    slow: Option<Controller>,
    refused: Option<(Instant, DirectoryError)>,
}

impl Domain {
    pub(super) fn new(name: &str, controllers: Vec<Controller>, means: Means) -> Self {
        let (state, exchange) = (Mutex::default(), OnceCell::new());
        Self { name: name.to_lowercase(), controllers, which: Which::Any, means, state, exchange }
    }

    /// The same domain at the controller that all write at.
    pub(super) fn writer(name: &str, controllers: Vec<Controller>, means: Means) -> Self {
        let controllers = controllers.into_iter().take(1).collect();
        Self { which: Which::Writer, ..Self::new(name, controllers, means) }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The connection that is there, or a new one to the first controller that can be used.
    pub async fn session(&self) -> Result<Session, DirectoryError> {
        let mut state = self.state.lock().await;
        if let Some(session) = state.session.take_if(|session| session.is_open()) {
            state.session = Some(session.clone());
            return Ok(session);
        }
        state.session = None;
        if let Some((at, error)) = &state.refused
            && at.elapsed() < AFTER_WRONG_PASSWORD
        {
            return Err(error.clone());
        }
        let mut errors = Vec::new();
        for controller in self.in_order(&state).await? {
            match Session::open(&self.way(&controller), &self.means.sign_in, &self.name).await {
                Ok(session) => {
                    if state.slow.as_ref() == Some(&controller) {
                        state.slow = None;
                    }
                    state.good = Some(controller);
                    state.refused = None;
                    state.session = Some(session.clone());
                    return Ok(session);
                }
                Err(error) if error.is_of_controller() => errors.push(error),
                // About the account, and the same everywhere. Trying on would lock it.
                Err(error) => {
                    if matches!(error, DirectoryError::SignIn { refusal: Refusal::WrongPassword, .. }) {
                        state.refused = Some((Instant::now(), error.clone()));
                    }
                    return Err(error);
                }
            }
        }
        Err(match errors.len() {
            1 => errors.remove(0),
            _ => DirectoryError::NoneUsable { domain: self.name.clone(), errors },
        })
    }

    async fn in_order(&self, state: &State) -> Result<Vec<Controller>, DirectoryError> {
        let mut controllers = if self.controllers.is_empty() {
            self.means.names.controllers(&self.name, self.which).await?
        } else {
            self.controllers.clone()
        };
        controllers.sort_by_key(|controller| {
            let is = |other: &Option<Controller>| other.as_ref() == Some(controller);
            if is(&state.slow) { 2 } else { u8::from(!is(&state.good)) }
        });
        Ok(controllers)
    }

    fn way<'a>(&'a self, controller: &'a Controller) -> Way<'a> {
        let means = &self.means;
        Way { controller, names: &means.names, tls: &means.tls, timeouts: means.timeouts }
    }

    /// Gives a connection up that does not serve.
    pub async fn drop_session(&self, session: &Session, error: &DirectoryError) {
        let mut state = self.state.lock().await;
        if state.session.take_if(|current| current.is(session)).is_some()
            && matches!(error, DirectoryError::Timeout { .. } | DirectoryError::Busy { .. })
        {
            state.slow = state.good.take();
        }
    }

    /// Asks, and when the connection turns out not to serve, once more over a new one: a controller closes connections
    /// that were idle, and one that hangs may have a neighbour that does not.
    pub async fn all(&self, search: &Search<'_>) -> Result<Vec<Entry>, DirectoryError> {
        Ok(self.all_from(search).await?.1)
    }

    /// Like [`Self::all`], and who answered.
    pub async fn all_from(&self, search: &Search<'_>) -> Result<(Session, Vec<Entry>), DirectoryError> {
        let session = self.session().await?;
        match session.all(search).await {
            Err(error) if error.is_of_connection() => {
                self.drop_session(&session, &error).await;
                let again = self.another(&session, error).await?;
                let found = again.all(search).await;
                if let Err(error) = &found
                    && error.is_of_connection()
                {
                    self.drop_session(&again, error).await;
                }
                Ok((again, found?))
            }
            found => Ok((session, found?)),
        }
    }

    /// Another connection after this error; the error when there is only the same controller, which hangs.
    pub async fn another(&self, before: &Session, error: DirectoryError) -> Result<Session, DirectoryError> {
        let again = self.session().await?;
        if again.controller() == before.controller() && !matches!(error, DirectoryError::Lost { .. }) {
            return Err(error);
        }
        Ok(again)
    }

    /// The object of this name; none when there is none.
    pub async fn object(&self, base: Base<'_>, attributes: &[&str]) -> Result<Option<Entry>, DirectoryError> {
        match self.all(&Search::object(base, attributes)).await {
            Ok(found) => Ok(found.into_iter().next()),
            Err(DirectoryError::NoSuchObject { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the schema of the forest knows Exchange.
    pub async fn knows_exchange(&self) -> Result<bool, DirectoryError> {
        let asking = async || {
            let filter = "(&(objectClass=attributeSchema)(lDAPDisplayName=msExchMailboxGuid))";
            let found = self.all(&Search::below(Base::Schema, filter, &["lDAPDisplayName"])).await?;
            Ok(!found.is_empty())
        };
        self.exchange.get_or_try_init(asking).await.copied()
    }

    /// Tries an account on the controller in use, over a connection of its own. Nothing is tried elsewhere: each try
    /// counts towards the account being locked.
    pub async fn try_account(
        &self,
        upn: &str,
        password: &secrecy::SecretString,
    ) -> Result<Option<Refusal>, DirectoryError> {
        self.session().await?;
        let good = self.state.lock().await.good.clone();
        let controller = good.ok_or_else(|| DirectoryError::Settings("no domain controller is in use".to_owned()))?;
        match self.way(&controller).encrypted().await?.simple_bind(upn, password).await {
            Ok(_) => Ok(None),
            Err(DirectoryError::SignIn { refusal, .. }) => Ok(Some(refusal)),
            Err(error) => Err(error),
        }
    }
}
