//! The mark: a named property on every item that was written here. It says which processed message the item
//! shows and how it came to be, so that whatever was interrupted can be completed and nothing is done twice.

use std::fmt;

use crate::message::Digest;

/// Name of the property, in the property set `PublicStrings`.
pub const PROPERTY: &str = "SentItemsUpdate";

/// How a marked item came to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// The sender's own copy, changed in place.
    InPlace,
    /// A new item in place of the one with this id, which is to be deleted once this one is stored.
    Replacement { of: String },
    /// A second item beside the original (T6).
    Copy,
    /// One of several split copies (T7).
    SplitCopy,
}

/// Place of a processed message among those with the same Message-ID: when it was accepted, then its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order {
    pub accepted_at: i64,
    pub number: i64,
}

/// What the property holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    pub mode: Mode,
    pub digest: Digest,
    pub order: Order,
    /// Differs from attempt to attempt. Two items with the same digest and different tokens are both ours: a
    /// request that was believed lost took effect after all. With the same token, somebody copied the item.
    pub token: u64,
}

const VERSION: &str = "1";

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mode, of) = match &self.mode {
            Mode::InPlace => ("in-place", None),
            Mode::Replacement { of } => ("replacement", Some(of)),
            Mode::Copy => ("copy", None),
            Mode::SplitCopy => ("split-copy", None),
        };
        let Order { accepted_at, number } = self.order;
        write!(f, "{VERSION};{mode};{};{accepted_at};{number};{:016x}", self.digest, self.token)?;
        of.map_or(Ok(()), |of| write!(f, ";{of}"))
    }
}

impl Mark {
    /// Reads the property. `None`: it is not one of ours, or of a version that this one does not know.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = text.splitn(7, ';');
        if parts.next()? != VERSION {
            return None;
        }
        let mode = parts.next()?;
        let digest = parts.next()?.parse().ok()?;
        let order = Order { accepted_at: parts.next()?.parse().ok()?, number: parts.next()?.parse().ok()? };
        let token = u64::from_str_radix(parts.next()?, 16).ok()?;
        let mode = match (mode, parts.next()) {
            ("in-place", None) => Mode::InPlace,
            ("replacement", Some(of)) if !of.is_empty() => Mode::Replacement { of: of.to_owned() },
            ("copy", None) => Mode::Copy,
            ("split-copy", None) => Mode::SplitCopy,
            _ => return None,
        };
        Some(Self { mode, digest, order, token })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(mode: Mode) -> Mark {
        let digest = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff".parse().unwrap();
        Mark { mode, digest, order: Order { accepted_at: 1_700_000_000_123, number: 42 }, token: 0xfeed }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for mode in [Mode::InPlace, Mode::Replacement { of: "AAMk;x=".into() }, Mode::Copy, Mode::SplitCopy] {
            let mark = mark(mode);
            assert_eq!(Mark::read(&mark.to_string()), Some(mark));
        }
    }

    /// Marks outlive versions of this program: the form must not change by accident.
    #[test]
    fn the_form_is_the_one_that_is_in_mailboxes() {
        assert_eq!(
            mark(Mode::Replacement { of: "AAMk=".into() }).to_string(),
            "1;replacement;00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff;1700000000123;42;\
             000000000000feed;AAMk="
        );
    }

    #[test]
    fn what_is_not_a_mark_is_not_taken_for_one() {
        let good = mark(Mode::Copy).to_string();
        let bad = ["", "1", "2;copy", "yes", &good.replace("copy", "kopie"), &good.replace("1;", "2;"), &good[..40]];
        for text in bad {
            assert_eq!(Mark::read(text), None, "{text:?}");
        }
        assert_eq!(Mark::read(&format!("{good};more")), None);
        assert_eq!(Mark::read(&good.replace("copy", "replacement")), None);
    }
}
