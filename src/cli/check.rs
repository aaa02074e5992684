//! `siu-updater check`: whether an account can be used as the service account (W11).

use std::io::Write as _;

use clap::Args;
use comfy_table::Table;

use super::directory_place::DirectoryPlace;
use super::failure::Failure;
use super::{password, render};
use crate::directory::{AccountCheck, AccountVerdict};

/// Check whether an account meets the conditions for the service account
///
/// Ends with status 1 when a condition is not met, or the directory can't be asked. Signs in with the account's
/// password once; a wrong one counts towards the account being locked, as everywhere.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  siu-updater check --upn svc-siu@corp.example.com --password-stdin < password.txt
  siu-updater check --upn svc-siu@corp.example.com --controller dc1.corp.example.com --ca ca.pem --user me@corp.example.com")]
pub struct Arguments {
    /// User principal name of the account
    #[arg(long, value_name = "NAME")]
    upn: String,
    /// Read the password of the account from the next line of standard input [default: SIU_PASSWORD; without one,
    /// nothing is said about the password]
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    directory: DirectoryPlace,
}

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let directory = arguments.directory.directory(Some(&arguments.upn))?;
    let password = if arguments.password_stdin { Some(password::line()?) } else { password::variable("SIU_PASSWORD")? };
    let checks = directory.examine(&arguments.upn, password.as_ref()).await?;
    writeln!(std::io::stdout(), "{}", table(&checks))?;
    let failed = checks.iter().filter(|check| matches!(check.verdict, AccountVerdict::Failed { .. })).count();
    match failed {
        0 => Ok(()),
        1 => Err(Failure::new(format!("{} does not meet a condition", arguments.upn))),
        failed => Err(Failure::new(format!("{} does not meet {failed} conditions", arguments.upn))),
    }
}

fn table(checks: &[AccountCheck]) -> Table {
    let mut table = render::table(["Condition", "Verdict", "What to do"]);
    for check in checks {
        let (verdict, advice) = match &check.verdict {
            AccountVerdict::Met => ("met", ""),
            AccountVerdict::Failed { what, advice } => (what.as_str(), advice.as_str()),
            AccountVerdict::Unknown(why) => (why.as_str(), ""),
        };
        let verdict = match &check.verdict {
            AccountVerdict::Met => verdict.to_owned(),
            AccountVerdict::Failed { .. } => format!("NOT MET: {verdict}"),
            AccountVerdict::Unknown(_) => format!("not known: {verdict}"),
        };
        table.add_row([check.condition.to_string(), verdict, advice.to_owned()]);
    }
    table
}
