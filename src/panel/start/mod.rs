//! Starts the updater (M2): its service where it is installed, else the program beside the panel.

#[cfg(unix)]
#[path = "unix.rs"]
mod platform;
#[cfg(windows)]
#[path = "windows.rs"]
mod platform;

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use crate::pipe;
use crate::pipe::client::Client;

pub use platform::{ask_to_stop, detach, told_to_end};

/// How long a start may take until the updater answers.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// More of what a program said before it ended is not shown.
const LAST_WORDS: usize = 600;

/// Why the updater was not started, in whole sentences.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("The updater's service did not start. {0}")]
    Service(String),
    #[error("The service is not installed, and there is no {} beside the panel. Install the updater.", .0.display())]
    NoProgram(PathBuf),
    #[error("{} can't be run: {source}.", program.display())]
    Run { program: PathBuf, source: std::io::Error },
    #[error("The updater ended at once ({status}). It said: {words}")]
    Ended { status: std::process::ExitStatus, words: String },
    #[error("The updater was started and does not answer after {} seconds. Its log says why.", PATIENCE.as_secs())]
    Silent,
    #[error("The place of this program is unknown: {0}.")]
    Where(std::io::Error),
}

/// Starts it and waits until it answers.
pub async fn start(pipe: Client) -> Result<(), StartError> {
    // A pipe of one's own choice is not the service's.
    let usual = pipe.path() == pipe::client_path();
    let mut process = None;
    if !(usual && platform::start_service().await?) {
        process = Some(run_beside(pipe.path())?);
    }
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while pipe.status().await.is_err() {
        if let Some((child, log)) = &mut process
            && let Ok(Some(status)) = child.try_wait()
        {
            return Err(StartError::Ended { status, words: last_words(log) });
        }
        if tokio::time::Instant::now() > deadline {
            return Err(StartError::Silent);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// The updater's program, which is installed beside the panel's.
pub fn program() -> Result<PathBuf, StartError> {
    let own = std::env::current_exe().map_err(StartError::Where)?;
    let program = own.with_file_name(format!("siu-updater{}", std::env::consts::EXE_SUFFIX));
    if program.is_file() { Ok(program) } else { Err(StartError::NoProgram(program)) }
}

/// Runs it as a process of its own, which stays when the panel is closed. What it says goes to a file without a name.
fn run_beside(pipe: &Path) -> Result<(Child, File), StartError> {
    let program = program()?;
    let failed = |source| StartError::Run { program: program.clone(), source };
    let log = tempfile::tempfile().map_err(failed)?;
    let mut command = Command::new(&program);
    command.arg("run").arg("--pipe").arg(pipe);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log.try_clone().map_err(failed)?);
    platform::detach(&mut command);
    Ok((command.spawn().map_err(failed)?, log))
}

/// The end of what a program wrote.
pub fn last_words(log: &mut File) -> String {
    use std::io::Seek as _;
    let mut text = Vec::new();
    if log.rewind().is_err() || log.read_to_end(&mut text).is_err() {
        return String::new();
    }
    let text = String::from_utf8_lossy(&text);
    let text = text.trim();
    let start = text.char_indices().rev().take(LAST_WORDS).last().map_or(0, |(at, _)| at);
    text[start..].to_owned()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn of_a_long_log_the_end_is_shown() {
        let mut log = tempfile::tempfile().unwrap();
        writeln!(log, "{}the end", "é".repeat(5_000)).unwrap();
        let words = last_words(&mut log);
        assert!(words.ends_with("éthe end") && words.chars().count() == LAST_WORDS, "{words}");
    }

    /// M2
    #[tokio::test]
    async fn without_a_program_beside_the_panel_the_words_say_so() {
        // Tests run from target/debug/deps, where no updater is.
        let folder = tempfile::tempdir().unwrap();
        let client = Client::new(&folder.path().join("updater.sock")).unwrap();
        let problem = start(client).await.unwrap_err().to_string();
        assert!(problem.contains("siu-updater") && problem.contains("Install the updater"), "{problem}");
    }
}
