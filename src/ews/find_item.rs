//! `FindItem` (MS-OXWSSRCH 3.1.4.2): the items of a folder that meet a condition.

use super::client::{Mailbox, the_one};
use super::error::EwsError;
use super::error::Malformed;
use super::ids::FolderId;
use super::item::Item;
use super::property::{PropertyPath, names};
use super::soap::item::read_page;
use super::soap::read::{Element, Ns, Reader};
use super::soap::write::Writer;
use super::transport::Expect;

/// What to look for.
#[derive(Debug, Clone)]
pub struct FindItem {
    /// At least one. Each is searched by itself: limits, order and pages are those of one folder.
    pub folders: Vec<FolderId>,
    pub traversal: ItemTraversal,
    /// `None` finds everything.
    pub restriction: Option<Restriction>,
    /// Properties to return beside the item's id. `FindItem` never returns bodies, MIME content, attachments or
    /// the lists of recipients: that takes a `GetItem`.
    pub additional: Vec<PropertyPath>,
    /// The first is the main one.
    pub sort: Vec<(PropertyPath, SortDirection)>,
    /// At most so many; the server has a limit of its own, 1000 by default.
    pub max_entries: u32,
    /// How many to leave out at the beginning.
    pub offset: u32,
}

impl FindItem {
    /// Everything in a folder, with nothing but the ids.
    #[must_use]
    pub fn new(folder: FolderId) -> Self {
        Self {
            folders: vec![folder],
            traversal: ItemTraversal::Shallow,
            restriction: None,
            additional: Vec::new(),
            sort: Vec::new(),
            max_entries: 1000,
            offset: 0,
        }
    }
}

names! {
    /// `t:ItemQueryTraversalType`
    ItemTraversal {
        Shallow = "Shallow",
        SoftDeleted = "SoftDeleted",
        Associated = "Associated",
    }
}

names! {
    /// `t:SortDirectionType`
    SortDirection {
        Ascending = "Ascending",
        Descending = "Descending",
    }
}

/// `t:SearchExpression`. Constants are text in the form that the property's type asks for: a time in RFC 3339, a
/// truth value as `true` or `false`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restriction {
    /// At least one part.
    And(Vec<Restriction>),
    /// At least one part.
    Or(Vec<Restriction>),
    Not(Box<Restriction>),
    Exists(PropertyPath),
    IsEqualTo(PropertyPath, String),
    IsNotEqualTo(PropertyPath, String),
    IsGreaterThan(PropertyPath, String),
    IsGreaterThanOrEqualTo(PropertyPath, String),
    IsLessThan(PropertyPath, String),
    IsLessThanOrEqualTo(PropertyPath, String),
    Contains {
        path: PropertyPath,
        value: String,
        mode: ContainmentMode,
        comparison: ContainmentComparison,
    },
    /// None of these bits is set.
    Excludes {
        path: PropertyPath,
        bitmask: u32,
    },
}

names! {
    /// `t:ContainmentModeType`
    ContainmentMode {
        FullString = "FullString",
        Prefixed = "Prefixed",
        Substring = "Substring",
        PrefixOnWords = "PrefixOnWords",
        ExactPhrase = "ExactPhrase",
    }
}

names! {
    /// `t:ContainmentComparisonType`
    ContainmentComparison {
        Exact = "Exact",
        IgnoreCase = "IgnoreCase",
        IgnoreNonSpacingCharacters = "IgnoreNonSpacingCharacters",
        Loose = "Loose",
        IgnoreCaseAndNonSpacingCharacters = "IgnoreCaseAndNonSpacingCharacters",
    }
}

/// A page of what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundItems {
    pub items: Vec<Item>,
    /// How many meet the condition in all, where the server tells.
    pub total: Option<u32>,
    /// Whether no more follow after these.
    pub includes_last: bool,
    /// The offset of the next page.
    pub next_offset: Option<u32>,
}

impl FindItem {
    fn write(&self, to: &mut Writer) {
        to.start("m:FindItem").attribute("Traversal", self.traversal.as_str());
        to.start("m:ItemShape").element("t:BaseShape", "IdOnly");
        PropertyPath::write_additional(&self.additional, to);
        to.end();
        write_page("m:IndexedPageItemView", self.max_entries, self.offset, to);
        Restriction::write_whole(self.restriction.as_ref(), to);
        if !self.sort.is_empty() {
            to.start("m:SortOrder");
            for (path, direction) in &self.sort {
                to.start("t:FieldOrder").attribute("Order", direction.as_str());
                path.write(to);
                to.end();
            }
            to.end();
        }
        to.start("m:ParentFolderIds");
        for folder in &self.folders {
            folder.write(to);
        }
        to.end().end();
    }
}

