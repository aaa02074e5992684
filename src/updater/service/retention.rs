//! Once a day, finished messages that were kept long enough are forgotten.

use std::sync::Arc;

use tracing::{info, warn};

use super::Shared;

const DAY: i64 = 24 * 3600 * 1000;

/// Runs until the updater stops: at once, then once a day.
pub(super) async fn run(shared: Arc<Shared>) {
    let clock = shared.queue.clock().clone();
    loop {
        let now = clock.now_ms();
        let days = i64::from(shared.settings.get().settings.schedule.keep_finished_days);
        let purged = tokio::select! {
            purged = purge(&shared, now.saturating_sub(days * DAY)) => purged,
            () = shared.stop.cancelled() => return,
        };
        if purged > 0 {
            info!(messages = purged, days, "finished messages were kept long enough and are forgotten");
        }
        while clock.now_ms() < now + DAY {
            tokio::select! {
                () = clock.sleep_until_ms(now + DAY) => {}
                () = shared.stop.cancelled() => return,
            }
        }
    }
}

/// The queue forgets some at a time, so that nobody waits long for it.
async fn purge(shared: &Shared, before: i64) -> u64 {
    let mut all = 0;
    loop {
        match shared.queue.purge(before).await {
            Ok(0) => return all,
            Ok(some) => all += some,
            Err(error) => {
                warn!(%error, "finished messages could not be forgotten; tried again tomorrow");
                return all;
            }
        }
    }
}
