//! What a request sets on an item: elements of an item, read and applied.

use roxmltree::Node;

use super::fields::{Field, Writable};
use super::mapi::{self, Edit};
use super::paths::Path;
use super::problem::Problem;
use crate::sandbox::directory::{Directory, Recipient};
use crate::sandbox::store::draft::{NewAttachment, NewItem};
use crate::sandbox::store::mime_in;
use crate::sandbox::store::model::{Address, FollowUp, Millis, flags};
use crate::sandbox::store::property::{self, PropertyKey, PropertyType, PropertyValue, Scalar};
use crate::sandbox::store::{BodyKind, FlagStatus};

/// A property and its value as a request gives it.
#[derive(Debug, Clone, PartialEq)]
pub enum Setting {
    Mime(Box<NewItem>),
    Class(String),
    Subject(String),
    Sensitivity(u8),
    Body(BodyKind, String),
    Categories(Vec<String>),
    Importance(u8),
    InReplyTo(String),
    ReminderDueBy(Millis),
    ReminderIsSet(bool),
    ReminderMinutes(i64),
    Culture(String),
    Flag(FollowUp),
    Sender(Address),
    From(Address),
    To(Vec<Address>),
    Cc(Vec<Address>),
    Bcc(Vec<Address>),
    ReplyTo(Vec<Address>),
    IsReadReceiptRequested(bool),
    IsDeliveryReceiptRequested(bool),
    InternetMessageId(String),
    IsRead(bool),
    IsResponseRequested(bool),
    References(String),
    Extended(PropertyKey, PropertyValue),
}

/// What reading an item needs to know.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    pub directory: &'a Directory,
    pub now: Millis,
}

impl Setting {
    /// Reads an element of an item.
    pub fn read(node: Node<'_, '_>, reading: Reading<'_>) -> Result<Self, Problem> {
        let name = node.tag_name().name();
        if name == "ExtendedProperty" {
            let (key, value) = extended(node)?;
            return Ok(Self::Extended(key, value));
        }
        let text = || text(node);
        let on = || matches!(text().trim(), "true" | "1");
        let field = Field::from_element(name);
        let read_only = || {
            let path = field.map_or_else(String::new, |field| Path::Field(field).xml());
            Problem::property_set(&path)
        };
        Ok(match field.ok_or_else(read_only)? {
            Field::MimeContent => Self::Mime(Box::new(mime(node, reading.now)?)),
            Field::ItemClass => Self::Class(text()),
            Field::Subject => Self::Subject(text()),
            Field::Sensitivity => Self::Sensitivity(word(&text(), &["Normal", "Personal", "Private", "Confidential"])),
            Field::Body => {
                let html = node.attribute("BodyType") == Some("HTML");
                Self::Body(if html { BodyKind::Html } else { BodyKind::Text }, text())
            }
            Field::Categories => Self::Categories(children(node).map(self::text).collect()),
            Field::Importance => Self::Importance(word(&text(), &["Low", "Normal", "High"])),
            Field::InReplyTo => Self::InReplyTo(text()),
            Field::ReminderDueBy => Self::ReminderDueBy(time(&text())),
            Field::ReminderIsSet => Self::ReminderIsSet(on()),
            Field::ReminderMinutesBeforeStart => Self::ReminderMinutes(text().trim().parse().unwrap_or_default()),
            Field::Culture => Self::Culture(text()),
            Field::Flag => Self::Flag(follow_up(node)),
            Field::Sender => Self::Sender(one_address(node, reading.directory)?),
            Field::From => Self::From(one_address(node, reading.directory)?),
            Field::ToRecipients => Self::To(addresses(node, reading.directory)?),
            Field::CcRecipients => Self::Cc(addresses(node, reading.directory)?),
            Field::BccRecipients => Self::Bcc(addresses(node, reading.directory)?),
            Field::ReplyTo => Self::ReplyTo(addresses(node, reading.directory)?),
            Field::IsReadReceiptRequested => Self::IsReadReceiptRequested(on()),
            Field::IsDeliveryReceiptRequested => Self::IsDeliveryReceiptRequested(on()),
            Field::InternetMessageId => Self::InternetMessageId(text()),
            Field::IsRead => Self::IsRead(on()),
            Field::IsResponseRequested => Self::IsResponseRequested(on()),
            Field::References => Self::References(text()),
            _ => return Err(read_only()),
        })
    }

