//! Giving an updater a share in the organisation's configuration, and taking one away, as the panel and the command line
//! both do it (P2).
//!
//! ```text
//!  panel ────────┐                ┌─ Administrator   the directory, with the rights of whoever is signed in
//!                ├─▶ join, remove ┤
//!  command line ─┘                └─ pipe            the updater here: joins, leaves, encrypts the password anew
//! ```
//!
//! The directory always comes first: an updater can use what an administrator has written there, and nothing before. Each
//! change can be made again and comes to the same, so whatever breaks off is completed by doing it once more.

mod joining;
mod removing;
#[cfg(test)]
pub(crate) mod scripted;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use uuid::Uuid;

pub use joining::{Choice, JoinError, Joining, Stage, join, reach};
pub use removing::{Removal, RemoveError, Sealing, remove};

use crate::directory::Directory;
use crate::organisation::administration::{Administration, AdministrationError, Newcomer, Registered, Removed, Survey};
use crate::settings::DirectorySettings;

/// The organisation's place in the directory, with an administrator's rights.
pub trait Administrator: Send + Sync {
    /// What there is. Changes nothing.
    fn survey(&self) -> BoxFuture<'_, Result<Survey, AdministrationError>>;

    /// See [`Administration::register`].
    fn register<'a>(
        &'a self,
        newcomer: &'a Newcomer,
        organisation: Uuid,
    ) -> BoxFuture<'a, Result<Registered, AdministrationError>>;

    /// See [`Administration::remove`].
    fn remove<'a>(&'a self, updater: &'a str) -> BoxFuture<'a, Result<Removed, AdministrationError>>;
}

impl Administrator for Administration {
    fn survey(&self) -> BoxFuture<'_, Result<Survey, AdministrationError>> {
        Box::pin(Administration::survey(self))
    }

    fn register<'a>(
        &'a self,
        newcomer: &'a Newcomer,
        organisation: Uuid,
    ) -> BoxFuture<'a, Result<Registered, AdministrationError>> {
        Box::pin(Administration::register(self, newcomer, organisation))
    }

    fn remove<'a>(&'a self, updater: &'a str) -> BoxFuture<'a, Result<Removed, AdministrationError>> {
        Box::pin(Administration::remove(self, updater))
    }
}

/// Whoever is signed in to the directory, before it is known which place it is about.
pub trait Administrators: Send + Sync {
    /// How the directory was reached to sign in.
    fn directory(&self) -> DirectorySettings;

    /// At this place of this directory; none: the usual one. Nothing is asked yet.
    ///
    /// # Errors
    /// When the place is none.
    fn at(
        &self,
        directory: &DirectorySettings,
        place: Option<&str>,
    ) -> Result<Arc<dyn Administrator>, AdministrationError>;
}

/// Somebody who has signed in to a domain.
pub struct SignedIn {
    directory: Directory,
    settings: DirectorySettings,
}

impl SignedIn {
    #[must_use]
    pub fn new(directory: Directory, settings: DirectorySettings) -> Self {
        Self { directory, settings }
    }
}

impl Administrators for SignedIn {
    fn directory(&self) -> DirectorySettings {
        self.settings.clone()
    }

    fn at(
        &self,
        directory: &DirectorySettings,
        place: Option<&str>,
    ) -> Result<Arc<dyn Administrator>, AdministrationError> {
        let directory = if *directory == self.settings {
            self.directory.clone()
        } else {
            Directory::new(directory, self.directory.sign_in().clone())?
        };
        Ok(Arc::new(Administration::new(directory, place)?))
    }
}
