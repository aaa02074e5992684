//! Checks a request against the schema, as Exchange does before it looks at what is asked.
//!
//! Words and positions of a violation are those that .NET's validating reader gives, for Exchange passes them on.

mod notation;
mod values;

use roxmltree::Node;

use notation::{Complex, Namespace, Particle, Schema, Term, Type, TypeName};

pub use values::number;

/// Deeper nesting is taken for an attack.
const DEPTH: usize = 100;

/// A version of the protocol that a request can ask for, in the order of their coming.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(u8);

const VERSIONS: &[&str] = &[
    "Exchange2007",
    "Exchange2007_SP1",
    "Exchange2009",
    "Exchange2010",
    "Exchange2010_SP1",
    "Exchange2010_SP2",
    "Exchange2012",
    "Exchange2013",
    "Exchange2013_SP1",
    "Exchange2015",
    "Exchange2016",
    "V2015_10_05",
    "V2016_01_06",
    "V2016_04_13",
    "V2016_07_13",
    "V2016_10_10",
    "V2017_01_07",
    "V2017_04_14",
    "V2017_07_11",
];

impl Version {
    pub const FIRST: Self = Self(0);

    /// A version by the name it has in `RequestServerVersion`.
    pub fn parse(name: &str) -> Option<Self> {
        VERSIONS.iter().position(|known| *known == name).and_then(|at| u8::try_from(at).ok()).map(Self)
    }

    /// By the name without `Exchange`. An unknown one is later than all.
    fn short(name: &str) -> Self {
        VERSIONS
            .iter()
            .position(|known| known.strip_prefix("Exchange") == Some(name))
            .and_then(|at| u8::try_from(at).ok())
            .map_or(Self(u8::MAX), Self)
    }
}

/// Where and how a request breaks the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// From 1, as .NET counts: the name behind the opening bracket.
    pub line: u32,
    pub position: u32,
    pub message: String,
}

/// The name of the operation that an element asks for, as long as the sandbox knows it.
#[must_use]
pub fn operation(element: Node<'_, '_>, version: Version) -> Option<&'static str> {
    let name = element.tag_name();
    let in_messages = name.namespace() == Some(Namespace::Messages.uri());
    Schema::get().operation(name.name(), version).filter(|_| in_messages).map(|(name, _)| name)
}

/// Whether an element is one of the protocol's messages.
pub fn is_message(element: Node<'_, '_>) -> bool {
    element.tag_name().namespace() == Some(Namespace::Messages.uri())
}

/// Checks the element of an operation.
pub fn check(element: Node<'_, '_>, version: Version) -> Result<(), Violation> {
    let checker = Checker { schema: Schema::get(), version };
    match checker.schema.operation(element.tag_name().name(), version) {
        Some((_, kind)) => checker.element(element, kind, 0),
        None => Err(violation(element, format!("The '{}' element is not declared.", qualified(element)))),
    }
}

/// Checks the header that says in whose name a request acts.
pub fn check_connecting_sid(element: Node<'_, '_>, version: Version) -> Result<(), Violation> {
    Checker { schema: Schema::get(), version }.element(element, "t:ConnectingSIDType", 0)
}

/// Whether a version knows a property by this `FieldURI`.
pub fn knows_field(uri: &str, version: Version) -> bool {
    match Schema::get().kind("t:UnindexedFieldURIType") {
        Type::Simple(simple) => simple.problem(uri, version).is_none(),
        _ => false,
    }
}

struct Checker {
    schema: &'static Schema,
    version: Version,
}

/// How far a content model went along with the children, and what it would have taken next.
struct Walk<'a, 'input> {
    children: &'a [Node<'a, 'input>],
    furthest: usize,
    expected: Vec<(Namespace, &'static str)>,
}

impl Checker {
    fn element(&self, node: Node<'_, '_>, kind: TypeName, depth: usize) -> Result<(), Violation> {
        if depth > DEPTH {
            return Err(violation(node, format!("The element {} is nested too deeply.", described(node))));
        }
        match self.schema.kind(kind) {
            Type::Any => Ok(()),
            Type::Simple(simple) => {
                self.attributes(node, &Complex::default())?;
                text_only(node)?;
                let text = whole_text(node);
                match simple.problem(&text, self.version) {
                    None => Ok(()),
                    Some(why) => Err(violation(
                        node,
                        invalid_value(&format!("The '{}' element", qualified(node)), &text, kind, &why),
                    )),
                }
            }
            Type::Complex(complex) => {
                self.attributes(node, complex)?;
                match complex.text {
                    Some(text) => self.simple_content(node, text),
                    None => self.content(node, complex, depth),
                }
            }
        }
    }

