//! Extended properties that are other names for what an item has anyway (MS-OXPROPS), and all the others.

use super::problem::Problem;
use crate::sandbox::store::content::Content;
use crate::sandbox::store::conversation;
use crate::sandbox::store::headers;
use crate::sandbox::store::html;
use crate::sandbox::store::ids;
use crate::sandbox::store::model::{Address, FollowUp, Item, Place, flags};
use crate::sandbox::store::property::{
    BaseType, INTERNET_HEADERS, PUBLIC_STRINGS, PropertyKey, PropertyName, PropertyType, PropertyValue, Scalar,
};
use crate::sandbox::store::{BodyKind, FlagStatus};

/// An item as it is looked at; without its content when only what describes it is wanted.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub item: &'a Item,
    /// GUID of its mailbox.
    pub guid: &'a str,
    pub content: Option<&'a Content>,
}

const TEXT: PropertyType = PropertyType { base: BaseType::String, array: false };
const INTEGER: PropertyType = PropertyType { base: BaseType::Integer, array: false };
const BOOLEAN: PropertyType = PropertyType { base: BaseType::Boolean, array: false };
const TIME: PropertyType = PropertyType { base: BaseType::SystemTime, array: false };
const BINARY: PropertyType = PropertyType { base: BaseType::Binary, array: false };
const TEXTS: PropertyType = PropertyType { base: BaseType::String, array: true };

/// The value of an extended property, if the item has one.
pub fn value(view: View<'_>, key: &PropertyKey) -> Option<PropertyValue> {
    native(view, key).or_else(|| view.item.property(key).cloned())
}

fn native(view: View<'_>, key: &PropertyKey) -> Option<PropertyValue> {
    let item = view.item;
    match &key.name {
        PropertyName::Tag(tag) => tagged(view, *tag, key.kind).map(PropertyValue::One),
        PropertyName::Named(set, name) if set == PUBLIC_STRINGS && name == "Keywords" && key.kind == TEXTS => {
            let words = item.categories.iter().cloned().map(Scalar::Text).collect::<Vec<_>>();
            (!words.is_empty()).then_some(PropertyValue::Many(words))
        }
        PropertyName::Named(set, name) if set == INTERNET_HEADERS && key.kind == TEXT => {
            let own = item.property(key).cloned();
            own.or_else(|| headers::field(&view.content?.headers, name).map(PropertyValue::text))
        }
        _ => None,
    }
}

fn tagged(view: View<'_>, tag: u16, kind: PropertyType) -> Option<Scalar> {
    let item = view.item;
    let text = |text: &str| Some(Scalar::Text(text.to_owned())).filter(|_| !text.is_empty());
    let optional = |value: &Option<String>| value.clone().map(Scalar::Text);
    let name = |who: &Option<Address>| who.as_ref().map(|who| Scalar::Text(who.display().to_owned()));
    let address = |who: &Option<Address>| who.as_ref().map(|who| Scalar::Text(who.address.clone()));
    let folder = match item.place {
        Place::Folder(folder) => Some(folder),
        Place::Attachment(_) => None,
    };
    match (tag, kind) {
        (0x0037, TEXT) => text(&item.subject),
        (0x003d, TEXT) => text(conversation::prefix(&item.subject)),
        (0x0e1d, TEXT) => text(conversation::normalised_topic(&item.subject)),
        (0x001a, TEXT) => text(&item.class),
        (0x0017, INTEGER) => Some(Scalar::Integer(item.importance.into())),
        (0x0036, INTEGER) => Some(Scalar::Integer(item.sensitivity.into())),
        (0x0039, TIME) => item.sent.map(Scalar::Time),
        (0x0e06, TIME) => item.received.map(Scalar::Time),
        (0x3007, TIME) => Some(Scalar::Time(item.created)),
        (0x3008, TIME) => Some(Scalar::Time(item.modified)),
        (0x0e07, INTEGER) => Some(Scalar::Integer(message_flags(item).into())),
        (0x0e08, INTEGER) => Some(Scalar::Integer(i64::try_from(item.size()).unwrap_or(i64::MAX))),
        // Inline ones count here (MS-OXCMSG 2.2.1.2).
        (0x0e1b, BOOLEAN) => Some(Scalar::Boolean(!item.attachments.is_empty())),
        (0x0e69, BOOLEAN) => Some(Scalar::Boolean(item.has(flags::READ))),
        (0x0029, BOOLEAN) => Some(Scalar::Boolean(item.read_receipt_requested)),
        (0x0023, BOOLEAN) => Some(Scalar::Boolean(item.delivery_receipt_requested)),
        (0x0063, BOOLEAN) => Some(Scalar::Boolean(item.response_requested)),
        (0x1035, TEXT) => optional(&item.message_id),
        (0x1042, TEXT) => optional(&item.in_reply_to),
        (0x1039, TEXT) => optional(&item.references),
        (0x0070, TEXT) => text(&item.conversation_topic),
        (0x0071, BINARY) => Some(Scalar::Binary(item.conversation_index.clone())),
        (0x0c1a, TEXT) => name(&item.sender),
        (0x0c1f | 0x5d01, TEXT) => address(&item.sender),
        (0x0042, TEXT) => name(&item.from),
        (0x0065 | 0x5d02, TEXT) => address(&item.from),
        (0x003f, BINARY) => item.received_by.as_ref().map(|who| Scalar::Binary(address_book_id(who))),
        (0x0040, TEXT) => name(&item.received_by),
        (0x0076, TEXT) => address(&item.received_by),
        (0x0e04, TEXT) => Some(Scalar::Text(shown(&item.to))),
        (0x0e03, TEXT) => Some(Scalar::Text(shown(&item.cc))),
        (0x0e02, TEXT) => Some(Scalar::Text(shown(&item.bcc))),
        (0x1090, INTEGER) => match item.follow_up.status {
            FlagStatus::NotFlagged => None,
            FlagStatus::Complete => Some(Scalar::Integer(1)),
            FlagStatus::Flagged => Some(Scalar::Integer(2)),
        },
        (0x3ffa, TEXT) => text(&item.modified_by),
        (0x0fff, BINARY) => folder.map(|folder| Scalar::Binary(ids::entry_id(view.guid, folder, item.number))),
        (0x300b, BINARY) => Some(Scalar::Binary(search_key(item))),
        (0x007d, TEXT) => text(&view.content?.headers),
        (0x1000, TEXT) => Some(Scalar::Text(plain_body(item, view.content?))),
        (0x1013, BINARY) if item.body_kind == BodyKind::Html => {
            Some(Scalar::Binary(view.content?.body.clone().into_bytes()))
        }
        _ => None,
    }
}

