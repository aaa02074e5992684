//! What describes mailboxes, folders and items, in memory, with the indices that searches need.
//!
//! Only committed things are here. The writer alone changes it, after each commit.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::model::{Change, Folder, FolderNo, Item, ItemNo, Mailbox, MailboxNo, flags};
use super::property::{PropertyName, PropertyValue, Scalar};

/// Values longer than this are not indexed.
const INDEXED: usize = 255;

/// Something that went out of a folder (`item`) or a mailbox (`folder`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tombstone {
    pub change: Change,
    pub mailbox: MailboxNo,
    pub folder: FolderNo,
    pub item: Option<ItemNo>,
    /// When it had come there: who never heard of it need not hear that it went.
    pub born: Change,
}

#[derive(Default)]
pub struct State {
    mailboxes: HashMap<MailboxNo, MailboxState>,
    owners: HashMap<String, MailboxNo>,
    guids: HashMap<String, MailboxNo>,
    folders: HashMap<FolderNo, FolderState>,
    items: HashMap<ItemNo, Arc<Item>>,
    /// The last change that was committed.
    change: Change,
}

struct MailboxState {
    mailbox: Arc<Mailbox>,
    distinguished: HashMap<String, FolderNo>,
    /// Items in folders by their folded Message-ID.
    by_message_id: HashMap<String, BTreeSet<ItemNo>>,
    /// Items in folders by the folded values of named text properties.
    by_name: HashMap<(PropertyName, String), BTreeSet<ItemNo>>,
    tombstones: Vec<Tombstone>,
}

struct FolderState {
    folder: Arc<Folder>,
    items: BTreeSet<ItemNo>,
    unread: usize,
    associated: usize,
    children: BTreeSet<FolderNo>,
}

/// How many items a folder holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FolderCounts {
    pub total: usize,
    pub unread: usize,
    pub children: usize,
}

impl State {
    pub fn mailbox(&self, number: MailboxNo) -> Option<&Arc<Mailbox>> {
        self.mailboxes.get(&number).map(|state| &state.mailbox)
    }

    pub fn mailbox_of(&self, owner: &str) -> Option<&Arc<Mailbox>> {
        self.owners.get(owner).and_then(|number| self.mailbox(*number))
    }

    pub fn mailbox_by_guid(&self, guid: &str) -> Option<&Arc<Mailbox>> {
        self.guids.get(guid).and_then(|number| self.mailbox(*number))
    }

    pub fn folder(&self, number: FolderNo) -> Option<&Arc<Folder>> {
        self.folders.get(&number).map(|state| &state.folder)
    }

    /// The folder with this name in EWS.
    pub fn distinguished(&self, mailbox: MailboxNo, name: &str) -> Option<&Arc<Folder>> {
        self.mailboxes.get(&mailbox)?.distinguished.get(name).and_then(|number| self.folder(*number))
    }

    /// The folders right below, in the order of their making.
    pub fn children(&self, folder: FolderNo) -> impl Iterator<Item = &Arc<Folder>> {
        let children = self.folders.get(&folder).into_iter().flat_map(|state| &state.children);
        children.filter_map(|number| self.folder(*number))
    }

    pub fn counts(&self, folder: FolderNo) -> FolderCounts {
        self.folders.get(&folder).map_or_else(FolderCounts::default, |state| FolderCounts {
            total: state.items.len() - state.associated,
            unread: state.unread,
            children: state.children.len(),
        })
    }

    pub fn item(&self, number: ItemNo) -> Option<&Arc<Item>> {
        self.items.get(&number)
    }

    /// Items in a folder, oldest first.
    pub fn items_in(&self, folder: FolderNo) -> impl Iterator<Item = &Arc<Item>> {
        let numbers = self.folders.get(&folder).into_iter().flat_map(|state| &state.items);
        numbers.filter_map(|number| self.items.get(number))
    }

    /// Items anywhere in a mailbox with this Message-ID, in any case.
    pub fn with_message_id(&self, mailbox: MailboxNo, id: &str) -> impl Iterator<Item = &Arc<Item>> {
        let numbers = self.mailboxes.get(&mailbox).and_then(|state| state.by_message_id.get(&id.to_lowercase()));
        numbers.into_iter().flatten().filter_map(|number| self.items.get(number))
    }

    /// Items anywhere in a mailbox that carry this value in a named text property, in any case. None: values of
    /// that length are not indexed.
    pub fn with_named(&self, mailbox: MailboxNo, name: &PropertyName, value: &str) -> Option<Vec<&Arc<Item>>> {
        if value.len() > INDEXED {
            return None;
        }
        let key = (name.clone(), value.to_lowercase());
        let numbers = self.mailboxes.get(&mailbox).and_then(|state| state.by_name.get(&key));
        Some(numbers.into_iter().flatten().filter_map(|number| self.items.get(number)).collect())
    }

    pub fn tombstones(&self, mailbox: MailboxNo) -> &[Tombstone] {
        self.mailboxes.get(&mailbox).map_or(&[], |state| &state.tombstones)
    }