    fn attributes(&self, node: Node<'_, '_>, complex: &Complex) -> Result<(), Violation> {
        let known = |name: &str| complex.attributes.iter().find(|a| a.name == name && a.since <= self.version);
        for attribute in node.attributes() {
            // xsi:type, xsi:nil, xml:lang and whatever a client adds in a namespace of its own.
            if attribute.namespace().is_some() {
                continue;
            }
            let Some(rule) = known(attribute.name()) else {
                return Err(violation(node, format!("The '{}' attribute is not declared.", attribute.name())));
            };
            if let Type::Simple(simple) = self.schema.kind(rule.kind)
                && let Some(why) = simple.problem(attribute.value(), self.version)
            {
                let what = format!("The '{}' attribute", attribute.name());
                return Err(violation(node, invalid_value(&what, attribute.value(), rule.kind, &why)));
            }
        }
        match complex.attributes.iter().find(|rule| rule.required && node.attribute(rule.name).is_none()) {
            None => Ok(()),
            Some(rule) => Err(violation(node, format!("The required attribute '{}' is missing.", rule.name))),
        }
    }

    fn simple_content(&self, node: Node<'_, '_>, kind: TypeName) -> Result<(), Violation> {
        text_only(node)?;
        match self.schema.kind(kind) {
            Type::Simple(simple) => match simple.problem(&whole_text(node), self.version) {
                None => Ok(()),
                Some(why) => {
                    let what = format!("The '{}' element", qualified(node));
                    Err(violation(node, invalid_value(&what, &whole_text(node), kind, &why)))
                }
            },
            _ => Ok(()),
        }
    }

    fn content(&self, node: Node<'_, '_>, complex: &Complex, depth: usize) -> Result<(), Violation> {
        let children: Vec<_> = node.children().filter(Node::is_element).collect();
        let mut walk = Walk { children: &children, furthest: 0, expected: Vec::new() };
        let end = self.sequence(&complex.content, &mut walk, 0);
        let whole = end == Some(children.len());
        let checked = if whole { children.len() } else { walk.furthest };
        for child in &children[..checked] {
            let name = child.tag_name();
            let kind = find(&complex.content, name.namespace(), name.name());
            self.element(*child, kind.unwrap_or("any"), depth + 1)?;
        }
        let text =
            node.children().find(|child| child.is_text() && child.text().is_some_and(|text| !text.trim().is_empty()));
        if text.is_some() {
            return Err(violation(
                node,
                format!("The element {} cannot contain text.{}", described(node), listed(&walk.expected)),
            ));
        }
        if whole {
            return Ok(());
        }
        Err(match children.get(checked) {
            Some(child) => violation(
                *child,
                format!(
                    "The element {} has invalid child element {}.{}",
                    described(node),
                    described(*child),
                    listed(&walk.expected)
                ),
            ),
            None => violation(
                node,
                format!("The element {} has incomplete content.{}", described(node), listed(&walk.expected)),
            ),
        })
    }

    /// Where the particles, one after the other, end; none when one of them is missing.
    fn sequence(&self, particles: &[Particle], walk: &mut Walk<'_, '_>, at: usize) -> Option<usize> {
        particles.iter().try_fold(at, |at, particle| self.particle(particle, walk, at))
    }

    fn particle(&self, particle: &Particle, walk: &mut Walk<'_, '_>, start: usize) -> Option<usize> {
        let mut at = start;
        let mut count = 0;
        while count < particle.max {
            match self.once(&particle.term, walk, at) {
                Some(end) if end > at => at = end,
                // Nothing consumed, nothing missing: once more would be the same.
                Some(_) => return Some(at),
                None => break,
            }
            count += 1;
        }
        (count >= particle.min).then_some(at)
    }

