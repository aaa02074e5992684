//! An updater loses its share: its registration goes, then whoever is left encrypts the password anew, or the updater here
//! leaves.

use super::Administrator;
use crate::organisation::administration::{AdministrationError, Removed};
use crate::pipe::client::{Client, PipeError};
use crate::pipe::types::{Leave, OrganisationReport, SecretState};

/// What it came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    pub removed: Removed,
    /// It was the updater at the other end of the pipe, which has left.
    pub own: bool,
    pub sealing: Sealing,
}

/// What becomes of the account's password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sealing {
    /// Nobody is left who could read it.
    Nobody,
    /// It is encrypted to those who are left.
    Done,
    /// One of those who are left does it when it looks next.
    Soon,
}

/// Why it did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    #[error(transparent)]
    Directory(#[from] AdministrationError),
    /// Its registration is gone all the same.
    #[error("the updater is not registered any more, and could not be told to leave: {cause}")]
    Updater { removed: Box<Removed>, cause: PipeError },
}

/// Removes the updater with this identifier or name. When it is the one at the other end of the pipe, it leaves as `leave`
/// says. That one need not run otherwise.
pub async fn remove(
    administrator: &dyn Administrator,
    client: &Client,
    updater: &str,
    leave: &Leave,
) -> Result<Removal, RemoveError> {
    let here = client.organisation().await.ok();
    let removed = administrator.remove(updater).await?;
    let own = here.is_some_and(|report| report.joined.is_some() && report.own.id == removed.registration.id);
    if own && let Err(cause) = client.leave_organisation(leave).await {
        return Err(RemoveError::Updater { removed: Box::new(removed), cause });
    }
    let sealing = match removed.left {
        0 => Sealing::Nobody,
        _ if own => Sealing::Soon,
        // The updater here may be one of those who are left; it need not run.
        _ => match client.seal_organisation().await {
            Ok(report) if is_sealed(&report, &removed) => Sealing::Done,
            Ok(_) | Err(_) => Sealing::Soon,
        },
    };
    Ok(Removal { removed, own, sealing })
}

/// The updater here takes part, and it has encrypted the password to all others.
fn is_sealed(report: &OrganisationReport, removed: &Removed) -> bool {
    report.joined.as_ref().is_some_and(|joined| {
        let can_read = |one: &crate::pipe::types::UpdaterReport| {
            one.secret == SecretState::Sealed && one.id != removed.registration.id
        };
        joined.registered && joined.problem.is_none() && joined.updaters.iter().all(can_read)
    })
}

impl Removal {
    /// What came of it, a sentence each.
    #[must_use]
    pub fn told(&self) -> Vec<String> {
        let gone = &self.removed.registration;
        let mut told =
            vec![format!("{} ({}) has no share in the organisation's configuration any more.", gone.name, gone.id)];
        told.extend(self.removed.notes.iter().cloned());
        if self.own {
            told.push("It has left: the settings in force stay so, and are this computer's own.".to_owned());
        }
        told.push(match (self.sealing, self.removed.left) {
            (Sealing::Nobody, _) => "It was the last one: nobody can read the password that is published.".to_owned(),
            (Sealing::Done, _) => "The account's password is encrypted to those who are left.".to_owned(),
            (Sealing::Soon, 1) => {
                "The one that is left encrypts the account's password anew when it looks next, within a minute.".to_owned()
            }
            (Sealing::Soon, left) => format!(
                "The first of the {left} that are left encrypts the account's password anew when it looks next, within a \
                 minute."
            ),
        });
        told
    }
}
