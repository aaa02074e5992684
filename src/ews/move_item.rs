//! `MoveItem` (MS-OXWSCORE 3.1.4.7).

use super::client::{Mailbox, the_one};
use super::error::EwsError;
use super::ids::{FolderId, ItemId};
use super::soap::read::Ns;
use super::transport::Expect;

impl Mailbox {
    /// The new id; `None` when the server gives none, as it does for another mailbox's folder.
    pub async fn move_item(&self, id: &ItemId, to: &FolderId) -> Result<Option<ItemId>, EwsError> {
        self.move_or_copy("MoveItem", "m:MoveItem", id, to).await
    }

    pub(super) async fn move_or_copy(
        &self,
        operation: &'static str,
        element: &'static str,
        id: &ItemId,
        to: &FolderId,
    ) -> Result<Option<ItemId>, EwsError> {
        let mut request = self.envelope();
        request.start(element).start("m:ToFolderId");
        to.write(&mut request);
        request.end();
        ItemId::write_list(std::slice::from_ref(id), &mut request);
        request.boolean("m:ReturnNewItemIds", true).end();
        let results = self
            .call(
                operation,
                request,
                1,
                Expect::Text,
                || Some(None),
                |reader, element, id| {
                    if element.name() == (Ns::Messages, "Items") {
                        *id = Some(ItemId::read_in_items(reader)?);
                    }
                    Ok(())
                },
            )
            .await?;
        the_one(results)
    }
}
