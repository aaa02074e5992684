//! Mailboxes that the directory shows, to ask Autodiscover for and to try the right with.

use futures_util::StreamExt as _;

use super::Domain;
use crate::directory::{DirectoryObject, DirectorySearch as _, Kinds, Query, SearchError};
use crate::settings::SmtpAddress;

/// How many are tried.
const WANTED: usize = 5;

/// Pages that are looked through for them.
const MOST_PAGES: usize = 10;

/// Beginnings of the names of mailboxes that Exchange has for itself.
const OF_EXCHANGE: [&str; 5] =
    ["HealthMailbox", "SystemMailbox{", "DiscoverySearchMailbox", "FederatedEmail.", "Migration."];

impl Domain {
    /// Some, in the order in which the directory shows them. Fewer, or none, when it shows no more.
    pub(super) async fn some_mailboxes(&self) -> Result<Vec<SmtpAddress>, SearchError> {
        if let Some(mailbox) = &self.options.mailbox {
            return Ok(vec![mailbox.clone()]);
        }
        let kinds = Kinds { users: true, groups: false };
        let query = Query { text: String::new(), kinds, domain: None, page_size: 200 };
        let mut pages = self.options.directory.search(query).take(MOST_PAGES);
        let mut mailboxes = Vec::new();
        while let Some(page) = pages.next().await {
            mailboxes.extend(page?.iter().filter_map(usable));
            if mailboxes.len() >= WANTED {
                mailboxes.truncate(WANTED);
                break;
            }
        }
        Ok(mailboxes)
    }
}

fn usable(object: &DirectoryObject) -> Option<SmtpAddress> {
    let of_exchange = OF_EXCHANGE.iter().any(|beginning| object.name.starts_with(beginning));
    if object.disabled || !object.mailbox || of_exchange {
        return None;
    }
    SmtpAddress::new(object.mail.as_deref()?).ok()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::settings::EntryKind;

    /// W10
    #[test]
    fn a_mailbox_to_try_with_belongs_to_an_enabled_user() {
        let user = DirectoryObject {
            id: Uuid::nil(),
            kind: EntryKind::User,
            name: "Anna".to_owned(),
            domain: "corp.example".to_owned(),
            distinguished_name: String::new(),
            upn: None,
            mail: Some("anna@corp.example".to_owned()),
            account_name: None,
            disabled: false,
            mailbox: true,
            description: None,
        };
        assert_eq!(usable(&user), Some("anna@corp.example".parse().unwrap()));
        for other in [
            DirectoryObject { disabled: true, ..user.clone() },
            DirectoryObject { mailbox: false, ..user.clone() },
            DirectoryObject { mail: None, ..user.clone() },
            DirectoryObject { mail: Some("anna".to_owned()), ..user.clone() },
            DirectoryObject { name: "HealthMailbox-EX01-001".to_owned(), ..user },
        ] {
            assert_eq!(usable(&other), None, "{other:?}");
        }
    }
}
