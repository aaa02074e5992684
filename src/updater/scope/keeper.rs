//! Keeps the scope fresh: asks the directory every few minutes, and at once when the settings change.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use uuid::Uuid;

use super::cache::Known;
use super::membership::{Answer, Membership, Outage};
use super::{MOST_ADDRESSES, Scope};
use crate::settings::{EntryKind, ScopeEntry, ScopeMode};
use crate::updater::clock::Clock;
use crate::updater::settings_store::InForce;

/// Makes the way to the directory for new settings, or says in words why there is none.
pub type Connect = dyn Fn(&InForce) -> Result<Arc<dyn Membership>, String> + Send + Sync;

/// Entries that are asked for together: so many users, or groups, which are more work each.
const USERS_AT_ONCE: usize = 200;
const GROUPS_AT_ONCE: usize = 10;

/// How long a batch may take, with so much more for each group in it. The directory's own time-outs are shorter.
const BATCH_WITHIN: Duration = Duration::from_secs(60);
const GROUP_WITHIN: Duration = Duration::from_secs(60);

/// Pauses after a failure, in seconds, as far as they are shorter than the usual one; the last one repeats.
const FAILURE_PAUSES: [i64; 5] = [5, 15, 30, 60, 120];

/// Pause, in milliseconds, when the account is not accepted: each try counts against it until it is locked. A change of
/// the settings, such as another password, is tried at once.
const REFUSED_PAUSE: i64 = 900 * 1000;

/// Refreshes come up to this part of the interval earlier, so that the updaters of an organisation do not ask all at
/// once.
const JITTER: f64 = 0.1;

/// What is known is written down at least this often, for its age; at once when it changed.
const WRITTEN_EVERY: i64 = 3600 * 1000;

/// How a refresh ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Complete,
    /// Some entries, or all, could not be looked up.
    Incomplete,
    /// The account is not accepted.
    Refused,
}

/// The task that keeps a [`Scope`] fresh.
pub struct Keeper {
    scope: Scope,
    clock: Clock,
    settings: watch::Receiver<Arc<InForce>>,
    stop: CancellationToken,
    connect: Arc<Connect>,
    /// From 0 to 1.
    random: fn() -> f64,
    written_at: Option<i64>,
}

impl Keeper {
    #[must_use]
    pub fn new(
        scope: Scope,
        clock: Clock,
        settings: watch::Receiver<Arc<InForce>>,
        stop: CancellationToken,
        connect: Arc<Connect>,
    ) -> Self {
        Self { scope, clock, settings, stop, connect, random: rand::random, written_at: None }
    }

    /// With randomness from a test.
    #[cfg(test)]
    pub(super) fn with_random(self, random: fn() -> f64) -> Self {
        Self { random, ..self }
    }

    /// Runs until told to stop.
    pub async fn run(mut self) {
        let (stop, mut settings) = (self.stop.clone(), self.settings.clone());
        loop {
            let in_force = settings.borrow_and_update().clone();
            self.scope.adopt(&in_force);
            tokio::select! {
                () = stop.cancelled() => return,
                // What was being asked for the old settings is dropped.
                changed = settings.changed() => if changed.is_err() { return },
                () = self.keep_fresh(&in_force) => {}
            }
        }
    }

    /// Refreshes again and again for one set of settings; returns only by being dropped.
    async fn keep_fresh(&mut self, in_force: &InForce) {
        let scope = &in_force.settings.scope;
        if scope.entries.is_empty() || scope.mode == ScopeMode::AllMailboxes {
            return std::future::pending().await;
        }
        let mut failures = 0;
        let mut membership = Err(String::new());
        let every = i64::from(scope.refresh_every) * 1000;
        loop {
            if membership.is_err() {
                membership = (self.connect)(in_force);
            }
            let ended = self.refresh(&membership, in_force).await;
            failures = if ended == Ended::Complete { 0 } else { failures + 1 };
            let pause = match ended {
                Ended::Complete => every,
                Ended::Incomplete => every.min(FAILURE_PAUSES[(failures - 1).min(FAILURE_PAUSES.len() - 1)] * 1000),
                Ended::Refused => every.max(REFUSED_PAUSE),
            };
            let next = self.clock.now_ms() + pause - earlier(pause, (self.random)());
            self.scope.next_refresh(in_force.change, next);
            while self.clock.now_ms() < next {
                self.clock.sleep_until_ms(next).await;
            }
        }
    }

