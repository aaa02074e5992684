//! Who belongs to a group, nested membership and primary groups included, and by which addresses they send (S3).

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use uuid::Uuid;

use super::client::{Directory, Nesting};
use super::domain::Domain;
use super::entry::Entry;
use super::error::DirectoryError;
use super::session::{Base, Search};
use super::{dn, filter, find};
use crate::settings::SmtpAddress;

/// A user who belongs to a group, or is in the scope by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub id: Uuid,
    /// The primary one first; none for a user without mail.
    pub addresses: Vec<SmtpAddress>,
}

const ADDRESSES: [&str; 3] = ["objectGUID", "mail", "proxyAddresses"];
const GROUP: [&str; 2] = ["objectGUID", "objectSid"];
const EITHER: [&str; 5] = ["objectGUID", "objectClass", "objectSid", "mail", "proxyAddresses"];

/// Names and numbers in one question.
const AT_ONCE: usize = 50;

impl Directory {
    /// The users who belong to each of these groups, in whatever depth. None: the directory has no such group (S4).
    ///
    /// # Errors
    /// All or nothing: what could not be found out is an error, so that nobody takes it for a smaller membership.
    pub async fn members(&self, groups: &[Uuid]) -> Result<Vec<Option<Vec<Member>>>, DirectoryError> {
        let several_domains = match groups.is_empty() {
            true => false,
            false => self.has_several_domains().await?,
        };
        let mut members = Vec::with_capacity(groups.len());
        for found in find::by_ids(self, groups, &GROUP).await? {
            members.push(match found {
                None => None,
                Some((domain, group)) => Some(self.members_of(domain, group, several_domains).await?),
            });
        }
        Ok(members)
    }

    /// These users with their addresses. None: the directory has no such user (S4).
    pub async fn addresses(&self, users: &[Uuid]) -> Result<Vec<Option<Member>>, DirectoryError> {
        let found = find::by_ids(self, users, &ADDRESSES).await?;
        Ok(found.into_iter().map(|found| member(&found?.1)).collect())
    }

    async fn members_of(
        &self,
        domain: Arc<Domain>,
        group: Entry,
        several_domains: bool,
    ) -> Result<Vec<Member>, DirectoryError> {
        let mut found = Found::default();
        found.enqueue(domain, group);
        let walks = self.shared.walks.load(Ordering::Relaxed);
        let mut nesting = if walks { Nesting::Walk } else { self.shared.nesting };
        while let Some((domain, group)) = found.groups.pop_front() {
            let mut below = vec![group];
            if nesting == Nesting::MatchingRule {
                match follow(&domain, &below[0]).await {
                    Ok((users, groups)) => {
                        found.users(&users);
                        let new = groups.into_iter().filter(|group| found.seen.insert(group.dn.to_lowercase()));
                        below.extend(new);
                    }
                    Err(error) if rule_will_not_do(&error) => {
                        tracing::info!("nested groups are walked one by one: {error}");
                        nesting = Nesting::Walk;
                        self.shared.walks.store(true, Ordering::Relaxed);
                    }
                    Err(error) => return Err(error),
                }
            }
            found.users(&with_primary_group(&domain, &below).await?);
            for group in &below {
                // The rule has seen all of this domain, and nothing of another.
                let skip = (nesting == Nesting::MatchingRule).then(|| domain.name());
                if skip.is_some() && !several_domains {
                    break;
                }
                for (domain, entry) in self.direct(&domain, group, skip).await? {
                    if entry.is("group") {
                        found.enqueue(domain, entry);
                    } else if entry.is("user") && !entry.is("computer") {
                        found.users(&[entry]);
                    }
                }
            }
        }
        Ok(found.users.into_values().collect())
    }

    /// The direct members of a group, except those of one domain.
    async fn direct(
        &self,
        domain: &Arc<Domain>,
        group: &Entry,
        except: Option<&str>,
    ) -> Result<Vec<(Arc<Domain>, Entry)>, DirectoryError> {
        let mut by_domain: HashMap<String, Vec<String>> = HashMap::new();
        for member in member_names(domain, group).await? {
            let (id, name) = dn::extended(&member);
            let domain = dn::domain(name);
            if except != Some(domain.as_str()) {
                // Controllers find GUIDs by an index, names not always.
                let filter = id.map_or_else(|| filter::equals("distinguishedName", name), |id| filter::ids(&[id]));
                by_domain.entry(domain).or_default().push(filter);
            }
        }
        let mut members = Vec::new();
        for (domain, filters) in by_domain {
            let domain = self.of(&domain);
            for filters in filters.chunks(AT_ONCE) {
                let filter = filter::any(filters.iter().cloned());
                let found = domain.all(&Search::subtree(Base::Domain, &filter, &EITHER)).await?;
                members.extend(found.into_iter().map(|entry| (domain.clone(), entry)));
            }
        }
        Ok(members)
    }

