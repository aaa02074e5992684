//! Several messages of one mailbox in shared requests: one `FindItem` for the copies of all, one `UpdateItem` for all
//! that is to be changed.
//!
//! Shared is what the common path needs, and nothing else. A message that needs more, such as attachments, a copy or a
//! replacement, or that had trouble before, is left to an attempt of its own, and so is each message of a request
//! that came to nothing for a reason that may lie with one of them: no message fails because of another.
//!
//! Each change of an `UpdateItem` takes effect by itself and has a result of its own. When the answer is lost, the
//! marks tell the next attempts which changes were made.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::plan::Then;
use super::visit::{Place, Trouble, Visit, already_done, has_attachments, left_alone, said, search, superseded};
use super::{MailboxEngine, not_there, reaction, read};
use crate::ews::{ErrorClass, EwsError, Item, ItemId, Mailbox, ResponseCode, UpdateItem};
use crate::message::ProcessedMessage;
use crate::pipe::types::{Outcome, Rule};
use crate::settings::SmtpAddress;
use crate::updater::boundaries::Operation;
use crate::updater::dispatcher::Attempt;
use crate::updater::exchange::{Elsewhere, MOST_SERVERS};
use crate::updater::queue::{Job, JobContent};

/// Messages that share requests at the most. Exchange documents no number at which a restriction is too complex; what it
/// refuses is halved. One request does not keep a mailbox's server busy for longer than others should wait.
pub(super) const MOST: usize = 20;

/// Items of one Message-ID that there is room for in an answer, on average. What does not fit is nobody's common case.
const ITEMS_EACH: usize = 5;

/// A message of the group that shares requests.
struct Member {
    /// Its place in the group.
    at: usize,
    message: ProcessedMessage,
}

/// What came of each message of the group so far; none: it takes an attempt of its own.
type Ends = Vec<Option<Attempt>>;

impl MailboxEngine {
    pub(super) async fn together(&self, jobs: &[Job]) -> Ends {
        let mut ends: Ends = vec![None; jobs.len()];
        let mut members: Vec<Member> = Vec::with_capacity(jobs.len());
        for (at, job) in jobs.iter().enumerate() {
            // Whatever went wrong with it before must not go wrong with the others.
            if job.error_tries > 0 || matches!(job.content, JobContent::File(_) | JobContent::Remote(_)) {
                continue;
            }
            let message = match read(job).await {
                Ok(message) => message,
                Err(end) => {
                    ends[at] = Some(end);
                    continue;
                }
            };
            if let Err(end) = self.prepare(&message) {
                ends[at] = Some(end);
            } else if is_plain(&message) && !is_among(&members, &message) {
                members.push(Member { at, message });
            }
        }
        let Some(owner) = members.first().map(|member| member.message.from().clone()) else { return ends };
        members.retain(|member| *member.message.from() == owner);
        let mut address = self.primary_of(&owner).unwrap_or_else(|| owner.clone());
        let mut rest = &members[..];
        let mut servers = 1;
        while !rest.is_empty() {
            let (some, others) = rest.split_at(self.at_once.load(Ordering::Relaxed).clamp(1, rest.len()));
            match self.find_and_update(&address, jobs, some, &mut ends).await {
                Ok(()) => rest = others,
                Err(Stopped::TooMuch) => {
                    let half = (some.len() / 2).max(1);
                    self.at_once.fetch_min(half, Ordering::Relaxed);
                    if some.len() == 1 {
                        rest = others;
                    }
                }
                Err(Stopped::NonPrimary(primary)) if address == owner && primary != owner => {
                    self.keep_primary(&owner, primary.clone());
                    address = primary;
                }
                Err(Stopped::Elsewhere) if servers < MOST_SERVERS => servers += 1,
                // Each will find it out by itself, and say so in its own words.
                Err(Stopped::NonPrimary(_) | Stopped::Elsewhere) => return ends,
            }
        }
        ends
    }

