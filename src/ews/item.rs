//! An item as the server shows it.

use bytes::Bytes;
use jiff::Timestamp;

use super::ids::{AttachmentId, FolderId, ItemId};
use super::property::{ExtendedPropertyUri, names};

/// An item of a mailbox. What was not asked for, or what the item does not have, is `None` or empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub id: ItemId,
    pub parent_folder_id: Option<FolderId>,
    /// Such as `IPM.Note`, `IPM.Note.SMIME.MultipartSigned`.
    pub item_class: Option<String>,
    pub subject: Option<String>,
    pub sensitivity: Option<Sensitivity>,
    pub body: Option<ItemBody>,
    /// `t:TextBody`: the body as plain text, whatever it is stored as.
    pub text_body: Option<ItemBody>,
    /// The whole item as MIME, decoded from base64.
    pub mime_content: Option<Bytes>,
    pub attachments: Vec<AttachmentInfo>,
    pub has_attachments: Option<bool>,
    /// In bytes, as the server counts them.
    pub size: Option<u64>,
    pub categories: Vec<String>,
    pub importance: Option<Importance>,
    pub flag: Option<Flag>,
    pub reminder_is_set: Option<bool>,
    pub reminder_due_by: Option<Timestamp>,
    pub reminder_minutes_before_start: Option<u32>,
    pub is_draft: Option<bool>,
    pub is_read: Option<bool>,
    pub is_submitted: Option<bool>,
    pub is_from_me: Option<bool>,
    pub is_unmodified: Option<bool>,
    pub date_time_sent: Option<Timestamp>,
    pub date_time_received: Option<Timestamp>,
    pub date_time_created: Option<Timestamp>,
    pub last_modified_time: Option<Timestamp>,
    /// Who wrote last; under impersonation the mailbox's own name.
    pub last_modified_name: Option<String>,
    pub in_reply_to: Option<String>,
    pub display_to: Option<String>,
    pub display_cc: Option<String>,
    pub culture: Option<String>,
    pub conversation_id: Option<String>,
    /// In base64 (MS-OXOMSG 2.2.1.3).
    pub conversation_index: Option<String>,
    pub conversation_topic: Option<String>,
    pub internet_message_id: Option<String>,
    pub references: Option<String>,
    pub from: Option<EmailAddress>,
    pub sender: Option<EmailAddress>,
    pub to_recipients: Vec<EmailAddress>,
    pub cc_recipients: Vec<EmailAddress>,
    pub bcc_recipients: Vec<EmailAddress>,
    pub reply_to: Vec<EmailAddress>,
    pub is_read_receipt_requested: Option<bool>,
    pub is_delivery_receipt_requested: Option<bool>,
    /// Each value of a multi-valued property is a pair of its own.
    pub extended: Vec<(ExtendedPropertyUri, String)>,
}

impl Item {
    /// An item of which nothing but the id is known.
    #[must_use]
    pub fn new(id: ItemId) -> Self {
        Self {
            id,
            parent_folder_id: None,
            item_class: None,
            subject: None,
            sensitivity: None,
            body: None,
            text_body: None,
            mime_content: None,
            attachments: Vec::new(),
            has_attachments: None,
            size: None,
            categories: Vec::new(),
            importance: None,
            flag: None,
            reminder_is_set: None,
            reminder_due_by: None,
            reminder_minutes_before_start: None,
            is_draft: None,
            is_read: None,
            is_submitted: None,
            is_from_me: None,
            is_unmodified: None,
            date_time_sent: None,
            date_time_received: None,
            date_time_created: None,
            last_modified_time: None,
            last_modified_name: None,
            in_reply_to: None,
            display_to: None,
            display_cc: None,
            culture: None,
            conversation_id: None,
            conversation_index: None,
            conversation_topic: None,
            internet_message_id: None,
            references: None,
            from: None,
            sender: None,
            to_recipients: Vec::new(),
            cc_recipients: Vec::new(),
            bcc_recipients: Vec::new(),
            reply_to: Vec::new(),
            is_read_receipt_requested: None,
            is_delivery_receipt_requested: None,
            extended: Vec::new(),
        }
    }

    /// The value of an extended property; the first one of a multi-valued property.
    #[must_use]
    pub fn extended(&self, uri: &ExtendedPropertyUri) -> Option<&str> {
        self.extended.iter().find(|(of, _)| of == uri).map(|(_, value)| value.as_str())
    }
}

/// `t:Body`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemBody {
    pub body_type: BodyType,
    pub content: String,
    /// The server left a part of it out.
    pub is_truncated: bool,
}

impl ItemBody {
    #[must_use]
    pub fn html(content: impl Into<String>) -> Self {
        Self { body_type: BodyType::Html, content: content.into(), is_truncated: false }
    }

    #[must_use]
    pub fn text(content: impl Into<String>) -> Self {
        Self { body_type: BodyType::Text, content: content.into(), is_truncated: false }
    }
}

names! {
    /// `t:BodyTypeType`
    BodyType {
        Html = "HTML",
        Text = "Text",
    }
}

names! {
    /// `t:ImportanceChoicesType`
    Importance {
        Low = "Low",
        Normal = "Normal",
        High = "High",
    }
}

names! {
    /// `t:SensitivityChoicesType`
    Sensitivity {
        Normal = "Normal",
        Personal = "Personal",
        Private = "Private",
        Confidential = "Confidential",
    }
}

/// `t:Flag`: the follow-up flag. Which dates go with which status is the server's rule: start and due with
/// *flagged*, completion with *complete*.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flag {
    pub status: FlagStatus,
    pub start_date: Option<Timestamp>,
    pub due_date: Option<Timestamp>,
    pub complete_date: Option<Timestamp>,
}

impl Flag {
    /// A flag without dates.
    #[must_use]
    pub fn new(status: FlagStatus) -> Self {
        Self { status, start_date: None, due_date: None, complete_date: None }
    }
}

names! {
    /// `t:FlagStatusType`
    FlagStatus {
        NotFlagged = "NotFlagged",
        Flagged = "Flagged",
        Complete = "Complete",
    }
}

/// `t:EmailAddressType`: a person or group with an address of any kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EmailAddress {
    pub name: Option<String>,
    /// An SMTP address unless the routing type says otherwise; inside an organisation often `EX` with a legacy DN.
    pub address: Option<String>,
    pub routing_type: Option<String>,
    pub mailbox_type: Option<String>,
}

impl EmailAddress {
    #[must_use]
    pub fn smtp(name: Option<String>, address: impl Into<String>) -> Self {
        Self { name, address: Some(address.into()), routing_type: None, mailbox_type: None }
    }
}

/// An attachment without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachmentInfo {
    pub id: AttachmentId,
    pub name: Option<String>,
    pub content_type: Option<String>,
    /// Without angle brackets.
    pub content_id: Option<String>,
    pub content_location: Option<String>,
    pub is_inline: bool,
    /// In bytes, as the server counts them: more than the content alone.
    pub size: Option<u64>,
    pub kind: AttachmentKind,
}

/// What kind of attachment it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttachmentKind {
    /// `t:FileAttachment`
    File,
    /// `t:ItemAttachment`: a message or another item.
    Item,
    /// `t:ReferenceAttachment`: a link to a file elsewhere.
    Reference,
}