    fn once(&self, term: &Term, walk: &mut Walk<'_, '_>, at: usize) -> Option<usize> {
        match term {
            Term::Sequence(inner) => self.sequence(inner, walk, at),
            Term::Choice(inner) => {
                let mut empty = None;
                for alternative in inner {
                    match self.particle(alternative, walk, at) {
                        Some(end) if end > at => return Some(end),
                        Some(end) => empty = Some(end),
                        None => {}
                    }
                }
                empty
            }
            Term::Element { namespace, name, since, .. } => {
                if *since > self.version {
                    return None;
                }
                let child = walk.children.get(at).map(Node::tag_name);
                if child.is_some_and(|tag| tag.name() == *name && tag.namespace() == Some(namespace.uri())) {
                    if at + 1 > walk.furthest {
                        walk.furthest = at + 1;
                        walk.expected.clear();
                    }
                    return Some(at + 1);
                }
                if at == walk.furthest && !walk.expected.contains(&(*namespace, *name)) {
                    walk.expected.push((*namespace, *name));
                }
                None
            }
        }
    }
}

fn text_only(node: Node<'_, '_>) -> Result<(), Violation> {
    match node.children().find(Node::is_element) {
        None => Ok(()),
        Some(child) => Err(violation(
            child,
            format!(
                "The element {} cannot contain child element {} because the parent element's content model is text only.",
                described(node),
                described(child)
            ),
        )),
    }
}

/// The type of an element in a content model. The same name has the same type wherever it stands in one.
fn find(particles: &[Particle], namespace: Option<&str>, local: &str) -> Option<TypeName> {
    particles.iter().find_map(|particle| match &particle.term {
        Term::Element { namespace: expected, name, kind, .. } => {
            (*name == local && namespace == Some(expected.uri())).then_some(*kind)
        }
        Term::Sequence(inner) | Term::Choice(inner) => find(inner, namespace, local),
    })
}

fn whole_text<'a>(node: Node<'a, '_>) -> std::borrow::Cow<'a, str> {
    let mut texts = node.children().filter(Node::is_text).filter_map(|child| child.text());
    let first = texts.next().unwrap_or_default();
    texts.fold(std::borrow::Cow::Borrowed(first), |whole, more| whole + more)
}

fn described(node: Node<'_, '_>) -> String {
    format!("'{}' in namespace '{}'", node.tag_name().name(), node.tag_name().namespace().unwrap_or_default())
}

fn qualified(node: Node<'_, '_>) -> String {
    format!("{}:{}", node.tag_name().namespace().unwrap_or_default(), node.tag_name().name())
}

/// The first few elements that would have been right.
fn listed(expected: &[(Namespace, &str)]) -> String {
    let Some((namespace, _)) = expected.first() else { return String::new() };
    let names: Vec<&str> = expected.iter().filter(|(other, _)| other == namespace).map(|(_, name)| *name).collect();
    let more = if names.len() > 5 { ", ..." } else { "" };
    let names = names[..names.len().min(5)].join(", ");
    format!(" List of possible elements expected: '{names}{more}' in namespace '{}'.", namespace.uri())
}

fn invalid_value(what: &str, value: &str, kind: TypeName, why: &str) -> String {
    let (prefix, name) = kind.split_once(':').unwrap_or(("xs", kind));
    let namespace = match prefix {
        "m" => Namespace::Messages.uri(),
        "t" => Namespace::Types.uri(),
        _ => "http://www.w3.org/2001/XMLSchema",
    };
    let shown: String = value.chars().take(200).collect();
    format!("{what} is invalid - The value '{shown}' is invalid according to its datatype '{namespace}:{name}' - {why}")
}

fn violation(node: Node<'_, '_>, message: String) -> Violation {
    let position = node.document().text_pos_at(node.range().start);
    Violation { line: position.row, position: position.col + 1, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(body: &str, version: &str) -> Result<(), String> {
        let text = format!(
            "<r xmlns:m='{}' xmlns:t='{}' xmlns:xsi='x'>{body}</r>",
            Namespace::Messages.uri(),
            Namespace::Types.uri()
        );
        let document = roxmltree::Document::parse(&text).unwrap();
        let element = document.root_element().first_element_child().unwrap();
        check(element, Version::parse(version).unwrap()).map_err(|violation| violation.message)
    }

    fn create(item: &str) -> String {
        format!("<m:CreateItem MessageDisposition='SaveOnly'><m:Items>{item}</m:Items></m:CreateItem>")
    }

    /// X1
    #[test]
    fn elements_in_the_wrong_order_are_named_with_those_that_were_due() {
        let found = checked(
            &create("<t:Message><t:Subject>x</t:Subject><t:ItemClass>IPM.Note</t:ItemClass></t:Message>"),
            "Exchange2013",
        );
        let types = Namespace::Types.uri();
        assert_eq!(
            found.unwrap_err(),
            format!(
                "The element 'Message' in namespace '{types}' has invalid child element 'ItemClass' in namespace '{types}'. \
                 List of possible elements expected: 'Sensitivity, Body, Attachments, DateTimeReceived, Size, ...' in namespace '{types}'."
            )
        );
    }

    /// X1
    #[test]
    fn what_a_version_does_not_know_is_refused_by_it() {
        let item = create("<t:Message><t:Flag><t:FlagStatus>Flagged</t:FlagStatus></t:Flag></t:Message>");
        assert!(checked(&item, "Exchange2010").is_err());
        assert_eq!(checked(&item, "Exchange2013"), Ok(()));
        let path = "<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties><t:FieldURI FieldURI='item:Preview'/>\
                    </t:AdditionalProperties></m:ItemShape><m:ItemIds><t:ItemId Id='x'/></m:ItemIds></m:GetItem>";
        let refused = checked(path, "Exchange2010_SP2").unwrap_err();
        assert!(refused.starts_with("The 'FieldURI' attribute is invalid - The value 'item:Preview'"), "{refused}");
        assert_eq!(checked(path, "Exchange2013"), Ok(()));
    }

    /// X1
    #[test]
    fn missing_and_unknown_things_are_said_in_the_words_of_dot_net() {
        for (body, expected) in [
            ("<m:FindItem/>", "The required attribute 'Traversal' is missing."),
            (
                "<m:FindItem Traversal='Wide'/>",
                "The 'Traversal' attribute is invalid - The value 'Wide' is invalid according to its datatype 'http://schemas.microsoft.com/exchange/services/2006/types:ItemQueryTraversalType' - The Enumeration constraint failed.",
            ),
            ("<m:GetItem Color='red'/>", "The 'Color' attribute is not declared."),
            (
                "<m:GetItem/>",
                "The element 'GetItem' in namespace 'http://schemas.microsoft.com/exchange/services/2006/messages' has incomplete content. List of possible elements expected: 'ItemShape' in namespace 'http://schemas.microsoft.com/exchange/services/2006/messages'.",
            ),
            (
                "<m:GetItem>text</m:GetItem>",
                "The element 'GetItem' in namespace 'http://schemas.microsoft.com/exchange/services/2006/messages' cannot contain text. List of possible elements expected: 'ItemShape' in namespace 'http://schemas.microsoft.com/exchange/services/2006/messages'.",
            ),
            (
                "<m:Nothing/>",
                "The 'http://schemas.microsoft.com/exchange/services/2006/messages:Nothing' element is not declared.",
            ),
        ] {
            assert_eq!(checked(body, "Exchange2013").unwrap_err(), expected);
        }
    }

    /// X1
    #[test]
    fn an_error_deep_inside_comes_before_one_that_stands_later() {
        let item = create("<t:Message><t:Importance>Urgent</t:Importance><t:Subject>late</t:Subject></t:Message>");
        let refused = checked(&item, "Exchange2013").unwrap_err();
        assert!(refused.contains("'Urgent'"), "{refused}");
    }

    /// X1
    #[test]
    fn endless_nesting_is_refused() {
        let nested = format!("{}{}", "<t:Not>".repeat(200_000), "</t:Not>".repeat(200_000));
        let find = format!(
            "<m:FindItem Traversal='Shallow'><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape><m:Restriction>{nested}</m:Restriction>\
             <m:ParentFolderIds><t:DistinguishedFolderId Id='inbox'/></m:ParentFolderIds></m:FindItem>"
        );
        assert!(checked(&find, "Exchange2013").unwrap_err().ends_with("is nested too deeply."));
    }

    /// X1
    #[test]
    fn values_are_checked_by_their_types() {
        let page = |attributes: &str| {
            format!(
                "<m:FindItem Traversal='Shallow'><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape><m:IndexedPageItemView {attributes}/>\
             <m:ParentFolderIds><t:DistinguishedFolderId Id='inbox'/></m:ParentFolderIds></m:FindItem>"
            )
        };
        assert_eq!(checked(&page("MaxEntriesReturned='10' Offset='0' BasePoint='Beginning'"), "Exchange2010"), Ok(()));
        assert!(
            checked(&page("MaxEntriesReturned='ten' Offset='0' BasePoint='Beginning'"), "Exchange2010")
                .unwrap_err()
                .ends_with("The string 'ten' is not a valid Int32 value.")
        );
        let property = |attributes: &str| {
            create(&format!(
                "<t:Message><t:ExtendedProperty><t:ExtendedFieldURI {attributes}/><t:Value>1</t:Value></t:ExtendedProperty></t:Message>"
            ))
        };
        assert_eq!(checked(&property("PropertyTag='0x0E07' PropertyType='Integer'"), "Exchange2007"), Ok(()));
        assert!(checked(&property("PropertyTag='0x10E07' PropertyType='Integer'"), "Exchange2007").is_err());
        assert!(
            checked(&property("PropertyTag='0x0E07'"), "Exchange2007")
                .unwrap_err()
                .contains("'PropertyType' is missing")
        );
    }
}
