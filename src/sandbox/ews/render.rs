//! Items as EWS shows them.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::fields::{self, Field, Info};
use super::mapi::{self, View};
use super::paths;
use super::schema::Version;
use super::shape::{BodyWish, ItemShape};
use super::write::Xml;
use crate::sandbox::directory::{Directory, Recipient};
use crate::sandbox::store::content::Content;
use crate::sandbox::store::headers;
use crate::sandbox::store::html;
use crate::sandbox::store::ids;
use crate::sandbox::store::model::{
    Address, Attachment, AttachmentKind, AttachmentNo, Folder, FollowUp, Item, ItemNo, flags,
};
use crate::sandbox::store::property::{PropertyValue, written_time};
use crate::sandbox::store::readback::{IMPORTANCE, SENSITIVITY};
use crate::sandbox::store::{BodyKind, FlagStatus, object_kind};

/// An item with all that its picture needs.
pub struct Picture<'a> {
    pub view: View<'a>,
    pub directory: &'a Directory,
    pub version: Version,
    pub shape: &'a ItemShape,
    /// The folder it is in.
    pub parent: Option<&'a Folder>,
    /// The item in a folder that it is or belongs to, and the way to it.
    pub root: ItemNo,
    pub way: &'a [AttachmentNo],
    pub mime: Option<&'a [u8]>,
}

/// The element for an item class.
pub fn element(class: &str) -> &'static str {
    const ELEMENTS: &[(&str, &str)] = &[
        ("IPM.Schedule.Meeting.Request", "t:MeetingRequest"),
        ("IPM.Schedule.Meeting.Resp", "t:MeetingResponse"),
        ("IPM.Schedule.Meeting.Canceled", "t:MeetingCancellation"),
        ("IPM.Appointment", "t:CalendarItem"),
        ("IPM.Contact", "t:Contact"),
        ("IPM.DistList", "t:DistributionList"),
        ("IPM.Task", "t:Task"),
        ("IPM.Post", "t:PostItem"),
        ("IPM.Note", "t:Message"),
        ("REPORT.", "t:Message"),
    ];
    let found = ELEMENTS
        .iter()
        .find(|(prefix, _)| class.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)));
    found.map_or("t:Item", |(_, element)| element)
}

/// Whether an element has what messages have beside what all items have.
fn is_message(element: &str) -> bool {
    element == "t:Message" || element.starts_with("t:Meeting")
}

/// `ItemId` with its change key.
pub fn item_id(xml: &mut Xml, id: &str, guid: &str, item: &Item) {
    xml.empty("t:ItemId", &[("Id", id), ("ChangeKey", &change_key(guid, item))]);
}

pub fn change_key(guid: &str, item: &Item) -> String {
    ids::change_key(object_kind(&item.class), guid, item.change())
}

