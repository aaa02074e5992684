//! The senders' scope at work (S1–S4): whose mailboxes are updated, at this moment.
//!
//! ```text
//! settings ──┐                                          ┌─ engine: is this sender in scope?
//!            ├─▶ Keeper ─▶ Known, by GUID ─▶ snapshot ──┤
//! directory ─┘     │ ▲                     (one set of   └─ local API: what is each entry now?
//!                  ▼ │                      addresses)
//!               scope.json
//! ```
//!
//! Users and groups of the list are known by their GUID; which addresses they come to is asked of the directory every
//! few minutes and when the settings change. What it said last stays in force through its outages and through
//! restarts. What it has never said is *unknown*, which is neither in scope nor out of it: such messages wait. So an
//! outage widens nothing and loses nothing.

mod cache;
mod directory;
mod keeper;
mod membership;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use jiff::Timestamp;
use tokio::sync::watch;
use uuid::Uuid;

pub use directory::of_the_directory;
pub use keeper::{Connect, Keeper};
pub use membership::{Answer, Membership, Outage};

use super::settings_store::InForce;
use crate::pipe::types::{EntryState, ScopeEntryReport, ScopeReport, ScopeSummary};
use crate::settings::{ScopeEntry, ScopeMode, SendersScope, SmtpAddress};

use cache::{Cache, Known};

/// More addresses are not kept of a scope: a directory that tells more of them is not believed.
pub const MOST_ADDRESSES: usize = 1_000_000;

/// Whether a sender's mailbox is to be updated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InScope {
    Yes,
    No,
    /// It depends on an entry of which nothing is known yet; with the reason.
    Unknown(Arc<str>),
}

/// The scope in force, as its users hold it. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Scope(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    snapshot: RwLock<Snapshot>,
    cache: Option<Cache>,
    /// Changes whenever more is known of who is in scope.
    resolved: watch::Sender<u64>,
}

/// What is known, and how it came.
#[derive(Default)]
struct State {
    /// Number of the settings' change that this is of; none: of none yet.
    change: Option<u64>,
    scope: SendersScope,
    known: HashMap<Uuid, Known>,
    /// Why entries could not be looked up the last time.
    failures: HashMap<Uuid, Arc<str>>,
    /// The directory has been asked since the settings changed.
    asked: bool,
    refreshed_at: Option<i64>,
    next_refresh_at: Option<i64>,
    /// Why the directory could not be asked the last time.
    problem: Option<Arc<str>>,
    /// What is wrong with the file.
    cache_problem: Option<String>,
}

/// The answer to every question, made ready.
#[derive(Default)]
struct Snapshot {
    mode: ScopeMode,
    /// Folded.
    addresses: HashSet<Box<str>>,
    /// Why a sender who is not among the addresses might belong there.
    unresolved: Option<Arc<str>>,
    summary: ScopeSummary,
}

impl Scope {
    /// With what an earlier run knew, if `folder` holds it.
    #[must_use]
    pub fn open(folder: &Path) -> Self {
        let (cache, known, problem) = Cache::open(folder);
        Self::new(Some(cache), State { known, cache_problem: problem, ..State::default() })
    }

    /// By these settings, with nothing known of users and groups.
    #[must_use]
    pub fn of(in_force: &InForce) -> Self {
        let scope = Self::new(None, State::default());
        scope.adopt(in_force);
        scope
    }

