//! Wakes the messages that wait until it is known who is in scope, once more is known of it.

use std::sync::Arc;

use tracing::{info, warn};

use super::Shared;

/// Runs until the updater stops. At the start, too: what an earlier run put back may be known by now.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut resolved = shared.scope.watch_resolved();
    loop {
        match shared.queue.scope_known().await {
            Ok(0) => {}
            Ok(messages) => info!(messages, "more is known of the senders' scope; what waited for it is looked at"),
            Err(error) => warn!(%error, "what waits for the senders' scope could not be woken; it is looked at later"),
        }
        tokio::select! {
            () = shared.stop.cancelled() => return,
            changed = resolved.changed() => if changed.is_err() { return },
        }
    }
}