impl Picture<'_> {
    /// Writes the item's element.
    pub fn write(&self, xml: &mut Xml) {
        let element = element(&self.view.item.class);
        let message = is_message(element);
        xml.open(element);
        for info in fields::in_order() {
            let field = info.field;
            // A single header is shown inside all of them.
            let header = field == Field::InternetMessageHeaders && !self.shape.headers.is_empty();
            if (self.shape.fields.contains(field) || header) && (message || !field.of_messages()) {
                self.field(xml, info);
            }
            if field == Field::HasAttachments {
                self.extended(xml);
            }
        }
        xml.close(element);
    }

    fn id(&self) -> String {
        if self.way.is_empty() {
            ids::item_id(self.view.guid, self.root)
        } else {
            ids::attachment_id(self.view.guid, self.root, self.way)
        }
    }

    // One line a property, all in one place.
    #[allow(clippy::too_many_lines)]
    fn field(&self, xml: &mut Xml, info: &Info) {
        let item = self.view.item;
        let name = info.element;
        let flag = |xml: &mut Xml, flag| xml.plain(name, item.has(flag));
        let optional = |xml: &mut Xml, value: &Option<String>| {
            if let Some(value) = value {
                xml.text(name, value);
            }
        };
        let time = |xml: &mut Xml, time: i64| xml.plain(name, written_time(time));
        match info.field {
            Field::MimeContent => {
                if let Some(mime) = self.mime {
                    xml.open_with(name, &[("CharacterSet", "UTF-8")]);
                    STANDARD.encode_string(mime, xml.buffer());
                    xml.close(name);
                }
            }
            Field::ItemId => item_id(xml, &self.id(), self.view.guid, item),
            Field::ParentFolderId => {
                if let Some(folder) = self.parent {
                    super::folders::folder_id(xml, name, self.view.guid, folder);
                }
            }
            Field::ItemClass => xml.text(name, &item.class),
            Field::Subject => xml.text(name, &item.subject),
            Field::Sensitivity => xml.plain(name, word(&SENSITIVITY, item.sensitivity)),
            Field::Importance => xml.plain(name, word(&IMPORTANCE, item.importance)),
            Field::Body => self.body(xml, name, self.shape.body),
            Field::UniqueBody => self.body(xml, name, self.shape.unique_body),
            Field::NormalizedBody => self.body(xml, name, self.shape.normalized_body),
            Field::TextBody => self.body(xml, name, BodyWish::Text),
            Field::Attachments => self.attachments(xml),
            Field::DateTimeReceived => time(xml, item.received.unwrap_or(item.created)),
            Field::DateTimeSent => time(xml, item.sent.unwrap_or(item.created)),
            Field::DateTimeCreated => time(xml, item.created),
            Field::LastModifiedTime => time(xml, item.modified),
            Field::Size => xml.plain(name, item.size().min(i32::MAX.unsigned_abs().into())),
            Field::Categories => {
                if !item.categories.is_empty() {
                    xml.open(name);
                    for category in &item.categories {
                        xml.text("t:String", category);
                    }
                    xml.close(name);
                }
            }
            Field::InReplyTo => optional(xml, &item.in_reply_to),
            Field::IsSubmitted => flag(xml, flags::SUBMITTED),
            Field::IsDraft => flag(xml, flags::UNSENT),
            Field::IsFromMe => flag(xml, flags::FROM_ME),
            Field::IsResend => flag(xml, flags::RESEND),
            Field::IsUnmodified => flag(xml, flags::UNMODIFIED),
            Field::IsAssociated => flag(xml, flags::ASSOCIATED),
            Field::IsRead => flag(xml, flags::READ),
            Field::InternetMessageHeaders => self.headers(xml),
            Field::ResponseObjects => {
                xml.open(name);
                if !item.is_draft() {
                    xml.empty("t:ReplyToItem", &[]);
                    xml.empty("t:ReplyAllToItem", &[]);
                }
                xml.empty("t:ForwardItem", &[]);
                xml.close(name);
            }
            Field::ReminderDueBy => {
                if let Some(due) = item.reminder.due {
                    time(xml, due);
                }
            }
            Field::ReminderNextTime => {
                if let Some(due) = item.reminder.due.filter(|_| item.reminder.set) {
                    time(xml, due - item.reminder.minutes * 60_000);
                }
            }
            Field::ReminderIsSet => xml.plain(name, item.reminder.set),
            Field::ReminderMinutesBeforeStart => xml.plain(name, item.reminder.minutes),
            Field::DisplayCc => xml.text(name, &mapi::shown(&item.cc)),
            Field::DisplayTo => xml.text(name, &mapi::shown(&item.to)),
            Field::DisplayBcc => xml.text(name, &mapi::shown(&item.bcc)),
            Field::HasAttachments => xml.plain(name, item.has_attachments()),
            Field::Culture => xml.text(name, item.culture.as_deref().unwrap_or("en-US")),
            Field::EffectiveRights => effective_rights(xml, false, self.version),
            Field::LastModifiedName => xml.text(name, &item.modified_by),
            Field::WebClientReadFormQueryString => xml.text(name, &self.web_client("ReadMessageItem")),
            Field::WebClientEditFormQueryString => {
                if item.is_draft() {
                    xml.text(name, &self.web_client("ComposeMessageItem"));
                }
            }
            Field::ConversationId => {
                xml.empty(name, &[("Id", &ids::conversation_id(self.view.guid, item.conversation_id()))]);
            }
            Field::Flag => follow_up(xml, &item.follow_up),
            Field::StoreEntryId => {
                if let Some(folder) = item.folder() {
                    xml.plain(name, STANDARD.encode(ids::entry_id(self.view.guid, folder, item.number)));
                }
            }
            Field::InstanceKey => {
                let mut key = vec![1, 0, 0, 0, 0, 0, 1, 13, 1, 0, 0, 0];
                key.extend(item.number.0.to_be_bytes());
                xml.plain(name, STANDARD.encode(key));
            }
            Field::Preview => xml.text(name, &item.preview),
            Field::Sender => self.one(xml, name, item.sender.as_ref()),
            Field::From => self.one(xml, name, item.from.as_ref()),
            Field::ReceivedBy | Field::ReceivedRepresenting => self.one(xml, name, item.received_by.as_ref()),
            Field::ToRecipients => self.several(xml, name, &item.to),
            Field::CcRecipients => self.several(xml, name, &item.cc),
            Field::BccRecipients => self.several(xml, name, &item.bcc),
            Field::ReplyTo => self.several(xml, name, &item.reply_to),
            Field::IsReadReceiptRequested => xml.plain(name, item.read_receipt_requested),
            Field::IsDeliveryReceiptRequested => xml.plain(name, item.delivery_receipt_requested),
            Field::ConversationIndex => xml.plain(name, STANDARD.encode(&item.conversation_index)),
            Field::ConversationTopic => xml.text(name, &item.conversation_topic),
            Field::InternetMessageId => optional(xml, &item.message_id),
            Field::IsResponseRequested => xml.plain(name, item.response_requested),
            Field::References => optional(xml, &item.references),
        }
    }

    fn body(&self, xml: &mut Xml, name: &str, wish: BodyWish) {
        let Some(content) = self.view.content else { return };
        let (kind, body) = body_as(self.view.item, content, wish);
        let kind = if kind == BodyKind::Html { "HTML" } else { "Text" };
        let cut = self.shape.max_body.and_then(|max| body.char_indices().nth(max).map(|(at, _)| at));
        let truncated = if cut.is_some() { "true" } else { "false" };
        let mut attributes = vec![("BodyType", kind)];
        if super::schema::knows_field("item:TextBody", self.version) {
            attributes.push(("IsTruncated", truncated));
        }
        xml.text_with(name, &attributes, &body[..cut.unwrap_or(body.len())]);
    }

    fn attachments(&self, xml: &mut Xml) {
        let attachments = &self.view.item.attachments;
        if attachments.is_empty() {
            return;
        }
        xml.open("t:Attachments");
        for attachment in attachments {
            let way: Vec<AttachmentNo> = self.way.iter().copied().chain([attachment.number]).collect();
            let id = ids::attachment_id(self.view.guid, self.root, &way);
            let element = attachment_element(attachment);
            xml.open(element);
            attachment_head(xml, attachment, &[("Id", &id)]);
            if attachment.kind == AttachmentKind::File {
                xml.plain("t:IsContactPhoto", false);
            }
            xml.close(element);
        }
        xml.close("t:Attachments");
    }

    fn headers(&self, xml: &mut Xml) {
        let Some(content) = self.view.content else { return };
        let all = self.shape.fields.contains(Field::InternetMessageHeaders);
        let wanted = |name: &str| all || self.shape.headers.iter().any(|wanted| wanted.eq_ignore_ascii_case(name));
        let mut open = false;
        for (name, value) in headers::fields(&content.headers).filter(|(name, _)| wanted(name)) {
            if !open {
                xml.open("t:InternetMessageHeaders");
                open = true;
            }
            xml.text_with("t:InternetMessageHeader", &[("HeaderName", name)], &value);
        }
        if open {
            xml.close("t:InternetMessageHeaders");
        }
    }

    fn extended(&self, xml: &mut Xml) {
        for key in &self.shape.extended {
            let Some(value) = mapi::value(self.view, key) else { continue };
            xml.open("t:ExtendedProperty");
            paths::write_extended(xml, key);
            write_value(xml, &value);
            xml.close("t:ExtendedProperty");
        }
    }

    fn one(&self, xml: &mut Xml, name: &str, address: Option<&Address>) {
        if let Some(address) = address {
            xml.open(name);
            mailbox(xml, address, self.directory);
            xml.close(name);
        }
    }

    fn several(&self, xml: &mut Xml, name: &str, addresses: &[Address]) {
        if !addresses.is_empty() {
            xml.open(name);
            for address in addresses {
                mailbox(xml, address, self.directory);
            }
            xml.close(name);
        }
    }

    fn web_client(&self, form: &str) -> String {
        let id: String = self
            .id()
            .bytes()
            .map(|byte| match byte {
                b'+' | b'/' | b'=' => format!("%{byte:02X}"),
                byte => char::from(byte).to_string(),
            })
            .collect();
        format!("?ae=Item&a=Open&t={}&id={id}&exvsurl=1&viewmodel={form}", self.view.item.class)
    }
}

