//! The Administration Panel.
// No console window beside it on Windows; a debug build keeps it for the log.
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use sent_items_update::cli::log;
use sent_items_update::panel::session::Nowhere;

/// Shows how the updater is.
#[derive(Debug, Parser)]
#[command(name = "siu-panel", version)]
struct Arguments {
    /// Local API of the updater: a socket's path, or a pipe's name on Windows [default: the service's, else your own]
    #[arg(long, value_name = "PATH", env = "SIU_PIPE")]
    pipe: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // The window system has much to say that helps nobody.
    log::start(log::Format::Text, "error,sent_items_update=warn,siu_panel=warn");
    let pipe = arguments.pipe.unwrap_or_else(sent_items_update::pipe::default_path);
    match sent_items_update::panel::run(pipe, Arc::new(Nowhere)) {
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
