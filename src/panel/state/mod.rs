//! What the panel knows. No egui and no I/O: a view is a function of this.

mod activity;
mod intent;
mod notice;
mod preview;
mod sandbox;
mod series;

use std::path::PathBuf;

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub use activity::{Messages, SortBy, Sorting};
pub use intent::{Dialog, Intent, Tab};
pub use notice::{Notice, Notices};
pub use preview::{Fetched, Preview, Shown, ShownAttachment, Side};
pub use sandbox::{Samples, Sandbox};
pub use series::{Plot, Span};

use super::style::{legible, sentence};
use crate::pipe::client::PipeError;
use crate::pipe::types::{API, Event, Status};

/// Everything that a view may show.
#[derive(Debug)]
pub struct State {
    pub link: Link,
    pub messages: Messages,
    pub notices: Notices,
    /// Where the person at the screen is: times are shown so.
    pub zone: TimeZone,
    pub starting: Starting,
    /// The selected message.
    pub preview: Option<Preview>,
    pub plot: Plot,
    /// The embedded organisation, when the panel was started with one.
    pub sandbox: Option<Sandbox>,
    /// Messages are being put back to waiting.
    pub retrying: bool,
    /// The moment of the last look at the clock.
    pub now: Timestamp,
}

impl Default for State {
    fn default() -> Self {
        Self {
            link: Link::default(),
            messages: Messages::default(),
            notices: Notices::default(),
            zone: TimeZone::system(),
            starting: Starting::default(),
            preview: None,
            plot: Plot::default(),
            sandbox: None,
            retrying: false,
            now: Timestamp::now(),
        }
    }
}

/// How things stand between panel and updater.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Link {
    /// The first attempt has not ended yet.
    #[default]
    Connecting,
    /// Nothing listens where the updater should.
    NotRunning { place: PathBuf },
    /// The updater, or what is in its place, can't be talked to.
    Unusable { reason: String },
    /// What the updater says of itself, kept up to date by its events.
    Connected(Box<Status>),
}

/// The start button (M2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Starting {
    #[default]
    No,
    Underway,
    /// Why it did not start, in whole sentences.
    Failed(String),
}

impl State {
    /// The updater's status, while connected.
    #[must_use]
    pub fn status(&self) -> Option<&Status> {
        match &self.link {
            Link::Connected(status) => Some(status),
            _ => None,
        }
    }

    /// Takes over what the updater told. Returns whether the lists must be read anew.
    pub fn heard(&mut self, event: Event) -> bool {
        match event {
            Event::Status(status) => {
                if status.api != API {
                    self.link = Link::Unusable { reason: other_version(&status) };
                    return false;
                }
                let fresh = self.status().is_none_or(|known| known.process != status.process);
                self.link = Link::Connected(Box::new(status));
                self.starting = Starting::No;
                fresh
            }
            Event::Counts(counts) => {
                if let Link::Connected(status) = &mut self.link {
                    status.counts = counts;
                }
                false
            }
            Event::Message(listed) => {
                self.messages.heard(listed);
                false
            }
            Event::Missed { .. } => true,
        }
    }

    /// How the sandbox's sample messages stand from now on.
    pub fn samples(&mut self, now: Samples) {
        if let Some(Sandbox::Running { samples, .. }) = &mut self.sandbox {
            *samples = now;
        }
    }

    /// The connection could not be made, or broke.
    pub fn lost(&mut self, why: &PipeError) {
        self.link = match why {
            PipeError::NotRunning { path } => Link::NotRunning { place: path.clone() },
            other => Link::Unusable { reason: sentence(&other.to_string()) },
        };
    }
}

fn other_version(status: &Status) -> String {
    format!(
        "The updater is version {} and speaks version {} of the local API; this panel is version {} and speaks version \
         {API}. Install the same version of both.",
        legible(&status.version),
        status.api,
        env!("CARGO_PKG_VERSION"),
    )
}

#[cfg(test)]
mod tests;
