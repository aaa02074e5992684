//! Users, groups and domains as they are shown.

use uuid::Uuid;

use crate::settings::{EntryKind, ScopeEntry};

/// A user or group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryObject {
    /// `objectGUID`: stays whatever the object is renamed to.
    pub id: Uuid,
    pub kind: EntryKind,
    /// Display name, else the common name.
    pub name: String,
    /// DNS name of the domain it belongs to.
    pub domain: String,
    pub distinguished_name: String,
    /// User principal name. An account without one can't be used as the service account (W4).
    pub upn: Option<String>,
    /// Primary SMTP address.
    pub mail: Option<String>,
    /// `sAMAccountName`
    pub account_name: Option<String>,
    pub disabled: bool,
    /// Whether it has an Exchange mailbox.
    pub mailbox: bool,
    pub description: Option<String>,
}

impl DirectoryObject {
    /// As an entry of the senders' scope.
    #[must_use]
    pub fn to_entry(&self) -> ScopeEntry {
        ScopeEntry {
            id: self.id,
            kind: self.kind,
            name: self.name.clone(),
            domain: self.domain.clone(),
            address: self.mail.clone(),
        }
    }
}

/// Which kinds of object to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kinds {
    pub users: bool,
    pub groups: bool,
}

/// A search as a person types it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The beginning of a name, address or UPN (ambiguous name resolution); empty finds everything.
    pub text: String,
    pub kinds: Kinds,
    /// DNS name of the domain to search; none: the own one.
    pub domain: Option<String>,
    /// Objects on a page; Active Directory gives at most 1,000.
    pub page_size: u32,
}

/// A domain that can be searched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// DNS name.
    pub domain: String,
    pub kind: LocationKind,
    /// DNS name of the domain above it in the same forest's tree.
    pub parent: Option<String>,
    /// Why it can't be searched, as a sentence.
    pub problem: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocationKind {
    Own,
    Forest,
    Trusted,
}
