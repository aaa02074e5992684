//! What is known of other servers than the configured one, as long as the same settings are in force: shared by the engine
//! and by what persons ask, so that nobody searches for what another has found.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

use crate::settings::SmtpAddress;

/// In milliseconds.
pub(super) const MINUTE: i64 = 60_000;

/// Pauses between searches that lead nowhere, in minutes; the last one repeats.
const PAUSES: [i64; 6] = [1, 2, 5, 15, 30, 60];

/// Searches for single mailboxes at the same time.
const AT_ONCE: usize = 2;

/// Servers by the addresses of their EWS.
pub struct Servers {
    known: Mutex<Known>,
    /// One search for a server that is gone.
    pub(super) gone: tokio::sync::Mutex<()>,
    pub(super) moved: Semaphore,
}

#[derive(Default)]
pub(super) struct Known {
    /// In place of the configured server, until then.
    pub stand_in: Option<(String, i64)>,
    pub pause: Pause,
    pub mailboxes: HashMap<String, Whereabouts>,
}

/// What is known of one mailbox.
#[derive(Default)]
pub(super) struct Whereabouts {
    pub server: Option<(String, i64)>,
    pub pause: Pause,
}

/// When may be searched again.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Pause {
    searches: usize,
    pub until: i64,
}

impl Pause {
    pub fn failed(&mut self, now: i64) {
        self.until = now + PAUSES[self.searches.min(PAUSES.len() - 1)] * MINUTE;
        self.searches += 1;
    }

    pub fn succeeded(&mut self, now: i64) {
        *self = Self { searches: 0, until: now + PAUSES[0] * MINUTE };
    }
}

impl Servers {
    /// The server of a mailbox, where it is another than the configured one.
    pub(super) fn of(&self, address: &SmtpAddress, now: i64) -> Option<String> {
        let mut known = self.known();
        if known.stand_in.as_ref().is_some_and(|(_, until)| *until <= now) {
            known.stand_in = None;
        }
        let own = known.mailboxes.get(address.folded()).and_then(|one| one.server.as_ref());
        let own = own.filter(|(_, until)| *until > now);
        own.or(known.stand_in.as_ref()).map(|(url, _)| url.clone())
    }

    pub(super) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Servers {
    fn default() -> Self {
        Self { known: Mutex::default(), gone: tokio::sync::Mutex::default(), moved: Semaphore::new(AT_ONCE) }
    }
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Servers").finish_non_exhaustive()
    }
}
