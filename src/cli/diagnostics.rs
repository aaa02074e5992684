//! `siu-updater diagnostics`: everything that helps others to help.

use std::io::Write as _;

use clap::Args;

use super::failure::Failure;
use super::place::Pipe;
use super::render;

/// Print one document for those who help: how the updater is, its settings, what failed lately
///
/// It has no password and no content or subject of a message, but names of servers, accounts and senders: look it over
/// before you send it on.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  siu-updater diagnostics > diagnostics.json")]
pub struct Arguments {
    #[command(flatten)]
    pipe: Pipe,
}

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let diagnostics = arguments.pipe.client()?.diagnostics().await?;
    writeln!(std::io::stdout(), "{}", render::json(&diagnostics))?;
    Ok(())
}
