//! Objects of PowerShell as XML (MS-PSRP 2.2.5): what PSRP messages are made of.

mod read;
#[cfg(test)]
mod tests;
mod text;
mod write;

use std::sync::Arc;

use serde_json::{Map, Value as Json};

pub use read::{Unreadable, read};
pub use write::escaped;

/// A value that was read. An object that several places refer to is there once.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Nil,
    Bool(bool),
    Int(i64),
    /// Texts, and everything that is written as one: GUIDs, versions, points in time, numbers with a fraction.
    Text(String),
    List(Arc<Vec<Value>>),
    Object(Arc<Object>),
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Object {
    /// Names of its types, the most derived first.
    pub types: Vec<String>,
    /// What .NET's `ToString` gave for it.
    pub text: Option<String>,
    /// In their order. Those of a dictionary are its entries.
    pub properties: Vec<(String, Value)>,
    /// The number beneath an enumeration, or what else an object is beside its properties.
    pub content: Option<Value>,
    /// Levels of objects beneath it, those that it refers to included.
    height: usize,
}

impl Value {
    /// A property by its name, whatever its case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(object) = self else { return None };
        let mut properties = object.properties.iter();
        properties.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Levels of objects in it.
    fn height(&self) -> usize {
        match self {
            Self::Object(object) => object.height + 1,
            Self::List(values) => values.iter().map(Self::height).max().unwrap_or(0) + 1,
            _ => 0,
        }
    }

    /// As a person reads it; none where there is nothing to read.
    #[must_use]
    pub fn as_text(&self) -> Option<String> {
        match self {
            Self::Nil | Self::List(_) => None,
            Self::Bool(value) => Some(value.to_string()),
            Self::Int(value) => Some(value.to_string()),
            Self::Text(text) => Some(text.clone()),
            Self::Object(object) => {
                object.text.clone().or_else(|| object.content.as_ref().and_then(Self::as_text_of_content))
            }
        }
        .filter(|text| !text.trim().is_empty())
    }

    fn as_text_of_content(&self) -> Option<String> {
        match self {
            // One step only: what is deeper is no text.
            Self::Object(_) => None,
            simple => simple.as_text(),
        }
    }

    /// A number, that of an enumeration as well.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            Self::Object(object) => match &object.content {
                Some(Self::Int(value)) => Some(*value),
                _ => None,
            },
            _ => None,
        }
    }

    /// The last part of the name of its type.
    #[must_use]
    pub fn type_name(&self) -> Option<&str> {
        match self {
            Self::Object(object) => object.types.first()?.rsplit('.').next(),
            _ => None,
        }
    }

    /// The properties of an output object, one level deep: what is an object there becomes its text, and a list the
    /// texts in it.
    #[must_use]
    pub fn flattened(&self) -> Map<String, Json> {
        match self {
            Self::Object(object) if !object.properties.is_empty() => {
                object.properties.iter().map(|(name, value)| (name.clone(), value.flat())).collect()
            }
            // What is no object with properties is known by its text alone.
            other => other.as_text().map(|text| ("Name".to_owned(), text.into())).into_iter().collect(),
        }
    }

    fn flat(&self) -> Json {
        match self {
            Self::Bool(value) => (*value).into(),
            Self::Int(value) => (*value).into(),
            Self::List(values) => values.iter().filter_map(Self::as_text).map(Json::from).collect(),
            Self::Object(object) => match (&object.text, &object.content) {
                (_, Some(list @ Self::List(_))) => list.flat(),
                _ => self.as_text().map_or(Json::Null, Json::from),
            },
            other => other.as_text().map_or(Json::Null, Json::from),
        }
    }
}
