//! An item that is not in the store yet.

use bytes::Bytes;

use super::conversation;
use super::html;
use super::model::{
    Attachment, AttachmentKind, AttachmentNo, FollowUp, Item, ItemNo, MailboxNo, Millis, Place, Reminder,
};
use super::readback::BodyKind;

/// An item on its way into the store. Numbers, changes and sizes in `item` are filled in when it gets there.
#[derive(Debug, Clone, PartialEq)]
pub struct NewItem {
    pub item: Item,
    pub body: String,
    /// Internet headers as they came, without the empty line.
    pub headers: String,
    pub calendar: Option<String>,
    pub attachments: Vec<NewAttachment>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct NewAttachment {
    pub attachment: Attachment,
    pub content: NewContent,
}

#[derive(Debug, Clone, PartialEq)]
pub enum NewContent {
    File(Bytes),
    Item(Box<NewItem>),
}

impl NewItem {
    /// An empty message, unread, as a client that sets nothing would make it.
    #[must_use]
    pub fn blank(class: &str, now: Millis) -> Self {
        let item = Item {
            number: ItemNo(0),
            mailbox: MailboxNo(0),
            place: Place::Attachment(AttachmentNo(0)),
            deleted_from: None,
            created_change: 0,
            content_change: 0,
            read_change: 0,
            class: class.to_owned(),
            subject: String::new(),
            body_kind: BodyKind::Text,
            body_size: 0,
            headers_size: 0,
            preview: String::new(),
            importance: 1,
            sensitivity: 0,
            flags: 0,
            categories: Vec::new(),
            follow_up: FollowUp::default(),
            reminder: Reminder::default(),
            sender: None,
            from: None,
            to: Vec::new(),
            cc: Vec::new(),
            bcc: Vec::new(),
            reply_to: Vec::new(),
            received_by: None,
            message_id: None,
            in_reply_to: None,
            references: None,
            conversation_topic: String::new(),
            conversation_index: Vec::new(),
            sent: None,
            received: None,
            created: now,
            modified: now,
            modified_by: String::new(),
            culture: None,
            read_receipt_requested: false,
            delivery_receipt_requested: false,
            response_requested: false,
            calendar: false,
            extended: Vec::new(),
            attachments: Vec::new(),
        };
        Self { item, body: String::new(), headers: String::new(), calendar: None, attachments: Vec::new() }
    }

    /// Takes a body as a client gave it.
    pub fn set_body(&mut self, kind: BodyKind, body: &str) {
        self.item.body_kind = kind;
        self.body = stored_body(kind, body);
        self.item.preview = preview(kind, &self.body);
    }

    /// Fills in what follows from the rest: sizes and the conversation.
    pub fn complete(&mut self) {
        self.item.body_size = self.body.len() as u64;
        self.item.headers_size = self.headers.len() as u64;
        self.item.calendar = self.calendar.is_some();
        if self.item.conversation_topic.is_empty() {
            conversation::normalised_topic(&self.item.subject).clone_into(&mut self.item.conversation_topic);
        }
        if self.item.conversation_index.len() < 22 {
            self.item.conversation_index = conversation::index(&self.item);
        }
    }
}

impl NewAttachment {
    #[must_use]
    pub fn file(name: String, content: Bytes, now: Millis) -> Self {
        let size = content.len() as u64;
        Self { attachment: blank(name, size, now), content: NewContent::File(content) }
    }

    #[must_use]
    pub fn item(name: String, item: NewItem, now: Millis) -> Self {
        let mut attachment = blank(name, 0, now);
        attachment.kind = AttachmentKind::Item(ItemNo(0));
        Self { attachment, content: NewContent::Item(Box::new(item)) }
    }
}

fn blank(name: String, size: u64, now: Millis) -> Attachment {
    Attachment {
        number: AttachmentNo(0),
        name,
        content_type: String::new(),
        content_id: None,
        content_location: None,
        inline: false,
        size,
        modified: now,
        kind: AttachmentKind::File,
    }
}

/// A body as Exchange keeps it.
#[must_use]
pub fn stored_body(kind: BodyKind, body: &str) -> String {
    match kind {
        BodyKind::Html => html::rewritten(body),
        BodyKind::Text => html::with_carriage_returns(body).into_owned(),
    }
}

#[must_use]
pub fn preview(kind: BodyKind, body: &str) -> String {
    match kind {
        BodyKind::Html => html::preview(&html::to_text(body)),
        BodyKind::Text => html::preview(body),
    }
}
