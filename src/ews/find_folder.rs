//! `FindFolder` (MS-OXWSFOLD 3.1.4.5): the folders inside a folder.

use super::client::Mailbox;
use super::error::EwsError;
use super::find_item::Restriction;
use super::get_folder::Folder;
use super::ids::FolderId;
use super::property::names;

/// What to look for.
#[derive(Debug, Clone)]
pub struct FindFolder {
    pub parent: FolderId,
    pub traversal: FolderTraversal,
    /// `None` finds every folder.
    pub restriction: Option<Restriction>,
    pub max_entries: u32,
    pub offset: u32,
}

impl FindFolder {
    /// The folders directly inside this one.
    #[must_use]
    pub fn new(parent: FolderId) -> Self {
        Self { parent, traversal: FolderTraversal::Shallow, restriction: None, max_entries: 1000, offset: 0 }
    }
}

names! {
    /// `t:FolderQueryTraversalType`
    FolderTraversal {
        Shallow = "Shallow",
        Deep = "Deep",
        SoftDeleted = "SoftDeleted",
    }
}

/// A page of what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundFolders {
    pub folders: Vec<Folder>,
    pub total: Option<u32>,
    pub includes_last: bool,
    pub next_offset: Option<u32>,
}

impl Mailbox {
    pub async fn find_folder(&self, find: &FindFolder) -> Result<FoundFolders, EwsError> {
        todo!()
    }
}
