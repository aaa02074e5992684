//! A computer's own settings, kept aside when those of an organisation take their place.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{MembershipError, Place};
use crate::settings::Settings;

/// How the files are named: the time between the two tells copies apart, and the last one is the newest.
const NAME: (&str, &str) = ("settings.before-joining-", ".json");

/// Copies of one second.
const MOST: u32 = 100;

impl Place {
    /// Keeps a copy of settings, beside those of earlier times: each was somebody's work. It is a file as the panel and
    /// `siu-updater settings set` read it, has no password in it, and is on disk when this returns.
    pub fn keep_settings(&self, settings: &Settings, at: Timestamp) -> Result<PathBuf, MembershipError> {
        let name = format!("{}{}", NAME.0, at.strftime("%Y%m%dT%H%M%SZ"));
        let named = |number: u32| match number {
            0 => self.folder.join(format!("{name}{}", NAME.1)),
            number => self.folder.join(format!("{name}-{number:02}{}", NAME.1)),
        };
        let written = || {
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            serde_json::to_writer_pretty(&mut file, settings)?;
            file.write_all(b"\n")?;
            file.as_file().sync_all()?;
            for path in (0..MOST).map(named) {
                match file.persist_noclobber(&path) {
                    Ok(_) => return sync(&self.folder).map(|()| path),
                    Err(taken) if taken.error.kind() == io::ErrorKind::AlreadyExists => file = taken.file,
                    Err(error) => return Err(error.error),
                }
            }
            Err(io::ErrorKind::AlreadyExists.into())
        };
        written().map_err(|source| MembershipError::Copy { path: named(0), source })
    }

    /// The newest such copy that is still there.
    #[must_use]
    pub fn kept_settings(&self) -> Option<PathBuf> {
        let files = std::fs::read_dir(&self.folder).ok()?.flatten().map(|file| file.file_name());
        let is_copy = |name: &String| name.starts_with(NAME.0) && name.ends_with(NAME.1);
        // Without its end, for the sake of those of one second.
        let newest = files
            .filter_map(|name| name.into_string().ok())
            .filter(is_copy)
            .max_by(|one, other| one.trim_end_matches(NAME.1).cmp(other.trim_end_matches(NAME.1)))?;
        Some(self.folder.join(newest))
    }
}

/// The file's name lasts, too. Windows keeps names in a journal, and opens no folder as a file.
#[cfg(unix)]
fn sync(folder: &Path) -> io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "the other systems' may fail")]
fn sync(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_connections(connections: usize) -> Settings {
        let mut settings = Settings::default();
        settings.limits.connections = connections;
        settings
    }

    /// P1
    #[test]
    fn each_copy_stays_and_the_newest_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(folder.path());
        assert_eq!(place.kept_settings(), None);
        let at = |seconds: i64| Timestamp::from_second(1_764_000_000 + seconds).unwrap();
        let copies: Vec<_> = [0, 0, 0, 1]
            .into_iter()
            .zip(2..)
            .map(|(seconds, connections)| {
                let path = place.keep_settings(&with_connections(connections), at(seconds)).unwrap();
                assert_eq!(place.kept_settings().as_ref(), Some(&path), "the newest");
                path
            })
            .collect();
        assert!(copies[0].ends_with("settings.before-joining-20251124T160000Z.json"), "{copies:?}");
        for (path, connections) in copies.iter().zip(2..) {
            let read: Settings = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
            assert_eq!(read, with_connections(connections));
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o077, 0, "its owner's alone");
            }
        }
    }

    #[test]
    fn a_copy_that_can_not_be_kept_is_an_error_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(&folder.path().join("gone"));
        let problem = place.keep_settings(&Settings::default(), Timestamp::UNIX_EPOCH).unwrap_err().to_string();
        assert!(problem.contains("settings.before-joining-19700101T000000Z.json"), "{problem}");
        assert_eq!(place.kept_settings(), None);
    }
}