    async fn find_and_update(
        &self,
        address: &SmtpAddress,
        jobs: &[Job],
        members: &[Member],
        ends: &mut Ends,
    ) -> Result<(), Stopped> {
        let messages: Vec<&ProcessedMessage> = members.iter().map(|member| &member.message).collect();
        let mailbox = self.client.mailbox(address);
        let room = u32::try_from(members.len() * ITEMS_EACH).unwrap_or(u32::MAX);
        let began = Instant::now();
        let search = search(&messages, room);
        let found = match self.boundaries.request(Operation::FindItem, mailbox.find_item(&search)).await {
            Ok(found) => {
                self.pace.took(began.elapsed());
                found
            }
            Err(error) if is_too_much(&error) => return Err(Stopped::TooMuch),
            Err(error) => {
                if let ErrorClass::NonPrimaryAddress(primary) = error.class() {
                    return Err(Stopped::NonPrimary(primary));
                }
                let trouble = Trouble { error, first: true };
                let attempt = match self.client.elsewhere(address, mailbox.server_url(), &trouble.error).await {
                    Elsewhere::Yes => return Err(Stopped::Elsewhere),
                    Elsewhere::Unknown => Some(Attempt::Error { reason: trouble.to_string() }),
                    Elsewhere::No => of_each(&trouble, address),
                };
                for member in members {
                    ends[member.at].clone_from(&attempt);
                }
                return Ok(());
            }
        };
        let all_known = found.includes_last;
        let Some(found) = by_message(&messages, found.items).filter(|_| all_known) else { return Ok(()) };

        let mut updates = Vec::new();
        let mut whose = Vec::new();
        for (member, items) in members.iter().zip(&found) {
            let job = &jobs[member.at];
            let visit = self.visit_of(address, &member.message, job, Place::SentItems);
            match next(&visit, items) {
                Next::Alone => {}
                Next::NotThere if job.elsewhere => {}
                Next::NotThere => ends[member.at] = Some(not_there(address, Place::SentItems)),
                Next::Ended(outcome) => ends[member.at] = Some(Attempt::Finished(outcome)),
                Next::Update(update, subject) => {
                    updates.push(update);
                    whose.push((member, subject));
                }
            }
        }
        self.update_in_parts(&mailbox, &updates, &whose, address, ends).await;
        Ok(())
    }

    /// Sends the changes, in halves if that is too much for the server.
    async fn update_in_parts(
        &self,
        mailbox: &Mailbox,
        updates: &[UpdateItem],
        whose: &[(&Member, bool)],
        address: &SmtpAddress,
        ends: &mut Ends,
    ) {
        let mut parts = vec![(updates, whose)];
        while let Some((updates, whose)) = parts.pop() {
            let results = match self.boundaries.request(Operation::UpdateItem, mailbox.update_items(updates)).await {
                Ok(results) => results,
                Err(error) if is_too_much(&error) => {
                    // A single one is tried by itself, with the words for what is wrong with it.
                    if updates.len() > 1 {
                        let half = updates.len() / 2;
                        parts.push((&updates[half..], &whose[half..]));
                        parts.push((&updates[..half], &whose[..half]));
                    }
                    continue;
                }
                Err(error) => {
                    let attempt = of_each(&Trouble { error, first: false }, address);
                    // What was not sent yet would meet the same, unless it was the fault of one.
                    let unsent = parts.drain(..).flat_map(|(_, whose)| whose);
                    for (member, _) in whose.iter().chain(unsent) {
                        ends[member.at].clone_from(&attempt);
                    }
                    return;
                }
            };
            record(results, whose, address, ends);
        }
    }
}

/// Whether it has nothing that takes requests of its own.
fn is_plain(message: &ProcessedMessage) -> bool {
    message.sender().is_none() && message.attachments().is_empty()
}

/// Whether one of them has the same Message-ID, as Exchange compares them.
fn is_among(members: &[Member], message: &ProcessedMessage) -> bool {
    let id = message.message_id().as_str();
    members.iter().any(|member| member.message.message_id().as_str().eq_ignore_ascii_case(id))
}

/// Why a shared search came to nothing.
enum Stopped {
    /// With fewer messages it may succeed.
    TooMuch,
    NonPrimary(SmtpAddress),
    /// The mailbox may be on another server, which is to be asked now.
    Elsewhere,
}

