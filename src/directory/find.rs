//! Finds objects by what a person types, and by their GUIDs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::stream::{self, BoxStream, StreamExt as _};
use uuid::Uuid;

use super::client::Directory;
use super::domain::Domain;
use super::entry::Entry;
use super::error::DirectoryError;
use super::locations::Place;
use super::session::{Base, Search, Session};
use super::{DirectoryObject, LocationKind, Page, Query, SearchError, dn, filter, locations};
use crate::settings::EntryKind;

/// GUIDs in one question.
const AT_ONCE: usize = 100;

/// No more is asked for than is shown.
const ATTRIBUTES: [&str; 10] = [
    "objectGUID",
    "objectClass",
    "displayName",
    "cn",
    "userPrincipalName",
    "mail",
    "sAMAccountName",
    "userAccountControl",
    "description",
    "groupType",
];

/// In a forest that knows Exchange.
const MAILBOX: [&str; 3] = ["msExchMailboxGuid", "msExchRecipientTypeDetails", "homeMDB"];

/// Where a search stands.
enum Paging {
    Begin,
    Under { session: Session, cookie: Vec<u8>, exchange: bool },
    End,
}

/// The pages of a search, each asked for when it is wanted.
pub(super) fn pages(directory: &Directory, query: Query) -> BoxStream<'_, Result<Page, SearchError>> {
    let domain = query.domain.as_deref().map_or_else(|| directory.own().clone(), |domain| directory.of(domain));
    let Some(filter) = filter::search(&query.text, query.kinds) else {
        return stream::empty().boxed();
    };
    let size = query.page_size.clamp(1, 1000);
    stream::unfold(Paging::Begin, move |paging| {
        let (domain, filter) = (domain.clone(), filter.clone());
        async move {
            match next_page(&domain, &filter, size, paging).await? {
                Ok((page, next)) => Some((Ok(page), next)),
                Err(error) => Some((Err(error.into()), Paging::End)),
            }
        }
    })
    .boxed()
}

async fn next_page(
    domain: &Domain,
    filter: &str,
    size: u32,
    paging: Paging,
) -> Option<Result<(Page, Paging), DirectoryError>> {
    let page = async |session: Session, cookie, exchange| {
        let attributes = attributes(exchange);
        let search = Search::subtree(Base::Domain, filter, &attributes);
        let (entries, cookie) = session.page(&search, size, cookie).await?;
        let objects = entries.iter().filter_map(|entry| object(entry, exchange)).collect();
        let next = if cookie.is_empty() { Paging::End } else { Paging::Under { session, cookie, exchange } };
        Ok((objects, next))
    };
    Some(match paging {
        Paging::End => return None,
        // A page can be asked for only where the one before it came from.
        Paging::Under { session, cookie, exchange } => page(session, cookie, exchange).await,
        Paging::Begin => {
            let first = async {
                let exchange = domain.knows_exchange().await?;
                let session = domain.session().await?;
                match page(session.clone(), Vec::new(), exchange).await {
                    Err(error) if error.is_of_connection() => {
                        domain.drop_session(&session, &error).await;
                        page(domain.another(&session, error).await?, Vec::new(), exchange).await
                    }
                    page => page,
                }
            };
            first.await
        }
    })
}

fn attributes(exchange: bool) -> Vec<&'static str> {
    let mailbox = if exchange { &MAILBOX[..] } else { &[] };
    ATTRIBUTES.iter().chain(mailbox).copied().collect()
}

/// None for what is neither a user nor a group, or has no GUID that may be read.
fn object(entry: &Entry, exchange: bool) -> Option<DirectoryObject> {
    let kind = match (entry.is("group"), entry.is("user") && !entry.is("computer")) {
        (true, _) => EntryKind::Group,
        (_, true) => EntryKind::User,
        _ => return None,
    };
    let user = kind == EntryKind::User;
    let mail = entry.text("mail");
    Some(DirectoryObject {
        id: entry.guid()?,
        kind,
        name: ["displayName", "cn", "sAMAccountName"].iter().find_map(|name| entry.text(name)).unwrap_or_default(),
        domain: dn::domain(&entry.dn),
        distinguished_name: entry.dn.clone(),
        upn: entry.text("userPrincipalName"),
        account_name: entry.text("sAMAccountName"),
        disabled: user && entry.number("userAccountControl").is_some_and(|control| control & 2 != 0),
        // Where the forest knows nothing of Exchange, an address is all there is to go by.
        mailbox: user && if exchange { has_mailbox(entry) } else { mail.is_some() },
        mail,
        description: entry.text("description"),
    })
}

