//! Journal reports of Exchange (MS-XJRNL): a message of the server's own, with the one it reports attached.

use bytes::Bytes;

use super::header::{Fields, Lines};
use super::structure::Structure;
use super::{MessageClass, MessageProblem, ProcessedMessage};

/// Why the message can't be taken out of a journal report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JournalProblem {
    #[error("the message that it reports is not attached to it")]
    NoMessage,
    #[error("what it reports is itself a journal report; check which recipients the journal rule applies to")]
    Nested,
    #[error("its parts can't be told apart")]
    TooComplex,
    #[error("this door takes no journal reports; the SMTP door and the pickup folder do")]
    Packed,
}

/// The messages in a journal report; none when it isn't one.
///
/// They are slices of the report, unless the report has them encoded. If the server attached a decrypted copy
/// beside a rights-protected message (journal report decryption), only the protected one is returned: it is the
/// one that the sender's copy looks like.
#[must_use]
pub fn journaled(raw: &Bytes) -> Option<Result<Vec<Bytes>, JournalProblem>> {
    is_journal_report(raw).then(|| unpack(raw))
}

pub(super) fn is_journal_report(raw: &[u8]) -> bool {
    Fields::new(raw, Lines::of(raw)).any(|field| field.is("X-MS-Journal-Report"))
}

fn unpack(raw: &Bytes) -> Result<Vec<Bytes>, JournalProblem> {
    let structure = Structure::read(raw, Lines::of(raw)).map_err(|_| JournalProblem::TooComplex)?;
    let attached = structure.root().children.iter().map(|child| &structure.parts[*child]);
    let mut messages = Vec::new();
    for part in attached.filter(|part| part.is_message()) {
        let written = raw.slice(part.body.clone());
        let message = match part.encoding.decode(&written) {
            std::borrow::Cow::Borrowed(_) => written,
            std::borrow::Cow::Owned(decoded) => decoded.into(),
        };
        if is_journal_report(&message) {
            return Err(JournalProblem::Nested);
        }
        if !message.trim_ascii().is_empty() {
            messages.push(message);
        }
    }
    match messages.len() {
        0 => Err(JournalProblem::NoMessage),
        1 => Ok(messages),
        _ => Ok(without_decrypted_copies(messages)),
    }
}

fn without_decrypted_copies(messages: Vec<Bytes>) -> Vec<Bytes> {
    let read: Vec<Result<ProcessedMessage, MessageProblem>> =
        messages.iter().map(|message| ProcessedMessage::parse(message.clone())).collect();
    let protected = |message: &ProcessedMessage| message.class() == MessageClass::RightsProtected;
    let is_decrypted = |message: &ProcessedMessage| {
        !protected(message)
            && read.iter().flatten().any(|other| protected(other) && other.message_id() == message.message_id())
    };
    let kept = messages.into_iter().zip(&read);
    kept.filter(|(_, read)| !read.as_ref().is_ok_and(is_decrypted)).map(|(message, _)| message).collect()
}
