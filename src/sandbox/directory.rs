//! Who there is: people, groups and rights, as Exchange reads them from Active Directory.
//!
//! Everything can be changed at run time, beside running requests; a request sees each entry as it was when
//! it looked. Addresses and names are compared without regard to case.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// What kind of object a person is (`RecipientTypeDetails`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    #[default]
    User,
    Shared,
    Room,
    Equipment,
}

/// How a person's mailbox and account are just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailboxState {
    #[default]
    Normal,
    /// Being moved to another database: `ErrorMailboxMoveInProgress`.
    Moving,
    /// Over its quota: reading goes on, whatever adds to it gets `ErrorQuotaExceeded`.
    Full,
    /// The database is not mounted: `ErrorMailboxStoreUnavailable`.
    Unavailable,
    /// The mailbox was removed: `ErrorNonExistentMailbox`.
    Gone,
    /// The account is disabled: `ErrorAccountDisabled`.
    Disabled,
}

/// An account, with or without a mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Person {
    /// User principal name: what the person signs in with. It names the mailbox in the store, too.
    pub upn: String,
    pub display_name: String,
    pub given_name: String,
    pub surname: String,
    /// Primary SMTP address; empty when the account has no address at all.
    pub primary: String,
    /// Further SMTP addresses (`proxyAddresses`).
    pub secondary: Vec<String>,
    pub kind: Kind,
    /// Whether there is a mailbox. Without one, mail to the address is not stored anywhere.
    pub mailbox: bool,
    pub state: MailboxState,
    /// UPNs of those who may open this mailbox without impersonation (`FullAccess`).
    pub full_access: Vec<String>,
    /// Security identifier; given by [`Directory::add_person`] when empty.
    pub sid: String,
}

/// A distribution group.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Group {
    pub display_name: String,
    pub primary: String,
    pub secondary: Vec<String>,
    /// Addresses of members: people, other groups, or addresses that the directory does not know (contacts).
    pub members: Vec<String>,
}

/// What an address leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipient {
    Person(Arc<Person>),
    Group(Arc<Group>),
}

/// Why an entry can't be added or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    #[error("an account needs a user principal name like name@domain; {0:?} is none")]
    NoUpn(String),
    #[error("the group {0:?} needs an SMTP address")]
    NoAddress(String),
    #[error("the account {0:?} has a mailbox and therefore needs a primary SMTP address")]
    MailboxWithoutAddress(String),
    #[error("the address {address} already belongs to {owner}")]
    AddressTaken { address: String, owner: String },
    #[error("the directory has no account {0:?}")]
    NoSuchPerson(String),
    #[error("the directory has no group {0:?}")]
    NoSuchGroup(String),
}

/// The organisation's directory.
#[derive(Debug, Default)]
pub struct Directory {
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// By folded UPN.
    people: BTreeMap<String, Arc<Person>>,
    /// By folded primary address.
    groups: BTreeMap<String, Arc<Group>>,
    /// Every folded address, primary or not.
    addresses: HashMap<String, Entry>,
    /// Folded SID to folded UPN.
    sids: HashMap<String, String>,
    /// Folded UPNs of the accounts that hold ApplicationImpersonation.
    impersonators: BTreeSet<String>,
    next_rid: u32,
}

/// Where an address leads, by the key of the entry.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    Person(String),
    Group(String),
}

/// The form in which addresses and names are compared.
#[must_use]
pub fn folded(text: &str) -> String {
    text.trim().to_lowercase()
}

impl Person {
    /// All SMTP addresses, the primary one first.
    pub fn addresses(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.primary.as_str())
            .filter(|address| !address.is_empty())
            .chain(self.secondary.iter().map(String::as_str))
    }
}

impl Recipient {
    #[must_use]
    pub fn display_name(&self) -> &str {
        match self {
            Self::Person(person) => &person.display_name,
            Self::Group(group) => &group.display_name,
        }
    }