/// The body in the form that is wanted.
pub fn body_as<'a>(item: &Item, content: &'a Content, wish: BodyWish) -> (BodyKind, Cow<'a, str>) {
    match (item.body_kind, wish) {
        (BodyKind::Html, BodyWish::Text) => (BodyKind::Text, html::to_text(&content.body).into()),
        (BodyKind::Text, BodyWish::Html) => (BodyKind::Html, html::from_text(&content.body).into()),
        (kind, _) => (kind, Cow::Borrowed(&content.body)),
    }
}

pub fn attachment_element(attachment: &Attachment) -> &'static str {
    match attachment.kind {
        AttachmentKind::File => "t:FileAttachment",
        AttachmentKind::Item(_) => "t:ItemAttachment",
    }
}

/// What all attachments start with.
pub fn attachment_head(xml: &mut Xml, attachment: &Attachment, id: &[(&str, &str)]) {
    xml.empty("t:AttachmentId", id);
    xml.text("t:Name", &attachment.name);
    if !attachment.content_type.is_empty() {
        xml.text("t:ContentType", &attachment.content_type);
    }
    if let Some(id) = &attachment.content_id {
        xml.text("t:ContentId", id);
    }
    if let Some(location) = &attachment.content_location {
        xml.text("t:ContentLocation", location);
    }
    xml.plain("t:Size", attachment.stored_size().min(i32::MAX.unsigned_abs().into()));
    xml.plain("t:LastModifiedTime", written_time(attachment.modified));
    xml.plain("t:IsInline", attachment.inline);
}

