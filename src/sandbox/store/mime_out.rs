//! An item as a MIME message, made from what it holds now (MS-OXCMAIL), not from what once came in.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::raw::Raw;
use mail_builder::mime::{BodyPart, MimePart};
use sha2::{Digest as _, Sha256};

use super::content::Content;
use super::headers;
use super::html;
use super::model::{Address, Attachment, Item, Millis};
use super::property::{INTERNET_HEADERS, PropertyName};
use super::readback::BodyKind;

/// Content of an attachment: of a file, or an attached item as MIME.
pub type Contents = Vec<(Attachment, Bytes)>;

/// Fields that are written from properties; of those that came with the message the others are kept.
const WRITTEN: &[&str] = &[
    "bcc",
    "cc",
    "content-class",
    "content-description",
    "content-disposition",
    "content-id",
    "content-language",
    "content-location",
    "content-transfer-encoding",
    "content-type",
    "date",
    "disposition-notification-to",
    "from",
    "importance",
    "in-reply-to",
    "keywords",
    "message-id",
    "mime-version",
    "priority",
    "references",
    "reply-to",
    "return-receipt-to",
    "sender",
    "sensitivity",
    "subject",
    "thread-index",
    "thread-topic",
    "to",
    "x-priority",
    "x-ms-has-attach",
];

/// Writes the message.
#[must_use]
pub fn message(item: &Item, content: &Content, attachments: &Contents) -> Vec<u8> {
    let mut out = head(item, &content.headers);
    if item.class.starts_with("IPM.Note.SMIME")
        && let [(_, whole)] = attachments.as_slice()
    {
        return smime(item, out, whole);
    }
    out.push_str("MIME-Version: 1.0\r\n");
    let mut bytes = out.into_bytes();
    // Writing to memory does not fail.
    let _ = tree(item, content, attachments).write_part(&mut bytes);
    bytes
}

/// The headers that a message has after it was sent; who got it blindly is not in them.
#[must_use]
pub fn transport_headers(item: &Item) -> String {
    let mut shown = item.clone();
    shown.bcc.clear();
    let mut out = head(&shown, "");
    out.push_str("MIME-Version: 1.0\r\n");
    out
}

/// A signed message is its attachment, MIME headers included; an opaque one is the object in it.
fn smime(item: &Item, mut head: String, whole: &[u8]) -> Vec<u8> {
    if item.class == "IPM.Note.SMIME.MultipartSigned" {
        let has_version =
            String::from_utf8_lossy(&whole[..whole.len().min(2000)]).to_ascii_lowercase().contains("mime-version:");
        if !has_version {
            head.push_str("MIME-Version: 1.0\r\n");
        }
        let mut bytes = head.into_bytes();
        bytes.extend(whole);
        return bytes;
    }
    head.push_str(
        "MIME-Version: 1.0\r\nContent-Type: application/pkcs7-mime; name=\"smime.p7m\"\r\n\
         Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"smime.p7m\"\r\n\r\n",
    );
    let mut bytes = head.into_bytes();
    for line in whole.chunks(57) {
        bytes.extend(STANDARD.encode(line).as_bytes());
        bytes.extend(b"\r\n");
    }
    bytes
}

