//! The sender's copy in Sent Items, as it is at this moment.

use serde::{Deserialize, Serialize};

/// More of a body is not given, in bytes.
pub const MOST_OF_A_BODY: usize = 1024 * 1024;

/// What Sent Items shows of a message.
///
/// What an item looked like before it was updated is not kept anywhere: for a message that was updated in place this
/// is what it looks like since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentCopy {
    /// In whose mailbox it is.
    pub mailbox: String,
    pub shows: Shows,
    pub subject: String,
    /// As it is stored: HTML or plain text, never both; neither when it is empty.
    pub html: Option<String>,
    pub text: Option<String>,
    /// The body is longer than [`MOST_OF_A_BODY`]; its end is left out.
    pub cut: bool,
    pub attachments: Vec<SentAttachment>,
    /// Milliseconds since 1970.
    pub sent_at: Option<i64>,
    /// When anything of it was changed last, by whomever.
    pub changed_at: Option<i64>,
    /// Further items with this Message-ID in Sent Items.
    pub others: u32,
}

/// What kind of copy it is, by the mark that Sent Items Update leaves on what it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shows {
    /// As the sender's program stored it: Sent Items Update has not changed it.
    AsSent,
    /// This processed message: it was updated.
    Processed,
    /// Another processed message with the same Message-ID: a split copy.
    OtherProcessed,
}

impl Shows {
    /// In a sentence.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::AsSent => "The copy as the sender's program stored it; it has not been updated.",
            Self::Processed => "The copy as it is since it was updated; how it looked before is not kept.",
            Self::OtherProcessed => "The copy as it is since it was updated with another copy of the split message.",
        }
    }
}

/// An attachment, from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentAttachment {
    pub name: String,
    /// In bytes, where the server tells it.
    pub size: Option<u64>,
    /// Shown within the body, as a logo is.
    pub inline: bool,
}
