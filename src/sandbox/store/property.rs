//! Extended properties: what MAPI calls properties, by tag or by name in a property set.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::readback::StoredProperty;

/// Property sets that EWS knows by a word (`DistinguishedPropertySetType`), and their GUIDs (MS-OXPROPS 1.3.2).
const DISTINGUISHED: &[(&str, &str)] = &[
    ("Address", "00062004-0000-0000-c000-000000000046"),
    ("Appointment", "00062002-0000-0000-c000-000000000046"),
    ("CalendarAssistant", "11000e07-b51b-40d6-af21-caa85edab1d0"),
    ("Common", "00062008-0000-0000-c000-000000000046"),
    ("InternetHeaders", "00020386-0000-0000-c000-000000000046"),
    ("Meeting", "6ed8da90-450b-101b-98da-00aa003f1305"),
    ("PublicStrings", "00020329-0000-0000-c000-000000000046"),
    ("Sharing", "00062040-0000-0000-c000-000000000046"),
    ("Task", "00062003-0000-0000-c000-000000000046"),
    ("UnifiedMessaging", "4442858e-a9e3-4e80-b900-317a210cc15b"),
];

/// GUID of the set whose names are those of Internet headers.
pub const INTERNET_HEADERS: &str = "00020386-0000-0000-c000-000000000046";
/// GUID of the set of names that everybody may use.
pub const PUBLIC_STRINGS: &str = "00020329-0000-0000-c000-000000000046";

/// GUID of a property set that EWS knows by a word.
#[must_use]
pub fn distinguished_set(word: &str) -> Option<&'static str> {
    DISTINGUISHED.iter().find(|(name, _)| *name == word).map(|(_, guid)| *guid)
}

/// The word by which EWS knows a property set.
#[must_use]
pub fn distinguished_word(guid: &str) -> Option<&'static str> {
    DISTINGUISHED.iter().find(|(_, known)| *known == guid).map(|(name, _)| *name)
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PropertyName {
    Tag(u16),
    /// A numbered property in a set; the GUID is in lower case.
    Id(String, i32),
    Named(String, String),
}

/// Base types of MAPI as EWS writes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum BaseType {
    ApplicationTime,
    Binary,
    Boolean,
    Clsid,
    Currency,
    Double,
    Float,
    Integer,
    Long,
    Short,
    String,
    SystemTime,
}

const TYPES: &[(&str, BaseType)] = &[
    ("ApplicationTime", BaseType::ApplicationTime),
    ("Binary", BaseType::Binary),
    ("Boolean", BaseType::Boolean),
    ("CLSID", BaseType::Clsid),
    ("Currency", BaseType::Currency),
    ("Double", BaseType::Double),
    ("Float", BaseType::Float),
    ("Integer", BaseType::Integer),
    ("Long", BaseType::Long),
    ("Short", BaseType::Short),
    ("String", BaseType::String),
    ("SystemTime", BaseType::SystemTime),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PropertyType {
    pub base: BaseType,
    pub array: bool,
}

impl PropertyType {
    /// None for `Error`, `Null`, `Object` and their arrays, which no item can hold, and for unknown words.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let (base, array) = match word.strip_suffix("Array") {
            Some(base) if base != "Boolean" => (base, true),
            _ => (word, false),
        };
        TYPES.iter().find(|(name, _)| *name == base).map(|&(_, base)| Self { base, array })
    }

    #[must_use]
    pub fn word(self) -> String {
        let base = TYPES.iter().find(|(_, base)| *base == self.base).map_or("String", |(name, _)| name);
        if self.array { format!("{base}Array") } else { base.to_owned() }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PropertyKey {
    pub name: PropertyName,
    pub kind: PropertyType,
}

impl PropertyKey {
    /// A property by its tag.
    #[must_use]
    pub fn tag(tag: u16, base: BaseType) -> Self {
        Self { name: PropertyName::Tag(tag), kind: PropertyType { base, array: false } }
    }
}

/// One value. Whole numbers of all widths are one, and so are real ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Scalar {
    Text(String),
    Integer(i64),
    Real(f64),
    Boolean(bool),
    /// Milliseconds since 1970.
    Time(i64),
    Binary(#[serde(with = "binary")] Vec<u8>),
}

/// One value, or those of an array.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum PropertyValue {
    One(Scalar),
    Many(Vec<Scalar>),
}

impl PropertyValue {
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::One(Scalar::Text(text.into()))
    }

    #[must_use]
    pub fn values(&self) -> &[Scalar] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

impl Scalar {
    /// Reads a value as EWS writes it. None: it does not fit the type.
    #[must_use]
    pub fn parse(base: BaseType, text: &str) -> Option<Self> {
        let trimmed = text.trim();
        let integer = |low: i64, high: i64| {
            let value = trimmed.parse::<i64>().ok();
            value.filter(|value| (low..=high).contains(value)).map(Self::Integer)
        };
        match base {
            BaseType::String => Some(Self::Text(text.to_owned())),
            BaseType::Clsid => guid(trimmed).map(Self::Text),
            BaseType::Boolean => match trimmed {
                "true" | "True" | "1" => Some(Self::Boolean(true)),
                "false" | "False" | "0" => Some(Self::Boolean(false)),
                _ => None,
            },
            BaseType::Short => integer(i16::MIN.into(), i16::MAX.into()),
            BaseType::Integer => integer(i32::MIN.into(), i32::MAX.into()),
            BaseType::Long | BaseType::Currency => integer(i64::MIN, i64::MAX),
            BaseType::Double | BaseType::Float | BaseType::ApplicationTime => {
                trimmed.parse::<f64>().ok().filter(|value| value.is_finite()).map(Self::Real)
            }
            BaseType::SystemTime => date_time(trimmed).map(Self::Time),
            BaseType::Binary => base64(text).map(Self::Binary),
        }
    }

