//! One attempt at one message: find the sender's copy, decide, carry it out, marked.
//!
//! ```text
//! read ─ in scope? ─ class ─┬─ mailbox of From ──┬─ FindItem ─ plan ─ change in place, else replace; or add a copy
//!                           └─ that of Sender, ──┤
//!                              if nothing is     └─ nothing in either: sometimes FindFolder, FindItem in all folders
//!                              found there
//! ```
//!
//! Requests: two for a message without attachments (`FindItem`, `UpdateItem`), one for a message that is done, has
//! not been stored yet, or whose sender has no mailbox; with attachments a `GetItem` and what they need beside.
//! A copy that is not, or no longer, in Sent Items is looked for elsewhere (`elsewhere.rs`): seldom, because most of
//! those that aren't found have only not been stored yet.
//!
//! Several messages of one mailbox share these requests (`together.rs`), as far as they need no others.
//!
//! # Fidelity
//!
#![doc = include_str!("fidelity.md")]

mod attachments;
mod elsewhere;
mod look;
mod mark;
mod owned;
mod pace;
mod plan;
mod rules;
mod together;
mod visit;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::boundaries::Boundaries;
use super::clock::Clock;
use super::dispatcher::{Attempt, Engine};
use super::exchange::{self, Elsewhere, MOST_SERVERS, Ways};
use super::queue::{Job, QueueError};
use super::scope::{InScope, Scope};
use super::settings_store::InForce;
use super::spool::IN_MEMORY;
use crate::ews::{ErrorClass, ResponseCode};
use crate::message::ProcessedMessage;
use crate::pipe::types::{Outcome, Rule};
use crate::settings::{Options, SmtpAddress};

pub use look::sent_copy;

use mark::Order;
use pace::Pace;
use visit::{Looked, Place, Trouble, Visit};

/// What is waited for when all is done after an attempt that broke off.
const TO_SEE_AGAIN: &str = "Sent Items shows the message; an earlier request was believed lost and may have been carried out \
     since, so that it is looked at once more";

/// Looks after which the second copy of a message on behalf is waited for no longer, two minutes by the usual schedule.
const LOOKS_FOR_THE_OTHER: u32 = 8;

/// Updates mailboxes through EWS, with one set of settings.
pub struct MailboxEngine {
    /// The ways to mailboxes.
    client: Ways,
    scope: Scope,
    options: Options,
    /// Addresses that turned out to be secondary ones, folded, and the primary ones to use.
    primaries: Mutex<HashMap<String, SmtpAddress>>,
    /// How many messages share a request. Fewer once the server found a request too complex.
    at_once: AtomicUsize,
    /// What searches take.
    pace: Arc<Pace>,
    boundaries: Boundaries,
}

impl MailboxEngine {
    /// # Errors
    /// In words for the administrator, when the settings lack something or the address can't be used.
    pub fn new(in_force: &InForce, scope: &Scope) -> Result<Self, String> {
        Ok(Self {
            client: exchange::connect(in_force, Clock::system()).map_err(|error| error.to_string())?,
            scope: scope.clone(),
            options: in_force.settings.options,
            primaries: Mutex::default(),
            // In copy mode each message is a request that stores it.
            at_once: AtomicUsize::new(if in_force.settings.options.create_copy { 1 } else { together::MOST }),
            pace: Arc::default(),
            boundaries: Boundaries::default(),
        })
    }

    /// With somebody who watches the boundaries that are passed.
    #[must_use]
    pub fn watched(self, boundaries: Boundaries) -> Self {
        Self { boundaries, ..self }
    }

