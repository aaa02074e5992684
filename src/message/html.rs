//! As much of HTML as is needed to join documents and to see what they refer to. Nothing is parsed into a tree:
//! what a mail program wrote comes out as it went in.

use std::collections::HashSet;
use std::ops::Range;

use memchr::{memchr, memmem};

use super::parameters::percent_decode;

/// A start or end tag.
struct Tag<'h> {
    name: &'h str,
    ends: bool,
    range: Range<usize>,
}

impl Tag<'_> {
    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// Walks over the tags of a document, past comments and what is no markup (style, script, title).
struct Tags<'h> {
    html: &'h str,
    position: usize,
}

impl<'h> Iterator for Tags<'h> {
    type Item = Tag<'h>;

    fn next(&mut self) -> Option<Tag<'h>> {
        let bytes = self.html.as_bytes();
        loop {
            let start = self.position + memchr(b'<', &bytes[self.position.min(bytes.len())..])?;
            let inside = &bytes[start + 1..];
            if inside.starts_with(b"!--") {
                self.position = start + 4 + memmem::find(inside.get(3..)?, b"-->")? + 3;
                continue;
            }
            let ends = inside.first() == Some(&b'/');
            let name_start = start + 1 + usize::from(ends);
            let name_length = bytes[name_start..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
            if name_length == 0 || !bytes[name_start].is_ascii_alphabetic() {
                self.position = start + 1;
                continue;
            }
            let name = &self.html[name_start..name_start + name_length];
            let end = name_start + name_length + end_of_tag(&bytes[name_start + name_length..]);
            self.position = end;
            if !ends && ["style", "script", "title", "textarea"].iter().any(|raw| raw.eq_ignore_ascii_case(name)) {
                self.position = end + end_of_raw_text(&bytes[end..], name);
            }
            return Some(Tag { name, ends, range: start..end });
        }
    }
}

fn tags(html: &str) -> Tags<'_> {
    Tags { html, position: 0 }
}

/// Behind the `>` that is not in a quoted attribute value.
fn end_of_tag(bytes: &[u8]) -> usize {
    let mut quote: Option<(usize, u8)> = None;
    for (at, byte) in bytes.iter().enumerate() {
        match quote {
            Some((_, open)) if *byte == open => quote = None,
            None if *byte == b'>' => return at + 1,
            // A quote counts only where a value begins.
            None if matches!(byte, b'"' | b'\'') && at > 0 && bytes[at - 1] == b'=' => quote = Some((at, *byte)),
            Some(_) | None => {}
        }
    }
    // A quote that is not closed counts as none.
    quote.and_then(|(start, _)| Some(start + memchr(b'>', &bytes[start..])? + 1)).unwrap_or(bytes.len())
}

/// Where the end tag of an element begins that contains no markup.
fn end_of_raw_text(bytes: &[u8], name: &str) -> usize {
    let mut position = 0;
    while let Some(found) = memmem::find(&bytes[position..], b"</") {
        let at = position + found;
        if bytes[at + 2..].get(..name.len()).is_some_and(|end| end.eq_ignore_ascii_case(name.as_bytes())) {
            return at;
        }
        position = at + 2;
    }
    bytes.len()
}

/// What a document says its charset is, in a `meta` element near its start.
pub(super) fn meta_charset(bytes: &[u8]) -> Option<String> {
    let start = &bytes[..bytes.len().min(4096)];
    let start: String = start.iter().map(|byte| char::from(*byte).to_ascii_lowercase()).collect();
    let mut rest = start.as_str();
    while let Some(at) = rest.find("<meta") {
        rest = &rest[at + 5..];
        let tag = rest.split('>').next().unwrap_or_default();
        if let Some((_, label)) = tag.split_once("charset=") {
            let label = label.trim_start_matches([' ', '"', '\'']);
            let end = label.find(|c: char| !(c.is_ascii_alphanumeric() || "-_:.".contains(c))).unwrap_or(label.len());
            // Text in which we can read this is not UTF-16, whatever it says (HTML, "determining the encoding").
            let label = if label[..end].starts_with("utf-16") { "utf-8" } else { &label[..end] };
            return (!label.is_empty()).then(|| label.to_owned());
        }
    }
    None
}

