//! Search filters: read from the wire with values in bytes, and evaluated with three truth values (RFC 4511 4.5.1.7).

use ldap3_lber::common::TagClass;
use ldap3_lber::structure::{PL, StructureTag};

use super::dn::Dn;
use super::schema::{self, Attribute, Origin, Syntax};
use super::tree::{Entry, Tree, World};
use super::value::sid_bytes;

/// How deep filters may be nested.
pub const DEPTH: usize = 100;
/// How many conditions a filter may have.
pub const CONDITIONS: usize = 4096;

const BIT_AND: &str = "1.2.840.113556.1.4.803";
const BIT_OR: &str = "1.2.840.113556.1.4.804";
const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Equal(String, Vec<u8>),
    Substrings { attribute: String, initial: Option<Vec<u8>>, any: Vec<Vec<u8>>, last: Option<Vec<u8>> },
    AtLeast(String, Vec<u8>),
    AtMost(String, Vec<u8>),
    Present(String),
    Extensible { attribute: Option<String>, rule: Option<String>, value: Vec<u8> },
}

/// Why a filter is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    Malformed,
    TooComplex,
}

impl Filter {
    /// Reads the element of a search request.
    pub fn read(tag: StructureTag) -> Result<Self, Unreadable> {
        read(tag, DEPTH, &mut { CONDITIONS })
    }

    /// The attribute that the server works out, by which nothing can be found; if there is one.
    pub fn constructed(&self) -> Option<&str> {
        let of = |name: &str| schema::attribute(name).is_some_and(|known| known.origin == Origin::Constructed);
        match self {
            Self::And(all) | Self::Or(all) => all.iter().find_map(Self::constructed),
            Self::Not(one) => one.constructed(),
            Self::Equal(name, _)
            | Self::AtLeast(name, _)
            | Self::AtMost(name, _)
            | Self::Substrings { attribute: name, .. }
            | Self::Extensible { attribute: Some(name), .. } => of(name).then_some(name),
            Self::Present(_) | Self::Extensible { attribute: None, .. } => None,
        }
    }
}

fn read(tag: StructureTag, depth: usize, left: &mut usize) -> Result<Filter, Unreadable> {
    use Unreadable::{Malformed, TooComplex};
    *left = left.checked_sub(1).ok_or(TooComplex)?;
    let depth = depth.checked_sub(1).ok_or(TooComplex)?;
    if tag.class != TagClass::Context {
        return Err(Malformed);
    }
    let id = tag.id;
    let parts = match tag.payload {
        PL::P(name) if id == 7 => return text(name).map(Filter::Present),
        PL::P(_) => return Err(Malformed),
        PL::C(parts) => parts,
    };
    let several = |parts: Vec<StructureTag>, left: &mut usize| {
        parts.into_iter().map(|part| read(part, depth, left)).collect::<Result<Vec<_>, _>>()
    };
    match id {
        0 => Ok(Filter::And(several(parts, left)?)),
        1 => Ok(Filter::Or(several(parts, left)?)),
        2 => match <[StructureTag; 1]>::try_from(parts) {
            Ok([one]) => Ok(Filter::Not(Box::new(read(one, depth, left)?))),
            Err(_) => Err(Malformed),
        },
        3 => pair(parts).map(|(name, value)| Filter::Equal(name, value)),
        // Approximate equality is equality here, as it is in Active Directory.
        8 => pair(parts).map(|(name, value)| Filter::Equal(name, value)),
        5 => pair(parts).map(|(name, value)| Filter::AtLeast(name, value)),
        6 => pair(parts).map(|(name, value)| Filter::AtMost(name, value)),
        4 => substrings(parts),
        9 => extensible(parts),
        _ => Err(Malformed),
    }
}

fn text(bytes: Vec<u8>) -> Result<String, Unreadable> {
    String::from_utf8(bytes).map_err(|_| Unreadable::Malformed)
}

