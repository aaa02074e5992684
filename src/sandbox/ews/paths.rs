//! Paths to properties: by `FieldURI`, by field and index, and extended ones.

use roxmltree::Node;

use super::fields::Field;
use super::problem::Problem;
use super::schema::number;
use super::write::Xml;
use crate::sandbox::store::property::{INTERNET_HEADERS, PropertyKey, PropertyName, PropertyType, distinguished_set};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Path {
    Field(Field),
    /// A `FieldURI` of something else: a folder, an appointment, a contact. No mail item has a value for it.
    Uri(String),
    /// One Internet header.
    Header(String),
    /// Another indexed field.
    Indexed(String, String),
    Extended(PropertyKey),
}

impl Path {
    /// Reads one of the three elements that stand for a path. The schema has been checked.
    pub fn read(node: Node<'_, '_>) -> Result<Self, Problem> {
        let attribute = |name| node.attribute(name).unwrap_or_default();
        match node.tag_name().name() {
            "FieldURI" => {
                let uri = attribute("FieldURI").trim();
                Ok(Field::from_uri(uri).map_or_else(|| Self::Uri(uri.to_owned()), Self::Field))
            }
            "IndexedFieldURI" => Ok(match attribute("FieldURI") {
                "item:InternetMessageHeader" => Self::Header(attribute("FieldIndex").to_owned()),
                uri => Self::Indexed(uri.to_owned(), attribute("FieldIndex").to_owned()),
            }),
            _ => extended(node).map(Self::Extended),
        }
    }

    /// Whether an element stands for a path.
    pub fn is(node: &Node<'_, '_>) -> bool {
        matches!(node.tag_name().name(), "FieldURI" | "IndexedFieldURI" | "ExtendedFieldURI")
    }

    /// The first path among the children of an element.
    pub fn child(node: Node<'_, '_>) -> Result<Self, Problem> {
        let child = node.children().find(Self::is);
        child.map_or_else(|| Err(Problem::new("ErrorInvalidRequest", "A path to a property is missing.")), Self::read)
    }

    /// The element that stands for it.
    pub fn xml(&self) -> String {
        let mut xml = Xml::default();
        self.write(&mut xml);
        xml.finish()
    }

    pub fn write(&self, xml: &mut Xml) {
        match self {
            Self::Field(field) => {
                xml.empty("t:FieldURI", &[("FieldURI", field.info().map_or("", |info| info.uri))]);
            }
            Self::Uri(uri) => xml.empty("t:FieldURI", &[("FieldURI", uri)]),
            Self::Header(name) => {
                xml.empty("t:IndexedFieldURI", &[("FieldURI", "item:InternetMessageHeader"), ("FieldIndex", name)]);
            }
            Self::Indexed(uri, index) => xml.empty("t:IndexedFieldURI", &[("FieldURI", uri), ("FieldIndex", index)]),
            Self::Extended(key) => write_extended(xml, key),
        }
    }
}

/// Writes the path of an extended property.
pub fn write_extended(xml: &mut Xml, key: &PropertyKey) {
    let kind = key.kind.word();
    match &key.name {
        PropertyName::Tag(tag) => {
            xml.empty("t:ExtendedFieldURI", &[("PropertyTag", &format!("0x{tag:x}")), ("PropertyType", &kind)]);
        }
        PropertyName::Id(set, id) => {
            let id = id.to_string();
            let set = set_attribute(set);
            xml.empty("t:ExtendedFieldURI", &[set, ("PropertyId", &id), ("PropertyType", &kind)]);
        }
        PropertyName::Named(set, name) => {
            let set = set_attribute(set);
            xml.empty("t:ExtendedFieldURI", &[set, ("PropertyName", name), ("PropertyType", &kind)]);
        }
    }
}

/// A set that has a word is written by its word, as Exchange does.
fn set_attribute(guid: &str) -> (&'static str, &str) {
    match crate::sandbox::store::property::distinguished_word(guid) {
        Some(word) => ("DistinguishedPropertySetId", word),
        None => ("PropertySetId", guid),
    }
}

fn extended(node: Node<'_, '_>) -> Result<PropertyKey, Problem> {
    let invalid = || {
        let (name, id) = (node.attribute("PropertyName"), node.attribute("PropertyId"));
        let message = "The extended property attribute combination is invalid.";
        let problem = Problem::new("ErrorInvalidExtendedProperty", message);
        name.or(id).map_or(problem.clone(), |name| problem.with_value("Property", name))
    };
    let word = node.attribute("PropertyType").unwrap_or_default();
    let kind = PropertyType::from_word(word)
        .ok_or_else(|| Problem::new("ErrorUnsupportedMapiPropertyType", "The MAPI property type is not supported."))?;
    let set = match (node.attribute("DistinguishedPropertySetId"), node.attribute("PropertySetId")) {
        (None, None) => None,
        (Some(word), None) => Some(distinguished_set(word).map(str::to_owned).ok_or_else(invalid)?),
        (None, Some(guid)) => Some(guid.trim().to_ascii_lowercase()),
        (Some(_), Some(_)) => return Err(invalid()),
    };
    let name = match (set, node.attribute("PropertyTag"), node.attribute("PropertyName"), node.attribute("PropertyId"))
    {
        (None, Some(tag), None, None) => {
            let tag = number(tag.trim()).and_then(|tag| u16::try_from(tag).ok()).ok_or_else(invalid)?;
            if tag >= 0x8000 {
                // Tags from here on are given to named properties, in each mailbox differently.
                return Err(Problem::new(
                    "ErrorInvalidExtendedProperty",
                    "The property tag is in the range of named properties. Use the property set and name or id instead.",
                ));
            }
            PropertyName::Tag(tag)
        }
        (Some(set), None, Some(name), None) if set == INTERNET_HEADERS => PropertyName::Named(set, name.to_lowercase()),
        (Some(set), None, Some(name), None) if !name.is_empty() => PropertyName::Named(set, name.to_owned()),
        (Some(set), None, None, Some(id)) => PropertyName::Id(set, id.trim().parse().map_err(|_| invalid())?),
        _ => return Err(invalid()),
    };
    Ok(PropertyKey { name, kind })
}
