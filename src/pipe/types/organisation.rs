//! One configuration for the whole organisation: where this updater has its own from, and who shares it.

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

use crate::settings::DirectorySettings;

/// Where the settings in force come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The file in the data folder: this computer's own.
    #[default]
    File,
    /// The organisation's configuration in Active Directory. The file holds the last good one.
    Directory,
}

/// The same in a few words, as a part of the status.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigurationSummary {
    pub source: Source,
    /// Where it is published.
    pub place: Option<String>,
    /// Version in force.
    pub version: Option<u64>,
    pub changed_by: Option<String>,
    pub changed_at: Option<Timestamp>,
    /// What is wrong with it, in a sentence. What was in force before stays so.
    pub problem: Option<String>,
}

/// What this updater is registered as and knows of the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganisationReport {
    pub source: Source,
    pub own: OwnUpdater,
    /// What it has joined; none: an updater by itself.
    pub joined: Option<Joined>,
    /// The newest copy of settings that were this computer's own until an organisation's took their place: a file of the
    /// updater's computer, without a password.
    #[serde(default)]
    pub kept: Option<String>,
}

/// This updater, as it is to be registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnUpdater {
    /// Stays the same for as long as the data folder does.
    pub id: Uuid,
    /// Name of the computer.
    pub name: String,
    /// Public key (`age1…`) that secrets are encrypted to.
    pub key: String,
    /// What it signs in to the directory as; none: the service's own account, which is the computer's for most services.
    pub account: Option<String>,
}

/// An organisation that was joined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    pub organisation: Uuid,
    pub directory: DirectorySettings,
    /// Where the configuration is published, for people.
    pub place: String,
    /// Distinguished name of the container; none: the usual place of the domain.
    #[serde(default)]
    pub container: Option<String>,
    /// The published configuration that is in force here; none: nothing of what is published ever was.
    pub configuration: Option<PublishedVersion>,
    /// The highest version seen; above the one in force when that is an older one which an administrator has not approved.
    pub highest_seen: u64,
    /// When all that is published was read last.
    pub last_read: Option<Timestamp>,
    /// When it was looked at last, with success.
    pub last_look: Option<Timestamp>,
    /// When it is looked at next.
    pub next_look: Option<Timestamp>,
    /// What is wrong, in a sentence.
    pub problem: Option<String>,
    /// Its own registration is there: it takes part.
    pub registered: bool,
    /// All that are registered, by name.
    pub updaters: Vec<UpdaterReport>,
}

/// Which version of the configuration it is, and whose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedVersion {
    pub version: u64,
    pub changed_by: String,
    /// Name of the computer.
    pub changed_on: String,
    pub changed_at: Timestamp,
}

/// A registered updater.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdaterReport {
    pub id: Uuid,
    pub name: String,
    /// It is the one that tells this.
    pub this: bool,
    pub account: String,
    pub registered_by: String,
    pub registered_at: Timestamp,
    /// When it was heard of last; none: never.
    pub last_seen: Option<Timestamp>,
    /// Version of its program.
    pub program: Option<String>,
    /// Version of the configuration in force there.
    pub configuration: Option<u64>,
    /// Messages that wait there.
    pub backlog: Option<u64>,
    /// What it says is wrong with its configuration.
    pub problem: Option<String>,
    pub secret: SecretState,
}

/// Whether an updater can read the account's password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretState {
    /// There is none to be read.
    None,
    /// It is encrypted to this updater.
    Sealed,
    /// It is not encrypted to this updater yet.
    Waiting,
}

/// Joins an organisation: to be sent after an administrator has registered the updater.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// Identifier of the organisation that the registration belongs to.
    pub organisation: Uuid,
    /// How the directory is reached, independently of the settings, which come from there.
    pub directory: DirectorySettings,
    /// Distinguished name of the container; none: the usual place of the domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    #[serde(default)]
    pub sign_in: JoinSignIn,
}

/// How an updater signs in to the directory for the organisation's configuration.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(tag = "as", rename_all = "kebab-case", deny_unknown_fields)]
pub enum JoinSignIn {
    /// As the account that it runs as, by Kerberos.
    #[default]
    Service,
    User {
        /// User principal name.
        upn: String,
        #[serde(serialize_with = "expose")]
        password: SecretString,
    },
}

// On its way into the updater, over the pipe.
fn expose<S: Serializer>(password: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(password.expose_secret())
}

/// How an organisation is left; the query of the request. The settings in force stay in force, as this computer's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Leave {
    /// Forgets the account's password, too.
    pub forget_secret: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P2
    #[test]
    fn the_password_of_a_join_goes_over_the_pipe_and_is_never_printed() {
        let join: Join = serde_json::from_str(
            r#"{"organisation": "6f3c2b8e-0d5e-4a53-8a53-2f9f0c3f7d11", "directory": {"domain": "corp.example"},
                "sign_in": {"as": "user", "upn": "siu@corp.example", "password": "Zebra-7"}}"#,
        )
        .unwrap();
        assert!(serde_json::to_string(&join).unwrap().contains("Zebra-7"));
        assert!(!format!("{join:?}").contains("Zebra-7"));
    }

    #[test]
    fn without_a_word_the_service_signs_in_as_itself() {
        let join: Join = serde_json::from_str(
            r#"{"organisation": "6f3c2b8e-0d5e-4a53-8a53-2f9f0c3f7d11", "directory": {"domain": "corp.example"}}"#,
        )
        .unwrap();
        assert!(matches!(join.sign_in, JoinSignIn::Service));
    }
}
