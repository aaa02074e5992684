//! The pickup folder, kept watched.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::keeper::{self, News};
use super::running::Running;
use crate::settings::{IntakeSettings, PickupSettings};
use crate::updater::gate::Gate;
use crate::updater::intake::pickup::PickupDoor;
use crate::updater::service::Shared;

pub struct Door {
    running: Running,
}

impl keeper::Door for Door {
    type Settings = PickupSettings;

    fn wanted(intake: &IntakeSettings) -> Option<PickupSettings> {
        intake.pickup.clone()
    }

    fn place(settings: &PickupSettings) -> String {
        settings.folder.display().to_string()
    }

    /// Never fails: a folder that is not there may come, and until then it is the door's problem.
    async fn open(settings: &PickupSettings, shared: &Arc<Shared>) -> Result<Self, String> {
        let stop = CancellationToken::new();
        let gate = Arc::new(Gate::new(shared.queue.clone()));
        let queue = &shared.queue;
        let door = PickupDoor::new(settings, queue.spool().clone(), gate, queue.clock().clone());
        Ok(Self { running: Running::start(door.problem(), stop.clone(), door.run(stop)) })
    }

    async fn changed(&mut self) -> News {
        self.running.changed().await
    }

    async fn close(self) {
        self.running.close().await;
    }
}