/// `PidTagMessageFlags` with the bit that follows from the attachments.
pub fn message_flags(item: &Item) -> u32 {
    item.flags | if item.attachments.is_empty() { 0 } else { flags::HAS_ATTACHMENT }
}

/// A permanent entry id of the address book (MS-OXNSPI 2.2.9.3).
fn address_book_id(who: &Address) -> Vec<u8> {
    const PROVIDER: [u8; 16] =
        [0xdc, 0xa7, 0x40, 0xc8, 0xc0, 0x42, 0x10, 0x1a, 0xb4, 0xb9, 0x08, 0x00, 0x2b, 0x2f, 0xe1, 0x82];
    let name = format!("/o=Sandbox/ou=Exchange Administrative Group/cn=Recipients/cn={}\0", who.address);
    [&[0; 4][..], &PROVIDER, &1_u32.to_le_bytes(), &0_u32.to_le_bytes(), name.as_bytes()].concat()
}

/// `PidTagSearchKey`: it stays when an item is moved or copied.
pub fn search_key(item: &Item) -> Vec<u8> {
    let mut key = item.conversation_id().to_vec();
    for (byte, other) in key.iter_mut().zip(item.created.to_be_bytes()) {
        *byte ^= other;
    }
    key
}

/// Names as `DisplayTo` has them.
pub fn shown(addresses: &[Address]) -> String {
    let names: Vec<&str> = addresses.iter().map(Address::display).collect();
    names.join("; ")
}

pub fn plain_body(item: &Item, content: &Content) -> String {
    match item.body_kind {
        BodyKind::Html => html::to_text(&content.body),
        BodyKind::Text => content.body.clone(),
    }
}

/// An item while it is being made or changed.
pub struct Edit {
    pub item: Item,
    /// The new body, if there is one.
    pub body: Option<(BodyKind, String)>,
    /// The new Internet headers, if there are.
    pub headers: Option<String>,
    /// Some properties can be given only before an item is saved for the first time.
    pub creating: bool,
}

/// Sets an extended property, which may be another name for something native. The path is for the refusal.
pub fn set(edit: &mut Edit, key: &PropertyKey, value: &PropertyValue, path: &str) -> Result<(), Problem> {
    let taken = match (&key.name, value) {
        (PropertyName::Tag(tag), PropertyValue::One(value)) => set_tagged(edit, *tag, value, path)?,
        (PropertyName::Named(set, name), PropertyValue::Many(words))
            if set == PUBLIC_STRINGS && name == "Keywords" && key.kind == TEXTS =>
        {
            edit.item.categories = words.iter().map(Scalar::write).collect();
            true
        }
        _ => false,
    };
    if !taken {
        edit.item.set_property(key.clone(), value.clone());
    }
    Ok(())
}

