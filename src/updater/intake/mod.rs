//! Every way into the updater. Each door turns what it gets into a [`Received`] and gives it to the one
//! [`Accept`] behind all of them; it may say *accepted* to the outside only once that has answered.

mod journal;
pub mod pickup;
pub mod smtp;

use std::fmt;
use std::future::Future;

use serde::{Deserialize, Serialize};

use super::spool::Content;
pub use crate::pipe::types::Receipt;

/// Which door a message came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The local API: `siu-updater submit` or any HTTP client.
    Api,
    /// The pickup folder.
    Pickup,
    /// SMTP, a plain processed copy.
    Smtp,
    /// SMTP, unpacked from an Exchange journal report.
    Journal,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Api => "api",
            Self::Pickup => "pickup",
            Self::Smtp => "smtp",
            Self::Journal => "journal",
        })
    }
}

/// A processed message as it came in, not yet accepted.
#[derive(Debug)]
pub struct Received {
    /// The message (RFC 5322), byte for byte, without transport framing.
    pub content: Content,
    pub source: Source,
    /// What to do with a message that can't be used (no Message-ID, no From, not MIME at all).
    pub unusable: Unusable,
}

/// What to do with a message that can never be updated because of what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    /// Tell the submitter, who is there to hear it, and keep nothing.
    Refuse,
    /// Accept it and record the outcome: a refusal would come back to the sender as a bounce.
    Record,
}

/// Why a message was not accepted. Nothing of it is kept.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    #[error("the message can't be used: {0}")]
    Unusable(#[from] crate::message::MessageProblem),
    #[error("the message is larger than the limit of {limit} bytes (setting intake.max_message_bytes)")]
    TooLarge { limit: u64 },
    #[error("the disk with the queue is full; make room on {path}, the sender may try again later")]
    DiskFull { path: String },
    #[error("the updater is stopping; try again when it runs")]
    Stopping,
    #[error("the queue could not store the message: {0}")]
    Storage(String),
}

impl AcceptError {
    /// Whether the same message can be accepted later, without a change to it.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        !matches!(self, Self::Unusable(_) | Self::TooLarge { .. })
    }
}

/// The one gate behind all doors: when it returns `Ok`, the message is on disk.
pub trait Accept: Send + Sync + 'static {
    fn accept(&self, received: Received) -> impl Future<Output = Result<Receipt, AcceptError>> + Send;
}
