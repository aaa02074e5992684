//! A MIME message as an item: what Exchange's inbound conversion makes of it (MS-OXCMAIL).

use std::borrow::Cow;
use std::collections::HashSet;

use base64::Engine as _;
use bytes::Bytes;
use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{
    Encoding, HeaderForm, HeaderName, HeaderValue, Message, MessageParser, MessagePart, MimeHeaders as _, PartType,
};

use super::draft::{NewAttachment, NewItem};
use super::headers;
use super::html;
use super::model::{Address, Millis};
use super::readback::BodyKind;

/// Messages in messages become items in items only so deep; what is deeper stays a file.
const DEPTH: usize = 8;

/// Reads a message. None: there is no header in it at all.
#[must_use]
pub fn item(raw: &[u8], now: Millis) -> Option<NewItem> {
    let message = MessageParser::default().parse(raw).filter(|message| !message.parts.is_empty())?;
    Some(convert(message, now, DEPTH))
}

fn convert(mut message: Message<'_>, now: Millis, depth: usize) -> NewItem {
    let mut new = NewItem::blank("IPM.Note", now);
    new.headers = header_block(&message);
    properties(&mut new, &message);
    let form = Form::of(&message);
    form.class(&message).clone_into(&mut new.item.class);
    let mut parts = Parts::default();
    parts.walk(&message, 0, form != Form::Signed);
    body(&mut new, &message, &parts);
    if let Some(calendar) = parts.calendar.and_then(|part| message.parts.get(part)) {
        new.calendar = Some(String::from_utf8_lossy(calendar.contents()).into_owned());
    }
    match form {
        Form::Signed | Form::Opaque => new.attachments.push(whole(&message, form, now)),
        Form::Plain | Form::Report => {
            let all = std::mem::take(&mut message.parts);
            let raw = message.raw_message.clone();
            attachments(&mut new, all, &parts, &raw, depth, now);
        }
    }
    new.complete();
    new
}

/// The four ways in which the parts of a message are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    /// `multipart/signed`: one attachment holds it all, signature included.
    Signed,
    /// `application/pkcs7-mime`, signed or encrypted: one attachment.
    Opaque,
    /// A delivery or read report.
    Report,
}

impl Form {
    fn of(message: &Message<'_>) -> Self {
        let Some(kind) = message.content_type() else { return Self::Plain };
        let sub = kind.subtype().unwrap_or_default().to_ascii_lowercase();
        match (kind.ctype().to_ascii_lowercase().as_str(), sub.as_str()) {
            ("multipart", "signed") => Self::Signed,
            ("application", "pkcs7-mime" | "x-pkcs7-mime") => Self::Opaque,
            ("multipart", "report") => Self::Report,
            _ => Self::Plain,
        }
    }

