//! What an object is picked for, and which objects will do.

use std::collections::HashSet;

use uuid::Uuid;

use crate::directory::{DirectoryObject, Kinds};
use crate::settings::EntryKind;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// The account that the updater works with (W4).
    ServiceAccount,
    /// A user whose mailbox is to be opened for a try (W10).
    Mailbox,
    /// Users and groups for the senders' scope (S2); these are in it already.
    Scope { present: HashSet<Uuid> },
}

impl Purpose {
    #[must_use]
    pub fn title(&self) -> &'static str {
        match self {
            Self::ServiceAccount => "Select User",
            Self::Mailbox => "Select Mailbox User",
            Self::Scope { .. } => "Select Users or Groups",
        }
    }

    /// Several may be picked at once.
    #[must_use]
    pub fn many(&self) -> bool {
        matches!(self, Self::Scope { .. })
    }

    /// The kinds of object there are to choose from.
    #[must_use]
    pub fn kinds(&self) -> Kinds {
        Kinds { users: true, groups: matches!(self, Self::Scope { .. }) }
    }

    /// Why this object can't be picked, as a sentence.
    #[must_use]
    pub fn obstacle(&self, object: &DirectoryObject) -> Option<&'static str> {
        let user = object.kind == EntryKind::User;
        match self {
            Self::ServiceAccount | Self::Mailbox if !user => Some("This is a group; a user is needed here."),
            Self::ServiceAccount if object.upn.is_none() => {
                Some("This user has no user principal name (UPN). Set one in Active Directory, then search again.")
            }
            Self::ServiceAccount if object.disabled => {
                Some("This account is disabled. Enable it in Active Directory, then search again.")
            }
            Self::Mailbox if !object.mailbox || object.mail.is_none() => Some("This user has no Exchange mailbox."),
            Self::Scope { present } if present.contains(&object.id) => Some("This is on the list already."),
            Self::ServiceAccount | Self::Mailbox | Self::Scope { .. } => None,
        }
    }
}

/// What is special about an object, in words: they stand beside its icon for those who can't see it.
pub fn remarks(object: &DirectoryObject) -> Vec<&'static str> {
    let user = object.kind == EntryKind::User;
    let mut remarks = Vec::new();
    if object.disabled {
        remarks.push("disabled");
    }
    if user && object.upn.is_none() {
        remarks.push("no UPN");
    }
    if user && !object.mailbox {
        remarks.push("no mailbox");
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::panel::scripted::{group, user};

    /// W4
    #[test]
    fn a_service_account_needs_a_upn_and_must_be_enabled() {
        let anna = user("Anna Berg");
        assert_eq!(Purpose::ServiceAccount.obstacle(&anna), None);
        let without = DirectoryObject { upn: None, ..anna.clone() };
        assert!(Purpose::ServiceAccount.obstacle(&without).unwrap().contains("UPN"));
        let disabled = DirectoryObject { disabled: true, ..anna };
        assert!(Purpose::ServiceAccount.obstacle(&disabled).unwrap().contains("disabled"));
        assert!(Purpose::ServiceAccount.obstacle(&group("Sales")).unwrap().contains("group"));
    }

    /// W10
    #[test]
    fn the_impersonation_test_needs_a_mailbox() {
        assert_eq!(Purpose::Mailbox.obstacle(&user("Anna Berg")), None);
        let without = DirectoryObject { mailbox: false, ..user("Ben") };
        assert!(Purpose::Mailbox.obstacle(&without).unwrap().contains("mailbox"));
    }

    /// S2
    #[test]
    fn what_is_on_the_list_is_not_added_again() {
        let (anna, sales) = (user("Anna Berg"), group("Sales"));
        let purpose = Purpose::Scope { present: HashSet::from([sales.id]) };
        assert_eq!(purpose.obstacle(&anna), None);
        assert!(purpose.obstacle(&sales).unwrap().contains("already"));
    }

    #[test]
    fn what_an_icon_says_stands_in_words_too() {
        let odd = DirectoryObject { disabled: true, upn: None, mailbox: false, ..user("Ben") };
        assert_eq!(remarks(&odd), ["disabled", "no UPN", "no mailbox"]);
        assert_eq!(remarks(&group("Sales")), [""; 0]);
    }
}
