//! Takes the base64 of `t:Content` and `t:MimeContent` out of an answer while it arrives, and decodes it on the
//! spot: 50 MB of attachment never exist as 67 MB of text. What is left is small, and is read by
//! [`Reader`](super::read::Reader), which finds in each place the number of the content that was there.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::ews::error::Malformed;

/// What remains of an answer without its contents.
#[derive(Debug)]
pub struct Separated {
    /// The answer with a number in each place of a content.
    pub text: Vec<u8>,
    pub contents: Vec<Bytes>,
}

/// Separates an answer that arrives in chunks of any size.
#[derive(Debug, Default)]
pub struct Separator {
    text: Vec<u8>,
    contents: Vec<Bytes>,
    state: State,
    decoder: Decoder,
}

#[derive(Debug, Default, Clone, Copy)]
enum State {
    /// Between tags.
    #[default]
    Text,
    /// In a tag or any other markup that began at this place of the text; the quote that is open, if one is.
    Markup { began: usize, quote: Option<u8> },
    /// In base64.
    Content,
}

impl Separator {
    /// How long the text without contents is so far.
    pub fn text_len(&self) -> usize {
        self.text.len()
    }

    /// Takes the next chunk. `rest` is how many bytes follow after it, where that is known: what a content needs
    /// is then reserved at once.
    pub fn push(&mut self, mut chunk: &[u8], rest: Option<u64>) -> Result<(), Malformed> {
        while !chunk.is_empty() {
            match self.state {
                State::Text => {
                    let end = position(chunk, b'<').map_or(chunk.len(), |at| at + 1);
                    self.text.extend_from_slice(&chunk[..end]);
                    if self.text.ends_with(b"<") {
                        self.state = State::Markup { began: self.text.len() - 1, quote: None };
                    }
                    chunk = &chunk[end..];
                }
                State::Markup { began, quote } => {
                    let byte = chunk[0];
                    chunk = &chunk[1..];
                    self.text.push(byte);
                    self.markup(began, quote, byte)?;
                    if matches!(self.state, State::Content) {
                        let expected = rest.map_or(0, |rest| rest.saturating_add(chunk.len() as u64) / 4 * 3);
                        self.decoder = Decoder::with_capacity(usize::try_from(expected).unwrap_or(0));
                    }
                }
                State::Content => {
                    let end = position(chunk, b'<');
                    self.decoder.push(&chunk[..end.unwrap_or(chunk.len())])?;
                    match end {
                        None => chunk = &[],
                        Some(end) => {
                            chunk = &chunk[end + 1..];
                            let content = std::mem::take(&mut self.decoder).finish()?;
                            self.text.extend_from_slice(self.contents.len().to_string().as_bytes());
                            self.contents.push(content);
                            self.text.push(b'<');
                            self.state = State::Markup { began: self.text.len() - 1, quote: None };
                        }
                    }
                }
            }
        }
        Ok(())
    }

    pub fn finish(self) -> Result<Separated, Malformed> {
        match self.state {
            State::Text => Ok(Separated { text: self.text, contents: self.contents }),
            State::Markup { .. } | State::Content => Err(Malformed::Truncated),
        }
    }

    /// One byte of markup was added to the text.
    fn markup(&mut self, began: usize, quote: Option<u8>, byte: u8) -> Result<(), Malformed> {
        let markup = &self.text[began..];
        if markup.starts_with(b"<!D") || markup.starts_with(b"<!d") {
            return Err(Malformed::DocumentType);
        }
        let free_text = markup.starts_with(b"<!") || markup.starts_with(b"<?");
        let mut quote = quote;
        if !free_text {
            match (quote, byte) {
                (None, b'"' | b'\'') => quote = Some(byte),
                (Some(open), _) if open == byte => quote = None,
                _ => {}
            }
        }
        self.state = State::Markup { began, quote };
        if byte == b'>' && quote.is_none() {
            let ended = if markup.starts_with(b"<!--") {
                markup.len() >= 7 && markup.ends_with(b"-->")
            } else if markup.starts_with(b"<![CDATA[") {
                markup.ends_with(b"]]>")
            } else if markup.starts_with(b"<?") {
                markup.ends_with(b"?>")
            } else {
                true
            };
            if ended {
                self.state = if opens_content(markup) { State::Content } else { State::Text };
            }
        }
        Ok(())
    }
}

/// Whether this is the start tag of an element whose text is a content.
fn opens_content(markup: &[u8]) -> bool {
    let Some(inside) = markup.strip_prefix(b"<").and_then(|rest| rest.strip_suffix(b">")) else { return false };
    if inside.starts_with(b"/") || inside.ends_with(b"/") {
        return false;
    }
    let name = inside.split(u8::is_ascii_whitespace).next().unwrap_or_default();
    let local = name.rsplit(|byte| *byte == b':').next().unwrap_or_default();
    local == b"Content" || local == b"MimeContent"
}

fn position(chunk: &[u8], byte: u8) -> Option<usize> {
    chunk.iter().position(|each| *each == byte)
}

/// Decodes base64 that arrives in chunks; white space between is allowed.
#[derive(Debug, Default)]
pub struct Decoder {
    decoded: Vec<u8>,
    /// Characters that do not make a whole group of four yet.
    begun: [u8; 4],
    begun_len: usize,
    /// Padding was seen: nothing may follow.
    ended: bool,
}

