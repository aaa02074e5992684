//! `siu-updater retry`: tries finished messages again.

use std::io::Write as _;

use clap::Args;

use super::failure::Failure;
use super::place::Pipe;

/// Try one message again, or all that failed
///
/// Their time begins anew. One that was skipped by a rule can be tried again by its number; one that was updated can
/// not, because there is nothing left to do.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  siu-updater retry 12
  siu-updater retry --failed")]
pub struct Arguments {
    /// Number of the message
    #[arg(value_name = "ID", required_unless_present = "failed", conflicts_with = "failed")]
    id: Option<i64>,
    /// All that failed
    #[arg(long)]
    failed: bool,
    #[command(flatten)]
    pipe: Pipe,
}

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let client = arguments.pipe.client()?;
    let retried = match arguments.id {
        Some(id) => {
            let retried = client.retry(id).await?.messages;
            if retried == 0 {
                let state = super::render::state(client.message(id).await?.state);
                return Err(Failure::new(format!(
                    "message {id} is {state} and can't be tried again: only what failed, or was skipped by a rule, can"
                )));
            }
            retried
        }
        None => client.retry_failed().await?.messages,
    };
    let what = if retried == 1 { "message is" } else { "messages are" };
    writeln!(std::io::stdout(), "{retried} {what} tried again")?;
    Ok(())
}
