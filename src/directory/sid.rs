//! Security identifiers: the names of accounts and groups that never change.

use std::fmt;

/// A SID in its binary form.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Sid(Vec<u8>);

impl Sid {
    /// None when the bytes are no SID.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let count = usize::from(*bytes.get(1)?);
        (bytes[0] == 1 && count <= 15 && bytes.len() == 8 + 4 * count).then(|| Self(bytes.to_vec()))
    }

    /// The one that these bytes begin with.
    pub fn prefix(bytes: &[u8]) -> Option<Self> {
        Self::read(bytes.get(..8 + 4 * usize::from(*bytes.get(1)?))?)
    }

    /// Reads `S-1-5-21-…-512`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("S-1-")?.split('-');
        let authority: u64 = parts.next()?.parse().ok().filter(|authority| *authority < 1 << 48)?;
        let parts: Vec<u32> = parts.map(str::parse).collect::<Result<_, _>>().ok()?;
        let mut sid = vec![1, u8::try_from(parts.len()).ok()?];
        sid.extend(&authority.to_be_bytes()[2..]);
        for part in &parts {
            sid.extend(part.to_le_bytes());
        }
        Self::read(&sid)
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The last part, which names the object within its domain.
    pub fn relative(&self) -> Option<u32> {
        Some(u32::from_le_bytes(self.0.get(8..)?.last_chunk().copied()?))
    }

    /// The last part, if it names an object of a domain, as opposed to one that is the same everywhere.
    pub fn relative_in_domain(&self) -> Option<u32> {
        // SECURITY_NT_NON_UNIQUE
        (self.0.get(8..12)? == 21_u32.to_le_bytes()).then(|| self.relative())?
    }

    /// The SID of the domain.
    pub fn domain(&self) -> Option<Self> {
        let count = self.0[1].checked_sub(1)?;
        let mut domain = self.0[..self.0.len() - 4].to_vec();
        domain[1] = count;
        Some(Self(domain))
    }

    /// Well-known members of a domain, such as 512, Domain Admins.
    pub fn with(&self, relative: u32) -> Self {
        let mut sid = self.0.clone();
        sid[1] += 1;
        sid.extend(relative.to_le_bytes());
        Self(sid)
    }

    /// As a value in a filter.
    pub fn filter(&self) -> String {
        super::filter::bytes(&self.0)
    }
}

/// As `S-1-5-21-…-512`.
impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.0[2..8].iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        write!(f, "S-{}-{authority}", self.0[0])?;
        self.0[8..].as_chunks::<4>().0.iter().try_for_each(|part| write!(f, "-{}", u32::from_le_bytes(*part)))
    }
}
impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sid_knows_its_domain_and_is_written_as_usual() {
        let domain = Sid::read(&[1, 2, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 7, 0, 0, 0]).unwrap();
        let admins = domain.with(512);
        assert_eq!(admins.to_string(), "S-1-5-21-7-512");
        assert_eq!(admins.relative(), Some(512));
        assert_eq!(admins.domain(), Some(domain));
        assert_eq!(Sid::parse("S-1-5-21-7-512"), Some(admins.clone()));
        let mut behind = admins.bytes().to_vec();
        behind.extend([0; 4]);
        assert_eq!(Sid::prefix(&behind), Some(admins));
        for bad in ["", "S-1", "S-1-", "S-2-5-18", "S-1-5-x", "S-1-5-4294967296", "s-1-5-18"] {
            assert!(Sid::parse(bad).is_none(), "{bad}");
        }
        for bad in [&[][..], &[1], &[1, 1, 0, 0, 0, 0, 0, 5], &[2, 0, 0, 0, 0, 0, 0, 5], &[1, 200]] {
            assert!(Sid::read(bad).is_none());
        }
    }
}
