//! HTML bodies as Exchange treats them: rewritten when stored, shown as text, and made from text.

use std::borrow::Cow;

const CONTENT_TYPE: &str = "<meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\">";

/// The body as Exchange keeps it: a whole document whose head starts by naming the one character set that EWS
/// speaks. Doing it again changes nothing, unless there are angle brackets that open no tag.
#[must_use]
pub fn rewritten(html: &str) -> String {
    let html = with_carriage_returns(html);
    let mut tags = Tags::new(&html);
    let (mut root, mut head, mut body) = (None, None, None);
    let mut old: Vec<(usize, usize)> = Vec::new();
    while let Some(tag) = tags.next() {
        match tag.name.as_str() {
            "html" if !tag.closing => root = root.or(Some(tag.end)),
            "head" if !tag.closing => head = head.or(Some(tag.end)),
            "meta" if is_content_type(&html[tag.start..tag.end]) => old.push((tag.start, tag.end)),
            "body" if !tag.closing => body = body.or(Some(tag.start)),
            _ => {}
        }
        if body.is_some() {
            break;
        }
    }
    let mut out = String::with_capacity(html.len() + 200);
    let without_old = |out: &mut String, mut from: usize, to: usize| {
        for &(start, end) in &old {
            if start >= from && end <= to {
                out.push_str(&html[from..start]);
                let rest = &html[end..to];
                from = end + if rest.starts_with("\r\n") { 2 } else { 0 };
            }
        }
        out.push_str(&html[from..to]);
    };
    match (root, head) {
        (_, Some(head)) => {
            out.push_str(&html[..head]);
            out.push_str("\r\n");
            out.push_str(CONTENT_TYPE);
            let mut rest = String::with_capacity(html.len() - head);
            without_old(&mut rest, head, html.len());
            let rest = rest.trim_start_matches("\r\n");
            if !rest.starts_with("</head>") {
                out.push_str("\r\n");
            }
            out.push_str(rest);
        }
        (Some(root), None) => {
            out.push_str(&html[..root]);
            out.push_str("<head>\r\n");
            out.push_str(CONTENT_TYPE);
            out.push_str("</head>");
            without_old(&mut out, root, html.len());
        }
        (None, None) => {
            out.push_str("<html><head>\r\n");
            out.push_str(CONTENT_TYPE);
            out.push_str("</head>");
            let bare = body.is_none();
            out.push_str(if bare { "<body>" } else { "" });
            without_old(&mut out, 0, html.len());
            out.push_str(if bare { "</body></html>" } else { "</html>" });
        }
    }
    out
}

/// HTML with more behind it: inside its body, when it has one.
#[must_use]
pub fn appended(html: &str, more: &str) -> String {
    let mut tags = Tags::new(html);
    let mut end = None;
    while let Some(tag) = tags.next() {
        if tag.closing && tag.name == "body" {
            end = Some(tag.start);
        }
    }
    let end = end.unwrap_or(html.len());
    format!("{}{}{}", &html[..end], inner_body(more), &html[end..])
}

/// What is between the body tags, or all of it when there are none.
fn inner_body(html: &str) -> &str {
    let mut tags = Tags::new(html);
    let (mut start, mut end) = (0, html.len());
    while let Some(tag) = tags.next() {
        match (tag.name.as_str(), tag.closing) {
            ("body", false) => start = tag.end,
            ("body", true) => end = tag.start,
            _ => {}
        }
    }
    html.get(start..end).unwrap_or(html)
}

fn is_content_type(tag: &str) -> bool {
    let lower = tag.to_ascii_lowercase();
    lower.contains("content-type") || lower.contains("charset=")
}

/// Line ends as mail has them.
#[must_use]
pub fn with_carriage_returns(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let bare = |at: usize| bytes[at] == b'\n' && (at == 0 || bytes[at - 1] != b'\r');
    if !(0..bytes.len()).any(bare) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + text.len() / 32);
    let mut last = ' ';
    for c in text.chars() {
        if c == '\n' && last != '\r' {
            out.push('\r');
        }
        out.push(c);
        last = c;
    }
    Cow::Owned(out)
}

