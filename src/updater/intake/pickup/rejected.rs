//! Files that can't be used: kept beside the folder, each with the reason.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::claim::Claim;

/// Moves a claimed file to the folder `rejected` and writes the reason beside it. Nothing there is replaced.
pub(super) fn reject(claim: Claim, rejected: &Path, reason: &str) -> io::Result<()> {
    std::fs::create_dir_all(rejected)?;
    let (target, mut note) = reserve(rejected, claim.name())?;
    writeln!(note, "{} was not taken in: {reason}.", Path::new(claim.name()).display())?;
    match std::fs::rename(claim.path(), &target) {
        // The pickup folder is a file system of its own.
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            std::fs::copy(claim.path(), &target)?;
            claim.delete()
        }
        moved => moved,
    }
}

/// A name that is free, taken by creating the file for the reason.
fn reserve(rejected: &Path, name: &OsStr) -> io::Result<(PathBuf, File)> {
    for number in 0_u32.. {
        let target = rejected.join(numbered(name, number));
        let mut note = target.clone().into_os_string();
        note.push(".reason.txt");
        if target.try_exists()? {
            continue;
        }
        match OpenOptions::new().write(true).create_new(true).open(&note) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            note => return Ok((target, note?)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// `offer.eml`, `offer-1.eml`, …
fn numbered(name: &OsStr, number: u32) -> OsString {
    // Room for the number and the ending of the file with the reason.
    let name = if name.len() <= 200 { Path::new(name) } else { Path::new("long-name.eml") };
    if number == 0 {
        return name.as_os_str().to_owned();
    }
    let mut numbered = name.file_stem().unwrap_or_default().to_owned();
    numbered.push(format!("-{number}"));
    if let Some(extension) = name.extension() {
        numbered.push(".");
        numbered.push(extension);
    }
    numbered
}
