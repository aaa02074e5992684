//! The processed message: what arrived, from whom, of which kind, and what the sender's copy should show.
//! No I/O happens here.

mod address;
mod attachment;
mod body;
mod charset;
mod class;
mod digest;
mod encoded_word;
mod flowed;
mod header;
mod html;
mod journal;
mod message_id;
mod parameters;
mod problem;
mod processed;
mod structure;
mod transfer;

pub use attachment::{Attachment, AttachmentKind};
pub use body::Body;
pub use class::MessageClass;
pub use digest::{Digest, DigestError};
pub use journal::{JournalProblem, journaled};
pub use message_id::{MessageId, MessageIdError};
pub use problem::MessageProblem;
pub use processed::ProcessedMessage;

#[cfg(test)]
mod tests;