/// A text body as HTML, in the dress that Exchange gives it.
#[must_use]
pub fn from_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 500);
    out.push_str("<html>\r\n<head>\r\n");
    out.push_str(CONTENT_TYPE);
    out.push_str(
        "\r\n<meta name=\"Generator\" content=\"Microsoft Exchange Server\">\r\n<!-- converted from text -->\r\n\
         <style><!-- .EmailQuote { margin-left: 1pt; padding-left: 4pt; border-left: #800000 2px solid; } -->\
         </style></head>\r\n<body>\r\n<font size=\"2\"><span style=\"font-size:11pt;\"><div class=\"PlainText\">",
    );
    push_escaped(&mut out, text);
    out.push_str("</div></span></font>\r\n</body>\r\n</html>\r\n");
    out
}

/// Text inside HTML: escaped, line ends as `<br>`, runs of spaces kept.
pub fn push_escaped(out: &mut String, text: &str) {
    let mut last = '\n';
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\n' => out.push_str("<br>\r\n"),
            '\r' => {}
            ' ' if last == ' ' || last == '\n' => out.push_str("&nbsp;"),
            '\t' => out.push_str("&nbsp;&nbsp;&nbsp;&nbsp; "),
            other => out.push(other),
        }
        last = c;
    }
}

/// The start of a text in one line, as the list of a mail client shows it: 255 characters at the most.
#[must_use]
pub fn preview(text: &str) -> String {
    let mut out = String::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        for c in (length > 0).then_some(' ').into_iter().chain(word.chars()) {
            if length == 255 {
                return out;
            }
            out.push(c);
            length += 1;
        }
    }
    out
}

/// HTML as the text that Exchange shows of it: blocks on lines of their own, links with their targets in angle
/// brackets, images by their names in brackets.
#[must_use]
pub fn to_text(html: &str) -> String {
    let mut text = Text::default();
    let mut tags = Tags::new(html);
    let mut at = 0;
    let mut link: Option<String> = None;
    while let Some(tag) = tags.next() {
        text.push(&html[at..tag.start]);
        at = tag.end;
        let name = tag.name.as_str();
        match (name, tag.closing) {
            ("head" | "script" | "style" | "title" | "template", false) => at = tags.skip_element(name),
            ("br", _) => text.line(),
            ("hr", _) => {
                text.block(1);
                text.raw("________________________________");
                text.block(1);
            }
            ("p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "ul" | "ol" | "blockquote" | "pre", closing) => {
                text.block(2);
                if name == "pre" {
                    text.pre = !closing;
                }
            }
            ("li", false) => {
                text.block(1);
                text.raw("  *   ");
            }
            ("td" | "th", true) => text.cell(),
            ("div" | "tr" | "table" | "body" | "html" | "section" | "article" | "header" | "footer" | "address", _)
            | ("li", true) => text.block(1),
            ("a", false) => {
                let target = attribute(&html[tag.start..tag.end], "href");
                link = target.filter(|target| !target.starts_with('#')).map(|target| decoded(&target).into_owned());
                text.mark();
            }
            ("a", true) => {
                if let Some(target) = link.take() {
                    text.link(&target);
                }
            }
            ("img", _) => {
                let source = &html[tag.start..tag.end];
                let shown = attribute(source, "alt").filter(|alt| !alt.is_empty()).or_else(|| attribute(source, "src"));
                if let Some(shown) = shown.filter(|shown| !shown.starts_with("data:")) {
                    text.raw(&format!("[{}]", decoded(&shown)));
                }
            }
            _ => {}
        }
    }
    text.push(html.get(at..).unwrap_or_default());
    text.finish()
}

/// Text in the making: white space collapsed, line ends kept back until something follows.
#[derive(Default)]
struct Text {
    out: String,
    /// Line ends due before the next word.
    lines: usize,
    space: bool,
    pre: bool,
    link_from: usize,
}

impl Text {
    fn push(&mut self, markup: &str) {
        let decoded = decoded(markup);
        if self.pre {
            for (at, line) in decoded.split('\n').enumerate() {
                if at > 0 {
                    self.line();
                }
                self.raw(line.trim_end_matches('\r'));
            }
            return;
        }
        for c in decoded.chars() {
            if matches!(c, ' ' | '\t' | '\r' | '\n') {
                self.space = true;
            } else {
                let mut buffer = [0; 4];
                self.raw(c.encode_utf8(&mut buffer));
            }
        }
    }

