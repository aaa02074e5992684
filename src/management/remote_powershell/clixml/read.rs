//! Reads one value, within bounds of size and nesting.

use std::collections::HashMap;
use std::sync::Arc;

use roxmltree::{Document, Node, ParsingOptions};

use super::text::decoded;
use super::{Object, Value};

/// Objects within objects. PowerShell itself goes 10 deep at most for what a server gives back, with a few levels of a
/// message around it.
const DEEPEST: usize = 32;

/// Elements and texts of one message.
const MOST_NODES: u32 = 500_000;

/// Why it can't be read, as a phrase.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("its XML is broken: {0}")]
    Xml(String),
    #[error("its objects are nested more than {DEEPEST} deep")]
    TooDeep,
    #[error("it refers to an object that is not there")]
    Reference,
    #[error("a {kind} in it is none: {text:?}")]
    Number { kind: String, text: String },
}

/// # Errors
/// Says why it can't be read.
pub fn read(text: &str) -> Result<Value, Unreadable> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|error| Unreadable::Xml(error.to_string()))?;
    let mut root = document.root_element();
    // A message has its object at the top; files and some streams have `Objs` around it.
    if root.tag_name().name() == "Objs" {
        match root.first_element_child() {
            Some(first) => root = first,
            None => return Ok(Value::Nil),
        }
    }
    Reader::default().value(root, 0)
}

/// What was read so far and can be referred to.
#[derive(Default)]
struct Reader<'a> {
    objects: HashMap<&'a str, Value>,
    types: HashMap<&'a str, Vec<String>>,
}

impl<'a> Reader<'a> {
    fn value(&mut self, node: Node<'a, '_>, depth: usize) -> Result<Value, Unreadable> {
        if depth > DEEPEST {
            return Err(Unreadable::TooDeep);
        }
        Ok(match node.tag_name().name() {
            "Nil" => Value::Nil,
            "B" => match content(node).trim() {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                other => return Err(not_a("truth value", other)),
            },
            "I32" | "I64" | "I16" | "U32" | "U16" | "By" | "SB" => {
                let text = content(node);
                Value::Int(text.trim().parse().map_err(|_| not_a("number", text.trim()))?)
            }
            "Obj" => self.object(node, depth)?,
            "Ref" => {
                let id = node.attribute("RefId").ok_or(Unreadable::Reference)?;
                // An object within itself is not there yet.
                let value = self.objects.get(id).cloned().ok_or(Unreadable::Reference)?;
                if depth + value.height() > DEEPEST {
                    return Err(Unreadable::TooDeep);
                }
                value
            }
            "LST" | "IE" | "QUE" | "STK" => {
                let values: Result<Vec<_>, _> = elements(node).map(|child| self.value(child, depth + 1)).collect();
                Value::List(Arc::new(values?))
            }
            "DCT" => {
                let properties = self.entries(node, depth)?;
                Value::Object(Arc::new(Object { properties, ..Object::default() }))
            }
            _ => Value::Text(decoded(&content(node))),
        })
    }

    fn object(&mut self, node: Node<'a, '_>, depth: usize) -> Result<Value, Unreadable> {
        let mut object = Object::default();
        for child in elements(node) {
            match child.tag_name().name() {
                "TN" => {
                    object.types = elements(child).map(|name| content(name).trim().to_owned()).collect();
                    if let Some(id) = child.attribute("RefId") {
                        self.types.insert(id, object.types.clone());
                    }
                }
                "TNRef" => {
                    let types = child.attribute("RefId").and_then(|id| self.types.get(id));
                    object.types = types.cloned().ok_or(Unreadable::Reference)?;
                }
                "ToString" => object.text = Some(decoded(&content(child))),
                "MS" | "Props" => {
                    for property in elements(child) {
                        let name = decoded(property.attribute("N").unwrap_or_default());
                        object.properties.push((name, self.value(property, depth + 1)?));
                    }
                }
                "DCT" => object.properties.extend(self.entries(child, depth)?),
                _ => object.content = Some(self.value(child, depth + 1)?),
            }
        }
        let within = object.properties.iter().map(|(_, value)| value).chain(&object.content);
        object.height = within.map(Value::height).max().unwrap_or(0);
        let value = Value::Object(Arc::new(object));
        if let Some(id) = node.attribute("RefId") {
            self.objects.insert(id, value.clone());
        }
        Ok(value)
    }

    /// Entries of a dictionary. A key that is no text is there as its text.
    fn entries(&mut self, node: Node<'a, '_>, depth: usize) -> Result<Vec<(String, Value)>, Unreadable> {
        let mut entries = Vec::new();
        for entry in elements(node) {
            let (mut key, mut value) = (String::new(), Value::Nil);
            for part in elements(entry) {
                let read = self.value(part, depth + 1)?;
                match part.attribute("N") {
                    Some("Key") => key = read.as_text().unwrap_or_default(),
                    _ => value = read,
                }
            }
            entries.push((key, value));
        }
        Ok(entries)
    }
}

fn elements<'a, 'i>(node: Node<'a, 'i>) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(Node::is_element)
}

/// All text directly in an element: comments and entities may have split it.
fn content(node: Node<'_, '_>) -> String {
    node.children().filter(Node::is_text).filter_map(|text| text.text()).collect()
}

fn not_a(kind: &str, text: &str) -> Unreadable {
    Unreadable::Number { kind: kind.to_owned(), text: text.chars().take(40).collect() }
}
