//! `DeleteAttachment` (MS-OXWSATT 3.1.4.2).

use super::client::Mailbox;
use super::error::EwsError;
use super::ids::AttachmentId;

impl Mailbox {
    /// The change key that the item has now, where the server tells.
    ///
    /// # Errors
    /// The first error there is, also when other attachments were deleted.
    pub async fn delete_attachment(&self, ids: &[AttachmentId]) -> Result<Option<String>, EwsError> {
        todo!()
    }
}