    /// The path of what it sets.
    pub fn path(&self) -> Path {
        Path::Field(match self {
            Self::Extended(key, _) => return Path::Extended(key.clone()),
            Self::Mime(_) => Field::MimeContent,
            Self::Class(_) => Field::ItemClass,
            Self::Subject(_) => Field::Subject,
            Self::Sensitivity(_) => Field::Sensitivity,
            Self::Body(..) => Field::Body,
            Self::Categories(_) => Field::Categories,
            Self::Importance(_) => Field::Importance,
            Self::InReplyTo(_) => Field::InReplyTo,
            Self::ReminderDueBy(_) => Field::ReminderDueBy,
            Self::ReminderIsSet(_) => Field::ReminderIsSet,
            Self::ReminderMinutes(_) => Field::ReminderMinutesBeforeStart,
            Self::Culture(_) => Field::Culture,
            Self::Flag(_) => Field::Flag,
            Self::Sender(_) => Field::Sender,
            Self::From(_) => Field::From,
            Self::To(_) => Field::ToRecipients,
            Self::Cc(_) => Field::CcRecipients,
            Self::Bcc(_) => Field::BccRecipients,
            Self::ReplyTo(_) => Field::ReplyTo,
            Self::IsReadReceiptRequested(_) => Field::IsReadReceiptRequested,
            Self::IsDeliveryReceiptRequested(_) => Field::IsDeliveryReceiptRequested,
            Self::InternetMessageId(_) => Field::InternetMessageId,
            Self::IsRead(_) => Field::IsRead,
            Self::IsResponseRequested(_) => Field::IsResponseRequested,
            Self::References(_) => Field::References,
        })
    }

    /// Sets it. MIME is for the caller, who has the whole item.
    pub fn apply(self, edit: &mut Edit) -> Result<(), Problem> {
        let item = &mut edit.item;
        match self {
            Self::Mime(_) => {}
            Self::Class(class) => item.class = class,
            Self::Subject(subject) => {
                item.subject = subject;
                if edit.creating {
                    item.conversation_topic.clear();
                }
            }
            Self::Sensitivity(value) => item.sensitivity = value,
            Self::Body(kind, body) => edit.body = Some((kind, body)),
            Self::Categories(categories) => item.categories = categories,
            Self::Importance(value) => item.importance = value,
            Self::InReplyTo(id) => item.in_reply_to = Some(id),
            Self::ReminderDueBy(time) => item.reminder.due = Some(time),
            Self::ReminderIsSet(on) => item.reminder.set = on,
            Self::ReminderMinutes(minutes) => item.reminder.minutes = minutes,
            Self::Culture(culture) => item.culture = Some(culture),
            Self::Flag(flag) => item.follow_up = flag,
            Self::Sender(address) => item.sender = Some(address),
            Self::From(address) => {
                if item.sender.is_none() {
                    item.sender = Some(address.clone());
                }
                item.from = Some(address);
            }
            Self::To(addresses) => item.to = addresses,
            Self::Cc(addresses) => item.cc = addresses,
            Self::Bcc(addresses) => item.bcc = addresses,
            Self::ReplyTo(addresses) => item.reply_to = addresses,
            Self::IsReadReceiptRequested(on) => item.read_receipt_requested = on,
            Self::IsDeliveryReceiptRequested(on) => item.delivery_receipt_requested = on,
            Self::InternetMessageId(id) => item.message_id = Some(id),
            Self::IsRead(on) => item.set(flags::READ, on),
            Self::IsResponseRequested(on) => item.response_requested = on,
            Self::References(references) => item.references = Some(references),
            Self::Extended(key, value) => {
                let path = Path::Extended(key.clone()).xml();
                mapi::set(edit, &key, &value, &path)?;
            }
        }
        Ok(())
    }

