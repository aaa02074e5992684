//! Plain data: everything an administrator can set. No I/O happens here; the updater owns the file
//! ([`crate::updater::settings_store`]) and everybody else edits a copy.

mod address;
mod connection;
mod directory;
mod intake;
mod options;
mod queue;
mod schedule;
mod scope;

use serde::{Deserialize, Serialize};

pub use address::{AddressError, SmtpAddress};
pub use connection::{Account, AuthScheme, AutodiscoverSettings, Connection, Environment, OAuthGrant, OAuthSettings};
pub use directory::DirectorySettings;
pub use intake::{IntakeSettings, PickupSettings, SmtpSettings};
pub use options::Options;
pub use queue::QueueSettings;
pub(crate) use queue::has_password;
pub use schedule::{Limits, Schedule};
pub use scope::{EntryKind, ScopeEntry, ScopeMode, SendersScope};

/// Everything that can be set. A fresh installation has the default: Sent Items Update is off and nothing is
/// connected (T2).
///
/// A field that an older file does not have takes its default; a field that this version does not know is an
/// error, because silently ignoring a misspelt setting would hide that it has no effect.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// *Sent Items Update status* (T3): off pauses the updating, never the intake.
    pub enabled: bool,
    pub environment: Environment,
    /// How to reach Exchange; none until configured.
    pub connection: Option<Connection>,
    /// The service account; its password is kept apart, see [`crate::secret`].
    pub account: Option<Account>,
    /// How to reach the directory; none: groups and users of the scope can't be resolved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<DirectorySettings>,
    pub scope: SendersScope,
    pub options: Options,
    pub intake: IntakeSettings,
    /// The queue that several updaters share (X5), from the next start on; none: an embedded one of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueSettings>,
    pub schedule: Schedule,
    pub limits: Limits,
}

/// Why settings can't be taken over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsProblem {
    #[error("Sent Items Update can't be switched on before a connection and an account are configured")]
    NotConfigured,
    #[error("{field}: {problem}")]
    Field { field: &'static str, problem: String },
}

impl Settings {
    /// Whether there is a server and an account to work with.
    #[must_use]
    pub fn is_configured(&self) -> bool {
        self.connection.is_some() && self.account.is_some()
    }

    /// Whether the updater should be updating now.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.enabled && self.is_configured()
    }

    /// # Errors
    /// The first thing that is wrong, naming the field as it stands in the file.
    pub fn check(&self) -> Result<(), SettingsProblem> {
        if self.enabled && !self.is_configured() {
            return Err(SettingsProblem::NotConfigured);
        }
        if let Some(connection) = &self.connection {
            connection.check()?;
        }
        if let Some(directory) = &self.directory {
            directory.check()?;
        }
        self.scope.check()?;
        self.intake.check()?;
        if let Some(queue) = &self.queue {
            queue.check()?;
        }
        self.schedule.check()?;
        self.limits.check()
    }
}

/// A problem with one field.
fn wrong(field: &'static str, problem: impl Into<String>) -> SettingsProblem {
    SettingsProblem::Field { field, problem: problem.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// T2
    #[test]
    fn a_fresh_installation_is_off_and_not_configured() {
        let settings = Settings::default();
        assert!(!settings.enabled && !settings.is_configured());
        assert_eq!(settings.check(), Ok(()));
    }

    /// T2, T3
    #[test]
    fn it_can_not_be_switched_on_before_it_is_configured() {
        let settings = Settings { enabled: true, ..Settings::default() };
        assert_eq!(settings.check(), Err(SettingsProblem::NotConfigured));
    }

    #[test]
    fn a_misspelt_setting_is_an_error_that_names_it() {
        let error = serde_json::from_str::<Settings>(r#"{"enabeld": true}"#).unwrap_err();
        assert!(error.to_string().contains("enabeld"), "{error}");
    }

    #[test]
    fn an_empty_document_is_the_default() {
        assert_eq!(serde_json::from_str::<Settings>("{}").unwrap(), Settings::default());
    }

    #[test]
    fn settings_survive_the_way_through_json() {
        let settings = Settings {
            connection: Some(Connection::manual("https://mail.nordwind.example/EWS/Exchange.asmx")),
            account: Some(Account { user: "svc@nordwind.example".into() }),
            enabled: true,
            ..Settings::default()
        };
        let text = serde_json::to_string_pretty(&settings).unwrap();
        assert_eq!(serde_json::from_str::<Settings>(&text).unwrap(), settings);
    }
}