    /// Those whose mailboxes are to be updated. As long as that is not known of one of them, the reason: nothing is
    /// updated on a guess, and nothing is left out for good.
    fn in_scope<'m>(&self, owners: impl Iterator<Item = &'m SmtpAddress>) -> Result<Vec<&'m SmtpAddress>, String> {
        let mut included = Vec::with_capacity(2);
        for owner in owners {
            match self.scope.contains(owner) {
                InScope::Yes => included.push(owner),
                InScope::No => {}
                InScope::Unknown(reason) => return Err(reason.to_string()),
            }
        }
        Ok(included)
    }

    /// Goes to one mailbox.
    async fn visit(&self, owner: &SmtpAddress, message: &ProcessedMessage, job: &Job, place: Place) -> Attempt {
        let mut address = self.primary_of(owner).unwrap_or_else(|| owner.clone());
        let mut servers = 1;
        loop {
            let visit = self.visit_of(&address, message, job, place);
            let server = visit.mailbox.server_url().to_owned();
            let trouble = match visit.run().await {
                Ok(Looked::Ended(outcome)) => return Attempt::Finished(outcome),
                Ok(Looked::NotThere) => return not_there(&address, place),
                Ok(Looked::ToSeeAgain) => return Attempt::LastingError { reason: TO_SEE_AGAIN.to_owned() },
                Err(trouble) => trouble,
            };
            // Of the first request it is known that nothing was done yet.
            if trouble.first && servers < MOST_SERVERS {
                match self.client.elsewhere(&address, &server, &trouble.error).await {
                    Elsewhere::Yes => {
                        servers += 1;
                        continue;
                    }
                    Elsewhere::Unknown => return Attempt::Error { reason: trouble.to_string() },
                    Elsewhere::No => {}
                }
            }
            match trouble.error.class() {
                // Once: a server that sends us round in circles has no mailbox for us.
                ErrorClass::NonPrimaryAddress(primary) if address == *owner && primary != *owner => {
                    self.keep_primary(owner, primary.clone());
                    address = primary;
                }
                class => return reaction(&class, &trouble, &address),
            }
        }
    }

    fn visit_of<'m>(&self, address: &SmtpAddress, message: &'m ProcessedMessage, job: &Job, place: Place) -> Visit<'m> {
        Visit {
            mailbox: self.client.mailbox(address),
            place,
            message,
            order: Order { accepted_at: job.accepted_at, number: job.id },
            options: self.options,
            token: rand::random(),
            repeated: job.error_tries > 0,
            stored: AtomicBool::new(false),
            pace: self.pace.clone(),
            boundaries: self.boundaries.clone(),
        }
    }

    /// Goes to one mailbox after the other until the message is dealt with.
    async fn visit_each<'m>(
        &self,
        owners: &[&'m SmtpAddress],
        message: &ProcessedMessage,
        job: &Job,
        place: Place,
    ) -> Result<Attempt, Unsettled<'m>> {
        let mut gravest: Option<Attempt> = None;
        let mut empty = Vec::new();
        for owner in owners {
            // In a box of its own, so that who holds many attempts does not hold them on its stack.
            let attempt = Box::pin(self.visit(owner, message, job, place)).await;
            let rank = rank(&attempt);
            if rank == Rank::Settled {
                return Ok(attempt);
            }
            if rank == Rank::NotFoundYet {
                empty.push(*owner);
            }
            // Of two that are equal, the author's mailbox is the one to speak of.
            if gravest.as_ref().is_none_or(|other| rank < self::rank(other)) {
                gravest = Some(attempt);
            }
        }
        let attempt = gravest.unwrap_or_else(|| Attempt::Error { reason: "no mailbox was looked at".to_owned() });
        Err(Unsettled { attempt, empty })
    }

    /// Deals with the copies in both mailboxes. One that has none is waited for a while only, once the other is done:
    /// Exchange may not keep a second copy for this mailbox.
    async fn visit_both(&self, owners: &[&SmtpAddress], message: &ProcessedMessage, job: &Job) -> Attempt {
        let (mut settled, mut open) = (None, None);
        for owner in owners {
            let mut attempt = Box::pin(self.visit(owner, message, job, Place::SentItems)).await;
            if job.elsewhere && matches!(attempt, Attempt::NotFoundYet { .. }) {
                attempt = Box::pin(self.visit(owner, message, job, Place::Elsewhere)).await;
            }
            // What was written first is the one to speak of.
            let place = if rank(&attempt) == Rank::Settled { &mut settled } else { &mut open };
            let already =
                |attempt: &Attempt| matches!(attempt, Attempt::Finished(end) if end.rule == Rule::AlreadyDone);
            if place.as_ref().is_none_or(|other| rank(&attempt) < rank(other) || already(other)) {
                *place = Some(attempt);
            }
        }
        match (settled, open) {
            (Some(done), Some(Attempt::NotFoundYet { .. })) if job.not_found_tries + 1 >= LOOKS_FOR_THE_OTHER => done,
            (Some(done), None) => done,
            (Some(done), Some(Attempt::Finished(_))) => done,
            (Some(_), Some(Attempt::NotFoundYet { reason })) => {
                Attempt::NotFoundYet { reason: format!("{reason}; the copy of the other mailbox is dealt with") }
            }
            (_, Some(open)) => open,
            (None, None) => Attempt::Error { reason: "no mailbox was looked at".to_owned() },
        }
    }

    /// What can be told of a message before a request is made: the mailboxes to look into, or how the attempt ends.
    fn prepare<'m>(&self, message: &'m ProcessedMessage) -> Result<Vec<&'m SmtpAddress>, Attempt> {
        // The copy is with the one who is named as the author, or with the one who sent on behalf.
        let owners = [Some(message.from()), message.sender()].into_iter().flatten();
        let owners = self.in_scope(owners).map_err(|reason| Attempt::ScopeUnknown { reason })?;
        if owners.is_empty() {
            let reason = format!("{} is not in the senders' scope", message.from());
            return Err(Attempt::Finished(Outcome::new(Rule::OutOfScope, reason)));
        }
        match rules::by_class(message.class()) {
            Some(outcome) => Err(Attempt::Finished(outcome)),
            None => Ok(owners),
        }
    }

    fn primary_of(&self, address: &SmtpAddress) -> Option<SmtpAddress> {
        let primaries = self.primaries.lock().unwrap_or_else(PoisonError::into_inner);
        primaries.get(address.folded()).cloned()
    }

    fn keep_primary(&self, address: &SmtpAddress, primary: SmtpAddress) {
        let mut primaries = self.primaries.lock().unwrap_or_else(PoisonError::into_inner);
        primaries.insert(address.folded().to_owned(), primary);
    }
}

