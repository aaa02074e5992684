//! AES-256-GCM under a random key in a file of mode 600.

use std::io;
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};

use super::{SecretError, write_private};

pub fn seal(folder: &Path, user: &str, clear: &[u8]) -> Result<Vec<u8>, SecretError> {
    let key = key(folder)?;
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

/// `None` when it does not decrypt.
pub fn open(folder: &Path, user: &str, mut file: Vec<u8>) -> Result<Option<Vec<u8>>, SecretError> {
    let key = key(folder)?;
    if file.len() < NONCE_LEN {
        return Ok(None);
    }
    let mut sealed = file.split_off(NONCE_LEN);
    let Ok(nonce) = Nonce::try_assume_unique_for_key(&file) else { return Ok(None) };
    let clear = key.open_in_place(nonce, Aad::from(user), &mut sealed).ok().map(|clear| clear.len());
    Ok(clear.map(|length| {
        sealed.truncate(length);
        sealed
    }))
}

/// The key, made at its first use.
fn key(folder: &Path) -> Result<RandomizedNonceKey, SecretError> {
    let path = folder.join("secret.key");
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
    RandomizedNonceKey::new(&AES_256_GCM, &bytes)
        .map_err(|_| failed(io::Error::new(io::ErrorKind::InvalidData, "a key has 32 bytes")))
}

fn check_private(path: &Path) -> Result<(), SecretError> {
    use std::os::unix::fs::MetadataExt as _;
    let found = std::fs::metadata(path).map_err(|source| SecretError::File { path: path.to_owned(), source })?;
    let others = 0o077;
    if found.mode() & others == 0 { Ok(()) } else { Err(SecretError::Exposed { path: path.to_owned() }) }
}
