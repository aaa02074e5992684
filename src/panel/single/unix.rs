//! A lock and a socket in the user's runtime folder.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tracing::warn;

use super::Claim;
use crate::rights;

/// How long the first one may take from its lock to its socket.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The right to be the only one. Goes with the process, however that ends.
pub struct Seat {
    socket: UnixListener,
    _lock: File,
}

pub fn claim(name: &str) -> io::Result<Claim> {
    claim_in(&folder(), name, PATIENCE)
}

/// A folder that nobody else can put anything into.
fn folder() -> PathBuf {
    match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(folder) if !folder.is_empty() => PathBuf::from(folder).join("sent-items-update-panel"),
        _ => std::env::temp_dir().join(format!("sent-items-update-panel-{}", rustix::process::geteuid().as_raw())),
    }
}

fn claim_in(folder: &Path, name: &str, patience: Duration) -> io::Result<Claim> {
    use std::os::unix::fs::MetadataExt as _;
    rights::private_folder(folder)?;
    let found = std::fs::symlink_metadata(folder)?;
    if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("{} is not yours", folder.display())));
    }
    let place = folder.join(format!("{name}.sock"));
    let lock = File::create(folder.join(format!("{name}.lock")))?;
    match lock.try_lock() {
        Ok(()) => {
            // One that is left over belongs to a panel that is gone.
            match std::fs::remove_file(&place) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            Ok(Claim::First(Seat { socket: UnixListener::bind(&place)?, _lock: lock }))
        }
        Err(TryLockError::WouldBlock) => raise(&place, patience).map(|()| Claim::Raised),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// A connection is all that it takes; the first one ends it when it has understood.
fn raise(place: &Path, patience: Duration) -> io::Result<()> {
    let until = Instant::now() + patience;
    let mut other = loop {
        match UnixStream::connect(place) {
            Ok(other) => break other,
            Err(error) if Instant::now() > until => return Err(error),
            Err(_) => std::thread::sleep(LOOK_EVERY),
        }
    };
    other.set_read_timeout(Some(patience))?;
    other.read(&mut [0]).map(drop)
}

impl Seat {
    /// From now on, calls `raise` for everyone who comes later.
    pub fn listen(self, raise: impl Fn() + Send + 'static) {
        let listening = std::thread::Builder::new().name("single".to_owned()).spawn(move || {
            for connection in self.socket.incoming() {
                match connection {
                    Ok(_) => raise(),
                    Err(problem) => {
                        warn!(%problem, "a second start is no longer heard of");
                        return;
                    }
                }
            }
        });
        if let Err(problem) = listening {
            warn!(%problem, "a second start will not be heard of");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const BOUND: Duration = Duration::from_secs(20);

    fn first(folder: &Path, name: &str) -> Seat {
        match claim_in(folder, name, BOUND).unwrap() {
            Claim::First(seat) => seat,
            Claim::Raised => panic!("there is no other"),
        }
    }

    /// M1
    #[test]
    fn a_second_start_raises_the_first_and_another_updaters_panel_is_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let (told, raised) = mpsc::channel();
        first(folder.path(), "one").listen(move || told.send(()).unwrap());
        for _ in 0..2 {
            assert!(matches!(claim_in(folder.path(), "one", BOUND).unwrap(), Claim::Raised));
            raised.recv_timeout(BOUND).unwrap();
        }
        first(folder.path(), "other");
        assert!(raised.try_recv().is_err());
    }

    #[test]
    fn what_a_panel_left_that_was_killed_is_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        drop(first(folder.path(), "one"));
        assert!(folder.path().join("one.sock").exists());
        first(folder.path(), "one");
    }

    #[test]
    fn a_first_one_that_does_not_answer_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let _seat = first(folder.path(), "one");
        let problem = claim_in(folder.path(), "one", Duration::from_millis(50)).err().unwrap();
        assert!(matches!(problem.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut), "{problem}");
    }
}