impl Engine for MailboxEngine {
    async fn attempt(&self, job: &Job) -> Attempt {
        let message = match read(job).await {
            Ok(message) => message,
            Err(attempt) => return attempt,
        };
        let owners = match self.prepare(&message) {
            Ok(owners) => owners,
            Err(attempt) => return attempt,
        };
        if self.options.both_copies && owners.len() > 1 {
            return self.visit_both(&owners, &message, job).await;
        }
        let in_sent_items = self.visit_each(&owners, &message, job, Place::SentItems).await;
        match in_sent_items {
            Ok(attempt) => attempt,
            // Both are looked at before one is searched through.
            Err(Unsettled { attempt: Attempt::NotFoundYet { .. }, empty }) if job.elsewhere => {
                match self.visit_each(&empty, &message, job, Place::Elsewhere).await {
                    Ok(attempt) | Err(Unsettled { attempt, .. }) => attempt,
                }
            }
            Err(Unsettled { attempt, .. }) => attempt,
        }
    }

    fn at_once(&self) -> usize {
        self.at_once.load(Ordering::Relaxed)
    }

    fn pressure(&self) -> Option<f64> {
        self.pace.pressure()
    }

    async fn attempt_together(&self, jobs: &[Job]) -> Vec<Option<Attempt>> {
        self.together(jobs).await
    }
}

/// What came of mailboxes of which none dealt with the message.
struct Unsettled<'m> {
    attempt: Attempt,
    /// The owners of those that have no copy.
    empty: Vec<&'m SmtpAddress>,
}

