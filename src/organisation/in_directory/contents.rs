//! All that is below our container, as it is found there.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{ORGANISATION, Place, TEXT};
use crate::directory::{Base, Directory, DirectoryError, Entry, RIGHTS, Rights, Search, Sid};
use crate::organisation::{Found, Mark, PublishedError, Registration, Sighting};

/// The newest form of registrations and sightings that we understand.
const FORMAT: u32 = 1;

/// A registration as it stands in the directory: with what the account's rights are given to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::organisation) struct Enrolled {
    #[serde(flatten)]
    pub registration: Registration,
    /// An account can be renamed; this stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_sid: Option<String>,
}

impl Enrolled {
    pub fn sid(&self) -> Option<Sid> {
        Sid::parse(self.account_sid.as_deref()?)
    }
}

/// Which object of ours something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::organisation) enum Part {
    Container,
    Configuration,
    Updaters,
    Sightings,
    Registration(Uuid),
    Sighting(Uuid),
}

/// An object of ours.
#[derive(Debug, Clone, Default)]
pub(in crate::organisation) struct Written {
    pub dn: String,
    /// What it says; several where somebody wrote by hand.
    pub texts: Vec<Vec<u8>>,
    pub keywords: Vec<String>,
    /// Who may do what with it is for whoever asked to see.
    pub shows_rights: bool,
    /// None: not asked for, or everybody may do everything.
    pub rights: Option<Rights>,
}

impl Written {
    /// Which organisation it says that it is, beside the document.
    pub fn organisation(&self) -> Option<Uuid> {
        self.keywords.iter().find_map(|keyword| keyword.strip_prefix(ORGANISATION)?.parse().ok())
    }

    /// The same in the document.
    pub fn organisation_in_text(&self) -> Option<Uuid> {
        #[derive(Deserialize)]
        struct OfOrganisation {
            organisation: Uuid,
        }
        let found = serde_json::from_str::<OfOrganisation>(&self.text()?).ok()?;
        Some(found.organisation)
    }

    /// What it says, as a text; none: nothing yet. Several values, which only people write, are no document together.
    pub fn text(&self) -> Option<String> {
        let texts = self.texts.iter().map(|text| String::from_utf8_lossy(text));
        (!self.texts.is_empty()).then(|| texts.collect::<Vec<_>>().join("\n"))
    }
}

#[derive(Debug, Clone)]
pub(in crate::organisation) struct Contents {
    mark: Mark,
    pub parts: BTreeMap<Part, Written>,
    /// Names of objects that are none of ours.
    strangers: Vec<String>,
}

impl Contents {
    /// As an updater reads it.
    pub async fn read(directory: &Directory, place: &Place) -> Result<Self, PublishedError> {
        Self::ask(directory, place, &["objectGUID", "uSNChanged", TEXT, "keywords"], false).await
    }

    /// With who may do what, which administrators alone may read.
    pub async fn with_rights(directory: &Directory, place: &Place) -> Result<Self, PublishedError> {
        Self::ask(directory, place, &["objectGUID", "uSNChanged", TEXT, "keywords", RIGHTS], true).await
    }

    /// The mark alone, which takes a short answer.
    pub async fn mark(directory: &Directory, place: &Place) -> Result<Mark, PublishedError> {
        Ok(Self::ask(directory, place, &["objectGUID", "uSNChanged"], false).await?.mark)
    }

    async fn ask(
        directory: &Directory,
        place: &Place,
        attributes: &[&str],
        rights: bool,
    ) -> Result<Self, PublishedError> {
        let everything = Search::subtree(Base::Object(place.container()), "(objectClass=*)", attributes);
        match directory.newest(&Search { rights, ..everything }).await {
            Ok((session, entries)) => Ok(Self::of(session.controller(), &entries)),
            Err(DirectoryError::NoSuchObject { .. }) => Err(PublishedError::NoContainer { place: place.to_string() }),
            Err(error) => Err(error.into()),
        }
    }

    fn of(controller: &str, entries: &[Entry]) -> Self {
        // The one that all others end with, as this controller writes it.
        let container = entries.iter().map(|entry| entry.dn.as_str()).min_by_key(|dn| dn.len()).unwrap_or_default();
        let mut parts = BTreeMap::new();
        let mut strangers = Vec::new();
        for entry in entries {
            match part(&entry.dn, container) {
                Some(part) => drop(parts.insert(part, written(entry))),
                None => strangers.push(entry.dn.clone()),
            }
        }
        Self { mark: mark(controller, entries), parts, strangers }
    }

