//! `siu-updater test-impersonation`: the manual test of the right (W10).

use std::io::Write as _;

use clap::Args;

use super::explain;
use super::failure::Failure;
use super::place::Pipe;
use super::render;
use crate::pipe::types::{ImpersonationResult, TestFailure};
use crate::setup;

/// Test the right to impersonate: open Sent Items of a mailbox, and change nothing
///
/// The updater does it with the configuration in force.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  siu-updater test-impersonation anna@example.com

Exit status: 0 when Sent Items could be opened; 1 when not, the reason is on standard error.")]
pub struct Arguments {
    /// Primary address of the mailbox
    #[arg(value_name = "MAILBOX")]
    mailbox: String,
    /// Print JSON, as POST /v1/impersonation-test gives it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pipe: Pipe,
}

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let result = arguments.pipe.client()?.test_impersonation(arguments.mailbox.trim()).await?;
    let mut out = std::io::stdout();
    if arguments.json {
        writeln!(out, "{}", render::json(&result))?;
    }
    match result {
        ImpersonationResult::Opened { mailbox, items } => {
            if !arguments.json {
                writeln!(out, "Sent Items of {mailbox} was opened; it has {items} items")?;
            }
            Ok(())
        }
        ImpersonationResult::Failed(failed) => {
            if !arguments.json {
                write!(std::io::stderr(), "{}", explain::failure(&as_window(&failed), render::width().into()))?;
            }
            Err(Failure::new(format!("Sent Items of {} could not be opened", failed.mailbox)))
        }
    }
}

fn as_window(failed: &TestFailure) -> setup::Failure {
    setup::Failure {
        what: failed.what.clone(),
        cause: failed.cause.clone(),
        advice: failed.advice.clone(),
        details: vec![failed.details.clone()],
        ..setup::Failure::default()
    }
}