pub fn write_value(xml: &mut Xml, value: &PropertyValue) {
    match value {
        PropertyValue::One(value) => xml.text("t:Value", &value.write()),
        PropertyValue::Many(values) => {
            xml.open("t:Values");
            for value in values {
                xml.text("t:Value", &value.write());
            }
            xml.close("t:Values");
        }
    }
}

/// Rights of the owner, who alone gets this far.
pub fn effective_rights(xml: &mut Xml, folder: bool, version: Version) {
    xml.open("t:EffectiveRights");
    for name in ["t:CreateAssociated", "t:CreateContents", "t:CreateHierarchy"] {
        xml.plain(name, folder);
    }
    for name in ["t:Delete", "t:Modify", "t:Read"] {
        xml.plain(name, true);
    }
    if super::schema::knows_field("item:ConversationId", version) {
        xml.plain("t:ViewPrivateItems", true);
    }
    xml.close("t:EffectiveRights");
}

fn follow_up(xml: &mut Xml, flag: &FollowUp) {
    xml.open("t:Flag");
    let status = match flag.status {
        FlagStatus::NotFlagged => "NotFlagged",
        FlagStatus::Flagged => "Flagged",
        FlagStatus::Complete => "Complete",
    };
    xml.plain("t:FlagStatus", status);
    for (name, time) in [("t:StartDate", flag.start), ("t:DueDate", flag.due), ("t:CompleteDate", flag.complete)] {
        if let Some(time) = time {
            xml.plain(name, written_time(time));
        }
    }
    xml.close("t:Flag");
}

/// `Mailbox`, with what the directory knows of the address.
pub fn mailbox(xml: &mut Xml, address: &Address, directory: &Directory) {
    let kind = match directory.find(&address.address) {
        Some(Recipient::Person(_)) => "Mailbox",
        Some(Recipient::Group(_)) => "PublicDL",
        None => "OneOff",
    };
    xml.open("t:Mailbox");
    xml.text("t:Name", address.display());
    if !address.address.is_empty() {
        xml.text("t:EmailAddress", &address.address);
        xml.plain("t:RoutingType", "SMTP");
    }
    xml.plain("t:MailboxType", kind);
    xml.close("t:Mailbox");
}

fn word(words: &[&'static str], index: u8) -> &'static str {
    words.get(usize::from(index)).copied().unwrap_or("Normal")
}
