//! Folders as EWS shows them, and as requests name them.

use roxmltree::Node;

use super::paths::{self, Path};
use super::problem::Problem;
use super::render;
use super::schema::Version;
use super::session::FolderRef;
use super::settings::{children, text};
use super::write::Xml;
use crate::sandbox::store::ids;
use crate::sandbox::store::model::Folder;
use crate::sandbox::store::property::{BaseType, PropertyKey, PropertyName, PropertyValue, Scalar};
use crate::sandbox::store::state::{FolderCounts, State};

/// What a request wants to see of a folder: `FolderShape`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FolderShape {
    /// Names behind `folder:`.
    fields: Vec<&'static str>,
    extended: Vec<PropertyKey>,
}

const DEFAULT: &[&str] = &["DisplayName", "TotalCount", "ChildFolderCount", "UnreadCount"];
const ALL: &[&str] = &[
    "ParentFolderId",
    "FolderClass",
    "DisplayName",
    "TotalCount",
    "ChildFolderCount",
    "EffectiveRights",
    "DistinguishedFolderId",
    "UnreadCount",
];

impl FolderShape {
    pub fn read(node: Node<'_, '_>, version: Version) -> Result<Self, Problem> {
        let mut shape = Self::default();
        for child in children(node) {
            match child.tag_name().name() {
                "BaseShape" => match text(child).trim() {
                    "Default" => shape.fields.extend(DEFAULT),
                    "AllProperties" => shape.fields.extend(ALL),
                    _ => {}
                },
                "AdditionalProperties" => {
                    for path in children(child) {
                        match Path::read(path)? {
                            Path::Extended(key) => shape.extended.push(key),
                            Path::Uri(uri) if uri.starts_with("folder:") => {
                                shape.fields.extend(ALL.iter().find(|name| uri.strip_prefix("folder:") == Some(name)));
                            }
                            path => return Err(Problem::property_request(&path.xml())),
                        }
                    }
                }
                _ => {}
            }
        }
        if !super::schema::knows_field("folder:DistinguishedFolderId", version) {
            shape.fields.retain(|name| *name != "DistinguishedFolderId");
        }
        Ok(shape)
    }
}

/// References in `FolderIds`, `ParentFolderIds`, `ToFolderId` and their like.
pub fn references(node: Node<'_, '_>) -> Vec<FolderRef> {
    children(node).map(reference).collect()
}

fn reference(node: Node<'_, '_>) -> FolderRef {
    let id = node.attribute("Id").unwrap_or_default();
    if node.tag_name().name() != "DistinguishedFolderId" {
        return FolderRef::Id(id.to_owned());
    }
    let address = node.descendants().find(|child| child.tag_name().name() == "EmailAddress").map(text);
    FolderRef::Distinguished(id.trim().to_owned(), address.map(|address| address.trim().to_owned()))
}

/// The one reference in an element, if the element is there.
pub fn one_reference(parent: Node<'_, '_>, name: &str) -> Option<FolderRef> {
    children(parent).find(|child| child.tag_name().name() == name).and_then(|node| references(node).pop())
}

/// The element for a folder.
fn element(folder: &Folder) -> &'static str {
    let class = folder.class.as_str();
    match class {
        _ if class.starts_with("IPF.Appointment") => "t:CalendarFolder",
        _ if class.starts_with("IPF.Contact") => "t:ContactsFolder",
        _ if class.starts_with("IPF.Task") => "t:TasksFolder",
        _ => "t:Folder",
    }
}

/// An element with a folder's id and change key.
pub fn folder_id(xml: &mut Xml, name: &str, guid: &str, folder: &Folder) {
    let kind = match element(folder) {
        "t:CalendarFolder" => 2,
        "t:ContactsFolder" => 3,
        "t:TasksFolder" => 4,
        _ => 1,
    };
    let change_key = ids::change_key(kind, guid, folder.change);
    xml.empty(name, &[("Id", &ids::folder_id(guid, folder.number)), ("ChangeKey", &change_key)]);
}

