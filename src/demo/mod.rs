//! The whole product on sample mail, in one go: a sandbox organisation, an updater, mail clients that store their
//! copies, and a signature program that hands processed messages over, all in this process and all over real
//! connections. In the end the mailboxes are read back past our own client, and whatever is not as it should be is
//! said in words.
//!
//! [`scene`] plays it, [`doors`] hands messages over, [`check`] judges, [`pages`] writes what changed for people to
//! look at, [`report`] says how it went.

mod check;
mod doors;
mod pages;
mod progress;
mod report;
mod scene;

use std::io;
use std::path::PathBuf;

use crate::pipe::client::PipeError;
use crate::pipe::types::Listed;
use crate::sandbox::control::ControlError;
use crate::sandbox::{OrganisationError, SandboxError};
use crate::updater::service::StartError;

pub use progress::Progress;
pub use report::render;
pub use scene::run;

/// How to play the demo.
#[derive(Debug, Clone)]
pub struct DemoOptions {
    /// Folder for everything that the demo makes: mailboxes, queue, settings, pages. None: a temporary one, of
    /// which only the pages are kept.
    pub keep: Option<PathBuf>,
    pub progress: Progress,
}

/// Why the demo could not be played to its end.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("{} can't be written: {source}", path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error("{} holds something else; give an empty folder, or one that does not exist yet", .0.display())]
    NotEmpty(PathBuf),
    #[error("the sandbox organisation can't be opened: {0}")]
    Sandbox(#[from] SandboxError),
    #[error("the sandbox organisation does not do as it is told: {0}")]
    Control(#[from] ControlError),
    #[error("the sample mail can't be used: {0}")]
    Organisation(#[from] OrganisationError),
    #[error("the updater can't be started: {0}")]
    Updater(#[from] StartError),
    #[error("the updater's local API: {0}")]
    Pipe(#[from] PipeError),
    #[error("the message {message} could not be handed over by {door}: {problem}")]
    HandOver { message: String, door: doors::Door, problem: String },
    #[error("the updater did not open its {0} in time")]
    DoorClosed(&'static str),
}

/// How the demo went.
#[derive(Debug)]
pub struct Report {
    pub messages: Vec<Played>,
    /// Requests of EWS that the updater made.
    pub requests: u64,
    /// The page to open in a browser.
    pub page: PathBuf,
}

/// One processed copy and what became of it.
#[derive(Debug)]
pub struct Played {
    pub name: String,
    pub subject: String,
    pub door: doors::Door,
    /// What the updater recorded; none: nothing, or no end.
    pub listed: Option<Listed>,
    /// What is not as it should be, in words.
    pub problems: Vec<String>,
}

impl Report {
    /// Whether everything ended as it should.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.messages.iter().all(|message| message.problems.is_empty())
    }
}
