//! `siu-updater register` and `unregister`: who has a share in the organisation's configuration (P2).

use std::io::Write as _;

use clap::Args;
use secrecy::SecretString;

use super::directory_place::DirectoryPlace;
use super::failure::Failure;
use super::organisation::OrganisationPlace;
use super::password;
use super::place::Pipe;
use crate::enrolment::{self, Choice, JoinError, RemoveError};
use crate::organisation::administration::Registered;
use crate::pipe::client::Client;
use crate::pipe::types::{Joined, Leave, OrganisationReport};
use crate::settings::DirectorySettings;

/// Give this updater a share in the organisation's configuration
///
/// Registers the updater that runs here in Active Directory and tells it to take the configuration from there from now on.
/// What is needed there is made if it is missing. Takes a member of Domain Admins (--user, else whoever is logged on);
/// their password is used for this and kept nowhere. Where a configuration is published already, it takes the place of
/// the settings that this computer had, of which a copy is kept. Registered again, an updater gets the same once more.
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
/// has, by itself; one that runs here leaves the organisation at once. What it knows it may have kept: give the service account a new password afterwards.
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
    let choice = Choice { account: arguments.account.clone(), password: account_password(&arguments)? };
    let client = arguments.pipe.client()?;
    let report = client.organisation().await?;
    let settings = settings(&arguments.place.directory, &client, &report).await?;
    // Registered again, it stays where it is.
    let same_domain = |joined: &&Joined| joined.directory.domain.eq_ignore_ascii_case(&settings.domain);
    let known = report.joined.as_ref().filter(same_domain).and_then(|joined| joined.container.clone());
    let administration = arguments.place.administration_at(&settings, sign_in, known.as_deref())?;
    let joining = enrolment::join(&administration, &client, &report, settings, choice, |_| ()).await?;
    let mut out = std::io::stdout().lock();
    let Registered { done, notes, .. } = &joining.registered;
    for sentence in done.iter().chain(notes).chain(&joining.in_force()) {
        writeln!(out, "{sentence}")?;
    }
    if joining.waits_for_the_password() {
        writeln!(
            out,
            "The account's password comes as soon as another updater has looked, within a minute; or give it here: \
             siu-updater settings set FILE --password-stdin."
        )?;
    }
    if let Some(problem) = joining.report.joined.and_then(|joined| joined.problem) {
        writeln!(out, "{problem}")?;
    }
    Ok(())
}

impl From<JoinError> for Failure {
    fn from(error: JoinError) -> Self {
        match error {
            JoinError::Directory(error) => error.into(),
            JoinError::Updater { registered, cause } => {
                let failure = Failure::from(cause);
                let done = registered.done.join(" ");
                let message = format!(
                    "the updater is registered, and can't use that yet: {failure}. Run siu-updater register again when that \
                     is mended. {done}"
                );
                Failure { message: message.trim_end().to_owned(), ..failure }
            }
        }
    }
}

impl From<RemoveError> for Failure {
    fn from(error: RemoveError) -> Self {
        match error {
            RemoveError::Directory(error) => error.into(),
            RemoveError::Updater { removed, cause } => {
                let failure = Failure::from(cause);
                let message = format!(
                    "{} is not registered any more, and could not be told to leave: {failure}. Tell it by siu-updater \
                     organisation leave",
                    removed.registration.name
                );
                Failure { message, ..failure }
            }
        }
    }
}

/// With a password, the updater signs in as that account wherever it runs.
fn account_password(arguments: &Register) -> Result<Option<SecretString>, Failure> {
    match &arguments.account {
        None => Ok(None),
        Some(_) if arguments.account_password_stdin => Ok(Some(password::line()?)),
        Some(_) => password::variable(PASSWORD),
    }
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
    Ok(enrolment::reach(named.settings(None)?, Some(&known)))
}

pub async fn unregister(arguments: Unregister) -> Result<(), Failure> {
    let client = arguments.pipe.client()?;
    let administration = arguments.place.administration()?;
    let removal = enrolment::remove(&administration, &client, &arguments.updater, &Leave::default()).await?;
    let mut out = std::io::stdout().lock();
    for sentence in removal.told() {
        writeln!(out, "{sentence}")?;
    }
    writeln!(
        out,
        "What {} has read it may have kept: give the service account a new password (siu-updater configure, or \
         siu-updater settings set FILE --password-stdin).",
        removal.removed.registration.name
    )?;
    Ok(())
}
