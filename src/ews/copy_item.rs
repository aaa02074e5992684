//! `CopyItem` (MS-OXWSCORE 3.1.4.1).

use super::client::Mailbox;
use super::error::EwsError;
use super::ids::{FolderId, ItemId};

impl Mailbox {
    /// The new id; `None` when the server gives none, as it does for another mailbox's folder.
    pub async fn copy_item(&self, id: &ItemId, to: &FolderId) -> Result<Option<ItemId>, EwsError> {
        self.move_or_copy("CopyItem", "m:CopyItem", id, to).await
    }
}
