//! Looks for a copy that its owner, or a rule of theirs, has moved out of Sent Items.
//!
//! Exchange searches folders one by one: `FindItem` goes no deeper than the folders that it is given. So all are asked for
//! first (`FindFolder`, with everything below), and then searched, many in a request. There is a search folder over all
//! items (`AllItems`), but only in mailboxes where a client made one, and it may be behind.
//!
//! | where it lies | what it is taken for |
//! |---|---|
//! | a folder of mail, Archive and Inbox among them | the sender's copy, unless it was received |
//! | Deleted Items, and folders in there | thrown away: it is left alone, if there is no other |
//! | Drafts, Outbox | not sent yet |
//! | Sync Issues | what Outlook keeps of a conflict |
//! | Recoverable Items, the online archive, public folders | not looked at |
//!
//! Who wrote to themselves also has a copy that was received, under the same Message-ID, in the Inbox or wherever a rule
//! put it. It is never changed. What tells it is `PidTagReceivedByEntryId`, which the transport gives to what it delivers.
//! `IsFromMe` doesn't: it is true of what somebody received from themselves (MS-OXCMSG 2.2.1.6).

use std::collections::HashSet;

use super::visit::{MOST_ITEMS, search};
use crate::ews::{
    DistinguishedFolder, ErrorClass, EwsError, ExtendedPropertyUri, FieldUri, FindFolder, FolderId, FolderTraversal,
    Item, Mailbox,
};
use crate::message::ProcessedMessage;
use crate::updater::boundaries::{Boundaries, Operation};

/// Folders of a mailbox that are looked into at the most, so that there is an end to it; Exchange names no more in one
/// answer.
const MOST_FOLDERS: u32 = 1000;

/// Folders that are searched in one request. One request does not keep a mailbox's server busy for longer than others
/// should wait.
const AT_ONCE: usize = 50;

/// Folders whose content, and that of the folders in them, is something else than mail that was sent and kept.
const APART: [DistinguishedFolder; 2] = [DistinguishedFolder::DeletedItems, DistinguishedFolder::SyncIssues];

/// The same of folders that have none in them.
const UNSENT: [DistinguishedFolder; 2] = [DistinguishedFolder::Drafts, DistinguishedFolder::Outbox];

/// What the other folders have of a message.
#[derive(Debug)]
pub(super) enum Elsewhere {
    /// The sender's copies, oldest first; none: there are none.
    Kept(Vec<Item>),
    /// The sender's copies are in Deleted Items.
    ThrownAway,
}

/// What is found in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Kept,
    ThrownAway,
    /// Of no concern here.
    Other,
}

