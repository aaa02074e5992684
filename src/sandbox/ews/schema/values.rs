//! Simple types: which texts are values, and what .NET says of those that are not.

use super::super::super::store::property;
use super::Version;

#[derive(Debug)]
pub enum Simple {
    Text,
    NonEmpty,
    Boolean,
    Whole(i64, i64),
    Unsigned(u64),
    Real,
    DateTime,
    /// Date, time or duration alone, looked at only for its characters.
    PartOfTime,
    Base64,
    Guid,
    /// `0x` and hexadecimal digits, or a decimal number, of 16 bits.
    Tag,
    /// The same without bound.
    Mask,
    Words(Vec<(&'static str, Version)>),
    /// Several words with spaces between them.
    List(Vec<&'static str>),
}

impl Simple {
    /// The types that need no line of their own.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "xs:string" | "xs:anyURI" | "xs:language" => Self::Text,
            "t:NonEmptyStringType" => Self::NonEmpty,
            "xs:boolean" => Self::Boolean,
            "xs:int" => Self::Whole(i32::MIN.into(), i32::MAX.into()),
            "xs:long" => Self::Whole(i64::MIN, i64::MAX),
            "xs:unsignedShort" => Self::Unsigned(u16::MAX.into()),
            "xs:unsignedInt" => Self::Unsigned(u32::MAX.into()),
            "xs:nonNegativeInteger" => Self::Unsigned(u64::MAX),
            "t:ReminderMinutesBeforeStartType" => Self::Whole(0, 2_629_800),
            "xs:double" => Self::Real,
            "xs:dateTime" => Self::DateTime,
            "xs:date" | "xs:time" | "xs:duration" => Self::PartOfTime,
            "xs:base64Binary" => Self::Base64,
            "t:GuidType" => Self::Guid,
            "t:PropertyTagType" => Self::Tag,
            "t:ExcludesAttributeType" => Self::Mask,
            _ => return None,
        })
    }

    /// Why a text is no value of this type.
    pub fn problem(&self, text: &str, version: Version) -> Option<String> {
        let trimmed = text.trim();
        let bad = |kind: &str| Some(format!("The string '{trimmed}' is not a valid {kind} value."));
        match self {
            Self::NonEmpty if text.is_empty() => Some("The actual length is less than the MinLength value.".to_owned()),
            Self::Boolean if !matches!(trimmed, "true" | "false" | "1" | "0") => bad("Boolean"),
            Self::Whole(low, high) => match trimmed.parse::<i64>() {
                Err(_) => bad("Int32"),
                Ok(value) if value < *low => Some("The MinInclusive constraint failed.".to_owned()),
                Ok(value) if value > *high => Some("The MaxInclusive constraint failed.".to_owned()),
                Ok(_) => None,
            },
            Self::Unsigned(high) if trimmed.parse::<u64>().map_or(true, |value| value > *high) => bad("Integer"),
            Self::Real if trimmed.parse::<f64>().is_err() => bad("Double"),
            Self::DateTime if property::date_time(trimmed).is_none() => bad("DateTime"),
            Self::PartOfTime
                if trimmed.is_empty()
                    || !trimmed.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-:.".contains(&b)) =>
            {
                bad("TimeSpan")
            }
            Self::Base64 if !is_base64(text) => bad("Base64Binary"),
            Self::Guid if property::guid(trimmed).is_none() || trimmed.starts_with('{') => {
                Some("The Pattern constraint failed.".to_owned())
            }
            Self::Tag if number(trimmed).is_none_or(|tag| tag > u16::MAX.into()) => {
                Some("The Pattern constraint failed.".to_owned())
            }
            Self::Mask if number(trimmed).is_none() => Some("The Pattern constraint failed.".to_owned()),
            Self::Words(words) if !words.iter().any(|(word, since)| *word == trimmed && *since <= version) => {
                Some("The Enumeration constraint failed.".to_owned())
            }
            Self::List(words) if !trimmed.split_whitespace().all(|word| words.contains(&word)) => {
                Some("The Enumeration constraint failed.".to_owned())
            }
            _ => None,
        }
    }
}

/// A number in decimal digits, or in hexadecimal ones behind `0x`.
pub fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Whether a text, however long, is base64; white space does not count.
fn is_base64(text: &str) -> bool {
    let (mut digits, mut padding) = (0_usize, 0_usize);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => digits += 1,
            b'=' => padding += 1,
            b' ' | b'\t' | b'\r' | b'\n' => {}
            _ => return false,
        }
    }
    (digits + padding).is_multiple_of(4) && padding <= 2
}
