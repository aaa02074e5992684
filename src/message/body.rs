//! The body: what Exchange would show of a message, and with it which parts are attachments.
//!
//! Follows MS-OXCMAIL, 2.2.3.3 and 2.2.3.4. Several text parts are joined for all senders, not only for those
//! of Apple (2.2.3.3.2.2, "aggregate body"): a footer that a gateway appended as a part of its own is what the
//! recipients read below the text.

use std::borrow::Cow;

use super::structure::{Part, Structure};
use super::{charset, flowed, html};

/// What Exchange would show, decoded from its charset, without characters that XML 1.0 can't carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    Html(String),
    /// Line ends are CR LF.
    Plain(String),
    Empty,
}

/// Which parts are shown as text, and which are attached, each in the order of the message.
#[derive(Debug, Clone, Default)]
pub(super) struct Layout {
    /// Text, and images among it.
    pub shown: Vec<usize>,
    pub attached: Vec<usize>,
}

impl Layout {
    pub(super) fn of(structure: &Structure, from_apple: bool) -> Self {
        let mut reader = Reader { structure, from_apple, layout: Self::default() };
        reader.place(0);
        let Self { shown, attached } = &mut reader.layout;
        // Images are shown among text; alone they are attachments like others.
        if !shown.iter().any(|number| is_text(&structure.parts[*number])) {
            shown.clear();
        }
        attached.sort_unstable();
        reader.layout
    }
}

/// How much of a text a part would show.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Richness {
    Nothing,
    Plain,
    Html,
}

struct Reader<'s> {
    structure: &'s Structure,
    from_apple: bool,
    layout: Layout,
}

impl<'s> Reader<'s> {
    fn part(&self, number: usize) -> &'s Part {
        &self.structure.parts[number]
    }

    fn place(&mut self, number: usize) {
        let part = self.part(number);
        if !part.is_multipart() {
            return self.place_leaf(number);
        }
        match part.mime_type() {
            "multipart/alternative" => self.place_alternatives(part),
            "multipart/related" => self.place_related(part),
            "multipart/encrypted" => part.children.iter().for_each(|child| self.attach(*child)),
            "multipart/signed" | "multipart/report" => self.place_first(part),
            _ => part.children.iter().for_each(|child| self.place(*child)),
        }
    }

    /// The first part is the text; signature and machine-readable report are not.
    fn place_first(&mut self, part: &Part) {
        if let [first, others @ ..] = part.children.as_slice() {
            self.place(*first);
            for child in others {
                self.attach(*child);
            }
        }
    }

    /// The richest one is shown, the last of several. The others say the same; only files in them are more.
    fn place_alternatives(&mut self, part: &Part) {
        let richest = part.children.iter().map(|child| self.richness(*child)).max();
        let shown = part.children.iter().copied().rfind(|child| Some(self.richness(*child)) == richest);
        for child in &part.children {
            if Some(*child) == shown {
                self.place(*child);
            } else {
                self.attach_files(*child);
            }
        }
    }

    /// RFC 2387: the root is the one that `start` names, else the first; the others belong to it.
    fn place_related(&mut self, part: &Part) {
        let start = part.content_type.get("start").map(|start| start.trim_start_matches('<').trim_end_matches('>'));
        let named =
            part.children.iter().find(|child| start.is_some() && self.part(**child).content_id.as_deref() == start);
        let first = part.children.iter().find(|child| self.richness(**child) > Richness::Nothing);
        let root = named.filter(|child| self.richness(**child) > Richness::Nothing).or(first).copied();
        for child in &part.children {
            if Some(*child) == root {
                self.place(*child);
            } else {
                self.attach(*child);
            }
        }
    }

    fn place_leaf(&mut self, number: usize) {
        let part = self.part(number);
        let first = self.layout.shown.is_empty() && self.layout.attached.is_empty();
        // A text with a name is a file, unless nothing stands before it and it isn't called an attachment.
        let shown = is_text(part) && !part.is_attachment() && (part.name().is_none() || first);
        let among_text = self.from_apple && is_image(part) && part.is_inline();
        if shown || among_text {
            self.layout.shown.push(number);
        }
        if !shown {
            self.layout.attached.push(number);
        }
    }

    fn richness(&self, number: usize) -> Richness {
        let part = self.part(number);
        if part.is_multipart() {
            if part.is("multipart/encrypted") {
                return Richness::Nothing;
            }
            part.children.iter().map(|child| self.richness(*child)).max().unwrap_or(Richness::Nothing)
        } else if part.is_attachment() || !is_text(part) {
            Richness::Nothing
        } else if part.is("text/html") {
            Richness::Html
        } else {
            Richness::Plain
        }
    }

    /// Every leaf below, whatever it is.
    fn attach(&mut self, number: usize) {
        let part = self.part(number);
        if part.is_multipart() {
            part.children.iter().for_each(|child| self.attach(*child));
        } else {
            self.layout.attached.push(number);
        }
    }

    /// Every leaf below that is not just another form of the text.
    fn attach_files(&mut self, number: usize) {
        let part = self.part(number);
        if part.is_multipart() {
            part.children.iter().for_each(|child| self.attach_files(*child));
        } else if part.is_attachment() || !part.mime_type().starts_with("text/") {
            self.layout.attached.push(number);
        }
    }
}

