//! Which server a mailbox is reached on: the configured one, unless it is gone or the mailbox is elsewhere. Then
//! Autodiscover is asked again.
//!
//! - *The server is gone* (no connection, a redirection, no EWS there any more): one search for all who notice it. What
//!   it finds stands in for the configured server for an hour, then that one is tried again.
//! - *The mailbox is elsewhere*: a search for that mailbox, kept for a day. Few at a time, so that mailboxes that are
//!   being moved by the hundred hold up nobody else.
//!
//! A server that is found counts only after it has answered a request for the mailbox. A search that led nowhere is
//! repeated after growing pauses. When a found server fails, the configured one is tried again: it is never forgotten.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use reqwest::Url;
use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};

use super::servers::{MINUTE, Servers, Whereabouts};
use crate::ews::{Client, ErrorClass, EwsError, FolderId, Mailbox, ResponseCode};
use crate::settings::SmtpAddress;
use crate::updater::clock::Clock;

/// Servers that are tried for one message or question: one that was found, the configured one, and the next that is found.
pub const MOST_SERVERS: usize = 3;

/// How long a server stands in for the configured one before that one is tried again, in milliseconds.
const STANDS_IN: i64 = 60 * MINUTE;

/// How long it is remembered where a mailbox is, in milliseconds.
const REMEMBERED: i64 = 24 * 60 * MINUTE;

/// Mailboxes of which something is remembered.
const MOST_MAILBOXES: usize = 10_000;

/// Finds the server of a mailbox.
pub trait Find: Send + Sync {
    /// Addresses of EWS, the preferred first; the error is a phrase. Ends within a bounded time.
    fn find<'a>(&'a self, mailbox: &'a SmtpAddress) -> BoxFuture<'a, Result<Vec<Url>, String>>;
}

/// Makes a client for an address of EWS.
pub type Open = dyn Fn(&Url) -> Result<Client, String> + Send + Sync;

/// The ways to all mailboxes, with one set of settings. What one finds, all find that share [`Servers`].
pub struct Ways {
    configured: Way,
    search: Option<Search>,
    clock: Clock,
    servers: Arc<Servers>,
    /// To servers that were found, by address: few, and used again.
    clients: Mutex<HashMap<String, Client>>,
}

struct Search {
    find: Arc<dyn Find>,
    open: Box<Open>,
    /// A mailbox that is not there may be in the other half of the organisation.
    hybrid: bool,
}

#[derive(Debug, Clone)]
struct Way {
    /// As [`Mailbox::server_url`] gives it.
    url: String,
    client: Client,
}

/// Whether there is another server to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elsewhere {
    Yes,
    No,
    /// The mailbox is not on the server that stands in, and could not be searched for: it may be on one that is gone.
    Unknown,
}

/// What an error says about where to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// The server, for every mailbox.
    Gone,
    /// This mailbox is elsewhere, or can't be reached from there.
    Moved,
    /// There is no such mailbox.
    Nobody,
}

impl Ways {
    /// To the configured server alone.
    #[must_use]
    pub fn fixed(url: &Url, client: Client, clock: Clock) -> Self {
        let configured = Way { url: url.to_string(), client };
        Self { configured, search: None, clock, servers: Arc::default(), clients: Mutex::default() }
    }

    /// Goes by what others know as well, and tells them what it finds.
    #[must_use]
    pub fn sharing(self, servers: Arc<Servers>) -> Self {
        Self { servers, ..self }
    }

    /// With another clock.
    #[cfg(test)]
    #[must_use]
    pub fn by(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Searches where the configured server does not do.
    #[must_use]
    pub fn searching(self, find: Arc<dyn Find>, open: Box<Open>, hybrid: bool) -> Self {
        Self { search: Some(Search { find, open, hybrid }), ..self }
    }

    /// The mailbox on the server where it is, as far as that is known.
    #[must_use]
    pub fn mailbox(&self, address: &SmtpAddress) -> Mailbox {
        self.way(address).client.mailbox(address)
    }

    /// Asks something of a mailbox for a person who waits, on another server where the first one does not do. A search that
    /// outlasts the patience goes on, for whoever asks next.
    ///
    /// # Errors
    /// What the last server said that answered in time.
    pub async fn ask<T, F>(
        self: &Arc<Self>,
        address: &SmtpAddress,
        until: Instant,
        question: impl Fn(Mailbox) -> F,
    ) -> Result<T, Arc<EwsError>>
    where
        F: Future<Output = Result<T, EwsError>>,
    {
        let mailbox = self.mailbox(address);
        let mut tried = mailbox.server_url().to_owned();
        let mut error = match question(mailbox).await {
            Ok(answer) => return Ok(answer),
            Err(error) => Arc::new(error),
        };
        for _ in 1..MOST_SERVERS {
            let (ways, whose, at, failed) = (self.clone(), address.clone(), tried, error.clone());
            let search = tokio::spawn(async move { ways.elsewhere(&whose, &at, &failed).await });
            let Ok(Ok(Elsewhere::Yes)) = timeout_at(until, search).await else { break };
            let mailbox = self.mailbox(address);
            tried = mailbox.server_url().to_owned();
            match timeout_at(until, question(mailbox)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(another)) => error = Arc::new(another),
                Err(_) => break,
            }
        }
        Err(error)
    }