fn head(item: &Item, came_with: &str) -> String {
    let mut out = String::with_capacity(1024 + came_with.len());
    for (name, value) in headers::fields(came_with) {
        let lower = name.to_ascii_lowercase();
        let replaced = |key: &PropertyName| matches!(key, PropertyName::Named(set, known) if set == INTERNET_HEADERS && *known == lower);
        if !WRITTEN.contains(&lower.as_str()) && !item.extended.iter().any(|(key, _)| replaced(&key.name)) {
            field(&mut out, name, &value);
        }
    }
    for (key, value) in &item.extended {
        if let PropertyName::Named(set, name) = &key.name
            && set == INTERNET_HEADERS
            && !WRITTEN.contains(&name.to_ascii_lowercase().as_str())
            && let Some(value) = value.values().first()
        {
            field(&mut out, name, &encoded(&value.write()));
        }
    }
    address_field(&mut out, "From", item.from.as_slice());
    if item.sender != item.from {
        address_field(&mut out, "Sender", item.sender.as_slice());
    }
    address_field(&mut out, "Reply-To", &item.reply_to);
    address_field(&mut out, "To", &item.to);
    address_field(&mut out, "Cc", &item.cc);
    address_field(&mut out, "Bcc", &item.bcc);
    field(&mut out, "Subject", &encoded(&item.subject));
    field(&mut out, "Thread-Topic", &encoded(&item.conversation_topic));
    field(&mut out, "Thread-Index", &STANDARD.encode(&item.conversation_index));
    field(&mut out, "Date", &date(item.sent.unwrap_or(item.created)));
    let optional =
        [("Message-ID", &item.message_id), ("References", &item.references), ("In-Reply-To", &item.in_reply_to)];
    for (name, value) in optional {
        if let Some(value) = value {
            field(&mut out, name, value);
        }
    }
    match item.importance {
        0 => out.push_str("Importance: low\r\nX-Priority: 5\r\n"),
        2 => out.push_str("Importance: high\r\nX-Priority: 1\r\n"),
        _ => {}
    }
    if let Some(word) = [None, Some("personal"), Some("private"), Some("company-confidential")]
        .get(usize::from(item.sensitivity))
        .copied()
        .flatten()
    {
        field(&mut out, "Sensitivity", word);
    }
    if !item.categories.is_empty() {
        field(&mut out, "Keywords", &encoded(&item.categories.join(", ")));
    }
    if item.read_receipt_requested {
        address_field(&mut out, "Disposition-Notification-To", item.from.as_slice());
    }
    if item.delivery_receipt_requested {
        address_field(&mut out, "Return-Receipt-To", item.from.as_slice());
    }
    if let Some(culture) = &item.culture {
        field(&mut out, "Content-Language", culture);
    }
    field(&mut out, "X-MS-Has-Attach", if item.has_attachments() { "yes" } else { "" });
    out
}

/// A boundary that is the same each time for the same message, in the form that Exchange gives it.
fn boundary(item: &Item, content: &Content, level: u8) -> String {
    let mut digest = Sha256::new();
    digest.update(item.number.0.to_be_bytes());
    digest.update(item.message_id.as_deref().unwrap_or_default());
    digest.update(&content.body);
    let digest = digest.finalize();
    let hex: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("_{level:03}_{hex}_")
}

fn multipart<'a>(kind: ContentType<'a>, boundary: String, parts: Vec<MimePart<'a>>) -> MimePart<'a> {
    MimePart::new(kind.attribute("boundary", boundary), parts)
}

fn tree<'a>(item: &'a Item, content: &'a Content, attachments: &'a Contents) -> MimePart<'a> {
    let mut body = body_parts(item, content);
    let inline: Vec<_> = attachments.iter().filter(|(attachment, _)| attachment.inline).map(part).collect();
    let files: Vec<_> = attachments.iter().filter(|(attachment, _)| !attachment.inline).map(part).collect();
    if !inline.is_empty() {
        let kind = ContentType::new("multipart/related").attribute("type", "multipart/alternative");
        body = multipart(kind, boundary(item, content, 1), std::iter::once(body).chain(inline).collect());
    }
    if !files.is_empty() {
        let kind = ContentType::new("multipart/mixed");
        body = multipart(kind, boundary(item, content, 2), std::iter::once(body).chain(files).collect());
    }
    body
}

fn body_parts<'a>(item: &'a Item, content: &'a Content) -> MimePart<'a> {
    let mut parts = match item.body_kind {
        BodyKind::Text => vec![MimePart::new("text/plain", content.body.as_str())],
        BodyKind::Html => vec![
            MimePart::new("text/plain", html::to_text(&content.body)),
            MimePart::new("text/html", content.body.as_str()),
        ],
    };
    if let Some(calendar) = &content.calendar {
        let method = headers::field(calendar, "METHOD").unwrap_or_else(|| "REQUEST".into());
        let kind = ContentType::new("text/calendar").attribute("charset", "utf-8").attribute("method", method);
        parts.push(MimePart::new(kind, calendar.as_str()));
    }
    match parts.len() {
        1 => parts.remove(0),
        _ => multipart(ContentType::new("multipart/alternative"), boundary(item, content, 0), parts),
    }
}

