//! `GetAttachment` (MS-OXWSATT 3.1.4.3): attachments with their content.

use bytes::Bytes;

use super::client::Mailbox;
use super::error::EwsError;
use super::error::Malformed;
use super::ids::AttachmentId;
use super::item::AttachmentInfo;
use super::item::AttachmentKind;
use super::soap::item::{attachment_kind, read_attachment};
use super::soap::read::{Ns, Reader};
use super::transport::Expect;

/// An attachment with its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachmentContent {
    pub info: AttachmentInfo,
    /// Of a file its content, of an attached item its MIME content.
    pub content: Bytes,
}

impl AttachmentContent {
    pub(super) fn read(reader: &mut Reader<'_>, kind: AttachmentKind) -> Result<Self, Malformed> {
        let mut content = None;
        let info = read_attachment(reader, kind, |reader, element| {
            match (kind, element.name()) {
                (AttachmentKind::File, (Ns::Types, "Content")) => content = Some(reader.content("Content")?),
                // The item itself: t:Message, t:CalendarItem, t:Contact and so on.
                (AttachmentKind::Item, (Ns::Types, _)) => reader.children(|reader, element| {
                    if element.name() == (Ns::Types, "MimeContent") {
                        content = Some(reader.content("MimeContent")?);
                    }
                    Ok(())
                })?,
                _ => {}
            }
            Ok(())
        })?;
        // A file of no bytes has no element at all.
        match content {
            Some(content) => Ok(Self { info, content }),
            None if kind == AttachmentKind::File => Ok(Self { info, content: Bytes::new() }),
            None => Err(Malformed::Lacks("the MimeContent of an attached item")),
        }
    }
}

impl Mailbox {
    /// One result for each id, in their order. All contents are held at once: ask for large ones one by one.
    pub async fn get_attachment(
        &self,
        ids: &[AttachmentId],
    ) -> Result<Vec<Result<AttachmentContent, EwsError>>, EwsError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut request = self.envelope();
        request.start("m:GetAttachment");
        request.start("m:AttachmentShape").boolean("t:IncludeMimeContent", true).end();
        AttachmentId::write_list(ids, &mut request);
        request.end();
        self.call(
            "GetAttachment",
            request,
            ids.len(),
            Expect::Content,
            || None,
            |reader, element, read| {
                if element.name() == (Ns::Messages, "Attachments") {
                    reader.children(|reader, element| {
                        if let Some(kind) = attachment_kind(element) {
                            *read = Some(AttachmentContent::read(reader, kind)?);
                        }
                        Ok(())
                    })?;
                }
                Ok(())
            },
        )
        .await
    }
}
