//! One configuration for the whole organisation (P1–P3): what is published, where, and who may read it.
//!
//! ```text
//! administrator ─▶ updater ─▶ Document ─▶ Published ─▶ CN=Configuration ─▶ every other updater
//!                              (settings, sealed secret)       │
//!                                                CN=Updaters: who the secret is sealed to
//! ```

pub mod administration;
pub mod document;
mod grants;
pub mod in_directory;
#[cfg(test)]
pub(crate) mod in_memory;
pub mod key;
pub mod registration;

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Why what is published could not be read or changed. Nothing was changed then, unless it says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum PublishedError {
    /// The directory gave no answer, or refused.
    #[error(transparent)]
    Directory(#[from] crate::directory::DirectoryError),
    #[error(
        "the organisation's configuration is not where it was ({place}): an administrator creates it again with siu-updater register"
    )]
    NoContainer { place: String },
    #[error("somebody else changed the organisation's configuration meanwhile")]
    Conflict,
    /// The directory stopped answering between the question and the answer.
    #[error(
        "whether the configuration was published is not known: the directory stopped answering ({0}); it is seen as \
         soon as it answers again"
    )]
    Unknown(crate::directory::DirectoryError),
    #[error("the configuration is too large to be published: {bytes} bytes, and {most} are the most")]
    TooLarge { bytes: usize, most: usize },
}

/// Tells whether anything published has changed, without saying what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark(pub String);

/// All that is published, as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub mark: Mark,
    /// The document's text; none: nothing is published yet.
    pub configuration: Option<String>,
    /// Each registration; what can't be understood is left out and named in `problems`.
    pub updaters: Vec<Registration>,
    pub sightings: BTreeMap<Uuid, Sighting>,
    /// In sentences, for the administrator.
    pub problems: Vec<String>,
}

/// An updater that an administrator has registered. Only administrators can write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    pub format: u32,
    pub id: Uuid,
    /// The computer, as people call it.
    pub name: String,
    /// Its public key, `age1…`.
    pub key: String,
    /// What it signs in to the directory as.
    pub account: String,
    pub registered_by: String,
    pub registered_at: Timestamp,
}

/// What an updater last said about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    pub format: u32,
    pub at: Timestamp,
    /// Version of its program.
    pub program: String,
    /// Version of the configuration in force there.
    pub configuration: Option<u64>,
    /// Messages that wait.
    pub backlog: u64,
    /// What is wrong with its configuration, in a sentence.
    pub problem: Option<String>,
}

/// Where the organisation's configuration is published, as an updater sees it.
pub trait Published: Send + Sync + 'static {
    /// Where that is, for people: `CN=Sent Items Update,CN=Program Data,DC=corp,DC=example in corp.example`.
    fn place(&self) -> String;

    /// Everything; none when nothing has changed since `mark`.
    fn read<'a>(&'a self, mark: Option<&'a Mark>) -> BoxFuture<'a, Result<Option<Found>, PublishedError>>;

    /// Puts `document` in the place of exactly `replacing`, or in an empty place.
    fn publish<'a>(
        &'a self,
        replacing: Option<&'a str>,
        document: &'a str,
        version: u64,
    ) -> BoxFuture<'a, Result<(), PublishedError>>;

    /// Says how this updater is.
    fn sighted<'a>(&'a self, id: Uuid, sighting: &'a Sighting) -> BoxFuture<'a, Result<(), PublishedError>>;
}