    fn class(self, message: &Message<'_>) -> &'static str {
        match self {
            Self::Signed => "IPM.Note.SMIME.MultipartSigned",
            Self::Opaque => "IPM.Note.SMIME",
            Self::Report => {
                let kind = message.content_type().and_then(|kind| kind.attribute("report-type"));
                match kind {
                    Some(kind) if kind.eq_ignore_ascii_case("disposition-notification") => "REPORT.IPM.Note.IPNRN",
                    _ => "REPORT.IPM.Note.NDR",
                }
            }
            Self::Plain => meeting_class(message).unwrap_or("IPM.Note"),
        }
    }
}

/// The class of a message with a calendar part.
fn meeting_class(message: &Message<'_>) -> Option<&'static str> {
    let part = message.parts.iter().find(|part| part.is_content_type("text", "calendar"))?;
    if part.content_disposition().is_some_and(mail_parser::ContentType::is_attachment) {
        return None;
    }
    let text = String::from_utf8_lossy(part.contents());
    let method = part.content_type().and_then(|kind| kind.attribute("method")).map(str::to_owned);
    let method = method.or_else(|| headers::field(&text, "METHOD"))?.to_ascii_uppercase();
    match method.as_str() {
        "REQUEST" => Some("IPM.Schedule.Meeting.Request"),
        "CANCEL" => Some("IPM.Schedule.Meeting.Canceled"),
        "REPLY" if text.contains("PARTSTAT=DECLINED") => Some("IPM.Schedule.Meeting.Resp.Neg"),
        "REPLY" if text.contains("PARTSTAT=TENTATIVE") => Some("IPM.Schedule.Meeting.Resp.Tent"),
        "REPLY" => Some("IPM.Schedule.Meeting.Resp.Pos"),
        _ => None,
    }
}

fn header_block(message: &Message<'_>) -> String {
    let root = message.root_part();
    let (from, to) = (root.raw_header_offset() as usize, root.raw_body_offset() as usize);
    let block = message.raw_message.get(from..to).unwrap_or_default();
    let block = String::from_utf8_lossy(block);
    let block = block.trim_end_matches(['\r', '\n']);
    let mut block = html::with_carriage_returns(block).into_owned();
    block.push_str("\r\n");
    block
}

fn properties(new: &mut NewItem, message: &Message<'_>) {
    let header = |name: &str| headers::field(&new.headers, name).filter(|value| !value.is_empty());
    let item = &mut new.item;
    message.subject().unwrap_or_default().trim().clone_into(&mut item.subject);
    item.from = message.from().and_then(|from| from.iter().next().map(address));
    item.sender = message.sender().and_then(|sender| sender.iter().next().map(address)).or_else(|| item.from.clone());
    item.to = addresses(message.all_to());
    item.cc = addresses(message.all_cc());
    item.bcc = addresses(message.all_bcc());
    item.reply_to = addresses(message.reply_to().into_iter());
    item.message_id = header("Message-ID");
    item.in_reply_to = header("In-Reply-To");
    item.references = header("References");
    if let Some(HeaderValue::Text(topic)) = message.header_as("Thread-Topic", HeaderForm::Text).pop() {
        topic.trim().clone_into(&mut item.conversation_topic);
    }
    let index = header("Thread-Index").and_then(|index| base64::engine::general_purpose::STANDARD.decode(index).ok());
    item.conversation_index = index.filter(|index| index.len() >= 22).unwrap_or_default();
    let date = message.date().filter(|date| date.is_valid()).map(|date| date.to_timestamp() * 1000);
    item.sent = Some(date.unwrap_or(item.created));
    item.received = Some(item.created);
    item.importance = importance(&header);
    item.sensitivity = match header("Sensitivity").unwrap_or_default().to_ascii_lowercase().as_str() {
        "personal" => 1,
        "private" => 2,
        "company-confidential" => 3,
        _ => 0,
    };
    if let Some(keywords) = header("Keywords") {
        item.categories =
            keywords.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect();
    }
    item.read_receipt_requested = header("Disposition-Notification-To").is_some();
    item.delivery_receipt_requested = header("Return-Receipt-To").is_some();
    item.culture =
        header("Content-Language").and_then(|languages| languages.split(',').next().map(|one| one.trim().to_owned()));
}

fn importance(header: &impl Fn(&str) -> Option<String>) -> u8 {
    let lower = |name: &str| header(name).unwrap_or_default().to_ascii_lowercase();
    match (lower("Importance").as_str(), lower("X-Priority").chars().next(), lower("Priority").as_str()) {
        ("high", ..) | ("", Some('1' | '2'), _) | ("", None, "urgent") => 2,
        ("low", ..) | ("", Some('4' | '5'), _) | ("", None, "non-urgent") => 0,
        _ => 1,
    }
}

fn address(given: &mail_parser::Addr<'_>) -> Address {
    let text = |text: &Option<Cow<'_, str>>| text.as_deref().unwrap_or_default().trim().to_owned();
    Address { name: text(&given.name), address: text(&given.address) }
}

fn addresses<'a>(lists: impl Iterator<Item = &'a mail_parser::Address<'a>>) -> Vec<Address> {
    let all = lists.flat_map(|list| list.iter().map(address));
    all.filter(|address| !address.address.is_empty() || !address.name.is_empty()).collect()
}

/// Which part plays which role.
#[derive(Default)]
struct Parts {
    /// Text parts that make up the body, in order.
    body: Vec<usize>,
    /// The calendar part of a meeting message.
    calendar: Option<usize>,
    attachments: Vec<usize>,
}

impl Parts {
    fn walk(&mut self, message: &Message<'_>, at: usize, keep_attachments: bool) {
        let Some(part) = message.parts.get(at) else { return };
        let PartType::Multipart(children) = &part.body else { return self.leaf(part, at, keep_attachments) };
        let children = children.iter().map(|child| *child as usize).filter(|child| *child > at);
        let children: Vec<usize> = children.collect();
        let sub = part.content_type().and_then(mail_parser::ContentType::subtype).unwrap_or("mixed");
        match sub.to_ascii_lowercase().as_str() {
            "alternative" => self.alternative(message, &children, keep_attachments),
            "related" => {
                for (position, child) in children.into_iter().enumerate() {
                    match message.parts.get(child) {
                        Some(part) if position > 0 && !part.is_multipart() => self.attach(child, keep_attachments),
                        _ => self.walk(message, child, keep_attachments),
                    }
                }
            }
            _ => children.into_iter().for_each(|child| self.walk(message, child, keep_attachments)),
        }
    }

