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
use tokio::sync::Semaphore;
use tracing::{info, warn};

use crate::ews::{Client, ErrorClass, EwsError, FolderId, Mailbox, ResponseCode};
use crate::settings::SmtpAddress;
use crate::updater::clock::Clock;

/// How long a server stands in for the configured one before that one is tried again, in milliseconds.
const STANDS_IN: i64 = 60 * MINUTE;

/// How long it is remembered where a mailbox is, in milliseconds.
const REMEMBERED: i64 = 24 * 60 * MINUTE;

const MINUTE: i64 = 60_000;

/// Pauses between searches that lead nowhere, in minutes; the last one repeats.
const PAUSES: [i64; 6] = [1, 2, 5, 15, 30, 60];

/// Searches for single mailboxes at the same time.
const AT_ONCE: usize = 2;

/// Mailboxes of which something is remembered.
const MOST_MAILBOXES: usize = 10_000;

/// Finds the server of a mailbox.
pub trait Find: Send + Sync {
    /// Addresses of EWS, the preferred first; the error is a phrase. Ends within a bounded time.
    fn find<'a>(&'a self, mailbox: &'a SmtpAddress) -> BoxFuture<'a, Result<Vec<Url>, String>>;
}

/// Makes a client for an address of EWS.
pub type Open = dyn Fn(&Url) -> Result<Client, String> + Send + Sync;

/// The ways to all mailboxes, with one set of settings.
pub struct Ways {
    configured: Way,
    search: Option<Search>,
    clock: Clock,
    known: Mutex<Known>,
    /// One search for a server that is gone.
    gone: tokio::sync::Mutex<()>,
    moved: Semaphore,
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

#[derive(Default)]
struct Known {
    stand_in: Option<(Way, i64)>,
    pause: Pause,
    mailboxes: HashMap<String, Whereabouts>,
}

/// What is known of one mailbox.
#[derive(Default)]
struct Whereabouts {
    way: Option<(Way, i64)>,
    pause: Pause,
}

/// When may be searched again.
#[derive(Debug, Default, Clone, Copy)]
struct Pause {
    searches: usize,
    until: i64,
}

impl Pause {
    fn failed(&mut self, now: i64) {
        self.until = now + PAUSES[self.searches.min(PAUSES.len() - 1)] * MINUTE;
        self.searches += 1;
    }

    fn succeeded(&mut self, now: i64) {
        *self = Self { searches: 0, until: now + PAUSES[0] * MINUTE };
    }
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
        let known = Mutex::default();
        Self {
            configured,
            search: None,
            clock,
            known,
            gone: tokio::sync::Mutex::default(),
            moved: Semaphore::new(AT_ONCE),
        }
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
        let now = self.clock.now_ms();
        let mut known = self.known();
        if known.stand_in.as_ref().is_some_and(|(_, until)| *until <= now) {
            known.stand_in = None;
        }
        let own = known.mailboxes.get(address.folded()).and_then(|one| one.way.as_ref());
        let own = own.filter(|(_, until)| *until > now);
        own.or(known.stand_in.as_ref()).map_or_else(|| self.configured.clone(), |(way, _)| way.clone())
    }

    /// A server that was found is gone as well.
    fn leave(&self, address: &SmtpAddress, tried: &str) {
        let mut known = self.known();
        if let Some(one) = known.mailboxes.get_mut(address.folded()) {
            one.way.take_if(|(way, _)| way.url == tried);
        }
        known.stand_in.take_if(|(way, _)| way.url == tried);
    }

    /// Whether a way of the mailbox's own was known.
    fn forget(&self, address: &SmtpAddress) -> bool {
        let now = self.clock.now_ms();
        let mut known = self.known();
        let way = known.mailboxes.get_mut(address.folded()).and_then(|one| one.way.take());
        way.is_some_and(|(_, until)| until > now)
    }

    async fn search_for_all(&self, search: &Search, address: &SmtpAddress, tried: &str, error: &EwsError) -> Elsewhere {
        let _only = self.gone.lock().await;
        // While we waited for another search to end.
        if self.way(address).url != tried {
            return Elsewhere::Yes;
        }
        if self.known().pause.until > self.clock.now_ms() {
            return Elsewhere::No;
        }
        let found = search.another(address, tried, accepted_in_place_of_all).await;
        let now = self.clock.now_ms();
        let mut known = self.known();
        match found {
            Ok(way) => {
                warn!(server = tried, %error, found = way.url, "the server is gone; Autodiscover found another one");
                known.pause.succeeded(now);
                known.stand_in = Some((way, now + STANDS_IN));
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
        let Ok(_place) = self.moved.try_acquire() else { return Err(Nowhere::NotSearched) };
        let now = self.clock.now_ms();
        let pause = self.known().mailboxes.get(address.folded()).map_or(Pause::default(), |one| one.pause);
        if pause.until > now {
            return Err(Nowhere::NotSearched);
        }
        let found = search.another(address, tried, accepted_for_one).await;
        let now = self.clock.now_ms();
        let mut known = self.known();
        if known.mailboxes.len() >= MOST_MAILBOXES && !known.mailboxes.contains_key(address.folded()) {
            known.mailboxes.retain(|_, one| one.pause.until > now || one.way.is_some());
            if known.mailboxes.len() >= MOST_MAILBOXES {
                known.mailboxes.clear();
            }
        }
        let one = known.mailboxes.entry(address.folded().to_owned()).or_insert(Whereabouts { way: None, pause });
        match found {
            Ok(way) => {
                info!(mailbox = %address, server = tried, %error, found = way.url, "Autodiscover found the mailbox elsewhere");
                one.pause.succeeded(now);
                one.way = Some((way, now + REMEMBERED));
                Ok(())
            }
            Err(why) => {
                one.pause.failed(now);
                info!(mailbox = %address, server = tried, %error, %why, "Autodiscover found the mailbox nowhere else");
                Err(why)
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
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