impl Decoder {
    pub fn with_capacity(capacity: usize) -> Self {
        Self { decoded: Vec::with_capacity(capacity), ..Self::default() }
    }

    pub fn push(&mut self, chunk: &[u8]) -> Result<(), Malformed> {
        for mut run in chunk.split(u8::is_ascii_whitespace) {
            while self.begun_len > 0 && !run.is_empty() {
                self.begun[self.begun_len] = run[0];
                self.begun_len += 1;
                run = &run[1..];
                if self.begun_len == 4 {
                    let group = self.begun;
                    self.begun_len = 0;
                    self.decode(&group)?;
                }
            }
            let whole = run.len() / 4 * 4;
            self.decode(&run[..whole])?;
            let rest = &run[whole..];
            if !rest.is_empty() {
                self.begun[..rest.len()].copy_from_slice(rest);
                self.begun_len = rest.len();
            }
        }
        Ok(())
    }

    pub fn finish(mut self) -> Result<Bytes, Malformed> {
        if self.begun_len > 0 {
            return Err(not_base64());
        }
        // What grew by doubling may be twice as large as needed.
        if self.decoded.capacity() - self.decoded.len() > self.decoded.len() / 8 {
            self.decoded.shrink_to_fit();
        }
        Ok(self.decoded.into())
    }

    fn decode(&mut self, groups: &[u8]) -> Result<(), Malformed> {
        if groups.is_empty() {
            return Ok(());
        }
        if self.ended {
            return Err(not_base64());
        }
        self.ended = groups.ends_with(b"=");
        let needed = groups.len() / 4 * 3;
        if self.decoded.capacity() - self.decoded.len() < needed {
            // A quarter more instead of twice as much: a large content should not have room for two.
            self.decoded.reserve_exact(needed.max(self.decoded.capacity() / 4));
        }
        STANDARD.decode_vec(groups, &mut self.decoded).map_err(|_| not_base64())
    }
}

fn not_base64() -> Malformed {
    Malformed::NotWellFormed("a content is not base64".to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn separate(answer: &[u8], chunk: usize) -> Result<Separated, Malformed> {
        let mut separator = Separator::default();
        for chunk in answer.chunks(chunk) {
            separator.push(chunk, None)?;
        }
        separator.finish()
    }

    #[test]
    fn contents_are_taken_out_however_the_chunks_fall() {
        let answer = concat!(
            r#"<?xml version="1.0"?><e:x><!-- <t:Content>not this</t:Content> > --><t:Content a="/>">SGVsbG8=</t:Content>"#,
            "<Content/><t:MimeContent CharacterSet='UTF-8'>\r\n V29y\r\nbGQ= </t:MimeContent>",
            "<![CDATA[<t:Content>]]><t:Contents>abc</t:Contents><t:Content></t:Content></e:x>"
        );
        let expected = concat!(
            r#"<?xml version="1.0"?><e:x><!-- <t:Content>not this</t:Content> > --><t:Content a="/>">0</t:Content>"#,
            "<Content/><t:MimeContent CharacterSet='UTF-8'>1</t:MimeContent>",
            "<![CDATA[<t:Content>]]><t:Contents>abc</t:Contents><t:Content>2</t:Content></e:x>"
        );
        for chunk in 1..=answer.len() {
            let separated = separate(answer.as_bytes(), chunk).unwrap();
            assert_eq!(String::from_utf8(separated.text).unwrap(), expected);
            assert_eq!(separated.contents, ["Hello", "World", ""].map(Bytes::from));
        }
    }

    #[test]
    fn an_answer_that_ends_in_a_content_is_truncated() {
        assert_eq!(separate(b"<t:Content>SGVs", 5).unwrap_err(), Malformed::Truncated);
        assert_eq!(separate(b"<t:Content>SGVs</t:Cont", 5).unwrap_err(), Malformed::Truncated);
    }

    #[test]
    fn what_is_not_base64_is_an_error() {
        for bad in ["SGVsb", "SGVs!A==", "SGVsbG8=SGVs", "S&#71;Vs", "SG=s"] {
            let answer = format!("<t:Content>{bad}</t:Content>");
            for chunk in [1, 3, 100] {
                assert_eq!(separate(answer.as_bytes(), chunk).unwrap_err(), not_base64(), "{bad}");
            }
        }
    }

    #[test]
    fn a_document_type_is_refused_before_anything_else_is_read() {
        let answer = b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'b'>]><x/>";
        assert_eq!(separate(answer, 7).unwrap_err(), Malformed::DocumentType);
    }

    proptest! {
        #[test]
        fn any_content_comes_back_as_it_was(content: Vec<u8>, chunk in 1usize..50) {
            let answer = format!("<a><t:Content>{}</t:Content></a>", STANDARD.encode(&content));
            let separated = separate(answer.as_bytes(), chunk).unwrap();
            prop_assert_eq!(&separated.contents[0][..], &content[..]);
        }

        #[test]
        fn nothing_makes_it_panic(answer in "[<>/!\\-\\[\\]?'\"=a:C ]{0,60}|(<Content>[A-Za-z=<]{0,20})", chunk in 1usize..9) {
            let _ = separate(answer.as_bytes(), chunk);
        }
    }
}
