//! Items as the control interface shows them: with a digest in place of what attachments contain.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::super::store::{AttachmentContent, StoredAttachment, StoredItem};

/// An item with everything in it.
#[derive(Debug, Clone, Serialize)]
pub struct ItemView {
    #[serde(flatten)]
    pub item: StoredItem,
    /// In place of the item's own.
    pub attachments: Vec<AttachmentView>,
}

#[derive(Debug, Clone, Serialize)]
pub struct AttachmentView {
    pub attachment_id: String,
    pub name: String,
    pub content_type: String,
    pub content_id: Option<String>,
    pub content_location: Option<String>,
    pub inline: bool,
    /// Bytes of the content.
    pub size: u64,
    /// SHA-256 of a file's content, 64 hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// A file's content in base64, when it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// An attached item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<Box<ItemView>>,
}

impl ItemView {
    /// With the content of files in base64 if `content` is set.
    #[must_use]
    pub fn new(mut item: StoredItem, content: bool) -> Self {
        let attachments = std::mem::take(&mut item.attachments);
        Self { item, attachments: attachments.into_iter().map(|attachment| view(attachment, content)).collect() }
    }
}

fn view(attachment: StoredAttachment, with_content: bool) -> AttachmentView {
    let mut view = AttachmentView {
        attachment_id: attachment.attachment_id,
        name: attachment.name,
        content_type: attachment.content_type,
        content_id: attachment.content_id,
        content_location: attachment.content_location,
        inline: attachment.inline,
        size: attachment.size,
        sha256: None,
        content: None,
        item: None,
    };
    match attachment.content {
        AttachmentContent::LeftOut => {}
        AttachmentContent::File(content) => {
            view.sha256 = Some(hexadecimal(&Sha256::digest(&content)));
            view.content = with_content.then(|| STANDARD.encode(&content));
        }
        AttachmentContent::Item(item) => view.item = Some(Box::new(ItemView::new(*item, with_content))),
    }
    view
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