    fn raw(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if self.lines > 0 && !self.out.is_empty() {
            self.out.extend(std::iter::repeat_n("\r\n", self.lines));
        } else if self.space && !self.out.is_empty() && !self.out.ends_with([' ', '\n', '\t']) {
            self.out.push(' ');
        }
        self.lines = 0;
        self.space = false;
        self.out.push_str(text);
    }

    /// One more line end.
    fn line(&mut self) {
        self.lines += 1;
        self.space = false;
    }

    /// At least so many line ends.
    fn block(&mut self, lines: usize) {
        self.lines = self.lines.max(lines);
        self.space = false;
    }

    fn cell(&mut self) {
        if self.lines == 0 && !self.out.is_empty() {
            self.out.push('\t');
        }
        self.space = false;
    }

    fn mark(&mut self) {
        self.link_from = self.out.len();
    }

    fn link(&mut self, target: &str) {
        let shown = self.out[self.link_from.min(self.out.len())..].trim();
        let bare = target.trim_start_matches("mailto:").trim_end_matches('/');
        let same = shown.trim_end_matches('/') == bare || shown == target;
        if !same {
            self.raw(&format!("<{target}>"));
        }
    }

    fn finish(mut self) -> String {
        let end = self.out.trim_end().len();
        self.out.truncate(end);
        if !self.out.is_empty() {
            self.out.push_str("\r\n");
        }
        self.out.replace('\u{a0}', " ")
    }
}

struct Tag {
    /// In lower case.
    name: String,
    closing: bool,
    start: usize,
    end: usize,
}

/// The tags of a piece of HTML, comments and declarations left out.
struct Tags<'a> {
    html: &'a str,
    at: usize,
}

impl<'a> Tags<'a> {
    fn new(html: &'a str) -> Self {
        Self { html, at: 0 }
    }

    fn next(&mut self) -> Option<Tag> {
        loop {
            let start = self.at + self.html[self.at..].find('<')?;
            let rest = &self.html[start + 1..];
            if let Some(comment) = rest.strip_prefix("!--") {
                // A comment counts as a tag without name, so that its text is not shown.
                let end = comment.find("-->").map_or(self.html.len(), |end| start + 4 + end + 3);
                self.at = end;
                return Some(Tag { name: String::new(), closing: false, start, end });
            }
            let closing = rest.starts_with('/');
            let name_at = start + 1 + usize::from(closing);
            let first = self.html[name_at..].chars().next();
            if !first.is_some_and(|c| c.is_ascii_alphabetic() || c == '!' || c == '?') {
                self.at = start + 1;
                continue;
            }
            let end = self.tag_end(name_at);
            let name: String = self.html[name_at..end]
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == ':')
                .map(|c| c.to_ascii_lowercase())
                .collect();
            self.at = end;
            return Some(Tag { name, closing, start, end });
        }
    }

    /// Behind the `>` that ends a tag; one in quotes does not.
    fn tag_end(&self, from: usize) -> usize {
        let mut quote = None;
        for (at, byte) in self.html.as_bytes()[from..].iter().enumerate() {
            match (quote, byte) {
                (None, b'>') => return from + at + 1,
                (None, b'"' | b'\'') => quote = Some(*byte),
                (Some(open), byte) if open == *byte => quote = None,
                _ => {}
            }
        }
        // An open quote swallowed the rest: the first `>` then, if any.
        self.html[from..].find('>').map_or(self.html.len(), |at| from + at + 1)
    }

    /// Goes behind the end tag of the element just opened; returns where that is.
    fn skip_element(&mut self, name: &str) -> usize {
        let end_tag = format!("</{name}");
        let rest = self.html.as_bytes().get(self.at..).unwrap_or_default();
        let found = rest
            .windows(end_tag.len())
            .position(|window| window.eq_ignore_ascii_case(end_tag.as_bytes()))
            .map(|found| self.at + found);
        self.at = found.map_or(self.html.len(), |found| self.tag_end(found + end_tag.len()));
        self.at
    }
}

