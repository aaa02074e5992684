//! How the work on a message ended, in words for the administrator.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The three ends that a message can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutcomeKind {
    /// Sent Items shows what the recipients got.
    Updated,
    /// Deliberately left alone, by a rule.
    Skipped,
    /// It should have been updated and was not.
    Failed,
}

impl OutcomeKind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Updated => "updated",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for OutcomeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which rule led to the outcome. The name is stable: reports and tests speak of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Body and subject, and attachments where they differ, were changed in the sender's copy.
    UpdatedInPlace,
    /// The sender's copy could not be changed and was replaced.
    Replaced,
    /// The processed message was stored beside the original (T6).
    CopyAdded,
    /// The processed message was stored as an item of its own beside the other split copies (T7).
    SplitCopyAdded,
    /// An earlier run had done the work already; nothing was written.
    AlreadyDone,
    /// A split copy that was processed later is in place already (U5).
    Superseded,
    /// The sender has moved the copy to Deleted Items; it is left alone.
    ThrownAway,
    /// S1
    OutOfScope,
    /// U6
    NoMailbox,
    SmimeSigned,
    SmimeEncrypted,
    RightsProtected,
    Tnef,
    Calendar,
    Report,
    /// No copy appeared within the time allowed.
    NotFound,
    /// Temporary errors did not end within the time allowed.
    GaveUp,
    /// Exchange refused for good.
    Refused,
    /// The message itself can't be used.
    Unusable,
}

impl Rule {
    #[must_use]
    pub fn kind(self) -> OutcomeKind {
        match self {
            Self::UpdatedInPlace | Self::Replaced | Self::CopyAdded | Self::SplitCopyAdded | Self::AlreadyDone => {
                OutcomeKind::Updated
            }
            Self::Superseded
            | Self::ThrownAway
            | Self::OutOfScope
            | Self::NoMailbox
            | Self::SmimeSigned
            | Self::SmimeEncrypted
            | Self::RightsProtected
            | Self::Tnef
            | Self::Calendar
            | Self::Report => OutcomeKind::Skipped,
            Self::NotFound | Self::GaveUp | Self::Refused | Self::Unusable => OutcomeKind::Failed,
        }
    }
}

/// The end of the work on a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub rule: Rule,
    /// A sentence that a person can act on; empty when there is nothing to say beyond the rule.
    pub reason: String,
}

impl Outcome {
    #[must_use]
    pub fn new(rule: Rule, reason: impl Into<String>) -> Self {
        Self { rule, reason: reason.into() }
    }

    #[must_use]
    pub fn kind(&self) -> OutcomeKind {
        self.rule.kind()
    }
}