    /// Adds it to what is there. Bodies are for the caller, who has the present one.
    pub fn append(self, edit: &mut Edit) -> Result<(), Problem> {
        let item = &mut edit.item;
        match self {
            Self::To(mut more) => item.to.append(&mut more),
            Self::Cc(mut more) => item.cc.append(&mut more),
            Self::Bcc(mut more) => item.bcc.append(&mut more),
            Self::ReplyTo(mut more) => item.reply_to.append(&mut more),
            other => {
                let path = other.path().xml();
                return Err(
                    Problem::new("ErrorInvalidPropertyAppend", "Append action is invalid for property.").about(&path)
                );
            }
        }
        Ok(())
    }
}

/// Takes a property away.
pub fn delete(path: &Path, edit: &mut Edit) -> Result<(), Problem> {
    let invalid =
        || Problem::new("ErrorInvalidPropertyDelete", "Delete action is invalid for property.").about(&path.xml());
    let field = match path {
        Path::Extended(key) => return mapi::delete(edit, key, &path.xml()),
        Path::Field(field) if field.info().is_some_and(|info| info.deletable) => *field,
        _ => return Err(invalid()),
    };
    let item = &mut edit.item;
    match field {
        Field::Subject => item.subject.clear(),
        Field::Body => edit.body = Some((BodyKind::Text, String::new())),
        Field::Categories => item.categories.clear(),
        Field::InReplyTo => item.in_reply_to = None,
        Field::ReminderDueBy => item.reminder.due = None,
        Field::Culture => item.culture = None,
        Field::Flag => item.follow_up = FollowUp::default(),
        Field::Sender => item.sender = None,
        Field::From => item.from = None,
        Field::ToRecipients => item.to.clear(),
        Field::CcRecipients => item.cc.clear(),
        Field::BccRecipients => item.bcc.clear(),
        Field::ReplyTo => item.reply_to.clear(),
        Field::InternetMessageId => item.message_id = None,
        Field::References => item.references = None,
        _ => return Err(invalid()),
    }
    Ok(())
}

/// Whether a property may be changed on an item that is a draft, or has been sent.
pub fn may_change(path: &Path, draft: bool) -> Result<(), Problem> {
    let writable = match path {
        Path::Field(field) => field.info().map_or(Writable::Never, |info| info.writable),
        Path::Extended(_) => Writable::Always,
        Path::Uri(_) | Path::Header(_) | Path::Indexed(..) => Writable::Never,
    };
    match writable {
        Writable::Always => Ok(()),
        Writable::UntilSent if draft => Ok(()),
        Writable::UntilSent => Err(Problem::sent_message(&path.xml())),
        Writable::Never => Err(Problem::property_set(&path.xml())),
    }
}

/// Reads a whole item: its properties and attachments. Only mail can be made.
pub fn new_item(node: Node<'_, '_>, reading: Reading<'_>) -> Result<NewItem, Problem> {
    let class = match node.tag_name().name() {
        "Message" => "IPM.Note",
        "Item" => "IPM",
        "PostItem" => "IPM.Post",
        _ => {
            return Err(Problem::new(
                "ErrorInvalidItemForOperationCreateItem",
                "Invalid item for CreateItem operation: this organisation keeps mail only.",
            ));
        }
    };
    let mut new = NewItem::blank(class, reading.now);
    new.item.set(flags::UNSENT, true);
    new.item.set(flags::UNMODIFIED, true);
    let mut settings = Vec::new();
    for child in children(node) {
        match child.tag_name().name() {
            "Attachments" => {
                for attachment in children(child) {
                    new.attachments.push(new_attachment(attachment, reading)?);
                }
            }
            _ => match Setting::read(child, reading)? {
                Setting::Mime(mime) => {
                    let attachments = std::mem::take(&mut new.attachments);
                    new = *mime;
                    new.item.flags |= flags::UNSENT | flags::UNMODIFIED;
                    new.attachments.extend(attachments);
                }
                setting => settings.push(setting),
            },
        }
    }
    let mut edit = Edit { item: new.item.clone(), body: None, headers: None, creating: true };
    for setting in settings {
        setting.apply(&mut edit)?;
    }
    new.item = edit.item;
    if let Some(headers) = edit.headers {
        new.headers = headers;
    }
    if let Some((kind, body)) = edit.body {
        new.set_body(kind, &body);
    }
    Ok(new)
}