    /// Version of Exchange, as one of the servers told it.
    #[must_use]
    pub fn version(&self) -> Option<String> {
        let found = self.clients();
        let mut clients = std::iter::once(&self.configured.client).chain(found.values());
        clients.find_map(Client::server_version).map(|version| version.to_string())
    }

    /// Whether there is another server to try after this error of the first request to a mailbox. `tried` is the address
    /// at which it was.
    pub async fn elsewhere(&self, address: &SmtpAddress, tried: &str, error: &EwsError) -> Elsewhere {
        let Some(search) = &self.search else { return Elsewhere::No };
        let Some(reason) = reason(error) else { return Elsewhere::No };
        // Somebody else has found another way meanwhile.
        if self.way(address).url != tried {
            return Elsewhere::Yes;
        }
        let at_configured = tried == self.configured.url;
        match reason {
            Reason::Gone if at_configured => self.search_for_all(search, address, tried, error).await,
            Reason::Gone => {
                info!(mailbox = %address, server = tried, %error, "back to the configured server");
                self.leave(address, tried);
                Elsewhere::Yes
            }
            // It went on from where it was found.
            Reason::Moved | Reason::Nobody if self.forget(address) => Elsewhere::Yes,
            Reason::Moved => match self.search_for_one(search, address, tried, error).await {
                Ok(()) => Elsewhere::Yes,
                Err(_) => Elsewhere::No,
            },
            Reason::Nobody if at_configured && !search.hybrid => Elsewhere::No,
            Reason::Nobody => match self.search_for_one(search, address, tried, error).await {
                Ok(()) => Elsewhere::Yes,
                Err(Nowhere::Same) => Elsewhere::No,
                Err(_) if at_configured => Elsewhere::No,
                Err(_) => Elsewhere::Unknown,
            },
        }
    }

    fn way(&self, address: &SmtpAddress) -> Way {
        self.servers
            .of(address, self.clock.now_ms())
            .and_then(|url| self.at(url))
            .unwrap_or_else(|| self.configured.clone())
    }

    /// The way to a server that was found, maybe by somebody else.
    fn at(&self, url: String) -> Option<Way> {
        let mut clients = self.clients();
        if let Some(client) = clients.get(&url) {
            return Some(Way { client: client.clone(), url });
        }
        let opened = (self.search.as_ref()?.open)(&Url::parse(&url).ok()?);
        let client =
            opened.inspect_err(|problem| warn!(server = url, problem, "there is no way to this server")).ok()?;
        clients.insert(url.clone(), client.clone());
        Some(Way { url, client })
    }

    fn clients(&self) -> MutexGuard<'_, HashMap<String, Client>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A server that was found is gone as well.
    fn leave(&self, address: &SmtpAddress, tried: &str) {
        let mut known = self.servers.known();
        if let Some(one) = known.mailboxes.get_mut(address.folded()) {
            one.server.take_if(|(url, _)| url == tried);
        }
        known.stand_in.take_if(|(url, _)| url == tried);
    }

    /// Whether a way of the mailbox's own was known.
    fn forget(&self, address: &SmtpAddress) -> bool {
        let now = self.clock.now_ms();
        let mut known = self.servers.known();
        let server = known.mailboxes.get_mut(address.folded()).and_then(|one| one.server.take());
        server.is_some_and(|(_, until)| until > now)
    }

    async fn search_for_all(&self, search: &Search, address: &SmtpAddress, tried: &str, error: &EwsError) -> Elsewhere {
        let _only = self.servers.gone.lock().await;
        // While we waited for another search to end.
        if self.way(address).url != tried {
            return Elsewhere::Yes;
        }
        if self.servers.known().pause.until > self.clock.now_ms() {
            return Elsewhere::No;
        }
        let found = search.another(address, tried, accepted_in_place_of_all).await;
        let now = self.clock.now_ms();
        let mut known = self.servers.known();
        match found {
            Ok(way) => {
                warn!(server = tried, %error, found = way.url, "the server is gone; Autodiscover found another one");
                known.pause.succeeded(now);
                known.stand_in = Some((way.url.clone(), now + STANDS_IN));
                drop(known);
                self.clients().insert(way.url, way.client);
                Elsewhere::Yes
            }
            Err(why) => {
                known.pause.failed(now);
                warn!(server = tried, %error, %why, "the server is gone, and Autodiscover found no other");
                Elsewhere::No
            }
        }
    }

