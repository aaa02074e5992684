//! Attachments: everything of a message that is not its body.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use super::body::{Layout, html_text, is_image};
use super::header::{Fields, Lines};
use super::structure::{Part, Structure};
use super::transfer::Encoding;
use super::{ProcessedMessage, encoded_word, html};

/// One attachment. Its content stays where it is, in the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Never empty: derived when the message gives none.
    pub name: String,
    /// Type and subtype in lower case, without parameters.
    pub content_type: String,
    /// Without angle brackets.
    pub content_id: Option<String>,
    pub content_location: Option<String>,
    /// The HTML body refers to it, or it is meant to be shown within the body (disposition inline with a content id).
    pub inline: bool,
    pub kind: AttachmentKind,
    /// Number of its part.
    pub(super) part: usize,
    range: Range<usize>,
    encoding: Encoding,
}

/// What an attachment is to Exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttachmentKind {
    File,
    /// A message of its own (RFC 2046 `message/rfc822`).
    Message,
}

impl Attachment {
    /// The content. Borrowed from the message where it is not encoded.
    #[must_use]
    pub fn decoded<'m>(&self, message: &'m ProcessedMessage) -> Cow<'m, [u8]> {
        self.encoding.decode(&message.raw()[self.range.clone()])
    }

    /// Bytes of the content, counted without decoding it into memory.
    #[must_use]
    pub fn decoded_len(&self, message: &ProcessedMessage) -> usize {
        self.encoding.decoded_len(&message.raw()[self.range.clone()])
    }
}

/// What parts are attached, with names.
pub(super) fn attachments(raw: &[u8], structure: &Structure, layout: &Layout) -> Vec<Attachment> {
    let references = References::of(raw, structure, layout);
    let mut unnamed = 0;
    let attached = layout.attached.iter().map(|number| (*number, &structure.parts[*number]));
    attached
        .map(|(number, part)| {
            let among_text = layout.shown.contains(&number);
            let mut content_id = part.content_id.clone();
            if among_text {
                content_id.get_or_insert_with(|| format!("part{number}@sent-items-update"));
            }
            Attachment {
                name: name(raw, part, &mut unnamed),
                content_type: part.mime_type().to_owned(),
                inline: among_text || references.include(part) || (part.is_inline() && part.content_id.is_some()),
                content_id,
                content_location: part.content_location.clone(),
                kind: if part.is_message() { AttachmentKind::Message } else { AttachmentKind::File },
                part: number,
                range: part.body.clone(),
                encoding: part.encoding,
            }
        })
        .collect()
}

/// What the HTML of the body refers to.
struct References<'p> {
    content_ids: HashSet<String>,
    locations: HashSet<&'p str>,
}

impl<'p> References<'p> {
    fn of(raw: &[u8], structure: &'p Structure, layout: &Layout) -> Self {
        let mut references = Self { content_ids: HashSet::new(), locations: HashSet::new() };
        let attached = || layout.attached.iter().map(|number| &structure.parts[*number]);
        if attached().all(|part| part.content_id.is_none() && part.content_location.is_none()) {
            return references;
        }
        let wanted: HashSet<&str> = attached().filter_map(|part| part.content_location.as_deref()).collect();
        let shown = layout.shown.iter().map(|number| &structure.parts[*number]);
        for part in shown.filter(|part| part.is("text/html")) {
            let text = html_text(raw, part);
            references.content_ids.extend(html::content_ids(&text));
            if !wanted.is_empty() {
                references.locations.extend(html::locations(&text, &wanted));
            }
        }
        references
    }

    fn include(&self, part: &Part) -> bool {
        part.content_id.as_ref().is_some_and(|id| self.content_ids.contains(id))
            || part.content_location.as_deref().is_some_and(|location| self.locations.contains(location))
    }
}

fn name(raw: &[u8], part: &Part, unnamed: &mut u32) -> String {
    let given = part.name().map(without_path);
    let location = || part.content_location.as_deref().and_then(|location| location.rsplit('/').next());
    let derived = || {
        if part.is_message() {
            subject(raw, part)
        } else {
            location().map(without_path).filter(|name| name.contains('.'))
        }
    };
    given.filter(|name| !name.is_empty()).or_else(derived).filter(|name| !name.is_empty()).unwrap_or_else(|| {
        // As Exchange calls them.
        *unnamed += 1;
        format!("ATT{:05}.{}", *unnamed, extension(part))
    })
}

/// Without the folder that some programs put before a file's name, and in one line.
fn without_path(name: &str) -> String {
    let rooted = name.starts_with(['/', '\\']) || name.get(1..3) == Some(":\\");
    let name = if rooted { name.rsplit(['/', '\\']).next().unwrap_or(name) } else { name };
    let name: String = name.chars().filter(|c| !c.is_control()).collect();
    name.trim().to_owned()
}

/// An attached message is called by its subject.
fn subject(raw: &[u8], part: &Part) -> Option<String> {
    let body = &raw[part.body.clone()];
    // Its header is at the start.
    let start = part.encoding.decode(&body[..body.len().min(64 * 1024)]);
    let mut fields = Fields::new(&start, Lines::of(&start));
    let subject = fields.find(|field| field.is("Subject"))?;
    Some(encoded_word::decode(&subject.text()).trim().to_owned())
}

fn extension(part: &Part) -> &'static str {
    match part.mime_type() {
        "image/png" => "png",
        "image/jpeg" | "image/jpg" | "image/pjpeg" => "jpg",
        "image/gif" => "gif",
        "image/bmp" => "bmp",
        "image/tiff" => "tif",
        "image/svg+xml" => "svg",
        "image/webp" => "webp",
        "image/heic" => "heic",
        "text/plain" | "text/rfc822-headers" => "txt",
        "text/html" => "htm",
        "text/calendar" => "ics",
        "text/vcard" | "text/x-vcard" => "vcf",
        "text/csv" => "csv",
        "application/pdf" => "pdf",
        "application/zip" => "zip",
        "application/pkcs7-mime" | "application/x-pkcs7-mime" => "p7m",
        "application/pkcs7-signature" | "application/x-pkcs7-signature" => "p7s",
        "application/pgp-signature" => "asc",
        "message/rfc822" | "message/global" | "message/news" => "eml",
        _ if is_image(part) => "img",
        _ => "dat",
    }
}
