//! The account's password at rest: a file beside the settings that only the service can read back. DPAPI protects
//! it on Windows; elsewhere a credential of systemd, or a key file that belongs to the service alone.
//!
//! What is stored is bound to the account's name, so that a password can't be moved to another account.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};

#[cfg(not(windows))]
#[path = "keyfile.rs"]
mod platform;
#[cfg(windows)]
#[path = "dpapi.rs"]
mod platform;

/// Why a password could not be stored or read back.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("{} can't be used: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{} can be read by others; it must belong to the updater's account alone (mode 600)", path.display())]
    Exposed { path: PathBuf },
    #[error(
        "the stored password can't be decrypted: it was stored for another account or on another machine, or {} was \
         damaged; enter the password again",
        path.display()
    )]
    Undecipherable { path: PathBuf },
}

/// The place of the secret.
#[derive(Debug, Clone)]
pub struct SecretStore {
    folder: PathBuf,
}

impl SecretStore {
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    fn path(&self) -> PathBuf {
        self.folder.join("account.secret")
    }

    /// Stores the password of `user` in place of any other.
    pub fn store(&self, user: &str, password: &SecretString) -> Result<(), SecretError> {
        let sealed = platform::seal(&self.folder, user, password.expose_secret().as_bytes())?;
        let path = self.path();
        write_private(&self.folder, &path, &sealed).map_err(|source| SecretError::File { path, source })
    }

    /// The password stored for `user`; `None` when none was stored.
    pub fn load(&self, user: &str) -> Result<Option<SecretString>, SecretError> {
        let path = self.path();
        let sealed = match std::fs::read(&path) {
            Ok(sealed) => sealed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(SecretError::File { path, source }),
        };
        let clear =
            platform::open(&self.folder, user, sealed)?.ok_or(SecretError::Undecipherable { path: path.clone() })?;
        let text = String::from_utf8(clear).map_err(|_| SecretError::Undecipherable { path })?;
        Ok(Some(SecretString::from(text)))
    }
}

/// Replaces a file as a whole, flushed to disk, readable by its owner alone from the first moment on.
fn write_private(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    // tempfile makes its files with mode 600; on Windows the folder's own list of rights applies.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored() -> (tempfile::TempDir, SecretStore) {
        let folder = tempfile::tempdir().unwrap();
        let store = SecretStore::new(folder.path());
        store.store("svc@x", &SecretString::from("pässwörd")).unwrap();
        (folder, store)
    }

    #[test]
    fn a_stored_password_comes_back_and_is_not_readable_on_disk() {
        let (folder, store) = stored();
        assert_eq!(store.load("svc@x").unwrap().unwrap().expose_secret(), "pässwörd");
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            assert!(!bytes.windows(4).any(|part| part == b"ssw\xc3"));
        }
    }

    #[test]
    fn a_password_of_another_account_is_not_handed_out() {
        let (_folder, store) = stored();
        assert!(matches!(store.load("other@x"), Err(SecretError::Undecipherable { .. })));
    }

    #[test]
    fn nothing_stored_is_not_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(SecretStore::new(folder.path()).load("svc@x").unwrap().is_none());
    }

    #[test]
    fn a_damaged_file_is_an_error_that_says_what_to_do() {
        let (folder, store) = stored();
        let path = folder.path().join("account.secret");
        for damage in [&b""[..], b"short", &[7; 200]] {
            std::fs::write(&path, damage).unwrap();
            let error = store.load("svc@x").unwrap_err();
            assert!(error.to_string().contains("enter the password again"), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let (folder, store) = stored();
        let key = folder.path().join("secret.key");
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(store.load("svc@x"), Err(SecretError::Exposed { .. })));
    }
}
