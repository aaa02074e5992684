//! Values of properties as restrictions and sort orders compare them.

use std::cmp::Ordering;

use super::fields::Field;
use super::mapi::{self, View};
use super::paths::Path;
use super::problem::Problem;
use crate::sandbox::store::headers;
use crate::sandbox::store::model::{Address, flags};
use crate::sandbox::store::property::{self, BaseType, PropertyValue, Scalar};
use crate::sandbox::store::readback::{IMPORTANCE, SENSITIVITY};

/// What kind of values a property has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// A word of the protocol with an order of its own.
    Word(&'static [&'static str]),
    Boolean,
    Integer,
    Real,
    Time,
    Binary,
}

impl Kind {
    /// The kind of a property; none when queries can't use it.
    pub fn of(path: &Path) -> Option<Self> {
        match path {
            Path::Field(field) => {
                let known = field.info().is_some_and(|info| info.query);
                known.then(|| Self::of_field(*field))
            }
            Path::Extended(key) => Some(match key.kind.base {
                BaseType::String | BaseType::Clsid => Self::Text,
                BaseType::Boolean => Self::Boolean,
                BaseType::Short | BaseType::Integer | BaseType::Long | BaseType::Currency => Self::Integer,
                BaseType::Double | BaseType::Float | BaseType::ApplicationTime => Self::Real,
                BaseType::SystemTime => Self::Time,
                BaseType::Binary => Self::Binary,
            }),
            Path::Uri(uri)
                if matches!(uri.as_str(), "folder:TotalCount" | "folder:UnreadCount" | "folder:ChildFolderCount") =>
            {
                Some(Self::Integer)
            }
            // Known to the schema, and absent from mail: like any property without value.
            Path::Header(_) | Path::Uri(_) | Path::Indexed(..) => Some(Self::Text),
        }
    }

    fn of_field(field: Field) -> Self {
        match field {
            Field::Importance => Self::Word(&IMPORTANCE),
            Field::Sensitivity => Self::Word(&SENSITIVITY),
            Field::DateTimeReceived
            | Field::DateTimeSent
            | Field::DateTimeCreated
            | Field::LastModifiedTime
            | Field::ReminderDueBy => Self::Time,
            Field::Size | Field::ReminderMinutesBeforeStart => Self::Integer,
            Field::IsSubmitted
            | Field::IsDraft
            | Field::IsFromMe
            | Field::IsResend
            | Field::IsUnmodified
            | Field::HasAttachments
            | Field::IsAssociated
            | Field::IsRead
            | Field::IsReadReceiptRequested
            | Field::IsDeliveryReceiptRequested
            | Field::IsResponseRequested
            | Field::ReminderIsSet => Self::Boolean,
            _ => Self::Text,
        }
    }

    /// Reads a constant to compare with.
    pub fn constant(self, text: &str, path: &Path) -> Result<Scalar, Problem> {
        let base = match self {
            Self::Text => BaseType::String,
            Self::Boolean => BaseType::Boolean,
            Self::Integer => BaseType::Long,
            Self::Real => BaseType::Double,
            Self::Time => BaseType::SystemTime,
            Self::Binary => BaseType::Binary,
            Self::Word(words) => {
                let at = words.iter().position(|word| *word == text);
                return at.and_then(|at| i64::try_from(at).ok()).map(Scalar::Integer).ok_or_else(|| invalid(path));
            }
        };
        Scalar::parse(base, text).ok_or_else(|| invalid(path))
    }
}

fn invalid(path: &Path) -> Problem {
    Problem::new("ErrorInvalidValueForProperty", "The specified value is invalid for property.").about(&path.xml())
}

/// The values that a property of an item has: none, one, or those of a list.
pub fn values(view: View<'_>, path: &Path) -> Vec<Scalar> {
    match path {
        Path::Field(field) => field_values(view, *field),
        Path::Header(name) => {
            let found = view.content.and_then(|content| headers::field(&content.headers, name));
            found.map(Scalar::Text).into_iter().collect()
        }
        Path::Extended(key) => match mapi::value(view, key) {
            Some(PropertyValue::One(value)) => vec![value],
            Some(PropertyValue::Many(values)) => values,
            None => Vec::new(),
        },
        Path::Uri(_) | Path::Indexed(..) => Vec::new(),
    }
}

