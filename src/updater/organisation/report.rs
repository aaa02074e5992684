//! What is told of the organisation.

use super::Organisation;
use super::error::ChangeError;
use super::state::State;
use crate::organisation::registration::{Adopted, JoinedTo};
use crate::pipe::types::{
    ConfigurationSummary, Joined, OrganisationReport, OwnUpdater, SecretState, Source, UpdaterReport,
};

impl Organisation {
    /// All of it. An updater that is asked for the first time who it is makes its key.
    pub fn report(&self) -> Result<OrganisationReport, ChangeError> {
        let key = self.key()?;
        let state = self.state();
        let membership = state.membership()?;
        let own = OwnUpdater {
            id: membership.id,
            name: self.0.name.clone(),
            key: key.public(),
            account: membership.joined.as_ref().and_then(|joined| joined.user.clone()),
        };
        let joined = membership.joined.as_ref().map(|joined| Joined {
            organisation: joined.organisation,
            directory: joined.directory.clone(),
            place: place(joined),
            container: joined.place.clone(),
            configuration: joined.adopted.as_ref().map(Adopted::published),
            highest_seen: joined.highest,
            last_read: state.last_read,
            last_look: state.last_look,
            next_look: state.next_look,
            problem: state.words(),
            registered: state.registered,
            updaters: updaters(&state, membership.id),
        });
        Ok(OrganisationReport {
            source: source(joined.as_ref().and_then(|joined| joined.configuration.as_ref())),
            own,
            joined,
            kept: self.0.place.kept_settings().map(|path| path.display().to_string()),
        })
    }

    /// The same in a few words.
    #[must_use]
    pub fn summary(&self) -> ConfigurationSummary {
        let state = self.state();
        let Some(joined) = state.joined() else {
            return ConfigurationSummary { problem: state.words(), ..ConfigurationSummary::default() };
        };
        let adopted = joined.adopted.as_ref();
        ConfigurationSummary {
            source: source(adopted),
            place: Some(place(joined)),
            version: adopted.map(|adopted| adopted.version),
            changed_by: adopted.map(|adopted| adopted.changed_by.clone()),
            changed_at: adopted.map(|adopted| adopted.changed_at),
            problem: state.words(),
        }
    }

    /// What an administrator should see to, in sentences.
    #[must_use]
    pub fn notices(&self) -> Vec<String> {
        self.state().notices(self.now())
    }
}

fn source<T>(published: Option<&T>) -> Source {
    if published.is_some() { Source::Directory } else { Source::File }
}

/// For people.
fn place(joined: &JoinedTo) -> String {
    let domain = &joined.directory.domain;
    joined.place.as_ref().map_or_else(|| domain.clone(), |place| format!("{place} in {domain}"))
}

fn updaters(state: &State, own: uuid::Uuid) -> Vec<UpdaterReport> {
    let seen = &state.seen;
    let mut updaters: Vec<_> = seen
        .updaters
        .iter()
        .map(|updater| {
            let sighting = seen.sightings.get(&updater.id);
            let secret = match &seen.recipients {
                None => SecretState::None,
                Some(recipients) if recipients.get(&updater.id) == Some(&updater.key) => SecretState::Sealed,
                Some(_) => SecretState::Waiting,
            };
            UpdaterReport {
                id: updater.id,
                name: updater.name.clone(),
                this: updater.id == own,
                account: updater.account.clone(),
                registered_by: updater.registered_by.clone(),
                registered_at: updater.registered_at,
                last_seen: sighting.map(|sighting| sighting.at),
                program: sighting.map(|sighting| sighting.program.clone()),
                configuration: sighting.and_then(|sighting| sighting.configuration),
                backlog: sighting.map(|sighting| sighting.backlog),
                problem: sighting.and_then(|sighting| sighting.problem.clone()),
                secret,
            }
        })
        .collect();
    updaters.sort_by_cached_key(|updater| (updater.name.to_lowercase(), updater.id));
    updaters
}
