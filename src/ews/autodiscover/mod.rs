//! Autodiscover: from an address to the server that has its mailbox (MS-OXDISCO for where, MS-OXDSCLI and MS-OXWSADISC
//! for how).
//!
//! Asked are, in this order: the service connection points of the directory (or services that were named),
//! `https://domain/…`, `https://autodiscover.domain/…`, what `http://autodiscover.domain/…` redirects to, and the server
//! that the SRV record `_autodiscover._tcp.domain` names. Each is asked by POX first, and where a web server answers
//! that has none, by SOAP. An address that ends in `.svc` is asked by SOAP alone.
//!
//! **The password**, or what stands in for it ([`sign_in`]), goes to nobody who does not ask for it, only over HTTPS, and
//! only to hosts of [`rule`]. Once
//! a service that was named refuses it, or two that were guessed, it is given to none any more: a wrong password must not
//! lock the account.
//!
//! **Addresses of EWS** on other hosts are believed only of a service that was named, or that gave them to somebody who
//! had signed in there.
//!
//! Every attempt is noted with how it ended ([`Attempt`]), because "Autodiscover failed" helps nobody.

mod answer;
mod exchange;
mod find;
mod pox;
mod rule;
mod sign_in;
mod soap;
mod srv;
#[cfg(test)]
pub(crate) mod tests;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::Url;

use super::client::{ClientError, Credentials};
use crate::settings::SmtpAddress;

pub use answer::Version;
pub(crate) use rule::Rule;
pub use srv::{DnsServices, NoServices};

/// Redirections of all kinds that are followed for one address.
pub const MOST_REDIRECTIONS: usize = 10;

/// The path of the service on every Exchange server.
pub const PATH: &str = "/autodiscover/autodiscover.xml";

/// That of its service by SOAP.
pub const SOAP_PATH: &str = "/autodiscover/autodiscover.svc";

/// Services that the directory names: the service connection points of Exchange.
pub trait ServiceConnectionPoints: Send + Sync {
    /// Those for addresses of this domain; the error is a sentence.
    fn of<'a>(&'a self, domain: &'a str) -> BoxFuture<'a, Result<Points, String>>;
}

/// What the directory names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Points {
    /// Addresses of services, the nearest site's first.
    pub urls: Vec<Url>,
    /// Pointers to other directories, and what came of them.
    pub pointers: Vec<Attempt>,
}

/// Services that DNS names.
pub trait Services: Send + Sync {
    /// Hosts and ports behind `_autodiscover._tcp.domain`, the preferred first; the error is a sentence.
    fn autodiscover<'a>(&'a self, domain: &'a str) -> BoxFuture<'a, Result<Vec<(String, u16)>, String>>;
}

/// Where a name leads, beside what DNS says: for a laboratory, where nothing may listen on ports 80 and 443. The port
/// counts for addresses without one.
#[derive(Debug, Clone)]
pub struct NameOverride {
    pub name: String,
    pub https: SocketAddr,
    pub http: SocketAddr,
}

/// What Autodiscover needs to know beforehand.
#[derive(Clone)]
pub struct Options {
    /// Services that are asked first.
    pub known: Vec<Url>,
    pub connection_points: Option<Arc<dyn ServiceConnectionPoints>>,
    pub services: Arc<dyn Services>,
    /// Certificate authorities to trust beside the system's, as PEM text.
    pub extra_roots: Vec<String>,
    /// Hosts, and domains with all hosts in them, to which a redirection may lead.
    pub trusted: Vec<String>,
    pub names: Vec<NameOverride>,
    /// The name server that knows the hosts; none: what the system knows.
    pub name_server: Option<SocketAddr>,
    /// For one request.
    pub request_timeout: Duration,
    /// For everything.
    pub timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            known: Vec::new(),
            connection_points: None,
            services: Arc::new(DnsServices::default()),
            extra_roots: Vec::new(),
            trusted: Vec::new(),
            names: Vec::new(),
            name_server: None,
            request_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(60),
        }
    }
}

/// Somebody was asked, and this came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// An address, or what else was looked at.
    pub place: String,
    /// How it ended, as a phrase.
    pub outcome: String,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.outcome)
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Addresses of EWS, the inner one first. They were not tried.
    pub ews_urls: Vec<Url>,
    pub version: Option<Version>,
    /// The address that led there; another one than the one asked for after a redirection.
    pub address: SmtpAddress,
    pub attempts: Vec<Attempt>,
}

/// Nothing was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NotFound {
    pub attempts: Vec<Attempt>,
    /// Services that are there and did not let us in: there was nobody to sign in as, or the password was refused.
    pub closed: Vec<Url>,
    /// A service refused the password.
    pub password_refused: bool,
    /// A service has no mailbox for the address.
    pub no_such_mailbox: bool,
    /// A host showed a certificate of an authority that is not trusted.
    pub untrusted: Option<String>,
}

/// A client of Autodiscover.
pub struct Autodiscover {
    exchange: exchange::Exchange,
    options: Options,
}

impl Autodiscover {
    /// # Errors
    /// When a certificate authority can't be read. No connection is made yet.
    pub fn new(options: Options) -> Result<Self, ClientError> {
        Ok(Self { exchange: exchange::Exchange::new(&options)?, options })
    }

    /// Finds the server for an address. Ends within [`Options::timeout`].
    ///
    /// # Errors
    /// With every attempt and how it ended.
    pub async fn find(&self, address: &SmtpAddress, credentials: Option<&Credentials>) -> Result<Found, NotFound> {
        find::find(&self.exchange, &self.options, address, credentials).await
    }
}
