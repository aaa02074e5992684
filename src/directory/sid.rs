//! Security identifiers: the names of accounts and groups that never change.

use std::fmt;

/// A SID in its binary form.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Sid(Vec<u8>);

impl Sid {
    /// None when the bytes are no SID.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let count = usize::from(*bytes.get(1)?);
        (bytes[0] == 1 && count <= 15 && bytes.len() == 8 + 4 * count).then(|| Self(bytes.to_vec()))
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
        for bad in [&[][..], &[1], &[1, 1, 0, 0, 0, 0, 0, 5], &[2, 0, 0, 0, 0, 0, 0, 5], &[1, 200]] {
            assert!(Sid::read(bad).is_none());
        }
    }
}
