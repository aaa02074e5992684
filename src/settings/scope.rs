//! *Senders' scope*: whose mailboxes are updated (S1).

use serde::{Deserialize, Serialize};

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
    /// Addresses of the listed senders.
    pub list: Vec<SmtpAddress>,
}

impl SendersScope {
    /// Whether this sender's mailbox is to be updated.
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
        let scope = |mode| SendersScope { mode, list: vec!["anna@NORDWIND.example".parse().unwrap()] };
        assert!(scope(ScopeMode::AllMailboxes).contains(&ben));
        assert!(scope(ScopeMode::OnlyListed).contains(&anna) && !scope(ScopeMode::OnlyListed).contains(&ben));
        assert!(!scope(ScopeMode::AllExceptListed).contains(&anna) && scope(ScopeMode::AllExceptListed).contains(&ben));
    }
}