    /// Asks for every entry once.
    async fn refresh(&mut self, membership: &Result<Arc<dyn Membership>, String>, in_force: &InForce) -> Ended {
        let entries = &in_force.settings.scope.entries;
        let mut answers = Vec::with_capacity(entries.len());
        let mut problem: Option<Outage> = None;
        match membership {
            Err(why) => problem = Some(Outage::new(why.as_str())),
            Ok(membership) => {
                for batch in batches(entries) {
                    match self.ask(&**membership, batch).await {
                        Ok(some) => answers.extend(some),
                        Err(outage) => {
                            problem = Some(outage);
                            break;
                        }
                    }
                }
            }
        }
        if problem.is_none() {
            problem = failed_all(&answers).map(Outage::new);
        }
        if let Some(outage) = &problem {
            answers.resize(entries.len(), Answer::Failed(outage.why.clone()));
        }
        let ended = match &problem {
            Some(outage) if outage.refused => Ended::Refused,
            None if !answers.iter().any(|answer| matches!(answer, Answer::Failed(_))) => Ended::Complete,
            _ => Ended::Incomplete,
        };
        let now = self.clock.now_ms();
        let why = problem.map(|outage| outage.why);
        let Some(changed) = self.scope.learn(in_force.change, entries, answers, why, now) else {
            return ended;
        };
        let due = self.written_at.is_none_or(|at| now >= at + WRITTEN_EVERY);
        if changed || ended == Ended::Complete && due {
            self.write_down(now).await;
        }
        ended
    }

    async fn ask(&self, membership: &dyn Membership, batch: &[ScopeEntry]) -> Result<Vec<Answer>, Outage> {
        let groups = batch.iter().filter(|entry| entry.kind == EntryKind::Group).count();
        let within = BATCH_WITHIN + GROUP_WITHIN * u32::try_from(groups).unwrap_or(u32::MAX);
        let until = self.clock.now_ms() + i64::try_from(within.as_millis()).unwrap_or(i64::MAX);
        let bound = async {
            while self.clock.now_ms() < until {
                self.clock.sleep_until_ms(until).await;
            }
        };
        let answers = tokio::select! {
            answers = membership.look_up(batch) => answers?,
            () = bound => {
                let seconds = within.as_secs();
                return Err(Outage::new(format!("the directory gave no answer within {seconds} seconds")));
            }
        };
        if answers.len() != batch.len() {
            return Err(Outage::new("the directory answered for other entries than it was asked for"));
        }
        Ok(answers)
    }

    async fn write_down(&mut self, now: i64) {
        let Some(cache) = self.scope.0.cache.clone() else { return };
        let known = self.scope.state().known.clone();
        let path = cache.path().to_owned();
        let written = tokio::task::spawn_blocking(move || cache.write(&known)).await;
        let problem = match written {
            Ok(Ok(())) => {
                self.written_at = Some(now);
                None
            }
            Ok(Err(error)) => Some(error.to_string()),
            Err(broken) => Some(broken.to_string()),
        };
        let told = problem.map(|problem| {
            warn!(file = %path.display(), problem, "the known membership of the senders' scope can't be written");
            format!(
                "What is known of the senders' scope can't be written to {} ({problem}): after a restart during an \
                 outage of the directory, messages would wait for it.",
                path.display()
            )
        });
        self.scope.state().cache_problem = told;
    }
}

/// The entries in their order, as they are asked for together.
pub(super) fn batches(entries: &[ScopeEntry]) -> impl Iterator<Item = &[ScopeEntry]> {
    let mut rest = entries;
    std::iter::from_fn(move || {
        let (mut users, mut groups) = (0, 0);
        let fits = |entry: &&ScopeEntry| {
            match entry.kind {
                EntryKind::User => users += 1,
                EntryKind::Group => groups += 1,
            }
            users <= USERS_AT_ONCE && groups <= GROUPS_AT_ONCE
        };
        let count = rest.iter().take_while(fits).count();
        let (batch, others) = rest.split_at(count);
        rest = others;
        (!batch.is_empty()).then_some(batch)
    })
}

/// Why, if not one was answered.
fn failed_all(answers: &[Answer]) -> Option<String> {
    let mut failures = answers.iter().map(|answer| match answer {
        Answer::Failed(why) => Some(why),
        Answer::Found { .. } | Answer::Gone => None,
    });
    let first = failures.next()??;
    failures.all(|failure| failure.is_some()).then(|| first.clone())
}

/// How much earlier than after the whole pause.
#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a tenth of some minutes in ms")]
pub(super) fn earlier(pause: i64, random: f64) -> i64 {
    (pause as f64 * JITTER * random.clamp(0.0, 1.0)) as i64
}

