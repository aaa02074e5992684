//! Brings the rights of our objects to what the registrations say.

use super::{Administration, AdministrationError};
use crate::directory::{RIGHTS, Rights, Sid};
use crate::organisation::grants::Grantees;
use crate::organisation::in_directory::{Part, Written};

/// Two administrators who register at the same moment may overwrite each other's rights; whoever looks last sees all
/// registrations, and gives what is missing.
const MOST_ROUNDS: usize = 8;

/// What happens to rights that are not ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// An administrator may have given them: they stay.
    Adding,
    /// They go.
    Exactly,
}

/// What was changed, and what could not be, a sentence each.
#[derive(Debug, Default)]
pub(super) struct Settled {
    pub done: Vec<String>,
    pub notes: Vec<String>,
}

impl Administration {
    /// `gone` is an account that no longer has a registration by which it got rights.
    pub(super) async fn settle(
        &self,
        doing: &'static str,
        manner: Manner,
        gone: Option<&Sid>,
    ) -> Result<Settled, AdministrationError> {
        let mut settled = Settled::default();
        let mut last = String::new();
        for _ in 0..MOST_ROUNDS {
            let contents = self.contents(doing).await?;
            let (enrolled, problems) = contents.enrolled();
            let grantees = self.grantees(&enrolled).await?;
            let unknown = enrolled.iter().filter(|one| !grantees.updaters.contains_key(&one.registration.id));
            let unknown = unknown.map(|one| {
                let registration = &one.registration;
                format!("{} gets no rights: the domain has no account {}.", registration.name, registration.account)
            });
            settled.notes = problems.into_iter().chain(unknown).collect();
            // Where two share an account, it keeps the rights of the other.
            let gone = gone.filter(|sid| !grantees.updaters.values().any(|other| other == *sid));
            let mut changed = false;
            for id in enrolled.iter().map(|one| one.registration.id) {
                let part = Part::Sighting(id);
                let full = || AdministrationError::ListFull { dn: self.place.sighting(id) };
                if !contents.parts.contains_key(&part) {
                    let rights = grantees.rights(part).bytes().ok_or_else(full)?;
                    let class = ("objectClass", b"serviceConnectionPoint".to_vec());
                    changed |= self.add(doing, &self.place.sighting(id), vec![class, (RIGHTS, rights)]).await?;
                }
            }
            for (part, written) in &contents.parts {
                if let Some(rights) = due(&grantees, *part, written, manner, gone) {
                    let full = || AdministrationError::ListFull { dn: written.dn.clone() };
                    let bytes = rights.bytes().ok_or_else(full)?;
                    let session = self.directory.writer().session().await?;
                    let set = session.set_rights(&written.dn, bytes).await;
                    set.map_err(|error| self.refused(doing, error.plain()))?;
                    changed = true;
                    last.clone_from(&written.dn);
                    let sentence = format!("The rights of {} are set.", written.dn);
                    if !settled.done.contains(&sentence) {
                        settled.done.push(sentence);
                    }
                }
            }
            if !changed {
                return Ok(settled);
            }
        }
        Err(AdministrationError::Contended { dn: last })
    }
}

/// The rights that an object should get; none when it has them.
fn due(grantees: &Grantees, part: Part, written: &Written, manner: Manner, gone: Option<&Sid>) -> Option<Rights> {
    let wanted = grantees.rights(part);
    // Without a list, everybody may do everything.
    let Some(found) = &written.rights else { return Some(wanted) };
    let rights = match manner {
        Manner::Exactly => wanted,
        Manner::Adding => {
            let mut entries = found.entries.clone();
            entries.retain(|entry| gone.is_none() || entry.account().as_ref() != gone);
            for entry in wanted.entries {
                if !entries.contains(&entry) {
                    entries.push(entry);
                }
            }
            Rights { protected: wanted.protected, entries }
        }
    };
    (!rights.same(found)).then_some(rights)
}
