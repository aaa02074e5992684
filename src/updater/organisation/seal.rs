//! The account's password, encrypted to whoever is registered: that only administrators can register is what permits it.

use std::collections::BTreeMap;

use secrecy::SecretString;
use tracing::{info, warn};
use uuid::Uuid;

use super::Organisation;
use super::error::ChangeError;
use crate::organisation::document::{Change, Document, Sealed};
use crate::organisation::key::{self, Bound};
use crate::organisation::registration::{Adopted, JoinedTo};
use crate::organisation::{Found, Published};

impl Organisation {
    /// Whom a secret is to be encrypted to. While some registrations are not understood, nobody is left out who could
    /// read it before: it may be theirs, by a later version of the program.
    pub(super) fn wanted(found: &Found, before: Option<&Sealed>) -> BTreeMap<Uuid, String> {
        let mut wanted = match before {
            Some(secret) if !found.problems.is_empty() => secret.recipients.clone(),
            _ => BTreeMap::new(),
        };
        for updater in &found.updaters {
            match key::check(&updater.key) {
                Ok(()) => {
                    wanted.insert(updater.id, updater.key.clone());
                }
                Err(problem) => warn!(updater = updater.name, %problem, "no secret can be encrypted to an updater"),
            }
        }
        wanted
    }

    /// Its number is the version of the document that it comes with.
    pub(super) fn sealed(
        organisation: Uuid,
        version: u64,
        user: &str,
        password: &SecretString,
        recipients: BTreeMap<Uuid, String>,
    ) -> Result<Sealed, ChangeError> {
        let sealed = key::seal(&recipients, Bound { organisation, serial: version, user }, password)?;
        Ok(Sealed { serial: version, user: user.to_owned(), recipients, sealed })
    }

    /// Encrypts the secret anew when others are registered than it is encrypted to. Another updater may be faster, which
    /// is as good.
    pub(super) async fn seal_to_all(
        &self,
        published: &dyn Published,
        joined: &JoinedTo,
        found: &Found,
        (document, text, secret): (&Document, &str, Option<&SecretString>),
    ) -> Result<(), ChangeError> {
        let Some(account) = &document.settings().account else { return Ok(()) };
        let before = document.secret();
        let wanted = Self::wanted(found, before);
        let password = match before {
            Some(before) if before.recipients == wanted => return Ok(()),
            // What could not be read is not replaced by what may be an older one.
            Some(_) => secret.cloned(),
            None => self.0.settings.get().password.clone(),
        };
        let Some(password) = password else { return Ok(()) };
        let version = document.version() + 1;
        let sealed = Self::sealed(joined.organisation, version, &account.user, &password, wanted)?;
        let names: Vec<_> = found.updaters.iter().map(|updater| updater.name.as_str()).collect();
        // Whose settings they are does not change by that.
        let next = document.next(Change {
            version,
            write: Uuid::new_v4(),
            changed_by: document.changed_by().to_owned(),
            changed_on: document.changed_on().to_owned(),
            changed_at: document.changed_at(),
            settings: document.settings().clone(),
            secret: Some(sealed),
        });
        match self.publish(published, Some(text), &next).await {
            Ok(new) => {
                info!(
                    version,
                    updaters = names.join(", "),
                    "the account's password is encrypted to all registered updaters"
                );
                self.state().seen.recipients = next.secret().map(|secret| secret.recipients.clone());
                self.remember(Adopted::new(&next, &new, false))
            }
            Err(ChangeError::Store(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
