//! Decides what is worked on when: claims due messages, keeps within the limits of mailboxes and connections,
//! and puts back what could not be finished.
//!
//! Trouble has three reaches, and each holds up only what it concerns. A message that isn't there yet, or meets an
//! error, waits by itself. A mailbox that Exchange wants left alone pauses as a whole. Trouble with the server or
//! the account holds everything, with one message at a time as a probe after growing pauses; the messages lose
//! nothing by it, not even a try.
//!
//! Messages of one mailbox that are due at the same time are claimed as a group, which the engine may deal with in
//! shared requests. What the queue is to record and what is to be claimed next goes to it in one turn, while the work
//! goes on: whatever ends meanwhile is recorded with the next turn.

mod board;
mod window;

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp, Unit};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use board::{Board, Group};
use window::Window;

use super::boundaries::Boundary;
use super::clock::Clock;
use super::queue::{Claimed, Concluded, Conclusion, Job, Postponed, Queue, QueueError, Wanted};
use super::schedule::{self, Next, Trouble};
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
    /// The same, and it will last: the mailbox is full or being moved, its store is not there.
    LastingError {
        reason: String,
    },
    /// It is not known whether the sender is in scope.
    ScopeUnknown {
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

    /// How many messages of one mailbox it takes at once.
    fn at_once(&self) -> usize {
        1
    }

    /// How many times as long as usual the server's answers take at the moment, as far as it is known.
    fn pressure(&self) -> Option<f64> {
        None
    }

    /// Several messages of one mailbox. For each, in their order, what came of it; none: it takes an attempt by itself.
    fn attempt_together(&self, jobs: &[Job]) -> impl Future<Output = Vec<Option<Attempt>>> + Send {
        std::future::ready(vec![None; jobs.len()])
    }
}

/// So many mailboxes in a row that deny impersonation, with none that allows it, are no coincidence.
const DENIED_MAILBOXES: usize = 3;

/// Pause of a mailbox that is throttled without a hint.
const BACK_OFF: Duration = Duration::from_secs(30);

/// Pauses before each probe while everything is held, in seconds; the last one repeats.
const HOLD_PAUSES: [i64; 6] = [2, 5, 15, 30, 60, 120];

/// Bytes of messages that are worked on together.
const GROUP_BYTES: u64 = 512 * 1024;

/// When to look again, in milliseconds, at messages of which it is not known whether their sender is in scope: only if
/// nobody has said meanwhile that it is known now.
const SCOPE_PAUSE: i64 = 600 * 1000;

/// A clock that differs by so many milliseconds from what has passed since the last look was set. Less is bearable.
const CLOCK_WAS_SET: i64 = 120_000;

/// When the queue is asked again, in milliseconds, after it could not answer.
const QUEUE_PAUSE: i64 = 1000;

/// How long the queue may take at the end to record what came of messages.
const QUEUE_ENDS_WITHIN: Duration = Duration::from_secs(10);

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
    board: Board,
    working: JoinSet<Vec<Option<Attempt>>>,
    /// What came of messages, to be recorded with the next turn of the queue.
    concluded: Vec<Concluded>,
    turn: Option<Turn>,
    /// Something may be due that is not claimed yet.
    look: bool,
    /// When something will be due, as far as it is known.
    next_due: Option<i64>,
    paused: HashMap<String, i64>,
    denied: HashSet<String>,
    hold: Hold,
    window: Window,
    renewed_at: i64,
    /// When the leases were last renewed without fail.
    leased_at: i64,
    seen: Seen,
    /// From 0 to 1.
    random: fn() -> f64,
}

/// A look at the clock.
#[derive(Debug, Clone, Copy)]
struct Seen {
    time: i64,
    /// By this machine's own clock.
    of_machine: i64,
    /// Of the time that nobody sets.
    steady: i64,
}

impl Seen {
    fn at(clock: &Clock) -> Self {
        Self { time: clock.now_ms(), of_machine: clock.of_machine_ms(), steady: clock.steady_ms() }
    }
}

