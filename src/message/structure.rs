//! The tree of a message's parts (RFC 2046), as ranges of its bytes.
//!
//! This is not left to mail-parser because that decodes every part into memory while it reads, and takes a
//! delimiter for one that merely begins with the boundary.

use std::ops::Range;

use memchr::memmem;

use super::MessageProblem;
use super::header::{Fields, Lines, name_length};
use super::parameters::Parameters;
use super::transfer::Encoding;

/// No mail program nests parts deeper or makes more of them.
const MAX_DEPTH: usize = 100;
const MAX_PARTS: usize = 5_000;

/// The parts of a message in their order; the first is the message itself.
#[derive(Debug, Clone)]
pub(super) struct Structure {
    pub parts: Vec<Part>,
}

#[derive(Debug, Clone)]
pub(super) struct Part {
    /// Content, not decoded.
    pub body: Range<usize>,
    pub content_type: Parameters,
    pub disposition: Option<Parameters>,
    pub encoding: Encoding,
    /// Without angle brackets.
    pub content_id: Option<String>,
    pub content_location: Option<String>,
    pub content_description: Option<String>,
    /// Numbers of the parts in a multipart; empty in all others.
    pub children: Vec<usize>,
}

impl Part {
    /// Type and subtype in lower case.
    pub(super) fn mime_type(&self) -> &str {
        &self.content_type.value
    }

    pub(super) fn is(&self, mime_type: &str) -> bool {
        self.content_type.value == mime_type
    }

    pub(super) fn is_multipart(&self) -> bool {
        !self.children.is_empty()
    }

    /// A message within the message.
    pub(super) fn is_message(&self) -> bool {
        ["message/rfc822", "message/global", "message/news"].contains(&self.mime_type())
    }

    pub(super) fn is_attachment(&self) -> bool {
        self.disposition.as_ref().is_some_and(|disposition| disposition.value == "attachment")
    }

    pub(super) fn is_inline(&self) -> bool {
        self.disposition.as_ref().is_some_and(|disposition| disposition.value == "inline")
    }

    /// The name that the message gives it.
    pub(super) fn name(&self) -> Option<&str> {
        let filename = self.disposition.as_ref().and_then(|disposition| disposition.get("filename"));
        filename.or_else(|| self.content_type.get("name")).filter(|name| !name.trim().is_empty())
    }
}

impl Structure {
    pub(super) fn read(raw: &[u8], lines: Lines) -> Result<Self, MessageProblem> {
        let delimiter = [lines.end(), b'-', b'-'];
        let mut reader =
            Reader { raw, lines, finder: memmem::Finder::new(&delimiter), open: Vec::new(), parts: Vec::new() };
        reader.read()?;
        Ok(Self { parts: reader.parts })
    }

    pub(super) fn root(&self) -> &Part {
        &self.parts[0]
    }
}

/// A multipart whose closing delimiter has not come yet.
struct Open {
    part: usize,
    boundary: String,
}

/// A delimiter line.
struct Delimiter {
    start: usize,
    end: usize,
    /// Which of the open multiparts it belongs to.
    level: usize,
    closes: bool,
}

struct Reader<'m> {
    raw: &'m [u8],
    lines: Lines,
    finder: memmem::Finder<'m>,
    open: Vec<Open>,
    parts: Vec<Part>,
}

