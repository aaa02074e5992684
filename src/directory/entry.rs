//! What a search finds, read with care: ldap3's own reader ends the program over a malformed entry.

use ldap3::ResultEntry;
use ldap3::asn1::StructureTag;
use uuid::Uuid;

use super::sid::Sid;

/// An object with the attributes that were asked for and are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub dn: String,
    attributes: Vec<(String, Vec<Vec<u8>>)>,
}

impl Entry {
    /// None when it is no entry.
    pub fn read(entry: ResultEntry) -> Option<Self> {
        let mut parts = entry.0.match_id(4)?.expect_constructed()?.into_iter();
        let dn = text(parts.next()?)?;
        let mut attributes = Vec::new();
        for attribute in parts.next()?.expect_constructed()? {
            let mut parts = attribute.expect_constructed()?.into_iter();
            let name = text(parts.next()?)?;
            let values = parts.next()?.expect_constructed()?.into_iter();
            attributes.push((name, values.map(StructureTag::expect_primitive).collect::<Option<_>>()?));
        }
        Some(Self { dn, attributes })
    }

    pub fn values(&self, name: &str) -> &[Vec<u8>] {
        let found = self.attributes.iter().find(|(attribute, _)| attribute.eq_ignore_ascii_case(name));
        found.map_or(&[], |(_, values)| values)
    }

    pub fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.values(name).first().map(Vec::as_slice)
    }

    pub fn has(&self, name: &str) -> bool {
        self.bytes(name).is_some_and(|value| !value.is_empty())
    }

    /// The values that are text.
    pub fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        self.values(name).iter().filter_map(|value| std::str::from_utf8(value).ok())
    }

    pub fn text(&self, name: &str) -> Option<String> {
        self.texts(name).map(str::trim).find(|text| !text.is_empty()).map(str::to_owned)
    }

    pub fn number(&self, name: &str) -> Option<i64> {
        self.texts(name).next()?.trim().parse().ok()
    }

    pub fn is(&self, class: &str) -> bool {
        self.texts("objectClass").any(|found| found.eq_ignore_ascii_case(class))
    }

    pub fn guid(&self) -> Option<Uuid> {
        Some(Uuid::from_bytes_le(self.bytes("objectGUID")?.try_into().ok()?))
    }

    pub fn sid(&self) -> Option<Sid> {
        Sid::read(self.bytes("objectSid")?)
    }

    /// Values of an attribute that comes in parts (`member;range=0-1499`), and where the next part begins.
    pub fn ranged(&self, name: &str) -> (&[Vec<u8>], Option<u32>) {
        for (attribute, values) in &self.attributes {
            let Some((plain, range)) = attribute.split_once(";range=") else { continue };
            if plain.eq_ignore_ascii_case(name) {
                let end = range.split_once('-').and_then(|(_, end)| end.parse::<u32>().ok());
                return (values, end.and_then(|end| end.checked_add(1)));
            }
        }
        (self.values(name), None)
    }

    #[cfg(test)]
    pub fn of(dn: &str, attributes: &[(&str, &[&[u8]])]) -> Self {
        let attribute = |(name, values): &(&str, &[&[u8]])| {
            ((*name).to_owned(), values.iter().map(|value| value.to_vec()).collect())
        };
        Self { dn: dn.to_owned(), attributes: attributes.iter().map(attribute).collect() }
    }
}

fn text(tag: StructureTag) -> Option<String> {
    String::from_utf8(tag.expect_primitive()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_says_where_the_next_begins() {
        let entry = |name| Entry::of("CN=g", &[("member", &[]), (name, &[b"CN=a"])]);
        assert_eq!(entry("member;range=0-1499").ranged("member"), (&[b"CN=a".to_vec()][..], Some(1500)));
        assert_eq!(entry("member;range=1500-*").ranged("member"), (&[b"CN=a".to_vec()][..], None));
        assert_eq!(Entry::of("CN=g", &[("Member", &[b"CN=b"])]).ranged("member").0, [b"CN=b".to_vec()]);
    }
}
