//! The SMTP door, kept open.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::keeper::{self, News};
use super::running::Running;
use crate::settings::{IntakeSettings, SmtpSettings};
use crate::updater::gate::Gate;
use crate::updater::intake::smtp::SmtpDoor;
use crate::updater::service::Shared;

pub struct Door {
    running: Running,
    place: String,
}

impl keeper::Door for Door {
    type Settings = SmtpSettings;

    fn wanted(intake: &IntakeSettings) -> Option<SmtpSettings> {
        intake.smtp.clone()
    }

    fn place(settings: &SmtpSettings) -> String {
        settings.listen.to_string()
    }

    async fn open(settings: &SmtpSettings, shared: &Arc<Shared>) -> Result<Self, String> {
        let stop = CancellationToken::new();
        let gate = Arc::new(Gate::new(shared.queue.clone()));
        let door = SmtpDoor::bind(settings, shared.queue.spool().clone(), gate, stop.clone()).await;
        let door = door.map_err(|error| match error.kind() {
            std::io::ErrorKind::AddrInUse => "another program listens on this port already".to_owned(),
            std::io::ErrorKind::PermissionDenied => "the updater's account may not listen on this port".to_owned(),
            std::io::ErrorKind::AddrNotAvailable => "this machine does not have this address".to_owned(),
            _ => error.to_string(),
        })?;
        // With port 0 the system chooses.
        let place = door.local_addr().map_or_else(|_| Self::place(settings), |address| address.to_string());
        Ok(Self { running: Running::start(door.problem(), stop, door.run()), place })
    }

    fn opened_at(&self) -> Option<String> {
        Some(self.place.clone())
    }

    async fn changed(&mut self) -> News {
        self.running.changed().await
    }

    async fn close(self) {
        self.running.close().await;
    }
}
