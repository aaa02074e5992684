//! Role assignments: who holds ApplicationImpersonation, and under which name it was given.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::super::directory::{Directory, folded};

/// The role that is known here.
pub const ROLE: &str = "ApplicationImpersonation";

/// A role given to an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    pub name: String,
    pub upn: String,
}

/// Assignments that were made by name. A right that was given in another way has one whose name follows from the
/// account's.
#[derive(Debug, Default)]
pub struct Assignments {
    made: Mutex<Vec<Assignment>>,
}

impl Assignments {
    pub fn restore(&self, made: Vec<Assignment>) {
        *self.made() = made;
    }

    /// Those that were made by name.
    pub fn list(&self) -> Vec<Assignment> {
        self.made().clone()
    }

    /// All that there are.
    pub fn all(&self, directory: &Directory) -> Vec<Assignment> {
        let holders = directory.impersonators();
        let mut all: Vec<_> = self.made().iter().filter(|made| holders.contains(&folded(&made.upn))).cloned().collect();
        for upn in holders {
            if !all.iter().any(|assignment| folded(&assignment.upn) == upn) {
                let name = usual_name(directory, &upn);
                all.push(Assignment { name, upn });
            }
        }
        all
    }

    /// Adds one; with a name that nobody has when none is given. None: the name is taken.
    pub fn add(&self, directory: &Directory, upn: &str, name: Option<&str>) -> Option<Assignment> {
        let all = self.all(directory);
        let taken = |name: &str| all.iter().any(|assignment| folded(&assignment.name) == folded(name));
        let name = match name {
            Some(name) if taken(name) => return None,
            Some(name) => name.to_owned(),
            None => {
                let usual = usual_name(directory, upn);
                let numbered = (1..).map(|number| format!("{usual}-{number}"));
                std::iter::once(usual.clone()).chain(numbered).find(|name| !taken(name))?
            }
        };
        let mut made = self.made();
        // What was given in another way keeps its place beside the new one.
        for before in all.into_iter().filter(|before| folded(&before.upn) == folded(upn)) {
            if !made.contains(&before) {
                made.push(before);
            }
        }
        let assignment = Assignment { name, upn: folded(upn) };
        made.push(assignment.clone());
        Some(assignment)
    }

    /// Removes one by its name. Whether the account holds another one.
    pub fn remove(&self, removed: &Assignment) -> bool {
        let mut made = self.made();
        made.retain(|assignment| folded(&assignment.name) != folded(&removed.name));
        made.iter().any(|other| folded(&other.upn) == folded(&removed.upn))
    }

    fn made(&self) -> MutexGuard<'_, Vec<Assignment>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As Exchange names an assignment by itself; at most 64 characters.
fn usual_name(directory: &Directory, upn: &str) -> String {
    let person = directory.person(upn);
    let name = person.map_or_else(|| upn.to_owned(), |person| person.common_name().to_owned());
    format!("{ROLE}-{name}").chars().take(64).collect()
}
