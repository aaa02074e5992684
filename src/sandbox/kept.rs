//! What control and clients changed and a restart must find again: passwords, rights, the state of mailboxes, and
//! what was written through the directory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};

use super::authentication::SignIn;
use super::directory::{Directory, MailboxState, Person, folded};
use super::entra::{CloudSignIn, Entra};
use super::management::{Assignment, Assignments};
use super::{SandboxError, keep};

const FILE: &str = "changes.json";

/// The file's content. Passwords stand in it as they are: they open nothing but this rehearsal, and a restart must
/// be able to show them.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Changes {
    passwords: BTreeMap<String, String>,
    impersonators: Vec<String>,
    states: BTreeMap<String, MailboxState>,
    /// Accounts made or changed through the directory.
    #[serde(default)]
    people: Vec<Person>,
    /// Folded UPNs of accounts that were deleted.
    #[serde(default)]
    removed: BTreeSet<String>,
    /// Members of groups that were changed, by the group's key.
    #[serde(default)]
    members: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    assignments: Vec<Assignment>,
    /// What sign-ins meet in the cloud where that is not as usual.
    #[serde(default)]
    cloud: BTreeMap<String, CloudSignIn>,
}

/// What was changed through the directory.
#[derive(Default)]
struct Touched {
    people: BTreeSet<String>,
    removed: BTreeSet<String>,
    groups: BTreeSet<String>,
}

pub struct Kept {
    path: PathBuf,
    directory: Arc<Directory>,
    sign_in: Arc<SignIn>,
    /// Folded UPNs of accounts with a password of their own.
    with_password: Mutex<BTreeSet<String>>,
    touched: Mutex<Touched>,
    assignments: Arc<Assignments>,
    entra: Arc<Entra>,
}

impl Kept {
    /// Applies what an earlier run kept in the folder. Accounts that the organisation no longer has are passed over.
    pub fn open(
        folder: &Path,
        directory: Arc<Directory>,
        sign_in: Arc<SignIn>,
        assignments: Arc<Assignments>,
        entra: Arc<Entra>,
    ) -> Result<Self, SandboxError> {
        let path = folder.join(FILE);
        let (with_password, touched) = (Mutex::default(), Mutex::default());
        let kept = Self { path, directory, sign_in, with_password, touched, assignments, entra };
        match std::fs::read(&kept.path) {
            Ok(content) => {
                let path = kept.path.clone();
                let changes = serde_json::from_slice(&content).map_err(|source| SandboxError::Kept { path, source })?;
                kept.apply(changes);
                Ok(kept)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(kept),
            Err(source) => Err(SandboxError::Folder { path: kept.path, source }),
        }
    }

    fn apply(&self, changes: Changes) {
        {
            let mut touched = self.touched();
            for upn in changes.removed {
                let _ = self.directory.remove_person(&upn);
                touched.removed.insert(upn);
            }
            for person in changes.people {
                touched.people.insert(folded(&person.upn));
                let _ = self.directory.add_person(person);
            }
            for (group, members) in changes.members {
                let _ = self.directory.set_members(&group, members);
                touched.groups.insert(group);
            }
        }
        for (upn, password) in changes.passwords {
            self.sign_in.set_password(&upn, password.into());
            self.note_password(&upn);
        }
        for upn in self.directory.impersonators() {
            let _ = self.directory.withdraw_impersonation(&upn);
        }
        for upn in changes.impersonators {
            let _ = self.directory.grant_impersonation(&upn);
        }
        for (upn, state) in changes.states {
            let _ = self.directory.set_state(&upn, state);
        }
        self.assignments.restore(changes.assignments);
        self.entra.restore(changes.cloud);
    }

    /// An account was made or changed.
    pub fn note_person(&self, upn: &str) {
        let mut touched = self.touched();
        touched.removed.remove(&folded(upn));
        touched.people.insert(folded(upn));
    }

    /// An account was deleted; its password goes with it.
    pub fn note_removal(&self, upn: &str) {
        self.sign_in.forget_password(upn);
        self.sign_in.reset_failures(upn);
        self.entra.set_sign_in(upn, CloudSignIn::default());
        self.with_password.lock().unwrap_or_else(PoisonError::into_inner).remove(&folded(upn));
        let mut touched = self.touched();
        touched.people.remove(&folded(upn));
        touched.removed.insert(folded(upn));
    }

    /// The members of a group were changed.
    pub fn note_group(&self, key: &str) {
        self.touched().groups.insert(key.to_owned());
    }

    fn touched(&self) -> MutexGuard<'_, Touched> {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn has_password(&self, upn: &str) -> bool {
        self.with_password.lock().unwrap_or_else(PoisonError::into_inner).contains(&folded(upn))
    }

    /// The account has a password of its own from now on.
    pub fn note_password(&self, upn: &str) {
        self.with_password.lock().unwrap_or_else(PoisonError::into_inner).insert(folded(upn));
    }

    /// Writes everything as it is now.
    pub fn save(&self) -> std::io::Result<()> {
        // Held while writing, so that of two changes at once the later state is the one in the file.
        let with_password = self.with_password.lock().unwrap_or_else(PoisonError::into_inner);
        let touched = self.touched();
        let person = |upn: &String| self.directory.person(upn).map(|person| person.as_ref().clone());
        let group = |key: &String| self.directory.group(key).map(|group| (key.clone(), group.members.clone()));
        let changes = Changes {
            passwords: with_password
                .iter()
                .map(|upn| (upn.clone(), self.sign_in.password(upn).expose_secret().to_owned()))
                .collect(),
            impersonators: self.directory.impersonators(),
            states: self.directory.people().iter().map(|person| (folded(&person.upn), person.state)).collect(),
            people: touched.people.iter().filter_map(person).collect(),
            removed: touched.removed.clone(),
            members: touched.groups.iter().filter_map(group).collect(),
            assignments: self.assignments.list(),
            cloud: self.entra.list(),
        };
        keep::write(&self.path, &serde_json::to_vec_pretty(&changes)?)
    }
}
