//! Who may do what with an object: the access control list in its security descriptor (MS-DTYP 2.4.4 to 2.4.6).
//!
//! Only that list is read and written here; the owner and the audit list stay what they are. Entries of kinds that are not
//! ours are kept byte by byte.

use super::sid::Sid;

/// What may be done (MS-ADTS 5.1.3.2).
pub(crate) mod access {
    pub const LIST: u32 = 0x4;
    pub const READ: u32 = 0x10;
    pub const WRITE: u32 = 0x20;
    /// The object itself is seen where the contents of its container are not.
    pub const SEE: u32 = 0x80;
    pub const READ_RIGHTS: u32 = 0x2_0000;
    /// All rights there are with an object of the directory.
    pub const EVERYTHING: u32 = 0xf_01ff;
}

/// `ACCESS_ALLOWED_ACE_TYPE`
const ALLOWED: u8 = 0;
/// Kinds whose account stands behind the mask, and those where GUIDs stand in between.
const PLAIN: [u8; 2] = [ALLOWED, 1];
const WITH_GUIDS: [u8; 2] = [5, 6];

/// `CONTAINER_INHERIT_ACE`: objects below get it, too.
const PASSED_ON: u8 = 0x2;
/// `INHERITED_ACE`
const INHERITED: u8 = 0x10;

// Bits of the descriptor's control field.
const LIST_PRESENT: u16 = 0x4;
const PROTECTED: u16 = 0x1000;
const SELF_RELATIVE: u16 = 0x8000;

/// An entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ace {
    kind: u8,
    flags: u8,
    /// What follows the header.
    body: Vec<u8>,
}

impl Ace {
    /// Lets this account do that with this object.
    pub fn allow(account: &Sid, access: u32) -> Self {
        let mut body = access.to_le_bytes().to_vec();
        body.extend(account.bytes());
        Self { kind: ALLOWED, flags: 0, body }
    }

    /// The same for everything below, unless it takes no rights over from above.
    pub fn passed_on(self) -> Self {
        Self { flags: self.flags | PASSED_ON, ..self }
    }

    /// Who it is about; none when it is of a kind that we don't know.
    pub fn account(&self) -> Option<Sid> {
        let behind = match self.kind {
            kind if PLAIN.contains(&kind) => 4,
            kind if WITH_GUIDS.contains(&kind) => {
                let present = u32::from_le_bytes(*self.body.get(4..)?.first_chunk()?);
                8 + 16 * (present & 0b11).count_ones() as usize
            }
            _ => return None,
        };
        Sid::prefix(self.body.get(behind..)?)
    }

    fn bytes(&self) -> Option<Vec<u8>> {
        let mut bytes = vec![self.kind, self.flags];
        bytes.extend(u16::try_from(self.body.len() + 4).ok()?.to_le_bytes());
        bytes.extend(&self.body);
        Some(bytes)
    }
}

/// Who may do what with an object, inherited entries left out: the controller adds them by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rights {
    /// Nothing is inherited.
    pub protected: bool,
    pub entries: Vec<Ace>,
}

