//! What a mailbox is made of. All of this is kept in memory; only bodies, headers and the content of
//! attachments stay in the database until somebody asks for them.

use serde::{Deserialize, Serialize};

use super::property::{PropertyKey, PropertyValue};
use super::readback::{BodyKind, FlagStatus};

/// Numbers are given once in the life of a store, whatever they number.
macro_rules! number {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);
    )+};
}

number! {
    /// A mailbox.
    MailboxNo;
    /// A folder.
    FolderNo;
    /// An item as it is in one folder; moving makes a new one.
    ItemNo;
    /// An attachment.
    AttachmentNo;
}

/// A point in the history of all mailboxes: every write has a later one.
pub type Change = i64;

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Millis = i64;

/// Bits of `PidTagMessageFlags` (MS-OXCMSG 2.2.1.6).
pub mod flags {
    pub const READ: u32 = 0x01;
    pub const UNMODIFIED: u32 = 0x02;
    pub const SUBMITTED: u32 = 0x04;
    pub const UNSENT: u32 = 0x08;
    pub const HAS_ATTACHMENT: u32 = 0x10;
    pub const FROM_ME: u32 = 0x20;
    pub const ASSOCIATED: u32 = 0x40;
    pub const RESEND: u32 = 0x80;
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mailbox {
    pub number: MailboxNo,
    /// Folded UPN of the owner.
    pub owner: String,
    /// Mailbox GUID in lower case with hyphens; part of every id.
    pub guid: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folder {
    pub number: FolderNo,
    pub mailbox: MailboxNo,
    /// None for the root alone.
    pub parent: Option<FolderNo>,
    /// Name in EWS, such as `sentitems`.
    pub distinguished: Option<String>,
    pub name: String,
    /// `IPF.Note`, …; empty when the folder has none.
    pub class: String,
    pub created_change: Change,
    pub change: Change,
}

/// Where an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    Folder(FolderNo),
    /// It is the content of an attachment.
    Attachment(AttachmentNo),
}

/// Somebody in a header.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Address {
    pub name: String,
    /// SMTP address; empty when only a name is known.
    pub address: String,
}

impl Address {
    /// What is shown: the name, or the address of those who have none.
    pub fn display(&self) -> &str {
        if self.name.is_empty() { &self.address } else { &self.name }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FollowUp {
    pub status: FlagStatus,
    pub start: Option<Millis>,
    pub due: Option<Millis>,
    pub complete: Option<Millis>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reminder {
    pub set: bool,
    pub due: Option<Millis>,
    pub minutes: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
// They are properties of MAPI, each of its own.
#[allow(clippy::struct_excessive_bools)]
pub struct Item {
    pub number: ItemNo,
    pub mailbox: MailboxNo,
    pub place: Place,
    /// The folder it was soft-deleted from.
    pub deleted_from: Option<FolderNo>,
    pub created_change: Change,
    /// Last change of anything but the read state.
    pub content_change: Change,
    /// Last change of the read state.
    pub read_change: Change,

    pub class: String,
    pub subject: String,
    pub body_kind: BodyKind,
    /// Bytes of the body.
    pub body_size: u64,
    /// Bytes of the Internet headers.
    pub headers_size: u64,
    pub preview: String,
    /// 0 low, 1 normal, 2 high.
    pub importance: u8,
    /// 0 normal, 1 personal, 2 private, 3 confidential.
    pub sensitivity: u8,
    /// `PidTagMessageFlags`, without [`flags::HAS_ATTACHMENT`], which follows from the attachments.
    pub flags: u32,
    pub categories: Vec<String>,
    pub follow_up: FollowUp,
    pub reminder: Reminder,
    pub sender: Option<Address>,
    pub from: Option<Address>,
    pub to: Vec<Address>,
    pub cc: Vec<Address>,
    pub bcc: Vec<Address>,
    pub reply_to: Vec<Address>,
    pub received_by: Option<Address>,
    pub message_id: Option<String>,
    pub in_reply_to: Option<String>,
    pub references: Option<String>,
    pub conversation_topic: String,
    #[serde(with = "base64_bytes")]
    pub conversation_index: Vec<u8>,
    pub sent: Option<Millis>,
    pub received: Option<Millis>,
    pub created: Millis,
    pub modified: Millis,
    /// Display name of whoever changed it last.
    pub modified_by: String,
    pub culture: Option<String>,
    pub read_receipt_requested: bool,
    pub delivery_receipt_requested: bool,
    pub response_requested: bool,
    /// The body came with a calendar part, kept beside it.
    pub calendar: bool,
    pub extended: Vec<(PropertyKey, PropertyValue)>,
    pub attachments: Vec<Attachment>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attachment {
    pub number: AttachmentNo,
    pub name: String,
    /// Empty when none was given.
    pub content_type: String,
    /// Without angle brackets.
    pub content_id: Option<String>,
    pub content_location: Option<String>,
    pub inline: bool,
    /// Bytes of the content itself.
    pub size: u64,
    pub modified: Millis,
    pub kind: AttachmentKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttachmentKind {
    File,
    /// The item that is attached.
    Item(ItemNo),
}

impl Item {
    pub fn folder(&self) -> Option<FolderNo> {
        match self.place {
            Place::Folder(folder) => Some(folder),
            Place::Attachment(_) => None,
        }
    }

    pub fn change(&self) -> Change {
        self.content_change.max(self.read_change)
    }

    pub fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    pub fn set(&mut self, flag: u32, on: bool) {
        if on {
            self.flags |= flag;
        } else {
            self.flags &= !flag;
        }
    }

    pub fn is_draft(&self) -> bool {
        self.has(flags::UNSENT)
    }

    /// Inline ones don't count, as the paper clip in a mail client shows it.
    pub fn has_attachments(&self) -> bool {
        self.attachments.iter().any(|attachment| !attachment.inline)
    }

    /// `PidTagMessageSize`: what is stored, with a flat rate for the properties.
    pub fn size(&self) -> u64 {
        1024 + self.body_size + self.headers_size + self.attachments.iter().map(Attachment::stored_size).sum::<u64>()
    }

    pub fn property(&self, key: &PropertyKey) -> Option<&PropertyValue> {
        self.extended.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    pub fn set_property(&mut self, key: PropertyKey, value: PropertyValue) {
        match self.extended.iter_mut().find(|(name, _)| *name == key) {
            Some((_, earlier)) => *earlier = value,
            None => self.extended.push((key, value)),
        }
    }

    /// First 16 bytes behind the time in the conversation index: the same for a message and its replies.
    pub fn conversation_id(&self) -> [u8; 16] {
        self.conversation_index.get(6..22).and_then(|guid| guid.try_into().ok()).unwrap_or_default()
    }
}

impl Attachment {
    /// `PidTagAttachSize`: the content and the properties of the attachment.
    pub fn stored_size(&self) -> u64 {
        let text = |text: &str| 2 * text.len() as u64;
        self.size + 146 + text(&self.name) + text(&self.content_type) + self.content_id.as_deref().map_or(0, text)
    }
}

mod base64_bytes {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
