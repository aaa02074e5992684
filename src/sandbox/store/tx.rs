//! One write in the making: what it sees is what is committed, what the batch before it did, and its own doing.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use rand::Rng as _;

use super::content::PIECE;
use super::draft::{NewAttachment, NewContent, NewItem};
use super::folders;
use super::model::{
    Attachment, AttachmentKind, AttachmentNo, Change, Folder, FolderNo, Item, ItemNo, Mailbox, MailboxNo, Millis,
    Place, flags,
};
use super::state::{State, Tombstone};

/// What a write does to the database beside the rows of items and folders, in this order.
#[derive(Debug)]
pub(super) enum Statement {
    Content { item: ItemNo, body: String, headers: String, calendar: Option<String> },
    Body { item: ItemNo, body: String },
    Headers { item: ItemNo, headers: String },
    MoveContent { from: ItemNo, to: ItemNo },
    CopyContent { from: ItemNo, to: ItemNo },
    Piece { attachment: AttachmentNo, position: i64, content: Bytes },
    CopyPieces { from: AttachmentNo, to: AttachmentNo },
    DropPieces { attachment: AttachmentNo },
    DropMailbox { mailbox: MailboxNo },
}

/// Everything that one write, or a batch of them, changes.
#[derive(Default)]
pub(super) struct Changes {
    pub mailboxes: HashMap<MailboxNo, Option<Arc<Mailbox>>>,
    pub folders: HashMap<FolderNo, Option<Arc<Folder>>>,
    pub items: HashMap<ItemNo, Option<Arc<Item>>>,
    pub tombstones: Vec<Tombstone>,
    pub statements: Vec<Statement>,
    /// Bytes in the statements.
    pub bytes: usize,
}

impl Changes {
    pub fn absorb(&mut self, later: Self) {
        self.mailboxes.extend(later.mailboxes);
        self.folders.extend(later.folders);
        self.items.extend(later.items);
        self.tombstones.extend(later.tombstones);
        self.statements.extend(later.statements);
        self.bytes += later.bytes;
    }

    fn statement(&mut self, statement: Statement) {
        self.bytes += match &statement {
            Statement::Content { body, headers, .. } => body.len() + headers.len(),
            Statement::Body { body, .. } => body.len(),
            Statement::Headers { headers, .. } => headers.len(),
            Statement::Piece { content, .. } => content.len(),
            _ => 0,
        };
        self.statements.push(statement);
    }
}

/// The last numbers given.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Numbers {
    pub number: i64,
    pub change: Change,
}

/// A write in the making. When the job that got it fails, nothing of what it did remains.
pub struct Tx<'a> {
    state: &'a State,
    batch: &'a Changes,
    pub(super) own: Changes,
    numbers: &'a mut Numbers,
    now: Millis,
}

impl<'a> Tx<'a> {
    pub(super) fn new(state: &'a State, batch: &'a Changes, numbers: &'a mut Numbers, now: Millis) -> Self {
        Self { state, batch, own: Changes::default(), numbers, now }
    }

    /// The time of this write.
    pub fn now(&self) -> Millis {
        self.now
    }

    pub fn item(&self, number: ItemNo) -> Option<Arc<Item>> {
        let changed = self.own.items.get(&number).or_else(|| self.batch.items.get(&number));
        changed.map_or_else(|| self.state.item(number).cloned(), Clone::clone)
    }

    pub fn folder(&self, number: FolderNo) -> Option<Arc<Folder>> {
        let changed = self.own.folders.get(&number).or_else(|| self.batch.folders.get(&number));
        changed.map_or_else(|| self.state.folder(number).cloned(), Clone::clone)
    }

    pub fn mailbox(&self, number: MailboxNo) -> Option<Arc<Mailbox>> {
        let changed = self.own.mailboxes.get(&number).or_else(|| self.batch.mailboxes.get(&number));
        changed.map_or_else(|| self.state.mailbox(number).cloned(), Clone::clone)
    }

    pub fn mailbox_of(&self, owner: &str) -> Option<Arc<Mailbox>> {
        let changed = self.own.mailboxes.values().chain(self.batch.mailboxes.values()).flatten();
        let mut found = changed.filter(|mailbox| mailbox.owner == owner);
        match found.next() {
            Some(mailbox) => Some(mailbox.clone()),
            None => self.state.mailbox_of(owner).and_then(|mailbox| self.mailbox(mailbox.number)),
        }
    }

