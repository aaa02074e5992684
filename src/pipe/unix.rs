//! The pipe on Unix: a Unix-domain socket.
//!
//! The socket can be connected to by everybody, and the kernel tells us who did (`SO_PEERCRED` and its like): so
//! that a person without the right reads why, and the log says who tried, instead of a bare *permission denied*.
//! Root and the user whom the updater runs as may use it; nobody else gets further than the refusal. Where the members
//! of the updater's group may use it, too, the kernel keeps all others from connecting: it alone knows the groups of
//! whoever connects.

use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use super::listener::{Peer, Verdict};

pub type Stream = UnixStream;

pub fn default_path() -> PathBuf {
    let name = "sent-items-update/updater.sock";
    if rustix::process::geteuid().is_root() {
        return Path::new("/run").join(name);
    }
    match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(folder) if !folder.is_empty() => PathBuf::from(folder).join(name),
        _ => std::env::temp_dir()
            .join(format!("sent-items-update-{}", rustix::process::geteuid().as_raw()))
            .join("updater.sock"),
    }
}

/// Of the service, as the unit has it.
const SERVICE: &str = "/run/sent-items-update/updater.sock";
const UNIT: &str = "siu-updater.service";
/// Where units are, as packages and administrators put them.
const UNITS: [&str; 3] = ["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];

/// Where a client looks first: at a living updater of the user's own, else at the service's.
pub fn client_path() -> PathBuf {
    let own = default_path();
    let serves = Path::new(SERVICE).exists() || UNITS.iter().any(|folder| Path::new(folder).join(UNIT).exists());
    if own.exists() || !serves { own } else { PathBuf::from(SERVICE) }
}

pub struct Listener {
    /// Whoever can connect may go on.
    group: bool,
    socket: UnixListener,
    path: PathBuf,
}

impl Listener {
    /// Binds the socket. One left by an updater that was killed is replaced, one that answers is not.
    pub async fn bind(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent()
            && !folder.exists()
        {
            std::fs::create_dir_all(folder)?;
            // Others must be able to reach the socket in it, and must not be able to put theirs in its place.
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))?;
        }
        if let Ok(found) = std::fs::symlink_metadata(path) {
            if !found.file_type().is_socket() {
                return Err(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    "something that is not a socket is in its place",
                ));
            }
            if UnixStream::connect(path).await.is_ok() {
                return Err(io::Error::new(io::ErrorKind::AddrInUse, "another updater listens there"));
            }
            std::fs::remove_file(path)?;
        }
        let socket = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))?;
        Ok(Self { group: false, socket, path: path.to_owned() })
    }

    /// Lets the members of our group in. The socket belongs to that group from its making.
    pub fn open_to_group(&mut self) -> io::Result<()> {
        std::fs::set_permissions(&self.path, std::fs::Permissions::from_mode(0o660))?;
        self.group = true;
        Ok(())
    }

    pub async fn accept(&mut self) -> io::Result<(Stream, Verdict)> {
        let (stream, _) = self.socket.accept().await?;
        let verdict = match stream.peer_cred() {
            Ok(who) => judge(who.uid(), rustix::process::geteuid().as_raw(), who.pid(), self.group),
            Err(error) => Verdict::Refused(format!("an unknown user ({error})")),
        };
        Ok((stream, verdict))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn judge(user: u32, own: u32, process: Option<i32>, group: bool) -> Verdict {
    let who = match process {
        Some(process) => format!("user {user} (process {process})"),
        None => format!("user {user}"),
    };
    if user == 0 || user == own || group { Verdict::Welcome(Peer { name: who }) } else { Verdict::Refused(who) }
}

pub fn client_builder(path: &Path) -> reqwest::ClientBuilder {
    reqwest::Client::builder().unix_socket(path.to_owned())
}

/// The system itself lets clients wait until they are let in.
pub const MAY_HAVE_NO_ROOM: bool = false;

pub fn no_room(_: &io::Error) -> bool {
    MAY_HAVE_NO_ROOM
}

/// A socket that somebody else put there could collect passwords: only root's and our own are spoken to, and that of a
/// service whose user root gave the folder to.
#[expect(clippy::unused_async, reason = "the same name and form as on Windows, where it takes a while")]
pub async fn check_owner(path: &Path) -> io::Result<()> {
    let owner = std::fs::metadata(path)?.uid();
    if owner == 0 || owner == rustix::process::geteuid().as_raw() || given_by_root(path, owner)? {
        return Ok(());
    }
    let problem = format!(
        "{} belongs to user {owner}, neither root nor you, and its folder is not one that root gave to that user alone",
        path.display()
    );
    Err(io::Error::new(io::ErrorKind::PermissionDenied, problem))
}

/// Whether only root can have decided that the folder of this socket belongs to `owner`: it does, nobody else writes to
/// it, and all folders above are root's alone.
fn given_by_root(path: &Path, owner: u32) -> io::Result<bool> {
    let Some(folder) = path.parent() else { return Ok(false) };
    let folder = std::fs::canonicalize(folder)?;
    let mut found = Vec::new();
    for folder in folder.ancestors() {
        let folder = std::fs::metadata(folder)?;
        found.push((folder.uid(), folder.mode()));
    }
    Ok(all_given_by_root(owner, &found))
}

/// The same of owners and modes, from the folder up.
fn all_given_by_root(owner: u32, folders: &[(u32, u32)]) -> bool {
    let alone = |mode: u32| mode & 0o022 == 0;
    match folders {
        [(user, mode), above @ ..] if !above.is_empty() => {
            *user == owner && alone(*mode) && above.iter().all(|(user, mode)| *user == 0 && alone(*mode))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_and_the_updaters_own_user_are_welcome_and_nobody_else() {
        assert!(matches!(judge(0, 1000, None, false), Verdict::Welcome(_)));
        assert!(matches!(judge(1000, 1000, Some(1), false), Verdict::Welcome(_)));
        assert!(matches!(judge(1001, 1000, Some(7), false), Verdict::Refused(who) if who == "user 1001 (process 7)"));
    }

    #[tokio::test]
    async fn a_socket_open_to_the_group_is_closed_to_others_by_the_kernel() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("updater.sock");
        let mut listener = Listener::bind(&path).await.unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o666);
        listener.open_to_group().unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o660);
        assert!(matches!(judge(1001, 1000, None, listener.group), Verdict::Welcome(_)));
    }

    #[test]
    fn a_socket_is_trusted_when_only_root_can_have_given_its_folder_to_its_owner() {
        // /run/sent-items-update as systemd makes it, up to the root.
        assert!(all_given_by_root(998, &[(998, 0o755), (0, 0o755), (0, 0o755)]));
        // Somebody else's folder, one that others write to, one below /tmp, one in somebody's home.
        assert!(!all_given_by_root(998, &[(997, 0o755), (0, 0o755)]));
        assert!(!all_given_by_root(998, &[(998, 0o777), (0, 0o755)]));
        assert!(!all_given_by_root(998, &[(998, 0o755), (0, 0o1777), (0, 0o755)]));
        assert!(!all_given_by_root(998, &[(998, 0o755), (998, 0o755), (0, 0o755)]));
        assert!(!all_given_by_root(998, &[(998, 0o755)]));
    }

    #[tokio::test]
    async fn a_socket_left_by_a_killed_updater_is_replaced_and_a_living_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s/updater.sock");
        let first = Listener::bind(&path).await.unwrap();
        assert_eq!(Listener::bind(&path).await.err().unwrap().kind(), io::ErrorKind::AddrInUse);
        drop(first);
        assert!(!path.exists());
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        Listener::bind(&path).await.unwrap();
    }

    #[tokio::test]
    async fn a_file_in_the_sockets_place_is_not_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("updater.sock");
        std::fs::write(&path, "precious").unwrap();
        assert!(Listener::bind(&path).await.is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    }
}
