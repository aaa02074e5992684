//! What seeding and reading a mailbox back speak of: plain values, serialisable for the control interface.

use bytes::Bytes;
use jiff::Timestamp;

use super::ids;
use super::model::{Address, Item, flags};

/// How a message is put into a folder by [`super::Store::deliver`].
#[derive(Debug, Clone, Default)]
pub struct Delivery {
    pub read: bool,
    pub draft: bool,
    /// Delivery time; none: now.
    pub received: Option<Timestamp>,
    /// Time of submission; none: the message's `Date`, else the delivery time.
    pub sent: Option<Timestamp>,
    pub categories: Vec<String>,
    pub flag: FlagStatus,
    pub extended: Vec<StoredProperty>,
}

/// Follow-up flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub enum FlagStatus {
    #[default]
    NotFlagged,
    Flagged,
    Complete,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BodyKind {
    Html,
    Text,
}

/// Which items to read back.
#[derive(Debug, Clone, Default)]
pub struct ItemFilter {
    /// Folder, named as [`super::Store`] says; none: every folder, Recoverable Items included.
    pub folder: Option<String>,
    /// Only items with this `Message-ID`, angle brackets included.
    pub message_id: Option<String>,
    /// Leave out what attachments contain, which may be much.
    pub without_content: bool,
}

/// A name with an SMTP address.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct StoredAddress {
    pub name: String,
    pub address: String,
}

/// An extended property as EWS names it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StoredProperty {
    /// Property set: a GUID in lower case, or a distinguished set such as `PublicStrings`; empty for a tag.
    pub set: String,
    /// Name, or the decimal id in the set, or the tag as `0x0e07`.
    pub name: String,
    /// `String`, `Integer`, `StringArray`, … (`MapiPropertyTypeType`)
    pub kind: String,
    /// One value, or as many as an array has, in the form that EWS writes.
    pub values: Vec<String>,
}

/// An item with everything in it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct StoredItem {
    pub item_id: String,
    pub change_key: String,
    /// Name of the folder as EWS knows it, else its display name.
    pub folder: String,
    pub class: String,
    pub subject: String,
    pub body_kind: BodyKind,
    pub body: String,
    pub from: Option<StoredAddress>,
    pub sender: Option<StoredAddress>,
    pub to: Vec<StoredAddress>,
    pub cc: Vec<StoredAddress>,
    pub bcc: Vec<StoredAddress>,
    /// `Message-ID`, angle brackets included.
    pub message_id: Option<String>,
    pub in_reply_to: Option<String>,
    pub read: bool,
    pub draft: bool,
    pub flag: FlagStatus,
    pub categories: Vec<String>,
    /// `Low`, `Normal`, `High`
    pub importance: String,
    /// `Normal`, `Personal`, `Private`, `Confidential`
    pub sensitivity: String,
    /// Bytes, attachments included.
    pub size: u64,
    pub has_attachments: bool,
    pub attachments: Vec<StoredAttachment>,
    pub extended: Vec<StoredProperty>,
    pub conversation_id: String,
    pub conversation_topic: String,
    pub sent: Option<Timestamp>,
    pub received: Option<Timestamp>,
    pub created: Timestamp,
    pub modified: Timestamp,
}

#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct StoredAttachment {
    pub attachment_id: String,
    pub name: String,
    pub content_type: String,
    /// Without angle brackets.
    pub content_id: Option<String>,
    pub content_location: Option<String>,
    pub inline: bool,
    /// Bytes of the content.
    pub size: u64,
    pub content: AttachmentContent,
}

#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttachmentContent {
    /// Left out, as [`ItemFilter::without_content`] asks.
    LeftOut,
    File(#[serde(serialize_with = "as_base64")] Bytes),
    Item(Box<StoredItem>),
}

/// Words for importance and sensitivity, as EWS writes them.
pub(crate) const IMPORTANCE: [&str; 3] = ["Low", "Normal", "High"];
pub(crate) const SENSITIVITY: [&str; 4] = ["Normal", "Personal", "Private", "Confidential"];

pub(super) fn stored(
    item: &Item,
    guid: &str,
    folder: String,
    body: String,
    attachments: Vec<StoredAttachment>,
) -> StoredItem {
    let one = |address: &Address| StoredAddress { name: address.name.clone(), address: address.address.clone() };
    let all = |addresses: &[Address]| addresses.iter().map(one).collect();
    let time = |millis: i64| Timestamp::from_millisecond(millis).unwrap_or_default();
    let word = |words: &[&str], index: u8| words.get(usize::from(index)).copied().unwrap_or("Normal").to_owned();
    StoredItem {
        item_id: ids::item_id(guid, item.number),
        change_key: ids::change_key(super::object_kind(&item.class), guid, item.change()),
        folder,
        class: item.class.clone(),
        subject: item.subject.clone(),
        body_kind: item.body_kind,
        body,
        from: item.from.as_ref().map(one),
        sender: item.sender.as_ref().map(one),
        to: all(&item.to),
        cc: all(&item.cc),
        bcc: all(&item.bcc),
        message_id: item.message_id.clone(),
        in_reply_to: item.in_reply_to.clone(),
        read: item.has(flags::READ),
        draft: item.is_draft(),
        flag: item.follow_up.status,
        categories: item.categories.clone(),
        importance: word(&IMPORTANCE, item.importance),
        sensitivity: word(&SENSITIVITY, item.sensitivity),
        size: item.size(),
        has_attachments: item.has_attachments(),
        attachments,
        extended: item.extended.iter().map(|(key, value)| key.stored(value)).collect(),
        conversation_id: ids::conversation_id(guid, item.conversation_id()),
        conversation_topic: item.conversation_topic.clone(),
        sent: item.sent.map(time),
        received: item.received.map(time),
        created: time(item.created),
        modified: time(item.modified),
    }
}

fn as_base64<S: serde::Serializer>(content: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    use base64::Engine as _;
    serializer.serialize_str(&base64::engine::general_purpose::STANDARD.encode(content))
}
