//! `DeleteItem` (MS-OXWSCORE 3.1.4.3).

use super::client::Mailbox;
use super::error::EwsError;
use super::ids::ItemId;
use super::property::names;

names! {
    /// `t:DisposalType`
    DeleteType {
        HardDelete = "HardDelete",
        /// Into *Recoverable Items*.
        SoftDelete = "SoftDelete",
        MoveToDeletedItems = "MoveToDeletedItems",
    }
}

impl Mailbox {
    pub async fn delete_item(&self, id: &ItemId, how: DeleteType) -> Result<(), EwsError> {
        todo!()
    }
}