impl Scope {
    fn next_refresh(&self, change: u64, at: i64) {
        let mut state = self.state();
        if state.change == Some(change) {
            state.next_refresh_at = Some(at);
            let mut snapshot = self.0.snapshot.write().unwrap_or_else(std::sync::PoisonError::into_inner);
            snapshot.summary.next_refresh_at = Some(at);
        }
    }

    /// Takes in what the directory said. Returns whether anything is to be written down; nothing at all when the
    /// settings have changed since it was asked.
    pub(super) fn learn(
        &self,
        change: u64,
        entries: &[ScopeEntry],
        answers: Vec<Answer>,
        problem: Option<String>,
        now: i64,
    ) -> Option<bool> {
        let mut state = self.state();
        if state.change != Some(change) {
            return None;
        }
        let answers = believed(&state.known, entries, answers);
        let mut room = MOST_ADDRESSES;
        let mut changed = false;
        let mut failures: HashMap<Uuid, Arc<str>> = HashMap::new();
        for (entry, answer) in entries.iter().zip(answers) {
            match answer {
                Answer::Found { addresses, .. } if addresses.len() > room => {
                    let why =
                        format!("{} and those before it come to more than {MOST_ADDRESSES} addresses", entry.name);
                    failures.insert(entry.id, why.into());
                }
                Answer::Found { name, members, addresses } => {
                    room -= addresses.len();
                    let mut addresses: Vec<Box<str>> =
                        addresses.iter().map(|address| address.folded().into()).collect();
                    addresses.sort_unstable();
                    addresses.dedup();
                    let new = Known { name, members, addresses: addresses.into(), at: now, gone_since: None };
                    let old = state.known.get(&entry.id);
                    if !old.is_some_and(|old| same(old, &new)) {
                        changed = true;
                        info!(
                            entry = entry.name,
                            members,
                            addresses = new.addresses.len(),
                            "the membership of the senders' scope changed"
                        );
                    }
                    state.known.insert(entry.id, new);
                }
                Answer::Gone => {
                    let known = state.known.entry(entry.id).or_insert_with(|| Known {
                        name: entry.name.clone(),
                        members: 0,
                        addresses: Box::default(),
                        at: now,
                        gone_since: None,
                    });
                    if known.gone_since.is_none() {
                        known.gone_since = Some(now);
                        changed = true;
                        warn!(entry = entry.name, id = %entry.id, "an entry of the senders' scope no longer exists");
                    }
                }
                Answer::Failed(why) => {
                    failures.insert(entry.id, why.into());
                }
            }
        }
        let problem: Option<Arc<str>> = problem.map(Into::into);
        match (&problem, &state.problem) {
            (Some(problem), before) if before.as_ref() != Some(problem) => {
                warn!(%problem, "the directory can't be asked for the senders' scope; what is known stays in force");
            }
            (None, Some(_)) => info!("the directory answers for the senders' scope again"),
            _ => debug!(entries = entries.len(), failed = failures.len(), "the senders' scope was refreshed"),
        }
        if problem.is_none() {
            state.refreshed_at = Some(now);
        }
        state.problem = problem;
        state.failures = failures;
        state.asked = true;
        self.publish(&state);
        Some(changed)
    }
}

fn same(one: &Known, other: &Known) -> bool {
    one.name == other.name
        && one.members == other.members
        && one.addresses == other.addresses
        && one.gone_since == other.gone_since
}

/// That everything that was there is gone at once is not believed: it is another domain that answers, or the account
/// may not read it any more.
fn believed(known: &HashMap<Uuid, Known>, entries: &[ScopeEntry], answers: Vec<Answer>) -> Vec<Answer> {
    let there = |entry: &ScopeEntry| known.get(&entry.id).is_some_and(|known| known.gone_since.is_none());
    let mut were_there = entries.iter().zip(&answers).filter(|(entry, _)| there(entry)).peekable();
    let several = entries.iter().filter(|entry| there(entry)).take(2).count() == 2;
    let all_gone = were_there.peek().is_some() && were_there.all(|(_, answer)| *answer == Answer::Gone);
    if !(several && all_gone) {
        return answers;
    }
    let why = "the directory finds none of the entries any more, which is not believed: is it the right domain, and may \
               the account read it?";
    let failed = |answer| if answer == Answer::Gone { Answer::Failed(why.to_owned()) } else { answer };
    answers.into_iter().map(failed).collect()
}