    #[must_use]
    pub fn primary(&self) -> &str {
        match self {
            Self::Person(person) => &person.primary,
            Self::Group(group) => &group.primary,
        }
    }

    /// All SMTP addresses, the primary one first.
    #[must_use]
    pub fn addresses(&self) -> Vec<&str> {
        match self {
            Self::Person(person) => person.addresses().collect(),
            Self::Group(group) => {
                std::iter::once(group.primary.as_str()).chain(group.secondary.iter().map(String::as_str)).collect()
            }
        }
    }
}

impl Directory {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an account, or replaces the one with the same UPN. Returns the entry as kept, with its SID.
    pub fn add_person(&self, mut person: Person) -> Result<Arc<Person>, DirectoryError> {
        let key = folded(&person.upn);
        if key.split_once('@').is_none_or(|(name, domain)| name.is_empty() || domain.is_empty()) {
            return Err(DirectoryError::NoUpn(person.upn));
        }
        if person.mailbox && person.primary.trim().is_empty() {
            return Err(DirectoryError::MailboxWithoutAddress(person.upn));
        }
        let mut inner = self.write();
        let entry = Entry::Person(key.clone());
        inner.check_free(person.addresses(), &entry)?;
        let earlier = inner.people.get(&key).cloned();
        if let Some(earlier) = &earlier {
            inner.sids.remove(&folded(&earlier.sid));
        }
        if person.sid.is_empty() {
            person.sid = match &earlier {
                Some(earlier) => earlier.sid.clone(),
                None => inner.new_sid(),
            };
        }
        inner.addresses.retain(|_, owner| *owner != entry);
        for address in person.addresses() {
            inner.addresses.insert(folded(address), entry.clone());
        }
        inner.sids.insert(folded(&person.sid), key.clone());
        let person = Arc::new(person);
        inner.people.insert(key, person.clone());
        Ok(person)
    }

    /// Adds a group, or replaces the one with the same primary address.
    pub fn add_group(&self, group: Group) -> Result<Arc<Group>, DirectoryError> {
        let key = folded(&group.primary);
        if key.is_empty() {
            return Err(DirectoryError::NoAddress(group.display_name));
        }
        let mut inner = self.write();
        let entry = Entry::Group(key.clone());
        let addresses = || std::iter::once(&group.primary).chain(&group.secondary);
        inner.check_free(addresses().map(String::as_str), &entry)?;
        inner.addresses.retain(|_, owner| *owner != entry);
        for address in addresses() {
            inner.addresses.insert(folded(address), entry.clone());
        }
        let group = Arc::new(group);
        inner.groups.insert(key, group.clone());
        Ok(group)
    }

    /// Changes an account in place; the UPN stays.
    pub fn change_person(&self, upn: &str, change: impl FnOnce(&mut Person)) -> Result<Arc<Person>, DirectoryError> {
        let mut person = self.required(upn)?.as_ref().clone();
        let upn = person.upn.clone();
        change(&mut person);
        person.upn = upn;
        self.add_person(person)
    }

    /// Changes the members of a group, found by any of its addresses.
    pub fn set_members(&self, group: &str, members: Vec<String>) -> Result<Arc<Group>, DirectoryError> {
        match self.find(group) {
            Some(Recipient::Group(found)) => self.add_group(Group { members, ..found.as_ref().clone() }),
            _ => Err(DirectoryError::NoSuchGroup(group.to_owned())),
        }
    }

    /// Sets the state of a mailbox, found by UPN or by any address.
    pub fn set_state(&self, person: &str, state: MailboxState) -> Result<(), DirectoryError> {
        let upn = self.required(person)?.upn.clone();
        self.change_person(&upn, |person| person.state = state).map(drop)
    }

    /// All accounts, in the order of their UPNs.
    #[must_use]
    pub fn people(&self) -> Vec<Arc<Person>> {
        self.read().people.values().cloned().collect()
    }

