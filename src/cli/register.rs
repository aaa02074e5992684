//! `siu-updater register` and `unregister`: who has a share in the organisation's configuration (P2).

use std::io::Write as _;

use clap::Args;
use secrecy::SecretString;
use uuid::Uuid;

use super::directory_place::DirectoryPlace;
use super::failure::Failure;
use super::organisation::OrganisationPlace;
use super::password;
use super::place::Pipe;
use crate::organisation::administration::{Administration, Newcomer, Registered};
use crate::pipe::client::Client;
use crate::pipe::types::{Join, JoinSignIn, OrganisationReport, SecretState};
use crate::settings::DirectorySettings;

/// Give this updater a share in the organisation's configuration
///
/// Registers the updater that runs here in Active Directory and tells it to take the configuration from there from now on.
/// What is needed there is made if it is missing. Takes a member of Domain Admins (--user, else whoever is logged on);
/// their password is used for this and kept nowhere. Registered again, an updater gets the same once more.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  siu-updater register --user admin@corp.example.com
  siu-updater register --user admin@corp.example.com --place OU=IT,DC=corp,DC=example,DC=com
  siu-updater register --user admin@corp.example.com --account svc-siu@corp.example.com --account-password-stdin

The updater signs in to the directory as the account that its service runs as: LocalSystem on Windows is the computer's
account. Where it has none in the domain, give it that of a user with --account.")]
pub struct Register {
    /// Account that the updater signs in to the directory with: NAME$ for a computer, name@domain for a user
    /// [default: the computer's account]
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// The account is a user's, and the updater signs in with its password: the next line of standard input, after that of
    /// --user [default: SIU_PASSWORD; without one, the updater signs in as what it runs as]
    #[arg(long, requires = "account")]
    account_password_stdin: bool,
    #[command(flatten)]
    place: OrganisationPlace,
    #[command(flatten)]
    pipe: Pipe,
}

/// Take an updater's share in the organisation's configuration away
///
/// Removes its registration from Active Directory and what its account was allowed there. The updater goes on with what it
/// has, by itself. What it knows it may have kept: give the service account a new password afterwards.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  siu-updater unregister srv2.corp.example.com --user admin@corp.example.com
  siu-updater unregister 6f3c2b8e-0d5e-4a53-8a53-2f9f0c3f7d11 --domain corp.example.com")]
pub struct Unregister {
    /// Identifier or name, as siu-updater organisation shows them
    #[arg(value_name = "ID|NAME")]
    updater: String,
    #[command(flatten)]
    place: OrganisationPlace,
    #[command(flatten)]
    pipe: Pipe,
}

/// Name of the variable that may hold the account's password.
const PASSWORD: &str = "SIU_PASSWORD";

pub async fn register(arguments: Register) -> Result<(), Failure> {
    // Of two passwords on standard input, that of --user comes first.
    let sign_in = arguments.place.directory.sign_in()?;
    let password = account_password(&arguments)?;
    let client = arguments.pipe.client()?;
    let report = client.organisation().await?;
    let settings = settings(&arguments.place.directory, &client, &report).await?;
    let administration = arguments.place.administration_at(&settings, sign_in)?;
    let registered = in_directory(&administration, &arguments, &report).await?;
    {
        let mut out = std::io::stdout().lock();
        for sentence in registered.done.iter().chain(&registered.notes) {
            writeln!(out, "{sentence}")?;
        }
    }
    let join = Join {
        organisation: registered.organisation,
        directory: settings,
        place: Some(registered.place),
        sign_in: password.map_or(JoinSignIn::Service, |password| JoinSignIn::User {
            upn: registered.registration.account.clone(),
            password,
        }),
    };
    let joined = client.join_organisation(&join).await.map_err(|error| {
        let failure = Failure::from(error);
        let message = format!(
            "the updater is registered, and can't use that yet: {failure}. Run siu-updater register again when that is \
             mended"
        );
        Failure { message, ..failure }
    })?;
    tell(&joined)
}

