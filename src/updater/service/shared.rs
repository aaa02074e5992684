//! What all parts of the running updater share.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::pipe::types::{API, Activity, DoorStatus, Status};
use crate::settings::Settings;
use crate::updater::exchange::OnDemand;
use crate::updater::organisation::Organisation;
use crate::updater::queue::{Queue, RESERVE};
use crate::updater::scope::Scope;
use crate::updater::settings_store::SettingsStore;

/// The doors beside the local API, as they stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Doors {
    pub smtp: Option<DoorStatus>,
    pub pickup: Option<DoorStatus>,
}

/// The running updater, as its parts see it.
pub struct Shared {
    pub queue: Queue,
    pub settings: Arc<SettingsStore>,
    /// Where they are published, and who shares them.
    pub organisation: Organisation,
    /// Whose mailboxes are updated.
    pub scope: Scope,
    /// The way to Exchange for what persons ask.
    pub exchange: OnDemand,
    pub activity: watch::Sender<Activity>,
    pub doors: watch::Sender<Doors>,
    /// Cancelled when the updater is to stop.
    pub stop: CancellationToken,
    started_at: Timestamp,
    sandbox: bool,
    data: PathBuf,
    /// What was found at the start and stays true.
    found: Vec<String>,
}

impl Shared {
    #[allow(clippy::too_many_arguments, reason = "made at one place of what was opened there")]
    pub(super) fn new(
        queue: Queue,
        settings: Arc<SettingsStore>,
        organisation: Organisation,
        scope: Scope,
        activity: watch::Sender<Activity>,
        stop: CancellationToken,
        sandbox: bool,
        data: PathBuf,
    ) -> Self {
        let mut found: Vec<_> = queue.set_aside().iter().map(|folder| set_aside(folder)).collect();
        found.extend(open_to_others(&data));
        let started_at = queue.clock().now();
        Self {
            queue,
            settings,
            organisation,
            scope,
            exchange: OnDemand::default(),
            activity,
            doors: watch::Sender::default(),
            stop,
            started_at,
            sandbox,
            data,
            found,
        }
    }

    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    #[must_use]
    pub fn status(&self) -> Status {
        let in_force = self.settings.get();
        let doors = self.doors.borrow().clone();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            api: API,
            process: std::process::id(),
            started_at: self.started_at,
            sandbox: self.sandbox,
            activity: self.activity.borrow().clone(),
            account: in_force.settings.account.as_ref().map(|account| account.user.clone()),
            ews_url: in_force.settings.connection.as_ref().map(|connection| connection.ews_url.clone()),
            counts: self.queue.counts(),
            smtp: doors.smtp,
            pickup: doors.pickup,
            scope: self.scope.summary(),
            configuration: self.organisation.summary(),
            data: self.data.clone(),
            notices: self.notices(),
        }
    }

    fn notices(&self) -> Vec<String> {
        let mut notices = self.found.clone();
        notices.extend(self.settings.secret_problem().map(|problem| in_a_sentence(&problem.to_string())));
        notices.extend(self.organisation.notices());
        notices.extend(self.queue.problem().map(|problem| unwritable(&problem, self.queue.address().is_some())));
        notices.extend(self.scope.notices());
        notices.extend(self.queue.notices());
        notices.extend(another_queue(&self.settings.get().settings, self.queue.address().as_deref()));
        notices.extend(fs4::available_space(&self.data).ok().and_then(|room| short_of_room(&self.data, room)));
        notices
    }
}

fn another_queue(settings: &Settings, in_use: Option<&str>) -> Option<String> {
    let set = settings.queue.as_ref().map(|queue| queue.address.as_str());
    (set != in_use && (set.is_some() || in_use.is_none())).then(|| {
        format!(
            "The settings name another queue than the one in use: {}. It is used from the next start on, unless the \
             command line names one.",
            set.unwrap_or("the embedded one")
        )
    })
}

fn set_aside(folder: &Path) -> String {
    format!(
        "A damaged queue was set aside in {}. Messages that waited in it are not updated: save what can be saved \
         (for example with `sqlite3 queue.sqlite .recover`), hand it over again, and remove the folder.",
        folder.display()
    )
}

fn unwritable(problem: &str, is_shared: bool) -> String {
    let place = if is_shared { "the disk of the queue's database" } else { "the disk with the data folder" };
    format!(
        "The queue could not be written the last time ({problem}): messages are refused for now, and whoever sends them \
         tries again. See to {place}, its free space and its rights."
    )
}

/// Told before it hurts.
fn short_of_room(data: &Path, room: u64) -> Option<String> {
    (room < 2 * RESERVE).then(|| {
        format!(
            "The disk with {} has only {} MB left: below {} MB no message is accepted.",
            data.display(),
            room >> 20,
            RESERVE >> 20
        )
    })
}

/// A data folder that was there before us may have any rights; ours to tell, not to change.
fn open_to_others(data: &Path) -> Option<String> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let mode = std::fs::metadata(data).ok()?.mode();
        if mode & 0o077 != 0 {
            return Some(format!(
                "Other users can look into {}, which holds messages: take their rights away (chmod 700).",
                data.display()
            ));
        }
    }
    #[cfg(not(unix))]
    let _ = data;
    None
}

fn in_a_sentence(problem: &str) -> String {
    let mut letters = problem.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}