fn field_values(view: View<'_>, field: Field) -> Vec<Scalar> {
    let item = view.item;
    let text = |text: &str| vec![Scalar::Text(text.to_owned())];
    let optional = |value: &Option<String>| value.iter().cloned().map(Scalar::Text).collect();
    let time = |time: Option<i64>| time.map(Scalar::Time).into_iter().collect();
    let flag = |flag| vec![Scalar::Boolean(item.has(flag))];
    let on = |on| vec![Scalar::Boolean(on)];
    let who = |who: &Option<Address>| {
        let both = who.iter().flat_map(|who| [who.display().to_owned(), who.address.clone()]);
        both.map(Scalar::Text).collect()
    };
    match field {
        Field::ItemClass => text(&item.class),
        Field::Subject => text(&item.subject),
        Field::Sensitivity => vec![Scalar::Integer(item.sensitivity.into())],
        Field::Importance => vec![Scalar::Integer(item.importance.into())],
        Field::Body => view.content.map_or_else(Vec::new, |content| text(&mapi::plain_body(item, content))),
        Field::DateTimeReceived => time(Some(item.received.unwrap_or(item.created))),
        Field::DateTimeSent => time(Some(item.sent.unwrap_or(item.created))),
        Field::DateTimeCreated => time(Some(item.created)),
        Field::LastModifiedTime => time(Some(item.modified)),
        Field::ReminderDueBy => time(item.reminder.due),
        Field::Size => vec![Scalar::Integer(i64::try_from(item.size()).unwrap_or(i64::MAX))],
        Field::ReminderMinutesBeforeStart => vec![Scalar::Integer(item.reminder.minutes)],
        Field::Categories => item.categories.iter().cloned().map(Scalar::Text).collect(),
        Field::InReplyTo => optional(&item.in_reply_to),
        Field::InternetMessageId => optional(&item.message_id),
        Field::References => optional(&item.references),
        Field::Culture => optional(&item.culture),
        Field::LastModifiedName => text(&item.modified_by),
        Field::ConversationTopic => text(&item.conversation_topic),
        Field::DisplayTo => text(&mapi::shown(&item.to)),
        Field::DisplayCc => text(&mapi::shown(&item.cc)),
        Field::DisplayBcc => text(&mapi::shown(&item.bcc)),
        Field::Sender => who(&item.sender),
        Field::From => who(&item.from),
        Field::IsSubmitted => flag(flags::SUBMITTED),
        Field::IsDraft => flag(flags::UNSENT),
        Field::IsFromMe => flag(flags::FROM_ME),
        Field::IsResend => flag(flags::RESEND),
        Field::IsUnmodified => flag(flags::UNMODIFIED),
        Field::IsAssociated => flag(flags::ASSOCIATED),
        Field::IsRead => flag(flags::READ),
        Field::HasAttachments => on(item.has_attachments()),
        Field::IsReadReceiptRequested => on(item.read_receipt_requested),
        Field::IsDeliveryReceiptRequested => on(item.delivery_receipt_requested),
        Field::IsResponseRequested => on(item.response_requested),
        Field::ReminderIsSet => on(item.reminder.set),
        _ => Vec::new(),
    }
}

/// Whether a query on this property has to look into bodies or headers.
pub fn needs_content(path: &Path) -> bool {
    match path {
        Path::Field(field) => *field == Field::Body,
        Path::Header(_) => true,
        Path::Extended(key) => match &key.name {
            property::PropertyName::Tag(tag) => matches!(tag, 0x007d | 0x1000 | 0x1013),
            property::PropertyName::Named(set, _) => set == property::INTERNET_HEADERS,
            property::PropertyName::Id(..) => false,
        },
        Path::Uri(_) | Path::Indexed(..) => false,
    }
}

/// Order of two values of the same kind; text without regard to case, as the store compares it.
pub fn compare(left: &Scalar, right: &Scalar) -> Option<Ordering> {
    match (left, right) {
        (Scalar::Text(left), Scalar::Text(right)) => Some(compare_text(left, right)),
        (Scalar::Integer(left), Scalar::Integer(right)) | (Scalar::Time(left), Scalar::Time(right)) => {
            Some(left.cmp(right))
        }
        (Scalar::Real(left), Scalar::Real(right)) => left.partial_cmp(right),
        (Scalar::Boolean(left), Scalar::Boolean(right)) => Some(left.cmp(right)),
        (Scalar::Binary(left), Scalar::Binary(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

fn compare_text(left: &str, right: &str) -> Ordering {
    if left.is_ascii() && right.is_ascii() {
        let lower = |text: &'_ str| text.bytes().map(|byte| byte.to_ascii_lowercase()).collect::<Vec<_>>();
        return if left.eq_ignore_ascii_case(right) { Ordering::Equal } else { lower(left).cmp(&lower(right)) };
    }
    left.to_lowercase().cmp(&right.to_lowercase())
}