    /// The richest alternative is the body: HTML before plain text, and of those the last. What is attached in
    /// the others is kept.
    fn alternative(&mut self, message: &Message<'_>, children: &[usize], keep_attachments: bool) {
        let mut ways: Vec<Self> = Vec::new();
        for &child in children {
            let mut way = Self::default();
            way.walk(message, child, keep_attachments);
            ways.push(way);
        }
        let html = |way: &Self| way.body.iter().any(|&part| matches!(message.parts[part].body, PartType::Html(_)));
        let best = ways.iter().rposition(html).or_else(|| ways.iter().rposition(|way| !way.body.is_empty()));
        for (position, way) in ways.into_iter().enumerate() {
            if Some(position) == best {
                self.body.extend(way.body);
            }
            self.calendar = self.calendar.or(way.calendar);
            self.attachments.extend(way.attachments);
        }
    }

    fn leaf(&mut self, part: &MessagePart<'_>, at: usize, keep_attachments: bool) {
        let attached = part.content_disposition().is_some_and(mail_parser::ContentType::is_attachment);
        let is = |sub: &str| {
            part.content_type().is_none_or(|kind| kind.subtype().is_some_and(|s| s.eq_ignore_ascii_case(sub)))
        };
        let named = part.attachment_name().is_some();
        match &part.body {
            PartType::Text(_) if !attached && part.is_content_type("text", "calendar") && !named => {
                self.calendar = self.calendar.or(Some(at));
            }
            PartType::Html(_) if !attached && !named => self.body.push(at),
            PartType::Text(_) if !attached && !named && is("plain") => self.body.push(at),
            // The only part of a message is its body, whatever its name says.
            PartType::Text(_) | PartType::Html(_) if !attached && at == 0 => self.body.push(at),
            _ => self.attach(at, keep_attachments),
        }
    }

