//! What can stand against an administrator.

use crate::directory::DirectoryError;
use crate::organisation::Registration;

/// Why something that takes an administrator's rights did not come about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdministrationError {
    #[error("{who} may not {doing}: that takes a member of Domain Admins of {domain} ({said})")]
    NotAllowed {
        who: String,
        /// As in "may not register an updater".
        doing: &'static str,
        domain: String,
        /// Whoever has full control of it may do it, too.
        place: String,
        /// What the controller says.
        said: String,
    },
    #[error("the directory has no {parent} to keep the organisation's configuration in")]
    NoParent { parent: String },
    #[error("nothing of an organisation's configuration is at {place}")]
    NothingThere { place: String },
    /// `computer`: its account was looked for because no other was named.
    #[error("there is no account {name} in the domain")]
    NoAccount { name: String, computer: Option<String> },
    #[error("{name} stands for several accounts: {}", found.join(", "))]
    SeveralAccounts { name: String, found: Vec<String> },
    #[error("no updater {wanted:?} is registered{}", known_ones(known))]
    NoUpdater { wanted: String, known: Vec<Registration> },
    #[error("{wanted:?} stands for several updaters: {}", listed(several))]
    SeveralUpdaters { wanted: String, several: Vec<Registration> },
    /// The list of rights holds 64 KB.
    #[error("{dn} can't take rights for one account more: its list of rights is full")]
    ListFull { dn: String },
    /// Somebody else changes rights all the time.
    #[error("the rights of {dn} are changed by somebody else again and again")]
    Contended { dn: String },
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

/// By what an administrator works: advice names what they have at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    CommandLine,
    Panel,
}

impl AdministrationError {
    /// What to do about it, as a sentence.
    #[must_use]
    pub fn advice(&self, by: By) -> String {
        match (self, by) {
            (Self::NoParent { .. }, By::Panel) => {
                "Under Advanced, name a container or an organisational unit that is there.".to_owned()
            }
            (Self::NothingThere { .. }, By::Panel) => {
                "If it was deleted by mistake, register this updater again: that makes it anew.".to_owned()
            }
            (Self::NoAccount { computer: Some(computer), .. }, By::Panel) => format!(
                "Join {computer} to the domain, or enter the account that the service runs as, or choose another account."
            ),
            (Self::NoUpdater { .. } | Self::SeveralUpdaters { .. }, By::Panel) => {
                "Somebody may have removed it already: the table shows what is there after the next look.".to_owned()
            }
            _ => self.plain_advice(),
        }
    }

    fn plain_advice(&self) -> String {
        match self {
            Self::NotAllowed { place, .. } => {
                format!("Sign in as such a member, or have somebody who has full control over {place} do it.")
            }
            Self::NoParent { .. } => {
                "Name a container or an organisational unit that is there with --place.".to_owned()
            }
            Self::NothingThere { .. } => {
                "Name the place with --place if it is another, or register an updater there with siu-updater register."
                    .to_owned()
            }
            Self::NoAccount { computer: Some(computer), .. } => format!(
                "Join {computer} to the domain, or say with --account which account its updater signs in to the \
                 directory with."
            ),
            Self::NoAccount { computer: None, .. } => {
                "Check the spelling: name@domain for a user, NAME$ for a computer.".to_owned()
            }
            Self::SeveralAccounts { .. } => "Name one of these.".to_owned(),
            Self::NoUpdater { .. } | Self::SeveralUpdaters { .. } => {
                "Give the identifier, as siu-updater organisation shows it.".to_owned()
            }
            Self::ListFull { .. } => "Remove registrations that nobody needs.".to_owned(),
            Self::Contended { .. } => "Try again.".to_owned(),
            Self::Directory(error) => error.advice(),
        }
    }
}

fn known_ones(known: &[Registration]) -> String {
    if known.is_empty() { " (none is)".to_owned() } else { format!("; these are: {}", listed(known)) }
}

fn listed(updaters: &[Registration]) -> String {
    updaters.iter().map(|one| format!("{} ({})", one.id, one.name)).collect::<Vec<_>>().join(", ")
}
