//! How the updater is.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ConfigurationSummary, Counts, ScopeSummary};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the updater's program.
    pub version: String,
    /// Version of the local API, [`super::API`].
    pub api: u32,
    pub process: u32,
    pub started_at: Timestamp,
    /// The embedded sandbox organisation is what it works on.
    pub sandbox: bool,
    pub activity: Activity,
    /// User principal name of the service account.
    pub account: Option<String>,
    pub ews_url: Option<String>,
    pub counts: Counts,
    pub smtp: Option<DoorStatus>,
    pub pickup: Option<DoorStatus>,
    /// The senders' scope in numbers; its entries are at `GET /v1/scope`.
    #[serde(default)]
    pub scope: ScopeSummary,
    /// Where the settings in force come from; more is at `GET /v1/organisation`.
    #[serde(default)]
    pub configuration: ConfigurationSummary,
    /// Where the queue and the settings lie.
    pub data: PathBuf,
    /// What an administrator should know and see to, in whole sentences.
    #[serde(default)]
    pub notices: Vec<String>,
}

/// What the updating does at the moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "activity", rename_all = "kebab-case")]
pub enum Activity {
    /// No server or no account yet.
    NotConfigured,
    /// Switched off; messages are kept.
    Off,
    On,
    /// Switched on, but something that concerns every mailbox is wrong; it is tried again by itself.
    Held {
        reason: String,
        until: Timestamp,
    },
}

/// One of the doors for messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoorStatus {
    /// Address or folder.
    pub place: String,
    /// Why it is not open, or what is wrong with it.
    pub problem: Option<String>,
}
