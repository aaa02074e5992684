//! What an administrator will meet with when an updater is registered.

use super::look::PublishedDocument;
use super::{Administration, AdministrationError};
use crate::organisation::in_directory::{Part, Written};

/// What there is before anything is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// Who is signed in.
    pub who: String,
    /// Whether that is a member of Domain Admins. Who is none may still have been given the rights.
    pub domain_admin: bool,
    /// Distinguished name of the container.
    pub container: String,
    pub there: There,
}

/// What is at the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum There {
    /// No container: it is made.
    Nothing,
    /// What is in it is not for whoever is signed in to see.
    Hidden,
    /// Nothing is published yet.
    Empty,
    /// Something that can't be read is published.
    Unclear,
    Published(PublishedDocument),
}

impl Administration {
    /// Changes nothing.
    pub async fn survey(&self) -> Result<Survey, AdministrationError> {
        let (who, domain_admin) = self.directory.is_domain_admin().await?;
        let there = match self.contents("see the organisation's configuration").await {
            Ok(contents) => {
                let text = contents.parts.get(&Part::Configuration).and_then(Written::text);
                match text.map(|text| serde_json::from_str(&text)) {
                    None => There::Empty,
                    Some(Ok(document)) => There::Published(document),
                    Some(Err(_)) => There::Unclear,
                }
            }
            Err(AdministrationError::NothingThere { .. }) => There::Nothing,
            Err(AdministrationError::NotAllowed { .. }) => There::Hidden,
            Err(error) => return Err(error),
        };
        Ok(Survey { who, domain_admin, container: self.place.container().to_owned(), there })
    }
}
