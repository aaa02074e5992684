//! `CreateItem` (MS-OXWSCORE 3.1.4.2): a new message, from MIME or from properties, saved and never sent.

use bytes::Bytes;

use super::client::Mailbox;
use super::error::EwsError;
use super::ids::{FolderId, ItemId};
use super::property::Property;
use super::soap::read::Ns;

/// The message to create.
///
/// Without `PidTagMessageFlags` = 1 among the properties it is a draft.
#[derive(Debug, Clone)]
pub struct CreateItem {
    /// Where to save it.
    pub folder: FolderId,
    /// The message as MIME; base64 is made of it piece by piece while it is sent.
    pub mime_content: Option<Bytes>,
    /// Set on top of what the MIME content says, in one step with it. Their order does not matter.
    pub properties: Vec<Property>,
}

impl Mailbox {
    pub async fn create_item(&self, create: &CreateItem) -> Result<ItemId, EwsError> {
        let mut request = self.envelope();
        request.start("m:CreateItem").attribute("MessageDisposition", "SaveOnly");
        request.start("m:SavedItemFolderId");
        create.folder.write(&mut request);
        request.end().start("m:Items").start("t:Message");
        if let Some(mime_content) = &create.mime_content {
            request.start("t:MimeContent").attribute("CharacterSet", "UTF-8").base64(mime_content.clone()).end();
        }
        Property::write_all(&create.properties, &mut request);
        request.end().end().end();
        self.call_for_one("CreateItem", request, |reader, element, id| {
            if element.name() == (Ns::Messages, "Items") {
                *id = ItemId::read_in_items(reader)?;
            }
            Ok(())
        })
        .await
    }
}
