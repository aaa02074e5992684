//! The Administration Panel.
// No console window beside it on Windows.
#![cfg_attr(windows, windows_subsystem = "windows")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use sent_items_update::cli::log;
use sent_items_update::panel::app::Start;
use sent_items_update::panel::connect::{ActiveDirectory, Rehearsed};
use sent_items_update::panel::files::SystemFiles;
use sent_items_update::panel::sandbox::Rehearsal;
use sent_items_update::panel::session::{Connect, Remembering};
use sent_items_update::panel::single::{self, Claim};

/// Configure Sent Items Update, and watch it
#[derive(Debug, Parser)]
#[command(name = "siu-panel", version)]
struct Arguments {
    /// Local API of the updater: a socket's path, or a pipe's name on Windows [default: the service's, else your own]
    #[arg(long, value_name = "PATH", env = "SIU_PIPE")]
    pipe: Option<PathBuf>,
    /// Try everything on a made-up organisation on this computer; it ends with the window
    #[arg(long, conflicts_with = "pipe")]
    sandbox: bool,
}

fn run(arguments: Arguments) -> Result<(), String> {
    let pipe = arguments.pipe.unwrap_or_else(sent_items_update::pipe::client_path);
    let updater = if arguments.sandbox { PathBuf::from("sandbox") } else { pipe.clone() };
    let seat = match single::claim(&updater) {
        Ok(Claim::First(seat)) => Some(seat),
        Ok(Claim::Raised) => return Ok(()),
        Err(problem) => {
            tracing::warn!(%problem, "whether the panel is open already can't be found out");
            None
        }
    };
    let rehearsal = if arguments.sandbox { Some(Rehearsal::new().map_err(|why| why.to_string())?) } else { None };
    let pipe = rehearsal.as_ref().map_or(pipe, Rehearsal::pipe);
    let connect: Arc<dyn Connect> = match &rehearsal {
        Some(rehearsal) => Arc::new(Rehearsed::new(rehearsal.opened())),
        None => Arc::new(ActiveDirectory::new()),
    };
    let (connect, files) = (Arc::new(Remembering::new(connect)), Arc::new(SystemFiles));
    sent_items_update::panel::run(Start { pipe, connect, files, rehearsal }, seat)
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // The window system has much to say that helps nobody.
    log::start(log::Format::Text, "error,sent_items_update=warn,siu_panel=warn");
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            tracing::error!(problem, "the panel ends");
            // Started by a double-click, it has no terminal to say this in.
            #[cfg(windows)]
            rfd::MessageDialog::new()
                .set_level(rfd::MessageLevel::Error)
                .set_title("Sent Items Update")
                .set_description(problem)
                .show();
            ExitCode::FAILURE
        }
    }
}
