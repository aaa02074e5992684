//! What is secret at rest: the account's password above all, each in a file beside the settings that only the service can
//! read back. DPAPI protects it on Windows; elsewhere a credential of systemd, or a key file that belongs to the service
//! alone.
//!
//! What is stored is bound to what it is and whose, so that a password can't be moved to another account.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};

#[cfg(not(windows))]
#[path = "keyfile.rs"]
mod platform;
#[cfg(windows)]
#[path = "dpapi.rs"]
mod platform;

/// What is kept; each has a file of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Password of the account that mailboxes are opened with.
    Account,
    /// Password of the user that the updater reads the organisation's configuration as.
    Directory,
    /// The updater's private key, which the organisation's secrets are encrypted to.
    Key,
}

impl Kind {
    fn file(self) -> &'static str {
        match self {
            Self::Account => "account.secret",
            Self::Directory => "directory.secret",
            Self::Key => "updater.key",
        }
    }

    /// What the contents are bound to. The account's own is its name alone; the others begin as no name does.
    fn context(self, whose: &str) -> String {
        match self {
            Self::Account => whose.to_owned(),
            Self::Directory | Self::Key => format!("\0{}\0{whose}", self.file()),
        }
    }

    fn what(self) -> &'static str {
        match self {
            Self::Account => "the stored password",
            Self::Directory => "the stored password for the directory",
            Self::Key => "the updater's own key",
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::Account => "enter the password again",
            Self::Directory => "have the updater join the organisation again, with the password",
            Self::Key => "remove the file and register the updater again",
        }
    }
}

/// Why something secret could not be stored or read back.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("{} can't be used: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{} can be read by others; it must belong to the updater's account alone (mode 600)", path.display())]
    Exposed { path: PathBuf },
    #[error(
        "{} can't be decrypted: it was stored for another account or on another machine, or {} was damaged; {}",
        kind.what(), path.display(), kind.remedy()
    )]
    Undecipherable { path: PathBuf, kind: Kind },
}

/// The place of a secret.
#[derive(Debug, Clone)]
pub struct SecretStore {
    folder: PathBuf,
    kind: Kind,
}

impl SecretStore {
    /// That of the account's password.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self::of(Kind::Account, folder)
    }

    #[must_use]
    pub fn of(kind: Kind, folder: &Path) -> Self {
        Self { folder: folder.to_owned(), kind }
    }

    fn path(&self) -> PathBuf {
        self.folder.join(self.kind.file())
    }

    /// Stores what is `whose` in place of any other.
    pub fn store(&self, whose: &str, secret: &SecretString) -> Result<(), SecretError> {
        let sealed = platform::seal(&self.folder, &self.kind.context(whose), secret.expose_secret().as_bytes())?;
        let path = self.path();
        write_private(&self.folder, &path, &sealed).map_err(|source| SecretError::File { path, source })
    }

    /// What is stored for `whose`; `None` when nothing was stored.
    pub fn load(&self, whose: &str) -> Result<Option<SecretString>, SecretError> {
        let path = self.path();
        let sealed = match std::fs::read(&path) {
            Ok(sealed) => sealed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(SecretError::File { path, source }),
        };
        let undecipherable = || SecretError::Undecipherable { path: path.clone(), kind: self.kind };
        let clear = platform::open(&self.folder, &self.kind.context(whose), &sealed)?.ok_or_else(undecipherable)?;
        let text = String::from_utf8(clear).map_err(|_| undecipherable())?;
        Ok(Some(SecretString::from(text)))
    }

    /// Removes what is stored, if there is anything.
    pub fn forget(&self) -> Result<(), SecretError> {
        let path = self.path();
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(SecretError::File { path, source }),
            _ => Ok(()),
        }
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

    /// P2
    #[test]
    fn one_kind_of_secret_is_not_read_as_another() {
        let (folder, _) = stored();
        let key = SecretStore::of(Kind::Key, folder.path());
        std::fs::copy(folder.path().join("account.secret"), key.path()).unwrap();
        let problem = key.load("svc@x").unwrap_err().to_string();
        assert!(
            problem.contains("the updater's own key") && problem.contains("register the updater again"),
            "{problem}"
        );
        key.store("svc@x", &SecretString::from("AGE-SECRET-KEY")).unwrap();
        assert_eq!(key.load("svc@x").unwrap().unwrap().expose_secret(), "AGE-SECRET-KEY");
        key.forget().unwrap();
        key.forget().unwrap();
        assert!(key.load("svc@x").unwrap().is_none());
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