/// What it means for each message that a request for several failed. What concerns the mailbox or the server is so for
/// each of them. What may be the fault of one is left open: it shows when each is tried by itself.
fn of_each(trouble: &Trouble, address: &SmtpAddress) -> Option<Attempt> {
    match trouble.error.class() {
        class @ (ErrorClass::Denied
        | ErrorClass::NoMailbox
        | ErrorClass::Throttled { .. }
        | ErrorClass::MailboxTemporary
        | ErrorClass::Hold) => Some(reaction(&class, trouble, address)),
        ErrorClass::NonPrimaryAddress(_)
        | ErrorClass::ItemGone
        | ErrorClass::Conflict
        | ErrorClass::NotUpdatable
        | ErrorClass::QuotaExceeded
        | ErrorClass::Refused => None,
    }
}

/// Whether the request was more than the server takes at once.
fn is_too_much(error: &EwsError) -> bool {
    matches!(error, EwsError::RequestTooLarge { .. } | EwsError::TooLarge { .. })
        || matches!(
            error.code(),
            Some(
                ResponseCode::ErrorRestrictionTooComplex
                    | ResponseCode::ErrorRestrictionTooLong
                    | ResponseCode::ErrorQueryFilterTooLong
                    | ResponseCode::ErrorRequestStreamTooBig
                    | ResponseCode::ErrorMessageSizeExceeded
            )
        )
}

/// Gives each item to the message that it is a copy of. None if there is one that is nobody's: then it is not certain
/// that those without an item have none.
fn by_message(messages: &[&ProcessedMessage], items: Vec<Item>) -> Option<Vec<Vec<Item>>> {
    if messages.len() == 1 {
        return Some(vec![items]);
    }
    let folded = |id: &str| id.trim().to_ascii_lowercase();
    let places: HashMap<String, usize> =
        messages.iter().enumerate().map(|(at, message)| (folded(message.message_id().as_str()), at)).collect();
    let mut found: Vec<Vec<Item>> = messages.iter().map(|_| Vec::new()).collect();
    for item in items {
        let at = item.internet_message_id.as_deref().and_then(|id| places.get(&folded(id)))?;
        found[*at].push(item);
    }
    Some(found)
}

/// What is to be done for a message.
enum Next {
    Alone,
    NotThere,
    Ended(Outcome),
    Update(UpdateItem, bool),
}

fn next(visit: &Visit<'_>, items: &[Item]) -> Next {
    let plan = visit.plan(items);
    if !plan.remove.is_empty() {
        return Next::Alone;
    }
    match plan.then {
        Then::Wait => Next::NotThere,
        Then::AlreadyDone => Next::Ended(already_done()),
        Then::Superseded => Next::Ended(superseded()),
        Then::Add { .. } => Next::Alone,
        Then::Update { item, mode } => {
            let item = &items[item];
            match left_alone(item) {
                Some(outcome) => Next::Ended(outcome),
                None if has_attachments(item) => Next::Alone,
                None => {
                    let (update, subject) = visit.update_of(item, mode);
                    Next::Update(update, subject)
                }
            }
        }
    }
}

/// Each change has its own end.
fn record(results: Vec<Result<ItemId, EwsError>>, whose: &[(&Member, bool)], address: &SmtpAddress, ends: &mut Ends) {
    let mut throttled: Option<Attempt> = None;
    for ((member, subject), result) in whose.iter().zip(results) {
        ends[member.at] = match result {
            Ok(_) => Some(Attempt::Finished(Outcome::new(Rule::UpdatedInPlace, said(*subject, (0, 0))))),
            // The server did not come to it; it waits like the one that made the server stop.
            Err(error) if error.code() == Some(&ResponseCode::ErrorBatchProcessingStopped) => throttled.clone(),
            Err(error) => match error.class() {
                // To be replaced.
                ErrorClass::NotUpdatable => None,
                class => {
                    let attempt = reaction(&class, &Trouble { error, first: false }, address);
                    if matches!(attempt, Attempt::Throttled { .. }) {
                        throttled = Some(attempt.clone());
                    }
                    Some(attempt)
                }
            },
        };
    }
}
