//! The last step: the updater takes the configuration over, as a whole (W6, W13).

use secrecy::SecretString;

use super::{Run, Stop};
use crate::pipe::client::{Client, PipeError, SettingsVersion};
use crate::pipe::types::SettingsChange;
use crate::settings::{Account, Connection, DirectorySettings, Environment, Settings};
use crate::setup::failures;

/// What the wizard sets. Everything else stays as it is.
pub(super) struct Ours {
    pub environment: Environment,
    pub connection: Connection,
    pub upn: String,
    /// None leaves the directory as it is.
    pub directory: Option<DirectorySettings>,
}

impl Ours {
    fn put_into(&self, settings: Settings) -> Settings {
        Settings {
            // What an administrator switched off stays off; at the first configuration it goes on.
            enabled: settings.enabled || !settings.is_configured(),
            environment: self.environment,
            connection: Some(self.connection.clone()),
            account: Some(Account { user: self.upn.clone() }),
            directory: self.directory.clone().or(settings.directory),
            ..settings
        }
    }
}

/// The configuration is in force.
pub(super) struct Saved {
    /// Sent Items Update is on.
    pub on: bool,
    /// Somebody else changed other settings at the same moment.
    with_others: bool,
}

impl Saved {
    pub fn note(&self) -> String {
        let with = if self.with_others {
            ", with what another administrator changed in other settings at the same moment"
        } else {
            ""
        };
        let state = if self.on { "is on" } else { "stays off, as it was before" };
        format!("saved{with}; Sent Items Update {state}")
    }
}

pub(super) async fn save(updater: &Client, ours: &Ours, password: &SecretString, run: &Run<'_>) -> Result<Saved, Stop> {
    let (first, version) = read(updater, run).await?;
    let settings = ours.put_into(first.clone());
    let on = settings.enabled;
    match change(updater, settings, password, &version).await {
        Ok(()) => return Ok(Saved { on, with_others: false }),
        Err(PipeError::Conflict) => {}
        Err(error) => return Err(failures::not_saved(&error).into()),
    }
    // Somebody changed something between our reading and our writing. Another part of the settings is none of our
    // business and stays; the part that we set ourselves is not to be lost without a word (P3).
    let (second, version) = read(updater, run).await?;
    if configured(&second) != configured(&first) {
        return Err(failures::not_saved(&PipeError::Conflict).into());
    }
    let settings = ours.put_into(second);
    let on = settings.enabled;
    match change(updater, settings, password, &version).await {
        Ok(()) => Ok(Saved { on, with_others: true }),
        Err(error) => Err(failures::not_saved(&error).into()),
    }
}

/// What the wizard sets, of those in force.
fn configured(settings: &Settings) -> (Environment, Option<&Connection>, Option<&Account>, Option<&DirectorySettings>) {
    (settings.environment, settings.connection.as_ref(), settings.account.as_ref(), settings.directory.as_ref())
}

async fn read(updater: &Client, run: &Run<'_>) -> Result<(Settings, SettingsVersion), Stop> {
    match run.unless_cancelled(updater.settings()).await? {
        Ok((document, version)) => Ok((document.settings, version)),
        Err(error) => Err(failures::not_saved(&error).into()),
    }
}

/// Once this is on its way nothing takes it back, so it is not cancelled: what the report says is what is in force.
async fn change(
    updater: &Client,
    settings: Settings,
    password: &SecretString,
    version: &SettingsVersion,
) -> Result<(), PipeError> {
    let change = SettingsChange { settings, password: Some(password.clone()) };
    updater.change_settings(&change, version).await.map(|_| ())
}

/// Gives the updater the new password of the account that it works with, if it is this one.
pub(super) async fn renew_password(updater: &Client, upn: &str, password: SecretString) -> Result<(), PipeError> {
    let mut change = SettingsChange { settings: Settings::default(), password: Some(password) };
    let mut again = true;
    loop {
        let (document, version) = updater.settings().await?;
        let account = document.settings.account.as_ref();
        if !account.is_some_and(|account| account.user.eq_ignore_ascii_case(upn)) {
            return Ok(());
        }
        change.settings = document.settings;
        match updater.change_settings(&change, &version).await {
            Ok(_) => return Ok(()),
            // What somebody else changed meanwhile has nothing to do with the password.
            Err(PipeError::Conflict) if again => again = false,
            Err(error) => return Err(error),
        }
    }
}
