//! Active Directory over LDAP: who there is, and what they belong to.
//!
//! What the panel and the wizard need of it stands behind the trait [`DirectorySearch`], so that they work alike on a
//! domain and on the sandbox organisation.

mod accounts;
mod client;
mod connection;
mod connection_points;
mod controller;
pub(crate) mod dn;
mod domain;
mod entry;
mod error;
mod filter;
mod find;
mod groups;
mod kerberos;
mod locations;
mod names;
mod object;
mod presence;
mod refusal;
mod rights;
mod session;
mod sid;
mod site;
mod tls;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use uuid::Uuid;

pub use crate::tls::TlsProblem;
pub use accounts::{AccountCheck, AccountCondition, AccountVerdict, CreateError, NewAccount};
pub use client::{Directory, Nesting, Options, SignIn, Timeouts};
pub use connection_points::ConnectionPoints;
pub use error::{ConnectProblem, DirectoryError, Limit};
pub use groups::Member;
pub use kerberos::KerberosProblem;
pub use object::{DirectoryObject, Kinds, Location, LocationKind, Query};
pub use presence::Presence;
pub use refusal::Refusal;

// For rooms that keep objects of their own there.
pub(crate) use accounts::{DOMAIN_ADMINS, KnownAccount};
pub(crate) use entry::Entry;
pub(crate) use rights::{Ace, Rights, access};
pub(crate) use session::{Base, Change, ChangeError, RIGHTS, Search};
pub(crate) use sid::Sid;

/// What went wrong between us and the directory, in words for the administrator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct SearchError {
    /// What happened, as a sentence.
    pub what: String,
    /// What to do about it, as a sentence; empty when there is nothing to advise.
    pub advice: String,
}

/// A page of results.
pub type Page = Vec<DirectoryObject>;

/// Looks users and groups up. Whoever calls it may drop what it returns at any time: nothing goes on then.
pub trait DirectorySearch: Send + Sync {
    /// Where can be searched: the own domain first, then those of the forest and those trusted (W4).
    fn locations(&self) -> BoxFuture<'_, Result<Vec<Location>, SearchError>>;

    /// Searches page by page: the next page is asked for when the stream is polled. Ends after an error.
    fn search(&self, query: Query) -> BoxStream<'_, Result<Page, SearchError>>;

    /// The objects with these GUIDs; one that the directory does not have is `None` (S4).
    fn lookup(&self, ids: Vec<Uuid>) -> BoxFuture<'_, Result<Vec<Option<DirectoryObject>>, SearchError>>;
}
