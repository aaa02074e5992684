//! The members as Active Directory tells them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::membership::{Answer, Membership, Outage};
use crate::directory::{Directory, DirectoryError, Member, Presence};
use crate::settings::{EntryKind, ScopeEntry};
use crate::updater::settings_store::InForce;

/// The way to the directory that the settings name, with the service account.
///
/// # Errors
/// When there is none, in words.
pub fn of_the_directory(in_force: &InForce) -> Result<Arc<dyn Membership>, String> {
    let settings = &in_force.settings;
    let Some(directory) = &settings.directory else {
        return Err("the settings name no directory (run the configuration, or set directory.domain)".to_owned());
    };
    let directory = Directory::new(directory, in_force.directory_sign_in()?).map_err(|error| in_words(&error))?;
    Ok(Arc::new(directory))
}

impl Membership for Directory {
    fn look_up<'a>(&'a self, entries: &'a [ScopeEntry]) -> BoxFuture<'a, Result<Vec<Answer>, Outage>> {
        look_up(self, entries).boxed()
    }
}

/// First who is there at all; then who belongs to them, domain by domain, because each may have its own trouble.
async fn look_up(directory: &Directory, entries: &[ScopeEntry]) -> Result<Vec<Answer>, Outage> {
    let objects: Vec<(Uuid, &str)> = entries.iter().map(|entry| (entry.id, entry.domain.as_str())).collect();
    let presence = directory.presence(&objects).await;
    if let Some(outage) = outage(directory, entries, &presence) {
        return Err(outage);
    }
    let mut there: BTreeMap<String, Vec<(Uuid, EntryKind)>> = BTreeMap::new();
    for (entry, presence) in entries.iter().zip(&presence) {
        if let Presence::There { kind, .. } = presence {
            there.entry(entry.domain.to_lowercase()).or_default().push((entry.id, *kind));
        }
    }
    let mut members: HashMap<Uuid, Result<Option<Vec<Member>>, String>> = HashMap::new();
    for objects in there.into_values() {
        members.extend(members_of(directory, &objects).await);
    }
    let answer = |(entry, presence): (&ScopeEntry, Presence)| match presence {
        Presence::Gone => Answer::Gone,
        Presence::Unknown(error) => Answer::Failed(in_words(&error)),
        Presence::There { name, .. } => match members.get(&entry.id) {
            Some(Ok(Some(members))) => Answer::Found {
                name,
                members: members.len() as u64,
                addresses: members.iter().flat_map(|member| member.addresses.iter().cloned()).collect(),
            },
            Some(Err(why)) => Answer::Failed(why.clone()),
            // It went between the two questions.
            Some(Ok(None)) | None => Answer::Gone,
        },
    };
    Ok(entries.iter().zip(presence).map(answer).collect())
}

/// Nothing at all could be found out, and not for the sake of some other domain: to ask for more would take long and
/// lead nowhere.
fn outage(directory: &Directory, entries: &[ScopeEntry], presence: &[Presence]) -> Option<Outage> {
    let errors: Option<Vec<&DirectoryError>> = presence
        .iter()
        .map(|presence| match presence {
            Presence::Unknown(error) => Some(error),
            Presence::There { .. } | Presence::Gone => None,
        })
        .collect();
    let errors = errors?;
    let own = |entry: &ScopeEntry| entry.domain.eq_ignore_ascii_case(directory.domain());
    let (_, error) = entries.iter().zip(&errors).find(|(entry, _)| own(entry))?;
    Some(Outage { why: in_words(error), refused: is_refusal(error) })
}

/// Of users and groups of one domain.
async fn members_of(
    directory: &Directory,
    objects: &[(Uuid, EntryKind)],
) -> Vec<(Uuid, Result<Option<Vec<Member>>, String>)> {
    let of = |kind| -> Vec<Uuid> { objects.iter().filter(|object| object.1 == kind).map(|object| object.0).collect() };
    let (users, groups) = (of(EntryKind::User), of(EntryKind::Group));
    let mut members = Vec::with_capacity(objects.len());
    match directory.addresses(&users).await {
        Ok(found) => {
            let found = found.into_iter().map(|user| Ok(user.map(|user| vec![user])));
            members.extend(users.into_iter().zip(found));
        }
        Err(error) => members.extend(users.into_iter().map(|id| (id, Err(in_words(&error))))),
    }
    match directory.members(&groups).await {
        Ok(found) => members.extend(groups.into_iter().zip(found.into_iter().map(Ok))),
        // It was one of them, and the others are not to suffer from it.
        Err(_) if groups.len() > 1 && groups.len() <= ONE_BY_ONE => {
            for id in groups {
                let found = directory.members(&[id]).await.map_err(|error| in_words(&error));
                members.push((id, found.map(|mut found| found.pop().flatten())));
            }
        }
        Err(error) => members.extend(groups.into_iter().map(|id| (id, Err(in_words(&error))))),
    }
    members
}

/// More groups are not asked for again one by one when they could not be together.
const ONE_BY_ONE: usize = 50;

/// The account itself is what is not accepted.
fn is_refusal(error: &DirectoryError) -> bool {
    match error {
        DirectoryError::SignIn { .. } => true,
        DirectoryError::NoneUsable { errors, .. } => errors.iter().any(is_refusal),
        _ => false,
    }
}

/// Without the full stops, because it becomes a part of a sentence.
fn in_words(error: &DirectoryError) -> String {
    let (what, advice) = (error.to_string(), error.advice());
    let (what, advice) = (what.trim_end_matches('.'), advice.trim_end_matches('.'));
    if advice.is_empty() { what.to_owned() } else { format!("{what} ({advice})") }
}
