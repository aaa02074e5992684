//! The senders' scope as it is in force: what its entries are at this moment.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::settings::{EntryKind, ScopeMode};

/// Every entry with its state, in the order of the settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeReport {
    pub summary: ScopeSummary,
    pub entries: Vec<ScopeEntryReport>,
}

/// The scope in a few numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScopeSummary {
    pub mode: ScopeMode,
    /// Senders listed by address alone.
    pub listed: u64,
    /// Users and groups of the directory, by their state.
    pub resolved: u64,
    pub stale: u64,
    pub gone: u64,
    pub unresolved: u64,
    /// Addresses that all of it comes to.
    pub addresses: u64,
    /// When the directory was asked last with success. Milliseconds since 1970, like all times here.
    pub refreshed_at: Option<i64>,
    /// When it is asked next; none: there is nothing to ask for.
    pub next_refresh_at: Option<i64>,
    /// Why the directory could not be asked the last time.
    pub problem: Option<String>,
}

/// An entry of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeEntryReport {
    pub id: Uuid,
    pub kind: EntryKind,
    /// As the directory calls it now, else as the settings do.
    pub name: String,
    /// What the settings call it, when that is another name: it was renamed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    /// DNS name of its domain.
    pub domain: String,
    #[serde(flatten)]
    pub state: EntryState,
}

/// What is known of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum EntryState {
    /// Known, as of `at`.
    Resolved { members: u64, at: i64 },
    /// The directory has no object with this GUID (S4). `since` is when that was seen first.
    Gone { since: i64 },
    /// The directory could not be asked; what was known at `since` stays in force (S3).
    Stale { members: u64, since: i64, reason: String },
    /// Nothing is known of it yet: whom it concerns waits.
    Unresolved { reason: String },
}
