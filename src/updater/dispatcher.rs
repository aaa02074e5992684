//! Decides what is worked on when: claims due messages, keeps within the limits of mailboxes and connections,
//! and puts back what could not be finished.
//!
//! Trouble has three reaches, and each holds up only what it concerns. A message that isn't there yet, or meets an
//! error, waits by itself. A mailbox that Exchange wants left alone pauses as a whole. Trouble with the server or
//! the account holds everything, with one message at a time as a probe after growing pauses; the messages lose
//! nothing by it, not even a try.

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp, Unit};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::clock::Clock;
use super::queue::{Job, LEASE, Postponed, Queue, QueueError};
use super::schedule::{self, Next};
use super::settings_store::InForce;
use crate::pipe::types::{Activity, Outcome, Rule};
use crate::settings::Settings;

/// What came of one go at a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    Finished(Outcome),
    /// The client has not stored its copy yet.
    NotFoundYet {
        reason: String,
    },
    /// A temporary error of this message or its mailbox.
    Error {
        reason: String,
    },
    /// The account may not impersonate this mailbox: one mailbox's trouble, or everybody's.
    Denied {
        reason: String,
    },
    /// Exchange asks to leave this mailbox alone for a while.
    Throttled {
        reason: String,
        back_off: Option<Duration>,
    },
    /// The server can't be reached or the account is not accepted: no message has a chance.
    Hold {
        reason: String,
    },
}

/// Works on messages, with one set of settings.
pub trait Engine: Send + Sync + 'static {
    fn attempt(&self, job: &Job) -> impl Future<Output = Attempt> + Send;
}

/// So many mailboxes in a row that deny impersonation, with none that allows it, are no coincidence.
const DENIED_MAILBOXES: usize = 3;

/// Pause of a mailbox that is throttled without a hint.
const BACK_OFF: Duration = Duration::from_secs(30);

/// Pauses before each probe while everything is held, in seconds; the last one repeats.
const HOLD_PAUSES: [i64; 6] = [2, 5, 15, 30, 60, 120];

/// Everything is held.
#[derive(Debug, Clone, Default)]
struct Hold {
    /// Probes that failed; none: nothing is held.
    failures: usize,
    until: i64,
    reason: String,
}

pub struct Dispatcher<E, M> {
    queue: Queue,
    clock: Clock,
    settings: watch::Receiver<Arc<InForce>>,
    activity: watch::Sender<Activity>,
    stop: CancellationToken,
    /// Makes an engine for new settings.
    make: M,
    engine: Option<Arc<E>>,
    ready: VecDeque<Job>,
    working: JoinSet<Attempt>,
    in_work: HashMap<tokio::task::Id, Arc<Job>>,
    /// Messages claimed or in work, by mailbox.
    by_mailbox: HashMap<String, usize>,
    paused: HashMap<String, i64>,
    denied: HashSet<String>,
    hold: Hold,
    renewed_at: i64,
}

