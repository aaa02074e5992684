//! AES-256-GCM under a random key in a file of mode 600, or under the one that systemd hands over as the credential
//! `secret.key` (systemd.exec(5), `LoadCredentialEncrypted=`): that one can be bound to this machine's TPM.

use std::io;
use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};

use super::{SecretError, write_private};

pub fn seal(folder: &Path, user: &str, clear: &[u8]) -> Result<Vec<u8>, SecretError> {
    seal_with(folder, credential().as_deref(), user, clear)
}

/// `None` when it does not decrypt.
pub fn open(folder: &Path, user: &str, file: &[u8]) -> Result<Option<Vec<u8>>, SecretError> {
    open_with(folder, credential().as_deref(), user, file)
}

/// The key that systemd hands over, if it does.
fn credential() -> Option<PathBuf> {
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY").filter(|folder| !folder.is_empty())?;
    credential_in(Path::new(&folder))
}

/// One that can't be reached counts: no key on the disk takes its place behind the administrator's back.
fn credential_in(folder: &Path) -> Option<PathBuf> {
    Some(folder.join(KEY)).filter(|path| path.try_exists().unwrap_or(true))
}

fn seal_with(folder: &Path, credential: Option<&Path>, user: &str, clear: &[u8]) -> Result<Vec<u8>, SecretError> {
    let key = match credential {
        Some(path) => handed_over(path)?,
        None => key(folder)?,
    };
    let mut sealed = clear.to_vec();
    let failed = |_| SecretError::File {
        path: folder.to_owned(),
        source: io::Error::other("the system's random numbers or cipher failed"),
    };
    let nonce = key.seal_in_place_append_tag(Aad::from(user), &mut sealed).map_err(failed)?;
    let mut file = nonce.as_ref().to_vec();
    file.append(&mut sealed);
    Ok(file)
}

fn open_with(
    folder: &Path,
    credential: Option<&Path>,
    user: &str,
    file: &[u8],
) -> Result<Option<Vec<u8>>, SecretError> {
    if let Some(path) = credential {
        if let Some(clear) = unseal(&handed_over(path)?, user, file) {
            return Ok(Some(clear));
        }
        // Stored before there was a credential: readable as before, and stored with it the next time.
        if !folder.join(KEY).exists() {
            return Ok(None);
        }
    }
    Ok(unseal(&key(folder)?, user, file))
}

fn unseal(key: &RandomizedNonceKey, user: &str, file: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = file.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut sealed = sealed.to_vec();
    let length = key.open_in_place(nonce, Aad::from(user), &mut sealed).ok()?.len();
    sealed.truncate(length);
    Some(sealed)
}

const KEY: &str = "secret.key";

/// systemd sees to it that nobody else reads a credential, by an access list where it can: the mode says nothing.
fn handed_over(path: &Path) -> Result<RandomizedNonceKey, SecretError> {
    let failed = |source| SecretError::File { path: path.to_owned(), source };
    usable(&std::fs::read(path).map_err(failed)?).map_err(failed)
}

fn usable(bytes: &[u8]) -> io::Result<RandomizedNonceKey> {
    RandomizedNonceKey::new(&AES_256_GCM, bytes)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "a key has 32 bytes"))
}

/// The key, made at its first use.
fn key(folder: &Path) -> Result<RandomizedNonceKey, SecretError> {
    let path = folder.join(KEY);
    let failed = |source| SecretError::File { path: path.clone(), source };
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => {
            check_private(&path)?;
            bytes
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut bytes = vec![0; 32];
            aws_lc_rs::rand::fill(&mut bytes).map_err(|_| failed(io::Error::other("no random numbers")))?;
            write_private(folder, &path, &bytes).map_err(failed)?;
            bytes
        }
        Err(source) => return Err(failed(source)),
    };
    usable(&bytes).map_err(failed)
}

fn check_private(path: &Path) -> Result<(), SecretError> {
    use std::os::unix::fs::MetadataExt as _;
    let found = std::fs::metadata(path).map_err(|source| SecretError::File { path: path.to_owned(), source })?;
    let others = 0o077;
    if found.mode() & others == 0 { Ok(()) } else { Err(SecretError::Exposed { path: path.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_a_credential_no_key_lies_on_the_disk_and_what_was_stored_before_stays_readable() {
        let folder = tempfile::tempdir().unwrap();
        let before = seal_with(folder.path(), None, "svc@x", b"first").unwrap();
        let credential = folder.path().join("credential");
        std::fs::write(&credential, [7; 32]).unwrap();
        let with = |file: &[u8]| open_with(folder.path(), Some(&credential), "svc@x", file).unwrap();
        assert_eq!(with(&before).unwrap(), b"first");

        std::fs::remove_file(folder.path().join(KEY)).unwrap();
        let after = seal_with(folder.path(), Some(&credential), "svc@x", b"second").unwrap();
        assert_eq!(with(&after).unwrap(), b"second");
        assert!(with(&before).is_none(), "its key is gone");
        assert!(!folder.path().join(KEY).exists(), "none is made");
    }

    #[test]
    fn a_credential_that_cannot_be_reached_is_an_error_and_one_that_is_not_there_is_none() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(credential_in(folder.path()), None, "other credentials, perhaps, but no key");
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let credential = credential_in(&file).unwrap();
        let problem = seal_with(folder.path(), Some(&credential), "svc@x", b"p").unwrap_err().to_string();
        assert!(problem.contains("file/secret.key"), "{problem}");
        assert!(!folder.path().join(KEY).exists(), "none is made");
    }

    #[test]
    fn a_credential_that_is_no_key_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let credential = folder.path().join("credential");
        std::fs::write(&credential, "short").unwrap();
        let problem = seal_with(folder.path(), Some(&credential), "svc@x", b"p").unwrap_err().to_string();
        assert!(problem.contains("credential") && problem.contains("32 bytes"), "{problem}");
    }
}
