//! The Message-ID, by which the sender's copy is found.

use std::fmt;
use std::str::FromStr;

/// A Message-ID exactly as `InternetMessageId` of EWS shows it: with its angle brackets, where it has some.
///
/// Broken ones occur (no brackets, spaces, no `@`) and are kept as they are, because the mailbox keeps them so
/// too. Comparison is exact.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(String);

/// Why a text can't be a Message-ID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageIdError {
    #[error("the Message-ID is empty")]
    Empty,
    #[error("the Message-ID {0:?} contains a control character, which no search can carry")]
    ControlCharacter(String),
}

impl MessageId {
    /// # Errors
    /// When the text is empty, or only brackets, or contains a control character. White space around it is
    /// ignored.
    pub fn new(text: &str) -> Result<Self, MessageIdError> {
        let text = text.trim();
        if text.trim_start_matches('<').trim_end_matches('>').trim().is_empty() {
            return Err(MessageIdError::Empty);
        }
        if text.contains(|c: char| c.is_control() && c != '\t') {
            return Err(MessageIdError::ControlCharacter(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl FromStr for MessageId {
    type Err = MessageIdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}
