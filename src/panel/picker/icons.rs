//! The picture that goes with an object, and what it says.

use crate::directory::DirectoryObject;
use crate::panel::widgets::Icon;
use crate::settings::EntryKind;

/// The icon, and its name for a screen reader and the pointer.
#[must_use]
pub fn object_icon(object: &DirectoryObject) -> (Icon, &'static str) {
    match object.kind {
        EntryKind::Group => (Icon::Group, "Group"),
        EntryKind::User if object.disabled => (Icon::UserDisabled, "User, disabled"),
        EntryKind::User if object.upn.is_none() => (Icon::UserWithoutUpn, "User, no UPN"),
        EntryKind::User if !object.mailbox => (Icon::UserWithoutMailbox, "User, no mailbox"),
        EntryKind::User => (Icon::User, "User"),
    }
}