    pub fn distinguished(&self, mailbox: MailboxNo, name: &str) -> Option<Arc<Folder>> {
        let wanted = |folder: &&Arc<Folder>| folder.mailbox == mailbox && folder.distinguished.as_deref() == Some(name);
        let changed = self.own.folders.values().chain(self.batch.folders.values()).flatten().find(wanted);
        match changed {
            Some(folder) => Some(folder.clone()),
            None => self.state.distinguished(mailbox, name).and_then(|folder| self.folder(folder.number)),
        }
    }

    /// The folders right below.
    pub fn children(&self, folder: FolderNo) -> Vec<Arc<Folder>> {
        let known = self.state.children(folder).map(|child| child.number);
        let changed = self.batch.folders.keys().chain(self.own.folders.keys()).copied();
        let mut numbers: Vec<FolderNo> = known.chain(changed).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
            .into_iter()
            .filter_map(|number| self.folder(number))
            .filter(|child| child.parent == Some(folder))
            .collect()
    }

    /// Everything in a folder, associated items included, oldest first.
    pub fn items_in(&self, folder: FolderNo) -> Vec<Arc<Item>> {
        let known = self.state.items_in(folder).map(|item| item.number);
        let changed = self.batch.items.keys().chain(self.own.items.keys()).copied();
        let mut numbers: Vec<ItemNo> = known.chain(changed).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
            .into_iter()
            .filter_map(|number| self.item(number))
            .filter(|item| item.folder() == Some(folder))
            .collect()
    }

    fn number(&mut self) -> i64 {
        self.numbers.number += 1;
        self.numbers.number
    }

    pub fn change(&mut self) -> Change {
        self.numbers.change += 1;
        self.numbers.change
    }

    /// Makes a mailbox with its usual folders, unless the owner has one.
    pub fn ensure_mailbox(&mut self, owner: &str) -> Arc<Mailbox> {
        if let Some(mailbox) = self.mailbox_of(owner) {
            return mailbox;
        }
        let number = MailboxNo(self.number());
        let mailbox = Arc::new(Mailbox { number, owner: owner.to_owned(), guid: new_guid() });
        self.own.mailboxes.insert(number, Some(mailbox.clone()));
        let mut made: HashMap<&str, FolderNo> = HashMap::new();
        for (name, parent, shown, class) in folders::USUAL {
            let parent = made.get(parent).copied();
            let folder = self.new_folder(number, parent, Some(*name).filter(|name| !name.is_empty()), shown, class);
            made.insert(name, folder.number);
        }
        mailbox
    }

    /// Removes a mailbox with all that is in it.
    pub fn remove_mailbox(&mut self, mailbox: &Mailbox) {
        if let Some(root) = self.distinguished(mailbox.number, "root") {
            self.remove_folder(&root);
        }
        self.own.mailboxes.insert(mailbox.number, None);
        self.own.statement(Statement::DropMailbox { mailbox: mailbox.number });
    }

    pub fn new_folder(
        &mut self,
        mailbox: MailboxNo,
        parent: Option<FolderNo>,
        distinguished: Option<&str>,
        name: &str,
        class: &str,
    ) -> Arc<Folder> {
        let change = self.change();
        let folder = Arc::new(Folder {
            number: FolderNo(self.number()),
            mailbox,
            parent,
            distinguished: distinguished.map(str::to_owned),
            name: name.to_owned(),
            class: class.to_owned(),
            created_change: change,
            change,
        });
        self.own.folders.insert(folder.number, Some(folder.clone()));
        folder
    }

    /// Removes a folder, what is in it, and the folders below.
    pub fn remove_folder(&mut self, folder: &Folder) {
        for child in self.children(folder.number) {
            self.remove_folder(&child);
        }
        for item in self.items_in(folder.number) {
            self.remove(&item);
        }
        let change = self.change();
        self.own.tombstones.push(Tombstone {
            change,
            mailbox: folder.mailbox,
            folder: folder.number,
            item: None,
            born: folder.created_change,
        });
        self.own.folders.insert(folder.number, None);
    }

    /// Puts a folder elsewhere, or changes its name.
    pub fn put_folder(&mut self, mut folder: Folder) -> Arc<Folder> {
        folder.change = self.change();
        let folder = Arc::new(folder);
        self.own.folders.insert(folder.number, Some(folder.clone()));
        folder
    }