impl Rights {
    /// None when the bytes are no descriptor, or there is no list in it: then everybody may do everything.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let number = |at: usize| Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        let control = number(2)?;
        let list_at = usize::try_from(u32::from_le_bytes(*bytes.get(16..)?.first_chunk()?)).ok()?;
        if bytes.first() != Some(&1) || control & LIST_PRESENT == 0 || control & SELF_RELATIVE == 0 || list_at < 20 {
            return None;
        }
        let size = usize::from(number(list_at.checked_add(2)?)?);
        let list = bytes.get(list_at..list_at.checked_add(size)?)?;
        let count = u16::from_le_bytes(*list.get(4..)?.first_chunk()?);
        let mut rest = list.get(8..)?;
        let mut entries = Vec::new();
        for _ in 0..count {
            let size = usize::from(u16::from_le_bytes(*rest.get(2..)?.first_chunk()?));
            let entry = Ace { kind: rest[0], flags: rest[1], body: rest.get(4..size)?.to_vec() };
            rest = rest.get(size..)?;
            if entry.flags & INHERITED == 0 {
                entries.push(entry);
            }
        }
        Some(Self { protected: control & PROTECTED != 0, entries })
    }

    /// A descriptor with this list alone; none when the list is longer than 64 KB, which is the most.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        let mut control = LIST_PRESENT | SELF_RELATIVE;
        if self.protected {
            control |= PROTECTED;
        }
        let mut bytes = vec![1, 0];
        bytes.extend(control.to_le_bytes());
        // Where owner, group, audit list and this list begin.
        for offset in [0_u32, 0, 0, 20] {
            bytes.extend(offset.to_le_bytes());
        }
        let entries = self.entries.iter().map(Ace::bytes).collect::<Option<Vec<_>>>()?.concat();
        // ACL_REVISION_DS: there may be entries with GUIDs.
        bytes.extend([4, 0]);
        bytes.extend(u16::try_from(entries.len() + 8).ok()?.to_le_bytes());
        bytes.extend(u16::try_from(self.entries.len()).ok()?.to_le_bytes());
        bytes.extend([0, 0]);
        bytes.extend(entries);
        Some(bytes)
    }

    /// The same entries, in whatever order.
    pub fn same(&self, other: &Self) -> bool {
        let within = |one: &Self, other: &Self| one.entries.iter().all(|entry| other.entries.contains(entry));
        self.protected == other.protected && within(self, other) && within(other, self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sid(text: &str) -> Sid {
        Sid::parse(text).unwrap()
    }

    /// A list as Active Directory gives it: an owner before it, an entry with a GUID, an inherited one.
    fn given() -> Vec<u8> {
        let mut bytes = vec![1, 0, 0x04, 0x94];
        for offset in [20_u32, 0, 0, 32] {
            bytes.extend(offset.to_le_bytes());
        }
        bytes.extend(sid("S-1-5-18").bytes());
        let entries: [&[u8]; 3] = [
            // Full control for SYSTEM
            &[0, 0, 20, 0, 0xff, 1, 0x0f, 0, 1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0],
            // An attribute of Authenticated Users
            &[
                5, 0, 40, 0, 0x10, 0, 0, 0, 1, 0, 0, 0, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 1, 1, 0, 0, 0,
                0, 0, 5, 11, 0, 0, 0,
            ],
            // Inherited: reading for everybody
            &[0, 0x12, 20, 0, 0x14, 0, 2, 0, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0],
        ];
        let entries = entries.concat();
        bytes.extend([4, 0, u8::try_from(entries.len() + 8).unwrap(), 0, 3, 0, 0, 0]);
        bytes.extend(entries);
        bytes
    }

    #[test]
    fn a_descriptor_is_read_without_what_is_inherited_and_written_as_it_was() {
        let rights = Rights::read(&given()).unwrap();
        assert!(rights.protected);
        assert_eq!(rights.entries[0], Ace::allow(&sid("S-1-5-18"), access::EVERYTHING));
        let accounts: Vec<_> = rights.entries.iter().map(|entry| entry.account().unwrap().to_string()).collect();
        assert_eq!(accounts, ["S-1-5-18", "S-1-5-11"]);
        assert_eq!(Rights::read(&rights.bytes().unwrap()), Some(rights));
    }

    #[test]
    fn the_order_of_entries_does_not_matter_but_who_inherits_does() {
        let (one, other) = (Ace::allow(&sid("S-1-5-18"), access::READ), Ace::allow(&sid("S-1-5-11"), access::READ));
        let rights = |entries: &[Ace]| Rights { protected: true, entries: entries.to_vec() };
        assert!(rights(&[one.clone(), other.clone()]).same(&rights(&[other.clone(), one.clone()])));
        assert!(!rights(&[one.clone(), other.clone()]).same(&rights(std::slice::from_ref(&one))));
        assert!(!rights(std::slice::from_ref(&one)).same(&rights(&[one.passed_on()])));
        assert!(!rights(&[]).same(&Rights { protected: false, entries: Vec::new() }));
    }

    #[test]
    fn what_is_no_descriptor_is_not_taken_for_one() {
        let good = given();
        for end in 0..good.len() {
            assert_eq!(Rights::read(&good[..end]), None, "{end} bytes");
        }
        // Lengths and offsets that lead elsewhere end nowhere.
        for at in 0..good.len() {
            for byte in [0, 1, 0xff] {
                let mut odd = good.clone();
                odd[at] = byte;
                for entry in Rights::read(&odd).iter().flat_map(|rights| &rights.entries) {
                    entry.account();
                }
            }
        }
    }

    #[test]
    fn a_list_that_is_too_long_is_not_written() {
        let entry = Ace::allow(&sid("S-1-5-21-1-2-3-4"), access::READ);
        assert!(Rights { protected: true, entries: vec![entry.clone(); 1_800] }.bytes().is_some());
        assert_eq!(Rights { protected: true, entries: vec![entry; 1_900] }.bytes(), None);
    }
}
