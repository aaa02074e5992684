//! Keeps one door as the settings want it.

use std::fmt::Debug;
use std::sync::Arc;

use tracing::{info, warn};

use crate::pipe::types::DoorStatus;
use crate::settings::IntakeSettings;
use crate::updater::service::{Doors, Shared};

/// A way in, beside the local API.
pub trait Door: Sized + Send {
    type Settings: Debug + Clone + PartialEq + Send;

    /// What the settings say of this door; none: it is to be closed.
    fn wanted(intake: &IntakeSettings) -> Option<Self::Settings>;
    /// Address or folder, for the status.
    fn place(settings: &Self::Settings) -> String;
    /// Opens it, or says why that is not possible now.
    fn open(settings: &Self::Settings, shared: &Arc<Shared>) -> impl Future<Output = Result<Self, String>> + Send;
    /// Where it is in fact: a port that the system chose, for example.
    fn opened_at(&self) -> Option<String> {
        None
    }
    /// Returns when something of it changed: what is wrong with it though it is open, or nothing any more.
    fn changed(&mut self) -> impl Future<Output = News> + Send;
    /// Lets nobody in any more, and finishes with those who are in.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// What an open door reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// It stays open and works, with this problem or without one.
    Problem(Option<String>),
    /// It broke and has to be opened anew.
    Broken(String),
}

/// Pauses before a door that could not be opened is tried again, in seconds; the last one repeats.
const PAUSES: [i64; 4] = [1, 5, 15, 30];

pub struct Keeper<D: Door> {
    shared: Arc<Shared>,
    show: fn(&mut Doors) -> &mut Option<DoorStatus>,
    open: Option<(D::Settings, D)>,
    failures: usize,
    /// When to try to open it again (milliseconds since 1970).
    try_at: i64,
}

impl<D: Door> Keeper<D> {
    pub fn new(shared: Arc<Shared>, show: fn(&mut Doors) -> &mut Option<DoorStatus>) -> Self {
        Self { shared, show, open: None, failures: 0, try_at: 0 }
    }

    pub async fn run(mut self) {
        let shared = self.shared.clone();
        let clock = shared.queue.clock().clone();
        let mut settings = shared.settings.watch();
        let mut wanted = None;
        loop {
            let now_wanted = D::wanted(&settings.borrow_and_update().settings.intake);
            if now_wanted != wanted {
                wanted = now_wanted;
                self.close().await;
                self.failures = 0;
                self.try_at = 0;
                self.tell(wanted.as_ref().map(|wanted| (D::place(wanted), None)));
            }
            if let Some(wanted) = &wanted
                && self.open.is_none()
                && clock.now_ms() >= self.try_at
            {
                self.try_to_open(wanted).await;
            }
            let try_at = if wanted.is_some() && self.open.is_none() { self.try_at } else { i64::MAX };
            tokio::select! {
                () = shared.stop.cancelled() => break,
                Ok(()) = settings.changed() => {}
                () = clock.sleep_until_ms(try_at), if try_at < i64::MAX => {}
                news = news(&mut self.open) => self.heard(news),
            }
        }
        self.close().await;
        self.tell(None);
    }

    async fn try_to_open(&mut self, wanted: &D::Settings) {
        match D::open(wanted, &self.shared).await {
            Ok(door) => {
                let place = door.opened_at().unwrap_or_else(|| D::place(wanted));
                info!(place, "a door is open");
                self.open = Some((wanted.clone(), door));
                self.failures = 0;
                self.tell(Some((place, None)));
            }
            Err(problem) => self.failed(D::place(wanted), problem),
        }
    }

    /// Tells the problem, in the log only when it is news, and plans the next try.
    fn failed(&mut self, place: String, problem: String) {
        let told = (self.show)(&mut self.shared.doors.borrow().clone()).clone();
        if told.and_then(|door| door.problem).as_ref() != Some(&problem) {
            warn!(place, problem, "a door can't be opened; it is tried again");
        }
        let pause = PAUSES[self.failures.min(PAUSES.len() - 1)];
        self.failures += 1;
        self.try_at = self.shared.queue.clock().now_ms() + pause * 1000;
        self.tell(Some((place, Some(problem))));
    }

    fn heard(&mut self, news: News) {
        let Some((settings, door)) = &self.open else { return };
        let place = door.opened_at().unwrap_or_else(|| D::place(settings));
        match news {
            News::Problem(problem) => self.tell(Some((place, problem))),
            News::Broken(problem) => {
                let place = D::place(settings);
                self.open = None;
                self.failed(place, problem);
            }
        }
    }

    async fn close(&mut self) {
        if let Some((settings, door)) = self.open.take() {
            let place = door.opened_at().unwrap_or_else(|| D::place(&settings));
            door.close().await;
            info!(place, "a door is closed");
        }
    }

    fn tell(&self, status: Option<(String, Option<String>)>) {
        let status = status.map(|(place, problem)| DoorStatus { place, problem });
        self.shared.doors.send_if_modified(|doors| {
            let shown = (self.show)(doors);
            let changed = *shown != status;
            *shown = status;
            changed
        });
    }
}

async fn news<D: Door>(open: &mut Option<(D::Settings, D)>) -> News {
    match open {
        Some((_, door)) => door.changed().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