/// Value of an attribute in a start tag.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let lower = tag.to_ascii_lowercase();
    let mut from = 0;
    loop {
        let at = from + lower[from..].find(name)?;
        from = at + name.len();
        let before = lower.as_bytes()[at.checked_sub(1)?];
        let rest = tag[from..].trim_start();
        let Some(value) = rest.strip_prefix('=').filter(|_| before.is_ascii_whitespace() || before == b'"') else {
            continue;
        };
        let value = value.trim_start();
        let quoted = |quote: char| value.strip_prefix(quote).map(|value| value.split(quote).next().unwrap_or_default());
        return Some(match quoted('"').or_else(|| quoted('\'')) {
            Some(quoted) => quoted.to_owned(),
            None => value.split(|c: char| c.is_whitespace() || c == '>').next().unwrap_or_default().to_owned(),
        });
    }
}

/// Character references resolved.
fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let end = rest.bytes().position(|byte| !byte.is_ascii_alphanumeric() && byte != b'#').unwrap_or(rest.len());
        match reference(&rest[..end]) {
            Some(c) => {
                out.push(c);
                rest = &rest[end..];
                rest = rest.strip_prefix(';').unwrap_or(rest);
            }
            None => out.push('&'),
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn reference(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let hex = number.strip_prefix(['x', 'X']).map(|hex| u32::from_str_radix(hex, 16));
        return char::from_u32(hex.unwrap_or_else(|| number.parse()).ok()?);
    }
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, c)| *c)
}

