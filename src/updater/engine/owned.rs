//! What belongs to the owner of a copy, or to the copy's place in the mailbox, and not to the message: an item that takes its
//! place gets all of it. Folder, sent and received time are given where the item is stored.
//!
//! | what | as |
//! |---|---|
//! | conversation | topic and index, and whether the index tells it |
//! | categories, importance, sensitivity | themselves |
//! | follow-up flag | status, dates, and what it says |
//! | reminder | whether it is set, when it is due, how long before |
//! | read state | unread, if it is; else the item is stored as read |
//! | recipients in Bcc | themselves: what the recipients got does not name them |

use crate::ews::{ExtendedPropertyUri, FieldUri, FlagStatus, Item, ItemShape, Property, PropertyPath};

/// Extended properties that are taken over as they are.
const AS_THEY_ARE: [ExtendedPropertyUri; 4] = [
    ExtendedPropertyUri::CONVERSATION_TOPIC,
    ExtendedPropertyUri::CONVERSATION_INDEX,
    ExtendedPropertyUri::CONVERSATION_INDEX_TRACKING,
    ExtendedPropertyUri::FLAG_REQUEST,
];

/// What has to be known of the item.
pub(super) fn shape() -> ItemShape {
    let fields = [
        FieldUri::Categories,
        FieldUri::Importance,
        FieldUri::Sensitivity,
        FieldUri::Flag,
        FieldUri::ReminderIsSet,
        FieldUri::ReminderDueBy,
        FieldUri::ReminderMinutesBeforeStart,
        FieldUri::IsRead,
        FieldUri::BccRecipients,
    ];
    ItemShape::of(fields.map(PropertyPath::from).into_iter().chain(AS_THEY_ARE.map(PropertyPath::from)).collect())
}

/// What the item in its place is to have.
pub(super) fn properties(owned: Item) -> Vec<Property> {
    let mut properties = Vec::new();
    for uri in AS_THEY_ARE {
        let value = owned.extended(&uri).filter(|value| !value.is_empty()).map(str::to_owned);
        properties.extend(value.map(|value| Property::Extended(uri, value)));
    }
    if !owned.categories.is_empty() {
        properties.push(Property::Categories(owned.categories));
    }
    if let Some(flag) = owned.flag.filter(|flag| flag.status != FlagStatus::NotFlagged) {
        properties.push(Property::Flag(flag));
    }
    if owned.reminder_is_set == Some(true) {
        properties.push(Property::ReminderIsSet(true));
        properties.extend(owned.reminder_due_by.map(Property::ReminderDueBy));
        properties.extend(owned.reminder_minutes_before_start.map(Property::ReminderMinutesBeforeStart));
    }
    properties.extend(owned.importance.map(Property::Importance));
    properties.extend(owned.sensitivity.map(Property::Sensitivity));
    if owned.is_read == Some(false) {
        properties.push(Property::IsRead(false));
    }
    if !owned.bcc_recipients.is_empty() {
        properties.push(Property::BccRecipients(owned.bcc_recipients));
    }
    properties
}
