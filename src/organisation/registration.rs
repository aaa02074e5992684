//! What this updater is in the organisation, kept in its data folder: who it is, what it joined, and which configuration it
//! took over last, so that an older one is known as such.

mod kept;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::document::Document;
use super::key::{KeyError, UpdaterKey};
use crate::directory::SignIn;
use crate::pipe::types::PublishedVersion;
use crate::secret::{Kind, SecretError, SecretStore};
use crate::settings::DirectorySettings;

/// Name of the file.
const FILE: &str = "organisation.json";

/// Form of the file. Another one is not read.
const FORMAT: u32 = 1;

/// A file of more bytes than this was not written here.
const MOST_BYTES: u64 = 2 << 20;

/// Why it can't be read or written, worded for the administrator.
#[derive(Debug, thiserror::Error)]
pub enum MembershipError {
    #[error("{} can't be used: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error(
        "{} is not understood ({problem}); move it away and register the updater again, or restore it from a backup",
        path.display()
    )]
    NotUnderstood { path: PathBuf, problem: String },
    /// Nothing takes their place then.
    #[error("no copy of this computer's own settings can be kept, and they stay in force ({}: {source})", path.display())]
    Copy { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Who this updater is, and what it has joined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Membership {
    format: u32,
    pub id: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joined: Option<JoinedTo>,
}

/// An organisation, and the way to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JoinedTo {
    pub organisation: Uuid,
    pub directory: DirectorySettings,
    /// Distinguished name of the container; none: the usual place of the domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// User principal name to sign in with; none: the account that the updater runs as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The published configuration that is in force here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<Adopted>,
    /// The highest version seen of what could be used.
    #[serde(default)]
    pub highest: u64,
    /// The highest number seen of a secret.
    #[serde(default)]
    pub highest_secret: u64,
}

/// A published configuration that was taken over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adopted {
    pub version: u64,
    pub write: Uuid,
    /// It was published here.
    #[serde(default)]
    pub own: bool,
    pub changed_by: String,
    pub changed_on: String,
    pub changed_at: Timestamp,
    /// Number of the secret in it.
    #[serde(default)]
    pub secret: u64,
    /// All of it, with what only a later version of the program knows.
    pub document: String,
}

impl Adopted {
    #[must_use]
    pub fn new(document: &Document, text: &str, own: bool) -> Self {
        Self {
            version: document.version(),
            write: document.write(),
            own,
            changed_by: document.changed_by().to_owned(),
            changed_on: document.changed_on().to_owned(),
            changed_at: document.changed_at(),
            // None is numbered above the document that it came with.
            secret: document.secret().map(|secret| secret.serial).filter(|n| *n <= document.version()).unwrap_or(0),
            document: text.to_owned(),
        }
    }

    #[must_use]
    pub fn published(&self) -> PublishedVersion {
        PublishedVersion {
            version: self.version,
            changed_by: self.changed_by.clone(),
            changed_on: self.changed_on.clone(),
            changed_at: self.changed_at,
        }
    }
}

/// The data folder, as far as it concerns the organisation.
#[derive(Debug, Clone)]
pub struct Place {
    folder: PathBuf,
}

impl Place {
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// Whether anything is written there.
    #[must_use]
    pub fn is_written(&self) -> bool {
        self.path().exists()
    }

