//! Where the updater is: its data folder and its pipe.

#[cfg(windows)]
mod windows;

use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use crate::pipe;
use crate::pipe::client::Client;

/// Which updater to talk to.
#[derive(Debug, Clone, Args)]
pub struct Pipe {
    /// Local API of the updater: a socket's path, or a pipe's name on Windows [default: the service's, else your own]
    #[arg(long, value_name = "PATH", env = "SIU_PIPE")]
    pub pipe: Option<PathBuf>,
}

impl Pipe {
    pub fn path(&self) -> PathBuf {
        self.pipe.clone().unwrap_or_else(pipe::default_path)
    }

    pub fn client(&self) -> Result<Client, Failure> {
        let path = self.pipe.clone().unwrap_or_else(pipe::client_path);
        Ok(Client::new(&path)?)
    }
}

/// Where an updater keeps its data unless told otherwise: the service's place for root and on Windows, else a place
/// of the user's own.
pub fn default_data() -> Result<PathBuf, Failure> {
    #[cfg(windows)]
    return windows::program_data().map(|folder| folder.join("SentItemsUpdate")).map_err(|error| {
        Failure::new(format!(
            "the system does not say where data of programs belong ({error}); name a folder with --data"
        ))
    });
    #[cfg(not(windows))]
    of_unix()
}

#[cfg(not(windows))]
fn of_unix() -> Result<PathBuf, Failure> {
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from("/var/lib/sent-items-update"));
    }
    directories::ProjectDirs::from("", "", "sent-items-update")
        .map(|places| places.data_local_dir().to_owned())
        .ok_or_else(|| Failure::new("you have no home folder; say with --data where the updater keeps its data"))
}