    /// All groups, in the order of their addresses.
    #[must_use]
    pub fn groups(&self) -> Vec<Arc<Group>> {
        self.read().groups.values().cloned().collect()
    }

    #[must_use]
    pub fn person(&self, upn: &str) -> Option<Arc<Person>> {
        self.read().people.get(&folded(upn)).cloned()
    }

    #[must_use]
    pub fn person_by_sid(&self, sid: &str) -> Option<Arc<Person>> {
        let inner = self.read();
        inner.sids.get(&folded(sid)).and_then(|upn| inner.people.get(upn)).cloned()
    }

    /// The person or group with this SMTP address, primary or secondary.
    #[must_use]
    pub fn find(&self, address: &str) -> Option<Recipient> {
        let inner = self.read();
        match inner.addresses.get(&folded(address))? {
            Entry::Person(upn) => inner.people.get(upn).cloned().map(Recipient::Person),
            Entry::Group(key) => inner.groups.get(key).cloned().map(Recipient::Group),
        }
    }

    /// The account with this UPN or, failing that, with this SMTP address.
    #[must_use]
    pub fn account(&self, upn_or_address: &str) -> Option<Arc<Person>> {
        self.person(upn_or_address).or_else(|| match self.find(upn_or_address) {
            Some(Recipient::Person(person)) => Some(person),
            _ => None,
        })
    }

    /// Everybody a message to `address` reaches, nested groups included and each only once: people of the
    /// directory, and addresses that it does not know.
    #[must_use]
    pub fn deliverable(&self, address: &str) -> (Vec<Arc<Person>>, Vec<String>) {
        let mut people = Vec::new();
        let mut unknown = Vec::new();
        let mut seen = HashSet::new();
        let mut open = vec![address.to_owned()];
        while let Some(address) = open.pop() {
            match self.find(&address) {
                Some(Recipient::Person(person)) if seen.insert(folded(&person.primary)) => people.push(person),
                Some(Recipient::Group(group)) if seen.insert(folded(&group.primary)) => {
                    open.extend(group.members.iter().rev().cloned());
                }
                Some(_) => {}
                None => {
                    if seen.insert(folded(&address)) {
                        unknown.push(address);
                    }
                }
            }
        }
        (people, unknown)
    }

    /// Gives an account the right ApplicationImpersonation, in effect from the next request on.
    pub fn grant_impersonation(&self, upn: &str) -> Result<(), DirectoryError> {
        let key = folded(&self.required(upn)?.upn);
        self.write().impersonators.insert(key);
        Ok(())
    }

    /// Takes the right away. An account that had none stays without.
    pub fn withdraw_impersonation(&self, upn: &str) -> Result<(), DirectoryError> {
        let key = folded(&self.required(upn)?.upn);
        self.write().impersonators.remove(&key);
        Ok(())
    }

    #[must_use]
    pub fn may_impersonate(&self, upn: &str) -> bool {
        self.read().impersonators.contains(&folded(upn))
    }

    /// UPNs, folded, of those who hold ApplicationImpersonation.
    #[must_use]
    pub fn impersonators(&self) -> Vec<String> {
        self.read().impersonators.iter().cloned().collect()
    }

    fn required(&self, upn_or_address: &str) -> Result<Arc<Person>, DirectoryError> {
        self.account(upn_or_address).ok_or_else(|| DirectoryError::NoSuchPerson(upn_or_address.to_owned()))
    }