/// Of users, linked, shared, rooms and equipment, here and in Exchange Online; not those that only have an address
/// elsewhere (mail users).
fn has_mailbox(entry: &Entry) -> bool {
    const KINDS: i64 =
        0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x20 | 0x8000_0000 | 0x2_0000_0000 | 0x4_0000_0000 | 0x8_0000_0000;
    match entry.number("msExchRecipientTypeDetails") {
        Some(kind) => kind & KINDS != 0,
        None => entry.has("msExchMailboxGuid") || entry.has("homeMDB"),
    }
}

pub(super) async fn lookup(
    directory: &Directory,
    ids: &[Uuid],
) -> Result<Vec<Option<DirectoryObject>>, DirectoryError> {
    let exchange = directory.own().knows_exchange().await?;
    let found = by_ids(directory, ids, &attributes(exchange)).await?;
    Ok(found.into_iter().map(|found| object(&found?.1, exchange)).collect())
}

/// The objects with these GUIDs and the domains they are in; none for what no domain has (S4).
///
/// # Errors
/// Also when something was not found and could be in a domain that can't be searched: that it is gone would be a guess.
pub(super) async fn by_ids(
    directory: &Directory,
    ids: &[Uuid],
    attributes: &[&str],
) -> Result<Vec<Option<(Arc<Domain>, Entry)>>, DirectoryError> {
    let mut found = HashMap::new();
    in_domain(directory.own(), ids, attributes, &mut found).await?;
    if ids.iter().any(|id| !found.contains_key(id)) {
        elsewhere(directory, ids, attributes, &mut found).await?;
    }
    directory.shared.seen.add(found.iter().map(|(id, (domain, _))| (*id, domain.name())));
    // The same GUID may be asked for twice.
    Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
}

/// Looks in the other domains for what the own one does not have.
async fn elsewhere(
    directory: &Directory,
    ids: &[Uuid],
    attributes: &[&str],
    found: &mut HashMap<Uuid, (Arc<Domain>, Entry)>,
) -> Result<(), DirectoryError> {
    let places = locations::listed(directory).await?;
    let mut unsearched = Vec::new();
    for place in &places {
        // A trust that never allowed a search is no place from which anything was chosen.
        if place.location.kind == LocationKind::Own || place.never {
            continue;
        }
        let missing: Vec<Uuid> = ids.iter().copied().filter(|id| !found.contains_key(id)).collect();
        let wanted: Vec<Uuid> = missing
            .into_iter()
            .filter(|id| could_be(directory.shared.seen.domain(id).as_deref(), place, &places))
            .collect();
        let domain = directory.of(&place.location.domain);
        match in_domain(&domain, &wanted, attributes, found).await {
            Ok(()) => {}
            Err(error) => unsearched.push((place, error)),
        }
    }
    for id in ids.iter().filter(|id| !found.contains_key(id)) {
        let seen = directory.shared.seen.domain(id);
        let unknown = |domain: &str, why: String| DirectoryError::UnknownWhere {
            id: id.to_string(),
            domain: domain.to_owned(),
            why,
        };
        if let Some((place, error)) = unsearched.iter().find(|(place, _)| could_be(seen.as_deref(), place, &places)) {
            return Err(unknown(&place.location.domain, error.to_string()));
        }
        if let Some(domain) = seen.filter(|domain| !places.iter().any(|place| place.location.domain == *domain)) {
            return Err(unknown(&domain, "it is not among the trusted domains any more".to_owned()));
        }
    }
    Ok(())
}

/// An object stays in its forest, whichever domain of it it is moved to, and otherwise where it was.
fn could_be(seen: Option<&str>, place: &Place, places: &[Place]) -> bool {
    let Some(seen) = seen else { return true };
    match places.iter().find(|place| place.location.domain == seen).map(|place| place.location.kind) {
        Some(LocationKind::Own | LocationKind::Forest) => place.location.kind != LocationKind::Trusted,
        _ => place.location.domain == seen,
    }
}

/// In which domain objects were when they were seen last.
#[derive(Default)]
pub(super) struct Seen(Mutex<HashMap<Uuid, String>>);

impl Seen {
    pub fn add<'a>(&self, objects: impl IntoIterator<Item = (Uuid, &'a str)>) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.extend(objects.into_iter().map(|(id, domain)| (id, domain.trim_end_matches('.').to_lowercase())));
    }

    fn domain(&self, id: &Uuid) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }
}

async fn in_domain(
    domain: &Arc<Domain>,
    ids: &[Uuid],
    attributes: &[&str],
    found: &mut HashMap<Uuid, (Arc<Domain>, Entry)>,
) -> Result<(), DirectoryError> {
    for ids in ids.chunks(AT_ONCE) {
        let filter = filter::ids(ids);
        for entry in domain.all(&Search::subtree(Base::Domain, &filter, attributes)).await? {
            if let Some(id) = entry.guid() {
                found.insert(id, (domain.clone(), entry));
            }
        }
    }
    Ok(())
}
