//! Reads `requests.txt`, which says what it means at its top.

use std::collections::HashMap;
use std::iter::Peekable;
use std::sync::LazyLock;

use super::Version;
use super::values::Simple;

/// The two namespaces of EWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Namespace {
    Messages,
    Types,
}

impl Namespace {
    pub fn uri(self) -> &'static str {
        match self {
            Self::Messages => "http://schemas.microsoft.com/exchange/services/2006/messages",
            Self::Types => "http://schemas.microsoft.com/exchange/services/2006/types",
        }
    }
}

#[derive(Debug)]
pub struct Schema {
    operations: HashMap<&'static str, (Version, TypeName)>,
    types: HashMap<TypeName, Type>,
}

/// Name of a type with its prefix.
pub type TypeName = &'static str;

#[derive(Debug)]
pub enum Type {
    Any,
    Simple(Simple),
    Complex(Complex),
}

#[derive(Debug, Default)]
pub struct Complex {
    /// The type of the text, where there is text and no element.
    pub text: Option<TypeName>,
    pub attributes: Vec<Attribute>,
    pub content: Vec<Particle>,
}

#[derive(Debug, Clone)]
pub struct Attribute {
    pub name: &'static str,
    pub kind: TypeName,
    pub required: bool,
    pub since: Version,
}

#[derive(Debug, Clone)]
pub struct Particle {
    pub term: Term,
    pub min: usize,
    pub max: usize,
}

#[derive(Debug, Clone)]
pub enum Term {
    Element { namespace: Namespace, name: &'static str, kind: TypeName, since: Version },
    Sequence(Vec<Particle>),
    Choice(Vec<Particle>),
}

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::read(include_str!("requests.txt")));

impl Schema {
    pub fn get() -> &'static Self {
        &SCHEMA
    }

    /// The type of an operation's element, if the version knows it.
    pub fn operation(&self, name: &str, version: Version) -> Option<(&'static str, TypeName)> {
        let (name, (since, kind)) = self.operations.get_key_value(name)?;
        (*since <= version).then_some((*name, *kind))
    }

    pub fn kind(&self, name: TypeName) -> &Type {
        self.types.get(name).unwrap_or(&Type::Any)
    }

    fn read(text: &'static str) -> Self {
        let mut entries: Vec<Vec<&'static str>> = Vec::new();
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
            match entries.last_mut() {
                Some(entry) if line.starts_with(char::is_whitespace) => entry.extend(line.split_whitespace()),
                _ => entries.push(line.split_whitespace().collect()),
            }
        }
        let mut schema = Self { operations: HashMap::new(), types: HashMap::new() };
        let mut complex = Vec::new();
        for entry in entries {
            match entry.as_slice() {
                ["op", name, kind] => {
                    let (kind, since) = versioned(kind);
                    schema.operations.insert(name, (since, kind));
                }
                ["enum", name, "=", words @ ..] => {
                    schema
                        .types
                        .insert(name, Type::Simple(Simple::Words(words.iter().map(|word| versioned(word)).collect())));
                }
                ["list", name, "=", words @ ..] => {
                    schema.types.insert(name, Type::Simple(Simple::List(words.to_vec())));
                }
                ["simple", name, "<", base, facets @ ..] => {
                    let facet = |name| facets.iter().find_map(|facet| facet.strip_prefix(name)?.parse().ok());
                    let simple = match (facet("minInclusive="), facet("maxInclusive=")) {
                        (Some(low), Some(high)) => Simple::Whole(low, high),
                        _ => Simple::named(base).unwrap_or(Simple::Text),
                    };
                    schema.types.insert(name, Type::Simple(simple));
                }
                [name, rest @ ..] => complex.push((*name, rest.to_vec())),
                [] => {}
            }
        }
        let raw: HashMap<TypeName, Raw> =
            complex.into_iter().map(|(name, rest)| (name, Raw::read(name, &rest))).collect();
        for name in raw.keys() {
            schema.types.insert(name, Type::Complex(flatten(name, &raw)));
        }
        let used: Vec<TypeName> = schema.types.values().flat_map(used_types).collect();
        for name in used {
            if let Some(simple) = Simple::named(name) {
                schema.types.entry(name).or_insert(Type::Simple(simple));
            }
        }
        schema
    }
}

/// A complex type before it has what its base has.
struct Raw {
    base: Option<TypeName>,
    own: Complex,
}

impl Raw {
    fn read(name: &'static str, tokens: &[&'static str]) -> Self {
        let namespace = if name.starts_with("m:") { Namespace::Messages } else { Namespace::Types };
        let mut tokens = tokens.iter().copied().peekable();
        let base = tokens.next_if_eq(&"<").and_then(|_| tokens.next());
        let mut own = Complex::default();
        while let Some(attribute) = tokens.next_if(|token| token.starts_with('@')) {
            let (attribute, since) = versioned(&attribute[1..]);
            let (name, kind) = attribute.split_once('=').unwrap_or((attribute, "xs:string"));
            let required = kind.ends_with('!');
            own.attributes.push(Attribute { name, kind: kind.trim_end_matches('!'), required, since });
        }
        if tokens.next_if_eq(&":").is_some() {
            own.content = particles(&mut tokens, namespace);
        }
        Self { base, own }
    }
}