    async fn has_several_domains(&self) -> Result<bool, DirectoryError> {
        let filter = "(&(objectClass=crossRef)(systemFlags:1.2.840.113556.1.4.803:=3))";
        let search = Search::below(Base::InConfiguration("CN=Partitions"), filter, &["cn"]);
        Ok(self.own().all(&search).await?.len() > 1)
    }
}

#[derive(Default)]
struct Found {
    users: BTreeMap<Uuid, Member>,
    groups: VecDeque<(Arc<Domain>, Entry)>,
    /// Names of groups that were dealt with: a group may contain itself by a detour.
    seen: HashSet<String>,
}

impl Found {
    fn users(&mut self, entries: &[Entry]) {
        self.users.extend(entries.iter().filter_map(member).map(|member| (member.id, member)));
    }

    fn enqueue(&mut self, domain: Arc<Domain>, group: Entry) {
        if self.seen.insert(group.dn.to_lowercase()) {
            self.groups.push_back((domain, group));
        }
    }
}

/// Users and groups below a group, as the controller follows them within its domain.
async fn follow(domain: &Domain, group: &Entry) -> Result<(Vec<Entry>, Vec<Entry>), DirectoryError> {
    let below = filter::members_of(&group.dn);
    let users = format!("(&{}{below})", filter::USERS);
    let groups = format!("(&{}{below})", filter::GROUPS);
    Ok((
        domain.all(&Search::subtree(Base::Domain, &users, &ADDRESSES)).await?,
        domain.all(&Search::subtree(Base::Domain, &groups, &GROUP)).await?,
    ))
}

/// The controller doesn't know the rule, or it costs it too much.
fn rule_will_not_do(error: &DirectoryError) -> bool {
    matches!(error, DirectoryError::Refused { .. } | DirectoryError::Limit { .. } | DirectoryError::Timeout { .. })
}

/// Users who belong to a group by having it as their primary one, which no membership shows: Domain Users above all.
async fn with_primary_group(domain: &Domain, groups: &[Entry]) -> Result<Vec<Entry>, DirectoryError> {
    let numbers: Vec<u32> = groups.iter().filter_map(|group| group.sid()?.relative_in_domain()).collect();
    let mut users = Vec::new();
    for numbers in numbers.chunks(AT_ONCE) {
        let primary = filter::any(numbers.iter().map(|number| format!("(primaryGroupID={number})")));
        let filter = format!("(&{}{primary})", filter::USERS);
        users.extend(domain.all(&Search::subtree(Base::Domain, &filter, &ADDRESSES)).await?);
    }
    Ok(users)
}

/// The names of a group's members; a controller gives so many at a time (1,500 as a rule).
async fn member_names(domain: &Domain, group: &Entry) -> Result<Vec<String>, DirectoryError> {
    let (mut names, mut from) = (Vec::new(), Some(0));
    while let Some(start) = from {
        let attribute = format!("member;range={start}-*");
        let attributes = [attribute.as_str()];
        let search = Search { extended_names: true, ..Search::object(Base::Object(&group.dn), &attributes) };
        let found = domain.all(&search).await?;
        let (values, next) = found.first().map_or((&[][..], None), |entry| entry.ranged("member"));
        names.extend(values.iter().filter_map(|value| String::from_utf8(value.clone()).ok()));
        // A range that does not move on would go round for ever.
        from = next.filter(|next| *next > start);
    }
    Ok(names)
}

fn member(entry: &Entry) -> Option<Member> {
    Some(Member { id: entry.guid()?, addresses: addresses(entry) })
}

/// `SMTP:` in capitals marks the primary address. What is no address is passed over.
fn addresses(entry: &Entry) -> Vec<SmtpAddress> {
    let with = |prefix: &'static str| entry.texts("proxyAddresses").filter_map(move |text| text.strip_prefix(prefix));
    let mut addresses = Vec::new();
    for text in with("SMTP:").chain(entry.texts("mail")).chain(with("smtp:")) {
        if let Ok(address) = SmtpAddress::new(text)
            && !addresses.contains(&address)
        {
            addresses.push(address);
        }
    }
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S3
    #[test]
    fn a_user_sends_by_primary_and_secondary_addresses_the_primary_first() {
        let entry = Entry::of(
            "CN=a",
            &[
                ("mail", &[b"Anna@corp.test"]),
                (
                    "proxyAddresses",
                    &[b"smtp:anna.a@corp.test", b"X400:c=de", b"SMTP:anna@corp.test", b"smtp:no address"],
                ),
            ],
        );
        let texts: Vec<_> = addresses(&entry).iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["anna@corp.test", "anna.a@corp.test"]);
        assert!(addresses(&Entry::of("CN=b", &[])).is_empty());
    }
}
