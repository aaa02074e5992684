//! `UpdateItem` (MS-OXWSCORE 3.1.4.9): changes properties of an item in place.

use super::client::Mailbox;
use super::error::EwsError;
use super::ids::ItemId;
use super::property::{Property, PropertyPath, names};

/// The changes to one item. They take effect together or not at all.
#[derive(Debug, Clone)]
pub struct UpdateItem {
    pub id: ItemId,
    /// At least one.
    pub changes: Vec<Change>,
    pub conflict: ConflictResolution,
    /// Whether changing the read state sends no read receipt.
    pub suppress_read_receipts: bool,
}

impl UpdateItem {
    /// Changes that overwrite whatever happened meanwhile and send no receipts.
    #[must_use]
    pub fn new(id: ItemId, changes: Vec<Change>) -> Self {
        Self { id, changes, conflict: ConflictResolution::AlwaysOverwrite, suppress_read_receipts: true }
    }
}

/// `t:ItemChangeDescription`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// `t:SetItemField`
    Set(Property),
    /// `t:AppendToItemField`: for bodies and lists of recipients only.
    Append(Property),
    /// `t:DeleteItemField`
    Delete(PropertyPath),
}

names! {
    /// `t:ConflictResolutionType`: what happens when the item has a newer change key than the one given.
    ConflictResolution {
        /// Refused with `ErrorIrresolvableConflict`.
        NeverOverwrite = "NeverOverwrite",
        /// Refused only if the same property was changed.
        AutoResolve = "AutoResolve",
        AlwaysOverwrite = "AlwaysOverwrite",
    }
}

impl Mailbox {
    /// The item's id with its new change key.
    pub async fn update_item(&self, update: &UpdateItem) -> Result<ItemId, EwsError> {
        todo!()
    }
}