    async fn search_for_one(
        &self,
        search: &Search,
        address: &SmtpAddress,
        tried: &str,
        error: &EwsError,
    ) -> Result<(), Nowhere> {
        // Who finds all places taken comes again with the next try of the message.
        let Ok(_place) = self.servers.moved.try_acquire() else { return Err(Nowhere::NotSearched) };
        let now = self.clock.now_ms();
        let pause = self.servers.known().mailboxes.get(address.folded()).map_or_else(Default::default, |one| one.pause);
        if pause.until > now {
            return Err(Nowhere::NotSearched);
        }
        let found = search.another(address, tried, accepted_for_one).await;
        let now = self.clock.now_ms();
        let mut known = self.servers.known();
        if known.mailboxes.len() >= MOST_MAILBOXES && !known.mailboxes.contains_key(address.folded()) {
            known.mailboxes.retain(|_, one| one.pause.until > now || one.server.is_some());
            if known.mailboxes.len() >= MOST_MAILBOXES {
                known.mailboxes.clear();
            }
        }
        let one = known.mailboxes.entry(address.folded().to_owned()).or_insert(Whereabouts { server: None, pause });
        match found {
            Ok(way) => {
                info!(mailbox = %address, server = tried, %error, found = way.url, "Autodiscover found the mailbox elsewhere");
                one.pause.succeeded(now);
                one.server = Some((way.url.clone(), now + REMEMBERED));
                drop(known);
                self.clients().insert(way.url, way.client);
                Ok(())
            }
            Err(why) => {
                one.pause.failed(now);
                info!(mailbox = %address, server = tried, %error, %why, "Autodiscover found the mailbox nowhere else");
                Err(why)
            }
        }
    }
}

/// Why a search led nowhere else.
#[derive(Debug, thiserror::Error)]
enum Nowhere {
    #[error("it names the same server")]
    Same,
    #[error("{0}")]
    NotFound(String),
    /// A search before this one led nowhere, or others are under way.
    #[error("it was not asked")]
    NotSearched,
}

impl Search {
    /// The first server that Autodiscover names, if it is another one and does.
    async fn another(
        &self,
        address: &SmtpAddress,
        tried: &str,
        accepts: fn(&Result<(), EwsError>) -> bool,
    ) -> Result<Way, Nowhere> {
        let urls = self.find.find(address).await.map_err(Nowhere::NotFound)?;
        let mut why = Nowhere::Same;
        for url in urls.iter().filter(|url| url.as_str() != tried) {
            let client = match (self.open)(url) {
                Ok(client) => client,
                Err(problem) => {
                    why = Nowhere::NotFound(problem);
                    continue;
                }
            };
            let answer = client.mailbox(address).get_folder(&FolderId::SENT_ITEMS).await.map(|_| ());
            if accepts(&answer) {
                return Ok(Way { url: url.to_string(), client });
            }
            if let Err(error) = answer {
                why = Nowhere::NotFound(error.to_string());
            }
        }
        Err(why)
    }
}

/// It is Exchange that answers; what it says of one mailbox says nothing of the others.
fn accepted_in_place_of_all(answer: &Result<(), EwsError>) -> bool {
    matches!(answer, Ok(()) | Err(EwsError::Response(_) | EwsError::Fault(_)))
        && !answer.as_ref().is_err_and(|error| error.class() == ErrorClass::Hold)
}

fn accepted_for_one(answer: &Result<(), EwsError>) -> bool {
    match answer {
        Ok(()) => true,
        Err(error) => matches!(error.class(), ErrorClass::Throttled { .. }),
    }
}

fn reason(error: &EwsError) -> Option<Reason> {
    match error {
        EwsError::Connect { .. } | EwsError::Tls { .. } | EwsError::Redirected { .. } | EwsError::NotEws { .. } => {
            Some(Reason::Gone)
        }
        EwsError::Http { status: 404 | 410 | 421, .. } => Some(Reason::Gone),
        EwsError::Response(refusal) | EwsError::Fault(refusal) => of_code(&refusal.code),
        _ => None,
    }
}

fn of_code(code: &ResponseCode) -> Option<Reason> {
    use ResponseCode as Code;
    match code {
        Code::ErrorNoRespondingCASInDestinationSite
        | Code::ErrorNoApplicableProxyCASServersAvailable
        | Code::ErrorNoDestinationCASDueToKerberosRequirements
        | Code::ErrorNoDestinationCASDueToSSLRequirements
        | Code::ErrorNoDestinationCASDueToVersionMismatch
        | Code::ErrorCrossSiteRequest
        | Code::ErrorProxyServiceDiscoveryFailed
        | Code::ErrorServiceDiscoveryFailed
        | Code::ErrorAutoDiscoverFailed
        | Code::ErrorWrongServerVersion => Some(Reason::Moved),
        // Not in the schema, and seen all the same.
        Code::Other(word) if word == "ErrorMailboxMoved" => Some(Reason::Moved),
        Code::ErrorNonExistentMailbox | Code::ErrorMissingExchangePrincipal | Code::ErrorMailboxConfiguration => {
            Some(Reason::Nobody)
        }
        _ => None,
    }
}

impl std::fmt::Debug for Ways {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ways").field("configured", &self.configured.url).finish_non_exhaustive()
    }
}
