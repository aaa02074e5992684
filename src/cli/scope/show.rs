//! `siu-updater scope show`

use std::io::Write as _;

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::place::Pipe;
use crate::cli::render;
use crate::pipe::types::{EntryState, ScopeEntryReport, ScopeReport};
use crate::settings::{EntryKind, SmtpAddress};

/// Print the list and what is known of each entry
#[derive(Debug, Args)]
pub struct Arguments {
    /// Print JSON, as GET /v1/scope gives it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pipe: Pipe,
}

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let client = arguments.pipe.client()?;
    let report = client.scope().await?;
    let mut out = std::io::stdout().lock();
    if arguments.json {
        writeln!(out, "{}", render::json(&report))?;
        return Ok(());
    }
    let list = client.settings().await?.0.settings.scope.list;
    write!(out, "{}", text(&report, &list))?;
    Ok(())
}

fn text(report: &ScopeReport, list: &[SmtpAddress]) -> String {
    let summary = &report.summary;
    let facts = [
        ("Scope", render::scope_mode(summary.mode).to_owned()),
        ("Addresses", summary.addresses.to_string()),
        ("Asked", summary.refreshed_at.map_or_else(String::new, render::time_ms)),
        ("Next", summary.next_refresh_at.map_or_else(String::new, render::time_ms)),
        ("Problem", summary.problem.clone().unwrap_or_default()),
    ];
    let mut text = render::facts(11, &facts);
    if report.entries.is_empty() && list.is_empty() {
        return text + "The list is empty.\n";
    }
    let mut table = render::table(["Name", "Kind", "Domain", "State", "GUID"]);
    for entry in &report.entries {
        let kind = match entry.kind {
            EntryKind::User => "user",
            EntryKind::Group => "group",
        };
        table.add_row([name(entry), kind.to_owned(), entry.domain.clone(), state(&entry.state), entry.id.to_string()]);
    }
    for address in list {
        let nothing = String::new;
        table.add_row([address.to_string(), "address".to_owned(), nothing(), nothing(), nothing()]);
    }
    text.push_str(&format!("{table}\n"));
    text
}

fn name(entry: &ScopeEntryReport) -> String {
    match &entry.was {
        Some(was) => format!("{} (was {was})", entry.name),
        None => entry.name.clone(),
    }
}

fn state(state: &EntryState) -> String {
    let members = |members: u64| if members == 1 { "1 member".to_owned() } else { format!("{members} members") };
    match state {
        EntryState::Resolved { members: count, at } => format!("{}, as of {}", members(*count), render::time_ms(*at)),
        EntryState::Gone { since } => format!("no longer exists, seen {}", render::time_ms(*since)),
        EntryState::Stale { members: count, since, reason } => {
            format!("{}, last known {}: {reason}", members(*count), render::time_ms(*since))
        }
        EntryState::Unresolved { reason } => format!("not known yet: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::pipe::types::ScopeSummary;
    use crate::settings::ScopeMode;

    /// S3, S4
    #[test]
    fn each_entry_is_shown_with_its_state() {
        let entry = |number, name: &str, was: Option<&str>, state| ScopeEntryReport {
            id: Uuid::from_u128(number),
            kind: EntryKind::Group,
            name: name.into(),
            was: was.map(str::to_owned),
            domain: "corp.example".into(),
            state,
        };
        let report = ScopeReport {
            summary: ScopeSummary { mode: ScopeMode::OnlyListed, ..ScopeSummary::default() },
            entries: vec![
                entry(1, "Marketing", Some("Sales"), EntryState::Resolved { members: 1, at: 0 }),
                entry(2, "Board", None, EntryState::Gone { since: 0 }),
                entry(3, "IT", None, EntryState::Stale { members: 7, since: 0, reason: "it is silent".into() }),
                entry(4, "HR", None, EntryState::Unresolved { reason: "it is silent".into() }),
            ],
        };
        let text = text(&report, &["info@corp.example".parse().unwrap()]);
        for wanted in [
            "Marketing (was Sales)",
            "1 member, as of",
            "no longer exists",
            "7 members, last known",
            "not known yet: it is silent",
            "info@corp.example",
            "mailboxes from the list are updated",
        ] {
            assert!(text.contains(wanted), "{wanted}: {text}");
        }
        assert!(super::text(&ScopeReport::default(), &[]).contains("The list is empty."));
    }
}
