//! A lock and a socket in the user's runtime folder.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Write as _};
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
    lock: File,
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
    let until = Instant::now() + patience;
    // The first one may have its lock and not yet its socket, or be about to end: then nobody has the lock soon.
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(Claim::First(Seat { socket: bind(&place)?, lock })),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        match raise(&place, until.saturating_duration_since(Instant::now())) {
            Ok(()) => return Ok(Claim::Raised),
            Err(error) if Instant::now() >= until => return Err(error),
            Err(_) => std::thread::sleep(LOOK_EVERY),
        }
    }
}

fn bind(place: &Path) -> io::Result<UnixListener> {
    // One that is left over belongs to a panel that is gone.
    match std::fs::remove_file(place) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    UnixListener::bind(place)
}

/// A connection is all that it takes; the first one says that it has understood, unless it ends before.
fn raise(place: &Path, patience: Duration) -> io::Result<()> {
    let mut other = UnixStream::connect(place)?;
    // The system knows no shorter time that is not none at all.
    other.set_read_timeout(Some(patience.max(Duration::from_millis(1))))?;
    other.read_exact(&mut [0])
}

impl Seat {
    /// From now on, calls `raise` for everyone who comes later.
    pub fn listen(self, raise: impl Fn() + Send + 'static) {
        let Self { socket, lock } = self;
        let listening = std::thread::Builder::new().name("single".to_owned()).spawn(move || {
            // The thread has the lock, too: only what it names goes with it.
            let _lock = lock;
            for connection in socket.incoming() {
                match connection {
                    Ok(mut other) => {
                        raise();
                        // Whoever does not wait for the answer needs none.
                        let _ = other.write_all(&[1]);
                    }
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
    fn one_that_ends_while_a_second_starts_leaves_the_seat_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let ending = first(folder.path(), "one");
        let end = std::thread::spawn(move || {
            // It has been knocked at, and ends without an answer.
            drop(ending.socket.accept().unwrap());
            drop(ending);
        });
        first(folder.path(), "one");
        end.join().unwrap();
    }

    #[test]
    fn a_first_one_that_does_not_answer_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let _seat = first(folder.path(), "one");
        let problem = claim_in(folder.path(), "one", Duration::from_millis(50)).err().unwrap();
        assert!(matches!(problem.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut), "{problem}");
    }
}