    fn attach(&mut self, at: usize, keep: bool) {
        if keep {
            self.attachments.push(at);
        }
    }
}

/// Several body parts, as a footer that was added as a part of its own, are shown one after the other.
fn body(new: &mut NewItem, message: &Message<'_>, parts: &Parts) {
    let found: Vec<&MessagePart<'_>> = parts.body.iter().filter_map(|part| message.parts.get(*part)).collect();
    let text = |part: &MessagePart<'_>| part.text_contents().unwrap_or_default().to_owned();
    if !found.iter().any(|part| part.is_text_html()) {
        let joined: Vec<String> = found.into_iter().map(text).collect();
        return new.set_body(BodyKind::Text, &joined.join("\r\n"));
    }
    let mut joined = String::new();
    for part in found {
        let part_text = text(part);
        let addition = if part.is_text_html() {
            part_text
        } else {
            let mut html = String::from("<div class=\"PlainText\">");
            html::push_escaped(&mut html, &part_text);
            html + "</div>"
        };
        joined = if joined.is_empty() { addition } else { html::appended(&joined, &addition) };
    }
    new.set_body(BodyKind::Html, &joined);
}

fn attachments(new: &mut NewItem, all: Vec<MessagePart<'_>>, parts: &Parts, raw: &[u8], depth: usize, now: Millis) {
    let shown = if new.item.body_kind == BodyKind::Html { new.body.to_ascii_lowercase() } else { String::new() };
    let wanted: HashSet<usize> = parts.attachments.iter().copied().collect();
    let attached = all.into_iter().enumerate().filter(|(at, _)| wanted.contains(at)).map(|(_, part)| part);
    for (number, part) in (1..).zip(attached) {
        let kind = part.content_type().map(|kind| match kind.subtype() {
            Some(sub) => format!("{}/{sub}", kind.ctype()).to_ascii_lowercase(),
            None => kind.ctype().to_ascii_lowercase(),
        });
        let kind = kind.unwrap_or_else(|| "text/plain".into());
        let id = part.content_id().map(|id| id.trim().trim_matches(['<', '>']).to_owned()).filter(|id| !id.is_empty());
        let location = part.content_location().map(str::to_owned);
        let name = part.attachment_name().map(|name| file_name(name).to_owned()).filter(|name| !name.is_empty());
        let disposition = part.content_disposition();
        let inline_asked = disposition.is_some_and(mail_parser::ContentType::is_inline);
        let by_id = id.as_ref().is_some_and(|id| shown.contains(&format!("cid:{}", id.to_ascii_lowercase())));
        let by_location = location.as_ref().is_some_and(|at| shown.contains(&at.to_ascii_lowercase()));
        let inline = by_id || by_location || (inline_asked && id.is_some());
        let mut attachment = match part.body {
            PartType::Message(message) if depth > 0 => {
                let item = convert(message, now, depth - 1);
                let name = name.unwrap_or_else(|| item.item.subject.clone());
                NewAttachment::item(if name.is_empty() { "Message".into() } else { name }, item, now)
            }
            body => {
                let content = match body {
                    PartType::Binary(content) | PartType::InlineBinary(content) => Bytes::from(content.into_owned()),
                    _ => original_bytes(raw, part.encoding, part.offset_body, part.offset_end),
                };
                let name = name.unwrap_or_else(|| format!("ATT{number:05}.{}", extension(&kind)));
                NewAttachment::file(name, content, now)
            }
        };
        attachment.attachment.content_type = kind;
        attachment.attachment.content_id = id;
        attachment.attachment.content_location = location;
        attachment.attachment.inline = inline;
        new.attachments.push(attachment);
    }
}

/// The bytes of a part that the parser shows as text, in the character set that they came in.
fn original_bytes(raw: &[u8], encoding: Encoding, from: u32, to: u32) -> Bytes {
    let encoded = raw.get(from as usize..to as usize).unwrap_or_default();
    let decoded = match encoding {
        Encoding::Base64 => base64_decode(encoded),
        Encoding::QuotedPrintable => quoted_printable_decode(encoded),
        Encoding::None => None,
    };
    decoded.map_or_else(|| Bytes::copy_from_slice(encoded), Bytes::from)
}

/// A signed or encrypted message: the entity with its MIME headers, or the decoded PKCS #7 object.
fn whole(message: &Message<'_>, form: Form, now: Millis) -> NewAttachment {
    let root = message.root_part();
    let mut content = Vec::new();
    if form == Form::Signed {
        for header in
            root.headers.iter().filter(|header| header.name.is_mime_header() || header.name == HeaderName::ContentType)
        {
            let range = header.offset_field() as usize..header.offset_end() as usize;
            content.extend(message.raw_message.get(range).unwrap_or_default());
        }
        content.extend(b"\r\n");
        content.extend(message.raw_message.get(root.raw_body_offset() as usize..).unwrap_or_default());
    } else {
        content.extend(root.contents());
    }
    let mut attachment = NewAttachment::file("smime.p7m".into(), content.into(), now);
    let kind = if form == Form::Signed { "multipart/signed" } else { "application/pkcs7-mime" };
    kind.clone_into(&mut attachment.attachment.content_type);
    attachment
}

/// The last part of a path, whichever system wrote it.
fn file_name(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name).trim()
}

/// A usual extension for a content type.
fn extension(kind: &str) -> &'static str {
    match kind {
        "text/plain" => "txt",
        "text/html" => "htm",
        "text/calendar" => "ics",
        "image/png" => "png",
        "image/jpeg" => "jpg",
        "image/gif" => "gif",
        "application/pdf" => "pdf",
        "message/rfc822" => "eml",
        _ => "dat",
    }
}

#[cfg(test)]
mod tests {
    use super::super::draft::NewContent;
    use super::*;

    const NOW: Millis = 1_700_000_000_000;

    fn read(raw: &str) -> NewItem {
        item(raw.replace('\n', "\r\n").as_bytes(), NOW).unwrap()
    }

    /// X1
    #[test]
    fn bytes_without_any_header_are_no_message() {
        assert!(item(b"", NOW).is_none());
    }

    /// X1
    #[test]
    fn a_multipart_without_its_parts_is_still_an_item() {
        let new = read("Subject: x\nContent-Type: multipart/mixed; boundary=b\n\nno boundary here\n");
        assert_eq!(new.item.subject, "x");
    }

    /// X1
    #[test]
    fn html_is_the_body_and_a_footer_in_a_part_of_its_own_is_shown_behind_it() {
        let new = read(
            "From: =?utf-8?q?J=C3=BCrgen?= <j@n.example>\nSubject: =?iso-8859-1?q?Gr=FC=DFe?=\nMessage-ID: <1@n>\n\
             Content-Type: multipart/mixed; boundary=m\n\n--m\nContent-Type: multipart/alternative; boundary=a\n\n\
             --a\nContent-Type: text/plain\n\nplain\n--a\nContent-Type: text/html\n\n<p>rich</p>\n--a--\n\
             --m\nContent-Type: text/plain\n\nfooter & more\n--m--\n",
        );
        assert_eq!(new.item.body_kind, BodyKind::Html);
        assert!(new.body.contains("<p>rich</p>"), "{}", new.body);
        assert!(new.body.contains("footer &amp; more</div></body></html>"), "{}", new.body);
        assert_eq!(new.item.from.as_ref().unwrap().name, "Jürgen");
        assert_eq!(new.item.subject, "Grüße");
        assert_eq!(new.item.sender, new.item.from);
        assert!(new.attachments.is_empty());
    }

