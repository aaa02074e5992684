//! Items as the control interface shows them: with a digest in place of what attachments contain.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::super::store::{AttachmentContent, StoredAttachment, StoredItem};

/// An item with everything in it: the fields of [`StoredItem`], with `sha256` (64 hexadecimal digits) in place of
/// a file's content, or beside it in base64 when `with_content` is set. An attached item stands in `item`.
pub fn item(mut item: StoredItem, with_content: bool) -> Result<Value, serde_json::Error> {
    let attachments = std::mem::take(&mut item.attachments);
    let attachments: Result<Vec<_>, _> = attachments.into_iter().map(|it| attachment(it, with_content)).collect();
    let mut shown = item.serialize(serde_json::value::Serializer)?;
    shown["attachments"] = Value::Array(attachments?);
    Ok(shown)
}

fn attachment(mut attachment: StoredAttachment, with_content: bool) -> Result<Value, serde_json::Error> {
    let content = std::mem::replace(&mut attachment.content, AttachmentContent::LeftOut);
    let mut shown = attachment.serialize(serde_json::value::Serializer)?;
    if let Value::Object(fields) = &mut shown {
        fields.remove("content");
        match content {
            AttachmentContent::LeftOut => {}
            AttachmentContent::File(content) => {
                fields.insert("sha256".to_owned(), json!(hexadecimal(&Sha256::digest(&content))));
                if with_content {
                    fields.insert("content".to_owned(), json!(STANDARD.encode(&content)));
                }
            }
            AttachmentContent::Item(attached) => {
                fields.insert("item".to_owned(), item(*attached, with_content)?);
            }
        }
    }
    Ok(shown)
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
