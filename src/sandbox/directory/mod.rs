//! Who there is: people, groups and rights, as Exchange reads them from Active Directory.
//!
//! Everything can be changed at run time, beside running requests; a request sees each entry as it was when
//! it looked. Addresses and names are compared without regard to case.

mod entry;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

pub use entry::{Group, GroupKind, Kind, MailboxState, PasswordState, Person, Recipient};

/// What every security identifier of the domain begins with.
pub const DOMAIN_SID: &str = "S-1-5-21-1004336348-1177238915-682003330";
/// First relative identifier of accounts that were made at run time: those of the organisation stay below.
const FIRST_MADE_RID: u32 = 5000;
/// Longest `sAMAccountName` of a user and of a group.
const USER_NAME: usize = 20;
const GROUP_NAME: usize = 256;

/// Why an entry can't be added or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    #[error("an account needs a user principal name like name@domain; {0:?} is none")]
    NoUpn(String),
    #[error("the group {0:?} needs an SMTP address or an account name")]
    NoAddress(String),
    #[error("the account {0:?} has a mailbox and therefore needs a primary SMTP address")]
    MailboxWithoutAddress(String),
    #[error("the address {address} already belongs to {owner}")]
    AddressTaken { address: String, owner: String },
    #[error("the directory has no account {0:?}")]
    NoSuchPerson(String),
    #[error("the directory has no group {0:?}")]
    NoSuchGroup(String),
    #[error("the account name {0:?} is taken")]
    AccountNameTaken(String),
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
    /// By [`Group::key`].
    groups: BTreeMap<String, Arc<Group>>,
    /// Every folded address, primary or not.
    addresses: HashMap<String, Entry>,
    /// Folded SID to folded UPN.
    sids: HashMap<String, String>,
    /// Folded account names of people and groups.
    account_names: HashMap<String, Entry>,
    /// Folded UPNs of the accounts that hold ApplicationImpersonation.
    impersonators: BTreeSet<String>,
    /// Folded UPNs of those who get the right later, and when.
    granted: BTreeMap<String, Instant>,
    next_rid: u32,
    /// The highest one so far.
    next_made_rid: u32,
    /// Counts the changes.
    revision: u64,
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
        if person.account_name.is_empty() {
            let derived = person.upn.split('@').next().unwrap_or_default();
            person.account_name = match &earlier {
                Some(earlier) => earlier.account_name.clone(),
                None => inner.free_account_name(derived, USER_NAME),
            };
        }
        inner.check_account_name(&person.account_name, &entry)?;
        if let Some(earlier) = &earlier {
            inner.sids.remove(&folded(&earlier.sid));
        }
        if person.sid.is_empty() {
            person.sid = match &earlier {
                Some(earlier) => earlier.sid.clone(),
                None => inner.new_sid(),
            };
        }
        inner.note_rid(&person.sid);
        if let Some(earlier) = &earlier {
            inner.forget(earlier.addresses(), &earlier.account_name);
        }
        for address in person.addresses() {
            inner.addresses.insert(folded(address), entry.clone());
        }
        inner.account_names.insert(folded(&person.account_name), entry);
        inner.sids.insert(folded(&person.sid), key.clone());
        inner.revision += 1;
        let person = Arc::new(person);
        inner.people.insert(key, person.clone());
        Ok(person)
    }

    /// Adds a group, or replaces the one with the same primary address (or account name, when it has no address).
    pub fn add_group(&self, mut group: Group) -> Result<Arc<Group>, DirectoryError> {
        let mut inner = self.write();
        let earlier = match folded(&group.primary) {
            none if none.is_empty() => inner.groups.get(&folded(&group.account_name)).cloned(),
            key => inner.groups.get(&key).cloned(),
        };
        if group.account_name.is_empty() {
            let derived = [group.display_name.as_str(), group.primary.split('@').next().unwrap_or_default()];
            let derived = derived.into_iter().find(|name| !name.is_empty());
            group.account_name = match (&earlier, derived) {
                (Some(earlier), _) => earlier.account_name.clone(),
                (None, Some(derived)) => inner.free_account_name(derived, GROUP_NAME),
                (None, None) => return Err(DirectoryError::NoAddress(group.display_name)),
            };
        }
        let key = group.key();
        let entry = Entry::Group(key.clone());
        inner.check_free(group.addresses(), &entry)?;
        inner.check_account_name(&group.account_name, &entry)?;
        if group.sid.is_empty() {
            group.sid = match &earlier {
                Some(earlier) => earlier.sid.clone(),
                None => inner.new_sid(),
            };
        } else if group.sid.bytes().all(|digit| digit.is_ascii_digit()) {
            group.sid = format!("{DOMAIN_SID}-{}", group.sid);
        }
        inner.note_rid(&group.sid);
        if let Some(earlier) = &earlier {
            inner.forget(earlier.addresses(), &earlier.account_name);
        }
        for address in group.addresses() {
            inner.addresses.insert(folded(address), entry.clone());
        }
        inner.account_names.insert(folded(&group.account_name), entry);
        inner.revision += 1;
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

    /// Changes the members of a group, found by any of its addresses or its account name.
    pub fn set_members(&self, group: &str, members: Vec<String>) -> Result<Arc<Group>, DirectoryError> {
        match self.group(group) {
            Some(found) => self.add_group(Group { members, ..found.as_ref().clone() }),
            None => Err(DirectoryError::NoSuchGroup(group.to_owned())),
        }
    }

    /// Takes an account out, with its rights.
    pub fn remove_person(&self, upn: &str) -> Result<(), DirectoryError> {
        let key = folded(upn);
        let mut inner = self.write();
        let Some(person) = inner.people.remove(&key) else { return Err(DirectoryError::NoSuchPerson(upn.to_owned())) };
        inner.forget(person.addresses(), &person.account_name);
        inner.sids.remove(&folded(&person.sid));
        inner.impersonators.remove(&key);
        inner.granted.remove(&key);
        inner.revision += 1;
        Ok(())
    }

    /// A security identifier for an account that is made at run time.
    #[must_use]
    pub fn fresh_sid(&self) -> String {
        let mut inner = self.write();
        inner.next_made_rid = inner.next_made_rid.max(FIRST_MADE_RID) + 1;
        format!("{DOMAIN_SID}-{}", inner.next_made_rid)
    }

    /// Changes with every change of people and groups.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.read().revision
    }

    /// The group with this SMTP address or account name.
    #[must_use]
    pub fn group(&self, address_or_name: &str) -> Option<Arc<Group>> {
        let inner = self.read();
        let key = folded(address_or_name);
        match inner.addresses.get(&key).or_else(|| inner.account_names.get(&key))? {
            Entry::Group(key) => inner.groups.get(key).cloned(),
            Entry::Person(_) => None,
        }
    }

    /// The account with this `sAMAccountName`.
    #[must_use]
    pub fn person_by_account_name(&self, name: &str) -> Option<Arc<Person>> {
        let inner = self.read();
        match inner.account_names.get(&folded(name))? {
            Entry::Person(upn) => inner.people.get(upn).cloned(),
            Entry::Group(_) => None,
        }
    }

    /// Whether an account or a group has this `sAMAccountName`.
    #[must_use]
    pub fn is_account_name_taken(&self, name: &str) -> bool {
        self.read().account_names.contains_key(&folded(name))
    }

    /// Whom an entry in a group's list of members means.
    #[must_use]
    pub fn member(&self, named: &str) -> Option<Recipient> {
        self.account(named).map(Recipient::Person).or_else(|| self.group(named).map(Recipient::Group))
    }

    /// Whether an account belongs to a group, through others too.
    #[must_use]
    pub fn is_member(&self, upn: &str, group: &str) -> bool {
        let (mut open, mut seen) = (vec![group.to_owned()], HashSet::new());
        while let Some(name) = open.pop() {
            let Some(group) = self.group(&name) else { continue };
            if !seen.insert(group.key()) {
                continue;
            }
            for member in &group.members {
                match self.member(member) {
                    Some(Recipient::Person(person)) if folded(&person.upn) == folded(upn) => return true,
                    Some(Recipient::Group(_)) => open.push(member.clone()),
                    _ => {}
                }
            }
        }
        false
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
                // Added as a member by name: it gets mail at its address, if it has one.
                None if self.member(&address).is_some() => {
                    let primary = self.member(&address).map(|found| found.primary().to_owned()).unwrap_or_default();
                    if !primary.is_empty() && !seen.contains(&folded(&primary)) {
                        open.push(primary);
                    }
                }
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
        let mut inner = self.write();
        inner.granted.remove(&key);
        inner.impersonators.insert(key);
        Ok(())
    }

    /// Gives an account the right ApplicationImpersonation, in effect after a while, as Exchange needs it to notice.
    pub fn grant_impersonation_in(&self, upn: &str, delay: Duration) -> Result<(), DirectoryError> {
        if delay.is_zero() {
            return self.grant_impersonation(upn);
        }
        let key = folded(&self.required(upn)?.upn);
        let mut inner = self.write();
        if !inner.impersonators.contains(&key) {
            inner.granted.insert(key, Instant::now() + delay);
        }
        Ok(())
    }

    /// What was granted and not yet in effect is in effect from now on.
    pub fn finish_granting(&self) {
        let mut inner = self.write();
        let granted = std::mem::take(&mut inner.granted);
        inner.impersonators.extend(granted.into_keys());
    }

    /// Takes the right away. An account that had none stays without.
    pub fn withdraw_impersonation(&self, upn: &str) -> Result<(), DirectoryError> {
        let key = folded(&self.required(upn)?.upn);
        let mut inner = self.write();
        inner.impersonators.remove(&key);
        inner.granted.remove(&key);
        Ok(())
    }

    #[must_use]
    pub fn may_impersonate(&self, upn: &str) -> bool {
        let inner = self.read();
        let key = folded(upn);
        inner.impersonators.contains(&key) || inner.granted.get(&key).is_some_and(|due| *due <= Instant::now())
    }

    /// UPNs, folded, of those who hold ApplicationImpersonation, in effect or not yet.
    #[must_use]
    pub fn impersonators(&self) -> Vec<String> {
        let inner = self.read();
        inner.impersonators.iter().chain(inner.granted.keys()).cloned().collect::<BTreeSet<_>>().into_iter().collect()
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

    /// At most so many characters, with a number when it is taken.
    fn free_account_name(&self, derived: &str, most: usize) -> String {
        let short: String = derived.chars().take(most).collect();
        let mut name = short.clone();
        for number in 2.. {
            if !self.account_names.contains_key(&folded(&name)) {
                break;
            }
            name = format!("{}{number}", short.chars().take(most - 3).collect::<String>());
        }
        name
    }

    fn check_account_name(&self, name: &str, entry: &Entry) -> Result<(), DirectoryError> {
        match self.account_names.get(&folded(name)) {
            Some(owner) if owner != entry => Err(DirectoryError::AccountNameTaken(name.to_owned())),
            _ => Ok(()),
        }
    }

    /// The addresses and the name lead nowhere any more.
    fn forget<'a>(&mut self, addresses: impl Iterator<Item = &'a str>, account_name: &str) {
        for address in addresses {
            self.addresses.remove(&folded(address));
        }
        self.account_names.remove(&folded(account_name));
    }

    fn new_sid(&mut self) -> String {
        self.next_rid += 1;
        format!("{DOMAIN_SID}-{}", 1100 + self.next_rid)
    }

    /// An account that was made in an earlier run keeps its identifier, and no other one gets it.
    fn note_rid(&mut self, sid: &str) {
        let rid = sid.rsplit_once('-').and_then(|(_, rid)| rid.parse().ok()).unwrap_or(0);
        self.next_made_rid = self.next_made_rid.max(rid);
    }
}
