//! Everything that helps somebody else to see what is wrong, in one document without a secret (X6).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Listed, OrganisationReport, ScopeReport, Status};
use crate::settings::Settings;

/// How many failed messages it names.
pub const FAILED: u32 = 200;

/// One document to be sent on. It has no password, no content and no subject of a message; it does have names of
/// servers, accounts and senders.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Diagnostics {
    pub made_at: Timestamp,
    pub status: Status,
    pub settings: Settings,
    /// Whether a password is stored for the account.
    pub password_stored: bool,
    /// Who shares the settings; none: who this updater is can't be told, and the notices say why.
    #[serde(default)]
    pub organisation: Option<OrganisationReport>,
    pub scope: ScopeReport,
    /// The latest that failed, without their subjects; [`FAILED`] at the most.
    pub failed: Vec<Listed>,
    /// Version of Exchange, where it was asked since the start.
    pub exchange: Option<String>,
    pub machine: Machine,
}

/// What the updater runs on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// `linux`, `windows`, `macos`
    pub system: String,
    /// As the system names itself; empty when it doesn't.
    pub version: String,
    /// `x86_64`, `aarch64`
    pub architecture: String,
    pub processors: usize,
}