    /// What is written there; an updater that has never been asked who it is gets an identifier.
    pub fn open(&self) -> Result<Membership, MembershipError> {
        let path = self.path();
        let text = match std::fs::metadata(&path) {
            Ok(found) if found.len() > MOST_BYTES => {
                return Err(MembershipError::NotUnderstood { path, problem: "it is far too large".to_owned() });
            }
            Ok(_) => std::fs::read(&path).map_err(|source| MembershipError::File { path: path.clone(), source })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Membership { format: FORMAT, id: Uuid::new_v4(), joined: None });
            }
            Err(source) => return Err(MembershipError::File { path, source }),
        };
        let membership: Membership = serde_json::from_slice(&text)
            .map_err(|error| MembershipError::NotUnderstood { path: path.clone(), problem: error.to_string() })?;
        if membership.format != FORMAT {
            let problem = format!("it is of format {}, and this program knows {FORMAT}", membership.format);
            return Err(MembershipError::NotUnderstood { path, problem });
        }
        Ok(membership)
    }

    /// Replaces it as a whole. It is on disk when this returns.
    pub fn write(&self, membership: &Membership) -> Result<(), MembershipError> {
        let written = || {
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            serde_json::to_writer_pretty(&mut file, membership)?;
            file.write_all(b"\n")?;
            file.as_file().sync_all()?;
            file.persist(self.path()).map_err(|error| error.error)?;
            Ok(())
        };
        written().map_err(|source| MembershipError::File { path: self.path(), source })
    }

    /// The key pair of this updater, made when it is first asked for.
    pub fn key(&self, id: Uuid) -> Result<UpdaterKey, MembershipError> {
        let store = SecretStore::of(Kind::Key, &self.folder);
        let whose = id.to_string();
        if let Some(text) = store.load(&whose)? {
            return Ok(UpdaterKey::parse(&text)?);
        }
        let key = UpdaterKey::generate();
        store.store(&whose, &key.to_text())?;
        Ok(key)
    }

    /// Keeps the password of the user that signs in to the directory, or that there is none.
    pub fn keep_sign_in(&self, sign_in: &SignIn) -> Result<(), MembershipError> {
        let store = SecretStore::of(Kind::Directory, &self.folder);
        match sign_in {
            SignIn::Password { upn, password } => store.store(upn, password)?,
            SignIn::LoggedOn => store.forget()?,
        }
        Ok(())
    }

    /// How it signs in to the directory.
    pub fn sign_in(&self, joined: &JoinedTo) -> Result<SignIn, MembershipError> {
        let Some(upn) = joined.user.clone() else { return Ok(SignIn::LoggedOn) };
        match SecretStore::of(Kind::Directory, &self.folder).load(&upn)? {
            Some(password) => Ok(SignIn::Password { upn, password }),
            None => Err(MembershipError::NotUnderstood {
                path: self.path(),
                problem: format!("the password of {upn} is not stored"),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::{ExposeSecret as _, SecretString};

    use super::*;

    fn joined(user: Option<&str>) -> JoinedTo {
        JoinedTo {
            organisation: Uuid::from_u128(7),
            directory: DirectorySettings { domain: "corp.example".into(), ..Default::default() },
            place: None,
            user: user.map(str::to_owned),
            adopted: None,
            highest: 3,
            highest_secret: 2,
        }
    }

    #[test]
    fn what_was_joined_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(folder.path());
        let mut membership = place.open().unwrap();
        assert_eq!(membership.joined, None);
        membership.joined = Some(joined(None));
        place.write(&membership).unwrap();
        assert_eq!(place.open().unwrap(), membership);
    }

    /// P2
    #[test]
    fn key_and_password_come_back_and_are_not_readable_on_disk() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(folder.path());
        let id = Uuid::from_u128(1);
        let key = place.key(id).unwrap();
        assert_eq!(place.key(id).unwrap().public(), key.public());
        let password = SecretString::from("Zebra-7");
        place.keep_sign_in(&SignIn::Password { upn: "siu@corp.example".into(), password }).unwrap();
        let SignIn::Password { upn, password } = place.sign_in(&joined(Some("siu@corp.example"))).unwrap() else {
            panic!("no password");
        };
        assert_eq!((upn.as_str(), password.expose_secret()), ("siu@corp.example", "Zebra-7"));
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            for secret in [&b"Zebra"[..], b"AGE-SECRET"] {
                assert!(!bytes.windows(secret.len()).any(|part| part == secret));
            }
        }
        place.keep_sign_in(&SignIn::LoggedOn).unwrap();
        let problem = place.sign_in(&joined(Some("siu@corp.example"))).unwrap_err().to_string();
        assert!(problem.contains("the password of siu@corp.example is not stored"), "{problem}");
    }

    #[test]
    fn a_file_that_is_not_understood_is_left_as_it_is_and_named() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(folder.path());
        for text in ["", "{}", r#"{"format": 9, "id": "6f3c2b8e-0d5e-4a53-8a53-2f9f0c3f7d11"}"#] {
            std::fs::write(folder.path().join(FILE), text).unwrap();
            let problem = place.open().unwrap_err().to_string();
            assert!(problem.contains("organisation.json"), "{problem}");
            assert_eq!(std::fs::read_to_string(folder.path().join(FILE)).unwrap(), text);
        }
    }
}