/// Whether the tag was one of something native and has been dealt with.
fn set_tagged(edit: &mut Edit, tag: u16, value: &Scalar, path: &str) -> Result<bool, Problem> {
    let creating = edit.creating;
    let item = &mut edit.item;
    match (tag, value) {
        (0x0037, Scalar::Text(text)) => {
            item.subject.clone_from(text);
            if creating {
                item.conversation_topic.clear();
            }
        }
        (0x001a, Scalar::Text(text)) => item.class.clone_from(text),
        (0x0017, Scalar::Integer(value)) => item.importance = limited(*value, 2),
        (0x0036, Scalar::Integer(value)) => item.sensitivity = limited(*value, 3),
        (0x0039, Scalar::Time(time)) => item.sent = Some(*time),
        (0x0e06, Scalar::Time(time)) => item.received = Some(*time),
        (0x3007, Scalar::Time(time)) => item.created = *time,
        (0x0e07, Scalar::Integer(value)) => {
            let new = u32::try_from(*value).unwrap_or_default() & !flags::HAS_ATTACHMENT;
            // Once saved, a message stays the draft or the sent message that it is (MS-OXCMSG 2.2.1.6).
            item.flags = if creating { new } else { item.flags & !flags::READ | new & flags::READ };
        }
        (0x0e69, Scalar::Boolean(read)) => item.set(flags::READ, *read),
        (0x0029, Scalar::Boolean(on)) => item.read_receipt_requested = *on,
        (0x0023, Scalar::Boolean(on)) => item.delivery_receipt_requested = *on,
        (0x0063, Scalar::Boolean(on)) => item.response_requested = *on,
        (0x1035, Scalar::Text(text)) => item.message_id = Some(text.clone()),
        (0x1042, Scalar::Text(text)) => item.in_reply_to = Some(text.clone()),
        (0x1039, Scalar::Text(text)) => item.references = Some(text.clone()),
        (0x0070, Scalar::Text(text)) => item.conversation_topic.clone_from(text),
        (0x0071, Scalar::Binary(index)) => item.conversation_index.clone_from(index),
        (0x1090, Scalar::Integer(value)) => {
            item.follow_up.status = match value {
                1 => FlagStatus::Complete,
                2 => FlagStatus::Flagged,
                _ => FlagStatus::NotFlagged,
            };
        }
        (0x007d, Scalar::Text(text)) => edit.headers = Some(text.clone()),
        (0x1000, Scalar::Text(text)) => edit.body = Some((BodyKind::Text, text.clone())),
        (0x1013, Scalar::Binary(html)) => {
            edit.body = Some((BodyKind::Html, String::from_utf8_lossy(html).into_owned()));
        }
        // Computed by the store.
        (0x0e08 | 0x0e1b | 0x0fff | 0x3008 | 0x0e02 | 0x0e03 | 0x0e04, _) => return Err(Problem::property_set(path)),
        _ => return Ok(false),
    }
    Ok(true)
}

/// Takes an extended property away.
pub fn delete(edit: &mut Edit, key: &PropertyKey, path: &str) -> Result<(), Problem> {
    let item = &mut edit.item;
    match &key.name {
        PropertyName::Tag(0x0037) => item.subject.clear(),
        PropertyName::Tag(0x0039) => item.sent = None,
        PropertyName::Tag(0x0e06) => item.received = None,
        PropertyName::Tag(0x1035) => item.message_id = None,
        PropertyName::Tag(0x1042) => item.in_reply_to = None,
        PropertyName::Tag(0x1039) => item.references = None,
        PropertyName::Tag(0x1090) => item.follow_up = FollowUp::default(),
        PropertyName::Tag(0x1000 | 0x1013) => edit.body = Some((BodyKind::Text, String::new())),
        PropertyName::Tag(0x001a | 0x0017 | 0x0036 | 0x0e07 | 0x0e08 | 0x0e1b | 0x0fff | 0x3007 | 0x3008) => {
            return Err(
                Problem::new("ErrorInvalidPropertyDelete", "Delete action is invalid for property.").about(path)
            );
        }
        PropertyName::Named(set, name) if set == PUBLIC_STRINGS && name == "Keywords" => item.categories.clear(),
        _ => {}
    }
    edit.item.extended.retain(|(known, _)| known != key);
    Ok(())
}

fn limited(value: i64, high: u8) -> u8 {
    u8::try_from(value).unwrap_or(1).min(high)
}
