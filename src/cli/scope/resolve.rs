//! Which object of the directory is meant by what was typed.

use clap::ValueEnum;
use futures_util::StreamExt as _;
use uuid::Uuid;

use crate::cli::failure::Failure;
use crate::directory::{DirectoryObject, DirectorySearch, Kinds, Query, SearchError};

/// Candidates that are told when a name stands for several.
const TOLD: usize = 10;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Users and groups
    #[default]
    Any,
    /// Users only
    User,
    /// Groups only
    Group,
}

impl From<Kind> for Kinds {
    fn from(kind: Kind) -> Self {
        Self { users: kind != Kind::Group, groups: kind != Kind::User }
    }
}

/// The one that is meant.
pub async fn resolve(
    directory: &dyn DirectorySearch,
    wanted: &str,
    kind: Kind,
    domain: Option<&str>,
) -> Result<DirectoryObject, Failure> {
    if let Ok(id) = wanted.parse::<Uuid>() {
        let found = directory.lookup(vec![id]).await.map_err(failure)?.pop().flatten();
        return found.ok_or_else(|| Failure::new(format!("the directory has no object with the GUID {id}")));
    }
    let query =
        Query { text: wanted.to_owned(), kinds: kind.into(), domain: domain.map(str::to_owned), page_size: 100 };
    let mut pages = directory.search(query);
    let mut found = Vec::new();
    // Further pages of a short name can be many; a first one that is full of others says enough.
    if let Some(page) = pages.next().await {
        found.extend(page.map_err(failure)?);
    }
    choose(wanted, found)
}

fn failure(error: SearchError) -> Failure {
    let SearchError { what, advice } = error;
    let what = what.trim_end_matches('.');
    Failure::new(if advice.is_empty() { what.to_owned() } else { format!("{what}; {advice}") })
}

/// A search finds beginnings of names; who is named wholly is meant before others.
fn choose(wanted: &str, mut found: Vec<DirectoryObject>) -> Result<DirectoryObject, Failure> {
    let folded = wanted.to_lowercase();
    let same = |text: &str| text.to_lowercase() == folded;
    let wholly = |object: &DirectoryObject| {
        same(&object.name)
            || [&object.mail, &object.upn, &object.account_name].into_iter().flatten().any(|name| same(name))
    };
    let exact: Vec<usize> = (0..found.len()).filter(|at| wholly(&found[*at])).collect();
    match (exact.as_slice(), found.len()) {
        ([at], _) => Ok(found.swap_remove(*at)),
        ([], 0) => Err(Failure::new(format!("the directory finds nobody and no group by {wanted:?}"))),
        ([], 1) => Ok(found.swap_remove(0)),
        (several, _) => {
            let candidates: Vec<&DirectoryObject> = if several.is_empty() {
                found.iter().collect()
            } else {
                several.iter().map(|at| &found[*at]).collect()
            };
            let mut told: Vec<String> = candidates.iter().take(TOLD).map(|object| line(object)).collect();
            if candidates.len() > TOLD {
                told.push(format!("and {} more", candidates.len() - TOLD));
            }
            Err(Failure::new(format!("{wanted:?} stands for several; give the GUID of one:\n  {}", told.join("\n  "))))
        }
    }
}

fn line(object: &DirectoryObject) -> String {
    let known_as = object.mail.as_ref().or(object.upn.as_ref()).or(object.account_name.as_ref());
    let known_as = known_as.map_or_else(String::new, |name| format!(", {name}"));
    format!("{}  {}{known_as} ({})", object.id, object.name, object.domain)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use futures_util::future::BoxFuture;
    use futures_util::stream::BoxStream;

    use super::*;
    use crate::directory::{Location, Page};
    use crate::settings::EntryKind;

    /// A directory that finds these, whatever one asks.
    struct Fake(Result<Vec<DirectoryObject>, SearchError>);

    impl DirectorySearch for Fake {
        fn locations(&self) -> BoxFuture<'_, Result<Vec<Location>, SearchError>> {
            std::future::ready(Ok(Vec::new())).boxed()
        }

        fn search(&self, _: Query) -> BoxStream<'_, Result<Page, SearchError>> {
            futures_util::stream::iter([self.0.clone()]).boxed()
        }

        fn lookup(&self, ids: Vec<Uuid>) -> BoxFuture<'_, Result<Vec<Option<DirectoryObject>>, SearchError>> {
            let find = |id, all: &[DirectoryObject]| all.iter().find(|object| object.id == id).cloned();
            let found = self.0.as_ref().map(|all| ids.into_iter().map(|id| find(id, all)).collect());
            std::future::ready(found.map_err(Clone::clone)).boxed()
        }
    }

    fn object(id: u128, name: &str, mail: Option<&str>) -> DirectoryObject {
        DirectoryObject {
            id: Uuid::from_u128(id),
            kind: EntryKind::User,
            name: name.into(),
            domain: "corp.example".into(),
            distinguished_name: format!("CN={name},DC=corp,DC=example"),
            upn: None,
            mail: mail.map(str::to_owned),
            account_name: None,
            disabled: false,
            mailbox: true,
            description: None,
        }
    }

    async fn resolved(found: Vec<DirectoryObject>, wanted: &str) -> Result<u128, String> {
        let result = resolve(&Fake(Ok(found)), wanted, Kind::Any, None).await;
        result.map(|object| object.id.as_u128()).map_err(|failure| failure.to_string())
    }

    /// S2
    #[tokio::test]
    async fn nobody_several_and_a_silent_directory_are_told_in_words() {
        assert!(resolved(vec![], "Bob").await.unwrap_err().contains("finds nobody"));
        let two = || vec![object(1, "Anna Berg", Some("a@x")), object(2, "Anna Blau", None)];
        let told = resolved(two(), "Anna").await.unwrap_err();
        assert!(told.contains("stands for several") && told.contains("00000000-0000-0000-0000-000000000002"), "{told}");
        let many = (0..30).map(|number| object(number, "Anna Berg", None)).collect();
        assert!(resolved(many, "Anna Berg").await.unwrap_err().contains("and 20 more"));
        let id = Uuid::from_u128(9).to_string();
        assert!(resolved(two(), &id).await.unwrap_err().contains("no object with the GUID"));
        let silent = SearchError { what: "No domain controller answers.".into(), advice: "check the network".into() };
        let failure = resolve(&Fake(Err(silent)), "Anna", Kind::Any, None).await.unwrap_err().to_string();
        assert_eq!(failure, "No domain controller answers; check the network");
    }

    /// S2
    #[tokio::test]
    async fn who_is_named_wholly_is_meant_before_those_whose_names_begin_so() {
        let found = || vec![object(1, "Sales Support", None), object(2, "Sales", Some("sales@x"))];
        assert_eq!(resolved(found(), "sales").await, Ok(2));
        assert_eq!(resolved(found(), "SALES@X").await, Ok(2));
        assert_eq!(resolved(vec![object(1, "Sales Support", None)], "sales").await, Ok(1));
        assert_eq!(resolved(found(), &Uuid::from_u128(1).to_string()).await, Ok(1));
    }
}
