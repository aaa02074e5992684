//! A body as a document of its own, and as text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::html::escape;
use crate::sandbox::control::StoredItem;
use crate::sandbox::store::{AttachmentContent, BodyKind, StoredAttachment};

/// The frame that shows this may run nothing (`sandbox`); this keeps it from loading anything from elsewhere.
const POLICY: &str = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; \
                      style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'\">";

/// The body as a document that needs nothing beside itself.
pub fn document(item: &StoredItem) -> String {
    let body = match item.body_kind {
        BodyKind::Text => format!("<pre style=\"white-space: pre-wrap; font-size: 14px\">{}</pre>", escape(&item.body)),
        BodyKind::Html => with_images(&item.body, &item.attachments),
    };
    // First of all, so that nothing can be loaded before it counts.
    format!("<!doctype html><meta charset=\"utf-8\">{POLICY}\n{body}\n")
}

/// Puts inline images in the place of references to them (`cid:`, RFC 2392).
fn with_images(html: &str, attachments: &[StoredAttachment]) -> String {
    let mut html = html.to_owned();
    for attachment in attachments {
        if let (Some(id), AttachmentContent::File(bytes)) = (&attachment.content_id, &attachment.content)
            && attachment.content_type.starts_with("image/")
        {
            let data = format!("data:{};base64,{}", escape(&attachment.content_type), STANDARD.encode(bytes));
            html = html.replace(&format!("cid:{id}"), &data);
        }
    }
    html
}

pub fn text(item: &StoredItem) -> String {
    match item.body_kind {
        BodyKind::Text => item.body.clone(),
        BodyKind::Html => mail_parser::decoders::html::html_to_text(&item.body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inline_image_is_put_where_the_body_refers_to_it() {
        let attachment = StoredAttachment {
            attachment_id: String::new(),
            name: "logo.png".into(),
            content_type: "image/png".into(),
            content_id: Some("logo@x".into()),
            content_location: None,
            inline: true,
            size: 3,
            content: AttachmentContent::File("abc".into()),
        };
        let html = with_images("<img src=\"cid:logo@x\"><img src=\"cid:other@x\">", &[attachment]);
        assert_eq!(html, "<img src=\"data:image/png;base64,YWJj\"><img src=\"cid:other@x\">");
    }
}