    /// Registrations that are understood, and what is wrong with the others.
    pub fn enrolled(&self) -> (Vec<Enrolled>, Vec<String>) {
        let (mut enrolled, mut problems) = (Vec::new(), Vec::new());
        for (part, written) in &self.parts {
            let Part::Registration(id) = part else { continue };
            match understood::<Enrolled>(written) {
                Ok(Some(found)) if found.registration.id == *id => enrolled.push(found),
                Ok(Some(found)) => {
                    problems.push(format!(
                        "The registration {} says that it is of the updater {}.",
                        written.dn, found.registration.id
                    ));
                }
                Ok(None) => problems.push(format!("The registration {} says nothing.", written.dn)),
                Err(why) => problems.push(format!("The registration {} can't be read: {why}.", written.dn)),
            }
        }
        (enrolled, problems)
    }

    fn sightings(&self, problems: &mut Vec<String>) -> BTreeMap<Uuid, Sighting> {
        let mut sightings = BTreeMap::new();
        for (part, written) in &self.parts {
            let Part::Sighting(id) = part else { continue };
            match understood::<Sighting>(written) {
                Ok(sighting) => sightings.extend(sighting.map(|sighting| (*id, sighting))),
                Err(why) => problems.push(format!("What {} says about itself can't be read: {why}.", written.dn)),
            }
        }
        sightings
    }

    /// What an updater goes by; none when the place of the document is not there, or may not be seen.
    pub fn found(&self) -> Option<Found> {
        let configuration = self.parts.get(&Part::Configuration)?;
        let (enrolled, mut problems) = self.enrolled();
        if configuration.texts.len() > 1 {
            problems.push(format!("{} has {} values of {TEXT}.", configuration.dn, configuration.texts.len()));
        }
        let sightings = self.sightings(&mut problems);
        problems.extend(self.strangers.iter().map(|dn| format!("{dn} is no object of Sent Items Update.")));
        Some(Found {
            mark: self.mark.clone(),
            configuration: configuration.text(),
            updaters: enrolled.into_iter().map(|enrolled| enrolled.registration).collect(),
            sightings,
            problems,
        })
    }

    /// Why `account` does not see the place of the document.
    pub fn missing(&self, account: &str, place: &Place) -> PublishedError {
        // Who may look into the container sees this one.
        if self.parts.contains_key(&Part::Updaters) {
            return PublishedError::NoContainer { place: place.configuration() };
        }
        PublishedError::Directory(DirectoryError::Denied {
            account: account.to_owned(),
            doing: "reading the organisation's configuration",
            said: "it is the account of no registered updater, or no longer; siu-updater register makes it one"
                .to_owned(),
        })
    }
}

/// Which of our objects has this name below the container.
fn part(dn: &str, container: &str) -> Option<Part> {
    let path = dn.strip_suffix(container)?.trim_end_matches(',');
    let id = |path: &str, below: &str| path.strip_suffix(below)?.strip_prefix("CN=")?.parse::<Uuid>().ok();
    match path {
        "" => Some(Part::Container),
        "CN=Configuration" => Some(Part::Configuration),
        "CN=Updaters" => Some(Part::Updaters),
        "CN=Sightings" => Some(Part::Sightings),
        path => {
            id(path, ",CN=Updaters").map(Part::Registration).or_else(|| id(path, ",CN=Sightings").map(Part::Sighting))
        }
    }
}

fn written(entry: &Entry) -> Written {
    Written {
        dn: entry.dn.clone(),
        texts: entry.values(TEXT).to_vec(),
        keywords: entry.texts("keywords").map(str::to_owned).collect(),
        shows_rights: entry.has(RIGHTS),
        rights: entry.bytes(RIGHTS).and_then(Rights::read),
    }
}

/// Update sequence numbers are each controller's own.
fn mark(controller: &str, entries: &[Entry]) -> Mark {
    let mut changes: Vec<_> = entries
        .iter()
        .map(|entry| (entry.bytes("objectGUID").unwrap_or_default(), entry.bytes("uSNChanged").unwrap_or_default()))
        .collect();
    changes.sort_unstable();
    let mut digest = Sha256::new_with_prefix(controller);
    for (object, number) in changes {
        for bytes in [object, number] {
            digest.update([u8::try_from(bytes.len()).unwrap_or(u8::MAX)]);
            digest.update(bytes);
        }
    }
    let hex: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Mark(format!("{controller} {hex}"))
}

/// None: it says nothing yet.
fn understood<T: DeserializeOwned>(written: &Written) -> Result<Option<T>, String> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    match written.texts.as_slice() {
        [] => Ok(None),
        [text] => {
            let Format { format } = serde_json::from_slice(text).map_err(|error| error.to_string())?;
            if format > FORMAT {
                return Err(format!("it is of a later version (format {format})"));
            }
            serde_json::from_slice(text).map(Some).map_err(|error| error.to_string())
        }
        several => Err(format!("it has {} values of {TEXT}", several.len())),
    }
}

