//! `FindItem` (MS-OXWSSRCH 3.1.4.2): the items of a folder that meet a condition.

use super::client::Mailbox;
use super::error::EwsError;
use super::ids::FolderId;
use super::item::Item;
use super::property::{PropertyPath, names};

/// What to look for.
#[derive(Debug, Clone)]
pub struct FindItem {
    pub folder: FolderId,
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
            folder,
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
    /// Whether there are more after these.
    pub includes_last: bool,
    /// The offset of the next page.
    pub next_offset: Option<u32>,
}

impl Mailbox {
    pub async fn find_item(&self, find: &FindItem) -> Result<FoundItems, EwsError> {
        todo!()
    }
}
