//! Identifiers of items, folders and attachments, as the server hands them out. They are opaque: only the server
//! can tell what is in them.

use super::property::names;
use crate::settings::SmtpAddress;

/// `t:ItemId`: an item, and the version of it that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ItemId {
    pub id: String,
    /// Version of the item. Changes with every write; needed where a conflict shall be noticed.
    pub change_key: Option<String>,
}

impl ItemId {
    #[must_use]
    pub fn new(id: impl Into<String>, change_key: Option<String>) -> Self {
        Self { id: id.into(), change_key }
    }

    /// The same item in another version, as `CreateAttachment` and `DeleteAttachment` report it.
    #[must_use]
    pub fn with_change_key(&self, change_key: impl Into<String>) -> Self {
        Self { id: self.id.clone(), change_key: Some(change_key.into()) }
    }
}

/// A folder, by its well-known name or by the identifier that the server gave it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FolderId {
    /// `t:DistinguishedFolderId`
    Distinguished {
        name: DistinguishedFolder,
        /// The mailbox whose folder it is; `None` means the impersonated one.
        mailbox: Option<SmtpAddress>,
    },
    /// `t:FolderId`
    Id { id: String, change_key: Option<String> },
}

impl FolderId {
    /// *Sent Items* of the impersonated mailbox.
    pub const SENT_ITEMS: Self = Self::Distinguished { name: DistinguishedFolder::SentItems, mailbox: None };
}

impl From<DistinguishedFolder> for FolderId {
    fn from(name: DistinguishedFolder) -> Self {
        Self::Distinguished { name, mailbox: None }
    }
}

names! {
    /// `t:DistinguishedFolderIdNameType`: the well-known folders that concern a mailbox's mail.
    DistinguishedFolder {
        SentItems = "sentitems",
        Inbox = "inbox",
        Drafts = "drafts",
        Outbox = "outbox",
        SyncIssues = "syncissues",
        DeletedItems = "deleteditems",
        JunkEmail = "junkemail",
        MsgFolderRoot = "msgfolderroot",
        Root = "root",
        SearchFolders = "searchfolders",
        RecoverableItemsRoot = "recoverableitemsroot",
        RecoverableItemsDeletions = "recoverableitemsdeletions",
        ArchiveMsgFolderRoot = "archivemsgfolderroot",
    }
}

/// `t:AttachmentId`
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AttachmentId {
    pub id: String,
}

impl AttachmentId {
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into() }
    }
}