/// What the queue is doing for us.
struct Turn {
    answer: Pin<Box<dyn Future<Output = Result<Claimed, QueueError>> + Send>>,
    /// How many groups it was asked for.
    wanted: usize,
    /// The messages whose conclusions it records.
    recorded: Vec<i64>,
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
            leased_at: clock.now_ms(),
            seen: Seen::at(&clock),
            queue,
            clock,
            settings,
            activity,
            stop,
            make,
            engine: None,
            board: Board::default(),
            working: JoinSet::new(),
            concluded: Vec::new(),
            turn: None,
            look: true,
            next_due: None,
            paused: HashMap::new(),
            denied: HashSet::new(),
            hold: Hold::default(),
            window: Window::default(),
            random: rand::random,
        }
    }

    /// With randomness from a test.
    #[cfg(test)]
    fn with_random(self, random: fn() -> f64) -> Self {
        Self { random, ..self }
    }

    /// Runs until told to stop; then finishes what is under way within the bound that the settings give, and puts
    /// the rest back.
    pub async fn run(mut self) {
        self.configure();
        loop {
            let settings = self.settings.borrow().clone();
            self.notice_a_clock_that_was_set().await;
            self.notice_the_time();
            // Before anything begins: this process may have stood still for longer than its leases last.
            self.renew().await;
            self.start(&settings.settings);
            self.ask(&settings.settings);
            let wake = self.wake();
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                answer = answered(&mut self.turn) => {
                    self.queue.boundaries().pass(Boundary::TurnAnswered).await;
                    self.answered(answer);
                }
                Some(done) = self.working.join_next_with_id() => self.done_and_more(done, &settings.settings),
                changed = self.settings.changed() => match changed {
                    Ok(()) => self.configure(),
                    Err(_) => break,
                },
                () = self.queue.arrival() => self.look = true,
                () = self.clock.sleep_until_ms(wake) => self.look = true,
            }
        }
        self.finish().await;
    }

    /// Takes new settings over. Work under way ends with the old ones.
    fn configure(&mut self) {
        let in_force = self.settings.borrow_and_update().clone();
        self.hold = Hold::default();
        self.window = Window::default();
        self.denied.clear();
        self.engine = None;
        if in_force.settings.is_active() {
            match (self.make)(&in_force) {
                Ok(engine) => self.engine = Some(Arc::new(engine)),
                Err(reason) => self.hold(reason),
            }
        }
        self.look = true;
        self.put_back_what_can_not_begin();
        self.show();
    }

    /// How many groups may be in work now.
    fn slots(&self, settings: &Settings) -> usize {
        if self.is_held() {
            0
        } else if self.hold.failures > 0 {
            1
        } else {
            self.window.slots(settings.limits.connections)
        }
    }

    fn is_held(&self) -> bool {
        self.engine.is_none() || self.clock.now_ms() < self.hold.until
    }

    /// Has the queue record what ended, and claim enough to keep all slots busy.
    fn ask(&mut self, settings: &Settings) {
        if self.turn.is_some() {
            return;
        }
        let wanted = if self.look { self.wanted(settings) } else { None };
        if self.concluded.is_empty() && wanted.is_none() {
            return;
        }
        let concluded = std::mem::take(&mut self.concluded);
        let recorded = concluded.iter().map(|concluded| concluded.id).collect();
        if wanted.is_some() {
            // What arrives from now on may be too late for this claim.
            self.look = false;
        }
        let groups = wanted.as_ref().map_or(0, |wanted| wanted.groups);
        let queue = self.queue.clone();
        let answer = Box::pin(async move {
            if !concluded.is_empty() {
                queue.boundaries().pass(Boundary::OutcomeToRecord).await;
            }
            queue.turn(concluded, wanted).await
        });
        self.turn = Some(Turn { answer, wanted: groups, recorded });
    }

    /// What is to be claimed now.
    fn wanted(&self, settings: &Settings) -> Option<Wanted> {
        let slots = self.slots(settings);
        let per_mailbox = settings.limits.per_mailbox;
        let groups = slots.saturating_sub(self.working.len() + self.board.runnable(per_mailbox));
        let engine = self.engine.as_ref().filter(|_| groups > 0)?;
        let mut at_work = self.board.by_mailbox();
        at_work.extend(self.paused.keys().map(|mailbox| (mailbox.clone(), per_mailbox)));
        Some(Wanted {
            // Twice as many as needed: one claim serves two rounds.
            groups: if slots == 1 { 1 } else { groups * 2 },
            // A probe is one message.
            messages: if self.hold.failures > 0 { 1 } else { engine.at_once() },
            bytes: GROUP_BYTES,
            per_mailbox,
            at_work,
        })
    }

    /// The queue has done what it was asked for.
    fn answered(&mut self, answer: Result<Claimed, QueueError>) {
        let Some(turn) = self.turn.take() else { return };
        match answer {
            Ok(Claimed { groups, next_due }) => {
                if turn.wanted > 0 {
                    // There may be more where these came from.
                    self.look |= groups.len() >= turn.wanted;
                    self.next_due = next_due;
                }
                let settings = self.settings.borrow().clone();
                let (schedule, now) = (&settings.settings.schedule, self.clock.now_ms());
                for mut jobs in groups {
                    // After a jump of the clock a lease may have run out whose message is still at work here.
                    jobs.retain(|job| job.error_tries == 0 || !self.has(job.id));
                    for job in &mut jobs {
                        job.elsewhere = schedule::looks_elsewhere(schedule, job.waits_since, job.not_found_tries, now);
                    }
                    if !jobs.is_empty() {
                        self.board.add(Group::of(jobs));
                    }
                }
                self.put_back_what_can_not_begin();
            }
            Err(error) => {
                // Outcomes are found again by the mark on the item when the leases have run out.
                error!(%error, messages = ?turn.recorded, "the queue could not be written; what happened to these messages is not recorded, they will be looked at again");
                self.next_due = Some(self.clock.now_ms() + QUEUE_PAUSE);
            }
        }
    }

    /// Whether a message is claimed already, or its conclusion waits to be recorded.
    fn has(&self, id: i64) -> bool {
        self.board.leased().contains(&id) || self.concluded.iter().any(|concluded| concluded.id == id)
    }

    /// Starts claimed groups as far as slots and their mailboxes allow.
    fn start(&mut self, settings: &Settings) {
        let slots = self.slots(settings);
        let Some(engine) = self.engine.clone() else { return };
        while self.working.len() < slots
            && let Some(group) = self.board.next(settings.limits.per_mailbox)
        {
            let (engine, jobs) = (engine.clone(), group.jobs.clone());
            let boundaries = self.queue.boundaries().clone();
            let task = self.working.spawn(async move {
                boundaries.pass(Boundary::AttemptBegins).await;
                let ends = match &*jobs {
                    [job] => vec![Some(engine.attempt(job).await)],
                    jobs => engine.attempt_together(jobs).await,
                };
                boundaries.pass(Boundary::AttemptEnded).await;
                ends
            });
            self.board.begin(task.id(), group);
        }
    }

    /// Everything that waits, here and in the queue, goes with a clock that was set.
    async fn notice_a_clock_that_was_set(&mut self) {
        let (now, before) = (Seen::at(&self.clock), self.seen.time);
        let steady = now.steady - self.seen.steady;
        let by = now.time - self.seen.time - steady;
        let of_machine = now.of_machine - self.seen.of_machine - steady;
        self.seen = now;
        if by.abs() < CLOCK_WAS_SET {
            // A clock that goes by what it hears does not know yet whether this computer slept.
            if of_machine.abs() >= CLOCK_WAS_SET.min(self.renewal()) {
                self.renewed_at = now.time - self.renewal();
            }
            return;
        }
        warn!(seconds = by / 1000, "the clock was set, or this computer slept; what waits goes with it");
        self.hold.until += by;
        self.paused.values_mut().for_each(|until| *until += by);
        self.next_due = None;
        self.look = true;
        match self.queue.clock_was_set(by, before).await {
            Ok(true) => {
                self.renewed_at += by;
                self.leased_at += by;
                return;
            }
            Ok(false) => {}
            Err(error) => error!(%error, "what waits in the queue could not be moved with the clock"),
        }
        // Some leases may have run out by now.
        self.renewed_at = now.time - self.renewal();
    }

    /// What was to wait until now waits no longer.
    fn notice_the_time(&mut self) {
        let now = self.clock.now_ms();
        let paused = self.paused.len();
        self.paused.retain(|_, until| *until > now);
        self.look |= self.paused.len() < paused;
        if self.next_due.is_some_and(|due| due <= now) {
            self.next_due = None;
            self.look = true;
        }
    }

    /// When to look again if nothing else happens.
    fn wake(&self) -> i64 {
        let mut wake = self.renewed_at + self.renewal();
        if self.engine.is_some() {
            wake = wake.min(self.next_due.unwrap_or(i64::MAX));
            if self.hold.until > self.clock.now_ms() {
                wake = wake.min(self.hold.until);
            }
            wake = wake.min(self.paused.values().copied().min().unwrap_or(i64::MAX));
        }
        wake
    }

    /// Leases are renewed three times before they would run out.
    fn renewal(&self) -> i64 {
        i64::try_from(self.queue.lease().as_millis() / 3).unwrap_or(60_000)
    }

    async fn renew(&mut self) {
        let now = self.clock.now_ms();
        if now < self.renewed_at + self.renewal() {
            return;
        }
        let ids = self.board.leased();
        let renewed = if ids.is_empty() { Ok(Vec::new()) } else { self.queue.renew(ids).await };
        match renewed {
            Ok(leased) => {
                (self.renewed_at, self.leased_at) = (now, now);
                self.board.keep(&leased.into_iter().collect());
            }
            Err(error) => {
                warn!(%error, "leases could not be renewed");
                // Soon again, so that one can be missed.
                self.renewed_at = now - self.renewal() + self.renewal() / 10;
                if now >= self.leased_at + 3 * self.renewal() {
                    // By now they may be another updater's. What is at work already goes on: the marks tell.
                    self.board.take_back(|_| true);
                }
            }
        }
    }

    /// Whatever has ended by now is dealt with together.
    fn done_and_more(&mut self, done: Done, settings: &Settings) {
        self.done(done, settings);
        while let Some(done) = self.working.try_join_next_with_id() {
            self.done(done, settings);
        }
        self.look = true;
        self.put_back_what_can_not_begin();
    }

    fn done(&mut self, done: Done, settings: &Settings) {
        let (task, attempts) = match done {
            Ok((task, attempts)) => (task, Some(attempts)),
            Err(panic) => {
                error!(%panic, "the work on a message broke off");
                (panic.id(), None)
            }
        };
        let Some(group) = self.board.end(task) else { return };
        let pressure = self.engine.as_ref().and_then(|engine| engine.pressure());
        self.window.ended(pressure, settings.limits.connections);
        let attempts = attempts.unwrap_or_else(|| match group.jobs.len() {
            // A defect of ours, met by one message: it must not take the others down. It is tried again as after any
            // error, and given up in the end.
            1 => vec![Some(Attempt::Error { reason: "an internal error; see the log".to_owned() })],
            // Which one it is turns out when each is tried by itself.
            several => vec![None; several],
        });
        let mut alone = Vec::new();
        for (job, attempt) in group.jobs.iter().zip(attempts) {
            match attempt {
                Some(attempt) => self.conclude(job, attempt, settings),
                None => alone.push(job.clone()),
            }
        }
        for job in alone.into_iter().rev() {
            self.board.add_first(Group::of(vec![job]));
        }
    }

    fn conclude(&mut self, job: &Job, attempt: Attempt, settings: &Settings) {
        debug!(id = job.id, message_id = job.message_id, ?attempt, "an attempt ended");
        let conclusion = self.conclusion(job, attempt, settings);
        self.concluded.push(Concluded { id: job.id, conclusion });
    }

    fn conclusion(&mut self, job: &Job, attempt: Attempt, settings: &Settings) -> Conclusion {
        let now = self.clock.now_ms();
        let paused = |until, reason| Conclusion::Postponed { until, why: Postponed::Paused, reason };
        match &attempt {
            Attempt::Hold { reason } => {
                self.hold(reason.clone());
                return paused(now, reason.clone());
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
                return Conclusion::Finished(outcome);
            }
            Attempt::NotFoundYet { reason } => {
                self.denied.clear();
                let next = schedule::after_not_found(&settings.schedule, job.waits_since, job.not_found_tries, now);
                // Its time ran out while it was looked for in Sent Items alone.
                let next = if next == Next::Never && !job.elsewhere { Next::At(now) } else { next };
                (next, Postponed::NotFoundYet, reason, Rule::NotFound)
            }
            Attempt::Denied { reason } if self.denied.len() >= DENIED_MAILBOXES || self.hold.failures > 0 => {
                self.hold(reason.clone());
                return paused(now, reason);
            }
            Attempt::Throttled { reason, back_off } => {
                let back_off = i64::try_from(back_off.unwrap_or(BACK_OFF).as_millis()).unwrap_or(60_000);
                let until = now + schedule::spread(back_off, (self.random)());
                self.paused.insert(job.mailbox.clone(), until);
                self.window.throttled(self.paused.len(), settings.limits.connections, now);
                return paused(until, reason);
            }
            Attempt::ScopeUnknown { reason } => {
                let next = schedule::while_unknown(&settings.schedule, job.waits_since, SCOPE_PAUSE, now);
                (next, Postponed::ScopeUnknown, reason, Rule::GaveUp)
            }
            Attempt::Error { reason } | Attempt::Denied { reason } => {
                (self.after(Trouble::Passing, job, settings), Postponed::Error, reason, Rule::GaveUp)
            }
            Attempt::LastingError { reason } => {
                (self.after(Trouble::Lasting, job, settings), Postponed::Error, reason, Rule::GaveUp)
            }
            Attempt::Hold { .. } => unreachable!("dealt with above"),
        };
        match next {
            Next::At(until) => Conclusion::Postponed { until, why, reason },
            Next::Never => {
                let waited = SignedDuration::from_millis(now - job.waits_since).round(Unit::Second);
                let waited = waited.unwrap_or_default();
                let reason = format!("{reason}; given up after {waited:#}");
                warn!(id = job.id, message_id = job.message_id, mailbox = job.mailbox, reason, "given up");
                Conclusion::Finished(Outcome::new(rule, reason))
            }
        }
    }

    fn after(&self, trouble: Trouble, job: &Job, settings: &Settings) -> Next {
        let (now, random) = (self.clock.now_ms(), (self.random)());
        schedule::after_error(&settings.schedule, trouble, job.waits_since, job.error_tries, now, random)
    }

    /// Puts claimed messages back that can't be started now.
    fn put_back_what_can_not_begin(&mut self) {
        let now = self.clock.now_ms();
        let held = self.is_held();
        if !held && self.paused.is_empty() {
            return;
        }
        let paused = &self.paused;
        let back = self.board.take_back(|mailbox| held || paused.get(mailbox).is_some_and(|until| *until > now));
        for group in back {
            let until = self.paused.get(group.mailbox()).copied().unwrap_or(now).max(now);
            self.put_back(&group, until);
        }
    }

    fn put_back(&mut self, group: &Group, until: i64) {
        self.concluded.extend(group.jobs.iter().map(|job| Concluded {
            id: job.id,
            conclusion: Conclusion::Postponed { until, why: Postponed::Paused, reason: String::new() },
        }));
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
        let bound = tokio::time::sleep(Duration::from_secs(settings.settings.limits.stop_within.into()));
        tokio::pin!(bound);
        while !self.working.is_empty() {
            tokio::select! {
                Some(done) = self.working.join_next_with_id() => self.done(done, &settings.settings),
                () = &mut bound => {
                    let messages = self.board.messages_at_work();
                    warn!(messages, "work that did not end in time is left to the next start");
                    break;
                }
            }
        }
        self.engine = None;
        loop {
            self.put_back_what_can_not_begin();
            self.ask(&settings.settings);
            if self.turn.is_none() {
                break;
            }
            let answer = tokio::select! {
                answer = answered(&mut self.turn) => answer,
                () = tokio::time::sleep(QUEUE_ENDS_WITHIN) => {
                    warn!("the queue does not answer; what is not recorded is looked at again after the next start");
                    break;
                }
            };
            self.answered(answer);
        }
    }
}

type Done = Result<(tokio::task::Id, Vec<Option<Attempt>>), JoinError>;

/// Completes when the queue has done what it was asked for; never, if it was asked for nothing.
async fn answered(turn: &mut Option<Turn>) -> Result<Claimed, QueueError> {
    match turn {
        Some(turn) => turn.answer.as_mut().await,
        None => std::future::pending().await,
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
                | Rule::ThrownAway
                | Rule::NoMailbox
                | Rule::Refused
        ),
        Attempt::NotFoundYet { .. } | Attempt::Throttled { .. } => true,
        Attempt::ScopeUnknown { .. }
        | Attempt::Error { .. }
        | Attempt::LastingError { .. }
        | Attempt::Denied { .. }
        | Attempt::Hold { .. } => false,
    }
}

#[cfg(test)]
mod tests;
