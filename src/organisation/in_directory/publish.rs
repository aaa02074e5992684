//! Puts a document in the place of the one that was read, and of no other.

use serde::Deserialize;
use uuid::Uuid;

use super::contents::Written;
use super::{InDirectory, MOST, TEXT, VERSION, WRITING};
use crate::directory::{Base, Change, ChangeError, DirectoryError, Search};
use crate::organisation::PublishedError;

/// How often a document is sent: the second time because a connection that was idle turned out to be gone.
const MOST_ATTEMPTS: usize = 2;

/// One request takes exactly the old value away and puts the new one in its place; it fails as a whole when the old one is
/// not there any more. (Active Directory compares values without regard to capital letters and accents: what differs from
/// the old one only so, and came after it was looked at here, is overwritten.)
///
/// An answer that is lost leaves open whether that happened. Then the document there is looked at: each has the number of
/// its own writing.
pub(super) async fn publish(
    at: &InDirectory,
    replacing: Option<&str>,
    document: &str,
    version: u64,
) -> Result<(), PublishedError> {
    if document.len() > MOST {
        return Err(PublishedError::TooLarge { bytes: document.len(), most: MOST });
    }
    let mut lost: Option<DirectoryError> = None;
    let mut attempts = 0;
    loop {
        let there = match (there(at).await, &lost) {
            (Ok(there), _) => there,
            (Err(PublishedError::Directory(error)), Some(_)) => return Err(PublishedError::Unknown(error)),
            (Err(error), _) => return Err(error),
        };
        if lost.is_some() && writing(document).is_some_and(|own| there.text().as_deref().and_then(writing) == Some(own))
        {
            return Ok(());
        }
        if there.text().as_deref() != replacing {
            return Err(PublishedError::Conflict);
        }
        // One that is late may still take effect; a second one beside it would make nothing clearer.
        let late = matches!(lost, Some(DirectoryError::Timeout { .. }));
        if let Some(error) = lost.take_if(|_| late || attempts == MOST_ATTEMPTS) {
            return Err(PublishedError::Unknown(error));
        }
        attempts += 1;
        let session = at.directory.writer().session().await?;
        let changes = changes(&there, document, version);
        match session.modify(&at.place.configuration(), changes).await {
            Ok(()) => return Ok(()),
            // Somebody was faster; after a lost answer it may have been this one.
            Err(ChangeError::Different(_) | ChangeError::Exists(_)) if lost.is_none() => {
                return Err(PublishedError::Conflict);
            }
            Err(ChangeError::Different(_) | ChangeError::Exists(_)) => {}
            Err(error) => {
                let error = error.plain();
                if !error.is_of_connection() {
                    return Err(error.into());
                }
                at.directory.writer().drop_session(&session, &error).await;
                match error {
                    // It said that it did not do it.
                    DirectoryError::Busy { .. } => return Err(error.into()),
                    error => lost = Some(error),
                }
            }
        }
    }
}

/// What the controller has at which all write.
async fn there(at: &InDirectory) -> Result<Written, PublishedError> {
    let name = at.place.configuration();
    let search = Search::object(Base::Object(&name), &[TEXT, "keywords"]);
    match at.directory.writer().all(&search).await {
        Ok(found) if !found.is_empty() => {
            let found = &found[0];
            Ok(Written {
                dn: name,
                texts: found.values(TEXT).to_vec(),
                keywords: found.texts("keywords").map(str::to_owned).collect(),
                ..Written::default()
            })
        }
        Ok(_) | Err(DirectoryError::NoSuchObject { .. }) => Err(at.missing().await),
        Err(error) => Err(error.into()),
    }
}

/// The old values go, and one comes. Keywords that tell of the writing go with them: where there is no document yet, they
/// are what the change depends on.
fn changes(there: &Written, document: &str, version: u64) -> Vec<Change<'static>> {
    let of_writing = |keyword: &&String| keyword.starts_with(VERSION) || keyword.starts_with(WRITING);
    let (old, others): (Vec<_>, Vec<_>) = there.keywords.iter().partition(of_writing);
    let bytes = |keyword: &String| keyword.as_bytes().to_vec();
    let number = writing(document).unwrap_or_else(Uuid::new_v4);
    let new = [format!("{VERSION}{version}"), format!("{WRITING}{number}")].map(String::into_bytes);
    let mut changes = Vec::new();
    if there.texts.is_empty() {
        // Where they were taken away by hand, one of two who add the same version is told that it is there.
        if !old.is_empty() {
            changes.push(Change::Remove("keywords", old.into_iter().map(bytes).collect()));
        }
        changes.push(Change::Add("keywords", new.into()));
    } else {
        changes.push(Change::Remove(TEXT, there.texts.clone()));
        changes.push(Change::Replace("keywords", others.into_iter().map(bytes).chain(new).collect()));
    }
    changes.push(Change::Add(TEXT, vec![document.as_bytes().to_vec()]));
    changes
}

/// The number of the writing that a document comes from.
fn writing(document: &str) -> Option<Uuid> {
    #[derive(Deserialize)]
    struct Writing {
        write: Uuid,
    }
    serde_json::from_str(document).ok().map(|Writing { write }| write)
}
