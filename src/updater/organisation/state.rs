//! What is known of the organisation between two looks.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::error::ChangeError;
use crate::organisation::key::UpdaterKey;
use crate::organisation::registration::{JoinedTo, Membership, MembershipError};
use crate::organisation::{Registration, Sighting};

const MINUTE: i64 = 60 * 1000;

/// How long a notice of something that has happened stays.
const DAY: i64 = 24 * 60 * MINUTE;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The directory does not answer, or not us.
    Away,
    /// A version that is older than what was in force already.
    Older,
    /// What is published, or the registration, has to be seen to.
    Published,
    /// Something of this computer's.
    Here,
}

impl Trouble {
    /// What goes by of itself, mostly, is no notice at once.
    fn told_after(self) -> i64 {
        match self {
            Self::Away => 60 * MINUTE,
            Self::Older => 15 * MINUTE,
            Self::Published | Self::Here => 0,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub trouble: Trouble,
    /// A sentence.
    pub words: String,
    since: i64,
}

/// What was read last.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub updaters: Vec<Registration>,
    pub sightings: BTreeMap<Uuid, Sighting>,
    /// Updaters that the secret is encrypted to, with their keys; none: there is no secret.
    pub recipients: Option<BTreeMap<Uuid, String>>,
    /// What of it was not understood.
    pub problems: Vec<String>,
}

#[derive(Default)]
pub struct State {
    membership: Option<Membership>,
    /// Why there is no membership to be known.
    broken: Option<String>,
    pub key: Option<Arc<UpdaterKey>>,
    pub seen: Seen,
    pub registered: bool,
    pub last_read: Option<Timestamp>,
    pub last_look: Option<Timestamp>,
    pub next_look: Option<Timestamp>,
    pub problem: Option<Problem>,
    /// Why the account's password can't be read from what is published.
    pub secret_problem: Option<String>,
    /// Which settings of this computer's own a copy was kept of: their version.
    pub kept: Option<String>,
    /// A change of this updater that another one has overtaken, and when that was seen.
    overtaken: Option<(i64, String)>,
}

impl State {
    pub fn new(membership: Result<Membership, MembershipError>) -> Self {
        match membership {
            Ok(membership) => Self { membership: Some(membership), ..Self::default() },
            Err(error) => Self { broken: Some(error.to_string()), ..Self::default() },
        }
    }

    pub fn membership(&self) -> Result<&Membership, ChangeError> {
        self.membership.as_ref().ok_or_else(|| ChangeError::Broken(self.broken.clone().unwrap_or_default()))
    }

    pub fn joined(&self) -> Option<&JoinedTo> {
        self.membership.as_ref()?.joined.as_ref()
    }

    /// As it is written down already.
    pub fn set_membership(&mut self, membership: Membership) {
        self.membership = Some(membership);
    }

    /// Forgets what was known of an organisation.
    pub fn forget(&mut self) {
        let (membership, broken, key) = (self.membership.take(), self.broken.take(), self.key.take());
        *self = Self { membership, broken, key, ..Self::default() };
    }

    /// What is wrong from now on; the same trouble goes on since when it began.
    pub fn set_problem(&mut self, problem: Option<(Trouble, String)>, now: i64) {
        let before = self.problem.take();
        self.problem = problem.map(|(trouble, words)| {
            let since = before.filter(|before| before.trouble == trouble).map_or(now, |before| before.since);
            Problem { trouble, words, since }
        });
    }

    pub fn set_overtaken(&mut self, words: String, now: i64) {
        self.overtaken = Some((now, words));
    }

    /// What is wrong at the moment, for whoever looks.
    pub fn words(&self) -> Option<String> {
        let broken = self.broken.as_ref().map(|problem| {
            format!(
                "What is known of the organisation can't be read, and the settings are kept as they are: {problem}."
            )
        });
        let problem = self.problem.as_ref().map(|problem| problem.words.clone());
        broken.or(problem).or_else(|| self.secret_problem.clone())
    }

    /// What an administrator should see to.
    pub fn notices(&self, now: i64) -> Vec<String> {
        let due = |problem: &&Problem| now >= problem.since + problem.trouble.told_after();
        let mut notices: Vec<String> = Vec::new();
        if self.broken.is_some() {
            notices.extend(self.words());
        }
        notices.extend(self.problem.as_ref().filter(due).map(|problem| problem.words.clone()));
        notices.extend(self.secret_problem.clone());
        notices.extend(self.seen.problems.iter().cloned());
        let overtaken = self.overtaken.as_ref().filter(|(at, _)| now < at + DAY);
        notices.extend(overtaken.map(|(_, words)| words.clone()));
        notices
    }
}
