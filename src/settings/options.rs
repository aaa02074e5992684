//! The options of the *Sent Items Update* and *Message splitting* tabs.

use serde::{Deserialize, Serialize};

/// How an update is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// *Create a copy of the original message when updating Sent Items* (T6).
    pub create_copy: bool,
    /// The signature program splits a message for recipients under different rules (T8).
    pub message_splitting: bool,
    /// *If message splitting is activated, apply changes to all split messages and save them in Sent Items* (T7).
    pub save_all_split_messages: bool,
    /// A message on behalf of a shared mailbox is updated in both mailboxes, that of From and that of Sender. To be set
    /// where Exchange keeps a copy in the shared one, too (`Set-Mailbox -MessageCopyForSendOnBehalfEnabled`); else the
    /// first one that has a copy is the only one.
    pub both_copies: bool,
}

impl Options {
    /// Whether each split copy gets an item of its own: T7 counts only while T8 is on.
    #[must_use]
    pub fn keeps_every_split_copy(self) -> bool {
        self.message_splitting && self.save_all_split_messages
    }
}