    /// Stores a new item with all that belongs to it.
    pub fn insert(&mut self, new: NewItem, mailbox: MailboxNo, place: Place) -> Arc<Item> {
        let NewItem { mut item, body, headers, calendar, attachments } = new;
        let change = self.change();
        item.number = ItemNo(self.number());
        item.mailbox = mailbox;
        item.place = place;
        (item.created_change, item.content_change, item.read_change) = (change, change, change);
        item.body_size = body.len() as u64;
        item.headers_size = headers.len() as u64;
        item.calendar = calendar.is_some();
        self.own.statement(Statement::Content { item: item.number, body, headers, calendar });
        item.attachments = attachments.into_iter().map(|attachment| self.attach(attachment, mailbox)).collect();
        self.keep(item)
    }

    /// Adds attachments to an item. Returns it as it is then, the new attachments last.
    pub fn add_attachments(&mut self, item: &Item, attachments: Vec<NewAttachment>) -> Arc<Item> {
        let mut item = item.clone();
        let added: Vec<Attachment> = attachments.into_iter().map(|one| self.attach(one, item.mailbox)).collect();
        item.attachments.extend(added);
        self.changed(item)
    }

    /// Takes an attachment from an item.
    pub fn remove_attachment(&mut self, item: &Item, number: AttachmentNo) -> Arc<Item> {
        let mut item = item.clone();
        let (gone, stays) = item.attachments.into_iter().partition(|attachment| attachment.number == number);
        item.attachments = stays;
        let gone: Vec<Attachment> = gone;
        for attachment in &gone {
            self.drop_attachment(attachment);
        }
        self.changed(item)
    }

    fn attach(&mut self, new: NewAttachment, mailbox: MailboxNo) -> Attachment {
        let NewAttachment { mut attachment, content } = new;
        attachment.number = AttachmentNo(self.number());
        match content {
            NewContent::File(content) => {
                attachment.kind = AttachmentKind::File;
                attachment.size = content.len() as u64;
                let mut rest = content;
                let mut position = 0;
                while !rest.is_empty() {
                    let content = rest.split_to(rest.len().min(PIECE));
                    self.own.statement(Statement::Piece { attachment: attachment.number, position, content });
                    position += 1;
                }
            }
            NewContent::Item(new) => {
                let item = self.insert(*new, mailbox, Place::Attachment(attachment.number));
                attachment.size = item.size();
                attachment.kind = AttachmentKind::Item(item.number);
            }
        }
        attachment
    }

    fn drop_attachment(&mut self, attachment: &Attachment) {
        match attachment.kind {
            AttachmentKind::File => self.own.statement(Statement::DropPieces { attachment: attachment.number }),
            AttachmentKind::Item(number) => {
                if let Some(item) = self.item(number) {
                    self.remove(&item);
                }
            }
        }
    }

    /// Stores an item whose content, not only its read state, changed.
    pub fn changed(&mut self, mut item: Item) -> Arc<Item> {
        item.content_change = self.change();
        item.modified = self.now;
        item.set(flags::UNMODIFIED, false);
        self.keep(item)
    }

    /// Stores an item of which nothing but the read state changed.
    pub fn read_changed(&mut self, mut item: Item) -> Arc<Item> {
        item.read_change = self.change();
        item.modified = self.now;
        self.keep(item)
    }

    /// Replaces the body of an item; `changed` comes after it.
    pub fn set_body(&mut self, item: &mut Item, body: String) {
        item.body_size = body.len() as u64;
        self.own.statement(Statement::Body { item: item.number, body });
    }

    /// Replaces the Internet headers of an item; `changed` comes after it.
    pub fn set_headers(&mut self, item: &mut Item, headers: String) {
        item.headers_size = headers.len() as u64;
        self.own.statement(Statement::Headers { item: item.number, headers });
    }

    /// Replaces all that came with MIME: content and attachments; `changed` comes after it.
    pub fn set_content(&mut self, item: &mut Item, new: NewItem) {
        for attachment in std::mem::take(&mut item.attachments) {
            self.drop_attachment(&attachment);
        }
        let NewItem { item: read, body, headers, calendar, attachments } = new;
        let kept = item.clone();
        *item = Item {
            number: kept.number,
            mailbox: kept.mailbox,
            place: kept.place,
            deleted_from: kept.deleted_from,
            created_change: kept.created_change,
            content_change: kept.content_change,
            read_change: kept.read_change,
            flags: kept.flags,
            created: kept.created,
            received: kept.received,
            follow_up: kept.follow_up,
            reminder: kept.reminder,
            extended: kept.extended,
            ..read
        };
        item.attachments = attachments.into_iter().map(|one| self.attach(one, item.mailbox)).collect();
        self.own.statement(Statement::Content { item: item.number, body, headers, calendar });
    }

