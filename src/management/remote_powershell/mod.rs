//! Exchange's administration over remote PowerShell, as every Exchange Server in an organisation's own network has it.
//!
//! The cmdlets go as PowerShell Remoting Protocol (MS-PSRP) over WS-Management (MS-WSMV) to `https://server/PowerShell/`.
//! Exchange's runspaces know no language: what runs there is a command with its parameters, as data. So a name can't
//! become a command, however it is spelled.
//!
//! | file | what it is for |
//! |---|---|
//! | `session` | open, run cmdlets, close |
//! | `http`, [`authorise`] | one question at a time, signed in; where a redirection may lead |
//! | `wsman` | envelopes |
//! | `fragment`, `message`, `clixml` | what is in them, from the outside in |
//! | `pipeline`, `records` | what is said to the server, and what it says |
//!
//! Everything that a server sends is bounded: an answer, a fragment, a message, a stream, the nesting of objects, the
//! number of answers, and the time for each step.

pub mod authorise;
mod clixml;
mod fragment;
mod http;
mod message;
mod negotiate;
mod pipeline;
mod records;
mod sealed;
mod session;
#[cfg(test)]
mod tests;
mod wsman;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::Url;
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::{Administration, Cmdlet, ManagementError, Output};
pub use authorise::{Attempt, Authorise, Basic, Cipher, Said};
pub use negotiate::Negotiated;
use session::Session;

/// Where remote PowerShell is, and who signs in.
#[derive(Clone)]
pub struct PowerShellEndpoint {
    /// `https://server/PowerShell/`; without TLS only where messages are encrypted by what signs in.
    pub url: Url,
    pub authorise: Arc<dyn Authorise>,
    /// Certificate authorities to trust beside the system's, as PEM text.
    pub extra_roots: Vec<String>,
    /// Hosts, and domains with all hosts in them, to which the server may lead.
    pub trusted: Vec<String>,
    /// For opening a session.
    pub open_timeout: Duration,
    /// For a cmdlet.
    pub timeout: Duration,
}

impl PowerShellEndpoint {
    /// With the system's certificate authorities and a minute for each step: a server that was idle needs half of one for
    /// its first session.
    #[must_use]
    pub fn new(url: Url, authorise: Arc<dyn Authorise>) -> Self {
        let timeout = Duration::from_mins(1);
        Self { url, authorise, extra_roots: Vec::new(), trusted: Vec::new(), open_timeout: timeout, timeout }
    }
}

/// Remote PowerShell of the server that has this address of EWS.
#[must_use]
pub fn beside(ews: &Url) -> Option<Url> {
    let mut url = ews.clone();
    url.set_scheme("https").ok()?;
    url.set_path("/PowerShell/");
    url.set_query(None);
    url.set_fragment(None);
    Some(url)
}

/// A client of the administration over remote PowerShell. A session is opened when the first cmdlet is run.
pub struct RemotePowerShell {
    endpoint: PowerShellEndpoint,
    session: Mutex<Option<Session>>,
}

impl RemotePowerShell {
    /// # Errors
    /// When the address can't be used, or is not encrypted. No connection is made yet.
    pub fn new(endpoint: PowerShellEndpoint) -> Result<Self, ManagementError> {
        http::Http::new(&endpoint)?;
        Ok(Self { endpoint, session: Mutex::default() })
    }

    async fn invoke(&self, cmdlet: Cmdlet, parameters: Map<String, Value>) -> Result<Output, ManagementError> {
        let mut place = self.session.lock().await;
        let mut session = if let Some(session) = place.take() {
            session
        } else {
            let within = self.endpoint.open_timeout;
            let opening = tokio::time::timeout(within, Session::open(&self.endpoint)).await;
            opening.map_err(|_| ManagementError::SlowSession { seconds: within.as_secs() })??
        };
        let within = self.endpoint.timeout;
        let result = tokio::time::timeout(within, session.run(cmdlet, &parameters)).await;
        let timeout = ManagementError::Timeout { cmdlet, seconds: within.as_secs() };
        let result = result.unwrap_or(Err(timeout));
        match &result {
            // What a cmdlet refuses does no harm to its session.
            _ if session.sound => *place = Some(session),
            // Nobody is there who could be told.
            Err(ManagementError::Lost { .. } | ManagementError::NotReachable { .. }) => {}
            _ => session.close().await,
        }
        result
    }
}

impl Administration for RemotePowerShell {
    fn run(&self, cmdlet: Cmdlet, parameters: Map<String, Value>) -> BoxFuture<'_, Result<Output, ManagementError>> {
        Box::pin(self.invoke(cmdlet, parameters))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let session = self.session.lock().await.take();
            if let Some(session) = session {
                session.close().await;
            }
        })
    }
}
