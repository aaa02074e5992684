//! What kind of message it is: each kind has its own rule for Sent Items (U7).

use memchr::memmem;

use super::body::Layout;
use super::structure::{Part, Structure};

/// Kind of a message. Everything but `Normal` must never be changed in a way that breaks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageClass {
    Normal,
    /// Signed, the text readable without S/MIME or PGP (RFC 1847 `multipart/signed`, RFC 8551, RFC 3156).
    SmimeSignedClear,
    /// Signed, the text inside the signature (RFC 8551 `signed-data`, `compressed-data`, `certs-only`).
    SmimeSignedOpaque,
    /// Encrypted (RFC 8551 `enveloped-data`, `authEnveloped-data`; RFC 3156 `multipart/encrypted`).
    SmimeEncrypted,
    /// Protected by rights management (MS-OXORMMS).
    RightsProtected,
    /// The content is inside a `winmail.dat` (MS-OXTNEF).
    Tnef,
    /// A meeting request or an answer to one (RFC 6047).
    Calendar,
    /// A delivery report or a read receipt (RFC 3464, RFC 8098).
    Report,
}

impl MessageClass {
    /// `content_class`: the field Content-Class, in which Exchange names what it wrote.
    pub(super) fn of(raw: &[u8], structure: &Structure, layout: &Layout, content_class: Option<&str>) -> Self {
        let parts = || structure.parts.iter();
        let content_class = content_class.unwrap_or_default().to_ascii_lowercase();
        if content_class.contains("rpmsg.message") || parts().any(is_rights_protected) {
            return Self::RightsProtected;
        }
        if let Some(class) = secured(raw, structure, layout) {
            return class;
        }
        if parts().any(is_tnef) {
            return Self::Tnef;
        }
        if content_class == "urn:content-classes:calendarmessage" || is_calendar(structure) {
            return Self::Calendar;
        }
        let reports = ["multipart/report", "message/delivery-status", "message/disposition-notification"];
        if parts().any(|part| reports.contains(&part.mime_type())) {
            return Self::Report;
        }
        Self::Normal
    }
}

fn name_is(part: &Part, name: &str) -> bool {
    part.name().is_some_and(|given| given.eq_ignore_ascii_case(name))
}

fn is_rights_protected(part: &Part) -> bool {
    part.is("application/x-microsoft-rpmsg-message") || name_is(part, "message.rpmsg")
}

fn is_tnef(part: &Part) -> bool {
    part.is("application/ms-tnef") || part.is("application/vnd.ms-tnef") || name_is(part, "winmail.dat")
}

/// Signed or encrypted, as a whole or in the part that is its text: a gateway may have put something around it.
fn secured(raw: &[u8], structure: &Structure, layout: &Layout) -> Option<MessageClass> {
    for part in &structure.parts {
        match part.mime_type() {
            "multipart/encrypted" => return Some(MessageClass::SmimeEncrypted),
            "multipart/signed" if part.is_multipart() => return Some(MessageClass::SmimeSignedClear),
            _ => {}
        }
    }
    let first = structure.parts.iter().find(|part| !part.is_multipart())?;
    let pkcs7 = first.is("application/pkcs7-mime") || first.is("application/x-pkcs7-mime");
    // Old gateways write no better type, but the name (RFC 8551, section 3.2.1).
    let by_name = first.is("application/octet-stream") && (name_is(first, "smime.p7m") || name_is(first, "smime.p7z"));
    if pkcs7 || by_name {
        return Some(pkcs7_class(raw, first));
    }
    // PGP without MIME: the signed or encrypted text is the text.
    layout.shown.iter().find_map(|number| {
        let body = &raw[structure.parts[*number].body.clone()];
        let start = &body[..body.len().min(4096)];
        let at = start.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(0);
        if memmem::find(start, b"-----BEGIN PGP SIGNED MESSAGE-----").is_some() {
            Some(MessageClass::SmimeSignedClear)
        } else if start[at..].starts_with(b"-----BEGIN PGP MESSAGE-----") {
            Some(MessageClass::SmimeEncrypted)
        } else {
            None
        }
    })
}

/// A `ContentInfo` (RFC 5652, section 3) begins with the object identifier of what is in it.
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
const COMPRESSED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x09];

/// By `smime-type`, else by the content itself; what can't be told counts as encrypted.
fn pkcs7_class(raw: &[u8], part: &Part) -> MessageClass {
    if let Some(said) = part.content_type.get("smime-type") {
        return match said.to_ascii_lowercase().as_str() {
            "signed-data" | "signed-receipt" | "certs-only" | "compressed-data" => MessageClass::SmimeSignedOpaque,
            _ => MessageClass::SmimeEncrypted,
        };
    }
    let body = &raw[part.body.clone()];
    let start = part.encoding.decode(&body[..body.len().min(128)]);
    let begins = |identifier: &[u8]| memmem::find(&start[..start.len().min(40)], identifier).is_some();
    if begins(SIGNED_DATA) || begins(COMPRESSED_DATA) || name_is(part, "smime.p7z") || name_is(part, "smime.p7c") {
        MessageClass::SmimeSignedOpaque
    } else {
        MessageClass::SmimeEncrypted
    }
}

/// A calendar part that is the message, another form of its text, or a request (RFC 6047 asks for `method`), but
/// not a calendar file that somebody attached.
fn is_calendar(structure: &Structure) -> bool {
    let calendar = |part: &Part| part.is("text/calendar") && !part.is_attachment();
    calendar(structure.root())
        || structure.parts.iter().any(|part| {
            let method = |child: &Part| child.content_type.get("method").is_some();
            part.children
                .iter()
                .map(|child| &structure.parts[*child])
                .any(|child| calendar(child) && (part.is("multipart/alternative") || method(child)))
        })
}