fn part((attachment, content): &(Attachment, Bytes)) -> MimePart<'_> {
    let kind =
        if attachment.content_type.contains('/') { &attachment.content_type } else { "application/octet-stream" };
    let message = matches!(attachment.kind, super::model::AttachmentKind::Item(_));
    if message {
        return MimePart::new("message/rfc822", BodyPart::Binary(content.as_ref().into()))
            .header("Content-Disposition", ContentType::new("attachment"))
            .transfer_encoding("8bit");
    }
    let disposition = if attachment.inline { "inline" } else { "attachment" };
    let name = attachment.name.as_str();
    let mut part =
        MimePart::new(ContentType::new(kind).attribute("name", name), BodyPart::Binary(content.as_ref().into()))
            .header("Content-Disposition", ContentType::new(disposition).attribute("filename", name));
    if let Some(id) = &attachment.content_id {
        part = part.header("Content-ID", Raw::new(format!("<{id}>")));
    }
    if let Some(location) = &attachment.content_location {
        part = part.location(location.as_str());
    }
    // Written by hand: what is text has its own line ends and character set, which must stay.
    part.headers.push(("Content-Transfer-Encoding".into(), Raw::new("base64").into()));
    part.contents = BodyPart::Text(base64_lines(content).into());
    part
}

fn base64_lines(content: &[u8]) -> String {
    let mut out = String::with_capacity(content.len() / 57 * 78 + 80);
    for line in content.chunks(57) {
        STANDARD.encode_string(line, &mut out);
        out.push_str("\r\n");
    }
    out
}

/// One field, folded at white space where a line would get long.
fn field(out: &mut String, name: &str, value: &str) {
    out.push_str(name);
    out.push(':');
    let mut length = name.len() + 1;
    for word in value.split_whitespace() {
        if length > name.len() + 1 && length + word.len() > 76 {
            out.push_str("\r\n");
            length = 0;
        }
        out.push(' ');
        out.push_str(word);
        length += word.len() + 1;
    }
    out.push_str("\r\n");
}

fn address_field(out: &mut String, name: &str, addresses: &[Address]) {
    if addresses.is_empty() {
        return;
    }
    let written: Vec<String> = addresses.iter().map(written).collect();
    field(out, name, &written.join(", "));
}

fn written(address: &Address) -> String {
    let mut out = String::new();
    if address.name.is_empty() {
        return if address.address.is_empty() { out } else { format!("<{}>", address.address) };
    }
    if address.name.is_ascii() {
        out.push('"');
        for c in address.name.chars().filter(|c| !c.is_control()) {
            if matches!(c, '"' | '\\') {
                out.push('\\');
            }
            out.push(c);
        }
        out.push('"');
    } else {
        out = encoded(&address.name);
    }
    let _ = write!(out, " <{}>", address.address);
    out
}

/// Text as encoded words (RFC 2047) when it is not ASCII.
fn encoded(text: &str) -> String {
    if text.is_ascii() && !text.contains("=?") {
        return text.chars().filter(|c| !c.is_control()).collect();
    }
    let mut words = Vec::new();
    let mut word = String::new();
    for c in text.chars() {
        if word.len() + c.len_utf8() > 45 {
            words.push(std::mem::take(&mut word));
        }
        word.push(c);
    }
    words.push(word);
    let words: Vec<String> = words.iter().map(|word| format!("=?utf-8?B?{}?=", STANDARD.encode(word))).collect();
    words.join(" ")
}

