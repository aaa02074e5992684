//! The properties of items that the sandbox knows by a `FieldURI`, and what may be done with each.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::schema::Version;

/// Properties in the order in which the schema has their elements in an item (MS-OXWSCORE, MS-OXWSMSG).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    MimeContent,
    ItemId,
    ParentFolderId,
    ItemClass,
    Subject,
    Sensitivity,
    Body,
    Attachments,
    DateTimeReceived,
    Size,
    Categories,
    Importance,
    InReplyTo,
    IsSubmitted,
    IsDraft,
    IsFromMe,
    IsResend,
    IsUnmodified,
    InternetMessageHeaders,
    DateTimeSent,
    DateTimeCreated,
    ResponseObjects,
    ReminderDueBy,
    ReminderIsSet,
    ReminderNextTime,
    ReminderMinutesBeforeStart,
    DisplayCc,
    DisplayTo,
    DisplayBcc,
    HasAttachments,
    Culture,
    EffectiveRights,
    LastModifiedName,
    LastModifiedTime,
    IsAssociated,
    WebClientReadFormQueryString,
    WebClientEditFormQueryString,
    ConversationId,
    UniqueBody,
    Flag,
    StoreEntryId,
    InstanceKey,
    NormalizedBody,
    Preview,
    TextBody,
    Sender,
    ToRecipients,
    CcRecipients,
    BccRecipients,
    IsReadReceiptRequested,
    IsDeliveryReceiptRequested,
    ConversationIndex,
    ConversationTopic,
    From,
    InternetMessageId,
    IsRead,
    IsResponseRequested,
    References,
    ReplyTo,
    ReceivedBy,
    ReceivedRepresenting,
}

/// Which changes a property takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writable {
    Never,
    Always,
    /// As long as the message has not been sent.
    UntilSent,
}

/// How much asks for a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `Default`
    Default,
    /// `AllProperties`
    All,
    /// By name alone.
    Named,
}

#[derive(Debug)]
// Each is a question of its own, asked in a place of its own.
#[allow(clippy::struct_excessive_bools)]
pub struct Info {
    pub field: Field,
    /// Value of `FieldURI`.
    pub uri: &'static str,
    /// Name of the element, with its prefix.
    pub element: &'static str,
    /// The first shape that includes it.
    pub shape: Shape,
    /// Whether FindItem can give it.
    pub in_find: bool,
    pub writable: Writable,
    /// Whether SetItemField may be replaced by DeleteItemField, and by AppendToItemField.
    pub deletable: bool,
    pub appendable: bool,
    /// Whether restrictions and sort orders may use it.
    pub query: bool,
}

const fn info(field: Field, uri: &'static str, element: &'static str, shape: Shape) -> Info {
    Info {
        field,
        uri,
        element,
        shape,
        in_find: true,
        writable: Writable::Never,
        deletable: false,
        appendable: false,
        query: true,
    }
}

impl Info {
    const fn item_only(self) -> Self {
        Self { in_find: false, query: false, ..self }
    }

    /// Not given by FindItem, but searched.
    const fn search_only(self) -> Self {
        Self { in_find: false, ..self }
    }

    const fn no_query(self) -> Self {
        Self { query: false, ..self }
    }

    const fn set(self, writable: Writable) -> Self {
        Self { writable, ..self }
    }

    const fn set_and_delete(self, writable: Writable) -> Self {
        Self { writable, deletable: true, ..self }
    }

    const fn append(self) -> Self {
        Self { appendable: true, ..self }
    }
}

use Shape::{All, Default, Named};
use Writable::{Always, UntilSent};

