//! AES-256-GCM under a random key: systemd's credential `sent-items-update.key` when there is one, else a file of mode
//! 600 beside the secret.
//!
//! A credential is on no disk in clear: systemd decrypts it for this service alone, with the key of the machine or its
//! TPM, into memory that only the service can read (systemd.exec(5), LoadCredentialEncrypted=).

use std::io;
use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};

use super::{SecretError, write_private};

const CREDENTIAL: &str = "sent-items-update.key";
const KEY_BYTES: usize = 32;

pub fn seal(folder: &Path, user: &str, clear: &[u8]) -> Result<Vec<u8>, SecretError> {
    seal_with(&Keys::of(folder), user, clear)
}

/// `None` when it does not decrypt.
pub fn open(folder: &Path, user: &str, file: Vec<u8>) -> Result<Option<Vec<u8>>, SecretError> {
    open_with(&Keys::of(folder), user, file)
}

/// Where keys are.
struct Keys<'a> {
    /// What systemd gave us, when it gave us a key.
    credential: Option<PathBuf>,
    folder: &'a Path,
}

impl<'a> Keys<'a> {
    fn of(folder: &'a Path) -> Self {
        let given = std::env::var_os("CREDENTIALS_DIRECTORY").filter(|place| !place.is_empty());
        Self::with(given.map(PathBuf::from), folder)
    }

    fn with(credentials: Option<PathBuf>, folder: &'a Path) -> Self {
        let credential = credentials.map(|place| place.join(CREDENTIAL)).filter(|path| path.exists());
        Self { credential, folder }
    }

    /// The key that new secrets are sealed with.
    fn first(&self) -> Result<RandomizedNonceKey, SecretError> {
        match &self.credential {
            Some(path) => read(path)?.ok_or_else(|| SecretError::File {
                path: path.clone(),
                source: io::Error::new(io::ErrorKind::NotFound, "systemd's credential is gone"),
            }),
            None => key_file(self.folder),
        }
    }

    /// The key file, where a credential has taken its place since something was sealed.
    fn former(&self) -> Result<Option<RandomizedNonceKey>, SecretError> {
        if self.credential.is_some() { read(&self.folder.join("secret.key")) } else { Ok(None) }
    }
}

fn seal_with(keys: &Keys<'_>, user: &str, clear: &[u8]) -> Result<Vec<u8>, SecretError> {
    let key = keys.first()?;
    let mut sealed = clear.to_vec();
    let failed = |_| SecretError::File {
        path: keys.folder.to_owned(),
        source: io::Error::other("the system's random numbers or cipher failed"),
    };
    let nonce = key.seal_in_place_append_tag(Aad::from(user), &mut sealed).map_err(failed)?;
    let mut file = nonce.as_ref().to_vec();
    file.append(&mut sealed);
    Ok(file)
}

fn open_with(keys: &Keys<'_>, user: &str, file: Vec<u8>) -> Result<Option<Vec<u8>>, SecretError> {
    if let Some(clear) = decrypted(&keys.first()?, user, file.clone()) {
        return Ok(Some(clear));
    }
    Ok(keys.former()?.and_then(|key| decrypted(&key, user, file)))
}

fn decrypted(key: &RandomizedNonceKey, user: &str, mut file: Vec<u8>) -> Option<Vec<u8>> {
    if file.len() < NONCE_LEN {
        return None;
    }
    let mut sealed = file.split_off(NONCE_LEN);
    let nonce = Nonce::try_assume_unique_for_key(&file).ok()?;
    let length = key.open_in_place(nonce, Aad::from(user), &mut sealed).ok()?.len();
    sealed.truncate(length);
    Some(sealed)
}

/// The key of the file, made at its first use.
fn key_file(folder: &Path) -> Result<RandomizedNonceKey, SecretError> {
    let path = folder.join("secret.key");
    if let Some(key) = read(&path)? {
        return Ok(key);
    }
    let failed = |source| SecretError::File { path: path.clone(), source };
    let mut bytes = vec![0; KEY_BYTES];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| failed(io::Error::other("no random numbers")))?;
    write_private(folder, &path, &bytes).map_err(failed)?;
    key(&path, &bytes)
}

/// The key in a file; none: there is no such file.
fn read(path: &Path) -> Result<Option<RandomizedNonceKey>, SecretError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(SecretError::File { path: path.to_owned(), source }),
    };
    check_private(path)?;
    key(path, &bytes).map(Some)
}

fn key(path: &Path, bytes: &[u8]) -> Result<RandomizedNonceKey, SecretError> {
    RandomizedNonceKey::new(&AES_256_GCM, bytes).map_err(|_| SecretError::File {
        path: path.to_owned(),
        source: io::Error::new(io::ErrorKind::InvalidData, format!("a key has {KEY_BYTES} bytes")),
    })
}

fn check_private(path: &Path) -> Result<(), SecretError> {
    use std::os::unix::fs::MetadataExt as _;
    let found = std::fs::metadata(path).map_err(|source| SecretError::File { path: path.to_owned(), source })?;
    let others = 0o077;
    if found.mode() & others == 0 { Ok(()) } else { Err(SecretError::Exposed { path: path.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn credentials(key: &[u8], mode: u32) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(CREDENTIAL);
        std::fs::write(&path, key).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        folder
    }

    #[test]
    fn with_a_credential_of_systemd_no_key_is_on_the_disk() {
        let (folder, given) = (tempfile::tempdir().unwrap(), credentials(&[7; KEY_BYTES], 0o400));
        let keys = Keys::with(Some(given.path().to_owned()), folder.path());
        let sealed = seal_with(&keys, "svc@x", b"secret").unwrap();
        assert_eq!(open_with(&keys, "svc@x", sealed.clone()).unwrap().unwrap(), b"secret");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let other = credentials(&[8; KEY_BYTES], 0o400);
        let keys = Keys::with(Some(other.path().to_owned()), folder.path());
        assert!(open_with(&keys, "svc@x", sealed).unwrap().is_none());
    }

    #[test]
    fn what_was_sealed_before_there_was_a_credential_can_still_be_read() {
        let (folder, given) = (tempfile::tempdir().unwrap(), credentials(&[7; KEY_BYTES], 0o400));
        let sealed = seal_with(&Keys::with(None, folder.path()), "svc@x", b"secret").unwrap();
        let keys = Keys::with(Some(given.path().to_owned()), folder.path());
        assert_eq!(open_with(&keys, "svc@x", sealed).unwrap().unwrap(), b"secret");
    }

    #[test]
    fn credentials_without_a_key_of_ours_leave_everything_as_it_is() {
        let (folder, others) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let keys = Keys::with(Some(others.path().to_owned()), folder.path());
        let sealed = seal_with(&keys, "svc@x", b"secret").unwrap();
        assert_eq!(open_with(&Keys::with(None, folder.path()), "svc@x", sealed).unwrap().unwrap(), b"secret");
    }

    #[test]
    fn a_credential_that_is_no_key_or_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let short = credentials(b"short", 0o400);
        let problem = seal_with(&Keys::with(Some(short.path().to_owned()), folder.path()), "svc@x", b"").unwrap_err();
        assert!(problem.to_string().contains("32 bytes"), "{problem}");
        let open_to_all = credentials(&[7; KEY_BYTES], 0o444);
        let keys = Keys::with(Some(open_to_all.path().to_owned()), folder.path());
        assert!(matches!(seal_with(&keys, "svc@x", b""), Err(SecretError::Exposed { .. })));
    }
}
