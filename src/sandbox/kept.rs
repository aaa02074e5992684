//! What control changed and a restart must find again: passwords, rights, and the state of mailboxes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};

use super::authentication::SignIn;
use super::directory::{Directory, MailboxState, folded};
use super::{SandboxError, keep};

const FILE: &str = "changes.json";

/// The file's content. Passwords stand in it as they are: they open nothing but this rehearsal, and a restart must
/// be able to show them.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Changes {
    passwords: BTreeMap<String, String>,
    impersonators: Vec<String>,
    states: BTreeMap<String, MailboxState>,
}

pub struct Kept {
    path: PathBuf,
    directory: Arc<Directory>,
    sign_in: Arc<SignIn>,
    /// Folded UPNs of accounts with a password of their own.
    with_password: Mutex<BTreeSet<String>>,
}

impl Kept {
    /// Applies what an earlier run kept in the folder. Accounts that the organisation no longer has are passed over.
    pub fn open(folder: &Path, directory: Arc<Directory>, sign_in: Arc<SignIn>) -> Result<Self, SandboxError> {
        let path = folder.join(FILE);
        let kept = Self { path, directory, sign_in, with_password: Mutex::default() };
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
        let changes = Changes {
            passwords: with_password
                .iter()
                .map(|upn| (upn.clone(), self.sign_in.password(upn).expose_secret().to_owned()))
                .collect(),
            impersonators: self.directory.impersonators(),
            states: self.directory.people().iter().map(|person| (folded(&person.upn), person.state)).collect(),
        };
        keep::write(&self.path, &serde_json::to_vec_pretty(&changes)?)
    }
}
