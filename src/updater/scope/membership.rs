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

/// Knows the members of users and groups. Whoever asks may drop what it returns at any time.
pub trait Membership: Send + Sync {
    /// An answer for each entry, in their order.
    ///
    /// # Errors
    /// When the directory can't be asked at all, in words.
    fn look_up<'a>(&'a self, entries: &'a [ScopeEntry]) -> BoxFuture<'a, Result<Vec<Answer>, String>>;
}
