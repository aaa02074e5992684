//! What a request wants to see of an item: `ItemShape`, `AttachmentShape`.

use roxmltree::Node;

use super::fields::{Field, FieldSet, Shape};
use super::paths::Path;
use super::problem::Problem;
use super::schema::Version;
use super::settings::{children, text};
use crate::sandbox::store::property::PropertyKey;

/// In which form bodies are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BodyWish {
    #[default]
    Best,
    Html,
    Text,
}

impl BodyWish {
    fn read(text: &str) -> Self {
        match text.trim() {
            "HTML" => Self::Html,
            "Text" => Self::Text,
            _ => Self::Best,
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ItemShape {
    pub fields: FieldSet,
    pub extended: Vec<PropertyKey>,
    /// Single Internet headers.
    pub headers: Vec<String>,
    pub body: BodyWish,
    pub unique_body: BodyWish,
    pub normalized_body: BodyWish,
    /// Characters; none: all of it.
    pub max_body: Option<usize>,
}

impl ItemShape {
    /// Reads the shape. In what FindItem gives there are no bodies, attachments and recipients.
    pub fn read(node: Node<'_, '_>, version: Version, finding: bool) -> Result<Self, Problem> {
        let mut shape = Self::default();
        for child in children(node) {
            match child.tag_name().name() {
                "BaseShape" => {
                    let base = match text(child).trim() {
                        "Default" => Shape::Default,
                        "AllProperties" => Shape::All,
                        _ => Shape::Named,
                    };
                    shape.fields = FieldSet::of_shape(base, version, finding);
                }
                "IncludeMimeContent" if matches!(text(child).trim(), "true" | "1") => {
                    shape.add(Path::Field(Field::MimeContent), finding)?;
                }
                "BodyType" => shape.body = BodyWish::read(&text(child)),
                "UniqueBodyType" => shape.unique_body = BodyWish::read(&text(child)),
                "NormalizedBodyType" => shape.normalized_body = BodyWish::read(&text(child)),
                "MaximumBodySize" => shape.max_body = text(child).trim().parse().ok(),
                "AdditionalProperties" => {
                    for path in children(child) {
                        shape.add(Path::read(path)?, finding)?;
                    }
                }
                _ => {}
            }
        }
        Ok(shape)
    }

    fn add(&mut self, path: Path, finding: bool) -> Result<(), Problem> {
        match path {
            Path::Field(field) if finding && !field.info().is_some_and(|info| info.in_find) => {
                return Err(Problem::property_request(&Path::Field(field).xml()));
            }
            Path::Field(field) => self.fields.insert(field),
            Path::Header(name) if !finding => self.headers.push(name),
            Path::Header(_) => return Err(Problem::property_request(&path.xml())),
            Path::Extended(key) => {
                if !self.extended.contains(&key) {
                    self.extended.push(key);
                }
            }
            Path::Uri(uri) if uri.starts_with("folder:") => {
                return Err(Problem::property_request(&Path::Uri(uri).xml()));
            }
            // What other kinds of items have, mail just doesn't.
            Path::Uri(_) | Path::Indexed(..) => {}
        }
        Ok(())
    }

    /// Whether more is needed than what describes an item.
    pub fn needs_content(&self) -> bool {
        const IN_CONTENT: &[Field] =
            &[Field::Body, Field::UniqueBody, Field::NormalizedBody, Field::TextBody, Field::InternetMessageHeaders];
        self.fields.contains_any(IN_CONTENT)
            || !self.headers.is_empty()
            || self.extended.iter().any(|key| super::query::needs_content(&Path::Extended(key.clone())))
    }

    pub fn needs_mime(&self) -> bool {
        self.fields.contains(Field::MimeContent)
    }
}
