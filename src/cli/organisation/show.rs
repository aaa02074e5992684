//! How the organisation's configuration and its updaters look on a terminal.

use std::io::Write as _;

use comfy_table::Table;
use jiff::Timestamp;

use crate::cli::failure::Failure;
use crate::cli::render;
use crate::organisation::administration::Overview;
use crate::pipe::types::{Joined, OrganisationReport, SecretState, Source};

const HEADER: [&str; 7] = ["Updater", "Identifier", "Signs in as", "Last seen", "Program", "Configuration", "Waiting"];

/// What an updater tells.
pub fn local(report: &OrganisationReport, json: bool) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{}", render::json(report))?;
        return Ok(());
    }
    let own = &report.own;
    let mut lines = vec![("This updater", format!("{} ({})", own.name, own.id)), ("Public key", own.key.clone())];
    match &report.joined {
        None => lines.push(("Source", "the file of this computer; siu-updater register gives it a share".to_owned())),
        Some(joined) => lines.extend(facts(report.source, joined)),
    }
    lines.extend(
        report.kept.clone().map(|kept| ("Own settings", format!("kept in {kept} when others took their place"))),
    );
    write!(out, "{}", render::facts(15, &lines))?;
    if let Some(joined) = &report.joined {
        writeln!(out, "{}", updaters(joined))?;
    }
    Ok(())
}

fn facts(source: Source, joined: &Joined) -> Vec<(&'static str, String)> {
    let in_force = match source {
        Source::Directory => "the directory",
        Source::File => "the file of this computer, until the directory has one",
    };
    let mut lines = vec![("Source", in_force.to_owned()), ("Place", joined.place.clone())];
    if let Some(version) = &joined.configuration {
        lines.push((
            "Version",
            format!(
                "{}, by {} on {}, {}",
                version.version,
                version.changed_by,
                version.changed_on,
                render::time(version.changed_at)
            ),
        ));
    }
    if !joined.registered {
        lines.push(("Registration", "this updater is not registered, or no longer".to_owned()));
    }
    lines.push(("Last look", time(joined.last_look)));
    lines.push(("Problem", joined.problem.clone().unwrap_or_default()));
    lines
}

fn updaters(joined: &Joined) -> Table {
    let mut table =
        render::table([HEADER[0], HEADER[1], HEADER[2], HEADER[3], HEADER[4], HEADER[5], HEADER[6], "Password"]);
    for one in &joined.updaters {
        let secret = match one.secret {
            SecretState::None => "none",
            SecretState::Sealed => "can read it",
            SecretState::Waiting => "waits for it",
        };
        table.add_row([
            if one.this { format!("{} (this one)", one.name) } else { one.name.clone() },
            one.id.to_string(),
            one.account.clone(),
            time(one.last_seen),
            one.program.clone().unwrap_or_default(),
            version(one.configuration, one.problem.as_deref()),
            one.backlog.map(|backlog| backlog.to_string()).unwrap_or_default(),
            secret.to_owned(),
        ]);
    }
    table
}

/// What an administrator sees in the directory.
pub fn directory(overview: &Overview, json: bool) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{}", render::json(overview))?;
        return Ok(());
    }
    let document = overview.document.as_ref().map_or_else(
        || "nothing is published yet".to_owned(),
        |document| {
            format!(
                "{}, by {} on {}, {}",
                document.version,
                document.changed_by,
                document.changed_on,
                render::time(document.changed_at)
            )
        },
    );
    let may = if overview.domain_admin { "a member of Domain Admins" } else { "no member of Domain Admins" };
    let mut lines =
        vec![("Place", overview.place.clone()), ("Seen by", format!("{}, {may}", overview.who)), ("Version", document)];
    lines.extend(overview.problems.iter().map(|problem| ("Problem", problem.clone())));
    write!(out, "{}", render::facts(15, &lines))?;
    let mut table = render::table(HEADER);
    for (registration, sighting) in &overview.updaters {
        let seen = sighting.as_ref();
        table.add_row([
            registration.name.clone(),
            registration.id.to_string(),
            registration.account.clone(),
            time(seen.map(|seen| seen.at)),
            seen.map(|seen| seen.program.clone()).unwrap_or_default(),
            version(seen.and_then(|seen| seen.configuration), seen.and_then(|seen| seen.problem.as_deref())),
            seen.map(|seen| seen.backlog.to_string()).unwrap_or_default(),
        ]);
    }
    writeln!(out, "{table}")?;
    Ok(())
}

fn time(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "never".to_owned(), render::time)
}

fn version(version: Option<u64>, problem: Option<&str>) -> String {
    let version = version.map_or_else(|| "none".to_owned(), |version| version.to_string());
    problem.map_or_else(|| version.clone(), |problem| format!("{version}; {problem}"))
}
