//! Passwords for accounts of ours, and how Active Directory takes them.

use rand::seq::{IndexedRandom as _, SliceRandom as _};
use secrecy::{ExposeSecret as _, SecretString};
use std::iter::repeat_with;

const LENGTH: usize = 32;

/// Capital and small letters, digits and punctuation; none that are mistaken for each other, and none that a shell,
/// XML or a quoted string would change.
const CLASSES: [&[u8]; 4] = [b"ABCDEFGHJKLMNPQRSTUVWXYZ", b"abcdefghijkmnopqrstuvwxyz", b"23456789", b"-_.,:+*=#"];

/// 32 random characters of all classes, which meets the strictest of the usual policies.
pub(super) fn random() -> SecretString {
    // Seeded by the system; suited for secrets.
    let mut random = rand::rng();
    let all = CLASSES.concat();
    let mut password: Vec<u8> = CLASSES.iter().filter_map(|class| class.choose(&mut random).copied()).collect();
    let rest = LENGTH - password.len();
    let more: Vec<u8> = repeat_with(|| all.choose(&mut random).copied()).flatten().take(rest).collect();
    password.extend(more);
    password.shuffle(&mut random);
    SecretString::from(password.iter().map(|byte| char::from(*byte)).collect::<String>())
}

/// The value of `unicodePwd`: in quotes, as UTF-16.
pub(super) fn unicode(password: &SecretString) -> Vec<u8> {
    let quoted = std::iter::once('"').chain(password.expose_secret().chars()).chain(std::iter::once('"'));
    let mut units = [0; 2];
    quoted.flat_map(|c| c.encode_utf16(&mut units).to_vec()).flat_map(u16::to_le_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// W3
    #[test]
    fn a_password_has_32_characters_of_all_classes_and_is_never_the_same() {
        let passwords: std::collections::HashSet<_> = (0..200).map(|_| random().expose_secret().to_owned()).collect();
        assert_eq!(passwords.len(), 200);
        for password in passwords {
            assert_eq!(password.len(), 32);
            for class in CLASSES {
                assert!(password.bytes().any(|byte| class.contains(&byte)), "{password}");
            }
        }
    }

    #[test]
    fn a_password_is_written_in_quotes_as_utf_16() {
        assert_eq!(unicode(&SecretString::from("aü")), *b"\"\0a\0\xfc\0\"\0");
    }
}