pub(super) fn is_text(part: &Part) -> bool {
    part.is("text/plain") || part.is("text/html")
}

pub(super) fn is_image(part: &Part) -> bool {
    part.mime_type().starts_with("image/")
}

/// The text of an HTML part.
pub(super) fn html_text(raw: &[u8], part: &Part) -> String {
    let bytes = part.encoding.decode(&raw[part.body.clone()]);
    let said = part.content_type.get("charset");
    let meta;
    let label = match said {
        // A gateway that writes UTF-8 here and leaves the document in another charset does occur.
        Some(said) if said.eq_ignore_ascii_case("utf-8") && std::str::from_utf8(&bytes).is_err() => {
            meta = html::meta_charset(&bytes);
            meta.as_deref().or(Some(said))
        }
        Some(said) if charset::is_definite(said) => Some(said),
        _ => {
            meta = html::meta_charset(&bytes);
            meta.as_deref()
        }
    };
    text_only(charset::decode(&bytes, label))
}

/// Without the characters that no EWS request can carry; nobody sees them.
fn text_only(text: Cow<'_, str>) -> String {
    let mut text = text.into_owned();
    if !charset::is_all_text(&text) {
        text.retain(charset::is_text);
    }
    text
}

/// The text of a plain part, its lines ending with LF.
fn plain_text(raw: &[u8], part: &Part) -> String {
    let bytes = part.encoding.decode(&raw[part.body.clone()]);
    let text = text_only(charset::decode(&bytes, part.content_type.get("charset")));
    let is = |name, value: &str| part.content_type.get(name).is_some_and(|given| given.eq_ignore_ascii_case(value));
    if is("format", "flowed") {
        return flowed::unwrap(&text, is("delsp", "yes"));
    }
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text }
}

/// Builds the body. `content_id` says under which id an image is attached that is shown among text.
pub(super) fn compose(
    raw: &[u8],
    structure: &Structure,
    shown: &[usize],
    content_id: impl Fn(usize) -> Option<String>,
) -> Body {
    let parts = || shown.iter().map(|number| (*number, &structure.parts[*number]));
    if shown.is_empty() {
        return Body::Empty;
    }
    if parts().all(|(_, part)| part.is("text/plain")) {
        let mut text = String::new();
        for (_, part) in parts() {
            if !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
            text.push_str(&plain_text(raw, part));
        }
        return Body::Plain(text.replace('\n', "\r\n"));
    }
    let pieces = parts().filter_map(|(number, part)| match part.mime_type() {
        "text/html" => Some(html::Piece::Document(html_text(raw, part))),
        "text/plain" => Some(html::Piece::Text(plain_text(raw, part))),
        _ => content_id(number).map(html::Piece::Image),
    });
    let is_blank = |piece: &html::Piece| matches!(piece, html::Piece::Text(text) if text.trim().is_empty());
    let mut pieces: Vec<html::Piece> = pieces.filter(|piece| !is_blank(piece)).collect();
    match pieces.as_mut_slice() {
        [html::Piece::Document(document)] => Body::Html(std::mem::take(document)),
        pieces => Body::Html(html::join(pieces)),
    }
}