/// Reads an attachment with its content.
pub fn new_attachment(node: Node<'_, '_>, reading: Reading<'_>) -> Result<NewAttachment, Problem> {
    let child = |name: &str| children(node).find(|child| child.tag_name().name() == name);
    let given = |name: &str| child(name).map(text).filter(|text| !text.is_empty());
    let name = given("Name").unwrap_or_default();
    let mut new = match node.tag_name().name() {
        "FileAttachment" => {
            let content = child("Content").map(|content| content.text().unwrap_or_default()).unwrap_or_default();
            let bytes = property::base64(content)
                .ok_or_else(|| Problem::new("ErrorInvalidRequest", "The content of the attachment is not base64."))?;
            NewAttachment::file(name, bytes.into(), reading.now)
        }
        "ItemAttachment" => {
            const PLAIN: &[&str] = &[
                "AttachmentId",
                "Name",
                "ContentType",
                "ContentId",
                "ContentLocation",
                "Size",
                "LastModifiedTime",
                "IsInline",
            ];
            let item = children(node).find(|child| !PLAIN.contains(&child.tag_name().name()));
            let item = item.ok_or_else(|| {
                Problem::new("ErrorMissingItemForCreateItemAttachment", "The item for the attachment is missing.")
            })?;
            let mut item = new_item(item, reading)?;
            item.complete();
            NewAttachment::item(name, item, reading.now)
        }
        _ => {
            return Err(Problem::new(
                "ErrorInvalidRequest",
                "Reference attachments can't be created here: there is nothing that they could refer to.",
            ));
        }
    };
    new.attachment.content_type = given("ContentType").unwrap_or_default();
    new.attachment.content_id = given("ContentId").map(|id| id.trim_matches(['<', '>']).to_owned());
    new.attachment.content_location = given("ContentLocation");
    new.attachment.inline = given("IsInline").is_some_and(|text| matches!(text.trim(), "true" | "1"));
    if new.attachment.content_type.is_empty() && node.tag_name().name() == "FileAttachment" {
        guessed_type(&new.attachment.name).clone_into(&mut new.attachment.content_type);
    }
    Ok(new)
}

/// A content type for a name, as Exchange looks it up from the extension.
fn guessed_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).as_deref() {
        Some("txt") => "text/plain",
        Some("htm" | "html") => "text/html",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("gif") => "image/gif",
        Some("pdf") => "application/pdf",
        Some("docx") => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        Some("xlsx") => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        Some("zip") => "application/x-zip-compressed",
        _ => "application/octet-stream",
    }
}

/// Elements in an element.
pub fn children<'a, 'input>(node: Node<'a, 'input>) -> impl Iterator<Item = Node<'a, 'input>> {
    node.children().filter(Node::is_element)
}

/// All text in an element.
pub fn text(node: Node<'_, '_>) -> String {
    node.children().filter(Node::is_text).filter_map(|child| child.text()).collect()
}

fn word(text: &str, words: &[&str]) -> u8 {
    let at = words.iter().position(|word| *word == text.trim()).unwrap_or_default();
    u8::try_from(at).unwrap_or_default()
}

fn time(text: &str) -> Millis {
    property::date_time(text).unwrap_or_default()
}

