//! Properties of items: their names in the protocol, and values to be written.

use std::borrow::Cow;

use jiff::Timestamp;

use super::item::{EmailAddress, Flag, Importance, ItemBody, Sensitivity};

/// Names a property (`t:Path`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PropertyPath {
    /// `t:FieldURI`
    Field(FieldUri),
    /// `t:IndexedFieldURI` of `item:InternetMessageHeader`: one header of the message, by name.
    Header(Cow<'static, str>),
    /// `t:ExtendedFieldURI`
    Extended(ExtendedPropertyUri),
}

impl From<FieldUri> for PropertyPath {
    fn from(uri: FieldUri) -> Self {
        Self::Field(uri)
    }
}

impl From<ExtendedPropertyUri> for PropertyPath {
    fn from(uri: ExtendedPropertyUri) -> Self {
        Self::Extended(uri)
    }
}

macro_rules! field_uris {
    ($($variant:ident = $name:literal,)*) => {
        /// `t:UnindexedFieldURIType`: the properties of folders, items and messages that Exchange 2013 knows by name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum FieldUri {
            $($variant,)*
        }

        impl FieldUri {
            /// The name in the protocol, such as `item:Subject`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];
        }
    };
}

field_uris! {
    FolderClass = "folder:FolderClass",
    FolderParentFolderId = "folder:ParentFolderId",
    FolderDisplayName = "folder:DisplayName",
    FolderTotalCount = "folder:TotalCount",
    ItemId = "item:ItemId",
    ParentFolderId = "item:ParentFolderId",
    ItemClass = "item:ItemClass",
    MimeContent = "item:MimeContent",
    Attachments = "item:Attachments",
    Subject = "item:Subject",
    DateTimeReceived = "item:DateTimeReceived",
    Size = "item:Size",
    Categories = "item:Categories",
    HasAttachments = "item:HasAttachments",
    Importance = "item:Importance",
    InReplyTo = "item:InReplyTo",
    IsDraft = "item:IsDraft",
    IsFromMe = "item:IsFromMe",
    IsSubmitted = "item:IsSubmitted",
    IsUnmodified = "item:IsUnmodified",
    DateTimeSent = "item:DateTimeSent",
    DateTimeCreated = "item:DateTimeCreated",
    Body = "item:Body",
    Sensitivity = "item:Sensitivity",
    ReminderDueBy = "item:ReminderDueBy",
    ReminderIsSet = "item:ReminderIsSet",
    ReminderMinutesBeforeStart = "item:ReminderMinutesBeforeStart",
    DisplayTo = "item:DisplayTo",
    DisplayCc = "item:DisplayCc",
    Culture = "item:Culture",
    LastModifiedName = "item:LastModifiedName",
    LastModifiedTime = "item:LastModifiedTime",
    ConversationId = "item:ConversationId",
    Flag = "item:Flag",
    TextBody = "item:TextBody",
    ConversationIndex = "message:ConversationIndex",
    ConversationTopic = "message:ConversationTopic",
    InternetMessageId = "message:InternetMessageId",
    IsRead = "message:IsRead",
    IsReadReceiptRequested = "message:IsReadReceiptRequested",
    IsDeliveryReceiptRequested = "message:IsDeliveryReceiptRequested",
    References = "message:References",
    ReplyTo = "message:ReplyTo",
    From = "message:From",
    Sender = "message:Sender",
    ToRecipients = "message:ToRecipients",
    CcRecipients = "message:CcRecipients",
    BccRecipients = "message:BccRecipients",
}

/// `t:ExtendedFieldURI`: a MAPI property that EWS has no name of its own for, or not a sufficient one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ExtendedPropertyUri {
    /// By tag, without the type that MAPI keeps in its lower half.
    Tag { tag: u16, property_type: PropertyType },
    /// By set and name.
    Named { set: PropertySet, name: Cow<'static, str>, property_type: PropertyType },
    /// By set and number (MS-OXPROPS: *property long ID*, LID).
    Id { set: PropertySet, id: i32, property_type: PropertyType },
}

