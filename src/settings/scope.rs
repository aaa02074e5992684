//! *Senders' scope*: whose mailboxes are updated (S1).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::SmtpAddress;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScopeMode {
    #[default]
    AllMailboxes,
    /// *Update mailboxes from the list below only*
    OnlyListed,
    /// *Update all mailboxes except the ones from the list below*
    AllExceptListed,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SendersScope {
    pub mode: ScopeMode,
    /// Users and groups of the directory.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<ScopeEntry>,
    /// Senders listed by address alone, for organisations without a directory.
    pub list: Vec<SmtpAddress>,
}

/// A user or group of the directory. It is known by its object GUID, which stays whatever it is renamed to; the rest
/// is for showing it while the directory does not answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScopeEntry {
    /// `objectGUID`
    pub id: Uuid,
    pub kind: EntryKind,
    /// Display name.
    pub name: String,
    /// DNS name of the domain that it belongs to.
    pub domain: String,
    /// Primary SMTP address, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryKind {
    User,
    Group,
}

impl SendersScope {
    /// Whether this sender's mailbox is to be updated, as far as the list of addresses says; the entries are a matter
    /// of the directory.
    #[must_use]
    pub fn contains(&self, sender: &SmtpAddress) -> bool {
        match self.mode {
            ScopeMode::AllMailboxes => true,
            ScopeMode::OnlyListed => self.list.contains(sender),
            ScopeMode::AllExceptListed => !self.list.contains(sender),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S1
    #[test]
    fn each_mode_means_what_its_name_says() {
        let anna: SmtpAddress = "Anna@nordwind.example".parse().unwrap();
        let ben: SmtpAddress = "ben@nordwind.example".parse().unwrap();
        let list = vec!["anna@NORDWIND.example".parse().unwrap()];
        let scope = |mode| SendersScope { mode, list: list.clone(), ..SendersScope::default() };
        assert!(scope(ScopeMode::AllMailboxes).contains(&ben));
        assert!(scope(ScopeMode::OnlyListed).contains(&anna) && !scope(ScopeMode::OnlyListed).contains(&ben));
        assert!(!scope(ScopeMode::AllExceptListed).contains(&anna) && scope(ScopeMode::AllExceptListed).contains(&ben));
    }
}