    fn new(cache: Option<Cache>, state: State) -> Self {
        let resolved = watch::Sender::default();
        Self(Arc::new(Inner { state: Mutex::new(state), snapshot: RwLock::default(), cache, resolved }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this sender's mailbox is to be updated. Costs a look into a hash table.
    #[must_use]
    pub fn contains(&self, sender: &SmtpAddress) -> InScope {
        let snapshot = self.0.snapshot.read().unwrap_or_else(PoisonError::into_inner);
        let (listed, other) = match snapshot.mode {
            ScopeMode::AllMailboxes => return InScope::Yes,
            ScopeMode::OnlyListed => (InScope::Yes, InScope::No),
            ScopeMode::AllExceptListed => (InScope::No, InScope::Yes),
        };
        if snapshot.addresses.contains(sender.folded()) {
            return listed;
        }
        snapshot.unresolved.clone().map_or(other, InScope::Unknown)
    }

    /// Takes settings over, unless later ones are in force already. What is known of entries that stay is kept.
    pub fn adopt(&self, in_force: &InForce) {
        let mut state = self.state();
        if state.change.is_some_and(|change| change >= in_force.change) {
            return;
        }
        state.change = Some(in_force.change);
        state.asked = false;
        state.problem = None;
        state.next_refresh_at = None;
        if state.scope != in_force.settings.scope {
            state.scope = in_force.settings.scope.clone();
            let ids: HashSet<Uuid> = state.scope.entries.iter().map(|entry| entry.id).collect();
            state.known.retain(|id, _| ids.contains(id));
            state.failures.retain(|id, _| ids.contains(id));
        }
        self.publish(&state);
    }

    /// Makes the answers ready.
    fn publish(&self, state: &State) {
        let mut snapshot = Snapshot::of(state);
        let (unresolved, decided) = (snapshot.summary.unresolved, snapshot.unresolved.is_none());
        std::mem::swap(&mut snapshot, &mut *self.0.snapshot.write().unwrap_or_else(PoisonError::into_inner));
        if snapshot.unresolved.is_some() && (decided || unresolved < snapshot.summary.unresolved) {
            self.0.resolved.send_modify(|times| *times += 1);
        }
        // The old one, which may be large, goes when nobody waits for the lock any more.
        drop(snapshot);
    }

    /// Changes whenever more is known of who is in scope: what waited for it may be decided now.
    #[must_use]
    pub fn watch_resolved(&self) -> watch::Receiver<u64> {
        self.0.resolved.subscribe()
    }

    #[must_use]
    pub fn summary(&self) -> ScopeSummary {
        self.0.snapshot.read().unwrap_or_else(PoisonError::into_inner).summary.clone()
    }

    /// Every entry with its state.
    #[must_use]
    pub fn report(&self) -> ScopeReport {
        let state = self.state();
        let entries = state.scope.entries.iter().map(|entry| state.describe(entry)).collect();
        ScopeReport { summary: self.summary(), entries }
    }

    /// What an administrator should know and see to, in whole sentences.
    #[must_use]
    pub fn notices(&self) -> Vec<String> {
        let state = self.state();
        let summary = self.summary();
        let mut notices: Vec<String> = state.cache_problem.iter().cloned().collect();
        if state.scope.mode == ScopeMode::AllMailboxes {
            return notices;
        }
        let why = || state.problem.clone().or_else(|| state.failures.values().next().cloned());
        if summary.stale > 0
            && let Some(why) = why()
        {
            let since =
                state.known.values().map(|known| known.at).min().and_then(|at| Timestamp::from_millisecond(at).ok());
            let since = since.map_or_else(String::new, |since| format!(", known since {since:.0}"));
            notices.push(format!(
                "The directory does not tell who is in the senders' scope at the moment: {why}. Its last known \
                 membership stays in force ({}{since}).",
                entries(summary.stale),
            ));
        }
        if summary.unresolved > 0
            && let Some(why) = why()
        {
            notices.push(format!(
                "{} of the senders' scope could not be looked up yet: {why}. Messages that it may concern wait.",
                first_upper(&entries(summary.unresolved)),
            ));
        }
        if summary.gone > 0 {
            notices.push(format!(
                "{} of the senders' scope no longer {} in the directory; take it off the list if that is meant.",
                first_upper(&entries(summary.gone)),
                if summary.gone == 1 { "exists" } else { "exist" },
            ));
        }
        notices
    }
}

fn entries(count: u64) -> String {
    if count == 1 { "one entry".to_owned() } else { format!("{count} entries") }
}

fn first_upper(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}", first.to_uppercase(), letters.as_str()))
}

impl Snapshot {
    fn of(state: &State) -> Self {
        let SendersScope { mode, entries, list, .. } = &state.scope;
        let mut summary = ScopeSummary {
            mode: *mode,
            listed: list.len() as u64,
            refreshed_at: state.refreshed_at,
            next_refresh_at: state.next_refresh_at,
            problem: state.problem.as_deref().map(str::to_owned),
            ..ScopeSummary::default()
        };
        let mut addresses: HashSet<Box<str>> = list.iter().map(|address| address.folded().into()).collect();
        let mut unresolved = None;
        for entry in entries {
            match state.known.get(&entry.id) {
                None => {
                    summary.unresolved += 1;
                    unresolved.get_or_insert_with(|| state.waits_for(entry));
                }
                Some(known) => {
                    match (known.gone_since, state.is_stale(entry)) {
                        (Some(_), _) => summary.gone += 1,
                        (None, true) => summary.stale += 1,
                        (None, false) => summary.resolved += 1,
                    }
                    // Nobody is a member of what does not exist. But those who were to be left alone stay so until a
                    // person says otherwise.
                    if known.gone_since.is_none() || *mode == ScopeMode::AllExceptListed {
                        addresses.extend(known.addresses.iter().cloned());
                    }
                }
            }
        }
        summary.addresses = addresses.len() as u64;
        if *mode == ScopeMode::AllMailboxes {
            (addresses, unresolved) = (HashSet::new(), None);
        }
        Self { mode: *mode, addresses, unresolved, summary }
    }
}

impl State {
    /// What is known of it is not of the latest time that the directory was to be asked.
    fn is_stale(&self, entry: &ScopeEntry) -> bool {
        self.scope.mode != ScopeMode::AllMailboxes && (!self.asked || self.failures.contains_key(&entry.id))
    }

    fn why_not(&self, entry: &ScopeEntry) -> String {
        if self.scope.mode == ScopeMode::AllMailboxes {
            return "all mailboxes are updated, so nobody needs to know".to_owned();
        }
        let failure = self.failures.get(&entry.id).or(self.problem.as_ref());
        failure.map_or_else(|| "the directory has not been asked yet".to_owned(), ToString::to_string)
    }

    fn waits_for(&self, entry: &ScopeEntry) -> Arc<str> {
        let name = &entry.name;
        format!("whether the sender belongs to {name} of the senders' scope is not known yet: {}", self.why_not(entry))
            .into()
    }

    fn describe(&self, entry: &ScopeEntry) -> ScopeEntryReport {
        let known = self.known.get(&entry.id);
        let now = known.map(|known| known.name.as_str()).filter(|name| !name.is_empty()).unwrap_or(&entry.name);
        let state = match known {
            None => EntryState::Unresolved { reason: self.why_not(entry) },
            Some(known) => match (known.gone_since, self.is_stale(entry)) {
                (Some(since), _) => EntryState::Gone { since },
                (None, true) => {
                    EntryState::Stale { members: known.members, since: known.at, reason: self.why_not(entry) }
                }
                (None, false) => EntryState::Resolved { members: known.members, at: known.at },
            },
        };
        ScopeEntryReport {
            id: entry.id,
            kind: entry.kind,
            name: now.to_owned(),
            was: (now != entry.name).then(|| entry.name.clone()),
            domain: entry.domain.clone(),
            state,
        }
    }
}