fn date(millis: Millis) -> String {
    let time = Timestamp::from_millisecond(millis).unwrap_or_default().to_zoned(TimeZone::UTC);
    time.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

#[cfg(test)]
mod tests {
    use super::super::draft::{NewContent, NewItem};
    use super::super::mime_in;
    use super::*;

    fn again(new: &NewItem) -> NewItem {
        let content = Content { body: new.body.clone(), headers: new.headers.clone(), calendar: new.calendar.clone() };
        let contents = |attachment: &super::super::draft::NewAttachment| match &attachment.content {
            NewContent::File(bytes) => (attachment.attachment.clone(), bytes.clone()),
            NewContent::Item(inner) => {
                let content = Content { body: inner.body.clone(), headers: inner.headers.clone(), calendar: None };
                (attachment.attachment.clone(), message(&inner.item, &content, &Vec::new()).into())
            }
        };
        let raw = message(&new.item, &content, &new.attachments.iter().map(contents).collect());
        mime_in::item(&raw, new.item.created).unwrap()
    }

    /// X1
    #[test]
    fn a_message_read_from_what_was_written_is_the_same() {
        let raw = "Received: by n\r\nX-Spam: no\r\nFrom: \"Berg, Anna\" <anna@n.example>\r\nTo: =?utf-8?q?J=C3=BCrgen?= <j@n.example>, b@n.example\r\n\
            Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe_aus_einem_sehr_langen_Betreff,_der_gefaltet_werden_muss,_weil_er_sonst_nicht_passt?=\r\n\
            Message-ID: <1@n>\r\nReferences: <0@n>\r\nDate: Fri, 1 Mar 2024 10:00:00 +0100\r\nImportance: high\r\nSensitivity: private\r\n\
            Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\nContent-Type: multipart/related; boundary=r\r\n\r\n\
            --r\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><head></head><body><p>Grüße</p><img src=\"cid:a@n\"></body></html>\r\n\
            --r\r\nContent-Type: image/png; name=a.png\r\nContent-ID: <a@n>\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw==\r\n--r--\r\n\
            --m\r\nContent-Type: text/plain; charset=iso-8859-1; name=n.txt\r\nContent-Disposition: attachment; filename=n.txt\r\n\
            Content-Transfer-Encoding: quoted-printable\r\n\r\n=FC\r\n\
            --m\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\nMessage-ID: <i@n>\r\n\r\nhello\r\n--m--\r\n";
        let first = mime_in::item(raw.as_bytes(), 1_700_000_000_000).unwrap();
        let second = again(&first);
        let third = again(&second);
        assert_eq!(first.body, second.body);
        assert_eq!(first.item.from, second.item.from);
        assert_eq!(first.item.to, second.item.to);
        assert_eq!(first.item.subject, second.item.subject);
        assert_eq!(first.item.sent, second.item.sent);
        assert_eq!(first.item.conversation_index, second.item.conversation_index);
        assert_eq!((second.item.importance, second.item.sensitivity), (2, 2));
        assert!(second.headers.contains("X-Spam: no") && second.headers.contains("Received: by n"));
        assert_eq!(second.headers, third.headers);
        let files = |new: &NewItem| {
            new.attachments
                .iter()
                .filter_map(|a| match &a.content {
                    NewContent::File(bytes) => Some((a.attachment.name.clone(), a.attachment.inline, bytes.clone())),
                    NewContent::Item(_) => None,
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(files(&first), files(&second));
        let inner = second.attachments.iter().find_map(|a| match &a.content {
            NewContent::Item(item) => Some(item),
            NewContent::File(_) => None,
        });
        assert_eq!(inner.unwrap().item.message_id.as_deref(), Some("<i@n>"));
    }

    /// U7
    #[test]
    fn a_signed_message_keeps_every_byte_that_is_signed() {
        let raw = "Subject: s\r\nMIME-Version: 1.0\r\nContent-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; boundary=s\r\n\r\n\
            --s\r\nContent-Type: text/plain\r\n\r\ntrailing space \r\n--s\r\nContent-Type: application/pkcs7-signature\r\n\r\nSIG\r\n--s--\r\n";
        let new = mime_in::item(raw.as_bytes(), 1_700_000_000_000).unwrap();
        let NewContent::File(whole) = &new.attachments[0].content else { panic!() };
        let content = Content { body: new.body.clone(), headers: new.headers.clone(), calendar: None };
        let written = message(&new.item, &content, &vec![(new.attachments[0].attachment.clone(), whole.clone())]);
        let written = String::from_utf8(written).unwrap();
        let (_, entity) = raw.split_once("\r\n\r\n").unwrap();
        assert!(written.ends_with(entity), "{written}");
        assert_eq!(written.matches("MIME-Version").count(), 1);
    }
}
