//! `MoveItem` (MS-OXWSCORE 3.1.4.7).

use super::client::Mailbox;
use super::error::EwsError;
use super::ids::{FolderId, ItemId};

impl Mailbox {
    /// The new id; `None` when the server gives none, as it does for another mailbox's folder.
    pub async fn move_item(&self, id: &ItemId, to: &FolderId) -> Result<Option<ItemId>, EwsError> {
        todo!()
    }
}
