//! Why settings of an organisation were not changed.

use crate::directory::DirectoryError;
use crate::organisation::PublishedError;
use crate::organisation::document::DocumentProblem;
use crate::organisation::key::KeyError;
use crate::organisation::registration::MembershipError;
use crate::updater::settings_store::StoreError;

/// Nothing was changed then, unless it says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// As without an organisation, a change that came too late included.
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("nothing was changed: {0}")]
    Directory(String),
    /// The directory answers, and it stays like this until somebody does something about it.
    #[error("nothing was changed: {0}")]
    Denied(String),
    #[error("{0}")]
    Unknown(String),
    #[error(
        "nothing was changed: what is published can't be used ({0}); when what is in force here is right, publish it \
         with siu-updater organisation publish"
    )]
    Refused(String),
    #[error(
        "nothing was changed: version {version} of {changed_by} was published meanwhile and is in force now; look at it, \
         and publish again if you mean it"
    )]
    Newer { version: u64, changed_by: String },
    #[error("nothing was changed: what is published was {0}")]
    NotOurs(String),
    #[error(
        "nothing was changed: this updater is not registered in the organisation; an administrator registers it with \
         siu-updater register, or it leaves with siu-updater organisation leave and has settings of its own"
    )]
    NotRegistered,
    #[error(
        "nothing was changed: the updater {id} is registered with another key than this one has; register it again with \
         siu-updater register"
    )]
    OtherKey { id: uuid::Uuid },
    #[error("this updater has joined no organisation: its settings are its own; siu-updater register has it join one")]
    NotJoined,
    #[error("this updater belongs to another organisation already; it has to leave that one first")]
    JoinedAnother,
    #[error("nothing was changed: {0}")]
    Document(#[from] DocumentProblem),
    #[error("nothing was changed: {0}")]
    Key(#[from] KeyError),
    #[error("nothing was changed: {0}")]
    Membership(#[from] MembershipError),
    /// What the data folder says of the organisation was not understood at the start.
    #[error("nothing was changed: {0}")]
    Broken(String),
    #[error("it is published, and could not be put in force here ({0}); that is tried again at the next look")]
    PublishedOnly(StoreError),
}

impl From<PublishedError> for ChangeError {
    fn from(error: PublishedError) -> Self {
        match error {
            PublishedError::Unknown(_) => Self::Unknown(error.to_string()),
            PublishedError::Directory(error) if is_lasting(&error) => Self::Denied(in_words(&error)),
            PublishedError::Directory(error) => Self::Directory(in_words(&error)),
            PublishedError::NoContainer { .. } => Self::Denied(error.to_string()),
            other => Self::Directory(other.to_string()),
        }
    }
}

fn is_lasting(error: &DirectoryError) -> bool {
    match error {
        DirectoryError::Settings(_) | DirectoryError::SignIn { .. } | DirectoryError::Denied { .. } => true,
        DirectoryError::NoneUsable { errors, .. } => errors.iter().any(is_lasting),
        _ => false,
    }
}

/// A part of a sentence.
pub(super) fn in_words(error: &DirectoryError) -> String {
    let (what, advice) = (error.to_string(), error.advice());
    // Who has the right is no administrator here but a registered updater, which it says itself.
    let advice = if matches!(error, DirectoryError::Denied { .. }) { String::new() } else { advice };
    let (what, advice) = (what.trim_end_matches('.'), advice.trim_end_matches('.'));
    if advice.is_empty() { what.to_owned() } else { format!("{what} ({advice})") }
}

pub(super) fn phrase(error: &PublishedError) -> String {
    match error {
        PublishedError::Directory(error) => in_words(error),
        other => other.to_string(),
    }
}
