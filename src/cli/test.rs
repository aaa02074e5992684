//! `siu-updater test`: may the account open a mailbox?

use std::io::Write as _;

use clap::Args;

use super::failure::Failure;
use super::place::Pipe;
use super::render;
use crate::pipe::types::{ImpersonationResult, TestFailure};

/// Test impersonation: open Sent Items of a mailbox with the account in force, and change nothing
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  siu-updater test anna@corp.example

Exit status: 0 when Sent Items was opened, 1 when not; why, and what to do, is on standard error.")]
pub struct Arguments {
    /// Primary SMTP address of the mailbox
    #[arg(value_name = "MAILBOX")]
    mailbox: String,
    /// Print JSON, as POST /v1/impersonation-test gives it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pipe: Pipe,
}

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let result = arguments.pipe.client()?.test_impersonation(&arguments.mailbox).await?;
    let mut out = std::io::stdout().lock();
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
        ImpersonationResult::Failed(failure) => Err(Failure::new(text(&failure))),
    }
}

fn text(failure: &TestFailure) -> String {
    let TestFailure { what, cause, advice, details, .. } = failure;
    let advice: String = advice.iter().map(|advice| format!("\n  - {advice}")).collect();
    format!("{what}\n{cause}{advice}\nIn detail: {details}")
}