/// One document out of several fragments, in their order. The first document lends its head and its body
/// element; of the others the styles and what is in their body are taken.
pub(super) fn join(pieces: &[Piece]) -> String {
    let base = pieces.iter().position(|piece| matches!(piece, Piece::Document(_)));
    let document = match base.map(|base| &pieces[base]) {
        Some(Piece::Document(document)) => document.as_str(),
        _ => "<html><body></body></html>",
    };
    let (before, after) = pieces.split_at(base.unwrap_or(0));
    let after = if base.is_some() { &after[1..] } else { after };
    let frame = Frame::of(document);
    let mut joined = String::with_capacity(pieces.iter().map(Piece::len).sum::<usize>() + 64);
    joined.push_str(&document[..frame.content.start]);
    for piece in before {
        piece.add_to(&mut joined);
    }
    joined.push_str(&document[frame.content.clone()]);
    for piece in after {
        piece.add_to(&mut joined);
    }
    joined.push_str(&document[frame.content.end..]);
    joined
}

/// A part of a joined document.
#[derive(Debug)]
pub(super) enum Piece {
    /// A whole HTML document, or a piece of one.
    Document(String),
    Text(String),
    /// An image attached under this content id.
    Image(String),
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Self::Document(text) | Self::Text(text) | Self::Image(text) => text.len() + 64,
        }
    }

    fn add_to(&self, joined: &mut String) {
        match self {
            Self::Document(document) => {
                let frame = Frame::of(document);
                for style in frame.styles {
                    joined.push_str(&document[style]);
                }
                joined.push_str(&document[frame.content]);
            }
            Self::Text(text) => {
                joined.push_str("<div class=\"PlainText\">");
                escape(text, joined);
                joined.push_str("</div>\r\n");
            }
            Self::Image(content_id) => {
                joined.push_str("<img src=\"cid:");
                escape(content_id, joined);
                joined.push_str("\">\r\n");
            }
        }
    }
}

/// Where the content of a document is.
struct Frame {
    content: Range<usize>,
    /// Style elements outside of the content.
    styles: Vec<Range<usize>>,
}

impl Frame {
    fn of(html: &str) -> Self {
        let (mut start, mut body) = (0, false);
        let mut end = None;
        let mut styles = Vec::new();
        let mut style = None;
        for tag in tags(html) {
            let name = tag.name;
            match (tag.ends, body) {
                (false, false) if tag.is("body") => (start, body) = (tag.range.end, true),
                (false, false) if tag.is("style") => style = Some(tag.range.start),
                (true, false) if tag.is("style") => styles.extend(style.take().map(|start| start..tag.range.end)),
                // Without a body element its content begins behind the head.
                (false, false) if tag.is("html") => start = tag.range.end,
                (true, false) if tag.is("head") => start = tag.range.end,
                (true, _) if name.eq_ignore_ascii_case("body") => end = Some(tag.range.start),
                (true, _) if tag.is("html") && end.is_none_or(|end| end < start) => end = Some(tag.range.start),
                _ => {}
            }
        }
        let end = end.filter(|end| *end >= start).unwrap_or(html.len());
        styles.retain(|style| style.end <= start);
        Self { content: start..end, styles }
    }
}

/// Appends text so that HTML shows it as it is: line ends and repeated blanks included.
pub(super) fn escape(text: &str, html: &mut String) {
    let mut after_blank = true;
    let text = text.strip_suffix('\n').unwrap_or(text);
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\r' => continue,
            '\n' => html.push_str("<br>\r\n"),
            ' ' if after_blank => html.push_str("&nbsp;"),
            '\t' => html.push_str("&nbsp;&nbsp;&nbsp; "),
            _ => html.push(c),
        }
        after_blank = matches!(c, ' ' | '\n' | '\t');
    }
}

/// The content ids that a document refers to as `cid:…`.
pub(super) fn content_ids(html: &str) -> HashSet<String> {
    let bytes = html.as_bytes();
    let mut ids = HashSet::new();
    let mut position = 0;
    while let Some(found) = memchr(b':', &bytes[position..]) {
        let at = position + found;
        position = at + 1;
        if at < 3 || !bytes[at - 3..at].eq_ignore_ascii_case(b"cid") {
            continue;
        }
        let rest = &html[position..];
        let end = rest.find(|c: char| c.is_whitespace() || "\"'<>)".contains(c)).unwrap_or(rest.len());
        let mut id = Vec::new();
        percent_decode(&rest[..end].replace("&amp;", "&"), &mut id);
        ids.insert(String::from_utf8_lossy(&id).into_owned());
        position += end;
    }
    ids
}

