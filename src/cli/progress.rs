//! Shows the steps of a configuration as they happen.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::setup::{Progress, Step, StepState};

/// How often a note is printed where lines can't be overwritten.
const NOTE_EVERY: Duration = Duration::from_secs(10);

pub struct Lines {
    terminal: bool,
    noted: Mutex<Option<(Step, Instant)>>,
}

impl Lines {
    pub fn new() -> Self {
        Self { terminal: std::io::stdout().is_terminal(), noted: Mutex::default() }
    }

    pub fn show(&self, progress: &Progress) {
        let Some(line) = line(progress) else { return };
        let mut out = std::io::stdout().lock();
        // Nobody reads any more: the work goes on all the same.
        let _ = match &progress.state {
            // Overwritten by what comes next.
            StepState::Running { .. } if self.terminal => write!(out, "\r\u{1b}[K{line}"),
            StepState::Running { note } => {
                if note.is_empty() || !self.is_time(progress.step) {
                    return;
                }
                writeln!(out, "{line}")
            }
            _ if self.terminal => writeln!(out, "\r\u{1b}[K{line}"),
            _ => writeln!(out, "{line}"),
        };
        let _ = out.flush();
    }

    fn is_time(&self, step: Step) -> bool {
        let mut noted = self.noted.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if noted.is_some_and(|(last, at)| last == step && at.elapsed() < NOTE_EVERY) {
            return false;
        }
        *noted = Some((step, Instant::now()));
        true
    }
}

/// What a step is called.
pub fn name(step: Step) -> &'static str {
    match step {
        Step::CheckAdministrator => "Check the administrator",
        Step::LocateServer => "Locate the server",
        Step::CreateAccount => "Create the account",
        Step::VerifyAccount => "Verify the account",
        Step::GrantRights => "Grant impersonation rights",
        Step::TestRights => "Test impersonation rights",
        Step::Save => "Save the configuration",
    }
}

fn line(progress: &Progress) -> Option<String> {
    let (mark, note) = match &progress.state {
        StepState::NotRun => return None,
        StepState::Running { note } => ("…", note.as_str()),
        StepState::Done { note } => ("✓", note.as_str()),
        StepState::Failed(failure) => ("✗", failure.what.as_str()),
        StepState::Cancelled => ("–", "cancelled"),
    };
    let name = name(progress.step);
    Some(if note.is_empty() { format!("{mark} {name}") } else { format!("{mark} {name}: {note}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::Failure;

    /// W5, X2
    #[test]
    fn a_line_tells_the_step_and_how_it_stands() {
        let shown = |state| line(&Progress { step: Step::LocateServer, state });
        assert_eq!(shown(StepState::NotRun), None);
        assert_eq!(shown(StepState::Running { note: String::new() }).unwrap(), "… Locate the server");
        assert_eq!(shown(StepState::Done { note: "found".to_owned() }).unwrap(), "✓ Locate the server: found");
        let failure = Failure { what: "It is gone.".to_owned(), ..Failure::default() };
        assert_eq!(shown(StepState::Failed(Box::new(failure))).unwrap(), "✗ Locate the server: It is gone.");
        assert_eq!(shown(StepState::Cancelled).unwrap(), "– Locate the server: cancelled");
    }
}
