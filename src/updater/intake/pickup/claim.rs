//! A file that this updater has for itself.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::super::AcceptError;
use super::super::journal::storage;
use super::folder::State;
use crate::updater::spool::{Content, Spool, SpoolError};

/// Ends the name of a claimed file, after a random part.
const CLAIMED: &str = ".claimed";

/// A claimed file. It is locked as long as this lives, so that one that a killed updater left behind can be told
/// from one that is being worked on.
#[derive(Debug)]
pub(super) struct Claim {
    path: PathBuf,
    /// The name it came under.
    name: OsString,
    file: File,
}

/// Whether it is the name of a file that some updater has claimed.
pub(super) fn is_claimed(name: &OsStr) -> bool {
    original_name(name).is_some()
}

/// `offer.eml` of `offer.eml.0123456789abcdef.claimed`.
fn original_name(name: &OsStr) -> Option<OsString> {
    let bytes = name.as_encoded_bytes().strip_suffix(CLAIMED.as_bytes())?;
    let (original, random) = bytes.split_at(bytes.len().checked_sub(17)?);
    let is_ours = random[0] == b'.' && random[1..].iter().all(u8::is_ascii_hexdigit) && !original.is_empty();
    if !is_ours {
        return None;
    }
    // What is cut off is ASCII, but only the standard library may cut an OsStr on every system.
    let length = name.len() - original.len();
    let lossless = name.to_str().map(|name| OsString::from(&name[..name.len() - length]));
    Some(lossless.unwrap_or_else(|| OsString::from(String::from_utf8_lossy(original).into_owned())))
}

impl Claim {
    /// Claims a file, or one that was claimed before and then left. None when another updater was faster.
    pub(super) fn take(folder: &Path, name: &OsStr) -> io::Result<Option<Self>> {
        let (path, name) = if let Some(original) = original_name(name) {
            (folder.join(name), original)
        } else {
            let path = folder.join(claimed_name(name));
            match std::fs::rename(folder.join(name), &path) {
                Ok(()) => (path, name.to_owned()),
                Err(error) if error.kind() == io::ErrorKind::NotFound || is_in_use(&error) => return Ok(None),
                Err(error) => return Err(error),
            }
        };
        let file = match open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                give_back(&path, &name);
                return Err(error);
            }
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            // A file system without locks: then there is no second updater that could look at them either.
            Err(TryLockError::Error(error)) => tracing::debug!(%error, "the pickup folder knows no locks"),
        }
        // Between opening and locking another updater may have finished it.
        if !path.try_exists()? {
            return Ok(None);
        }
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not an ordinary file"));
        }
        Ok(Some(Self { path, name, file }))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The name it came under.
    pub(super) fn name(&self) -> &OsStr {
        &self.name
    }

    /// Copies the message into the spool. None when somebody was still writing to it. The inner error is one that
    /// the gate would have as well: too large, no room.
    pub(super) fn read(&mut self, spool: &Spool) -> io::Result<Option<Result<Content, AcceptError>>> {
        let before = State::of(&self.file.metadata()?);
        let mut writer = spool.writer();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = match self.file.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if let Err(error) = writer.write(&buffer[..read]) {
                let grew = matches!(error, SpoolError::TooLarge { .. }) && self.changed_since(before)?;
                return Ok((!grew).then(|| Err(storage(&error, spool))));
            }
        }
        Ok((!self.changed_since(before)?).then(|| Ok(writer.finish())))
    }

    fn changed_since(&self, before: State) -> io::Result<bool> {
        Ok(State::of(&self.file.metadata()?) != before)
    }

    /// Ends the claim: the file is there again under the name it came under.
    pub(super) fn release(self) {
        give_back(&self.path, &self.name);
    }

    /// Ends the claim: the message is accepted.
    pub(super) fn delete(self) -> io::Result<()> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Gives a file its old name back, unless another has that by now. One that keeps the name of a claimed file is
/// found under that.
fn give_back(path: &Path, name: &OsStr) {
    // Unlike renaming, linking never replaces a file.
    if std::fs::hard_link(path, path.with_file_name(name)).is_ok() {
        let _ = std::fs::remove_file(path);
    }
}

