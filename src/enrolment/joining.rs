//! An updater gets its share: it is registered in the directory, then it joins.

use secrecy::SecretString;
use uuid::Uuid;

use super::Administrator;
use crate::organisation::administration::{AdministrationError, Newcomer, Registered};
use crate::pipe::client::{Client, PipeError};
use crate::pipe::types::{Join, JoinSignIn, OrganisationReport, SecretState};
use crate::settings::DirectorySettings;

/// What the administrator chose.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// What the updater signs in to the directory as, by any of the account's names; none: as before, else its computer's
    /// account.
    pub account: Option<String>,
    /// With a password, the updater signs in as that account wherever it runs; without, as what its service runs as.
    pub password: Option<SecretString>,
}

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The registration is being written.
    Directory,
    /// The updater is being told.
    Updater,
}

/// What it came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joining {
    pub registered: Registered,
    /// As the updater tells it afterwards.
    pub report: OrganisationReport,
    /// Where settings are kept that were the computer's own before; none: none were replaced.
    pub kept: Option<String>,
}

/// Why it did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// What the directory took before that is completed by the next time.
    #[error(transparent)]
    Directory(#[from] AdministrationError),
    /// It is registered all the same.
    #[error("the updater is registered, and can't use that yet: {cause}")]
    Updater { registered: Box<Registered>, cause: PipeError },
}

/// How the updater is to reach the directory: as was named, and what that leaves open as the updater has it already.
#[must_use]
pub fn reach(named: DirectorySettings, known: Option<&DirectorySettings>) -> DirectorySettings {
    let mut settings = named;
    if let Some(known) = known.filter(|known| settings.domain.eq_ignore_ascii_case(&known.domain)) {
        if settings.controllers.is_empty() {
            settings.controllers.clone_from(&known.controllers);
        }
        if settings.extra_roots.is_empty() {
            settings.extra_roots.clone_from(&known.extra_roots);
        }
    }
    settings
}

/// Registers the updater at the other end of the pipe, which `report` is of, and has it join.
pub async fn join(
    administrator: &dyn Administrator,
    client: &Client,
    report: &OrganisationReport,
    directory: DirectorySettings,
    choice: Choice,
    mut progress: impl FnMut(Stage),
) -> Result<Joining, JoinError> {
    let own = &report.own;
    let newcomer = Newcomer {
        id: own.id,
        name: own.name.clone(),
        key: own.key.clone(),
        account: choice.account.or_else(|| own.account.clone()),
    };
    // Where the place was lost, the organisation stays the one that this updater knows.
    let organisation = report.joined.as_ref().map_or_else(Uuid::new_v4, |joined| joined.organisation);
    progress(Stage::Directory);
    let registered = administrator.register(&newcomer, organisation).await?;
    let join = Join {
        organisation: registered.organisation,
        directory,
        place: Some(registered.place.clone()),
        sign_in: choice.password.map_or(JoinSignIn::Service, |password| JoinSignIn::User {
            upn: registered.registration.account.clone(),
            password,
        }),
    };
    progress(Stage::Updater);
    match client.join_organisation(&join).await {
        Ok(now) => {
            let kept = now.kept.clone().filter(|kept| report.kept.as_ref() != Some(kept));
            Ok(Joining { registered, report: now, kept })
        }
        Err(cause) => Err(JoinError::Updater { registered: Box::new(registered), cause }),
    }
}

impl Joining {
    /// What works from now on, a sentence each.
    #[must_use]
    pub fn in_force(&self) -> Vec<String> {
        let Some(joined) = &self.report.joined else { return Vec::new() };
        let mut sentences = vec![match &joined.configuration {
            Some(version) => format!(
                "This updater works with version {} of the organisation's configuration, by {}.",
                version.version, version.changed_by
            ),
            None => "Nothing is published yet: the next change of the settings here becomes the configuration of all \
                     updaters."
                .to_owned(),
        }];
        sentences.extend(self.kept.as_ref().map(|kept| {
            format!(
                "The settings that it had of its own are kept in {kept}, to be imported again; no password is in there."
            )
        }));
        sentences
    }

    /// The account's password is not encrypted to it yet.
    #[must_use]
    pub fn waits_for_the_password(&self) -> bool {
        waits_for_the_password(&self.report)
    }
}

/// The account's password is published, and not encrypted to this updater yet.
#[must_use]
pub fn waits_for_the_password(report: &OrganisationReport) -> bool {
    let updaters = report.joined.iter().flat_map(|joined| &joined.updaters);
    updaters.into_iter().any(|one| one.this && one.secret == SecretState::Waiting)
}