    // A panic while the lock was held left whole entries behind: each change is one insertion.
    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn check_free<'a>(
        &self,
        mut addresses: impl Iterator<Item = &'a str>,
        entry: &Entry,
    ) -> Result<(), DirectoryError> {
        let taken = |address: &&str| self.addresses.get(&folded(address)).is_some_and(|owner| owner != entry);
        match addresses.find(taken) {
            None => Ok(()),
            Some(address) => Err(DirectoryError::AddressTaken {
                address: address.to_owned(),
                owner: match self.addresses.get(&folded(address)) {
                    Some(Entry::Person(key) | Entry::Group(key)) => key.clone(),
                    None => String::new(),
                },
            }),
        }
    }

    fn new_sid(&mut self) -> String {
        self.next_rid += 1;
        format!("S-1-5-21-1004336348-1177238915-682003330-{}", 1100 + self.next_rid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(upn: &str, primary: &str, secondary: &[&str]) -> Person {
        Person {
            upn: upn.into(),
            display_name: upn.into(),
            primary: primary.into(),
            secondary: secondary.iter().map(|&address| address.to_owned()).collect(),
            mailbox: true,
            ..Person::default()
        }
    }

    /// X1
    #[test]
    fn an_address_that_belongs_to_somebody_else_is_refused_and_nothing_changes() {
        let directory = Directory::new();
        directory.add_person(person("anna@n.example", "anna@n.example", &["a.berg@n.example"])).unwrap();
        let taken = directory.add_person(person("bo@n.example", "A.Berg@N.example", &[]));
        assert_eq!(
            taken,
            Err(DirectoryError::AddressTaken { address: "A.Berg@N.example".into(), owner: "anna@n.example".into() })
        );
        assert_eq!(directory.people().len(), 1);
        let group = Group { primary: "ANNA@n.example".into(), ..Group::default() };
        assert!(matches!(directory.add_group(group), Err(DirectoryError::AddressTaken { .. })));
    }

    /// X1
    #[test]
    fn an_account_without_upn_or_a_mailbox_without_address_is_refused() {
        let directory = Directory::new();
        assert!(matches!(directory.add_person(person("anna", "a@n.example", &[])), Err(DirectoryError::NoUpn(_))));
        let refused = directory.add_person(person("anna@n.example", "", &[]));
        assert_eq!(refused, Err(DirectoryError::MailboxWithoutAddress("anna@n.example".into())));
    }

    /// X1
    #[test]
    fn a_right_can_be_granted_and_withdrawn_and_only_to_an_account_that_exists() {
        let directory = Directory::new();
        assert!(directory.grant_impersonation("svc@n.example").is_err());
        directory.add_person(Person { upn: "svc@n.example".into(), ..Person::default() }).unwrap();
        directory.grant_impersonation("SVC@n.example").unwrap();
        assert!(directory.may_impersonate("svc@N.example"));
        directory.withdraw_impersonation("svc@n.example").unwrap();
        assert!(!directory.may_impersonate("svc@n.example"));
    }

    /// X1
    #[test]
    fn an_address_that_a_person_gave_up_leads_nowhere_and_the_sid_stays() {
        let directory = Directory::new();
        let before = directory.add_person(person("anna@n.example", "anna@n.example", &["old@n.example"])).unwrap();
        let after = directory.change_person("anna@n.example", |anna| anna.secondary.clear()).unwrap();
        assert_eq!(directory.find("old@n.example"), None);
        assert_eq!(before.sid, after.sid);
        assert_eq!(directory.person_by_sid(&after.sid).unwrap().upn, "anna@n.example");
    }

    /// X1
    #[test]
    fn groups_that_contain_each_other_reach_everybody_once() {
        let directory = Directory::new();
        directory.add_person(person("anna@n.example", "anna@n.example", &["a@n.example"])).unwrap();
        let group = |primary: &str, members: &[&str]| Group {
            primary: primary.into(),
            members: members.iter().map(|&member| member.to_owned()).collect(),
            ..Group::default()
        };
        directory.add_group(group("all@n.example", &["team@n.example", "anna@n.example"])).unwrap();
        directory.add_group(group("team@n.example", &["all@n.example", "a@n.example", "guest@o.example"])).unwrap();
        let (people, unknown) = directory.deliverable("all@n.example");
        assert_eq!(people.iter().map(|person| person.upn.as_str()).collect::<Vec<_>>(), ["anna@n.example"]);
        assert_eq!(unknown, ["guest@o.example"]);
    }
}