impl ExtendedPropertyUri {
    /// `PidTagMessageFlags` (MS-OXCMSG 2.2.1.6). 1 is *read, and not a draft*; can be set when an item is created.
    pub const MESSAGE_FLAGS: Self = Self::tag(0x0E07, PropertyType::Integer);
    /// `PidTagHasAttachments` (MS-OXCMSG 2.2.1.2): whether there is any attachment, inline ones included, which
    /// `item:HasAttachments` leaves out.
    pub const HAS_ATTACHMENTS: Self = Self::tag(0x0E1B, PropertyType::Boolean);
    /// `PidTagClientSubmitTime` (MS-OXOMSG 2.2.3.11): what EWS shows as `DateTimeSent`.
    pub const CLIENT_SUBMIT_TIME: Self = Self::tag(0x0039, PropertyType::SystemTime);
    /// `PidTagMessageDeliveryTime` (MS-OXOMSG 2.2.3.9): what EWS shows as `DateTimeReceived`.
    pub const MESSAGE_DELIVERY_TIME: Self = Self::tag(0x0E06, PropertyType::SystemTime);

    /// `PidTagReceivedByEntryId` (MS-OXOMSG 2.2.1.38): who received the message. The transport sets it when it delivers, so
    /// that what was only sent does not have it.
    pub const RECEIVED_BY: Self = Self::tag(0x003F, PropertyType::Binary);

    /// `PidTagConversationTopic` and `PidTagConversationIndex` (MS-OXOMSG 2.2.1.5, 2.2.1.3), and whether Exchange tells
    /// the conversation by the index, `PidTagConversationIndexTracking` (2.2.1.4).
    pub const CONVERSATION_TOPIC: Self = Self::tag(0x0070, PropertyType::String);
    pub const CONVERSATION_INDEX: Self = Self::tag(0x0071, PropertyType::Binary);
    pub const CONVERSATION_INDEX_TRACKING: Self = Self::tag(0x3016, PropertyType::Boolean);
    /// `PidLidFlagRequest` (MS-OXOFLAG 2.2.1.9): what a follow-up flag says.
    pub const FLAG_REQUEST: Self = Self::Id {
        set: PropertySet::Distinguished(DistinguishedPropertySet::Common),
        id: 0x8530,
        property_type: PropertyType::String,
    };

    #[must_use]
    pub const fn tag(tag: u16, property_type: PropertyType) -> Self {
        Self::Tag { tag, property_type }
    }

    /// A named property in one of the sets that have a name of their own.
    #[must_use]
    pub const fn named(set: DistinguishedPropertySet, name: &'static str, property_type: PropertyType) -> Self {
        Self::Named { set: PropertySet::Distinguished(set), name: Cow::Borrowed(name), property_type }
    }

    #[must_use]
    pub fn property_type(&self) -> PropertyType {
        match self {
            Self::Tag { property_type, .. } | Self::Named { property_type, .. } | Self::Id { property_type, .. } => {
                *property_type
            }
        }
    }
}

/// The set that a named property belongs to. A set is the same by its name and by its GUID.
#[derive(Debug, Clone)]
pub enum PropertySet {
    Distinguished(DistinguishedPropertySet),
    /// In lower case, without braces.
    Guid(Cow<'static, str>),
}

impl PropertySet {
    /// In lower case, without braces (MS-OXPROPS 1.3.2).
    #[must_use]
    pub fn guid(&self) -> &str {
        match self {
            Self::Guid(guid) => guid,
            Self::Distinguished(set) => match set {
                DistinguishedPropertySet::Meeting => "6ed8da90-450b-101b-98da-00aa003f1305",
                DistinguishedPropertySet::Appointment => "00062002-0000-0000-c000-000000000046",
                DistinguishedPropertySet::Common => "00062008-0000-0000-c000-000000000046",
                DistinguishedPropertySet::PublicStrings => "00020329-0000-0000-c000-000000000046",
                DistinguishedPropertySet::Address => "00062004-0000-0000-c000-000000000046",
                DistinguishedPropertySet::InternetHeaders => "00020386-0000-0000-c000-000000000046",
                DistinguishedPropertySet::CalendarAssistant => "11000e07-b51b-40d6-af21-caa85edab1d0",
                DistinguishedPropertySet::UnifiedMessaging => "4442858e-a9e3-4e80-b900-317a210cc15b",
                DistinguishedPropertySet::Task => "00062003-0000-0000-c000-000000000046",
                DistinguishedPropertySet::Sharing => "00062040-0000-0000-c000-000000000046",
            },
        }
    }
}

impl PartialEq for PropertySet {
    fn eq(&self, other: &Self) -> bool {
        self.guid() == other.guid()
    }
}
impl Eq for PropertySet {}
impl std::hash::Hash for PropertySet {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.guid().hash(state);
    }
}

