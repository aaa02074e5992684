//! A directory as tests want it: scripted, and without a wire.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use tokio::sync::watch;
use uuid::Uuid;

use crate::directory::{DirectoryObject, DirectorySearch, Location, LocationKind, Page, Query, SearchError};
use crate::settings::EntryKind;

/// A user as most are: with UPN, address and mailbox.
pub fn user(name: &str) -> DirectoryObject {
    object(name, EntryKind::User)
}

pub fn group(name: &str) -> DirectoryObject {
    object(name, EntryKind::Group)
}

fn object(name: &str, kind: EntryKind) -> DirectoryObject {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    let account = name.to_lowercase().replace(' ', ".");
    let user = kind == EntryKind::User;
    DirectoryObject {
        id: Uuid::from_u128(hasher.finish().into()),
        kind,
        name: name.to_owned(),
        domain: "corp.example".to_owned(),
        distinguished_name: format!("CN={name},DC=corp,DC=example"),
        upn: user.then(|| format!("{account}@corp.example")),
        mail: Some(format!("{account}@corp.example")),
        account_name: Some(account),
        disabled: false,
        mailbox: user,
        description: None,
    }
}

/// `User 1`, `User 2`…
pub fn users(count: usize) -> Vec<DirectoryObject> {
    (1..=count).map(|number| user(&format!("User {number}"))).collect()
}

/// A directory that can be held up and broken.
pub struct Directory {
    objects: Vec<DirectoryObject>,
    locations: Mutex<Vec<Location>>,
    failure: Mutex<Option<SearchError>>,
    open: watch::Sender<bool>,
    begun: AtomicUsize,
    going_on: AtomicUsize,
    pages: AtomicUsize,
}

/// Counts a search as long as it lives.
struct GoingOn<'a>(&'a AtomicUsize);

impl Drop for GoingOn<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Directory {
    pub fn with(objects: Vec<DirectoryObject>) -> Self {
        let own = Location { domain: "corp.example".into(), kind: LocationKind::Own, parent: None, problem: None };
        Self {
            objects,
            locations: Mutex::new(vec![own]),
            failure: Mutex::default(),
            open: watch::Sender::new(true),
            begun: AtomicUsize::new(0),
            going_on: AtomicUsize::new(0),
            pages: AtomicUsize::new(0),
        }
    }

    pub fn locate(&self, locations: Vec<Location>) {
        *self.locations.lock().unwrap() = locations;
    }

    /// From now on nothing is answered.
    pub fn hold(&self) {
        self.open.send_replace(false);
    }

    pub fn release(&self) {
        self.open.send_replace(true);
    }

    pub fn fail(&self, what: &str) {
        let advice = "Check the network, then try again.".to_owned();
        *self.failure.lock().unwrap() = Some(SearchError { what: what.to_owned(), advice });
    }

    pub fn mend(&self) {
        *self.failure.lock().unwrap() = None;
    }

    pub fn searches_begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    /// How many searches go on, waiting or not.
    pub fn searching(&self) -> usize {
        self.going_on.load(Ordering::SeqCst)
    }

    pub fn pages_given(&self) -> usize {
        self.pages.load(Ordering::SeqCst)
    }

    async fn answer(&self) -> Result<(), SearchError> {
        let mut open = self.open.subscribe();
        open.wait_for(|open| *open).await.unwrap();
        self.failure.lock().unwrap().clone().map_or(Ok(()), Err)
    }
}

fn found(object: &DirectoryObject, query: &Query) -> bool {
    let text = query.text.to_lowercase();
    let kind = match object.kind {
        EntryKind::User => query.kinds.users,
        EntryKind::Group => query.kinds.groups,
    };
    let begins = |field: &str| field.to_lowercase().starts_with(&text);
    let named =
        begins(&object.name) || object.name.split(' ').any(begins) || object.mail.as_deref().is_some_and(begins);
    kind && named && object.domain == query.domain.as_deref().unwrap_or("corp.example")
}

impl DirectorySearch for Directory {
    fn locations(&self) -> BoxFuture<'_, Result<Vec<Location>, SearchError>> {
        Box::pin(async {
            self.answer().await?;
            Ok(self.locations.lock().unwrap().clone())
        })
    }

    fn search(&self, query: Query) -> BoxStream<'_, Result<Page, SearchError>> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.going_on.fetch_add(1, Ordering::SeqCst);
        let found: Vec<_> = self.objects.iter().filter(|object| found(object, &query)).cloned().collect();
        let pages: Vec<Page> = found.chunks(query.page_size as usize).map(<[_]>::to_vec).collect();
        let going_on = GoingOn(&self.going_on);
        stream::unfold(Some((pages.into_iter(), going_on)), move |rest| async move {
            let (mut pages, going_on) = rest?;
            if let Err(error) = self.answer().await {
                return Some((Err(error), None));
            }
            let page = pages.next()?;
            self.pages.fetch_add(1, Ordering::SeqCst);
            Some((Ok(page), Some((pages, going_on))))
        })
        .boxed()
    }

    fn lookup(&self, ids: Vec<Uuid>) -> BoxFuture<'_, Result<Vec<Option<DirectoryObject>>, SearchError>> {
        Box::pin(async move {
            self.answer().await?;
            Ok(ids.iter().map(|id| self.objects.iter().find(|object| object.id == *id).cloned()).collect())
        })
    }
}
