//! Which objects are still there, each by itself: one of which that can't be found out holds up no other (S4).

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::client::Directory;
use super::domain::Domain;
use super::entry::Entry;
use super::error::DirectoryError;
use super::session::{Base, Search};
use super::{LocationKind, filter, locations};
use crate::settings::EntryKind;

/// What became of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    There {
        kind: EntryKind,
        /// Display name, else the common name.
        name: String,
    },
    /// No domain where it could be has it.
    Gone,
    /// A domain where it could be can't be searched.
    Unknown(DirectoryError),
}

/// GUIDs in one question.
const AT_ONCE: usize = 100;

const ATTRIBUTES: [&str; 5] = ["objectGUID", "objectClass", "displayName", "cn", "sAMAccountName"];

impl Directory {
    /// What became of each of these objects, known by GUID and by the DNS name of the domain that it was in.
    ///
    /// An object can be moved to another domain of its forest and keeps its GUID then; so one of our forest is looked
    /// for in all of it. A domain that is merely trusted matters to its own objects alone.
    pub async fn presence(&self, objects: &[(Uuid, &str)]) -> Vec<Presence> {
        let mut by_domain: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, (_, domain)) in objects.iter().enumerate() {
            by_domain.entry(domain.trim_end_matches('.').to_lowercase()).or_default().push(at);
        }
        let mut presence = vec![Presence::Gone; objects.len()];
        let mut missing: Vec<(usize, String)> = Vec::new();
        for (domain, places) in by_domain {
            let found = in_domain(&self.of(&domain), &ids(objects, &places)).await;
            for at in places {
                presence[at] = match &found {
                    Ok(found) => found.get(&objects[at].0).cloned().unwrap_or(Presence::Gone),
                    Err(error) => Presence::Unknown(error.clone()),
                };
                if presence[at] == Presence::Gone {
                    missing.push((at, domain.clone()));
                }
            }
        }
        if !missing.is_empty() {
            self.look_in_the_forest(objects, missing, &mut presence).await;
        }
        presence
    }

    /// Looks for what is not where it was.
    async fn look_in_the_forest(
        &self,
        objects: &[(Uuid, &str)],
        mut missing: Vec<(usize, String)>,
        presence: &mut [Presence],
    ) {
        let places = match locations::listed(self).await {
            Ok(places) => places,
            Err(error) => {
                for (at, _) in missing {
                    presence[at] = Presence::Unknown(error.clone());
                }
                return;
            }
        };
        let forest: Vec<_> =
            places.into_iter().map(|place| place.location).filter(|at| at.kind != LocationKind::Trusted).collect();
        missing.retain(|(_, was)| forest.iter().any(|place| place.domain == *was));
        for place in forest {
            let here: Vec<usize> = missing.iter().filter(|(_, was)| *was != place.domain).map(|(at, _)| *at).collect();
            if here.is_empty() {
                continue;
            }
            let found = in_domain(&self.of(&place.domain), &ids(objects, &here)).await;
            for at in here {
                let id = objects[at].0;
                match (&found, &presence[at]) {
                    (_, Presence::There { .. }) => {}
                    (Ok(found), _) => {
                        if let Some(there) = found.get(&id) {
                            presence[at] = there.clone();
                        }
                    }
                    (Err(error), _) => {
                        let (id, domain, why) = (id.to_string(), place.domain.clone(), error.to_string());
                        presence[at] = Presence::Unknown(DirectoryError::UnknownWhere { id, domain, why });
                    }
                }
            }
        }
    }
}

fn ids(objects: &[(Uuid, &str)], places: &[usize]) -> Vec<Uuid> {
    places.iter().map(|at| objects[*at].0).collect()
}

async fn in_domain(domain: &Arc<Domain>, ids: &[Uuid]) -> Result<BTreeMap<Uuid, Presence>, DirectoryError> {
    let mut found = BTreeMap::new();
    for ids in ids.chunks(AT_ONCE) {
        let filter = filter::ids(ids);
        for entry in domain.all(&Search::subtree(Base::Domain, &filter, &ATTRIBUTES)).await? {
            found.extend(entry.guid().map(|id| (id, there(&entry))));
        }
    }
    Ok(found)
}

fn there(entry: &Entry) -> Presence {
    let kind = if entry.is("group") { EntryKind::Group } else { EntryKind::User };
    let name = ["displayName", "cn", "sAMAccountName"].iter().find_map(|name| entry.text(name));
    Presence::There { kind, name: name.unwrap_or_default() }
}