/// Which of the locations a document refers to, as the value of an attribute.
pub(super) fn locations<'l>(html: &str, wanted: &HashSet<&'l str>) -> HashSet<&'l str> {
    let mut found = HashSet::new();
    for tag in tags(html) {
        let mut rest = &html[tag.range];
        while let Some((_, value)) = rest.split_once('=') {
            let value = value.trim_start();
            let end = match value.as_bytes().first() {
                Some(quote @ (b'"' | b'\'')) => memchr(*quote, &value.as_bytes()[1..]).map(|at| 1..at + 1),
                _ => value.find(|c: char| c.is_whitespace() || c == '>').map(|at| 0..at),
            };
            let end = end.unwrap_or(0..value.len());
            found.extend(wanted.get(value[end.clone()].trim()));
            rest = &value[end.end..];
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn document(html: &str) -> Piece {
        Piece::Document(html.to_owned())
    }

    fn text(text: &str) -> Piece {
        Piece::Text(text.to_owned())
    }

    #[test]
    fn text_behind_a_document_comes_to_stand_inside_its_body() {
        let joined = join(&[document("<html><body bgcolor=\">\">One</body></html>"), text("Two <b>\r\n  & three\r\n")]);
        let expected = "<html><body bgcolor=\">\">One<div class=\"PlainText\">Two &lt;b&gt;<br>\r\n&nbsp;&nbsp;&amp; \
                        three</div>\r\n</body></html>";
        assert_eq!(joined, expected);
    }

    #[test]
    fn text_before_a_document_comes_to_stand_at_the_start_of_its_body() {
        let joined = join(&[text("Notice"), document("<!-- <body> --><BODY class=x><p>One")]);
        assert_eq!(joined, "<!-- <body> --><BODY class=x><div class=\"PlainText\">Notice</div>\r\n<p>One");
    }

    #[test]
    fn of_further_documents_the_styles_and_the_content_are_taken() {
        let footer =
            "<html><head><title></body></title><style>p { color: red }</style></head><body><p>Two</p></body></html>";
        let joined = join(&[document("<html><body>One</body></html>\r\n"), document(footer)]);
        assert_eq!(joined, "<html><body>One<style>p { color: red }</style><p>Two</p></body></html>\r\n");
        assert_eq!(join(&[document("One"), document("<p>Two</p>")]), "One<p>Two</p>");
        assert_eq!(join(&[document("<head></head>One</html>"), document("Two")]), "<head></head>OneTwo</html>");
    }

    #[test]
    fn text_and_images_alone_become_a_document() {
        let joined = join(&[text("One"), Piece::Image("a@b".to_owned()), text("Two")]);
        let expected = "<html><body><div class=\"PlainText\">One</div>\r\n<img src=\"cid:a@b\">\r\n<div \
                        class=\"PlainText\">Two</div>\r\n</body></html>";
        assert_eq!(joined, expected);
    }

    #[test]
    fn references_are_found_however_they_are_written() {
        let html = "<img src=\"cid:a@b\"><img src=CID:c%40d><td style=\"background:url(cid:e&amp;f)\"><p>acid:rain";
        assert_eq!(content_ids(html), ["a@b", "c@d", "e&f", "rain"].map(str::to_owned).into());
        let html = "<img src=\"logo.png\" alt=x><img alt='' src= b.png ><p>see c.png";
        assert_eq!(locations(html, &["logo.png", "b.png", "c.png"].into()), ["logo.png", "b.png"].into());
    }

    #[test]
    fn a_quote_that_is_not_closed_does_not_swallow_the_document() {
        let joined = join(&[document("<body><p class=\">One</p></body>"), text("Two")]);
        assert_eq!(joined, "<body><p class=\">One</p><div class=\"PlainText\">Two</div>\r\n</body>");
    }

    #[test]
    fn the_charset_of_a_document_is_found() {
        let html =
            b"<html><head><meta name=x><META http-equiv=\"Content-Type\" content=\"text/html; charset=ISO-8859-2\">";
        assert_eq!(meta_charset(html).as_deref(), Some("iso-8859-2"));
        assert_eq!(meta_charset(b"<meta charset='koi8-r'/>").as_deref(), Some("koi8-r"));
        assert_eq!(meta_charset(b"<meta charset=utf-16>").as_deref(), Some("utf-8"));
        assert_eq!(meta_charset(b"<p>charset=utf-8</p>"), None);
    }

    proptest! {
        #[test]
        fn any_text_can_be_joined(pieces in prop::collection::vec(
            "(<body|<html>|</body>|</html>|<style>|</style|<!--|-->|>|<|\"|=|cid:|\\PC){0,30}", 0..4)) {
            let ids: Vec<_> = pieces.iter().flat_map(|piece| content_ids(piece)).collect();
            let _ = locations(&pieces.concat(), &["a"].into());
            let pieces: Vec<_> = pieces.into_iter().map(Piece::Document).chain(ids.into_iter().map(Piece::Text)).collect();
            let _ = join(&pieces);
        }
    }
}
