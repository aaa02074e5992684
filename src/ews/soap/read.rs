//! Reads an answer in one pass, by namespace and local name. What is not known is skipped; what an answer of EWS
//! never has (a document type, entities of its own, endless nesting) is refused.

use std::str::FromStr;

use bytes::Bytes;
use jiff::Timestamp;
use quick_xml::errors::{Error as XmlError, IllFormedError, SyntaxError};
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

use super::content::Decoder;
use super::{ENVELOPE, ERRORS, MESSAGES, TYPES};
use crate::ews::error::Malformed;

/// Answers of EWS are about 15 deep; an attached message in an attached message adds some.
const DEEPEST: usize = 100;

/// The namespaces that matter to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ns {
    Soap,
    Messages,
    Types,
    Errors,
    Other,
}

/// A start tag.
pub struct Element<'a> {
    pub ns: Ns,
    start: BytesStart<'a>,
}

impl Element<'_> {
    pub fn local(&self) -> &str {
        self.start.local_name().into_inner()
    }

    /// Namespace and local name, to be matched together.
    pub fn name(&self) -> (Ns, &str) {
        (self.ns, self.local())
    }

    pub fn attribute(&self, name: &str) -> Result<Option<String>, Malformed> {
        let attribute = self.start.try_get_attribute(name).map_err(|error| not_well_formed(&error))?;
        attribute
            .map(|attribute| attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0))
            .transpose()
            .map(|value| value.map(std::borrow::Cow::into_owned))
            .map_err(|error| not_well_formed(&error))
    }

    /// An attribute that is a number or a word.
    pub fn parsed<T: FromStr>(&self, element: &'static str, name: &str) -> Result<Option<T>, Malformed> {
        self.attribute(name)?.map(|value| parse(element, &value)).transpose()
    }

    pub fn boolean(&self, element: &'static str, name: &str) -> Result<Option<bool>, Malformed> {
        self.attribute(name)?.map(|value| parse_boolean(element, &value)).transpose()
    }
}

enum Next<'a> {
    Open(Element<'a>),
    Close,
    Text(std::borrow::Cow<'a, str>),
    Character(char),
    End,
}

/// Goes through an answer. Positioned inside an element, each of [`children`](Self::children),
/// [`text`](Self::text) and their like consumes it up to its end.
pub struct Reader<'a> {
    xml: NsReader<&'a [u8]>,
    text: &'a str,
    depth: usize,
    /// Contents that were decoded while the answer arrived; their places hold their numbers.
    contents: Option<&'a [Bytes]>,
}

impl<'a> Reader<'a> {
    pub fn new(text: &'a str, contents: Option<&'a [Bytes]>) -> Self {
        let mut xml = NsReader::from_str(text);
        xml.config_mut().expand_empty_elements = true;
        Self { xml, text, depth: 0, contents }
    }

