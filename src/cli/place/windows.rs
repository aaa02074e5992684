//! The folder for the data of all programs, as the system itself names it.
//!
//! Not by the variable `ProgramData`: that is whatever the program was started with, and the service is started by
//! somebody else than a command in a console. Both must find the same folder.
#![allow(unsafe_code)]

use std::ffi::OsString;
use std::io;
use std::os::windows::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::ptr;

use windows_sys::Win32::System::Com::CoTaskMemFree;
use windows_sys::Win32::UI::Shell::{FOLDERID_ProgramData, KF_FLAG_DEFAULT, SHGetKnownFolderPath};

pub fn program_data() -> io::Result<PathBuf> {
    let mut path = ptr::null_mut();
    let flags = KF_FLAG_DEFAULT.cast_unsigned();
    // SAFETY: the identifier lives through the call, nobody's token is asked for, and `path` is a place for the result.
    let status = unsafe { SHGetKnownFolderPath(&FOLDERID_ProgramData, flags, ptr::null_mut(), &raw mut path) };
    let found = if status < 0 || path.is_null() {
        Err(io::Error::from_raw_os_error(status))
    } else {
        // SAFETY: the system gave us a text that ends with a zero.
        let text = unsafe {
            let mut length = 0;
            while *path.add(length) != 0 {
                length += 1;
            }
            std::slice::from_raw_parts(path, length)
        };
        Ok(PathBuf::from(OsString::from_wide(text)))
    };
    // SAFETY: whatever the outcome, it is ours to free, once; nothing at all may be freed, too.
    unsafe { CoTaskMemFree(path.cast()) };
    found
}
