//! The wire form of properties: their names and their values.

use super::read::Element;
use super::write::Writer;
use crate::ews::error::Malformed;
use crate::ews::item::{EmailAddress, Flag};
use crate::ews::property::{ExtendedPropertyUri, Property, PropertyPath, PropertySet, PropertyType};

impl PropertyPath {
    pub fn write(&self, to: &mut Writer) {
        match self {
            Self::Field(uri) => {
                to.start("t:FieldURI").attribute("FieldURI", uri.as_str()).end();
            }
            Self::Header(name) => {
                to.start("t:IndexedFieldURI")
                    .attribute("FieldURI", "item:InternetMessageHeader")
                    .attribute("FieldIndex", name)
                    .end();
            }
            Self::Extended(uri) => uri.write(to),
        }
    }

    /// `t:AdditionalProperties`, unless there are none.
    pub fn write_additional(paths: &[Self], to: &mut Writer) {
        if !paths.is_empty() {
            to.start("t:AdditionalProperties");
            for path in paths {
                path.write(to);
            }
            to.end();
        }
    }
}

impl ExtendedPropertyUri {
    pub fn write(&self, to: &mut Writer) {
        to.start("t:ExtendedFieldURI");
        let set_of = |set: &PropertySet, to: &mut Writer| match set {
            PropertySet::Distinguished(set) => {
                to.attribute("DistinguishedPropertySetId", set.as_str());
            }
            PropertySet::Guid(guid) => {
                to.attribute("PropertySetId", guid);
            }
        };
        match self {
            Self::Tag { tag, .. } => {
                to.attribute("PropertyTag", &format!("0x{tag:04X}"));
            }
            Self::Named { set, name, .. } => {
                set_of(set, to);
                to.attribute("PropertyName", name);
            }
            Self::Id { set, id, .. } => {
                set_of(set, to);
                to.attribute("PropertyId", &id.to_string());
            }
        }
        to.attribute("PropertyType", self.property_type().as_str()).end();
    }

    /// `None` for a form or a type that we never ask for.
    pub fn read(element: &Element<'_>) -> Result<Option<Self>, Malformed> {
        let Some(property_type) = element.attribute("PropertyType")?.and_then(|word| word.parse::<PropertyType>().ok())
        else {
            return Ok(None);
        };
        if let Some(tag) = element.attribute("PropertyTag")? {
            let number = match tag.strip_prefix("0x").or_else(|| tag.strip_prefix("0X")) {
                Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok(),
                None => tag.parse().ok(),
            };
            return Ok(number.and_then(|tag| u16::try_from(tag).ok()).map(|tag| Self::Tag { tag, property_type }));
        }
        let set = if let Some(word) = element.attribute("DistinguishedPropertySetId")? {
            word.parse().ok().map(PropertySet::Distinguished)
        } else {
            let guid = element.attribute("PropertySetId")?;
            guid.map(|guid| PropertySet::Guid(guid.trim_matches(['{', '}']).to_lowercase().into()))
        };
        let Some(set) = set else { return Ok(None) };
        if let Some(name) = element.attribute("PropertyName")? {
            return Ok(Some(Self::Named { set, name: name.into(), property_type }));
        }
        let id = element.attribute("PropertyId")?.and_then(|id| id.parse().ok());
        Ok(id.map(|id| Self::Id { set, id, property_type }))
    }
}

impl Property {
    /// The place of the property in the sequence of elements that the schema prescribes for a message.
    fn rank(&self) -> u8 {
        match self {
            Self::ItemClass(_) => 0,
            Self::Subject(_) => 1,
            Self::Sensitivity(_) => 2,
            Self::Body(_) => 3,
            Self::Categories(_) => 4,
            Self::Importance(_) => 5,
            Self::InReplyTo(_) => 6,
            Self::ReminderDueBy(_) => 7,
            Self::ReminderIsSet(_) => 8,
            Self::ReminderMinutesBeforeStart(_) => 9,
            Self::Extended(..) => 10,
            Self::Flag(_) => 11,
            Self::Sender(_) => 12,
            Self::ToRecipients(_) => 13,
            Self::CcRecipients(_) => 14,
            Self::BccRecipients(_) => 15,
            Self::IsReadReceiptRequested(_) => 16,
            Self::IsDeliveryReceiptRequested(_) => 17,
            Self::From(_) => 18,
            Self::InternetMessageId(_) => 19,
            Self::IsRead(_) => 20,
            Self::References(_) => 21,
            Self::ReplyTo(_) => 22,
        }
    }

