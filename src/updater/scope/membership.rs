//! Where the members of the scope's entries come from: the directory, or a test.

use futures_util::future::BoxFuture;

use crate::settings::{ScopeEntry, SmtpAddress};

/// What a directory says of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Found {
        /// Display name.
        name: String,
        /// Users in it, nested groups followed; 1 for a user.
        members: u64,
        /// Every address of all of them, primary and secondary.
        addresses: Vec<SmtpAddress>,
    },
    /// There is no object with this GUID (S4).
    Gone,
    /// This one could not be looked up, in words.
    Failed(String),
}

/// The directory can't be asked at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// Why, in words.
    pub why: String,
    /// It does not accept the account. Trying again and again could lock it.
    pub refused: bool,
}

impl Outage {
    #[must_use]
    pub fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), refused: false }
    }
}

/// Knows the members of users and groups. Whoever asks may drop what it returns at any time.
pub trait Membership: Send + Sync {
    /// An answer for each entry, in their order.
    ///
    /// # Errors
    /// When the directory can't be asked at all.
    fn look_up<'a>(&'a self, entries: &'a [ScopeEntry]) -> BoxFuture<'a, Result<Vec<Answer>, Outage>>;
}