    /// Every folder of a mailbox, the root first.
    pub fn folders_of(&self, mailbox: MailboxNo) -> Vec<Arc<Folder>> {
        let mut found: Vec<_> =
            self.folders.values().map(|state| &state.folder).filter(|f| f.mailbox == mailbox).cloned().collect();
        found.sort_by_key(|folder| folder.number);
        found
    }

    pub fn change(&self) -> Change {
        self.change
    }

    pub(super) fn set_change(&mut self, change: Change) {
        self.change = self.change.max(change);
    }

    pub(super) fn put_mailbox(&mut self, mailbox: &Arc<Mailbox>) {
        self.owners.insert(mailbox.owner.clone(), mailbox.number);
        self.guids.insert(mailbox.guid.clone(), mailbox.number);
        let state = MailboxState {
            mailbox: mailbox.clone(),
            distinguished: HashMap::new(),
            by_message_id: HashMap::new(),
            by_name: HashMap::new(),
            tombstones: Vec::new(),
        };
        self.mailboxes.insert(mailbox.number, state);
    }

    pub(super) fn remove_mailbox(&mut self, number: MailboxNo) {
        if let Some(state) = self.mailboxes.remove(&number) {
            self.owners.remove(&state.mailbox.owner);
            self.guids.remove(&state.mailbox.guid);
            self.folders.retain(|_, folder| folder.folder.mailbox != number);
            self.items.retain(|_, item| item.mailbox != number);
        }
    }

    pub(super) fn put_folder(&mut self, folder: &Arc<Folder>) {
        let number = folder.number;
        if let (Some(mailbox), Some(name)) = (self.mailboxes.get_mut(&folder.mailbox), &folder.distinguished) {
            mailbox.distinguished.insert(name.clone(), number);
        }
        let earlier = self.folders.get(&number).and_then(|state| state.folder.parent);
        if earlier != folder.parent {
            self.forget_child(earlier, number);
        }
        if let Some(parent) = folder.parent {
            self.folder_state(parent, folder).children.insert(number);
        }
        self.folder_state(number, folder).folder = folder.clone();
    }

    /// The entry of a folder; one whose parent is read later from the database starts as a copy of the child.
    fn folder_state(&mut self, number: FolderNo, like: &Arc<Folder>) -> &mut FolderState {
        self.folders.entry(number).or_insert_with(|| FolderState {
            folder: like.clone(),
            items: BTreeSet::new(),
            unread: 0,
            associated: 0,
            children: BTreeSet::new(),
        })
    }

    fn forget_child(&mut self, parent: Option<FolderNo>, child: FolderNo) {
        if let Some(state) = parent.and_then(|parent| self.folders.get_mut(&parent)) {
            state.children.remove(&child);
        }
    }

    pub(super) fn remove_folder(&mut self, number: FolderNo) {
        if let Some(state) = self.folders.remove(&number) {
            self.forget_child(state.folder.parent, number);
        }
    }

    pub(super) fn put_item(&mut self, item: Arc<Item>) {
        self.remove_item(item.number);
        self.index(&item, true);
        self.items.insert(item.number, item);
    }

    pub(super) fn remove_item(&mut self, number: ItemNo) {
        if let Some(item) = self.items.remove(&number) {
            self.index(&item, false);
        }
    }

    pub(super) fn bury(&mut self, tombstone: Tombstone) {
        if let Some(state) = self.mailboxes.get_mut(&tombstone.mailbox) {
            state.tombstones.push(tombstone);
        }
    }

    fn index(&mut self, item: &Item, there: bool) {
        let Some(folder) = item.folder() else { return };
        let Some(state) = self.folders.get_mut(&folder) else { return };
        let count = |counter: &mut usize| if there { *counter += 1 } else { *counter -= 1 };
        if there {
            state.items.insert(item.number);
        } else {
            state.items.remove(&item.number);
        }
        if item.has(flags::ASSOCIATED) {
            count(&mut state.associated);
        } else if !item.has(flags::READ) {
            count(&mut state.unread);
        }
        let Some(mailbox) = self.mailboxes.get_mut(&item.mailbox) else { return };
        if let Some(id) = &item.message_id {
            enter(&mut mailbox.by_message_id, id.to_lowercase(), item.number, there);
        }
        for (key, value) in &item.extended {
            if let (PropertyName::Named(..) | PropertyName::Id(..), PropertyValue::One(Scalar::Text(text))) =
                (&key.name, value)
                && text.len() <= INDEXED
            {
                enter(&mut mailbox.by_name, (key.name.clone(), text.to_lowercase()), item.number, there);
            }
        }
    }
}

fn enter<K: std::hash::Hash + Eq>(index: &mut HashMap<K, BTreeSet<ItemNo>>, key: K, item: ItemNo, there: bool) {
    if there {
        index.entry(key).or_default().insert(item);
    } else if let Some(items) = index.get_mut(&key) {
        items.remove(&item);
        if items.is_empty() {
            index.remove(&key);
        }
    }
}