    /// Writes properties in the order that the schema asks for.
    pub fn write_all(properties: &[Self], to: &mut Writer) {
        let mut ordered: Vec<&Self> = properties.iter().collect();
        ordered.sort_by_key(|property| property.rank());
        for property in ordered {
            property.write(to);
        }
    }

    pub fn write(&self, to: &mut Writer) {
        match self {
            Self::ItemClass(class) => to.element("t:ItemClass", class),
            Self::Subject(subject) => to.element("t:Subject", subject),
            Self::Sensitivity(sensitivity) => to.element("t:Sensitivity", sensitivity.as_str()),
            Self::Body(body) => {
                to.start("t:Body").attribute("BodyType", body.body_type.as_str()).text(&body.content).end()
            }
            Self::Categories(categories) => {
                to.start("t:Categories");
                for category in categories {
                    to.element("t:String", category);
                }
                to.end()
            }
            Self::Importance(importance) => to.element("t:Importance", importance.as_str()),
            Self::InReplyTo(id) => to.element("t:InReplyTo", id),
            Self::ReminderDueBy(time) => to.element("t:ReminderDueBy", &time.to_string()),
            Self::ReminderIsSet(set) => to.boolean("t:ReminderIsSet", *set),
            Self::ReminderMinutesBeforeStart(minutes) => {
                to.element("t:ReminderMinutesBeforeStart", &minutes.to_string())
            }
            Self::Flag(flag) => write_flag(flag, to),
            Self::Sender(sender) => {
                to.start("t:Sender");
                sender.write(to);
                to.end()
            }
            Self::ToRecipients(list) => write_recipients("t:ToRecipients", list, to),
            Self::CcRecipients(list) => write_recipients("t:CcRecipients", list, to),
            Self::BccRecipients(list) => write_recipients("t:BccRecipients", list, to),
            Self::IsReadReceiptRequested(wanted) => to.boolean("t:IsReadReceiptRequested", *wanted),
            Self::IsDeliveryReceiptRequested(wanted) => to.boolean("t:IsDeliveryReceiptRequested", *wanted),
            Self::From(from) => {
                to.start("t:From");
                from.write(to);
                to.end()
            }
            Self::InternetMessageId(id) => to.element("t:InternetMessageId", id),
            Self::IsRead(read) => to.boolean("t:IsRead", *read),
            Self::References(references) => to.element("t:References", references),
            Self::ReplyTo(list) => write_recipients("t:ReplyTo", list, to),
            Self::Extended(uri, value) => {
                to.start("t:ExtendedProperty");
                uri.write(to);
                to.element("t:Value", value).end()
            }
        };
    }
}

fn write_flag<'w>(flag: &Flag, to: &'w mut Writer) -> &'w mut Writer {
    to.start("t:Flag").element("t:FlagStatus", flag.status.as_str());
    let dates =
        [("t:StartDate", flag.start_date), ("t:DueDate", flag.due_date), ("t:CompleteDate", flag.complete_date)];
    for (element, date) in dates {
        if let Some(date) = date {
            to.element(element, &date.to_string());
        }
    }
    to.end()
}

fn write_recipients<'w>(element: &'static str, list: &[EmailAddress], to: &'w mut Writer) -> &'w mut Writer {
    to.start(element);
    for recipient in list {
        recipient.write(to);
    }
    to.end()
}

impl EmailAddress {
    /// `t:Mailbox`
    fn write(&self, to: &mut Writer) {
        to.start("t:Mailbox");
        let parts = [
            ("t:Name", &self.name),
            ("t:EmailAddress", &self.address),
            ("t:RoutingType", &self.routing_type),
            ("t:MailboxType", &self.mailbox_type),
        ];
        for (element, value) in parts {
            if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
                to.element(element, value);
            }
        }
        to.end();
    }
}
