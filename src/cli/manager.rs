//! What the updater tells the service manager of Linux (sd_notify(3)): that it runs, how it is, that it lives, and that
//! it stops. Without a manager (`NOTIFY_SOCKET`) nothing is told, and nothing costs anything.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::task::JoinHandle;
use tracing::warn;

use crate::pipe::types::{Activity, Counts};
use crate::updater::service::Shared;

/// How often the manager gets to know how things are, unless its watchdog wants to hear more often.
const SAY_EVERY: Duration = Duration::from_secs(10);

/// What an orderly end takes beside `limits.stop_within`: doors, queue and local API have bounds of their own.
const END_TAKES: Duration = Duration::from_secs(60);

/// Goes on telling the manager that the updater lives, until dropped.
pub struct Manager {
    telling: Option<JoinHandle<()>>,
}

impl Manager {
    /// The updater takes messages in. From now on it says how it is.
    pub fn ready(shared: std::sync::Arc<Shared>) -> Self {
        if std::env::var_os("NOTIFY_SOCKET").is_none() {
            return Self { telling: None };
        }
        let sign = || words(&shared.activity.borrow(), &shared.queue.counts());
        tell(&[NotifyState::Ready, NotifyState::Status(&sign())]);
        // Half of the time that the watchdog waits, as sd_watchdog_enabled(3) advises.
        let every = sd_notify::watchdog_enabled().map_or(SAY_EVERY, |patience| SAY_EVERY.min(patience / 2));
        // A task of its own: when it comes no more, the threads that do the work don't, either.
        let telling = tokio::spawn(async move {
            let mut activity = shared.activity.subscribe();
            let mut beat = tokio::time::interval(every.max(Duration::from_millis(1)));
            let mut said = String::new();
            loop {
                tokio::select! {
                    _ = beat.tick() => {}
                    changed = activity.changed() => if changed.is_err() { return },
                }
                let words = words(&shared.activity.borrow(), &shared.queue.counts());
                if words == said {
                    tell(&[NotifyState::Watchdog]);
                } else {
                    tell(&[NotifyState::Watchdog, NotifyState::Status(&words)]);
                    said = words;
                }
            }
        });
        Self { telling: Some(telling) }
    }

    /// The updater was told to stop, and takes up to `within` seconds for what is under way. The manager waits as long.
    pub fn stopping(&self, within: u32) {
        if self.telling.is_none() {
            return;
        }
        let takes = u32::try_from((Duration::from_secs(within.into()) + END_TAKES).as_micros()).unwrap_or(u32::MAX);
        tell(&[
            NotifyState::Stopping,
            NotifyState::Status("finishes what is under way"),
            NotifyState::ExtendTimeoutUsec(takes),
        ]);
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        if let Some(telling) = self.telling.take() {
            telling.abort();
        }
    }
}

/// Not being heard is no reason to stop working.
fn tell(state: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(state) {
        warn!(%error, "the service manager could not be told");
    }
}

/// One line for `systemctl status`.
fn words(activity: &Activity, counts: &Counts) -> String {
    let activity = match activity {
        Activity::NotConfigured => "not configured yet",
        Activity::Off => "off; messages are kept",
        Activity::On => "on",
        Activity::Held { reason, .. } => &format!("held up: {}", reason.replace(['\n', '\r'], " ")),
    };
    format!("{activity}; {} waiting, {} failed", counts.waiting + counts.working, counts.failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_manager_shows_is_one_line_even_when_the_reason_has_several() {
        let held = Activity::Held { reason: "no route\nto\r\nhost".into(), until: jiff::Timestamp::UNIX_EPOCH };
        let counts = Counts { waiting: 3, working: 1, failed: 2, ..Counts::default() };
        assert_eq!(words(&held, &counts), "held up: no route to  host; 4 waiting, 2 failed");
        assert_eq!(words(&Activity::NotConfigured, &Counts::default()), "not configured yet; 0 waiting, 0 failed");
    }
}
