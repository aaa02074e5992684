//! Addresses as the directory and Exchange know them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An SMTP address (RFC 5321 `Mailbox`), compared without regard to case, as Exchange does.
///
/// The spelling that was given is kept for display. Internationalised addresses (RFC 6531) are allowed.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SmtpAddress {
    given: String,
    folded: String,
}

/// Why a text is not an SMTP address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("the address is empty")]
    Empty,
    #[error("{0:?} has no @ between a name and a domain")]
    NoDomain(String),
    #[error("{0:?} contains a space, a control character or one of < > ( ) , ; that an address cannot have")]
    BadCharacter(String),
    #[error("the address is longer than the 320 characters that RFC 3696 allows")]
    TooLong,
}

impl SmtpAddress {
    /// # Errors
    /// Says what is wrong with the text, in words for the person who typed it.
    pub fn new(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        if text.chars().count() > 320 {
            return Err(AddressError::TooLong);
        }
        let bad = |c: char| c.is_whitespace() || c.is_control() || "<>(),;".contains(c);
        if text.contains(bad) {
            return Err(AddressError::BadCharacter(text.to_owned()));
        }
        match text.rsplit_once('@') {
            Some((name, domain)) if !name.is_empty() && !domain.is_empty() => {
                Ok(Self { given: text.to_owned(), folded: text.to_lowercase() })
            }
            _ => Err(AddressError::NoDomain(text.to_owned())),
        }
    }

    /// As it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.given
    }

    /// In lower case: the form to compare and to key by.
    #[must_use]
    pub fn folded(&self) -> &str {
        &self.folded
    }

    /// The part behind the last `@`, in lower case.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.folded.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl PartialEq for SmtpAddress {
    fn eq(&self, other: &Self) -> bool {
        self.folded == other.folded
    }
}
impl Eq for SmtpAddress {}
impl std::hash::Hash for SmtpAddress {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.folded.hash(state);
    }
}
impl fmt::Display for SmtpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.given)
    }
}
impl fmt::Debug for SmtpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.given)
    }
}
impl FromStr for SmtpAddress {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}
impl TryFrom<String> for SmtpAddress {
    type Error = AddressError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text)
    }
}
impl From<SmtpAddress> for String {
    fn from(address: SmtpAddress) -> Self {
        address.given
    }
}