/// What is written into an object.
pub(in crate::organisation) fn text<T: Serialize>(value: &T) -> Vec<u8> {
    // Plain data with text for keys: nothing of it can fail.
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: &str = "CN=Sent Items Update,CN=Program Data,DC=x";

    fn registration(id: Uuid) -> Enrolled {
        Enrolled {
            registration: Registration {
                format: 1,
                id,
                name: "srv1".to_owned(),
                key: "age1".to_owned(),
                account: "SRV1$@x".to_owned(),
                registered_by: "anna@x".to_owned(),
                registered_at: "2026-01-01T00:00:00Z".parse().unwrap(),
            },
            account_sid: Some("S-1-5-21-7-1000".to_owned()),
        }
    }

    fn entry(path: &str, usn: &str, texts: &[&str]) -> Entry {
        let dn = if path.is_empty() { AT.to_owned() } else { format!("{path},{AT}") };
        let texts: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
        Entry::of(&dn, &[("objectGUID", &[path.as_bytes()]), ("uSNChanged", &[usn.as_bytes()]), (TEXT, &texts)])
    }

    fn contents(entries: &[Entry]) -> Contents {
        Contents::of("dc1:636", entries)
    }

    /// P1, P2: what is broken is named and takes nothing else with it.
    #[test]
    fn what_is_understood_is_given_and_what_is_not_is_named() {
        let (good, other, later) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
        let right = String::from_utf8(text(&registration(good))).unwrap();
        let newer = right.replace("\"format\":1", "\"format\":2");
        let found = contents(&[
            entry("", "1", &[]),
            entry("CN=Configuration", "2", &["{\"format\":1}"]),
            entry("CN=Updaters", "3", &[]),
            entry(&format!("CN={good},CN=Updaters"), "4", &[&right]),
            entry(&format!("CN={other},CN=Updaters"), "5", &[&right]),
            entry(&format!("CN={later},CN=Updaters"), "6", &[&newer]),
            entry("CN=Note,CN=Updaters", "7", &[]),
            entry("CN=Sightings", "8", &[]),
            entry(&format!("CN={good},CN=Sightings"), "9", &[]),
            entry(&format!("CN={other},CN=Sightings"), "9", &["{\"form"]),
        ])
        .found()
        .unwrap();
        assert_eq!(found.configuration.as_deref(), Some("{\"format\":1}"));
        assert_eq!(found.updaters, [registration(good).registration]);
        assert!(found.sightings.is_empty());
        for (problem, words) in found.problems.iter().zip([
            "says that it is of the updater",
            "it is of a later version (format 2)",
            "says about itself can't be read",
            "is no object of Sent Items Update",
        ]) {
            assert!(problem.contains(words), "{:?}", found.problems);
        }
        assert_eq!(found.problems.len(), 4);
    }

    /// P2: two values, as only a person writes them, are no document, and no empty place either.
    #[test]
    fn several_documents_are_none() {
        let found = contents(&[entry("", "1", &[]), entry("CN=Configuration", "2", &["{}", "{ }"])]).found().unwrap();
        assert!(serde_json::from_str::<serde_json::Value>(found.configuration.as_deref().unwrap()).is_err());
        assert!(found.problems[0].contains("2 values"), "{:?}", found.problems);
    }

    /// P2
    #[test]
    fn the_mark_changes_with_every_change_and_with_the_controller_and_with_nothing_else() {
        let entries = [entry("", "1", &[]), entry("CN=Configuration", "2", &["{}"])];
        let mark = |entries: &[Entry]| contents(entries).mark;
        let before = mark(&entries);
        let [container, configuration] = entries.clone();
        assert_eq!(mark(&[configuration.clone(), container.clone()]), before);
        assert_ne!(mark(&[container.clone(), entry("CN=Configuration", "3", &["{}"])]), before);
        assert_ne!(mark(&[container]), before);
        assert_ne!(Contents::of("dc2:636", &entries).mark, before);
    }

    /// P2: an updater that an administrator removed is told from a container that went.
    #[test]
    fn who_may_not_look_is_told_so_and_who_may_is_told_what_is_gone() {
        let place = Place::new("x", None).unwrap();
        let outside = contents(&[entry("", "1", &[])]);
        assert!(outside.found().is_none());
        let error = outside.missing("SRV1$", &place);
        assert!(matches!(&error, PublishedError::Directory(DirectoryError::Denied { .. })), "{error}");
        let inside = contents(&[entry("", "1", &[]), entry("CN=Updaters", "2", &[])]);
        assert!(matches!(inside.missing("SRV1$", &place), PublishedError::NoContainer { .. }));
    }
}
