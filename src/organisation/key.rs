//! The updater's key pair, and secrets encrypted to updaters (age, X25519).
//!
//! Whoever can look into the directory sees an armoured age file. What is in it names the organisation, the number of the
//! secret and the account, so that nobody can put an older one, or another account's, in its place unnoticed.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::x25519;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

/// Bytes that a decrypted secret may have: the key of a certificate is far smaller.
const MOST_BYTES: u64 = 64 * 1024;

/// Why a secret could not be encrypted or decrypted.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("{key:?} is not the public key of an updater ({problem})")]
    NotAKey { key: String, problem: &'static str },
    #[error("the updater's own key is not one ({0}); remove its file and register the updater again")]
    OwnKey(&'static str),
    #[error("there is no updater to encrypt the secret to")]
    Nobody,
    #[error("the secret could not be encrypted ({0})")]
    Seal(String),
    #[error("the secret is not encrypted to this updater")]
    NotForUs,
    #[error("the secret is damaged ({0})")]
    Damaged(String),
    #[error("the secret belongs to another {0}: it was not put there by an updater")]
    Elsewhere(&'static str),
}

/// The private half.
pub struct UpdaterKey(x25519::Identity);

impl UpdaterKey {
    #[must_use]
    pub fn generate() -> Self {
        Self(x25519::Identity::generate())
    }

    /// As it was stored.
    pub fn parse(text: &SecretString) -> Result<Self, KeyError> {
        text.expose_secret().trim().parse().map(Self).map_err(KeyError::OwnKey)
    }

    #[must_use]
    pub fn to_text(&self) -> SecretString {
        SecretString::from(self.0.to_string().expose_secret().to_owned())
    }

    /// The public half, `age1…`.
    #[must_use]
    pub fn public(&self) -> String {
        self.0.to_public().to_string()
    }
}

impl std::fmt::Debug for UpdaterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("UpdaterKey").field(&self.public()).finish()
    }
}

/// What a secret belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound<'a> {
    pub organisation: Uuid,
    /// Counts the times that it was encrypted.
    pub serial: u64,
    /// The account whose password it is.
    pub user: &'a str,
}

/// What is encrypted.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    organisation: Uuid,
    serial: u64,
    user: String,
    #[serde(serialize_with = "expose")]
    password: SecretString,
}

// Into what is encrypted.
fn expose<S: Serializer>(password: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(password.expose_secret())
}

/// Whether secrets can be encrypted to this key.
pub fn check(key: &str) -> Result<(), KeyError> {
    recipient(key).map(drop)
}

fn recipient(key: &str) -> Result<x25519::Recipient, KeyError> {
    key.parse().map_err(|problem| KeyError::NotAKey { key: key.chars().take(100).collect(), problem })
}

/// Encrypts a password to all of these keys.
pub fn seal(to: &BTreeMap<Uuid, String>, bound: Bound<'_>, password: &SecretString) -> Result<String, KeyError> {
    let failed = |error: std::io::Error| KeyError::Seal(error.to_string());
    let recipients = to.values().map(|key| recipient(key)).collect::<Result<Vec<_>, _>>()?;
    if recipients.is_empty() {
        return Err(KeyError::Nobody);
    }
    let payload = Payload {
        organisation: bound.organisation,
        serial: bound.serial,
        user: bound.user.to_owned(),
        password: password.clone(),
    };
    let clear = Zeroizing::new(serde_json::to_vec(&payload).map_err(|error| KeyError::Seal(error.to_string()))?);
    let encryptor =
        age::Encryptor::with_recipients(recipients.iter().map(|recipient| recipient as &dyn age::Recipient))
            .map_err(|error| KeyError::Seal(error.to_string()))?;
    let armour = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor).map_err(failed)?;
    let mut writer = encryptor.wrap_output(armour).map_err(failed)?;
    writer.write_all(&clear).map_err(failed)?;
    let sealed = writer.finish().and_then(ArmoredWriter::finish).map_err(failed)?;
    String::from_utf8(sealed).map_err(|error| KeyError::Seal(error.to_string()))
}

