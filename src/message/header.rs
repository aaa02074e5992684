//! Header fields (RFC 5322, section 2.2), read where they lie in the message.

use memchr::memchr;

use super::charset;

/// No value that is looked at is longer than this; the rest of a longer one is ignored.
const LONGEST_VALUE: usize = 64 * 1024;

/// What ends a line in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lines(u8);

impl Lines {
    /// CR LF and LF end lines. A message without any LF has lines that end with CR.
    pub(super) fn of(raw: &[u8]) -> Self {
        if memchr(b'\n', raw).is_none() && memchr(b'\r', raw).is_some() { Self(b'\r') } else { Self(b'\n') }
    }

    /// The byte that ends a line; in front of an LF there may be a CR.
    pub(super) fn end(self) -> u8 {
        self.0
    }

    /// Where the line that begins at `start` ends, its line end included.
    pub(super) fn next(self, raw: &[u8], start: usize) -> usize {
        memchr(self.0, &raw[start..]).map_or(raw.len(), |at| start + at + 1)
    }

    /// A line without its line end.
    pub(super) fn trim(self, line: &[u8]) -> &[u8] {
        let line = line.strip_suffix(&[self.0]).unwrap_or(line);
        line.strip_suffix(b"\r").unwrap_or(line)
    }
}

/// A header field as it lies in the message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'m> {
    pub name: &'m [u8],
    /// Folded, as it is written.
    pub value: &'m [u8],
    /// Where the field ends, counted from the start of what the fields were read from.
    pub end: usize,
}

impl Field<'_> {
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value in one line, without white space around it and without control characters, as text: UTF-8 (RFC
    /// 6532), or else what old programs write when they put 8-bit characters here.
    pub(super) fn text(&self) -> String {
        let value = &self.value[..self.value.len().min(LONGEST_VALUE)];
        let unfolded: Vec<u8> = value.iter().copied().filter(|byte| *byte >= b' ' || *byte == b'\t').collect();
        charset::unlabelled(&unfolded).trim().to_owned()
    }
}

/// Fields from the start of a message or part to the blank line that ends its header.
///
/// Lines that are no field (an mbox `From ` line, garbage in between) are passed over.
#[derive(Debug, Clone)]
pub(super) struct Fields<'m> {
    raw: &'m [u8],
    lines: Lines,
    position: usize,
}

impl<'m> Fields<'m> {
    pub(super) fn new(raw: &'m [u8], lines: Lines) -> Self {
        Self { raw, lines, position: 0 }
    }
}

impl<'m> Iterator for Fields<'m> {
    type Item = Field<'m>;

    fn next(&mut self) -> Option<Field<'m>> {
        while self.position < self.raw.len() {
            let start = self.position;
            let mut end = self.lines.next(self.raw, start);
            let line = &self.raw[start..end];
            self.position = end;
            if self.lines.trim(line).is_empty() {
                return None;
            }
            let Some(colon) = name_length(line) else { continue };
            while let Some(b' ' | b'\t') = self.raw.get(end) {
                end = self.lines.next(self.raw, end);
            }
            self.position = end;
            return Some(Field {
                name: line[..colon].trim_ascii_end(),
                value: self.lines.trim(&self.raw[start + colon + 1..end]),
                end,
            });
        }
        None
    }
}

/// Where the colon is, if the line begins with the name of a field.
pub(super) fn name_length(line: &[u8]) -> Option<usize> {
    let colon = memchr(b':', &line[..line.len().min(1000)])?;
    let name = line[..colon].trim_ascii_end();
    (!name.is_empty() && name.iter().all(u8::is_ascii_graphic)).then_some(colon)
}
