//! `GetAttachment` (MS-OXWSATT 3.1.4.3): attachments with their content.

use bytes::Bytes;

use super::client::Mailbox;
use super::error::EwsError;
use super::ids::AttachmentId;
use super::item::AttachmentInfo;

/// An attachment with its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachmentContent {
    pub info: AttachmentInfo,
    /// Of a file its content, of an attached item its MIME content.
    pub content: Bytes,
}

impl Mailbox {
    /// One result for each id, in their order. All contents are held at once: ask for large ones one by one.
    pub async fn get_attachment(
        &self,
        ids: &[AttachmentId],
    ) -> Result<Vec<Result<AttachmentContent, EwsError>>, EwsError> {
        todo!()
    }
}
