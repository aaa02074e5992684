//! `UpdateItem` (MS-OXWSCORE 3.1.4.9): changes properties of an item in place.

use super::client::{Mailbox, the_one};
use super::error::EwsError;
use super::ids::ItemId;
use super::property::{Property, PropertyPath, names};
use super::soap::read::Ns;
use super::soap::write::Writer;
use super::transport::Expect;

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

/// One request for the changes to several items.
fn write(updates: &[UpdateItem], to: &mut Writer) {
    let [first, ..] = updates else { return };
    debug_assert!(
        updates.iter().all(|update| {
            (update.conflict, update.suppress_read_receipts) == (first.conflict, first.suppress_read_receipts)
        }),
        "they stand on the request, not on the item"
    );
    to.start("m:UpdateItem")
        .attribute("ConflictResolution", first.conflict.as_str())
        .attribute("MessageDisposition", "SaveOnly");
    if first.suppress_read_receipts {
        to.attribute("SuppressReadReceipts", "true");
    }
    to.start("m:ItemChanges");
    for update in updates {
        to.start("t:ItemChange");
        update.id.write(to);
        to.start("t:Updates");
        for change in &update.changes {
            change.write(to);
        }
        to.end().end();
    }
    to.end().end();
}

impl Change {
    fn write(&self, to: &mut Writer) {
        match self {
            Self::Set(property) => write_value("t:SetItemField", property, to),
            Self::Append(property) => write_value("t:AppendToItemField", property, to),
            Self::Delete(path) => {
                to.start("t:DeleteItemField");
                path.write(to);
                to.end();
            }
        }
    }
}

fn write_value(element: &'static str, property: &Property, to: &mut Writer) {
    to.start(element);
    property.path().write(to);
    to.start("t:Message");
    property.write(to);
    to.end().end();
}

impl Mailbox {
    /// The item's id with its new change key.
    pub async fn update_item(&self, update: &UpdateItem) -> Result<ItemId, EwsError> {
        the_one(self.update_items(std::slice::from_ref(update)).await?)
    }

    /// Several items in one request. They are changed one by one: each has a result of its own, in their order, and one
    /// that is refused does not keep the others from being changed.
    ///
    /// How conflicts are resolved and whether receipts are suppressed is the same for all; the first one says it.
    pub async fn update_items(&self, updates: &[UpdateItem]) -> Result<Vec<Result<ItemId, EwsError>>, EwsError> {
        if updates.is_empty() {
            return Ok(Vec::new());
        }
        let mut request = self.envelope();
        write(updates, &mut request);
        self.call(
            "UpdateItem",
            request,
            updates.len(),
            Expect::Text,
            || None,
            |reader, element, id| {
                if element.name() == (Ns::Messages, "Items") {
                    *id = ItemId::read_in_items(reader)?;
                }
                Ok(())
            },
        )
        .await
    }
}
