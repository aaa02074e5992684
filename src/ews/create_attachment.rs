//! `CreateAttachment` (MS-OXWSATT 3.1.4.1): adds attachments to an item, several in one request.

use bytes::Bytes;

use super::client::Mailbox;
use super::error::EwsError;
use super::ids::{AttachmentId, ItemId};

/// An attachment to be added.
#[derive(Debug, Clone)]
pub struct NewAttachment {
    pub name: String,
    pub content_type: Option<String>,
    /// Without angle brackets.
    pub content_id: Option<String>,
    pub content_location: Option<String>,
    pub is_inline: bool,
    pub content: NewContent,
}

/// What is in it. Base64 is made of it piece by piece while it is sent.
#[derive(Debug, Clone)]
pub enum NewContent {
    /// `t:FileAttachment`
    File(Bytes),
    /// `t:ItemAttachment`: a message as MIME.
    Message(Bytes),
}

/// What came of it.
#[derive(Debug)]
pub struct CreatedAttachments {
    /// One for each attachment, in their order.
    pub attachments: Vec<Result<AttachmentId, EwsError>>,
    /// The item with the change key that it has now.
    pub root: Option<ItemId>,
}

impl CreatedAttachments {
    /// The ids, if every attachment was created.
    ///
    /// # Errors
    /// The first error there is. Attachments before and after it may have been created.
    pub fn all(self) -> Result<Vec<AttachmentId>, EwsError> {
        self.attachments.into_iter().collect()
    }
}

impl Mailbox {
    pub async fn create_attachment(
        &self,
        parent: &ItemId,
        attachments: Vec<NewAttachment>,
    ) -> Result<CreatedAttachments, EwsError> {
        todo!()
    }
}
