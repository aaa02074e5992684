//! Messages as the local API shows them.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::{OutcomeKind, Rule};

/// What an accepted message became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Number of the message in the queue.
    pub id: i64,
    /// The same processed message was accepted before; `id` is that one.
    pub duplicate: bool,
}

/// How many messages were put back to waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retried {
    pub messages: u64,
}

/// How many messages are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub waiting: i64,
    pub working: i64,
    pub updated: i64,
    pub skipped: i64,
    pub failed: i64,
}

/// A change may be negative.
impl AddAssign for Counts {
    fn add_assign(&mut self, change: Self) {
        self.waiting += change.waiting;
        self.working += change.working;
        self.updated += change.updated;
        self.skipped += change.skipped;
        self.failed += change.failed;
    }
}

impl Counts {
    /// The count of those that ended so.
    pub fn of(&mut self, kind: OutcomeKind) -> &mut i64 {
        match kind {
            OutcomeKind::Updated => &mut self.updated,
            OutcomeKind::Skipped => &mut self.skipped,
            OutcomeKind::Failed => &mut self.failed,
        }
    }
}

/// Which messages to list, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// Only those in this state.
    pub state: Option<State>,
    /// Only those whose sender, subject or Message-ID contains this, without regard to ASCII case.
    pub search: Option<String>,
    /// Only those older than this number, for the next page.
    pub before: Option<i64>,
    /// At the most this many; 100 when absent, 1,000 at the most.
    pub limit: Option<u32>,
}

/// State of a message as shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Waiting,
    Working,
    Updated,
    Skipped,
    Failed,
}

/// A message as shown in lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    pub id: i64,
    pub state: State,
    pub message_id: String,
    pub sender: String,
    pub subject: String,
    /// Bytes of the processed message.
    pub size: i64,
    pub source: String,
    /// Milliseconds since 1970, like all times here.
    pub accepted_at: i64,
    /// When it is looked at next; only while waiting.
    pub due_at: Option<i64>,
    pub finished_at: Option<i64>,
    pub rule: Option<Rule>,
    /// Why it ended as it did, or what it is waiting for.
    pub reason: String,
    /// Looks and tries so far that led to waiting.
    pub tries: i64,
}