impl Reader<'_> {
    fn read(&mut self) -> Result<(), MessageProblem> {
        // The part that is being read, if it isn't a multipart.
        let (mut leaf, mut position) = self.begin(0, None)?;
        while let Some(delimiter) = self.next_delimiter(position) {
            let Delimiter { start, end, level, closes } = delimiter;
            // The line end before a delimiter belongs to it.
            let before = self.lines.trim(&self.raw[..start]).len();
            self.end(leaf.take(), before);
            while self.open.len() > level + 1 {
                self.close(before);
            }
            if closes {
                self.close(before);
                position = end;
            } else {
                let parent = self.open[level].part;
                (leaf, position) = self.begin(end, Some(parent))?;
            }
        }
        self.end(leaf, self.raw.len());
        while !self.open.is_empty() {
            self.close(self.raw.len());
        }
        Ok(())
    }

    /// Reads the header of a part. Returns its number, if it is no multipart, and where to read on.
    fn begin(&mut self, start: usize, parent: Option<usize>) -> Result<(Option<usize>, usize), MessageProblem> {
        let number = self.parts.len();
        if number >= MAX_PARTS || self.open.len() > MAX_DEPTH {
            return Err(MessageProblem::TooComplex { parts: MAX_PARTS, depth: MAX_DEPTH });
        }
        let (header, body) = self.header(start, parent.is_none());
        let default = match parent {
            Some(parent) if self.parts[parent].is("multipart/digest") => "message/rfc822",
            _ => "text/plain",
        };
        let mut part = self.part(header, body, default);
        let mut boundary = None;
        if part.mime_type().starts_with("multipart/") {
            let given = part.content_type.get("boundary").map(str::trim_end);
            boundary = given.filter(|boundary| !boundary.is_empty()).map(str::to_owned);
            if boundary.is_none() {
                part.content_type = Parameters::text();
            }
        }
        self.parts.push(part);
        if let Some(parent) = parent {
            self.parts[parent].children.push(number);
        }
        match boundary {
            Some(boundary) => {
                self.open.push(Open { part: number, boundary });
                Ok((None, body))
            }
            None => Ok((Some(number), body)),
        }
    }

    /// The header's range, and where the body begins.
    fn header(&self, start: usize, root: bool) -> (Range<usize>, usize) {
        let mut position = start;
        while position < self.raw.len() {
            let end = self.lines.next(self.raw, position);
            let line = &self.raw[position..end];
            if self.lines.trim(line).is_empty() {
                return (start..position, end);
            }
            if !root {
                // A part without the blank line, or without a header at all.
                let continues = position > start && matches!(line[0], b' ' | b'\t');
                if !continues && name_length(line).is_none() {
                    return (start..position, position);
                }
            }
            position = end;
        }
        (start..position, position)
    }

    fn part(&self, header: Range<usize>, body: usize, default: &str) -> Part {
        let mut part = Part {
            body: body..body,
            content_type: Parameters::default(),
            disposition: None,
            encoding: Encoding::Identity,
            content_id: None,
            content_location: None,
            content_description: None,
            children: Vec::new(),
        };
        let (mut typed, mut encoded) = (false, false);
        // Of a field that is there twice, the first counts.
        for field in Fields::new(&self.raw[header], self.lines) {
            if field.is("Content-Type") && !typed {
                typed = true;
                part.content_type = Parameters::read(&field.text());
            } else if field.is("Content-Disposition") && part.disposition.is_none() {
                part.disposition = Some(Parameters::read(&field.text()));
            } else if field.is("Content-Transfer-Encoding") && !encoded {
                encoded = true;
                part.encoding = Encoding::of(&field.text());
            } else if field.is("Content-ID") && part.content_id.is_none() {
                let id = field.text();
                let id = id.trim_start_matches('<').trim_end_matches('>').trim();
                part.content_id = (!id.is_empty()).then(|| id.to_owned());
            } else if field.is("Content-Location") && part.content_location.is_none() {
                let location: String = field.text().split_whitespace().collect();
                part.content_location = (!location.is_empty()).then_some(location);
            } else if field.is("Content-Description") && part.content_description.is_none() {
                part.content_description = Some(super::encoded_word::decode(&field.text()));
            }
        }
        let typed =
            part.content_type.value.split_once('/').is_some_and(|(kind, of)| !kind.is_empty() && !of.is_empty());
        if !typed {
            default.clone_into(&mut part.content_type.value);
        }
        part
    }

    fn next_delimiter(&self, from: usize) -> Option<Delimiter> {
        // The line end in front of the first line counts.
        let mut position = from.saturating_sub(1);
        while let Some(found) = self.finder.find(&self.raw[position..]) {
            let start = position + found + 1;
            let end = self.lines.next(self.raw, start);
            let line = self.lines.trim(&self.raw[start..end]).trim_ascii_end();
            let line = &line[2.min(line.len())..];
            let closing = line.strip_suffix(b"--");
            for (level, open) in self.open.iter().enumerate().rev() {
                let boundary = open.boundary.as_bytes();
                if line == boundary || closing == Some(boundary) {
                    return Some(Delimiter { start, end, level, closes: line != boundary });
                }
            }
            position = start;
        }
        None
    }

    fn end(&mut self, leaf: Option<usize>, at: usize) {
        if let Some(leaf) = leaf {
            let body = &mut self.parts[leaf].body;
            body.end = at.max(body.start);
        }
    }

    /// Ends the innermost multipart. One without any part is read as the text that it is.
    fn close(&mut self, at: usize) {
        let Some(open) = self.open.pop() else { return };
        self.end(Some(open.part), at);
        let part = &mut self.parts[open.part];
        if part.children.is_empty() {
            part.content_type = Parameters::text();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line for each part: depth, type and content.
    fn outline(raw: &str) -> Vec<String> {
        fn add(structure: &Structure, raw: &str, number: usize, depth: usize, lines: &mut Vec<String>) {
            let part = &structure.parts[number];
            let body = if part.is_multipart() { "" } else { &raw[part.body.clone()] };
            lines.push(format!("{}{} {body:?}", "  ".repeat(depth), part.mime_type()));
            for child in &part.children {
                add(structure, raw, *child, depth + 1, lines);
            }
        }
        let structure = Structure::read(raw.as_bytes(), Lines::of(raw.as_bytes())).unwrap();
        let mut lines = Vec::new();
        add(&structure, raw, 0, 0, &mut lines);
        lines
    }

    const MIXED: &str = "Content-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n--b\r\nContent-Type: text/html\r\n\r\n\
                         one\r\n--b  \r\n\r\ntwo\r\nlines\r\n--b--\r\nepilogue\r\n--b\r\n\r\nnot a part\r\n";

    #[test]
    fn parts_are_found_between_delimiters() {
        let expected = ["multipart/mixed \"\"", "  text/html \"one\"", "  text/plain \"two\\r\\nlines\""];
        assert_eq!(outline(MIXED), expected);
        let with_lf = MIXED.replace("\r\n", "\n");
        assert_eq!(outline(&with_lf), expected.map(|line| line.replace("\\r\\n", "\\n")));
        let with_cr = MIXED.replace("\r\n", "\r");
        assert_eq!(outline(&with_cr), expected.map(|line| line.replace("\\r\\n", "\\r")));
    }

    #[test]
    fn a_boundary_that_begins_like_another_is_another() {
        let raw = "Content-Type: multipart/mixed; boundary=\"b\"\n\n--b\nContent-Type: multipart/alternative; \
                   boundary=\"b1\"\n\n--b1\n\nplain\n--b1\nContent-Type: text/html\n\nhtml\n--b1--\n\n--b\n\nlast\n--b--\n";
        assert_eq!(
            outline(raw),
            [
                "multipart/mixed \"\"",
                "  multipart/alternative \"\"",
                "    text/plain \"plain\"",
                "    text/html \"html\"",
                "  text/plain \"last\""
            ]
        );
    }

    #[test]
    fn an_outer_delimiter_ends_whatever_is_open_inside() {
        let raw = "Content-Type: multipart/mixed; boundary=out\n\n--out\nContent-Type: multipart/related; \
                   boundary=in\n\n--in\n\ninner\n--out\n\nouter";
        assert_eq!(
            outline(raw),
            ["multipart/mixed \"\"", "  multipart/related \"\"", "    text/plain \"inner\"", "  text/plain \"outer\""]
        );
    }

    #[test]
    fn a_multipart_without_parts_is_text() {
        assert_eq!(outline("Content-Type: multipart/mixed; boundary=b\n\nHello\n"), ["text/plain \"Hello\\n\""]);
        assert_eq!(outline("Content-Type: multipart/mixed\n\n--b\n\nHello"), ["text/plain \"--b\\n\\nHello\""]);
        assert_eq!(outline("Content-Type: multipart/mixed; boundary=b\n\n"), ["text/plain \"\""]);
    }

    #[test]
    fn a_part_cut_short_or_without_a_header_keeps_its_content() {
        let raw = "Content-Type: multipart/mixed; boundary=b\n\n--b\nno header here\n--b\nContent-Type: \
                   text/html\n<p>no blank line\n--b\nContent-Type: text/html\n--b\n\n--b\n\ncut";
        assert_eq!(
            outline(raw),
            [
                "multipart/mixed \"\"",
                "  text/plain \"no header here\"",
                "  text/html \"<p>no blank line\"",
                "  text/html \"\"",
                "  text/plain \"\"",
                "  text/plain \"cut\""
            ]
        );
    }

    #[test]
    fn parts_of_a_digest_are_messages() {
        let raw = "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: one\n\ntext\n--b--\n";
        assert_eq!(outline(raw), ["multipart/digest \"\"", "  message/rfc822 \"Subject: one\\n\\ntext\""]);
    }

    #[test]
    fn of_a_field_that_is_there_twice_the_first_counts() {
        assert_eq!(outline("Content-Type: text/html\nContent-Type: text/plain\n\nx"), ["text/html \"x\""]);
    }

    #[test]
    fn more_parts_or_levels_than_any_program_writes_are_refused() {
        let refused = |raw: String| Structure::read(raw.as_bytes(), Lines::of(raw.as_bytes())).unwrap_err();
        let levels = (0..1000).map(|level| format!("Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n"));
        assert!(matches!(refused(levels.collect::<Vec<_>>().concat()), MessageProblem::TooComplex { .. }));
        let many = format!("Content-Type: multipart/mixed; boundary=b\n\n{}", "--b\n\nx\n".repeat(6000));
        assert!(matches!(refused(many), MessageProblem::TooComplex { .. }));
    }
}