    fn keep(&mut self, item: Item) -> Arc<Item> {
        let item = Arc::new(item);
        self.own.items.insert(item.number, Some(item.clone()));
        item
    }

    /// Removes an item for good.
    pub fn remove(&mut self, item: &Item) {
        for attachment in &item.attachments {
            self.drop_attachment(attachment);
        }
        self.leave(item);
    }

    /// The item is not there any more under its number.
    fn leave(&mut self, item: &Item) {
        self.own.items.insert(item.number, None);
        if let Some(folder) = item.folder() {
            let change = self.change();
            self.own.tombstones.push(Tombstone {
                change,
                mailbox: item.mailbox,
                folder,
                item: Some(item.number),
                born: item.created_change,
            });
        }
    }

    /// Moves an item. It gets a new number, as everything that names it changes.
    pub fn move_item(&mut self, item: &Item, to: &Folder) -> Arc<Item> {
        self.leave(item);
        let mut moved = item.clone();
        moved.deleted_from = None;
        self.settle(&mut moved, to);
        self.own.statement(Statement::MoveContent { from: item.number, to: moved.number });
        if item.mailbox != to.mailbox {
            self.take_along(&moved.attachments, to.mailbox);
        }
        self.keep(moved)
    }

    /// Moves an item to where deleted items are kept for a while.
    pub fn soft_delete(&mut self, item: &Item, dumpster: &Folder) -> Arc<Item> {
        let moved = self.move_item(item, dumpster);
        let mut moved = moved.as_ref().clone();
        moved.deleted_from = item.folder();
        self.keep(moved)
    }

    /// Copies an item with all that belongs to it.
    pub fn copy_item(&mut self, item: &Item, to: &Folder) -> Arc<Item> {
        self.copy_with(item, to, |_| {})
    }

    /// Copies an item, changing what the copy says of itself.
    pub fn copy_with(&mut self, item: &Item, to: &Folder, change: impl FnOnce(&mut Item)) -> Arc<Item> {
        let mut copy = item.clone();
        copy.deleted_from = None;
        self.settle(&mut copy, to);
        change(&mut copy);
        self.copy_parts(item, &mut copy, to.mailbox);
        self.keep(copy)
    }

    fn settle(&mut self, item: &mut Item, to: &Folder) {
        let change = self.change();
        item.number = ItemNo(self.number());
        item.mailbox = to.mailbox;
        item.place = Place::Folder(to.number);
        (item.created_change, item.content_change, item.read_change) = (change, change, change);
        item.modified = self.now;
    }

    fn copy_parts(&mut self, from: &Item, copy: &mut Item, mailbox: MailboxNo) {
        self.own.statement(Statement::CopyContent { from: from.number, to: copy.number });
        for attachment in &mut copy.attachments {
            let earlier = attachment.number;
            attachment.number = AttachmentNo(self.number());
            match attachment.kind {
                AttachmentKind::File => {
                    self.own.statement(Statement::CopyPieces { from: earlier, to: attachment.number });
                }
                AttachmentKind::Item(number) => {
                    let Some(inner) = self.item(number) else { continue };
                    let mut inner_copy = inner.as_ref().clone();
                    inner_copy.number = ItemNo(self.number());
                    inner_copy.mailbox = mailbox;
                    inner_copy.place = Place::Attachment(attachment.number);
                    self.copy_parts(&inner, &mut inner_copy, mailbox);
                    attachment.kind = AttachmentKind::Item(inner_copy.number);
                    self.keep(inner_copy);
                }
            }
        }
    }

    /// Attached items belong to the mailbox of what they are attached to.
    fn take_along(&mut self, attachments: &[Attachment], mailbox: MailboxNo) {
        for attachment in attachments {
            if let AttachmentKind::Item(number) = attachment.kind
                && let Some(inner) = self.item(number)
            {
                let mut inner = inner.as_ref().clone();
                inner.mailbox = mailbox;
                self.take_along(&inner.attachments, mailbox);
                self.keep(inner);
            }
        }
    }
}

/// A random GUID (RFC 9562, version 4) in lower case.
fn new_guid() -> String {
    let mut bytes: [u8; 16] = rand::rng().random();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