/// Writes a folder's element.
pub fn write(xml: &mut Xml, state: &State, folder: &Folder, shape: &FolderShape, version: Version) {
    let guid = state.mailbox(folder.mailbox).map(|mailbox| mailbox.guid.as_str()).unwrap_or_default();
    let counts = state.counts(folder.number);
    let wanted = |name: &str| shape.fields.contains(&name);
    let element = element(folder);
    xml.open(element);
    folder_id(xml, "t:FolderId", guid, folder);
    if wanted("ParentFolderId") {
        // The root is its own parent, as Exchange shows it.
        let parent = folder.parent.and_then(|parent| state.folder(parent)).map_or(folder, |parent| parent);
        folder_id(xml, "t:ParentFolderId", guid, parent);
    }
    if wanted("FolderClass") && !folder.class.is_empty() {
        xml.text("t:FolderClass", &folder.class);
    }
    if wanted("DisplayName") {
        xml.text("t:DisplayName", &folder.name);
    }
    if wanted("TotalCount") {
        xml.plain("t:TotalCount", counts.total);
    }
    if wanted("ChildFolderCount") {
        xml.plain("t:ChildFolderCount", counts.children);
    }
    for key in &shape.extended {
        if let Some(value) = extended(folder, counts, key) {
            xml.open("t:ExtendedProperty");
            paths::write_extended(xml, key);
            render::write_value(xml, &PropertyValue::One(value));
            xml.close("t:ExtendedProperty");
        }
    }
    if wanted("EffectiveRights") {
        render::effective_rights(xml, true, version);
    }
    if wanted("DistinguishedFolderId")
        && let Some(name) = &folder.distinguished
    {
        xml.plain("t:DistinguishedFolderId", name);
    }
    if wanted("UnreadCount") && matches!(element, "t:Folder" | "t:TasksFolder") {
        xml.plain("t:UnreadCount", counts.unread);
    }
    xml.close(element);
}

/// Extended properties that folders have.
fn extended(folder: &Folder, counts: FolderCounts, key: &PropertyKey) -> Option<Scalar> {
    let PropertyName::Tag(tag) = key.name else { return None };
    let number = |count: usize| i64::try_from(count).ok().map(Scalar::Integer);
    match (tag, key.kind.base) {
        (0x3001, BaseType::String) => Some(Scalar::Text(folder.name.clone())),
        (0x3613, BaseType::String) => Some(Scalar::Text(folder.class.clone())).filter(|_| !folder.class.is_empty()),
        (0x3602, BaseType::Integer) => number(counts.total),
        (0x3603, BaseType::Integer) => number(counts.unread),
        (0x360a, BaseType::Boolean) => Some(Scalar::Boolean(counts.children > 0)),
        (0x10f4, BaseType::Boolean) => Some(Scalar::Boolean(false)),
        _ => None,
    }
}

/// Values of a folder as restrictions compare them.
pub fn values(state: &State, folder: &Folder, path: &Path) -> Vec<Scalar> {
    let counts = state.counts(folder.number);
    let number = |count: usize| vec![Scalar::Integer(i64::try_from(count).unwrap_or(i64::MAX))];
    match path {
        Path::Uri(uri) => match uri.as_str() {
            "folder:DisplayName" => vec![Scalar::Text(folder.name.clone())],
            "folder:FolderClass" if !folder.class.is_empty() => vec![Scalar::Text(folder.class.clone())],
            "folder:TotalCount" => number(counts.total),
            "folder:UnreadCount" => number(counts.unread),
            "folder:ChildFolderCount" => number(counts.children),
            _ => Vec::new(),
        },
        Path::Extended(key) => extended(folder, counts, key).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// Writes a folder's element with nothing but its id.
pub fn write_id_only(xml: &mut Xml, guid: &str, folder: &Folder) {
    let element = element(folder);
    xml.open(element);
    folder_id(xml, "t:FolderId", guid, folder);
    xml.close(element);
}
