//! `GetFolder` (MS-OXWSFOLD 3.1.4.6): also the cheapest way to see whether a mailbox can be worked on.

use super::client::Mailbox;
use super::error::EwsError;
use super::ids::FolderId;

/// A folder as the server shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Always the [`FolderId::Id`] form.
    pub id: FolderId,
    pub parent_folder_id: Option<FolderId>,
    pub folder_class: Option<String>,
    /// In the language of the mailbox.
    pub display_name: Option<String>,
    pub total_count: Option<u32>,
    pub child_folder_count: Option<u32>,
    pub unread_count: Option<u32>,
}

impl Mailbox {
    pub async fn get_folder(&self, id: &FolderId) -> Result<Folder, EwsError> {
        todo!()
    }
}
