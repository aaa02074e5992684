//! Reads items and their attachments.

use super::read::{Element, Ns, Reader};
use crate::ews::error::Malformed;
use crate::ews::ids::{AttachmentId, FolderId, ItemId};
use crate::ews::item::{AttachmentInfo, AttachmentKind, BodyType, EmailAddress, Flag, FlagStatus, Item, ItemBody};
use crate::ews::property::ExtendedPropertyUri;

impl Item {
    /// An item of any kind: what calendar items and contacts have beside is skipped.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        // The id stands at the beginning of the schema's sequence, but not of every server's.
        let mut item = Self::new(ItemId::new("", None));
        reader.children(|reader, element| item.read_part(reader, element))?;
        if item.id.id.is_empty() {
            return Err(Malformed::Lacks("the ItemId of an item"));
        }
        Ok(item)
    }

    fn read_part(&mut self, reader: &mut Reader<'_>, element: &Element<'_>) -> Result<(), Malformed> {
        let (Ns::Types, name) = element.name() else { return Ok(()) };
        match name {
            "MimeContent" => self.mime_content = Some(reader.content("MimeContent")?),
            "ItemId" => self.id = ItemId::read(element)?,
            "ParentFolderId" => self.parent_folder_id = Some(FolderId::read(element)?),
            "ItemClass" => self.item_class = Some(reader.text()?),
            "Subject" => self.subject = Some(reader.text()?),
            "Sensitivity" => self.sensitivity = Some(reader.parsed("Sensitivity")?),
            "Body" => self.body = Some(ItemBody::read(reader, element)?),
            "TextBody" => self.text_body = Some(ItemBody::read(reader, element)?),
            "Attachments" => self.attachments = read_attachments(reader)?,
            "DateTimeReceived" => self.date_time_received = Some(reader.timestamp("DateTimeReceived")?),
            "DateTimeSent" => self.date_time_sent = Some(reader.timestamp("DateTimeSent")?),
            "DateTimeCreated" => self.date_time_created = Some(reader.timestamp("DateTimeCreated")?),
            "LastModifiedTime" => self.last_modified_time = Some(reader.timestamp("LastModifiedTime")?),
            "LastModifiedName" => self.last_modified_name = Some(reader.text()?),
            "Size" => self.size = Some(reader.parsed("Size")?),
            "Categories" => self.categories = read_strings(reader)?,
            "Importance" => self.importance = Some(reader.parsed("Importance")?),
            "ReminderIsSet" => self.reminder_is_set = Some(reader.boolean("ReminderIsSet")?),
            "ReminderDueBy" => self.reminder_due_by = Some(reader.timestamp("ReminderDueBy")?),
            "ReminderMinutesBeforeStart" => {
                self.reminder_minutes_before_start = Some(reader.parsed("ReminderMinutesBeforeStart")?);
            }
            "Flag" => self.flag = read_flag(reader)?,
            "HasAttachments" => self.has_attachments = Some(reader.boolean("HasAttachments")?),
            "IsSubmitted" => self.is_submitted = Some(reader.boolean("IsSubmitted")?),
            "IsDraft" => self.is_draft = Some(reader.boolean("IsDraft")?),
            "IsFromMe" => self.is_from_me = Some(reader.boolean("IsFromMe")?),
            "IsUnmodified" => self.is_unmodified = Some(reader.boolean("IsUnmodified")?),
            "IsRead" => self.is_read = Some(reader.boolean("IsRead")?),
            "IsReadReceiptRequested" => {
                self.is_read_receipt_requested = Some(reader.boolean("IsReadReceiptRequested")?);
            }
            "IsDeliveryReceiptRequested" => {
                self.is_delivery_receipt_requested = Some(reader.boolean("IsDeliveryReceiptRequested")?);
            }
            "InReplyTo" => self.in_reply_to = Some(reader.text()?),
            "DisplayTo" => self.display_to = Some(reader.text()?),
            "DisplayCc" => self.display_cc = Some(reader.text()?),
            "Culture" => self.culture = Some(reader.text()?),
            "ConversationId" => self.conversation_id = element.attribute("Id")?,
            "ConversationIndex" => self.conversation_index = Some(reader.text()?),
            "ConversationTopic" => self.conversation_topic = Some(reader.text()?),
            "InternetMessageId" => self.internet_message_id = Some(reader.text()?),
            "References" => self.references = Some(reader.text()?),
            "From" => self.from = read_mailboxes(reader)?.into_iter().next(),
            "Sender" => self.sender = read_mailboxes(reader)?.into_iter().next(),
            "ToRecipients" => self.to_recipients = read_mailboxes(reader)?,
            "CcRecipients" => self.cc_recipients = read_mailboxes(reader)?,
            "BccRecipients" => self.bcc_recipients = read_mailboxes(reader)?,
            "ReplyTo" => self.reply_to = read_mailboxes(reader)?,
            "ExtendedProperty" => read_extended(reader, &mut self.extended)?,
            _ => {}
        }
        Ok(())
    }
}

impl ItemBody {
    fn read(reader: &mut Reader<'_>, element: &Element<'_>) -> Result<Self, Malformed> {
        let body_type = element.parsed("Body", "BodyType")?.unwrap_or(BodyType::Text);
        let is_truncated = element.boolean("Body", "IsTruncated")?.unwrap_or(false);
        Ok(Self { body_type, content: reader.text()?, is_truncated })
    }
}