    /// As EWS writes it.
    #[must_use]
    pub fn write(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Integer(value) => value.to_string(),
            Self::Real(value) => value.to_string(),
            Self::Boolean(value) => value.to_string(),
            Self::Time(value) => written_time(*value),
            Self::Binary(value) => STANDARD.encode(value),
        }
    }
}

/// A GUID in lower case, if the text is one.
#[must_use]
pub fn guid(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches('{').trim_end_matches('}');
    let hyphens = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    let right = text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| if hyphens(at) { byte == b'-' } else { byte.is_ascii_hexdigit() });
    right.then(|| text.to_ascii_lowercase())
}

/// Base64 with white space anywhere, as XML Schema allows it.
#[must_use]
pub fn base64(text: &str) -> Option<Vec<u8>> {
    if let Ok(bytes) = STANDARD.decode(text) {
        return Some(bytes);
    }
    let packed: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD.decode(packed).ok()
}

/// `xs:dateTime` in milliseconds since 1970; without an offset it is taken as UTC, as Exchange does when the
/// request has no time zone of its own.
#[must_use]
pub fn date_time(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.as_millisecond());
    }
    let local = text.parse::<jiff::civil::DateTime>().ok()?;
    local.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|time| time.timestamp().as_millisecond())
}

/// A time as EWS writes it: UTC, whole seconds.
#[must_use]
pub fn written_time(millis: i64) -> String {
    Timestamp::from_second(millis.div_euclid(1000)).unwrap_or_default().to_string()
}

impl PropertyKey {
    /// For reading back: words of EWS.
    #[must_use]
    pub fn stored(&self, value: &PropertyValue) -> StoredProperty {
        let word = |guid: &String| distinguished_word(guid).map_or_else(|| guid.clone(), str::to_owned);
        let (set, name) = match &self.name {
            PropertyName::Tag(tag) => (String::new(), format!("0x{tag:04x}")),
            PropertyName::Id(set, id) => (word(set), id.to_string()),
            PropertyName::Named(set, name) => (word(set), name.clone()),
        };
        StoredProperty { set, name, kind: self.kind.word(), values: value.values().iter().map(Scalar::write).collect() }
    }
}

impl StoredProperty {
    /// The property for the store; none when set, type or a value is not one.
    #[must_use]
    pub fn parse(&self) -> Option<(PropertyKey, PropertyValue)> {
        let kind = PropertyType::from_word(&self.kind)?;
        let name = if self.set.is_empty() {
            let digits = self.name.strip_prefix("0x").or_else(|| self.name.strip_prefix("0X"))?;
            PropertyName::Tag(u16::from_str_radix(digits, 16).ok()?)
        } else {
            let set = distinguished_set(&self.set).map(str::to_owned).or_else(|| guid(&self.set))?;
            match self.name.parse() {
                Ok(id) => PropertyName::Id(set, id),
                Err(_) if set == INTERNET_HEADERS => PropertyName::Named(set, self.name.to_lowercase()),
                Err(_) => PropertyName::Named(set, self.name.clone()),
            }
        };
        let values = self.values.iter().map(|text| Scalar::parse(kind.base, text)).collect::<Option<Vec<_>>>()?;
        let value = match values.as_slice() {
            [one] if !kind.array => PropertyValue::One(one.clone()),
            _ if kind.array => PropertyValue::Many(values),
            _ => return None,
        };
        Some((PropertyKey { name, kind }, value))
    }
}

mod binary {
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        use base64::Engine as _;
        serializer.serialize_str(&super::STANDARD.encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::base64(&text).ok_or_else(|| serde::de::Error::custom("not base64"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// X1
    #[test]
    fn values_that_do_not_fit_their_type_are_refused() {
        assert_eq!(Scalar::parse(BaseType::Integer, "2147483648"), None);
        assert_eq!(Scalar::parse(BaseType::Boolean, "yes"), None);
        assert_eq!(Scalar::parse(BaseType::SystemTime, "yesterday"), None);
        assert_eq!(Scalar::parse(BaseType::Binary, "&&&"), None);
        assert_eq!(Scalar::parse(BaseType::Clsid, "{0}"), None);
        assert_eq!(PropertyType::from_word("Object"), None);
        assert_eq!(PropertyType::from_word("BooleanArray"), None);
    }

    /// X1
    #[test]
    fn values_come_back_as_they_were_written() {
        for (base, text) in [
            (BaseType::Integer, "-7"),
            (BaseType::Boolean, "true"),
            (BaseType::SystemTime, "2024-02-29T23:59:59Z"),
            (BaseType::Binary, "AAEC"),
            (BaseType::String, " grüße "),
        ] {
            assert_eq!(Scalar::parse(base, text).unwrap().write(), text);
        }
        assert_eq!(
            Scalar::parse(BaseType::SystemTime, "2024-01-01T01:00:00.25+01:00"),
            Some(Scalar::Time(1_704_067_200_250))
        );
    }

    /// X1
    #[test]
    fn a_set_named_by_word_and_by_guid_is_the_same_set() {
        let by_word = StoredProperty {
            set: "PublicStrings".into(),
            name: "SentItemsUpdate".into(),
            kind: "String".into(),
            values: vec!["x".into()],
        };
        let by_guid = StoredProperty { set: "{00020329-0000-0000-C000-000000000046}".into(), ..by_word.clone() };
        assert_eq!(by_word.parse(), by_guid.parse());
        let (key, value) = by_guid.parse().unwrap();
        assert_eq!(key.stored(&value), by_word);
    }
}
