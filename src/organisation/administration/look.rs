//! What is there, for an administrator.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Administration, AdministrationError};
use crate::directory::{Ace, Rights, Sid};
use crate::organisation::in_directory::{Part, Written};
use crate::organisation::{PublishedError, Registration, Sighting};

/// All that is published, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Overview {
    /// Where it is, for people.
    pub place: String,
    /// Who looked.
    pub who: String,
    /// Whether that is a member of Domain Admins, as registering and removing take.
    pub domain_admin: bool,
    pub organisation: Option<Uuid>,
    /// None: nothing is published yet, or what is there can't be read.
    pub document: Option<PublishedDocument>,
    pub updaters: Vec<(Registration, Option<Sighting>)>,
    /// In sentences.
    pub problems: Vec<String>,
}

/// What a document says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedDocument {
    pub version: u64,
    pub changed_by: String,
    pub changed_on: String,
    pub changed_at: Timestamp,
}

impl Administration {
    /// Changes nothing.
    pub async fn look(&self) -> Result<Overview, AdministrationError> {
        const DOING: &str = "see the organisation's configuration";
        let (who, domain_admin) = self.directory.is_domain_admin().await?;
        let contents = self.contents(DOING).await?;
        let Some(found) = contents.found() else {
            return Err(match contents.missing(&who, &self.place) {
                PublishedError::Directory(error) => self.refused(DOING, error),
                _ => AdministrationError::NothingThere { place: self.place.configuration() },
            });
        };
        let mut problems = found.problems;
        let (enrolled, _) = contents.enrolled();
        let grantees = self.grantees(&enrolled).await?;
        for (part, written) in &contents.parts {
            problems.extend(self.wrong_rights(&grantees.rights(*part), written).await?);
        }
        for part in [Part::Updaters, Part::Sightings] {
            if !contents.parts.contains_key(&part) {
                problems.push(format!("{part:?} is missing in {}.", self.place));
            }
        }
        let configuration = contents.parts.get(&Part::Configuration);
        let text = configuration.and_then(Written::text);
        let document = text.as_deref().map(serde_json::from_str::<PublishedDocument>).transpose();
        let document = document.unwrap_or_else(|error| {
            problems.push(format!("The configuration that is published can't be read: {error}."));
            None
        });
        let mut sightings = found.sightings;
        let mut updaters: Vec<_> = found
            .updaters
            .into_iter()
            .map(|one| (sightings.remove(&one.id), one))
            .map(|(seen, one)| (one, seen))
            .collect();
        updaters.sort_by(|(one, _), (other, _)| (&one.name, one.id).cmp(&(&other.name, other.id)));
        let organisation = configuration.and_then(Written::organisation);
        Ok(Overview { place: self.place.to_string(), who, domain_admin, organisation, document, updaters, problems })
    }

    async fn wrong_rights(&self, wanted: &Rights, written: &Written) -> Result<Option<String>, AdministrationError> {
        const REPAIR: &str = "siu-updater organisation repair puts that right";
        let dn = &written.dn;
        let Some(found) = &written.rights else {
            return Ok(Some(format!("Everybody may do everything with {dn}; {REPAIR}.")));
        };
        if wanted.same(found) {
            return Ok(None);
        }
        let beside = |one: &Rights, other: &Rights| -> Vec<Sid> {
            let more = |entry: &&Ace| !other.entries.contains(entry);
            let mut accounts: Vec<Sid> = one.entries.iter().filter(more).filter_map(Ace::account).collect();
            accounts.sort_unstable_by(|one, other| one.bytes().cmp(other.bytes()));
            accounts.dedup();
            accounts
        };
        let mut wrong = Vec::new();
        if wanted.protected && !found.protected {
            wrong.push("takes rights over from above".to_owned());
        }
        for (accounts, what) in
            [(beside(found, wanted), "gives more rights than it should to"), (beside(wanted, found), "lacks rights of")]
        {
            let mut names = Vec::new();
            for sid in accounts {
                names.push(self.directory.name_of_sid(&sid).await?);
            }
            if !names.is_empty() {
                wrong.push(format!("{what} {}", names.join(", ")));
            }
        }
        if wrong.is_empty() {
            wrong.push("has other rights than it should".to_owned());
        }
        Ok(Some(format!("{dn} {}; {REPAIR}.", wrong.join(", and "))))
    }
}
