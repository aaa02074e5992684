//! How far the demo is: a line that updates on a terminal, plain lines elsewhere.

use std::io::{IsTerminal as _, Write as _};

use crate::pipe::types::{Listed, State};

/// Where progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// One line on standard error that is written over and over.
    Terminal,
    /// A line on standard error for each step.
    Lines,
    Silent,
}

impl Progress {
    /// As fits to where standard error goes.
    #[must_use]
    pub fn fitting() -> Self {
        if std::io::stderr().is_terminal() { Self::Terminal } else { Self::Lines }
    }

    /// Something begins.
    pub(super) fn step(self, what: &str) {
        self.write(what);
    }

    /// Some of the messages have ended, this one last.
    pub(super) fn ended(self, ended: usize, of: usize, last: &Listed) {
        let outcome = match last.state {
            State::Updated => "updated",
            State::Skipped => "skipped",
            State::Failed => "not updated",
            State::Waiting | State::Working => "under way",
        };
        self.write(&format!("{ended} of {of} done; {outcome}: {}", last.subject));
    }

    /// The line is no longer needed.
    pub(super) fn clear(self) {
        if self == Self::Terminal {
            let _ = write!(std::io::stderr(), "\r\x1b[2K");
        }
    }

    fn write(self, text: &str) {
        // Nobody to show it to is no reason to end.
        let _ = match self {
            Self::Terminal => {
                let width = terminal_size::terminal_size_of(std::io::stderr()).map_or(80, |(width, _)| width.0);
                let text: String = text.chars().take(usize::from(width).saturating_sub(1)).collect();
                write!(std::io::stderr(), "\r\x1b[2K{text}")
            }
            Self::Lines => writeln!(std::io::stderr(), "{text}"),
            Self::Silent => Ok(()),
        };
    }
}
