//! The organisation's configuration at this updater: looked at again and again, taken over, and published by whoever
//! changes the settings here (P1–P3).
//!
//! ```text
//!             ┌──────────────── look ◀──────── keeper (every half minute), local API (seal)
//!  Published ─┤                   │
//!  (directory)│   judged: taken over · as it was · refused
//!             │                   ▼
//!             └─ publish ◀─ change ──▶ SettingsStore ──▶ everything that watches it
//! ```
//!
//! The settings' file holds the last good configuration, so an updater that starts while the directory is away works as
//! before. One that has joined no organisation goes the same way, with nothing to publish to.

mod change;
mod error;
mod judge;
mod keeper;
mod look;
mod membership;
mod report;
mod seal;
mod state;
#[cfg(test)]
mod tests;
mod who;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};

pub use error::ChangeError;
pub use keeper::Keeper;
use look::Work;
use state::State;

use super::clock::Clock;
use super::settings_store::SettingsStore;
use crate::directory::{Directory, SignIn};
use crate::organisation::Published;
use crate::organisation::in_directory::InDirectory;
use crate::organisation::key::UpdaterKey;
use crate::organisation::registration::{JoinedTo, Place};

/// Makes the way to what is published, or says in words why there is none.
pub type Reach = dyn Fn(&JoinedTo, SignIn) -> Result<Arc<dyn Published>, String> + Send + Sync;

/// How long the directory may take for one thing that it is asked for, another controller included when one does not react.
const WITHIN: Duration = Duration::from_secs(40);

/// The way to Active Directory.
///
/// # Errors
/// When what was joined names no directory that could be asked, in words.
pub fn in_active_directory(joined: &JoinedTo, sign_in: SignIn) -> Result<Arc<dyn Published>, String> {
    let directory = Directory::new(&joined.directory, sign_in).map_err(|error| error.to_string())?;
    let published = InDirectory::new(directory, joined.place.as_deref()).map_err(|error| error.to_string())?;
    Ok(Arc::new(published))
}

/// The organisation as this updater knows it. Cheap to clone.
#[derive(Clone)]
pub struct Organisation(Arc<Inner>);

struct Inner {
    place: Place,
    settings: Arc<SettingsStore>,
    clock: Clock,
    reach: Arc<Reach>,
    /// Messages that wait.
    backlog: Box<dyn Fn() -> u64 + Send + Sync>,
    /// Name of the computer.
    name: String,
    /// One at a time talks to the directory, or changes the settings.
    working: tokio::sync::Mutex<Work>,
    state: Mutex<State>,
    /// Wakes the keeper.
    wake: Notify,
    changed: watch::Sender<u64>,
}

impl Organisation {
    /// Knows from then on what was joined. The directory is not asked yet.
    pub fn open(
        folder: &Path,
        settings: Arc<SettingsStore>,
        clock: Clock,
        reach: Arc<Reach>,
        backlog: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Self {
        let name = gethostname::gethostname().to_string_lossy().into_owned();
        Self::open_named(name, folder, settings, clock, reach, backlog)
    }

    fn open_named(
        name: String,
        folder: &Path,
        settings: Arc<SettingsStore>,
        clock: Clock,
        reach: Arc<Reach>,
        backlog: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Self {
        let place = Place::new(folder);
        let state = State::new(place.open());
        Self(Arc::new(Inner {
            place,
            settings,
            clock,
            reach,
            backlog: Box::new(backlog),
            name,
            working: tokio::sync::Mutex::default(),
            state: Mutex::new(state),
            wake: Notify::new(),
            changed: watch::Sender::default(),
        }))
    }

    /// Changes whenever the status may say something else.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> i64 {
        self.0.clock.now_ms()
    }

    fn tell(&self) {
        self.0.changed.send_modify(|count| *count += 1);
    }

    /// The key pair of this updater, made when it is first needed; and its identifier stays from then on.
    fn key(&self) -> Result<Arc<UpdaterKey>, ChangeError> {
        let mut state = self.state();
        if let Some(key) = &state.key {
            return Ok(key.clone());
        }
        let membership = state.membership()?.clone();
        let key = Arc::new(self.0.place.key(membership.id)?);
        if !self.0.place.is_written() {
            self.0.place.write(&membership)?;
        }
        state.key = Some(key.clone());
        Ok(key)
    }

    /// What `work` gives, if it comes in time.
    async fn within<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let until = self.now() + i64::try_from(WITHIN.as_millis()).unwrap_or(i64::MAX);
        let bound = async {
            while self.now() < until {
                self.0.clock.sleep_until_ms(until).await;
            }
        };
        tokio::select! {
            result = work => Some(result),
            () = bound => None,
        }
    }
}
