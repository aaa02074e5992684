//! Attachments: everything of a message that is not its body.

use std::borrow::Cow;
use std::ops::Range;

use super::ProcessedMessage;
use super::transfer::Encoding;

/// One attachment. Its content stays where it is, in the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Never empty: derived when the message gives none.
    pub name: String,
    /// Type and subtype in lower case, without parameters.
    pub content_type: String,
    /// Without angle brackets.
    pub content_id: Option<String>,
    pub content_location: Option<String>,
    /// The HTML body refers to it, or it is meant to be shown within the body (disposition inline with a content id).
    pub inline: bool,
    pub kind: AttachmentKind,
    pub(super) range: Range<usize>,
    pub(super) encoding: Encoding,
}

/// What an attachment is to Exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttachmentKind {
    File,
    /// A message of its own (RFC 2046 `message/rfc822`).
    Message,
}

impl Attachment {
    /// The content. Borrowed from the message where it is not encoded.
    #[must_use]
    pub fn decoded<'m>(&self, message: &'m ProcessedMessage) -> Cow<'m, [u8]> {
        self.encoding.decode(&message.raw()[self.range.clone()])
    }

    /// Bytes of the content, counted without decoding it into memory.
    #[must_use]
    pub fn decoded_len(&self, message: &ProcessedMessage) -> usize {
        self.encoding.decoded_len(&message.raw()[self.range.clone()])
    }
}
