//! *Senders' scope*: whose mailboxes are updated (S1).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{SettingsProblem, SmtpAddress, wrong};

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

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SendersScope {
    pub mode: ScopeMode,
    /// Users and groups of the directory.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<ScopeEntry>,
    /// Senders listed by address alone, for organisations without a directory.
    pub list: Vec<SmtpAddress>,
    /// Seconds after which the directory is asked anew whom the entries stand for.
    pub refresh_every: u32,
}

impl Default for SendersScope {
    fn default() -> Self {
        Self { mode: ScopeMode::default(), entries: Vec::new(), list: Vec::new(), refresh_every: 300 }
    }
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
    pub(super) fn check(&self) -> Result<(), SettingsProblem> {
        if !(30..=3600).contains(&self.refresh_every) {
            return Err(wrong("scope.refresh_every", "from 30 to 3600 seconds"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S3
    #[test]
    fn changes_of_membership_take_effect_within_minutes_and_the_directory_is_not_asked_all_the_time() {
        let every = |refresh_every| SendersScope { refresh_every, ..SendersScope::default() }.check();
        assert_eq!((every(30), every(3600), SendersScope::default().refresh_every), (Ok(()), Ok(()), 300));
        for seconds in [0, 29, 3601, u32::MAX] {
            assert!(every(seconds).unwrap_err().to_string().contains("scope.refresh_every"));
        }
    }

    #[test]
    fn a_scope_of_before_the_directory_is_read_as_it_was_meant() {
        let scope: SendersScope = serde_json::from_str(r#"{"mode": "only-listed", "list": ["a@x"]}"#).unwrap();
        assert_eq!((scope.mode, scope.list.len(), scope.refresh_every), (ScopeMode::OnlyListed, 1, 300));
    }
}
