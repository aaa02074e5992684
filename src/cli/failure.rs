//! How a command fails: one sentence, and a status for scripts.

use std::fmt;
use std::io;
use std::process::ExitCode;

use crate::pipe::client::PipeError;

/// Exit statuses beside 0. They are part of the interface: scripts branch on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    Failed = 1,
    /// As clap has it: the command line can't be worked with.
    Usage = 2,
    NotRunning = 3,
    NotPermitted = 4,
    Conflict = 5,
}

/// Why a command ended without having done what it should.
#[derive(Debug)]
pub struct Failure {
    pub status: Status,
    pub message: String,
}

impl Failure {
    pub fn new(message: impl Into<String>) -> Self {
        Self { status: Status::Failed, message: message.into() }
    }

    /// The system gives us no threads or no events.
    pub fn runtime(error: &io::Error) -> Self {
        Self::new(format!("the program can't start: {error}"))
    }

    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.status as u8)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<PipeError> for Failure {
    fn from(error: PipeError) -> Self {
        let status = match &error {
            PipeError::NotRunning { .. } | PipeError::Timeout | PipeError::Broken(_) => Status::NotRunning,
            PipeError::Untrusted(_) | PipeError::Refused { status: 403, .. } => Status::NotPermitted,
            PipeError::Conflict => Status::Conflict,
            PipeError::Refused { .. } | PipeError::NotUnderstood(_) | PipeError::File { .. } => Status::Failed,
        };
        let hint = match &error {
            PipeError::NotRunning { .. } => "; start it with `siu-updater run`, or name its pipe with --pipe",
            _ => "",
        };
        Self { status, message: format!("{error}{hint}") }
    }
}

/// Output that nobody reads any more (`siu-updater messages | head`) is no reason to complain.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            std::process::exit(0);
        }
        Self::new(format!("the output can't be written: {error}"))
    }
}
