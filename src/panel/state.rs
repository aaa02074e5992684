//! What the panel knows. No egui and no I/O: a view is a function of this.

use std::path::PathBuf;

use jiff::tz::TimeZone;

use crate::pipe::client::PipeError;
use crate::pipe::types::{Event, Status};

/// Everything that a view may show.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    pub link: Link,
    /// Where the person at the screen is: times are shown so.
    pub zone: TimeZone,
}

impl Default for State {
    fn default() -> Self {
        Self { link: Link::Connecting, zone: TimeZone::system() }
    }
}

/// How things stand between panel and updater.
#[derive(Debug, Clone, PartialEq)]
pub enum Link {
    /// The first attempt has not ended yet.
    Connecting,
    /// Nothing listens where the updater should.
    NotRunning { place: PathBuf },
    /// The updater, or what is in its place, can't be talked to.
    Unusable { reason: String },
    /// What the updater says of itself, kept up to date by its events.
    Connected(Box<Status>),
}

/// What the person at the screen wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    /// Connect at once instead of when the pause is over.
    TryNow,
    /// Put a text on the clipboard.
    Copy(String),
}

impl State {
    /// Takes over what the updater told. Returns whether anything that is shown changed.
    pub fn heard(&mut self, event: Event) -> bool {
        let before = self.clone();
        match (event, &mut self.link) {
            (Event::Status(status), link) => *link = Link::Connected(Box::new(status)),
            (Event::Counts(counts), Link::Connected(status)) => status.counts = counts,
            // The list of messages is not shown yet, and counts come by themselves.
            (Event::Counts(_) | Event::Message(_) | Event::Missed { .. }, _) => {}
        }
        *self != before
    }

    /// The connection could not be made, or broke. Returns whether anything that is shown changed.
    pub fn lost(&mut self, why: &PipeError) -> bool {
        let link = match why {
            PipeError::NotRunning { path } => Link::NotRunning { place: path.clone() },
            other => Link::Unusable { reason: sentence(&other.to_string()) },
        };
        let changed = self.link != link;
        self.link = link;
        changed
    }
}

/// An error's words as a sentence of their own.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::pipe::types::{Activity, Counts};

    fn status() -> Status {
        Status {
            version: "1".into(),
            api: 1,
            process: 1,
            started_at: Timestamp::UNIX_EPOCH,
            sandbox: false,
            activity: Activity::Off,
            account: None,
            ews_url: None,
            counts: Counts::default(),
            smtp: None,
            pickup: None,
            scope: crate::pipe::types::ScopeSummary::default(),
            data: PathBuf::new(),
            notices: Vec::new(),
        }
    }

    #[test]
    fn counts_change_what_is_shown_and_the_same_counts_again_do_not() {
        let mut state = State::default();
        let counts = Counts { waiting: 1, ..Counts::default() };
        assert!(!state.heard(Event::Counts(counts)), "before the status there is nothing to count");
        assert!(state.heard(Event::Status(status())));
        assert!(state.heard(Event::Counts(counts)));
        assert!(!state.heard(Event::Counts(counts)));
        assert!(matches!(&state.link, Link::Connected(status) if status.counts == counts));
    }

    /// M2
    #[test]
    fn a_lost_updater_is_shown_with_the_reason_once() {
        let mut state = State::default();
        state.heard(Event::Status(status()));
        let gone = PipeError::NotRunning { path: "/run/x".into() };
        assert!(state.lost(&gone));
        assert!(!state.lost(&gone));
        assert_eq!(state.link, Link::NotRunning { place: "/run/x".into() });
    }
}