fn pair(parts: Vec<StructureTag>) -> Result<(String, Vec<u8>), Unreadable> {
    let [name, value] = <[StructureTag; 2]>::try_from(parts).map_err(|_| Unreadable::Malformed)?;
    match (name.payload, value.payload) {
        (PL::P(name), PL::P(value)) => Ok((text(name)?, value)),
        _ => Err(Unreadable::Malformed),
    }
}

fn substrings(parts: Vec<StructureTag>) -> Result<Filter, Unreadable> {
    let [name, pieces] = <[StructureTag; 2]>::try_from(parts).map_err(|_| Unreadable::Malformed)?;
    let (PL::P(name), PL::C(pieces)) = (name.payload, pieces.payload) else { return Err(Unreadable::Malformed) };
    let (mut initial, mut any, mut last) = (None, Vec::new(), None);
    let count = pieces.len();
    for (index, piece) in pieces.into_iter().enumerate() {
        match (piece.id, piece.payload) {
            (0, PL::P(value)) if index == 0 => initial = Some(value),
            (1, PL::P(value)) => any.push(value),
            (2, PL::P(value)) if index + 1 == count => last = Some(value),
            _ => return Err(Unreadable::Malformed),
        }
    }
    if count == 0 {
        return Err(Unreadable::Malformed);
    }
    Ok(Filter::Substrings { attribute: text(name)?, initial, any, last })
}

fn extensible(parts: Vec<StructureTag>) -> Result<Filter, Unreadable> {
    let (mut attribute, mut rule, mut found) = (None, None, None);
    for part in parts {
        match (part.id, part.payload) {
            (1, PL::P(value)) => rule = Some(text(value)?),
            (2, PL::P(value)) => attribute = Some(text(value)?),
            (3, PL::P(value)) => found = Some(value),
            (4, PL::P(_)) => {}
            _ => return Err(Unreadable::Malformed),
        }
    }
    Ok(Filter::Extensible { attribute, rule, value: found.ok_or(Unreadable::Malformed)? })
}

