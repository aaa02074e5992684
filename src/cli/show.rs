//! `siu-updater show`: one message.

use std::io::Write as _;

use clap::Args;

use super::failure::Failure;
use super::place::Pipe;
use super::render;
use crate::pipe::types::Listed;

/// Show one message, or print the processed message itself
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  siu-updater show 12
  siu-updater show 12 --content > processed.eml")]
pub struct Arguments {
    /// Number of the message, as `submit` and `messages` tell it
    #[arg(value_name = "ID")]
    id: i64,
    /// Print JSON, as GET /v1/messages/ID gives it
    #[arg(long, conflicts_with = "content")]
    json: bool,
    /// Print the processed message as it came in, byte for byte
    #[arg(long)]
    content: bool,
    #[command(flatten)]
    pipe: Pipe,
}

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let client = arguments.pipe.client()?;
    let mut out = std::io::stdout().lock();
    if arguments.content {
        out.write_all(&client.content(arguments.id).await?)?;
        out.flush()?;
        return Ok(());
    }
    let message = client.message(arguments.id).await?;
    if arguments.json {
        writeln!(out, "{}", render::json(&message))?;
    } else {
        write!(out, "{}", text(&message))?;
    }
    Ok(())
}

fn text(message: &Listed) -> String {
    let facts = [
        ("Message", message.id.to_string()),
        ("State", render::state(message.state).to_owned()),
        ("Rule", message.rule.map_or_else(String::new, render::rule)),
        ("Reason", message.reason.clone()),
        ("Sender", message.sender.clone()),
        ("Subject", message.subject.clone()),
        ("Message-ID", message.message_id.clone()),
        ("Size", format!("{} bytes", message.size)),
        ("Came by", message.source.clone()),
        ("Accepted", render::time_ms(message.accepted_at)),
        ("Due", message.due_at.map_or_else(String::new, render::time_ms)),
        ("Finished", message.finished_at.map_or_else(String::new, render::time_ms)),
        ("Tries", message.tries.to_string()),
    ];
    render::facts(12, &facts)
}