/// Particles up to the end or a closing bracket, which is left to the caller.
fn particles(tokens: &mut Peekable<impl Iterator<Item = &'static str>>, namespace: Namespace) -> Vec<Particle> {
    let mut found = Vec::new();
    while let Some(token) = tokens.next_if(|token| !token.starts_with([')', ']', '|'])) {
        found.push(match token {
            "(" => {
                let inner = particles(tokens, namespace);
                occurring(Term::Sequence(inner), tokens.next().unwrap_or_default())
            }
            "[" => {
                let mut alternatives = Vec::new();
                loop {
                    let mut inner = particles(tokens, namespace);
                    alternatives.push(match inner.len() {
                        1 => inner.remove(0),
                        _ => Particle { term: Term::Sequence(inner), min: 1, max: 1 },
                    });
                    if tokens.next_if_eq(&"|").is_none() {
                        break;
                    }
                }
                occurring(Term::Choice(alternatives), tokens.next().unwrap_or_default())
            }
            group if group.starts_with('&') => occurring(substitutes(group), group),
            element => {
                let (element, since) = versioned(element);
                let (name, kind) = element.split_once('=').unwrap_or((element, "any"));
                let term = Term::Element { namespace, name, kind: kind.trim_end_matches(['?', '*', '+']), since };
                occurring(term, element)
            }
        });
    }
    found
}

/// The elements that may stand for an abstract one.
fn substitutes(group: &str) -> Term {
    const PATHS: &[(&str, TypeName)] = &[
        ("FieldURI", "t:PathToUnindexedFieldType"),
        ("IndexedFieldURI", "t:PathToIndexedFieldType"),
        ("ExtendedFieldURI", "t:PathToExtendedFieldType"),
    ];
    const EXPRESSIONS: &[(&str, TypeName)] = &[
        ("Exists", "t:ExistsType"),
        ("Excludes", "t:ExcludesType"),
        ("IsEqualTo", "t:IsEqualToType"),
        ("IsNotEqualTo", "t:IsNotEqualToType"),
        ("IsGreaterThan", "t:IsGreaterThanType"),
        ("IsGreaterThanOrEqualTo", "t:IsGreaterThanOrEqualToType"),
        ("IsLessThan", "t:IsLessThanType"),
        ("IsLessThanOrEqualTo", "t:IsLessThanOrEqualToType"),
        ("Contains", "t:ContainsExpressionType"),
        ("Not", "t:NotType"),
        ("And", "t:AndType"),
        ("Or", "t:OrType"),
    ];
    let members = if group.starts_with("&Path") { PATHS } else { EXPRESSIONS };
    let element = |&(name, kind)| Particle {
        term: Term::Element { namespace: Namespace::Types, name, kind, since: Version::FIRST },
        min: 1,
        max: 1,
    };
    Term::Choice(members.iter().map(element).collect())
}

fn occurring(term: Term, token: &str) -> Particle {
    let (min, max) = match token.chars().last() {
        Some('?') => (0, 1),
        Some('*') => (0, usize::MAX),
        Some('+') => (1, usize::MAX),
        _ => (1, 1),
    };
    Particle { term, min, max }
}

/// A token and the version behind its percent sign.
fn versioned(token: &'static str) -> (&'static str, Version) {
    match token.split_once('%') {
        Some((token, version)) => (token, Version::short(version)),
        None => (token, Version::FIRST),
    }
}

fn flatten(name: TypeName, raw: &HashMap<TypeName, Raw>) -> Complex {
    let Some(own) = raw.get(name) else { return Complex::default() };
    let mut whole = match own.base {
        Some(base) if raw.contains_key(base) => flatten(base, raw),
        Some(simple) => Complex { text: Some(simple), ..Complex::default() },
        None => Complex::default(),
    };
    whole.attributes.extend(own.own.attributes.iter().cloned());
    whole.content.extend(own.own.content.iter().cloned());
    whole
}

fn used_types(kind: &Type) -> Vec<TypeName> {
    fn of(particle: &Particle, found: &mut Vec<TypeName>) {
        match &particle.term {
            Term::Element { kind, .. } => found.push(kind),
            Term::Sequence(inner) | Term::Choice(inner) => inner.iter().for_each(|particle| of(particle, found)),
        }
    }
    let mut found = Vec::new();
    if let Type::Complex(complex) = kind {
        found.extend(complex.text);
        found.extend(complex.attributes.iter().map(|attribute| attribute.kind));
        complex.content.iter().for_each(|particle| of(particle, &mut found));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// X1
    #[test]
    fn every_type_that_the_notation_uses_is_there() {
        let schema = Schema::get();
        let missing: Vec<_> = schema
            .types
            .values()
            .flat_map(used_types)
            .chain(schema.operations.values().map(|(_, kind)| *kind))
            .filter(|name| *name != "any" && !schema.types.contains_key(name))
            .collect();
        assert_eq!(missing, Vec::<&str>::new());
    }
}
