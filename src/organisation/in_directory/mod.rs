//! What is published, as objects in Active Directory. `SECURITY.md` says who may read and write which of them.
//!
//! ```text
//! CN=Sent Items Update,CN=Program Data,DC=…       container: that there is one, anybody may know
//! ├─ CN=Configuration                             serviceConnectionPoint: the document, in serviceBindingInformation
//! ├─ CN=Updaters
//! │  └─ CN=<updater's id>                         serviceConnectionPoint: its registration, written by administrators
//! └─ CN=Sightings
//!    └─ CN=<updater's id>                         serviceConnectionPoint: what it says about itself
//! ```
//!
//! A `serviceConnectionPoint` is what Active Directory has for telling where and how a service is; every domain's schema
//! has it, every tool shows it. `serviceBindingInformation` is text without a limit of length.
//!
//! All changes are made at one controller, and that of the document depends on what was read: of two who change it at the
//! same moment, one is told so.

mod contents;
mod place;
mod publish;

use futures_util::future::BoxFuture;
use uuid::Uuid;

pub(super) use contents::{Contents, Enrolled, Part, Written, text};
pub use place::Place;

use super::{Found, Mark, Published, PublishedError, Sighting};
use crate::directory::{Change, ChangeError, Directory, DirectoryError};

/// The attribute that holds what an object says.
pub(super) const TEXT: &str = "serviceBindingInformation";

/// Keywords of the document's object: what is ours is found by the first, and people read the second.
pub(super) const KEYWORDS: [&str; 2] = ["0d5b6e0a-7d0c-4a53-9f0e-5c2b1f1f6a41", "Sent Items Update"];
/// Beginning of the keyword that tells the version of the document there.
pub(super) const VERSION: &str = "version=";
/// Beginning of the keyword with the number of the writing that the document comes from.
pub(super) const WRITING: &str = "write=";
/// Beginning of the keyword that tells which organisation it is.
pub(super) const ORGANISATION: &str = "organisation=";

/// Longest document that is published.
pub const MOST: usize = 256 * 1024;

/// What is published, as a registered updater sees it.
#[derive(Debug, Clone)]
pub struct InDirectory {
    directory: Directory,
    place: Place,
}

impl InDirectory {
    /// At this place, see [`Place::new`]. Nothing is connected to yet.
    ///
    /// # Errors
    /// When the place is no distinguished name in the domain.
    pub fn new(directory: Directory, place: Option<&str>) -> Result<Self, DirectoryError> {
        let place = Place::new(directory.domain(), place)?;
        Ok(Self { directory, place })
    }

    /// Why something of ours is not there, although the directory answers.
    async fn missing(&self) -> PublishedError {
        match Contents::read(&self.directory, &self.place).await {
            Err(error) => error,
            Ok(contents) => contents.missing(self.directory.sign_in().name(), &self.place),
        }
    }
}

impl Published for InDirectory {
    fn place(&self) -> String {
        self.place.to_string()
    }

    fn read<'a>(&'a self, mark: Option<&'a Mark>) -> BoxFuture<'a, Result<Option<Found>, PublishedError>> {
        Box::pin(async move {
            if let Some(mark) = mark
                && Contents::mark(&self.directory, &self.place).await? == *mark
            {
                return Ok(None);
            }
            let contents = Contents::read(&self.directory, &self.place).await?;
            match contents.found() {
                Some(found) => Ok(Some(found)),
                None => Err(contents.missing(self.directory.sign_in().name(), &self.place)),
            }
        })
    }

    fn publish<'a>(
        &'a self,
        replacing: Option<&'a str>,
        document: &'a str,
        version: u64,
    ) -> BoxFuture<'a, Result<(), PublishedError>> {
        Box::pin(publish::publish(self, replacing, document, version))
    }

    fn sighted<'a>(&'a self, id: Uuid, sighting: &'a Sighting) -> BoxFuture<'a, Result<(), PublishedError>> {
        Box::pin(async move {
            let value = text(sighting);
            let session = self.directory.writer().session().await?;
            match session.modify(&self.place.sighting(id), vec![Change::Replace(TEXT, vec![value])]).await {
                Ok(()) => Ok(()),
                Err(ChangeError::Other(DirectoryError::NoSuchObject { .. })) => Err(self.missing().await),
                Err(error) => {
                    let error = error.plain();
                    if error.is_of_connection() {
                        self.directory.writer().drop_session(&session, &error).await;
                    }
                    Err(error.into())
                }
            }
        })
    }
}