/// A filter prepared for a tree: values are read once, chains are followed once.
pub enum Test {
    And(Vec<Test>),
    Or(Vec<Test>),
    Not(Box<Test>),
    Equal(&'static Attribute, Wanted),
    Substrings(&'static Attribute, String, Vec<String>, String),
    AtLeast(&'static Attribute, Wanted),
    AtMost(&'static Attribute, Wanted),
    Present(&'static str),
    Bits {
        attribute: &'static Attribute,
        bits: i64,
        all: bool,
    },
    /// Whether the entry is one of these.
    OneOf(Vec<bool>),
    /// Neither true nor false: the attribute is unknown, or the value can't be one of it.
    Undefined,
}

/// A value that entries are compared with.
pub enum Wanted {
    Text(String),
    Number(i64),
    Bytes(Vec<u8>),
}

fn wanted(world: &World, attribute: &Attribute, value: &[u8]) -> Option<Wanted> {
    let text = || std::str::from_utf8(value).ok();
    match attribute.syntax {
        Syntax::Text | Syntax::Class | Syntax::Boolean | Syntax::Time => Some(Wanted::Text(text()?.to_lowercase())),
        Syntax::Integer | Syntax::Large => Some(Wanted::Number(text()?.trim().parse().ok()?)),
        Syntax::Name => {
            // "objectCategory=person" is short for the name of the class's object in the schema.
            let short = schema::category(text()?).filter(|_| attribute.name == "objectCategory");
            let name = match short {
                Some(category) => world.schema().child("CN", category),
                None => Dn::parse(text()?).filter(|dn| !dn.0.is_empty())?,
            };
            Some(Wanted::Text(name.key()))
        }
        Syntax::Sid => Some(Wanted::Bytes(text().and_then(sid_bytes).unwrap_or_else(|| value.to_vec()))),
        Syntax::Octets => Some(Wanted::Bytes(value.to_vec())),
    }
}

impl Test {
    pub fn new(world: &World, tree: &Tree, filter: &Filter) -> Self {
        let compared = |name: &str, value: &[u8]| {
            let attribute = schema::attribute(name).filter(|attribute| attribute.origin != Origin::Secret)?;
            Some((attribute, wanted(world, attribute, value)?))
        };
        match filter {
            Filter::And(all) => Self::And(all.iter().map(|one| Self::new(world, tree, one)).collect()),
            Filter::Or(all) => Self::Or(all.iter().map(|one| Self::new(world, tree, one)).collect()),
            Filter::Not(one) => Self::Not(Box::new(Self::new(world, tree, one))),
            Filter::Equal(name, value) if name.eq_ignore_ascii_case("anr") => ambiguous(value),
            Filter::Equal(name, value) => {
                compared(name, value).map_or(Self::Undefined, |(attribute, value)| Self::Equal(attribute, value))
            }
            Filter::AtLeast(name, value) => {
                compared(name, value).map_or(Self::Undefined, |(attribute, value)| Self::AtLeast(attribute, value))
            }
            Filter::AtMost(name, value) => {
                compared(name, value).map_or(Self::Undefined, |(attribute, value)| Self::AtMost(attribute, value))
            }
            Filter::Substrings { attribute, initial, any, last } => {
                if attribute.eq_ignore_ascii_case("anr") {
                    return ambiguous(initial.as_deref().unwrap_or_default());
                }
                let lower = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_lowercase);
                // Names are compared as a whole only.
                let known = schema::attribute(attribute).filter(|it| it.syntax == Syntax::Text);
                let any: Option<Vec<_>> = any.iter().map(|piece| lower(piece)).collect();
                let (first, last) = (initial.as_deref().unwrap_or_default(), last.as_deref().unwrap_or_default());
                match (known, lower(first), any, lower(last)) {
                    (Some(attribute), Some(first), Some(any), Some(last)) => {
                        Self::Substrings(attribute, first, any, last)
                    }
                    _ => Self::Undefined,
                }
            }
            Filter::Present(name) => match schema::attribute(name) {
                Some(attribute) if attribute.origin != Origin::Secret => Self::Present(attribute.name),
                _ => Self::Undefined,
            },
            Filter::Extensible { attribute, rule, value } => {
                extended(world, tree, attribute.as_deref(), rule.as_deref(), value)
            }
        }
    }

    /// Whether the entry is what the filter asks for; none when that can't be said.
    pub fn matches(&self, tree: &Tree, at: usize) -> Option<bool> {
        let entry = &tree.entries[at];
        match self {
            Self::And(all) => {
                let mut result = Some(true);
                for one in all {
                    match one.matches(tree, at) {
                        Some(false) => return Some(false),
                        None => result = None,
                        Some(true) => {}
                    }
                }
                result
            }
            Self::Or(all) => {
                let mut result = Some(false);
                for one in all {
                    match one.matches(tree, at) {
                        Some(true) => return Some(true),
                        None => result = None,
                        Some(false) => {}
                    }
                }
                result
            }
            Self::Not(one) => one.matches(tree, at).map(|matches| !matches),
            Self::Undefined => None,
            Self::OneOf(entries) => Some(entries[at]),
            Self::Present(name) => Some(entry.values(name).is_some()),
            Self::Equal(attribute, wanted) => Some(any(entry, attribute, |value| equal(attribute, value, wanted))),
            Self::AtLeast(attribute, wanted) => {
                Some(any(entry, attribute, |value| compare(value, wanted).is_some_and(std::cmp::Ordering::is_ge)))
            }
            Self::AtMost(attribute, wanted) => {
                Some(any(entry, attribute, |value| compare(value, wanted).is_some_and(std::cmp::Ordering::is_le)))
            }
            Self::Substrings(attribute, first, pieces, last) => Some(any(entry, attribute, |value| {
                let value = String::from_utf8_lossy(value).to_lowercase();
                let Some(mut rest) = value.strip_prefix(first.as_str()) else { return false };
                for piece in pieces {
                    let Some(found) = rest.find(piece.as_str()) else { return false };
                    rest = &rest[found + piece.len()..];
                }
                rest.ends_with(last.as_str())
            })),
            Self::Bits { attribute, bits, all } => Some(any(entry, attribute, |value| {
                let number = number(value).unwrap_or(0);
                if *all { number & bits == *bits } else { number & bits != 0 }
            })),
        }
    }
}

fn any(entry: &Entry, attribute: &Attribute, matches: impl Fn(&[u8]) -> bool) -> bool {
    entry.values(attribute.name).is_some_and(|values| values.iter().any(|value| matches(value)))
}

fn number(value: &[u8]) -> Option<i64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

fn equal(attribute: &Attribute, value: &[u8], wanted: &Wanted) -> bool {
    match wanted {
        Wanted::Text(wanted) if attribute.syntax == Syntax::Name => {
            std::str::from_utf8(value).is_ok_and(|value| value.to_lowercase() == *wanted)
        }
        _ => compare(value, wanted).is_some_and(std::cmp::Ordering::is_eq),
    }
}

fn compare(value: &[u8], wanted: &Wanted) -> Option<std::cmp::Ordering> {
    match wanted {
        Wanted::Text(wanted) => Some(std::str::from_utf8(value).ok()?.to_lowercase().cmp(wanted)),
        Wanted::Number(wanted) => Some(number(value)?.cmp(wanted)),
        Wanted::Bytes(wanted) => Some(value.cmp(wanted)),
    }
}

/// Ambiguous name resolution: the start of any name, or, with a space, of given name and surname in either order. A
/// value that begins with `=` must be the whole name.
fn ambiguous(value: &[u8]) -> Test {
    let Ok(value) = std::str::from_utf8(value) else { return Test::Undefined };
    let value = value.trim().to_lowercase();
    if value.is_empty() {
        // As in Active Directory: it stands for everything that has a name to be found by.
        return Test::Present("name");
    }
    let known = |name: &str| schema::attribute(name);
    let starts = |name: &str, value: &str| match (known(name), value.strip_prefix('=')) {
        (Some(attribute), Some(whole)) => Test::Equal(attribute, Wanted::Text(whole.to_owned())),
        (Some(attribute), None) => Test::Substrings(attribute, value.to_owned(), Vec::new(), String::new()),
        (None, _) => Test::Undefined,
    };
    let mut tests: Vec<_> = schema::AMBIGUOUS.iter().map(|name| starts(name, &value)).collect();
    if let Some((first, rest)) = value.split_once(' ') {
        let rest = rest.trim_start();
        tests.push(Test::And(vec![starts("givenName", first), starts("sn", rest)]));
        tests.push(Test::And(vec![starts("sn", first), starts("givenName", rest)]));
    }
    Test::Or(tests)
}

/// The matching rules of Active Directory.
fn extended(world: &World, tree: &Tree, attribute: Option<&str>, rule: Option<&str>, value: &[u8]) -> Test {
    let Some(attribute) = attribute.and_then(schema::attribute) else { return Test::Undefined };
    let value_text = std::str::from_utf8(value).ok();
    match rule {
        Some(rule @ (BIT_AND | BIT_OR)) if matches!(attribute.syntax, Syntax::Integer | Syntax::Large) => {
            match value_text.and_then(|text| text.trim().parse().ok()) {
                Some(bits) => Test::Bits { attribute, bits, all: rule == BIT_AND },
                None => Test::Undefined,
            }
        }
        Some(IN_CHAIN) if attribute.syntax == Syntax::Name => {
            let edges = match attribute.name {
                // Objects of which the named one is a member, directly or not: up from it.
                "member" => &tree.member_of,
                // Objects that are members of the named one, directly or not: down from it.
                "memberOf" => &tree.members,
                _ => return Test::OneOf(vec![false; tree.entries.len()]),
            };
            let mut found = vec![false; tree.entries.len()];
            if let Some(from) = value_text.and_then(Dn::parse).and_then(|dn| tree.find(&dn)) {
                for at in tree.reachable(from, edges) {
                    found[at] = true;
                }
            }
            Test::OneOf(found)
        }
        None => match wanted(world, attribute, value) {
            Some(value) => Test::Equal(attribute, value),
            None => Test::Undefined,
        },
        Some(_) => Test::Undefined,
    }
}
