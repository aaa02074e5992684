//! People and groups, and what is known of each.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::folded;

/// What kind of object a person is (`RecipientTypeDetails`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    #[default]
    User,
    Shared,
    Room,
    Equipment,
}

/// How a person's mailbox and account are just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailboxState {
    #[default]
    Normal,
    /// Being moved to another database: `ErrorMailboxMoveInProgress`.
    Moving,
    /// Over its quota: reading goes on, whatever adds to it gets `ErrorQuotaExceeded`.
    Full,
    /// The database is not mounted: `ErrorMailboxStoreUnavailable`.
    Unavailable,
    /// The mailbox was removed: `ErrorNonExistentMailbox`.
    Gone,
    /// The account is disabled: `ErrorAccountDisabled`.
    Disabled,
}

/// How an account's password stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PasswordState {
    #[default]
    Valid,
    /// Older than the domain allows.
    Expired,
    /// To be changed at the next sign-in (`pwdLastSet` is 0).
    MustChange,
    /// There is none: nobody can sign in.
    None,
}

/// What a group is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupKind {
    #[default]
    Distribution,
    Security,
}

/// An account, with or without a mailbox.
#[allow(clippy::struct_excessive_bools)] // each is a flag that an account has by itself
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Person {
    /// User principal name: what the person signs in with. It names the mailbox in the store, too.
    pub upn: String,
    pub display_name: String,
    pub given_name: String,
    pub surname: String,
    /// Primary SMTP address; empty when the account has no address at all.
    pub primary: String,
    /// Further SMTP addresses (`proxyAddresses`).
    pub secondary: Vec<String>,
    pub kind: Kind,
    /// Whether there is a mailbox. Without one, mail to the address is not stored anywhere.
    pub mailbox: bool,
    pub state: MailboxState,
    /// UPNs of those who may open this mailbox without impersonation (`FullAccess`).
    pub full_access: Vec<String>,
    /// Security identifier; given by [`Directory::add_person`] when empty.
    pub sid: String,
    /// `sAMAccountName`; given by [`Directory::add_person`] when empty: what stands before the `@` of the UPN.
    pub account_name: String,
    /// Common name; when empty, the display name, or else the account name.
    pub common_name: String,
    pub description: String,
    /// Where it is kept below the domain, such as `OU=Sales`; when empty, `CN=Users`.
    pub container: String,
    /// The directory shows no `userPrincipalName`; the one kept here is the implicit one, account name and domain.
    pub without_upn: bool,
    pub password: PasswordState,
    /// `ADS_UF_DONT_EXPIRE_PASSWD`
    pub password_never_expires: bool,
    /// Locked after too many wrong passwords.
    pub locked: bool,
    /// When the account itself expires, in seconds since 1970; none: never.
    pub expires: Option<i64>,
    /// Further attributes as clients wrote them, such as `department`.
    pub more: BTreeMap<String, Vec<String>>,
}

/// A group of people and groups.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Group {
    pub display_name: String,
    /// Primary SMTP address; a group without one, such as Domain Admins, gets no mail and needs an account name.
    pub primary: String,
    pub secondary: Vec<String>,
    /// Members: addresses or UPNs of people, addresses or account names of groups, or addresses that the directory
    /// does not know (contacts).
    pub members: Vec<String>,
    /// `sAMAccountName`; given by [`Directory::add_group`] when empty: the display name.
    pub account_name: String,
    pub kind: GroupKind,
    pub description: String,
    /// Where it is kept below the domain; when empty, `CN=Users`.
    pub container: String,
    /// Security identifier; given by [`Directory::add_group`] when empty. A number stands for the RID of a group that
    /// every domain has, such as 512 for Domain Admins.
    pub sid: String,
}

/// What an address leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipient {
    Person(Arc<Person>),
    Group(Arc<Group>),
}

impl Person {
    /// All SMTP addresses, the primary one first.
    pub fn addresses(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.primary.as_str())
            .filter(|address| !address.is_empty())
            .chain(self.secondary.iter().map(String::as_str))
    }

    /// Whether the account itself has expired.
    #[must_use]
    pub fn has_expired(&self) -> bool {
        self.expires.is_some_and(|seconds| seconds <= jiff::Timestamp::now().as_second())
    }

    /// The name within its container.
    #[must_use]
    pub fn common_name(&self) -> &str {
        let names = [&self.common_name, &self.display_name];
        names.into_iter().find(|name| !name.is_empty()).unwrap_or(&self.account_name)
    }
}

impl Group {
    /// What identifies the group here: its address, or its account name when it has none.
    #[must_use]
    pub fn key(&self) -> String {
        folded(if self.primary.trim().is_empty() { &self.account_name } else { &self.primary })
    }

    /// All SMTP addresses, the primary one first.
    pub fn addresses(&self) -> impl Iterator<Item = &str> {
        let all = std::iter::once(&self.primary).chain(&self.secondary);
        all.map(String::as_str).filter(|address| !address.is_empty())
    }
}

impl Recipient {
    #[must_use]
    pub fn display_name(&self) -> &str {
        match self {
            Self::Person(person) => &person.display_name,
            Self::Group(group) => &group.display_name,
        }
    }

    #[must_use]
    pub fn primary(&self) -> &str {
        match self {
            Self::Person(person) => &person.primary,
            Self::Group(group) => &group.primary,
        }
    }

    /// All SMTP addresses, the primary one first.
    #[must_use]
    pub fn addresses(&self) -> Vec<&str> {
        match self {
            Self::Person(person) => person.addresses().collect(),
            Self::Group(group) => group.addresses().collect(),
        }
    }
}