static FIELDS: &[Info] = &[
    info(Field::MimeContent, "item:MimeContent", "t:MimeContent", Named).item_only().set(UntilSent),
    info(Field::ItemId, "item:ItemId", "t:ItemId", Default).no_query(),
    info(Field::ParentFolderId, "item:ParentFolderId", "t:ParentFolderId", All).no_query(),
    info(Field::ItemClass, "item:ItemClass", "t:ItemClass", All).set(Always),
    info(Field::Subject, "item:Subject", "t:Subject", Default).set_and_delete(Always),
    info(Field::Sensitivity, "item:Sensitivity", "t:Sensitivity", Default).set(Always),
    info(Field::Body, "item:Body", "t:Body", Default).search_only().set_and_delete(Always).append(),
    info(Field::Attachments, "item:Attachments", "t:Attachments", Default).item_only(),
    info(Field::DateTimeReceived, "item:DateTimeReceived", "t:DateTimeReceived", All),
    info(Field::Size, "item:Size", "t:Size", Default),
    info(Field::Categories, "item:Categories", "t:Categories", All).set_and_delete(Always),
    info(Field::Importance, "item:Importance", "t:Importance", All).set(Always),
    info(Field::InReplyTo, "item:InReplyTo", "t:InReplyTo", All).set_and_delete(Always),
    info(Field::IsSubmitted, "item:IsSubmitted", "t:IsSubmitted", All),
    info(Field::IsDraft, "item:IsDraft", "t:IsDraft", All),
    info(Field::IsFromMe, "item:IsFromMe", "t:IsFromMe", All),
    info(Field::IsResend, "item:IsResend", "t:IsResend", All),
    info(Field::IsUnmodified, "item:IsUnmodified", "t:IsUnmodified", All),
    info(Field::InternetMessageHeaders, "item:InternetMessageHeaders", "t:InternetMessageHeaders", All).item_only(),
    info(Field::DateTimeSent, "item:DateTimeSent", "t:DateTimeSent", Default),
    info(Field::DateTimeCreated, "item:DateTimeCreated", "t:DateTimeCreated", Default),
    info(Field::ResponseObjects, "item:ResponseObjects", "t:ResponseObjects", Default).item_only(),
    info(Field::ReminderDueBy, "item:ReminderDueBy", "t:ReminderDueBy", All).set_and_delete(Always),
    info(Field::ReminderIsSet, "item:ReminderIsSet", "t:ReminderIsSet", All).set(Always),
    info(Field::ReminderNextTime, "item:ReminderNextTime", "t:ReminderNextTime", Named).no_query(),
    info(Field::ReminderMinutesBeforeStart, "item:ReminderMinutesBeforeStart", "t:ReminderMinutesBeforeStart", All)
        .set(Always),
    info(Field::DisplayCc, "item:DisplayCc", "t:DisplayCc", All),
    info(Field::DisplayTo, "item:DisplayTo", "t:DisplayTo", All),
    info(Field::DisplayBcc, "item:DisplayBcc", "t:DisplayBcc", All),
    info(Field::HasAttachments, "item:HasAttachments", "t:HasAttachments", Default),
    info(Field::Culture, "item:Culture", "t:Culture", All).set_and_delete(Always),
    info(Field::EffectiveRights, "item:EffectiveRights", "t:EffectiveRights", All).no_query(),
    info(Field::LastModifiedName, "item:LastModifiedName", "t:LastModifiedName", All),
    info(Field::LastModifiedTime, "item:LastModifiedTime", "t:LastModifiedTime", All),
    info(Field::IsAssociated, "item:IsAssociated", "t:IsAssociated", All),
    info(
        Field::WebClientReadFormQueryString,
        "item:WebClientReadFormQueryString",
        "t:WebClientReadFormQueryString",
        All,
    )
    .no_query(),
    info(
        Field::WebClientEditFormQueryString,
        "item:WebClientEditFormQueryString",
        "t:WebClientEditFormQueryString",
        Named,
    )
    .no_query(),
    info(Field::ConversationId, "item:ConversationId", "t:ConversationId", All).no_query(),
    info(Field::UniqueBody, "item:UniqueBody", "t:UniqueBody", Named).item_only(),
    info(Field::Flag, "item:Flag", "t:Flag", All).no_query().set_and_delete(Always),
    info(Field::StoreEntryId, "item:StoreEntryId", "t:StoreEntryId", Named).no_query(),
    info(Field::InstanceKey, "item:InstanceKey", "t:InstanceKey", All).no_query(),
    info(Field::NormalizedBody, "item:NormalizedBody", "t:NormalizedBody", Named).item_only(),
    info(Field::Preview, "item:Preview", "t:Preview", All).no_query(),
    info(Field::TextBody, "item:TextBody", "t:TextBody", Named).item_only(),
    info(Field::Sender, "message:Sender", "t:Sender", All).set_and_delete(UntilSent),
    info(Field::ToRecipients, "message:ToRecipients", "t:ToRecipients", Default)
        .item_only()
        .set_and_delete(UntilSent)
        .append(),
    info(Field::CcRecipients, "message:CcRecipients", "t:CcRecipients", Default)
        .item_only()
        .set_and_delete(UntilSent)
        .append(),
    info(Field::BccRecipients, "message:BccRecipients", "t:BccRecipients", Default)
        .item_only()
        .set_and_delete(UntilSent)
        .append(),
    info(Field::IsReadReceiptRequested, "message:IsReadReceiptRequested", "t:IsReadReceiptRequested", Default)
        .set(UntilSent),
    info(
        Field::IsDeliveryReceiptRequested,
        "message:IsDeliveryReceiptRequested",
        "t:IsDeliveryReceiptRequested",
        Default,
    )
    .set(UntilSent),
    info(Field::ConversationIndex, "message:ConversationIndex", "t:ConversationIndex", All).no_query(),
    info(Field::ConversationTopic, "message:ConversationTopic", "t:ConversationTopic", All),
    info(Field::From, "message:From", "t:From", Default).set_and_delete(UntilSent),
    info(Field::InternetMessageId, "message:InternetMessageId", "t:InternetMessageId", All).set_and_delete(UntilSent),
    info(Field::IsRead, "message:IsRead", "t:IsRead", Default).set(Always),
    info(Field::IsResponseRequested, "message:IsResponseRequested", "t:IsResponseRequested", All).set(Always),
    info(Field::References, "message:References", "t:References", All).set_and_delete(Always),
    info(Field::ReplyTo, "message:ReplyTo", "t:ReplyTo", All).item_only().set_and_delete(UntilSent).append(),
    info(Field::ReceivedBy, "message:ReceivedBy", "t:ReceivedBy", All).no_query(),
    info(Field::ReceivedRepresenting, "message:ReceivedRepresenting", "t:ReceivedRepresenting", All).no_query(),
];

