//! The members as Active Directory tells them.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::membership::{Answer, Membership};
use crate::directory::{Directory, DirectoryError, DirectoryObject, DirectorySearch as _, Member, SearchError, SignIn};
use crate::settings::{EntryKind, ScopeEntry};
use crate::updater::settings_store::InForce;

/// The way to the directory that the settings name, with the service account.
///
/// # Errors
/// When there is none, in words.
pub fn of_the_directory(in_force: &InForce) -> Result<Arc<dyn Membership>, String> {
    let settings = &in_force.settings;
    let Some(directory) = &settings.directory else {
        return Err("the settings name no directory; run the configuration, or set directory.domain".to_owned());
    };
    let Some(account) = &settings.account else {
        return Err("no account is configured to sign in to the directory with".to_owned());
    };
    let Some(password) = in_force.password.clone() else {
        return Err(format!("no password is stored for {}; enter it again", account.user));
    };
    let sign_in = SignIn::Password { upn: account.user.clone(), password };
    let directory = Directory::new(directory, sign_in).map_err(|error| in_words(&error))?;
    Ok(Arc::new(directory))
}

impl Membership for Directory {
    fn look_up<'a>(&'a self, entries: &'a [ScopeEntry]) -> BoxFuture<'a, Result<Vec<Answer>, String>> {
        look_up(self, entries).map(Ok).boxed()
    }
}

/// Domain by domain, because each may have its own trouble.
async fn look_up(directory: &Directory, entries: &[ScopeEntry]) -> Vec<Answer> {
    let mut by_domain: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, entry) in entries.iter().enumerate() {
        by_domain.entry(entry.domain.to_lowercase()).or_default().push(at);
    }
    let mut answers = vec![Answer::Gone; entries.len()];
    for places in by_domain.into_values() {
        let ids: Vec<Uuid> = places.iter().map(|at| entries[*at].id).collect();
        match of_one_domain(directory, &ids).await {
            Ok(some) => {
                for (at, answer) in places.into_iter().zip(some) {
                    answers[at] = answer;
                }
            }
            Err(why) => {
                for at in places {
                    answers[at] = Answer::Failed(why.clone());
                }
            }
        }
    }
    answers
}

async fn of_one_domain(directory: &Directory, ids: &[Uuid]) -> Result<Vec<Answer>, String> {
    // First who they are: an object that is not there is asked for nothing further.
    let found = directory.lookup(ids.to_vec()).await.map_err(|error| search_in_words(&error))?;
    let of = |kind| -> Vec<Uuid> {
        found.iter().flatten().filter(|object| object.kind == kind).map(|object| object.id).collect()
    };
    let (users, groups) = (of(EntryKind::User), of(EntryKind::Group));
    let addresses = directory.addresses(&users).await.map_err(|error| in_words(&error))?;
    let members = directory.members(&groups).await.map_err(|error| in_words(&error))?;
    let addresses = addresses.into_iter().map(|user| user.map(|user| vec![user]));
    let mut known: BTreeMap<Uuid, Option<Vec<Member>>> =
        users.into_iter().zip(addresses).chain(groups.into_iter().zip(members)).collect();
    let answer = |object: Option<DirectoryObject>| {
        let object = object?;
        // None here: it went between the two questions.
        let members = known.remove(&object.id).flatten()?;
        let count = members.len() as u64;
        let addresses = members.into_iter().flat_map(|member| member.addresses).collect();
        Some(Answer::Found { name: object.name, members: count, addresses })
    };
    let mut answer = answer;
    Ok(found.into_iter().map(|object| answer(object).unwrap_or(Answer::Gone)).collect())
}

fn in_words(error: &DirectoryError) -> String {
    with_advice(&error.to_string(), &error.advice())
}

fn search_in_words(error: &SearchError) -> String {
    with_advice(&error.what, &error.advice)
}

/// Without the full stops, because it becomes a part of a sentence.
fn with_advice(what: &str, advice: &str) -> String {
    let (what, advice) = (what.trim_end_matches('.'), advice.trim_end_matches('.'));
    if advice.is_empty() { what.to_owned() } else { format!("{what} ({advice})") }
}
