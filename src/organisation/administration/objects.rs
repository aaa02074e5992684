//! Makes and removes our objects.

use uuid::Uuid;

use super::{Administration, AdministrationError};
use crate::directory::{Change, ChangeError, DirectoryError, RIGHTS};
use crate::organisation::PublishedError;
use crate::organisation::grants::Grantees;
use crate::organisation::in_directory::{Contents, Enrolled, KEYWORDS, ORGANISATION, Part, TEXT, VERSION, text};

/// What people see who come across the container.
const DESCRIPTION: &str = "Configuration that all updaters of Sent Items Update share. Only administrators and registered \
                           updaters can read it; siu-updater register makes an updater one of them.";

/// What may be done with it stands in the descriptor only, so that nothing is open for a moment.
type Attributes<'a> = Vec<(&'a str, Vec<u8>)>;

impl Administration {
    /// Makes what is missing of the container and of what belongs into it.
    pub(super) async fn make_place(&self, organisation: Uuid) -> Result<Vec<String>, AdministrationError> {
        const DOING: &str = "make the place for the organisation's configuration";
        let there = match Contents::with_rights(&self.directory, &self.place).await {
            Ok(contents) => contents.parts.into_keys().collect(),
            Err(PublishedError::NoContainer { .. }) => Vec::new(),
            Err(PublishedError::Directory(error)) => return Err(self.refused(DOING, error)),
            Err(other) => unreachable!("reading ends otherwise: {other}"),
        };
        let grantees = self.grantees(&[]).await?;
        let class = |class: &str| ("objectClass", class.as_bytes().to_vec());
        let keywords = KEYWORDS
            .iter()
            .map(ToString::to_string)
            .chain([format!("{ORGANISATION}{organisation}"), format!("{VERSION}0")])
            .map(|keyword| ("keywords", keyword.into_bytes()));
        let description = ("description", DESCRIPTION.as_bytes().to_vec());
        let wanted: [(Part, String, Attributes); 4] = [
            (Part::Container, self.place.container().to_owned(), vec![class("container"), description]),
            (
                Part::Configuration,
                self.place.configuration(),
                std::iter::once(class("serviceConnectionPoint")).chain(keywords).collect(),
            ),
            (Part::Updaters, self.place.updaters(), vec![class("container")]),
            (Part::Sightings, self.place.sightings(), vec![class("container")]),
        ];
        let mut done = Vec::new();
        for (part, dn, mut attributes) in wanted {
            if there.contains(&part) {
                continue;
            }
            let full = || AdministrationError::ListFull { dn: dn.clone() };
            attributes.push((RIGHTS, grantees.rights(part).bytes().ok_or_else(full)?));
            if self.add(DOING, &dn, attributes).await? {
                done.push(format!("{dn} is made."));
            }
        }
        Ok(done)
    }

    /// Identifies the organisation: as it stands there, else as the document says, else like this.
    pub(super) async fn organisation(&self, contents: &Contents, new: Uuid) -> Result<Uuid, AdministrationError> {
        let Some(configuration) = contents.parts.get(&Part::Configuration) else { return Ok(new) };
        if let Some(organisation) = configuration.organisation() {
            return Ok(organisation);
        }
        let organisation = configuration.organisation_in_text().unwrap_or(new);
        let session = self.directory.writer().session().await?;
        let change = Change::Add("keywords", vec![format!("{ORGANISATION}{organisation}").into_bytes()]);
        match session.modify(&configuration.dn, vec![change]).await {
            Ok(()) | Err(ChangeError::Exists(_)) => Ok(organisation),
            Err(error) => Err(self.refused("say which organisation it is", error.plain())),
        }
    }

    /// Writes a registration, in the place of the one that is there.
    pub(super) async fn enrol(&self, entry: &Enrolled, there: bool) -> Result<(), AdministrationError> {
        const DOING: &str = "register an updater";
        let id = entry.registration.id;
        let dn = self.place.registration(id);
        let name = format!("{} ({})", entry.registration.name, entry.registration.account).into_bytes();
        let grantees = self.grantees(&[]).await?;
        let full = || AdministrationError::ListFull { dn: dn.clone() };
        let attributes = vec![
            ("objectClass", b"serviceConnectionPoint".to_vec()),
            ("description", name.clone()),
            (TEXT, text(entry)),
            (RIGHTS, grantees.rights(Part::Registration(id)).bytes().ok_or_else(full)?),
        ];
        if !there && self.add(DOING, &dn, attributes).await? {
            return Ok(());
        }
        let changes = vec![Change::Replace(TEXT, vec![text(entry)]), Change::Replace("description", vec![name])];
        let session = self.directory.writer().session().await?;
        session.modify(&dn, changes).await.map_err(|error| self.refused(DOING, error.plain()))
    }

    /// Whether it was made; it may be there already.
    pub(super) async fn add(
        &self,
        doing: &'static str,
        dn: &str,
        attributes: Attributes<'_>,
    ) -> Result<bool, AdministrationError> {
        let session = self.directory.writer().session().await?;
        match session.add(dn, attributes).await {
            Ok(()) => Ok(true),
            Err(ChangeError::Exists(_)) => Ok(false),
            // Of what it is to lie in.
            Err(ChangeError::Other(DirectoryError::NoSuchObject { .. })) => {
                Err(AdministrationError::NoParent { parent: self.place.parent().to_owned() })
            }
            Err(error) => Err(self.refused(doing, error.plain())),
        }
    }

    /// It may be gone already.
    pub(super) async fn delete(&self, doing: &'static str, dn: &str) -> Result<(), AdministrationError> {
        let session = self.directory.writer().session().await?;
        match session.delete(dn).await {
            Ok(()) | Err(ChangeError::Other(DirectoryError::NoSuchObject { .. })) => Ok(()),
            Err(error) => Err(self.refused(doing, error.plain())),
        }
    }

    /// Whom rights are given to. Registrations without an account's SID, which only people write, are told by name.
    pub(super) async fn grantees(&self, enrolled: &[Enrolled]) -> Result<Grantees, AdministrationError> {
        let mut updaters = std::collections::BTreeMap::new();
        for one in enrolled {
            let sid = match one.sid() {
                Some(sid) => Some(sid),
                None => self.sid_of(&one.registration.account).await?,
            };
            updaters.extend(sid.map(|sid| (one.registration.id, sid)));
        }
        Ok(Grantees::of(&self.directory.domain_sid().await?, updaters))
    }
}