/// `None` when a newer server has a status that we do not know: then there is nothing that we could carry over.
fn read_flag(reader: &mut Reader<'_>) -> Result<Option<Flag>, Malformed> {
    let mut status = None;
    let mut flag = Flag::new(FlagStatus::NotFlagged);
    reader.children(|reader, element| {
        match element.name() {
            (Ns::Types, "FlagStatus") => status = reader.text()?.trim().parse().ok(),
            (Ns::Types, "StartDate") => flag.start_date = Some(reader.timestamp("StartDate")?),
            (Ns::Types, "DueDate") => flag.due_date = Some(reader.timestamp("DueDate")?),
            (Ns::Types, "CompleteDate") => flag.complete_date = Some(reader.timestamp("CompleteDate")?),
            _ => {}
        }
        Ok(())
    })?;
    Ok(status.map(|status| Flag { status, ..flag }))
}

fn read_strings(reader: &mut Reader<'_>) -> Result<Vec<String>, Malformed> {
    let mut strings = Vec::new();
    reader.children(|reader, element| {
        if element.name() == (Ns::Types, "String") {
            strings.push(reader.text()?);
        }
        Ok(())
    })?;
    Ok(strings)
}

/// The `t:Mailbox` elements inside an element.
pub fn read_mailboxes(reader: &mut Reader<'_>) -> Result<Vec<EmailAddress>, Malformed> {
    let mut mailboxes = Vec::new();
    reader.children(|reader, element| {
        if element.name() == (Ns::Types, "Mailbox") {
            mailboxes.push(read_mailbox(reader)?);
        }
        Ok(())
    })?;
    Ok(mailboxes)
}

pub fn read_mailbox(reader: &mut Reader<'_>) -> Result<EmailAddress, Malformed> {
    let mut mailbox = EmailAddress::default();
    reader.children(|reader, element| {
        let part = match element.name() {
            (Ns::Types, "Name") => &mut mailbox.name,
            (Ns::Types, "EmailAddress") => &mut mailbox.address,
            (Ns::Types, "RoutingType") => &mut mailbox.routing_type,
            (Ns::Types, "MailboxType") => &mut mailbox.mailbox_type,
            _ => return Ok(()),
        };
        *part = Some(reader.text()?);
        Ok(())
    })?;
    Ok(mailbox)
}

fn read_extended(reader: &mut Reader<'_>, to: &mut Vec<(ExtendedPropertyUri, String)>) -> Result<(), Malformed> {
    let mut uri = None;
    let mut values = Vec::new();
    reader.children(|reader, element| {
        match element.name() {
            (Ns::Types, "ExtendedFieldURI") => uri = ExtendedPropertyUri::read(element)?,
            (Ns::Types, "Value") => values.push(reader.text()?),
            (Ns::Types, "Values") => reader.children(|reader, element| {
                if element.name() == (Ns::Types, "Value") {
                    values.push(reader.text()?);
                }
                Ok(())
            })?,
            _ => {}
        }
        Ok(())
    })?;
    if let Some(uri) = uri {
        to.extend(values.into_iter().map(|value| (uri.clone(), value)));
    }
    Ok(())
}

fn read_attachments(reader: &mut Reader<'_>) -> Result<Vec<AttachmentInfo>, Malformed> {
    let mut attachments = Vec::new();
    reader.children(|reader, element| {
        if let Some(kind) = attachment_kind(element) {
            attachments.push(read_attachment(reader, kind, |_, _| Ok(()))?);
        }
        Ok(())
    })?;
    Ok(attachments)
}

pub fn attachment_kind(element: &Element<'_>) -> Option<AttachmentKind> {
    match element.name() {
        (Ns::Types, "FileAttachment") => Some(AttachmentKind::File),
        (Ns::Types, "ItemAttachment") => Some(AttachmentKind::Item),
        (Ns::Types, "ReferenceAttachment") => Some(AttachmentKind::Reference),
        _ => None,
    }
}

/// An attachment; what is not known about it goes to `other`, its content first of all.
pub fn read_attachment(
    reader: &mut Reader<'_>,
    kind: AttachmentKind,
    mut other: impl FnMut(&mut Reader<'_>, &Element<'_>) -> Result<(), Malformed>,
) -> Result<AttachmentInfo, Malformed> {
    let mut id = None;
    let mut info = AttachmentInfo {
        id: AttachmentId::new(""),
        name: None,
        content_type: None,
        content_id: None,
        content_location: None,
        is_inline: false,
        size: None,
        kind,
    };
    reader.children(|reader, element| {
        match element.name() {
            (Ns::Types, "AttachmentId") => id = Some(AttachmentId::read(element)?),
            (Ns::Types, "Name") => info.name = Some(reader.text()?),
            (Ns::Types, "ContentType") => info.content_type = Some(reader.text()?),
            (Ns::Types, "ContentId") => info.content_id = Some(without_angle_brackets(&reader.text()?).to_owned()),
            (Ns::Types, "ContentLocation") => info.content_location = Some(reader.text()?),
            (Ns::Types, "IsInline") => info.is_inline = reader.boolean("IsInline")?,
            (Ns::Types, "Size") => info.size = Some(reader.parsed("Size")?),
            _ => other(reader, element)?,
        }
        Ok(())
    })?;
    info.id = id.ok_or(Malformed::Lacks("the AttachmentId of an attachment"))?;
    Ok(info)
}

fn without_angle_brackets(content_id: &str) -> &str {
    content_id.strip_prefix('<').and_then(|id| id.strip_suffix('>')).unwrap_or(content_id)
}

/// A page of a view: how many there are in all, whether these are the last, and where the next begin.
pub fn read_page(element: &Element<'_>) -> Result<(Option<u32>, bool, Option<u32>), Malformed> {
    let total = element.parsed("RootFolder", "TotalItemsInView")?;
    let next = element.parsed("RootFolder", "IndexedPagingOffset")?;
    let last = element.boolean("RootFolder", "IncludesLastItemInRange")?.unwrap_or(next.is_none());
    Ok((total, last, next))
}
