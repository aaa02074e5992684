//! The pipe on Unix: a Unix-domain socket.
//!
//! The socket can be connected to by everybody, and the kernel tells us who did (`SO_PEERCRED` and its like): so
//! that a person without the right reads why, and the log says who tried, instead of a bare *permission denied*.
//! Root and the user whom the updater runs as may use it; nobody else gets further than the refusal.

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

pub struct Listener {
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
        Ok(Self { socket, path: path.to_owned() })
    }

    pub async fn accept(&mut self) -> io::Result<(Stream, Verdict)> {
        let (stream, _) = self.socket.accept().await?;
        let verdict = match stream.peer_cred() {
            Ok(who) => judge(who.uid(), rustix::process::geteuid().as_raw(), who.pid()),
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

fn judge(user: u32, own: u32, process: Option<i32>) -> Verdict {
    let who = match process {
        Some(process) => format!("user {user} (process {process})"),
        None => format!("user {user}"),
    };
    if user == 0 || user == own { Verdict::Welcome(Peer { name: who }) } else { Verdict::Refused(who) }
}

pub fn client_builder(path: &Path) -> reqwest::ClientBuilder {
    reqwest::Client::builder().unix_socket(path.to_owned())
}

/// A socket that somebody else put there could collect passwords: only root's and our own are spoken to.
pub fn check_owner(path: &Path) -> io::Result<()> {
    let owner = std::fs::metadata(path)?.uid();
    if owner == 0 || owner == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    let problem = format!("{} belongs to user {owner}, neither root nor you", path.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_and_the_updaters_own_user_are_welcome_and_nobody_else() {
        assert!(matches!(judge(0, 1000, None), Verdict::Welcome(_)));
        assert!(matches!(judge(1000, 1000, Some(1)), Verdict::Welcome(_)));
        assert!(matches!(judge(1001, 1000, Some(7)), Verdict::Refused(who) if who == "user 1001 (process 7)"));
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
