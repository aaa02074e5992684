//! Why a message can't be used at all.

use super::JournalProblem;

/// A message that can never lead to an update, because of what it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageProblem {
    #[error("it is empty")]
    Empty,
    #[error("it has no header that could be read (is it an e-mail message in MIME format?)")]
    NotAMessage,
    #[error("it has no Message-ID, without which the sender's copy can't be found")]
    NoMessageId,
    #[error("it has several Message-ID headers with different values")]
    SeveralMessageIds,
    #[error("it has no From address, so that the mailbox to update is unknown")]
    NoFrom,
    #[error("it has several From addresses and no Sender (RFC 5322 asks for one then)")]
    SeveralFrom,
    #[error("its From address is not valid: {0}")]
    BadFrom(String),
    #[error("it has more than {parts} parts or nests them more than {depth} deep, which no mail program does")]
    TooComplex { parts: usize, depth: usize },
    #[error("it is a journal report of Exchange, and {0}")]
    JournalReport(JournalProblem),
}
