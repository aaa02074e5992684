//! `siu-updater status`: how the updater is.

use std::io::Write as _;

use clap::Args;

use super::failure::Failure;
use super::place::Pipe;
use super::render;
use crate::pipe::types::{DoorStatus, Status};

/// Show how the updater is
///
/// Ends with status 0 when the updater runs, whatever it has to say, and with 3 when it does not.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Print JSON, as GET /v1/status gives it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pipe: Pipe,
}

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let status = arguments.pipe.client()?.status().await?;
    let mut out = std::io::stdout().lock();
    if arguments.json {
        writeln!(out, "{}", render::json(&status))?;
    } else {
        write!(out, "{}", text(&status))?;
    }
    Ok(())
}

fn text(status: &Status) -> String {
    let counts = status.counts;
    let mut lines = vec![
        (
            "Updater",
            format!("{}, process {}, since {}", status.version, status.process, render::time(status.started_at)),
        ),
        ("Updating", render::activity(&status.activity)),
        ("Account", status.account.clone().unwrap_or_else(|| "none".to_owned())),
        ("Exchange", status.ews_url.clone().unwrap_or_else(|| "not connected".to_owned())),
        ("Scope", render::scope_mode(status.scope.mode).to_owned()),
        (
            "Messages",
            format!(
                "{} waiting, {} in work, {} updated, {} skipped, {} failed",
                counts.waiting, counts.working, counts.updated, counts.skipped, counts.failed
            ),
        ),
        ("SMTP", door(status.smtp.as_ref())),
        ("Pickup", door(status.pickup.as_ref())),
        ("Data", status.data.display().to_string()),
    ];
    if status.sandbox {
        lines.push(("Sandbox", "this is a rehearsal: it works on the sandbox organisation".to_owned()));
    }
    lines.extend(status.notices.iter().map(|notice| ("Notice", notice.clone())));
    render::facts(10, &lines)
}

fn door(door: Option<&DoorStatus>) -> String {
    match door {
        None => "closed".to_owned(),
        Some(DoorStatus { place, problem: None }) => place.clone(),
        Some(DoorStatus { place, problem: Some(problem) }) => format!("{place}: {problem}"),
    }
}
