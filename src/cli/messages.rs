//! `siu-updater messages`: lists what came in and what became of it.

use std::io::Write as _;

use clap::{Args, ValueEnum};

use super::failure::Failure;
use super::place::Pipe;
use super::render;
use crate::pipe::types::{Filter, State};

/// List messages, newest first
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  siu-updater messages --state failed
  siu-updater messages --search anna@ --limit 20
  siu-updater messages --json | jq '.[].reason'")]
pub struct Arguments {
    /// Only those in this state
    #[arg(long, value_enum)]
    state: Option<StateArgument>,
    /// Only those with this in sender, subject or Message-ID
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only those with a smaller number, for the next page
    #[arg(long, value_name = "ID")]
    before: Option<i64>,
    /// At the most this many, up to 1000
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Print JSON, as GET /v1/messages gives it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pipe: Pipe,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum StateArgument {
    Waiting,
    Working,
    Updated,
    Skipped,
    Failed,
}

impl From<StateArgument> for State {
    fn from(state: StateArgument) -> Self {
        match state {
            StateArgument::Waiting => Self::Waiting,
            StateArgument::Working => Self::Working,
            StateArgument::Updated => Self::Updated,
            StateArgument::Skipped => Self::Skipped,
            StateArgument::Failed => Self::Failed,
        }
    }
}

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let filter = Filter {
        state: arguments.state.map(State::from),
        search: arguments.search,
        before: arguments.before,
        limit: Some(arguments.limit),
    };
    let messages = arguments.pipe.client()?.messages(&filter).await?;
    let mut out = std::io::stdout().lock();
    if arguments.json {
        writeln!(out, "{}", render::json(&messages))?;
        return Ok(());
    }
    if messages.is_empty() {
        writeln!(out, "no message")?;
        return Ok(());
    }
    let mut table = render::table(["No.", "State", "Sender", "Subject", "Accepted", "Reason"]);
    for message in messages {
        table.add_row([
            message.id.to_string(),
            render::state(message.state).to_owned(),
            message.sender,
            message.subject,
            render::time_ms(message.accepted_at),
            message.reason,
        ]);
    }
    writeln!(out, "{table}")?;
    Ok(())
}