/// `t:IndexedPageViewType`
pub(super) fn write_page(element: &'static str, max_entries: u32, offset: u32, to: &mut Writer) {
    // Both are xs:int, and at least one entry has to be asked for.
    let within = |number: u32| i32::try_from(number).unwrap_or(i32::MAX).to_string();
    to.start(element)
        .attribute("MaxEntriesReturned", &within(max_entries.max(1)))
        .attribute("Offset", &within(offset))
        .attribute("BasePoint", "Beginning")
        .end();
}

impl Restriction {
    /// `m:Restriction`, unless there is none.
    pub(super) fn write_whole(restriction: Option<&Self>, to: &mut Writer) {
        if let Some(restriction) = restriction {
            to.start("m:Restriction");
            restriction.write(to);
            to.end();
        }
    }

    fn write(&self, to: &mut Writer) {
        match self {
            Self::And(parts) => write_parts("t:And", parts, to),
            Self::Or(parts) => write_parts("t:Or", parts, to),
            Self::Not(part) => write_parts("t:Not", std::slice::from_ref(part), to),
            Self::Exists(path) => {
                to.start("t:Exists");
                path.write(to);
                to.end();
            }
            Self::IsEqualTo(path, value) => write_comparison("t:IsEqualTo", path, value, to),
            Self::IsNotEqualTo(path, value) => write_comparison("t:IsNotEqualTo", path, value, to),
            Self::IsGreaterThan(path, value) => write_comparison("t:IsGreaterThan", path, value, to),
            Self::IsGreaterThanOrEqualTo(path, value) => {
                write_comparison("t:IsGreaterThanOrEqualTo", path, value, to);
            }
            Self::IsLessThan(path, value) => write_comparison("t:IsLessThan", path, value, to),
            Self::IsLessThanOrEqualTo(path, value) => write_comparison("t:IsLessThanOrEqualTo", path, value, to),
            Self::Contains { path, value, mode, comparison } => {
                to.start("t:Contains")
                    .attribute("ContainmentMode", mode.as_str())
                    .attribute("ContainmentComparison", comparison.as_str());
                path.write(to);
                to.start("t:Constant").attribute("Value", value).end().end();
            }
            Self::Excludes { path, bitmask } => {
                to.start("t:Excludes");
                path.write(to);
                to.start("t:Bitmask").attribute("Value", &bitmask.to_string()).end().end();
            }
        }
    }
}

fn write_parts<R: std::borrow::Borrow<Restriction>>(element: &'static str, parts: &[R], to: &mut Writer) {
    to.start(element);
    for part in parts {
        part.borrow().write(to);
    }
    to.end();
}

fn write_comparison(element: &'static str, path: &PropertyPath, value: &str, to: &mut Writer) {
    to.start(element);
    path.write(to);
    to.start("t:FieldURIOrConstant").start("t:Constant").attribute("Value", value).end().end().end();
}

impl FoundItems {
    pub(super) fn read(reader: &mut Reader<'_>, root_folder: &Element<'_>) -> Result<Self, Malformed> {
        let (total, includes_last, next_offset) = read_page(root_folder)?;
        let mut items = Vec::new();
        reader.children(|reader, element| match element.name() {
            (Ns::Types, "Items") => reader.children(|reader, _| {
                items.push(Item::read(reader)?);
                Ok(())
            }),
            _ => Ok(()),
        })?;
        Ok(Self { items, total, includes_last, next_offset })
    }
}

impl Mailbox {
    /// What is in the first of the folders.
    pub async fn find_item(&self, find: &FindItem) -> Result<FoundItems, EwsError> {
        the_one(self.find_items(find).await?)
    }

    /// One result for each folder, in their order.
    pub async fn find_items(&self, find: &FindItem) -> Result<Vec<Result<FoundItems, EwsError>>, EwsError> {
        let mut request = self.envelope();
        find.write(&mut request);
        let payload = |reader: &mut Reader<'_>, element: &Element<'_>, found: &mut Option<FoundItems>| {
            if element.name() == (Ns::Messages, "RootFolder") {
                *found = Some(FoundItems::read(reader, element)?);
            }
            Ok(())
        };
        self.call("FindItem", request, find.folders.len(), Expect::Text, || None, payload).await
    }
}
