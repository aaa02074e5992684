//! The way to Exchange with the settings in force: for the engine, and for what a person asks in between.

mod rediscovery;
mod servers;
#[cfg(test)]
mod tests;
mod ways;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use secrecy::SecretString;

use super::clock::Clock;
use super::settings_store::InForce;
use crate::ews::auth::credentials;
use crate::ews::{Client, ClientError, Endpoint};
use crate::settings::Environment;

use rediscovery::Rediscovery;
pub use servers::Servers;
pub use ways::{Elsewhere, MOST_SERVERS, Ways};

/// Requests at once that persons ask for, beside those of the engine.
const CONNECTIONS: usize = 2;

/// A person does not wait as long for an answer as the engine does: neither for one request, nor for another server to be
/// found.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Why there is no way to Exchange.
#[derive(Debug, thiserror::Error)]
pub enum NoWay {
    #[error("no connection and no account are configured")]
    NotConfigured,
    #[error("no password is stored for {user}; enter it again")]
    NoPassword { user: String },
    #[error("{url:?}: {problem}")]
    Address { url: String, problem: String },
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// The ways of the engine. Where Autodiscover led to the server, it is asked again when the server is gone or a mailbox
/// elsewhere.
pub fn connect(in_force: &InForce, clock: Clock) -> Result<Ways, NoWay> {
    let limits = &in_force.settings.limits;
    ways(in_force, limits.connections, Duration::from_secs(limits.request_timeout.into()), clock)
}

fn ways(in_force: &InForce, connections: usize, timeout: Duration, clock: Clock) -> Result<Ways, NoWay> {
    let endpoint = endpoint(in_force, connections, timeout)?;
    let ways = Ways::fixed(&endpoint.url, Client::new(endpoint.clone())?, clock).sharing(in_force.servers.clone());
    let how = in_force.settings.connection.as_ref().and_then(|connection| connection.autodiscover.as_ref());
    let Some(how) = how else { return Ok(ways) };
    let find = match Rediscovery::new(in_force, how, endpoint.credentials.clone()) {
        Ok(find) => Arc::new(find),
        Err(problem) => {
            tracing::warn!(problem, "Autodiscover will not be asked again");
            return Ok(ways);
        }
    };
    let open = move |url: &reqwest::Url| {
        let endpoint = Endpoint { url: url.clone(), allow_unencrypted: false, ..endpoint.clone() };
        Client::new(endpoint).map_err(|error| error.to_string())
    };
    Ok(ways.searching(find, Box::new(open), in_force.settings.environment == Environment::Hybrid))
}

fn endpoint(in_force: &InForce, connections: usize, request_timeout: Duration) -> Result<Endpoint, NoWay> {
    let settings = &in_force.settings;
    let (Some(connection), Some(account)) = (&settings.connection, &settings.account) else {
        return Err(NoWay::NotConfigured);
    };
    let password = match in_force.password.clone() {
        Some(password) => password,
        // Nobody needs one.
        None if connection.as_service => SecretString::default(),
        None => return Err(NoWay::NoPassword { user: account.user.clone() }),
    };
    let url = match connection.ews_url.parse() {
        Ok(url) => url,
        Err(problem) => {
            let problem = format!("{problem}");
            return Err(NoWay::Address { url: connection.ews_url.clone(), problem });
        }
    };
    let credentials = credentials(connection, &account.user, password);
    Ok(Endpoint {
        extra_roots: connection.extra_roots.clone(),
        allow_unencrypted: connection.allow_unencrypted,
        connections,
        request_timeout,
        ..Endpoint::new(url, credentials)
    })
}

/// What persons ask of Exchange goes this way: with few connections, which are kept until the settings change.
#[derive(Debug, Default)]
pub struct OnDemand {
    open: Mutex<Option<(u64, Arc<Ways>)>>,
}

impl OnDemand {
    pub fn ways(&self, in_force: &InForce) -> Result<Arc<Ways>, NoWay> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((change, ways)) = open.as_ref()
            && *change == in_force.change
        {
            return Ok(ways.clone());
        }
        let timeout = Duration::from_secs(in_force.settings.limits.request_timeout.into());
        let ways = Arc::new(self::ways(in_force, CONNECTIONS, timeout.min(PATIENCE), Clock::system())?);
        *open = Some((in_force.change, ways.clone()));
        Ok(ways)
    }

    /// Version of Exchange, where it was asked since the settings changed.
    #[must_use]
    pub fn version(&self) -> Option<String> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.as_ref().and_then(|(_, ways)| ways.version())
    }
}