fn follow_up(node: Node<'_, '_>) -> FollowUp {
    let mut flag = FollowUp::default();
    for child in children(node) {
        let text = text(child);
        match child.tag_name().name() {
            "FlagStatus" => {
                flag.status = match text.trim() {
                    "Flagged" => FlagStatus::Flagged,
                    "Complete" => FlagStatus::Complete,
                    _ => FlagStatus::NotFlagged,
                };
            }
            "StartDate" => flag.start = property::date_time(&text),
            "DueDate" => flag.due = property::date_time(&text),
            _ => flag.complete = property::date_time(&text),
        }
    }
    flag
}

fn one_address(node: Node<'_, '_>, directory: &Directory) -> Result<Address, Problem> {
    addresses(node, directory)?.into_iter().next().ok_or_else(invalid_recipients)
}

fn addresses(node: Node<'_, '_>, directory: &Directory) -> Result<Vec<Address>, Problem> {
    children(node).map(|mailbox| address(mailbox, directory)).collect()
}

/// Reads `Mailbox`. A known address without a name gets the name of the directory.
pub fn address(mailbox: Node<'_, '_>, directory: &Directory) -> Result<Address, Problem> {
    let part = |name| children(mailbox).find(|child| child.tag_name().name() == name).map(text).unwrap_or_default();
    let mut address = Address { name: part("Name").trim().to_owned(), address: part("EmailAddress").trim().to_owned() };
    if address.address.is_empty() {
        if address.name.is_empty() {
            return Err(invalid_recipients());
        }
        let named = |recipient: &Recipient| recipient.display_name().eq_ignore_ascii_case(&address.name);
        let people = directory.people().into_iter().map(Recipient::Person);
        let groups = directory.groups().into_iter().map(Recipient::Group);
        if let Some(found) = people.chain(groups).find(named) {
            found.primary().clone_into(&mut address.address);
        }
    } else if address.name.is_empty() {
        match directory.find(&address.address) {
            Some(known) => known.display_name().clone_into(&mut address.name),
            None => address.name.clone_from(&address.address),
        }
    }
    Ok(address)
}

fn invalid_recipients() -> Problem {
    Problem::new(
        "ErrorInvalidRecipients",
        "At least one recipient isn't valid., A message can't be sent because it contains no recipients.",
    )
}

fn mime(node: Node<'_, '_>, now: Millis) -> Result<NewItem, Problem> {
    let raw = property::base64(node.text().unwrap_or_default()).ok_or_else(|| {
        Problem::new("ErrorMimeContentInvalidBase64String", "The MIME content is not a valid base64 string.")
    })?;
    mime_in::item(&raw, now).ok_or_else(|| Problem::new("ErrorMimeContentInvalid", "The MIME content is invalid."))
}

fn extended(node: Node<'_, '_>) -> Result<(PropertyKey, PropertyValue), Problem> {
    let Path::Extended(key) = Path::child(node)? else {
        return Err(Problem::new("ErrorInvalidExtendedProperty", "The extended property is invalid."));
    };
    let values: Vec<String> = children(node)
        .flat_map(|child| match child.tag_name().name() {
            "Value" => vec![text(child)],
            "Values" => children(child).map(text).collect(),
            _ => Vec::new(),
        })
        .collect();
    let single = children(node).any(|child| child.tag_name().name() == "Value");
    let invalid = || {
        let path = Path::Extended(key.clone()).xml();
        Problem::new("ErrorInvalidExtendedPropertyValue", "The specified value is invalid for the extended property.")
            .about(&path)
    };
    if single == key.kind.array {
        return Err(invalid());
    }
    let value = parsed(key.kind, &values).ok_or_else(invalid)?;
    Ok((key, value))
}

/// Values of a type.
pub fn parsed(kind: PropertyType, values: &[String]) -> Option<PropertyValue> {
    let mut scalars = values.iter().map(|text| Scalar::parse(kind.base, text)).collect::<Option<Vec<_>>>()?;
    if kind.array { Some(PropertyValue::Many(scalars)) } else { scalars.pop().map(PropertyValue::One) }
}
