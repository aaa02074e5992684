//! Keeps the doors as the settings want them: opened, closed, and opened anew when their settings change. A door that
//! can't be opened, or breaks, is a problem in the status and is tried again; the others and the work go on.

mod keeper;
mod pickup;
mod running;
mod smtp;

use std::sync::Arc;

use super::Shared;

/// Runs until the updater stops; the doors are closed then.
pub(super) async fn run(shared: Arc<Shared>) {
    let limit = shared.clone();
    let smtp = keeper::Keeper::<smtp::Door>::new(shared.clone(), |doors| &mut doors.smtp);
    let pickup = keeper::Keeper::<pickup::Door>::new(shared, |doors| &mut doors.pickup);
    tokio::join!(smtp.run(), pickup.run(), keep_limit(limit));
}

/// The size limit holds for all doors alike, and for messages that begin to arrive after the change.
async fn keep_limit(shared: Arc<Shared>) {
    let mut settings = shared.settings.watch();
    loop {
        shared.queue.spool().limit(settings.borrow_and_update().settings.intake.max_message_bytes);
        tokio::select! {
            () = shared.stop.cancelled() => return,
            Ok(()) = settings.changed() => {}
        }
    }
}