    /// X1
    #[test]
    fn an_image_that_the_body_shows_is_inline_and_a_named_text_keeps_its_bytes() {
        let new = read(
            "Subject: x\nContent-Type: multipart/mixed; boundary=m\n\n--m\nContent-Type: multipart/related; boundary=r\n\n\
             --r\nContent-Type: text/html\n\n<img src=\"cid:Logo@n\">\n--r\nContent-Type: image/png; name=l.png\n\
             Content-ID: <logo@n>\nContent-Transfer-Encoding: base64\n\niVBORw==\n--r--\n\
             --m\nContent-Type: text/plain; charset=iso-8859-1; name=\"../t/n.txt\"\n\
             Content-Transfer-Encoding: quoted-printable\nContent-Disposition: attachment\n\n=FC\n--m--\n",
        );
        let [image, text] = new.attachments.as_slice() else { panic!("{:?}", new.attachments) };
        assert!(image.attachment.inline);
        assert_eq!(image.attachment.content_id.as_deref(), Some("logo@n"));
        assert_eq!((text.attachment.name.as_str(), text.attachment.inline), ("n.txt", false));
        let NewContent::File(bytes) = &text.content else { panic!() };
        assert_eq!(bytes.as_ref(), b"\xfc");
    }

    /// X1
    #[test]
    fn a_message_in_a_message_is_an_item_with_attachments_of_its_own() {
        let new = read(
            "Subject: outer\nContent-Type: multipart/mixed; boundary=m\n\n--m\n\nsee below\n--m\nContent-Type: message/rfc822\n\n\
             Subject: inner\nX-Inner: 1\nContent-Type: multipart/mixed; boundary=i\n\n--i\n\nhello\n--i\n\
             Content-Type: application/pdf\nContent-Disposition: attachment; filename=a.pdf\n\n%PDF\n--i--\n--m--\n",
        );
        let [inner] = new.attachments.as_slice() else { panic!() };
        let NewContent::Item(inner_item) = &inner.content else { panic!() };
        assert_eq!(inner.attachment.name, "inner");
        assert_eq!(inner_item.attachments[0].attachment.name, "a.pdf");
        assert!(inner_item.headers.contains("X-Inner: 1"));
        assert!(!new.headers.contains("X-Inner"));
    }

    /// U7
    #[test]
    fn signed_and_encrypted_messages_are_one_attachment_of_their_class() {
        let signed = read(
            "Subject: s\nMIME-Version: 1.0\nContent-Type: multipart/signed; micalg=sha-256; boundary=s\n\n--s\n\ntext\n\
             --s\nContent-Type: application/pkcs7-signature; name=smime.p7s\n\nSIG\n--s--\n",
        );
        assert_eq!(signed.item.class, "IPM.Note.SMIME.MultipartSigned");
        let NewContent::File(bytes) = &signed.attachments[0].content else { panic!() };
        let text = String::from_utf8_lossy(bytes);
        assert!(text.contains("Content-Type: multipart/signed") && text.contains("SIG"), "{text}");
        assert!(signed.body.contains("text"));
        let sealed = read(
            "Subject: e\nContent-Type: application/pkcs7-mime; name=smime.p7m\nContent-Transfer-Encoding: base64\n\nAAEC\n",
        );
        assert_eq!(sealed.item.class, "IPM.Note.SMIME");
        let NewContent::File(bytes) = &sealed.attachments[0].content else { panic!() };
        assert_eq!(bytes.as_ref(), [0, 1, 2]);
    }

    /// U7
    #[test]
    fn a_meeting_request_keeps_its_calendar_part() {
        let new = read(
            "Subject: m\nContent-Type: multipart/alternative; boundary=a\n\n--a\nContent-Type: text/html\n\n<p>x</p>\n\
             --a\nContent-Type: text/calendar; method=REQUEST\n\nBEGIN:VCALENDAR\nEND:VCALENDAR\n--a--\n",
        );
        assert_eq!(new.item.class, "IPM.Schedule.Meeting.Request");
        assert!(new.calendar.unwrap().contains("BEGIN:VCALENDAR"));
    }
}
