//! `siu-updater demo`: the whole product on sample mail.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use super::{log, render, service};
use crate::demo::{self, DemoOptions, Progress};

/// Show the whole product on sample mail, without Exchange
///
/// Opens a sandbox organisation, starts an updater, hands sample messages over by all doors while sample clients store
/// their copies, and shows what became of each. The mailboxes are then read back and checked. Takes about 20 seconds;
/// everything happens on this machine.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  siu-updater demo
  siu-updater demo --keep /tmp/nordwind

Exit status:
  0  every message ended as it should
  1  one did not, or the demo could not be played; what is wrong is said")]
pub struct Arguments {
    /// Keep mailboxes, queue and settings, too, in this folder; it must be empty or not be there [default: a temporary
    /// folder, of which only the pages with before and after are kept]
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
}

pub fn run(arguments: Arguments) -> Result<(), Failure> {
    log::start(log::Format::Text, "error");
    service(async {
        let options = DemoOptions { keep: arguments.keep, progress: Progress::fitting() };
        let report = demo::run(options).await.map_err(|error| Failure::new(error.to_string()))?;
        write!(std::io::stdout(), "{}", demo::render(&report, render::width()))?;
        if report.is_good() { Ok(()) } else { Err(Failure::new("not everything ended as it should")) }
    })
}