/// With a password, the updater signs in as that account wherever it runs.
fn account_password(arguments: &Register) -> Result<Option<SecretString>, Failure> {
    match &arguments.account {
        None => Ok(None),
        Some(_) if arguments.account_password_stdin => Ok(Some(password::line()?)),
        Some(_) => password::variable(PASSWORD),
    }
}

async fn in_directory(
    administration: &Administration,
    arguments: &Register,
    report: &OrganisationReport,
) -> Result<Registered, Failure> {
    let newcomer = Newcomer {
        id: report.own.id,
        name: report.own.name.clone(),
        key: report.own.key.clone(),
        account: arguments.account.clone().or_else(|| report.own.account.clone()),
    };
    // Where the place was lost, the organisation stays the one that this updater knows.
    let organisation = report.joined.as_ref().map_or_else(Uuid::new_v4, |joined| joined.organisation);
    Ok(administration.register(&newcomer, organisation).await?)
}

/// As the command line says; what it leaves open is as the updater has it already.
async fn settings(
    place: &DirectoryPlace,
    client: &Client,
    report: &OrganisationReport,
) -> Result<DirectorySettings, Failure> {
    let known = match &report.joined {
        Some(joined) => Some(joined.directory.clone()),
        None => client.settings().await?.0.settings.directory,
    };
    let Some(known) = known else { return place.settings(None) };
    let named = DirectoryPlace { domain: place.domain.clone().or(Some(known.domain.clone())), ..place.clone() };
    let mut settings = named.settings(None)?;
    if settings.domain.eq_ignore_ascii_case(&known.domain) {
        if settings.controllers.is_empty() {
            settings.controllers = known.controllers;
        }
        if settings.extra_roots.is_empty() {
            settings.extra_roots = known.extra_roots;
        }
    }
    Ok(settings)
}

fn tell(report: &OrganisationReport) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let Some(joined) = &report.joined else { return Ok(()) };
    match &joined.configuration {
        Some(version) => writeln!(
            out,
            "This updater works with version {} of the organisation's configuration, by {}.",
            version.version, version.changed_by
        )?,
        None => writeln!(
            out,
            "Nothing is published yet: the next change of the settings here becomes the configuration of all updaters."
        )?,
    }
    if joined.updaters.iter().any(|one| one.this && one.secret == SecretState::Waiting) {
        writeln!(
            out,
            "The account's password comes as soon as another updater has looked, within a minute; or give it here: \
             siu-updater settings set FILE --password-stdin."
        )?;
    }
    if let Some(problem) = &joined.problem {
        writeln!(out, "{problem}")?;
    }
    Ok(())
}

pub async fn unregister(arguments: Unregister) -> Result<(), Failure> {
    let removed = arguments.place.administration()?.remove(&arguments.updater).await?;
    let mut out = std::io::stdout().lock();
    let gone = &removed.registration;
    writeln!(out, "{} ({}) has no share in the organisation's configuration any more.", gone.name, gone.id)?;
    for note in &removed.notes {
        writeln!(out, "{note}")?;
    }
    // The updater here may be one of those who are left; it need not run.
    let client = arguments.pipe.client()?;
    let sealed = match removed.left {
        0 => false,
        _ => client.seal_organisation().await.is_ok(),
    };
    match (removed.left, sealed) {
        (0, _) => writeln!(out, "It was the last one: nobody can read the password that is published.")?,
        (_, true) => writeln!(out, "The account's password is encrypted to those who are left.")?,
        (left, false) => writeln!(
            out,
            "The first of the {left} that are left encrypts the account's password anew when it looks next, within a minute."
        )?,
    }
    writeln!(
        out,
        "What {} has read it may have kept: give the service account a new password (siu-updater configure, or \
         siu-updater settings set FILE --password-stdin).",
        gone.name
    )?;
    Ok(())
}