    /// The outermost element.
    pub fn root(&mut self) -> Result<Element<'a>, Malformed> {
        loop {
            match self.next()? {
                Next::Open(element) => return Ok(element),
                Next::Text(text) if text.trim().is_empty() => {}
                Next::Text(_) | Next::Character(_) => {
                    return Err(Malformed::NotWellFormed("text before the first element".to_owned()));
                }
                Next::Close => {}
                Next::End => return Err(Malformed::Truncated),
            }
        }
    }

    /// Calls `each` for every element directly inside this one. What `each` leaves unread is skipped.
    pub fn children(
        &mut self,
        mut each: impl FnMut(&mut Self, &Element<'a>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        let level = self.depth;
        loop {
            match self.next()? {
                Next::Open(element) => {
                    each(self, &element)?;
                    while self.depth > level {
                        self.next_inside()?;
                    }
                }
                Next::Close => return Ok(()),
                Next::Text(_) | Next::Character(_) => {}
                Next::End => return Err(Malformed::Truncated),
            }
        }
    }

    /// The text directly inside this element.
    pub fn text(&mut self) -> Result<String, Malformed> {
        let level = self.depth;
        let mut collected = String::new();
        loop {
            match self.next_inside()? {
                Next::Text(text) if self.depth == level => collected.push_str(&text),
                Next::Character(character) if self.depth == level => collected.push(character),
                Next::Close if self.depth < level => return Ok(collected),
                _ => {}
            }
        }
    }

    /// The text of this element as a number or a word.
    pub fn parsed<T: FromStr>(&mut self, element: &'static str) -> Result<T, Malformed> {
        parse(element, &self.text()?)
    }

    pub fn boolean(&mut self, element: &'static str) -> Result<bool, Malformed> {
        parse_boolean(element, &self.text()?)
    }

    /// `xs:dateTime`; without an offset it is UTC, as everywhere in EWS.
    pub fn timestamp(&mut self, element: &'static str) -> Result<Timestamp, Malformed> {
        let text = self.text()?;
        let value = text.trim();
        let local = || value.parse::<jiff::civil::DateTime>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
        value
            .parse::<Timestamp>()
            .ok()
            .or_else(|| local().map(|zoned| zoned.timestamp()))
            .ok_or_else(|| bad_value(element, value))
    }

    /// `xs:base64Binary`, decoded while the answer arrived or now.
    pub fn content(&mut self, element: &'static str) -> Result<Bytes, Malformed> {
        let text = self.text()?;
        match self.contents {
            Some(_) if text.is_empty() => Ok(Bytes::new()),
            Some(contents) => {
                let number = text.parse::<usize>().ok();
                number.and_then(|number| contents.get(number)).cloned().ok_or_else(|| bad_value(element, &text))
            }
            None => {
                let mut decoder = Decoder::with_capacity(text.len() / 4 * 3);
                decoder.push(text.as_bytes())?;
                decoder.finish()
            }
        }
    }

    /// Where the end of the document can't be.
    fn next_inside(&mut self) -> Result<Next<'a>, Malformed> {
        match self.next()? {
            Next::End => Err(Malformed::Truncated),
            next => Ok(next),
        }
    }

    fn next(&mut self) -> Result<Next<'a>, Malformed> {
        loop {
            let (ns, event) = match self.xml.read_resolved_event() {
                Ok((ns, event)) => (namespace(&ns), event),
                Err(error) => return Err(self.broken(&error)),
            };
            return Ok(match event {
                Event::Start(start) | Event::Empty(start) => {
                    self.depth += 1;
                    if self.depth > DEEPEST {
                        return Err(Malformed::TooDeep(DEEPEST));
                    }
                    Next::Open(Element { ns, start })
                }
                Event::End(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    Next::Close
                }
                Event::Text(text) => Next::Text(text.xml10_content()),
                Event::CData(text) => Next::Text(text.xml10_content()),
                Event::GeneralRef(reference) => Next::Character(resolve(&reference)?),
                Event::DocType(_) => return Err(Malformed::DocumentType),
                Event::Decl(declaration) => {
                    if let Some(Ok(encoding)) = declaration.encoding()
                        && !is_utf8(&encoding)
                    {
                        return Err(Malformed::Encoding(encoding.into_owned()));
                    }
                    continue;
                }
                Event::Comment(_) | Event::PI(_) => continue,
                Event::Eof => Next::End,
            });
        }
    }

    /// Tells an answer that ends too early from one that is wrong.
    fn broken(&self, error: &XmlError) -> Malformed {
        let at = usize::try_from(self.xml.error_position()).unwrap_or(usize::MAX);
        let rest = self.text.get(at..).unwrap_or_default();
        let ends_early = match error {
            XmlError::Syntax(SyntaxError::InvalidBangMarkup) => rest.len() < "<![CDATA[".len(),
            XmlError::Syntax(_) => true,
            XmlError::IllFormed(IllFormedError::UnclosedReference) => !rest.contains('<'),
            _ => false,
        };
        if ends_early { Malformed::Truncated } else { not_well_formed(error) }
    }
}

/// Whether this is a name of UTF-8, or of a part of it.
pub fn is_utf8(encoding: &str) -> bool {
    ["utf-8", "utf8", "us-ascii", "ascii"].iter().any(|name| encoding.eq_ignore_ascii_case(name))
}

fn namespace(resolved: &ResolveResult<'_>) -> Ns {
    match resolved {
        ResolveResult::Bound(namespace) => match namespace.0 {
            TYPES => Ns::Types,
            MESSAGES => Ns::Messages,
            ENVELOPE => Ns::Soap,
            ERRORS => Ns::Errors,
            _ => Ns::Other,
        },
        ResolveResult::Unbound | ResolveResult::Unknown(_) => Ns::Other,
    }
}

/// Exchange writes characters that XML forbids as references, when a message has them: they are taken as they are.
fn resolve(reference: &BytesRef<'_>) -> Result<char, Malformed> {
    let name: &str = reference;
    let Some(number) = name.strip_prefix('#') else {
        return match name {
            "lt" => Ok('<'),
            "gt" => Ok('>'),
            "amp" => Ok('&'),
            "quot" => Ok('"'),
            "apos" => Ok('\''),
            _ => Err(Malformed::Entity(shortened(name))),
        };
    };
    let code = match number.strip_prefix('x') {
        Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16),
        None => number.parse(),
    };
    let code = code.map_err(|_| Malformed::Entity(shortened(name)))?;
    Ok(char::from_u32(code).filter(|character| *character != '\0').unwrap_or(char::REPLACEMENT_CHARACTER))
}

fn parse<T: FromStr>(element: &'static str, text: &str) -> Result<T, Malformed> {
    let text = text.trim();
    text.parse().map_err(|_| bad_value(element, text))
}

/// `xs:boolean`
fn parse_boolean(element: &'static str, text: &str) -> Result<bool, Malformed> {
    match text.trim() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        other => Err(bad_value(element, other)),
    }
}

fn bad_value(element: &'static str, value: &str) -> Malformed {
    Malformed::BadValue { element, value: shortened(value) }
}

/// As much of a text as belongs into an error.
pub fn shortened(text: &str) -> String {
    let mut start: String = text.chars().take(60).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    start
}

fn not_well_formed(error: &impl std::fmt::Display) -> Malformed {
    Malformed::NotWellFormed(shortened(&error.to_string()))
}
