//! Writes a request: text goes into one buffer, large contents are kept as they are until they are sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::body::{Piece, RequestBody};
use crate::settings::SmtpAddress;

/// Contents up to this size are written as base64 at once: the request stays one buffer.
const WRITTEN_AT_ONCE: usize = 8 << 10;

const HEAD: &str = concat!(
    r#"<?xml version="1.0" encoding="utf-8"?>"#,
    r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/""#,
    r#" xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages""#,
    r#" xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types">"#,
    r#"<s:Header><t:RequestServerVersion Version="Exchange2013"/>"#,
    "<t:ExchangeImpersonation><t:ConnectingSID><t:PrimarySmtpAddress>",
);
const AFTER_ADDRESS: &str = "</t:PrimarySmtpAddress></t:ConnectingSID></t:ExchangeImpersonation></s:Header><s:Body>";
const TAIL: &str = "</s:Body></s:Envelope>";

/// A SOAP envelope in the making. Elements are named with the prefixes `m:` and `t:`.
pub struct Writer {
    text: Vec<u8>,
    pieces: Vec<Piece>,
    open: Vec<&'static str>,
    /// The start tag of the innermost element still takes attributes.
    in_tag: bool,
}

impl Writer {
    /// An envelope whose body is carried out in the name of `mailbox`.
    pub fn impersonating(mailbox: &SmtpAddress) -> Self {
        let mut text = Vec::with_capacity(2048);
        text.extend_from_slice(HEAD.as_bytes());
        escape(mailbox.as_str(), Place::Text, &mut text);
        text.extend_from_slice(AFTER_ADDRESS.as_bytes());
        Self { text, pieces: Vec::new(), open: Vec::with_capacity(12), in_tag: false }
    }

    pub fn start(&mut self, name: &'static str) -> &mut Self {
        self.close_tag();
        self.text.push(b'<');
        self.text.extend_from_slice(name.as_bytes());
        self.open.push(name);
        self.in_tag = true;
        self
    }

    /// An attribute of the element just started.
    pub fn attribute(&mut self, name: &str, value: &str) -> &mut Self {
        debug_assert!(self.in_tag, "{name} has no start tag to go into");
        self.text.push(b' ');
        self.text.extend_from_slice(name.as_bytes());
        self.text.extend_from_slice(b"=\"");
        escape(value, Place::Attribute, &mut self.text);
        self.text.push(b'"');
        self
    }

    pub fn text(&mut self, text: &str) -> &mut Self {
        self.close_tag();
        // A tenth more, for what is escaped in HTML.
        self.text.reserve(text.len() + text.len() / 10);
        escape(text, Place::Text, &mut self.text);
        self
    }

    pub fn end(&mut self) -> &mut Self {
        let name = self.open.pop();
        debug_assert!(name.is_some(), "nothing is open");
        if self.in_tag {
            self.text.extend_from_slice(b"/>");
            self.in_tag = false;
        } else if let Some(name) = name {
            self.text.extend_from_slice(b"</");
            self.text.extend_from_slice(name.as_bytes());
            self.text.push(b'>');
        }
        self
    }

    /// An element with nothing but text in it.
    pub fn element(&mut self, name: &'static str, text: &str) -> &mut Self {
        self.start(name).text(text).end()
    }

    pub fn boolean(&mut self, name: &'static str, value: bool) -> &mut Self {
        self.element(name, if value { "true" } else { "false" })
    }

    /// Base64 of `content`, made when it is sent unless it is small.
    pub fn base64(&mut self, content: Bytes) -> &mut Self {
        self.close_tag();
        if content.len() <= WRITTEN_AT_ONCE {
            self.text.extend_from_slice(STANDARD.encode(content).as_bytes());
        } else {
            let text = std::mem::take(&mut self.text);
            self.pieces.push(Piece::Text(text.into()));
            self.pieces.push(Piece::Base64(content));
        }
        self
    }

    pub fn finish(mut self) -> RequestBody {
        debug_assert!(self.open.is_empty(), "{:?} are still open", self.open);
        self.close_tag();
        self.text.extend_from_slice(TAIL.as_bytes());
        self.pieces.push(Piece::Text(self.text.into()));
        RequestBody::new(self.pieces)
    }

    fn close_tag(&mut self) {
        if self.in_tag {
            self.text.push(b'>');
            self.in_tag = false;
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Text,
    Attribute,
}

/// Bytes that stand for themselves wherever they are: nearly all of a text.
const IS_PLAIN: [bool; 256] = {
    let mut plain = [true; 256];
    let mut byte = 0;
    while byte < 256 {
        // What is below space, and the first byte of U+FFFE and U+FFFF.
        plain[byte] = byte >= 0x20 && byte != 0xEF;
        byte += 1;
    }
    plain[b'&' as usize] = false;
    plain[b'<' as usize] = false;
    plain[b'>' as usize] = false;
    plain[b'"' as usize] = false;
    plain
};

/// Escapes what means something in XML, and line ends that a reader would turn into something else. Characters
/// that XML 1.0 can't express at all are left out: a server answers them with a bare *400 Bad Request*.
fn escape(value: &str, place: Place, out: &mut Vec<u8>) {
    let bytes = value.as_bytes();
    let mut from = 0;
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        if IS_PLAIN[usize::from(byte)] {
            at += 1;
            continue;
        }
        let (instead, length): (&[u8], usize) = match byte {
            b'&' => (b"&amp;", 1),
            b'<' => (b"&lt;", 1),
            b'>' => (b"&gt;", 1),
            b'"' if place == Place::Attribute => (b"&quot;", 1),
            b'\r' => (b"&#13;", 1),
            b'\n' if place == Place::Attribute => (b"&#10;", 1),
            b'\t' if place == Place::Attribute => (b"&#9;", 1),
            ..b' ' if byte != b'\t' && byte != b'\n' => (b"", 1),
            // U+FFFE and U+FFFF; everything else that begins like them is fine.
            0xEF if bytes[at..].starts_with(b"\xEF\xBF\xBE") || bytes[at..].starts_with(b"\xEF\xBF\xBF") => (b"", 3),
            _ => {
                at += 1;
                continue;
            }
        };
        out.extend_from_slice(&bytes[from..at]);
        out.extend_from_slice(instead);
        at += length;
        from = at;
    }
    out.extend_from_slice(&bytes[from..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(value: &str, place: Place) -> String {
        let mut out = Vec::new();
        escape(value, place, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_means_something_in_xml_is_escaped() {
        assert_eq!(escaped("a<b>&\"c\"", Place::Text), "a&lt;b&gt;&amp;\"c\"");
        assert_eq!(escaped("a<b>&\"c\"", Place::Attribute), "a&lt;b&gt;&amp;&quot;c&quot;");
    }

    #[test]
    fn line_ends_survive_the_readers_normalisation() {
        assert_eq!(escaped("a\r\nb\tc", Place::Text), "a&#13;\nb\tc");
        assert_eq!(escaped("a\r\nb\tc", Place::Attribute), "a&#13;&#10;b&#9;c");
    }

    #[test]
    fn characters_that_xml_can_not_express_are_left_out() {
        assert_eq!(escaped("a\u{0}\u{b}\u{1f}b\u{fffe}c\u{ffff}d", Place::Text), "abcd");
        assert_eq!(
            escaped("ü\u{ffef}\u{fffd}\u{10ffff}😀\u{7f}\u{85}", Place::Text),
            "ü\u{ffef}\u{fffd}\u{10ffff}😀\u{7f}\u{85}"
        );
    }
}
