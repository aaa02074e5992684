//! `siu-updater status`: how the updater is.

use std::io::Write as _;

use clap::Args;

use super::failure::Failure;
use super::place::Pipe;
use super::render;
use crate::pipe::types::{ConfigurationSummary, DoorStatus, Source, Status};

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
        ("Settings", configuration(&status.configuration, status.account.is_some() && status.ews_url.is_some())),
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

fn configuration(of: &ConfigurationSummary, configured: bool) -> String {
    let configured = if configured { "configured" } else { "not configured" };
    let place = of.place.as_ref().map(|place| format!(" {place}")).unwrap_or_default();
    let source = match of.source {
        Source::File if of.place.is_none() => "source: this computer".to_owned(),
        Source::File => format!("source: this computer, until something is published in the directory{place}"),
        Source::Directory => format!("source: directory{place}"),
    };
    let version = of.version.map(|version| {
        let by = of.changed_by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        let at = of.changed_at.map(|at| format!(", {}", render::time(at))).unwrap_or_default();
        format!(", version {version}{by}{at}")
    });
    let problem = of.problem.as_ref().map(|problem| format!("; {problem}"));
    format!("{configured}, {source}{}{}", version.unwrap_or_default(), problem.unwrap_or_default())
}

fn door(door: Option<&DoorStatus>) -> String {
    match door {
        None => "closed".to_owned(),
        Some(DoorStatus { place, problem: None }) => place.clone(),
        Some(DoorStatus { place, problem: Some(problem) }) => format!("{place}: {problem}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P1
    #[test]
    fn it_is_told_where_the_settings_come_from() {
        let alone = ConfigurationSummary::default();
        assert_eq!(configuration(&alone, false), "not configured, source: this computer");
        let shared = ConfigurationSummary {
            source: Source::Directory,
            place: Some("corp.example".into()),
            version: Some(17),
            changed_by: Some("CORP\\anna".into()),
            changed_at: None,
            problem: Some("It can't be looked at.".into()),
        };
        assert_eq!(
            configuration(&shared, true),
            "configured, source: directory corp.example, version 17 by CORP\\anna; It can't be looked at."
        );
    }
}