/// A name that no other claim has, so that none is ever overwritten.
fn claimed_name(name: &OsStr) -> OsString {
    // File systems allow 255 bytes, or 255 UTF-16 units.
    let mut claimed = if name.len() <= 200 { name.to_owned() } else { OsString::from("long-name.eml") };
    claimed.push(format!(".{:016x}{CLAIMED}", rand::random::<u64>()));
    claimed
}

/// Windows: another program has the file open and lets nobody rename it (`ERROR_SHARING_VIOLATION`).
fn is_in_use(error: &io::Error) -> bool {
    cfg!(windows) && error.raw_os_error() == Some(32)
}

#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    // Whoever may write to the folder could put a link there to what the updater alone may read, or a named pipe
    // that nobody writes to.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

#[cfg(windows)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::windows::fs::OpenOptionsExt as _;
    // FILE_FLAG_OPEN_REPARSE_POINT: a link is opened itself, and is then no ordinary file.
    OpenOptions::new().read(true).custom_flags(0x0020_0000).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(name: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), "message").unwrap();
        folder
    }

    #[test]
    fn only_one_of_two_gets_a_file() {
        let folder = folder_with("a.eml");
        let claim = Claim::take(folder.path(), OsStr::new("a.eml")).unwrap().unwrap();
        assert!(Claim::take(folder.path(), OsStr::new("a.eml")).unwrap().is_none(), "it has another name now");
        let claimed = claim.path().file_name().unwrap().to_owned();
        assert!(is_claimed(&claimed));
        assert!(Claim::take(folder.path(), &claimed).unwrap().is_none(), "it is locked");
        drop(claim);
        let again = Claim::take(folder.path(), &claimed).unwrap().expect("whoever had it is gone");
        assert_eq!(again.name(), "a.eml");
        again.delete().unwrap();
        assert!(Claim::take(folder.path(), &claimed).unwrap().is_none(), "it is gone");
    }

    #[test]
    fn a_claim_never_replaces_another_file() {
        let folder = folder_with("a.eml");
        let first = Claim::take(folder.path(), OsStr::new("a.eml")).unwrap().unwrap();
        std::fs::write(folder.path().join("a.eml"), "another message").unwrap();
        let second = Claim::take(folder.path(), OsStr::new("a.eml")).unwrap().unwrap();
        assert_ne!(first.path(), second.path());
        assert_eq!(std::fs::read(first.path()).unwrap(), b"message");
    }

    #[test]
    fn a_claim_that_is_given_up_gives_the_name_back_unless_it_is_taken() {
        let folder = folder_with("a.eml");
        let take = || Claim::take(folder.path(), OsStr::new("a.eml")).unwrap().unwrap();
        take().release();
        let claim = take();
        std::fs::write(folder.path().join("a.eml"), "another message").unwrap();
        let path = claim.path().to_owned();
        claim.release();
        assert_eq!(std::fs::read(path).unwrap(), b"message");
        assert_eq!(std::fs::read(folder.path().join("a.eml")).unwrap(), b"another message");
    }

    #[test]
    fn a_name_as_long_as_names_can_be_is_claimed() {
        let name = format!("{}.eml", "n".repeat(251));
        let folder = folder_with(&name);
        assert!(Claim::take(folder.path(), OsStr::new(&name)).unwrap().is_some());
    }

    #[test]
    fn a_file_that_grows_while_it_is_read_is_not_taken() {
        let folder = folder_with("a.eml");
        let spool = Spool::open(&folder.path().join("spool"), 1000).unwrap();
        let mut claim = Claim::take(folder.path(), OsStr::new("a.eml")).unwrap().unwrap();
        let before = State::of(&claim.file.metadata().unwrap());
        std::fs::write(claim.path(), "message and more").unwrap();
        assert!(claim.changed_since(before).unwrap());
        assert!(claim.read(&spool).unwrap().unwrap().is_ok(), "it has come to rest");
    }

    #[test]
    fn other_names_are_no_claims() {
        for name in [
            "a.claimed",
            "a.eml.claimed",
            "a.eml.0123.claimed",
            ".0123456789abcdef.claimed",
            "a.eml.0123456789abcdeg.claimed",
        ] {
            assert!(!is_claimed(OsStr::new(name)), "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_and_pipes_are_not_opened() {
        let folder = folder_with("secret");
        std::os::unix::fs::symlink(folder.path().join("secret"), folder.path().join("link.eml")).unwrap();
        assert!(Claim::take(folder.path(), OsStr::new("link.eml")).is_err());
    }
}
