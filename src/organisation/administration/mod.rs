//! What takes an administrator's rights: making the place, registering updaters, removing them, putting rights right.
//!
//! Every change can be made again and comes to the same. One that breaks off in the middle is completed by the next.

mod error;
mod look;
mod objects;
mod settle;
mod survey;

use jiff::Timestamp;
use uuid::Uuid;

pub use error::{AdministrationError, By};
pub use look::{Overview, PublishedDocument};
pub use survey::{Survey, There};

use super::in_directory::{Contents, Enrolled, Part, Place};
use super::{PublishedError, Registration};
use crate::directory::{Directory, DirectoryError, KnownAccount, Sid};

/// The organisation's place in the directory, with the rights of whoever is signed in.
#[derive(Debug, Clone)]
pub struct Administration {
    directory: Directory,
    place: Place,
}

/// An updater that is to be registered, as its local API tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newcomer {
    pub id: Uuid,
    /// Name of its computer.
    pub name: String,
    /// Its public key.
    pub key: String,
    /// What it signs in to the directory as, by any of the account's names; none: its computer's account.
    pub account: Option<String>,
}

/// What registering came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    pub registration: Registration,
    pub organisation: Uuid,
    /// Distinguished name of the container.
    pub place: String,
    /// What was changed, a sentence each.
    pub done: Vec<String>,
    /// What the administrator should know, a sentence each.
    pub notes: Vec<String>,
}

/// What removing came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    pub registration: Registration,
    /// How many are left, who can read the secret.
    pub left: usize,
    pub notes: Vec<String>,
}

/// The account of a computer by the computer's name.
#[must_use]
pub fn computer_account(name: &str) -> String {
    let short = name.split('.').next().unwrap_or_default();
    format!("{short}$")
}

impl Administration {
    /// At this place, see [`Place::new`]. Nothing is connected to yet.
    ///
    /// # Errors
    /// When the place is no distinguished name in the domain.
    pub fn new(directory: Directory, place: Option<&str>) -> Result<Self, DirectoryError> {
        let place = Place::new(directory.domain(), place)?;
        Ok(Self { directory, place })
    }

    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Registers an updater, and makes the place for it where that is missing. `organisation` identifies the organisation,
    /// if there is none there yet.
    pub async fn register(&self, newcomer: &Newcomer, organisation: Uuid) -> Result<Registered, AdministrationError> {
        const DOING: &str = "register an updater";
        // Before anything is changed.
        let account = self.account(newcomer).await?;
        let (by, _) = self.directory.is_domain_admin().await?;
        let mut done = self.make_place(organisation).await?;
        let contents = self.contents(DOING).await?;
        let organisation = self.organisation(&contents, organisation).await?;
        let (enrolled, mut notes) = contents.enrolled();
        let registration = Registration {
            format: 1,
            id: newcomer.id,
            name: newcomer.name.clone(),
            key: newcomer.key.clone(),
            account: account.name.clone(),
            registered_by: by,
            registered_at: Timestamp::now(),
        };
        let before = enrolled.iter().find(|enrolled| enrolled.registration.id == newcomer.id);
        let entry = Enrolled { registration, account_sid: Some(account.sid.to_string()) };
        self.enrol(&entry, contents.parts.contains_key(&Part::Registration(newcomer.id))).await?;
        done.push(match before {
            None => format!("{} is registered as the updater {}.", newcomer.name, newcomer.id),
            Some(_) => format!("{} was registered already; its registration is renewed.", newcomer.name),
        });
        if account.disabled {
            notes.push(format!("The account {} is disabled.", account.name));
        }
        let namesakes = enrolled.iter().map(|enrolled| &enrolled.registration);
        notes.extend(namesakes.filter(|other| other.id != newcomer.id && other.name == newcomer.name).map(|other| {
            format!(
                "There is another updater of this name, {}: if it was installed anew, remove the old one: siu-updater \
                 unregister {}.",
                other.id, other.id
            )
        }));
        // An account that this registration had before, and no other has, loses its rights.
        let gone = before.and_then(Enrolled::sid).filter(|sid| *sid != account.sid);
        let settled = self.settle(DOING, settle::Manner::Adding, gone.as_ref()).await?;
        done.extend(settled.done);
        notes.extend(settled.notes);
        Ok(Registered {
            registration: entry.registration,
            organisation,
            place: self.place.container().to_owned(),
            done,
            notes,
        })
    }

