//! Brings the rights of our objects to what the registrations say.

use uuid::Uuid;

use super::{Administration, AdministrationError};
use crate::directory::{ChangeError, DirectoryError, RIGHTS, Rights, Sid};
use crate::organisation::grants::{Grantees, grant};
use crate::organisation::in_directory::{Part, Written};

/// Of two administrators at the same moment one may overwrite the rights that the other has just set. Each looks again after
/// it has changed anything, so the last one sees all registrations, gives what is missing and takes what is too much.
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
    /// `gone` is an account whose registration is gone, and with it what that gave.
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
            // Rights of a registration that is not understood stay what they are.
            let all_known = problems.is_empty();
            settled.notes = problems.into_iter().chain(unknown).collect();
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
                let registered = |id: &Uuid| enrolled.iter().any(|one| one.registration.id == *id);
                if manner == Manner::Exactly && all_known && matches!(part, Part::Sighting(id) if !registered(id)) {
                    // What a removal left that broke off.
                    self.delete(doing, &written.dn).await?;
                    settled.done.push(format!("{} is removed: no updater of this name is registered.", written.dn));
                    continue;
                }
                let is_stale = |account: &Sid| all_known || Some(account) == gone;
                if let Some(rights) = due(&grantees, *part, written, manner, is_stale) {
                    let full = || AdministrationError::ListFull { dn: written.dn.clone() };
                    let bytes = rights.bytes().ok_or_else(full)?;
                    let session = self.directory.writer().session().await?;
                    changed = true;
                    last.clone_from(&written.dn);
                    match session.set_rights(&written.dn, bytes).await {
                        Ok(()) => {}
                        // Somebody removes an updater at this moment.
                        Err(ChangeError::Other(DirectoryError::NoSuchObject { .. })) => continue,
                        Err(error) => return Err(self.refused(doing, error.plain())),
                    }
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

/// The rights that an object should get; none when it has them. `is_stale` tells of an account that has no registration
/// whether what only registrations give is to be taken from it.
fn due(
    grantees: &Grantees,
    part: Part,
    written: &Written,
    manner: Manner,
    is_stale: impl Fn(&Sid) -> bool,
) -> Option<Rights> {
    let wanted = grantees.rights(part);
    // Without a list, everybody may do everything.
    let Some(found) = &written.rights else { return Some(wanted) };
    let rights = match manner {
        Manner::Exactly => wanted,
        Manner::Adding => {
            let mut entries = found.entries.clone();
            entries.retain(|entry| {
                let given = entry.account().filter(|account| grant(part, account).as_ref() == Some(entry));
                wanted.entries.contains(entry) || !given.is_some_and(|account| is_stale(&account))
            });
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