impl UpdaterKey {
    /// The password, if it is encrypted to this updater and belongs to what it is said to.
    pub fn open(&self, sealed: &str, bound: Bound<'_>) -> Result<SecretString, KeyError> {
        let damaged = |error: &dyn std::fmt::Display| KeyError::Damaged(error.to_string());
        let decryptor = age::Decryptor::new(ArmoredReader::new(sealed.as_bytes())).map_err(|error| damaged(&error))?;
        let reader = match decryptor.decrypt(std::iter::once(&self.0 as &dyn age::Identity)) {
            Ok(reader) => reader,
            Err(age::DecryptError::NoMatchingKeys) => return Err(KeyError::NotForUs),
            Err(error) => return Err(damaged(&error)),
        };
        let mut clear = Zeroizing::new(Vec::new());
        reader.take(MOST_BYTES).read_to_end(&mut clear).map_err(|error| damaged(&error))?;
        // Its own words could show what it stumbled over.
        let payload: Payload = serde_json::from_slice(&clear).map_err(|_| damaged(&"it is not what was encrypted"))?;
        if payload.organisation != bound.organisation {
            return Err(KeyError::Elsewhere("organisation"));
        }
        if payload.user != bound.user {
            return Err(KeyError::Elsewhere("account"));
        }
        if payload.serial != bound.serial {
            return Err(KeyError::Elsewhere("version of the configuration"));
        }
        Ok(payload.password)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORGANISATION: Uuid = Uuid::from_u128(7);

    fn bound(serial: u64, user: &str) -> Bound<'_> {
        Bound { organisation: ORGANISATION, serial, user }
    }

    fn keys<const N: usize>(keys: [&UpdaterKey; N]) -> BTreeMap<Uuid, String> {
        keys.into_iter().zip(1..).map(|(key, id)| (Uuid::from_u128(id), key.public())).collect()
    }

    /// P2
    #[test]
    fn whoever_is_registered_can_read_the_secret_and_nobody_else() {
        let (first, second, other) = (UpdaterKey::generate(), UpdaterKey::generate(), UpdaterKey::generate());
        let sealed = seal(&keys([&first, &second]), bound(1, "svc@x"), &SecretString::from("Zebra-7")).unwrap();
        assert!(sealed.starts_with("-----BEGIN AGE ENCRYPTED FILE-----") && !sealed.contains("Zebra"), "{sealed}");
        for key in [&first, &second] {
            assert_eq!(key.open(&sealed, bound(1, "svc@x")).unwrap().expose_secret(), "Zebra-7");
        }
        assert!(matches!(other.open(&sealed, bound(1, "svc@x")), Err(KeyError::NotForUs)));
    }

    /// P2
    #[test]
    fn a_secret_can_not_be_moved_to_another_place() {
        let key = UpdaterKey::generate();
        let sealed = seal(&keys([&key]), bound(3, "svc@x"), &SecretString::from("Zebra-7")).unwrap();
        let elsewhere = Bound { organisation: Uuid::from_u128(8), ..bound(3, "svc@x") };
        for bound in [elsewhere, bound(2, "svc@x"), bound(4, "svc@x"), bound(3, "other@x")] {
            assert!(matches!(key.open(&sealed, bound), Err(KeyError::Elsewhere(_))), "{bound:?}");
        }
    }

    #[test]
    fn a_key_comes_back_from_its_text_and_is_not_printed() {
        let key = UpdaterKey::generate();
        let text = key.to_text();
        assert_eq!(UpdaterKey::parse(&text).unwrap().public(), key.public());
        assert!(!format!("{key:?}").contains(text.expose_secret()));
        assert!(matches!(UpdaterKey::parse(&SecretString::from("AGE-SECRET-KEY-1")), Err(KeyError::OwnKey(_))));
    }

    #[test]
    fn what_is_no_key_is_named_and_nothing_is_encrypted_to_nobody() {
        let problem = check("age1nonsense").unwrap_err().to_string();
        assert!(problem.contains("age1nonsense"), "{problem}");
        let nobody = seal(&BTreeMap::new(), bound(1, "svc@x"), &SecretString::from("p"));
        assert!(matches!(nobody, Err(KeyError::Nobody)));
    }

    #[test]
    fn whatever_is_done_to_an_encrypted_secret_it_is_refused_and_never_read_wrongly() {
        let key = UpdaterKey::generate();
        let sealed = seal(&keys([&key]), bound(1, "svc@x"), &SecretString::from("Zebra-7")).unwrap();
        for end in 0..sealed.trim_end().len() {
            let opened = key.open(&sealed[..end], bound(1, "svc@x"));
            assert!(opened.is_err(), "cut off at {end}");
        }
        let lines: Vec<_> = sealed.lines().collect();
        for at in 1..lines.len() - 1 {
            let mut lines = lines.clone();
            let changed: String = lines[at].chars().rev().collect();
            lines[at] = &changed;
            if lines[at] != sealed.lines().nth(at).unwrap() {
                assert!(key.open(&lines.join("\n"), bound(1, "svc@x")).is_err(), "line {at} was changed");
            }
        }
        for nonsense in [
            "",
            "\0",
            "age-encryption.org/v1\n",
            "-----BEGIN AGE ENCRYPTED FILE-----\n\n-----END AGE ENCRYPTED FILE-----",
        ] {
            assert!(matches!(key.open(nonsense, bound(1, "svc@x")), Err(KeyError::Damaged(_))), "{nonsense:?}");
        }
    }
}
