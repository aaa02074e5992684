//! Answers, written as text: prefixes, namespaces and escapes as Exchange writes them.

use std::fmt::Write as _;

/// An answer in the making. Names are written as given, prefix included.
#[derive(Debug, Default)]
pub struct Xml {
    out: String,
}

impl Xml {
    pub fn with_capacity(bytes: usize) -> Self {
        Self { out: String::with_capacity(bytes) }
    }

    /// `<name>`
    pub fn open(&mut self, name: &str) {
        self.tag(name, &[], ">");
    }

    /// `<name attribute="value">`
    pub fn open_with(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.tag(name, attributes, ">");
    }

    /// `<name attribute="value"/>`
    pub fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.tag(name, attributes, "/>");
    }

    /// `</name>`
    pub fn close(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    /// `<name>text</name>`, or `<name/>` when there is no text.
    pub fn text(&mut self, name: &str, text: &str) {
        self.text_with(name, &[], text);
    }

    pub fn text_with(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        if text.is_empty() {
            return self.empty(name, attributes);
        }
        self.open_with(name, attributes);
        escape(&mut self.out, text, false);
        self.close(name);
    }

    /// A value whose letters need no escape: numbers, times, base64, words of the protocol.
    pub fn plain(&mut self, name: &str, value: impl std::fmt::Display) {
        // Writing to a string does not fail.
        let _ = write!(self.out, "<{name}>{value}</{name}>");
    }

    /// Text as it is, already escaped.
    pub fn raw(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// The text so far, for encoders that append to it.
    pub fn buffer(&mut self) -> &mut String {
        &mut self.out
    }

    pub fn finish(self) -> String {
        self.out
    }

    fn tag(&mut self, name: &str, attributes: &[(&str, &str)], end: &str) {
        self.out.push('<');
        self.out.push_str(name);
        for (name, value) in attributes {
            self.out.push(' ');
            self.out.push_str(name);
            self.out.push_str("=\"");
            escape(&mut self.out, value, true);
            self.out.push('"');
        }
        self.out.push_str(end);
    }
}

/// Escapes text. Characters that XML 1.0 cannot carry are left out: Exchange writes references to them, which
/// no parser accepts.
fn escape(out: &mut String, text: &str, attribute: bool) {
    let special =
        |byte: u8| matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\r') || (byte < 0x20 && byte != b'\n') || byte == 0xef;
    let mut rest = text;
    while let Some(at) = rest.bytes().position(special) {
        out.push_str(&rest[..at]);
        let mut chars = rest[at..].chars();
        match chars.next() {
            Some('&') => out.push_str("&amp;"),
            Some('<') => out.push_str("&lt;"),
            Some('>') => out.push_str("&gt;"),
            Some('"') if attribute => out.push_str("&quot;"),
            Some('\r') => out.push_str("&#xD;"),
            Some('\t') if attribute => out.push_str("&#x9;"),
            Some(c) if (c < ' ' && c != '\t') || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            Some(other) => out.push(other),
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// X1
    #[test]
    fn what_xml_cannot_carry_is_left_out_and_line_ends_are_kept() {
        let mut xml = Xml::default();
        xml.text_with("t:a", &[("b", "\"<\t")], "x\u{b}\r\n\u{ffff}<y> & \"z\"\t");
        assert_eq!(xml.finish(), "<t:a b=\"&quot;&lt;&#x9;\">x&#xD;\n&lt;y&gt; &amp; \"z\"\t</t:a>");
    }

    proptest! {
        /// X1
        #[test]
        fn a_parser_reads_every_text_as_it_was(text in any::<String>()) {
            let mut xml = Xml::default();
            xml.text_with("a", &[("b", &text)], &text);
            let written = xml.finish();
            let document = roxmltree::Document::parse(&written).unwrap();
            let carried = |c: &char| (*c >= ' ' || matches!(c, '\t' | '\n' | '\r')) && !matches!(c, '\u{fffe}' | '\u{ffff}');
            let kept: String = text.chars().filter(carried).collect();
            prop_assert_eq!(document.root_element().text().unwrap_or_default(), &kept);
            prop_assert_eq!(document.root_element().attribute("b").unwrap().replace(' ', "\n"), kept.replace(' ', "\n"));
        }
    }
}