/// The references that mail programs write (HTML 4, section 24).
const NAMES: &[(&str, char)] = &[
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("nbsp", '\u{a0}'),
    ("iexcl", '¡'),
    ("cent", '¢'),
    ("pound", '£'),
    ("curren", '¤'),
    ("yen", '¥'),
    ("brvbar", '¦'),
    ("sect", '§'),
    ("uml", '¨'),
    ("copy", '©'),
    ("ordf", 'ª'),
    ("laquo", '«'),
    ("not", '¬'),
    ("shy", '\u{ad}'),
    ("reg", '®'),
    ("macr", '¯'),
    ("deg", '°'),
    ("plusmn", '±'),
    ("sup2", '²'),
    ("sup3", '³'),
    ("acute", '´'),
    ("micro", 'µ'),
    ("para", '¶'),
    ("middot", '·'),
    ("cedil", '¸'),
    ("sup1", '¹'),
    ("ordm", 'º'),
    ("raquo", '»'),
    ("frac14", '¼'),
    ("frac12", '½'),
    ("frac34", '¾'),
    ("iquest", '¿'),
    ("Agrave", 'À'),
    ("Aacute", 'Á'),
    ("Acirc", 'Â'),
    ("Atilde", 'Ã'),
    ("Auml", 'Ä'),
    ("Aring", 'Å'),
    ("AElig", 'Æ'),
    ("Ccedil", 'Ç'),
    ("Egrave", 'È'),
    ("Eacute", 'É'),
    ("Ecirc", 'Ê'),
    ("Euml", 'Ë'),
    ("Igrave", 'Ì'),
    ("Iacute", 'Í'),
    ("Icirc", 'Î'),
    ("Iuml", 'Ï'),
    ("ETH", 'Ð'),
    ("Ntilde", 'Ñ'),
    ("Ograve", 'Ò'),
    ("Oacute", 'Ó'),
    ("Ocirc", 'Ô'),
    ("Otilde", 'Õ'),
    ("Ouml", 'Ö'),
    ("times", '×'),
    ("Oslash", 'Ø'),
    ("Ugrave", 'Ù'),
    ("Uacute", 'Ú'),
    ("Ucirc", 'Û'),
    ("Uuml", 'Ü'),
    ("Yacute", 'Ý'),
    ("THORN", 'Þ'),
    ("szlig", 'ß'),
    ("agrave", 'à'),
    ("aacute", 'á'),
    ("acirc", 'â'),
    ("atilde", 'ã'),
    ("auml", 'ä'),
    ("aring", 'å'),
    ("aelig", 'æ'),
    ("ccedil", 'ç'),
    ("egrave", 'è'),
    ("eacute", 'é'),
    ("ecirc", 'ê'),
    ("euml", 'ë'),
    ("igrave", 'ì'),
    ("iacute", 'í'),
    ("icirc", 'î'),
    ("iuml", 'ï'),
    ("eth", 'ð'),
    ("ntilde", 'ñ'),
    ("ograve", 'ò'),
    ("oacute", 'ó'),
    ("ocirc", 'ô'),
    ("otilde", 'õ'),
    ("ouml", 'ö'),
    ("divide", '÷'),
    ("oslash", 'ø'),
    ("ugrave", 'ù'),
    ("uacute", 'ú'),
    ("ucirc", 'û'),
    ("uuml", 'ü'),
    ("yacute", 'ý'),
    ("thorn", 'þ'),
    ("yuml", 'ÿ'),
    ("ndash", '–'),
    ("mdash", '—'),
    ("lsquo", '‘'),
    ("rsquo", '’'),
    ("sbquo", '‚'),
    ("ldquo", '“'),
    ("rdquo", '”'),
    ("bdquo", '„'),
    ("bull", '•'),
    ("hellip", '…'),
    ("euro", '€'),
    ("trade", '™'),
    ("lsaquo", '‹'),
    ("rsaquo", '›'),
    ("zwnj", '\u{200c}'),
    ("zwj", '\u{200d}'),
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// X1
    #[test]
    fn html_that_is_broken_loses_its_marks_but_not_its_words() {
        assert_eq!(
            to_text("a <b>bold<i>er</b> word < 5 & more &unknown; <a href=\"x>y"),
            "a bolder word < 5 & more &unknown; y\r\n"
        );
        assert_eq!(to_text("<style>p { color: red }"), "");
        assert_eq!(to_text("<p>one<!-- <p>not shown</p> -->two"), "onetwo\r\n");
    }

    /// X1
    #[test]
    fn text_of_html_has_blocks_links_and_images_as_exchange_shows_them() {
        let html = "<html><head><title>t</title><style>x</style></head><body><p>Gr&uuml;&szlig;e,<br>Anna</p>\
                    <ul><li>eins</li><li>zwei</li></ul><a href=\"https://n.example/\">Seite</a> <img src=\"cid:logo@n\">\
                    <table><tr><td>a</td><td>b</td></tr></table></body></html>";
        assert_eq!(
            to_text(html),
            "Grüße,\r\nAnna\r\n\r\n  *   eins\r\n  *   zwei\r\n\r\nSeite<https://n.example/> [cid:logo@n]\r\na\tb\r\n"
        );
    }

    /// X1
    #[test]
    fn a_fragment_becomes_a_document_that_names_its_character_set() {
        assert_eq!(
            rewritten("<p>Hello</p>"),
            "<html><head>\r\n<meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\"></head>\
             <body><p>Hello</p></body></html>"
        );
        let outlook = "<html xmlns:v=\"urn\">\n<head>\n<META HTTP-EQUIV=\"Content-Type\" CONTENT=\"text/html; charset=us-ascii\">\n\
                       <meta name=Generator content=\"Microsoft Word 15\"></head><body>x</body></html>";
        assert_eq!(
            rewritten(outlook),
            "<html xmlns:v=\"urn\">\r\n<head>\r\n<meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\">\r\n\
             <meta name=Generator content=\"Microsoft Word 15\"></head><body>x</body></html>"
        );
    }

    /// X1
    #[test]
    fn text_survives_the_way_through_html() {
        let text = "Hallo  Welt,\r\n\r\n1 < 2 & 3 > 2\r\n";
        assert_eq!(to_text(&from_text(text)), text);
    }

    /// X1
    #[test]
    fn a_preview_is_one_line_of_255_characters_at_the_most() {
        assert_eq!(preview(" a\r\n b  c "), "a b c");
        assert_eq!(preview(&"ü".repeat(300)).chars().count(), 255);
    }

    proptest! {
        /// X1
        #[test]
        fn rewriting_twice_is_rewriting_once(html in "(<(html|head|body|p|meta charset=x|/head|/body|/html)>|[a>&\"'\n ])*") {
            let once = rewritten(&html);
            prop_assert_eq!(rewritten(&once), once);
        }

        /// X1
        #[test]
        fn no_html_at_all_upsets_the_converter(html in "(<[a-z!/\"'=]{0,6}|>|&#?[a-z0-9]{0,8};?|--|[ü\n ])*") {
            let _ = to_text(&html);
        }
    }
}
