//! What goes over the local API.

mod diagnostics;
mod impersonation;
mod messages;
mod organisation;
mod outcome;
mod scope;
mod sent_copy;
mod series;
mod status;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

pub use diagnostics::{Diagnostics, FAILED, Machine};
pub use impersonation::{ImpersonationResult, ImpersonationTest, TestConcern, TestFailure};
pub use messages::{Counts, Filter, Listed, Receipt, Retried, State};
pub use organisation::{
    ConfigurationSummary, Join, JoinSignIn, Joined, Leave, OrganisationReport, OwnUpdater, PublishedVersion,
    SecretState, Source, UpdaterReport,
};
pub use outcome::{Outcome, OutcomeKind, Rule};
pub use scope::{EntryState, ScopeEntryReport, ScopeReport, ScopeSummary};
pub use sent_copy::{MOST_OF_A_BODY, SentAttachment, SentCopy, Shows};
pub use series::{Bucket, MOST_BUCKETS, Series, SeriesProblem, SeriesQuery};
pub use status::{Activity, DoorStatus, Status};

use crate::settings::Settings;

/// Version of this API, raised when an older client could misunderstand it.
pub const API: u32 = 1;

/// The settings in force. The account's password never leaves the updater.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SettingsDocument {
    pub settings: Settings,
    /// Whether a password is stored for the account.
    pub password_stored: bool,
}

/// New settings, taken over as a whole or not at all.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsChange {
    pub settings: Settings,
    /// A new password for the account; without one the stored password stays.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "expose")]
    pub password: Option<SecretString>,
}

// The one place where a password is written: on its way into the updater, over the pipe.
#[allow(clippy::ref_option)]
fn expose<S: Serializer>(password: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    password.as_ref().map(ExposeSecret::expose_secret).serialize(serializer)
}

/// A refusal, in words for the person who asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Stable name of the problem, for programs.
    pub code: String,
    pub message: String,
    /// The same request may succeed later.
    #[serde(default)]
    pub temporary: bool,
}

/// What happens, as it happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[allow(clippy::large_enum_variant, reason = "events are dealt with one by one and never kept")]
pub enum Event {
    /// A message was accepted, put back or finished.
    Message(Listed),
    /// The status changed in something other than the messages.
    Status(Status),
    Counts(Counts),
    /// The listener was too slow and missed some: read the lists anew.
    Missed {
        events: u64,
    },
}