    /// Removes the updater with this identifier or name, and what its account was allowed.
    pub async fn remove(&self, updater: &str) -> Result<Removed, AdministrationError> {
        const DOING: &str = "remove an updater";
        let contents = self.contents(DOING).await?;
        let (enrolled, _) = contents.enrolled();
        let id = updater.trim().parse::<Uuid>().ok();
        let meant = |one: &&Enrolled| match id {
            Some(id) => one.registration.id == id,
            None => one.registration.name.eq_ignore_ascii_case(updater.trim()),
        };
        let found: Vec<_> = enrolled.iter().filter(meant).collect();
        let known = || enrolled.iter().map(|one| one.registration.clone()).collect();
        let gone = match found.as_slice() {
            [one] => *one,
            [] => return Err(AdministrationError::NoUpdater { wanted: updater.to_owned(), known: known() }),
            several => {
                let several = several.iter().map(|one| one.registration.clone()).collect();
                return Err(AdministrationError::SeveralUpdaters { wanted: updater.to_owned(), several });
            }
        };
        let id = gone.registration.id;
        let sid = match gone.sid() {
            Some(sid) => Some(sid),
            None => self.sid_of(&gone.registration.account).await?,
        };
        // First what it may do; the rest is tidying.
        self.delete(DOING, &self.place.registration(id)).await?;
        let settled = self.settle(DOING, settle::Manner::Adding, sid.as_ref()).await?;
        self.delete(DOING, &self.place.sighting(id)).await?;
        let left = enrolled.iter().filter(|one| one.registration.id != id).count();
        Ok(Removed { registration: gone.registration.clone(), left, notes: settled.notes })
    }

    /// Gives every object of ours the rights that it should have, and no others; makes what is missing. What was wrong is
    /// told, a sentence each.
    pub async fn repair(&self, organisation: Uuid) -> Result<Vec<String>, AdministrationError> {
        const DOING: &str = "put rights right";
        // It has to be there: whoever wants a new one registers an updater.
        self.contents(DOING).await?;
        let mut done = self.make_place(organisation).await?;
        let contents = self.contents(DOING).await?;
        self.organisation(&contents, organisation).await?;
        let settled = self.settle(DOING, settle::Manner::Exactly, None).await?;
        done.extend(settled.done);
        done.extend(settled.notes);
        Ok(done)
    }

    async fn contents(&self, doing: &'static str) -> Result<Contents, AdministrationError> {
        match Contents::with_rights(&self.directory, &self.place).await {
            Ok(contents) if contents.parts.get(&Part::Container).is_some_and(|container| container.shows_rights) => {
                Ok(contents)
            }
            // Anybody sees that there is a container.
            Ok(_) => {
                let said = "what is in it is for administrators to see".to_owned();
                let account = self.directory.sign_in().name().to_owned();
                Err(self.refused(doing, DirectoryError::Denied { account, doing, said }))
            }
            Err(PublishedError::NoContainer { .. }) => {
                Err(AdministrationError::NothingThere { place: self.place.to_string() })
            }
            Err(PublishedError::Directory(error)) => Err(self.refused(doing, error)),
            Err(other) => unreachable!("reading ends otherwise: {other}"),
        }
    }

    async fn account(&self, newcomer: &Newcomer) -> Result<KnownAccount, AdministrationError> {
        let name = newcomer.account.clone().unwrap_or_else(|| computer_account(&newcomer.name));
        let mut found = self.directory.accounts_named(&name).await?;
        match found.len() {
            1 => Ok(found.remove(0)),
            0 => Err(AdministrationError::NoAccount {
                name,
                computer: newcomer.account.is_none().then(|| newcomer.name.clone()),
            }),
            _ => {
                let found = found.into_iter().map(|account| account.name).collect();
                Err(AdministrationError::SeveralAccounts { name, found })
            }
        }
    }

    async fn sid_of(&self, account: &str) -> Result<Option<Sid>, AdministrationError> {
        let mut found = self.directory.accounts_named(account).await?;
        Ok((found.len() == 1).then(|| found.remove(0).sid))
    }

    /// What a refusal means for the administrator.
    fn refused(&self, doing: &'static str, error: DirectoryError) -> AdministrationError {
        match error {
            DirectoryError::Denied { account, said, .. } => AdministrationError::NotAllowed {
                who: account,
                doing,
                domain: self.directory.domain().to_owned(),
                place: self.place.container().to_owned(),
                said,
            },
            error => AdministrationError::Directory(error),
        }
    }
}
