//! `DeleteAttachment` (MS-OXWSATT 3.1.4.2).

use super::client::Mailbox;
use super::error::EwsError;
use super::ids::AttachmentId;
use super::soap::read::Ns;
use super::transport::Expect;

impl Mailbox {
    /// The change key that the item has now, where the server tells.
    ///
    /// # Errors
    /// The first error there is, also when other attachments were deleted.
    pub async fn delete_attachment(&self, ids: &[AttachmentId]) -> Result<Option<String>, EwsError> {
        if ids.is_empty() {
            return Ok(None);
        }
        let mut request = self.envelope();
        request.start("m:DeleteAttachment");
        AttachmentId::write_list(ids, &mut request);
        request.end();
        let results = self
            .call(
                "DeleteAttachment",
                request,
                ids.len(),
                Expect::Text,
                || Some(None),
                |_, element, root| {
                    if element.name() == (Ns::Messages, "RootItemId") {
                        *root = Some(element.attribute("RootItemChangeKey")?);
                    }
                    Ok(())
                },
            )
            .await?;
        let mut change_key = None;
        for result in results {
            change_key = result?.or(change_key);
        }
        Ok(change_key)
    }
}
