//! DPAPI, machine scope: the updater's account may change (LocalSystem, a managed service account), the machine does
//! not. The account's name goes in as additional entropy. The file's folder keeps other users away from it.
#![allow(unsafe_code)]

use std::io;
use std::path::Path;
use std::ptr;

use windows_sys::Win32::Foundation::LocalFree;
use windows_sys::Win32::Security::Cryptography::{
    CRYPT_INTEGER_BLOB, CRYPTPROTECT_LOCAL_MACHINE, CRYPTPROTECT_UI_FORBIDDEN, CryptProtectData, CryptUnprotectData,
};

use super::SecretError;

pub fn seal(folder: &Path, user: &str, clear: &[u8]) -> Result<Vec<u8>, SecretError> {
    let entropy = entropy(user);
    let mut result = CRYPT_INTEGER_BLOB { cbData: 0, pbData: ptr::null_mut() };
    // SAFETY: the blobs point to memory that lives through the call; the optional arguments are absent.
    let done = unsafe {
        CryptProtectData(
            &blob(clear),
            ptr::null(),
            &blob(&entropy),
            ptr::null(),
            ptr::null(),
            CRYPTPROTECT_LOCAL_MACHINE | CRYPTPROTECT_UI_FORBIDDEN,
            &raw mut result,
        )
    };
    if done == 0 {
        return Err(SecretError::File { path: folder.to_owned(), source: io::Error::last_os_error() });
    }
    Ok(take(&result))
}

/// `None` when it does not decrypt.
#[allow(clippy::unnecessary_wraps)] // the same name and form as with a key file
pub fn open(_folder: &Path, user: &str, file: &[u8]) -> Result<Option<Vec<u8>>, SecretError> {
    let entropy = entropy(user);
    let mut result = CRYPT_INTEGER_BLOB { cbData: 0, pbData: ptr::null_mut() };
    // SAFETY: as in `seal`.
    let done = unsafe {
        CryptUnprotectData(
            &blob(file),
            ptr::null_mut(),
            &blob(&entropy),
            ptr::null(),
            ptr::null(),
            CRYPTPROTECT_UI_FORBIDDEN,
            &raw mut result,
        )
    };
    Ok((done != 0).then(|| take(&result)))
}

fn entropy(user: &str) -> Vec<u8> {
    format!("Sent Items Update account password\0{user}").into_bytes()
}

fn blob(bytes: &[u8]) -> CRYPT_INTEGER_BLOB {
    // The functions take a mutable pointer and only read through it.
    CRYPT_INTEGER_BLOB { cbData: u32::try_from(bytes.len()).unwrap_or(0), pbData: bytes.as_ptr().cast_mut() }
}

/// Copies what the system allocated and gives it back.
fn take(result: &CRYPT_INTEGER_BLOB) -> Vec<u8> {
    // SAFETY: the system set pointer and length of memory that is ours to free with LocalFree.
    unsafe {
        let bytes = std::slice::from_raw_parts(result.pbData, result.cbData as usize).to_vec();
        LocalFree(result.pbData.cast());
        bytes
    }
}