fn not_there(address: &SmtpAddress, place: Place) -> Attempt {
    let reason = match place {
        Place::SentItems => format!("there is no copy in Sent Items of {address}"),
        Place::Elsewhere => format!("there is no copy in Sent Items of {address}, nor in another folder"),
    };
    Attempt::NotFoundYet { reason }
}

/// Which of two mailboxes decides: the one where the message was dealt with, else the one that leaves most open.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Settled,
    Hold,
    Throttled,
    Error,
    NotFoundYet,
    Denied,
    NoMailbox,
}

fn rank(attempt: &Attempt) -> Rank {
    match attempt {
        Attempt::Finished(outcome) if outcome.rule == Rule::NoMailbox => Rank::NoMailbox,
        Attempt::Finished(_) => Rank::Settled,
        Attempt::Hold { .. } => Rank::Hold,
        Attempt::Throttled { .. } => Rank::Throttled,
        Attempt::Error { .. } | Attempt::LastingError { .. } | Attempt::ScopeUnknown { .. } => Rank::Error,
        Attempt::NotFoundYet { .. } => Rank::NotFoundYet,
        Attempt::Denied { .. } => Rank::Denied,
    }
}

/// What an error asks for.
fn reaction(class: &ErrorClass, trouble: &Trouble, address: &SmtpAddress) -> Attempt {
    let reason = trouble.to_string();
    match class {
        ErrorClass::Denied => Attempt::Denied { reason },
        ErrorClass::NoMailbox => {
            let code = trouble.error.code().map_or(String::new(), |code| format!(" ({code})"));
            let reason = format!("the sender has no mailbox: Exchange knows none with the address {address}{code}");
            Attempt::Finished(Outcome::new(Rule::NoMailbox, reason))
        }
        ErrorClass::Throttled { back_off } => Attempt::Throttled { reason, back_off: *back_off },
        // Believed only of the first request: once the server has answered, it is this message that a proxy or the
        // server dislikes, and it must not hold up the others for ever.
        ErrorClass::Hold if trouble.first => Attempt::Hold { reason },
        ErrorClass::NotUpdatable | ErrorClass::Refused | ErrorClass::NonPrimaryAddress(_) => {
            Attempt::Finished(Outcome::new(Rule::Refused, reason))
        }
        ErrorClass::QuotaExceeded => Attempt::LastingError { reason },
        ErrorClass::MailboxTemporary if lasts(trouble.error.code()) => Attempt::LastingError { reason },
        ErrorClass::MailboxTemporary | ErrorClass::ItemGone | ErrorClass::Conflict | ErrorClass::Hold => {
            Attempt::Error { reason }
        }
    }
}

/// Whether the mailbox is away for longer than a moment.
fn lasts(code: Option<&ResponseCode>) -> bool {
    matches!(
        code,
        Some(
            ResponseCode::ErrorMailboxMoveInProgress
                | ResponseCode::ErrorMailboxStoreUnavailable
                | ResponseCode::ErrorNoRespondingCASInDestinationSite
                | ResponseCode::ErrorNoApplicableProxyCASServersAvailable
        )
    )
}

/// The message, read. A large one takes long enough to hold up others on the same thread.
async fn read(job: &Job) -> Result<ProcessedMessage, Attempt> {
    let bytes = job.fetch().await.map_err(|error| match error {
        QueueError::ContentGone { .. } => Attempt::Finished(Outcome::new(Rule::Unusable, error.to_string())),
        _ => Attempt::Error { reason: error.to_string() },
    })?;
    let parsed = if bytes.len() > IN_MEMORY {
        tokio::task::spawn_blocking(move || ProcessedMessage::parse(bytes))
            .await
            .map_err(|error| Attempt::Error { reason: format!("the message could not be read: {error}") })?
    } else {
        ProcessedMessage::parse(bytes)
    };
    parsed.map_err(|problem| Attempt::Finished(Outcome::new(Rule::Unusable, problem.to_string())))
}
