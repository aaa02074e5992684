//! `CreateAttachment` (MS-OXWSATT 3.1.4.1): adds attachments to an item, several in one request.

use bytes::Bytes;

use super::client::Mailbox;
use super::error::EwsError;
use super::ids::{AttachmentId, ItemId};
use super::soap::read::Ns;
use super::soap::write::Writer;
use super::transport::Expect;

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

impl NewAttachment {
    fn write(self, to: &mut Writer) {
        to.start(match self.content {
            NewContent::File(_) => "t:FileAttachment",
            NewContent::Message(_) => "t:ItemAttachment",
        });
        to.element("t:Name", &self.name);
        let parts = [
            ("t:ContentType", self.content_type),
            ("t:ContentId", self.content_id),
            ("t:ContentLocation", self.content_location),
        ];
        for (element, value) in parts {
            if let Some(value) = value {
                to.element(element, &value);
            }
        }
        to.boolean("t:IsInline", self.is_inline);
        match self.content {
            NewContent::File(content) => to.start("t:Content").base64(content).end(),
            NewContent::Message(content) => to
                .start("t:Message")
                .start("t:MimeContent")
                .attribute("CharacterSet", "UTF-8")
                .base64(content)
                .end()
                .end(),
        };
        to.end();
    }
}

impl Mailbox {
    pub async fn create_attachment(
        &self,
        parent: &ItemId,
        attachments: Vec<NewAttachment>,
    ) -> Result<CreatedAttachments, EwsError> {
        let parts = attachments.len();
        if parts == 0 {
            return Ok(CreatedAttachments { attachments: Vec::new(), root: None });
        }
        let mut request = self.envelope();
        request.start("m:CreateAttachment");
        parent.write_as("m:ParentItemId", &mut request);
        request.start("m:Attachments");
        for attachment in attachments {
            attachment.write(&mut request);
        }
        request.end().end();
        let mut root = None;
        let attachments = self
            .call(
                "CreateAttachment",
                request,
                parts,
                Expect::Text,
                || None,
                |reader, element, id| {
                    if element.name() == (Ns::Messages, "Attachments") {
                        reader.children(|reader, _| {
                            reader.children(|_, element| {
                                if element.name() == (Ns::Types, "AttachmentId") {
                                    *id = Some(AttachmentId::read(element)?);
                                    // Every attachment changes the item again: the last one's is in force.
                                    root = AttachmentId::read_root(element)?.or_else(|| root.take());
                                }
                                Ok(())
                            })
                        })?;
                    }
                    Ok(())
                },
            )
            .await?;
        Ok(CreatedAttachments { attachments, root })
    }
}