static BY_URI: LazyLock<HashMap<&'static str, &'static Info>> =
    LazyLock::new(|| FIELDS.iter().map(|info| (info.uri, info)).collect());

/// All that is known, in the order of the schema.
pub fn in_order() -> impl Iterator<Item = &'static Info> {
    FIELDS.iter()
}

impl Field {
    /// The property that a `FieldURI` names; none for those that mail items never have.
    pub fn from_uri(uri: &str) -> Option<Self> {
        BY_URI.get(uri).map(|info| info.field)
    }

    /// The property whose element in an item has this name.
    pub fn from_element(name: &str) -> Option<Self> {
        FIELDS.iter().find(|info| info.element.strip_prefix("t:") == Some(name)).map(|info| info.field)
    }

    /// What is known of it.
    pub fn info(self) -> Option<&'static Info> {
        FIELDS.iter().find(|info| info.field == self)
    }

    /// Whether only messages have it, not items of other kinds.
    pub fn of_messages(self) -> bool {
        self >= Self::Sender
    }

    pub fn in_version(self, version: Version) -> bool {
        self.info().is_some_and(|info| super::schema::knows_field(info.uri, version))
    }
}

/// A set of properties, written in the order of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FieldSet(u64);

impl FieldSet {
    pub fn insert(&mut self, field: Field) {
        self.0 |= 1 << field as u64;
    }

    pub fn contains(self, field: Field) -> bool {
        self.0 & (1 << field as u64) != 0
    }

    pub fn contains_any(self, fields: &[Field]) -> bool {
        fields.iter().any(|field| self.contains(*field))
    }

    /// What a shape includes in a version. Finding gives less than getting.
    pub fn of_shape(shape: Shape, version: Version, finding: bool) -> Self {
        let mut set = Self::default();
        let wanted = |info: &&Info| match shape {
            Shape::Named => info.field == Field::ItemId,
            Shape::Default => info.shape == Shape::Default,
            Shape::All => info.shape != Shape::Named,
        };
        for info in FIELDS.iter().filter(wanted) {
            if (!finding || info.in_find) && info.field.in_version(version) {
                set.insert(info.field);
            }
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// X1
    #[test]
    fn the_table_is_in_the_order_of_the_schema_and_every_name_is_known_there() {
        assert!(FIELDS.windows(2).all(|pair| pair[0].field < pair[1].field));
        let newest = Version::parse("V2017_07_11").unwrap();
        for info in FIELDS {
            assert!(super::super::schema::knows_field(info.uri, newest), "{}", info.uri);
            assert_eq!(Field::from_uri(info.uri), Some(info.field));
        }
        assert!((Field::ReceivedRepresenting as u64) < 64);
    }

    /// X1
    #[test]
    fn finding_gives_no_bodies_attachments_and_recipients() {
        let newest = Version::parse("Exchange2016").unwrap();
        let found = FieldSet::of_shape(Shape::All, newest, true);
        for field in [Field::Body, Field::Attachments, Field::ToRecipients, Field::MimeContent, Field::ReplyTo] {
            assert!(!found.contains(field), "{field:?}");
        }
        assert!(found.contains(Field::Preview));
        let old = FieldSet::of_shape(Shape::All, Version::parse("Exchange2010").unwrap(), false);
        assert!(!old.contains(Field::Preview) && old.contains(Field::ConversationId));
    }
}
