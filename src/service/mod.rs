//! The updater as a service of the system: its registration, start and stop. Windows' service manager and systemd
//! behind one door. How a running service talks with its manager is in [`crate::cli`].

#[cfg(any(windows, test))]
mod budget;
#[cfg(windows)]
pub mod event_log;

#[cfg(unix)]
#[path = "unix.rs"]
mod platform;
#[cfg(windows)]
#[path = "windows.rs"]
mod platform;

use std::fmt;
use std::path::PathBuf;

pub use platform::{NAME, install, start, status, stop, uninstall};

/// What the service is registered with.
#[derive(Debug, Clone, Default)]
pub struct Registration {
    /// Folder of queue, settings and password, where it is not the usual one.
    pub data: Option<PathBuf>,
}

/// What the service manager says of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    NotInstalled,
    Stopped,
    Starting,
    Running {
        process: Option<u32>,
    },
    Stopping,
    /// Something else, in the manager's word.
    Other(String),
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInstalled => f.write_str("not installed"),
            Self::Stopped => f.write_str("stopped"),
            Self::Starting => f.write_str("starting"),
            Self::Running { process: Some(process) } => write!(f, "running (process {process})"),
            Self::Running { process: None } => f.write_str("running"),
            Self::Stopping => f.write_str("stopping"),
            Self::Other(word) => f.write_str(word),
        }
    }
}

/// Why the service manager did not do as it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    #[error("the service {NAME} is not installed here")]
    NotInstalled,
    #[error("only an administrator may do this")]
    NotPermitted,
    #[error("the service {NAME} is disabled; change how it starts in the system's list of services")]
    Disabled,
    #[error(
        "the service {NAME} is about to be removed; close the Services console and every other program that looks at it, or restart the computer"
    )]
    AboutToGo,
    #[error("the service {NAME} did not start: {0}")]
    DidNotStart(String),
    #[error("the service {NAME} does not stop: it has not gone on for {0} seconds")]
    DidNotStop(u64),
    #[error("{what}: {source}")]
    System { what: &'static str, source: std::io::Error },
    #[error("{0}")]
    Refused(String),
}