/// Looks into all folders.
pub(super) async fn find(
    mailbox: &Mailbox,
    message: &ProcessedMessage,
    boundaries: &Boundaries,
) -> Result<Elsewhere, EwsError> {
    let folders = folders(mailbox, boundaries).await?;
    let mut find = search(&[message], MOST_ITEMS);
    find.additional.extend([
        ExtendedPropertyUri::RECEIVED_BY.into(),
        FieldUri::IsDraft.into(),
        FieldUri::DateTimeCreated.into(),
    ]);
    let mut found = Vec::new();
    for some in folders.chunks(AT_ONCE) {
        find.folders = some.iter().map(|(folder, _)| folder.clone()).collect();
        let results = boundaries.request(Operation::FindItem, mailbox.find_items(&find)).await?;
        for ((_, kind), result) in some.iter().zip(results) {
            match result {
                Ok(in_folder) => found.extend(in_folder.items.into_iter().map(|item| (*kind, item))),
                // It went since a moment ago, or this mailbox has none.
                Err(error) if error.class() == ErrorClass::ItemGone => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(sorted(found))
}

/// The folders to search, and what is in them. Those that stand apart come first, by their well-known names; they are
/// among the others once more.
async fn folders(mailbox: &Mailbox, boundaries: &Boundaries) -> Result<Vec<(FolderId, Kind)>, EwsError> {
    let parents = [DistinguishedFolder::MsgFolderRoot].into_iter().chain(APART).map(FolderId::from).collect();
    let find = FindFolder {
        parents,
        traversal: FolderTraversal::Deep,
        max_entries: MOST_FOLDERS,
        ..FindFolder::new(DistinguishedFolder::MsgFolderRoot.into())
    };
    let results = boundaries.request(Operation::FindFolder, mailbox.find_folders(&find)).await?;
    let kinds = [Kind::ThrownAway, Kind::Other];
    let mut folders: Vec<_> = APART.into_iter().zip(kinds).map(|(name, kind)| (name.into(), kind)).collect();
    folders.extend(UNSENT.map(|name| (name.into(), Kind::Other)));
    let mut all = Vec::new();
    for (result, kind) in results.into_iter().zip([Kind::Kept].into_iter().chain(kinds)) {
        let listed = match result {
            Ok(listed) => listed.folders,
            // Not every mailbox has Sync Issues.
            Err(error) if kind != Kind::Kept && error.class() == ErrorClass::ItemGone => continue,
            Err(error) => return Err(error),
        };
        let of_mail = listed.into_iter().filter(|folder| {
            folder.total_count != Some(0) && folder.folder_class.as_deref().is_none_or(is_class_of_mail)
        });
        let of_mail = of_mail.map(|folder| (folder.id, kind));
        if kind == Kind::Kept { all.extend(of_mail) } else { folders.extend(of_mail) }
    }
    let apart: HashSet<String> = folders.iter().filter_map(|(folder, _)| id(folder)).collect();
    all.retain(|(folder, _)| id(folder).is_none_or(|id| !apart.contains(&id)));
    folders.extend(all);
    Ok(folders)
}

fn id(folder: &FolderId) -> Option<String> {
    match folder {
        FolderId::Id { id, .. } => Some(id.clone()),
        FolderId::Distinguished { .. } => None,
    }
}

/// Folders without a class are of mail (MS-OXOSFLD 2.2.4); `IPF.Imap` is what clients of IMAP make.
fn is_class_of_mail(class: &str) -> bool {
    let class = class.to_ascii_lowercase();
    class.is_empty() || class == "ipf" || class.starts_with("ipf.note") || class.starts_with("ipf.imap")
}

/// What was found, told apart. The first mention of an item counts.
fn sorted(found: Vec<(Kind, Item)>) -> Elsewhere {
    let mut seen = HashSet::new();
    let mut thrown_away = false;
    let mut kept = Vec::new();
    for (kind, item) in found {
        if !seen.insert(item.id.id.clone()) || !is_senders(&item) {
            continue;
        }
        match kind {
            Kind::Kept => kept.push(item),
            Kind::ThrownAway => thrown_away = true,
            Kind::Other => {}
        }
    }
    kept.sort_by_key(|item| item.date_time_created);
    if kept.is_empty() && thrown_away { Elsewhere::ThrownAway } else { Elsewhere::Kept(kept) }
}

/// Whether the item was sent, and not received.
fn is_senders(item: &Item) -> bool {
    let received = item.extended(&ExtendedPropertyUri::RECEIVED_BY).is_some_and(|by| !by.is_empty());
    !received && item.is_draft != Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ews::ItemId;

    fn item(id: &str) -> Item {
        Item::new(ItemId::new(id, None))
    }

    fn received(id: &str) -> Item {
        Item { extended: vec![(ExtendedPropertyUri::RECEIVED_BY, "AAAA".into())], ..item(id) }
    }

    fn kept(found: Vec<(Kind, Item)>) -> Vec<String> {
        match sorted(found) {
            Elsewhere::Kept(items) => items.into_iter().map(|item| item.id.id).collect(),
            Elsewhere::ThrownAway => vec!["thrown away".into()],
        }
    }

    /// U4
    #[test]
    fn what_was_received_or_is_a_draft_is_nobodys_sent_copy() {
        let draft = Item { is_draft: Some(true), ..item("draft") };
        assert_eq!(kept(vec![(Kind::Kept, received("r")), (Kind::Kept, draft), (Kind::Kept, item("s"))]), ["s"]);
        assert!(kept(vec![(Kind::ThrownAway, received("r"))]).is_empty());
    }

    /// U4
    #[test]
    fn thrown_away_is_what_is_nowhere_else() {
        assert_eq!(kept(vec![(Kind::ThrownAway, item("a"))]), ["thrown away"]);
        assert_eq!(kept(vec![(Kind::ThrownAway, item("a")), (Kind::Kept, item("b"))]), ["b"]);
        assert_eq!(kept(vec![(Kind::ThrownAway, item("a")), (Kind::Kept, item("a"))]), ["thrown away"]);
    }

    #[test]
    fn folders_of_mail_are_known_by_their_class() {
        assert!(["", "IPF", "IPF.Note", "ipf.note.outlookhomepage", "IPF.Imap"].into_iter().all(is_class_of_mail));
        assert!(!["IPF.Appointment", "IPF.Contact", "IPF.Task", "IPF.StickyNote"].into_iter().any(is_class_of_mail));
    }
}
