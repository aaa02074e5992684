//! Mailboxes in one SQLite file: folders, items, attachments, and what clients see change in them.
//!
//! One task writes; it gathers what has been asked for meanwhile and commits it together, so an answer is
//! given only for what would survive the end of the process. Reading goes beside it on connections of its own.

mod readback;

pub use readback::{
    AttachmentContent, BodyKind, Delivery, FlagStatus, ItemFilter, StoredAddress, StoredAttachment, StoredItem,
    StoredProperty,
};

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

/// The store could not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    #[error("the sandbox's mailboxes in {} can't be opened: {source}", path.display())]
    Open { path: PathBuf, source: Arc<sqlx::Error> },
    #[error("the sandbox's mailboxes in {} were made by another version: {source}", path.display())]
    Migrate { path: PathBuf, source: Arc<sqlx::migrate::MigrateError> },
    #[error("the sandbox's database reports: {0}")]
    Database(Arc<sqlx::Error>),
    #[error("the sandbox's store is closed")]
    Closed,
    #[error("the mailbox {mailbox} has no folder {folder}")]
    NoSuchFolder { mailbox: String, folder: String },
    #[error("the message is not MIME that could be read")]
    NotMime,
}

/// Handle of the open store. Cheap to clone.
///
/// A mailbox is named by the UPN of its owner, in any case, and is made with its usual folders when it is first
/// named. A folder is named as EWS does (`sentitems`, `inbox`, …), or by a path below one of those or below the
/// top of the mailbox (`inbox/Projects/2026`), whose last parts are made when missing.
#[derive(Clone)]
pub struct Store {
    _private: (),
}

impl Store {
    /// Opens the database in the file `path`, making it if it isn't there.
    pub async fn open(_path: &Path) -> Result<Self, StoreError> {
        unimplemented!()
    }

    /// Commits what was asked for so far and closes the database. Later calls get [`StoreError::Closed`].
    pub async fn close(&self) {
        unimplemented!()
    }

    /// Makes the mailbox of `owner` (a UPN) with its usual folders, unless it is there.
    pub async fn add_mailbox(&self, _owner: &str) -> Result<(), StoreError> {
        unimplemented!()
    }

    /// Removes a mailbox with all that is in it.
    pub async fn remove_mailbox(&self, _owner: &str) -> Result<(), StoreError> {
        unimplemented!()
    }

    /// Puts a message into a folder as if a client or the transport had. Returns its `ItemId`.
    pub async fn deliver(
        &self,
        _mailbox: &str,
        _folder: &str,
        _mime: Bytes,
        _options: Delivery,
    ) -> Result<String, StoreError> {
        unimplemented!()
    }

    /// Reads items back, with their bodies, properties and attachments, oldest first.
    pub async fn items(&self, _mailbox: &str, _filter: &ItemFilter) -> Result<Vec<StoredItem>, StoreError> {
        unimplemented!()
    }

    /// How many items a folder holds.
    pub async fn count(&self, _mailbox: &str, _folder: &str) -> Result<u64, StoreError> {
        unimplemented!()
    }

    /// The item as a MIME message, made from its present properties, body and attachments.
    pub async fn mime(&self, _item_id: &str) -> Result<Option<Bytes>, StoreError> {
        unimplemented!()
    }
}