macro_rules! names {
    ($(#[$doc:meta])* $type:ident { $($(#[$of:meta])* $variant:ident = $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $type {
            $($(#[$of])* $variant,)*
        }

        impl $type {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The word in the protocol.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }

        impl std::str::FromStr for $type {
            /// The word that is not known.
            type Err = String;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $($name => Ok(Self::$variant),)*
                    other => Err(other.to_owned()),
                }
            }
        }
    };
}
pub(super) use names;

names! {
    /// `t:DistinguishedPropertySetType`
    DistinguishedPropertySet {
        Meeting = "Meeting",
        Appointment = "Appointment",
        Common = "Common",
        PublicStrings = "PublicStrings",
        Address = "Address",
        InternetHeaders = "InternetHeaders",
        CalendarAssistant = "CalendarAssistant",
        UnifiedMessaging = "UnifiedMessaging",
        Task = "Task",
        Sharing = "Sharing",
    }
}

names! {
    /// `t:MapiPropertyTypeType`: how the value of an extended property is written.
    PropertyType {
        Binary = "Binary",
        BinaryArray = "BinaryArray",
        Boolean = "Boolean",
        Clsid = "CLSID",
        Currency = "Currency",
        Double = "Double",
        Float = "Float",
        Integer = "Integer",
        IntegerArray = "IntegerArray",
        Long = "Long",
        Short = "Short",
        String = "String",
        StringArray = "StringArray",
        SystemTime = "SystemTime",
    }
}

/// A property with the value that it shall get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Property {
    ItemClass(String),
    Subject(String),
    Sensitivity(Sensitivity),
    Body(ItemBody),
    Categories(Vec<String>),
    Importance(Importance),
    InReplyTo(String),
    ReminderDueBy(Timestamp),
    ReminderIsSet(bool),
    ReminderMinutesBeforeStart(u32),
    Flag(Flag),
    Sender(EmailAddress),
    ToRecipients(Vec<EmailAddress>),
    CcRecipients(Vec<EmailAddress>),
    BccRecipients(Vec<EmailAddress>),
    IsReadReceiptRequested(bool),
    IsDeliveryReceiptRequested(bool),
    From(EmailAddress),
    InternetMessageId(String),
    IsRead(bool),
    References(String),
    ReplyTo(Vec<EmailAddress>),
    /// The value as text, in the form that its type asks for: a time in RFC 3339, binary data in base64.
    Extended(ExtendedPropertyUri, String),
}

impl Property {
    /// Which property it is.
    #[must_use]
    pub fn path(&self) -> PropertyPath {
        let field = match self {
            Self::ItemClass(_) => FieldUri::ItemClass,
            Self::Subject(_) => FieldUri::Subject,
            Self::Sensitivity(_) => FieldUri::Sensitivity,
            Self::Body(_) => FieldUri::Body,
            Self::Categories(_) => FieldUri::Categories,
            Self::Importance(_) => FieldUri::Importance,
            Self::InReplyTo(_) => FieldUri::InReplyTo,
            Self::ReminderDueBy(_) => FieldUri::ReminderDueBy,
            Self::ReminderIsSet(_) => FieldUri::ReminderIsSet,
            Self::ReminderMinutesBeforeStart(_) => FieldUri::ReminderMinutesBeforeStart,
            Self::Flag(_) => FieldUri::Flag,
            Self::Sender(_) => FieldUri::Sender,
            Self::ToRecipients(_) => FieldUri::ToRecipients,
            Self::CcRecipients(_) => FieldUri::CcRecipients,
            Self::BccRecipients(_) => FieldUri::BccRecipients,
            Self::IsReadReceiptRequested(_) => FieldUri::IsReadReceiptRequested,
            Self::IsDeliveryReceiptRequested(_) => FieldUri::IsDeliveryReceiptRequested,
            Self::From(_) => FieldUri::From,
            Self::InternetMessageId(_) => FieldUri::InternetMessageId,
            Self::IsRead(_) => FieldUri::IsRead,
            Self::References(_) => FieldUri::References,
            Self::ReplyTo(_) => FieldUri::ReplyTo,
            Self::Extended(uri, _) => return PropertyPath::Extended(uri.clone()),
        };
        PropertyPath::Field(field)
    }
}