impl<E, M> Dispatcher<E, M>
where
    E: Engine,
    M: Fn(&InForce) -> Result<E, String> + Send + 'static,
{
    pub fn new(
        queue: Queue,
        settings: watch::Receiver<Arc<InForce>>,
        activity: watch::Sender<Activity>,
        stop: CancellationToken,
        make: M,
    ) -> Self {
        let clock = queue.clock().clone();
        Self {
            renewed_at: clock.now_ms(),
            queue,
            clock,
            settings,
            activity,
            stop,
            make,
            engine: None,
            ready: VecDeque::new(),
            working: JoinSet::new(),
            in_work: HashMap::new(),
            by_mailbox: HashMap::new(),
            paused: HashMap::new(),
            denied: HashSet::new(),
            hold: Hold::default(),
        }
    }

    /// Runs until told to stop; then finishes what is under way within the bound that the settings give, and puts
    /// the rest back.
    pub async fn run(mut self) {
        self.configure();
        loop {
            let settings = self.settings.borrow().clone();
            let due = self.fill(&settings.settings).await;
            self.start(&settings.settings);
            self.renew().await;
            let wake = self.wake(due);
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                Some(done) = self.working.join_next_with_id() => self.done(done, &settings.settings).await,
                changed = self.settings.changed() => match changed {
                    Ok(()) => self.configure(),
                    Err(_) => break,
                },
                () = self.queue.arrival() => {}
                () = self.clock.sleep_until_ms(wake) => {}
            }
        }
        self.finish().await;
    }

    /// Takes new settings over. Work under way ends with the old ones.
    fn configure(&mut self) {
        let in_force = self.settings.borrow_and_update().clone();
        self.hold = Hold::default();
        self.denied.clear();
        self.engine = None;
        if in_force.settings.is_active() {
            match (self.make)(&in_force) {
                Ok(engine) => self.engine = Some(Arc::new(engine)),
                Err(reason) => self.hold(reason),
            }
        }
        self.show();
    }

    /// How many messages may be in work now.
    fn slots(&self, settings: &Settings) -> usize {
        if self.engine.is_none() || self.clock.now_ms() < self.hold.until {
            0
        } else if self.hold.failures > 0 {
            1
        } else {
            settings.limits.connections
        }
    }

    /// Claims enough to keep all slots busy. Returns when the next message that could not be claimed is due.
    async fn fill(&mut self, settings: &Settings) -> Option<i64> {
        let slots = self.slots(settings);
        let now = self.clock.now_ms();
        self.paused.retain(|_, until| *until > now);
        if self.engine.is_none() {
            self.put_back(now, |_| true).await;
        }
        if slots == 0 {
            return None;
        }
        loop {
            let cap = settings.limits.per_mailbox;
            let wanted = slots.saturating_sub(self.working.len() + self.runnable(cap));
            if wanted == 0 {
                return None;
            }
            let busy = self.by_mailbox.iter().filter(|(_, count)| **count >= cap).map(|(mailbox, _)| mailbox);
            let busy = busy.chain(self.paused.keys()).cloned().collect();
            // Twice as many as wanted: one claim serves two rounds.
            let limit = if slots == 1 { 1 } else { u32::try_from(wanted * 2).unwrap_or(u32::MAX) };
            match self.queue.claim(limit, busy).await {
                Ok(jobs) if jobs.is_empty() => break,
                Ok(jobs) => {
                    for job in jobs {
                        *self.by_mailbox.entry(job.mailbox.clone()).or_default() += 1;
                        self.ready.push_back(job);
                    }
                }
                Err(error) => {
                    error!(%error, "no message could be claimed");
                    return Some(now + 1_000);
                }
            }
        }
        match self.queue.next_due().await {
            // Due already and yet not claimed: its mailbox is busy. What it waits for will wake us.
            Ok(due) => due.filter(|due| *due > now),
            Err(error) => {
                error!(%error, "the queue can't be read");
                Some(now + 1_000)
            }
        }
    }

    /// How many of the claimed messages could start at once as far as their mailboxes are concerned.
    fn runnable(&self, cap: usize) -> usize {
        let mut claimed: HashMap<&str, usize> = HashMap::new();
        for job in &self.ready {
            *claimed.entry(&job.mailbox).or_default() += 1;
        }
        claimed.iter().map(|(mailbox, count)| (*count).min(cap.saturating_sub(self.in_work_of(mailbox)))).sum()
    }

    fn in_work_of(&self, mailbox: &str) -> usize {
        self.in_work.values().filter(|job| job.mailbox == mailbox).count()
    }

    /// Starts claimed messages as far as slots and their mailboxes allow.
    fn start(&mut self, settings: &Settings) {
        let slots = self.slots(settings);
        let Some(engine) = self.engine.clone() else { return };
        let mut at = 0;
        while self.working.len() < slots && at < self.ready.len() {
            if self.in_work_of(&self.ready[at].mailbox) >= settings.limits.per_mailbox {
                at += 1;
                continue;
            }
            let Some(job) = self.ready.remove(at) else { break };
            let job = Arc::new(job);
            let (engine, worked_on) = (engine.clone(), job.clone());
            let task = self.working.spawn(async move { engine.attempt(&worked_on).await });
            self.in_work.insert(task.id(), job);
        }
    }

    /// When to look again if nothing else happens.
    fn wake(&self, due: Option<i64>) -> i64 {
        let mut wake = self.renewed_at + renewal();
        if self.engine.is_some() {
            wake = wake.min(due.unwrap_or(i64::MAX));
            if self.hold.until > self.clock.now_ms() {
                wake = wake.min(self.hold.until);
            }
            wake = wake.min(self.paused.values().copied().min().unwrap_or(i64::MAX));
        }
        wake
    }

    async fn renew(&mut self) {
        let now = self.clock.now_ms();
        if now < self.renewed_at + renewal() {
            return;
        }
        self.renewed_at = now;
        let ids: Vec<i64> =
            self.in_work.values().map(|job| job.id).chain(self.ready.iter().map(|job| job.id)).collect();
        if !ids.is_empty()
            && let Err(error) = self.queue.renew(ids).await
        {
            warn!(%error, "leases could not be renewed");
        }
    }

    async fn done(&mut self, done: Result<(tokio::task::Id, Attempt), tokio::task::JoinError>, settings: &Settings) {
        let (task, attempt) = match done {
            Ok(done) => done,
            Err(panic) => {
                // A defect of ours, met by one message: it must not take the others down. It is tried again as
                // after any error, and given up in the end.
                error!(%panic, "the work on a message broke off");
                (panic.id(), Attempt::Error { reason: "an internal error; see the log".to_owned() })
            }
        };
        let Some(job) = self.in_work.remove(&task) else { return };
        self.release(&job.mailbox);
        let result = self.conclude(&job, attempt, settings).await;
        recorded(job.id, result);
    }

    async fn conclude(&mut self, job: &Job, attempt: Attempt, settings: &Settings) -> Result<(), QueueError> {
        let now = self.clock.now_ms();
        debug!(id = job.id, message_id = job.message_id, ?attempt, "an attempt ended");
        match &attempt {
            Attempt::Hold { reason } => {
                self.hold(reason.clone());
                self.put_back(now, |_| true).await;
                return self.queue.postpone(job.id, now, Postponed::Paused, reason.clone()).await;
            }
            Attempt::Denied { .. } => {
                self.denied.insert(job.mailbox.clone());
            }
            attempt if server_answered(attempt) => self.released(),
            _ => {}
        }
        let (next, why, reason, rule) = match attempt {
            Attempt::Finished(outcome) => {
                if !matches!(outcome.rule, Rule::NoMailbox) {
                    self.denied.clear();
                }
                info!(id = job.id, message_id = job.message_id, mailbox = job.mailbox, rule = ?outcome.rule,
                      reason = outcome.reason, "finished");
                return self.queue.finish(job.id, outcome).await;
            }
            Attempt::NotFoundYet { reason } => {
                self.denied.clear();
                let next = schedule::after_not_found(&settings.schedule, job.waits_since, job.not_found_tries, now);
                (next, Postponed::NotFoundYet, reason, Rule::NotFound)
            }
            Attempt::Denied { reason } if self.denied.len() >= DENIED_MAILBOXES || self.hold.failures > 0 => {
                self.hold(reason.clone());
                self.put_back(now, |_| true).await;
                return self.queue.postpone(job.id, now, Postponed::Paused, reason).await;
            }
            Attempt::Throttled { reason, back_off } => {
                let until = now + i64::try_from(back_off.unwrap_or(BACK_OFF).as_millis()).unwrap_or(60_000);
                self.paused.insert(job.mailbox.clone(), until);
                self.put_back(until, |other| other.mailbox == job.mailbox).await;
                return self.queue.postpone(job.id, until, Postponed::Paused, reason).await;
            }
            Attempt::Error { reason } | Attempt::Denied { reason } => {
                let next = schedule::after_error(&settings.schedule, job.waits_since, job.error_tries, now);
                (next, Postponed::Error, reason, Rule::GaveUp)
            }
            Attempt::Hold { .. } => unreachable!("dealt with above"),
        };
        match next {
            Next::At(at) => self.queue.postpone(job.id, at, why, reason).await,
            Next::Never => {
                let waited = SignedDuration::from_millis(now - job.waits_since).round(Unit::Second);
                let waited = waited.unwrap_or_default();
                let reason = format!("{reason}; given up after {waited:#}");
                warn!(id = job.id, message_id = job.message_id, mailbox = job.mailbox, reason, "given up");
                self.queue.finish(job.id, Outcome::new(rule, reason)).await
            }
        }
    }

    /// Puts claimed messages back that can't be started now.
    async fn put_back(&mut self, until: i64, which: impl Fn(&Job) -> bool) {
        let (back, kept) = std::mem::take(&mut self.ready).into_iter().partition(which);
        self.ready = kept;
        let back: VecDeque<Job> = back;
        for job in back {
            self.release(&job.mailbox);
            let result = self.queue.postpone(job.id, until, Postponed::Paused, String::new()).await;
            recorded(job.id, result);
        }
    }

    fn release(&mut self, mailbox: &str) {
        if let Some(count) = self.by_mailbox.get_mut(mailbox) {
            *count -= 1;
            if *count == 0 {
                self.by_mailbox.remove(mailbox);
            }
        }
    }

    fn hold(&mut self, reason: String) {
        let now = self.clock.now_ms();
        // Of those that were in work together, the first to fail counts.
        if self.hold.until <= now {
            let pause = HOLD_PAUSES[self.hold.failures.min(HOLD_PAUSES.len() - 1)];
            self.hold.failures += 1;
            self.hold.until = now + pause * 1000;
            warn!(reason, seconds = pause, "updating is held");
        }
        self.hold.reason = reason;
        self.show();
    }

    fn released(&mut self) {
        if self.hold.failures > 0 && self.clock.now_ms() >= self.hold.until {
            info!("updating goes on");
            self.hold = Hold::default();
            self.show();
        }
    }

    fn show(&self) {
        let settings = &self.settings.borrow().settings;
        let activity = if !settings.is_configured() {
            Activity::NotConfigured
        } else if !settings.enabled {
            Activity::Off
        } else if self.hold.failures > 0 {
            Activity::Held {
                reason: self.hold.reason.clone(),
                until: Timestamp::from_millisecond(self.hold.until).unwrap_or(Timestamp::MAX),
            }
        } else {
            Activity::On
        };
        self.activity.send_if_modified(|shown| {
            let changed = *shown != activity;
            *shown = activity;
            changed
        });
    }

    /// The end: what is in work may finish within the bound; what was only claimed goes back.
    async fn finish(mut self) {
        let settings = self.settings.borrow().clone();
        self.put_back(self.clock.now_ms(), |_| true).await;
        let bound = tokio::time::sleep(Duration::from_secs(settings.settings.limits.stop_within.into()));
        tokio::pin!(bound);
        while !self.working.is_empty() {
            tokio::select! {
                Some(done) = self.working.join_next_with_id() => self.done(done, &settings.settings).await,
                () = &mut bound => {
                    warn!(messages = self.working.len(), "work that did not end in time is left to the next start");
                    break;
                }
            }
        }
    }
}

/// Whether the server answered, for this account: what was wrong with it is over. What a message's own class or
/// the scope decides says nothing of the server, nor does an error, which may be a timeout.
fn server_answered(attempt: &Attempt) -> bool {
    match attempt {
        Attempt::Finished(outcome) => matches!(
            outcome.rule,
            Rule::UpdatedInPlace
                | Rule::Replaced
                | Rule::CopyAdded
                | Rule::SplitCopyAdded
                | Rule::AlreadyDone
                | Rule::Superseded
                | Rule::NoMailbox
                | Rule::Refused
        ),
        Attempt::NotFoundYet { .. } | Attempt::Throttled { .. } => true,
        Attempt::Error { .. } | Attempt::Denied { .. } | Attempt::Hold { .. } => false,
    }
}

/// An outcome that could not be recorded is found again by the mark on the item when the lease has run out.
fn recorded(id: i64, result: Result<(), QueueError>) {
    if let Err(error) = result {
        error!(id, %error, "what happened to a message could not be recorded; it will be looked at again");
    }
}

/// Leases are renewed three times before they would run out.
fn renewal() -> i64 {
    i64::try_from(LEASE.as_millis() / 3).unwrap_or(60_000)
}

#[cfg(test)]
mod tests;
