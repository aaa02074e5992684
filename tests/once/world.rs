//! A sandbox organisation that outlives every updater, and one case in it.

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use sent_items_update::pipe::types::Listed;
use sent_items_update::sandbox::control::{Control, Delivery, ItemFilter, Limits, MailboxState};
use sent_items_update::sandbox::store::{FlagStatus, StoredItem};
use sent_items_update::sandbox::{Organisation, Sandbox, SandboxOptions};
use sent_items_update::settings::{Account, Connection, Settings};
use sent_items_update::updater::clock::Clock;
use sent_items_update::updater::queue::SharedAddress;
use sent_items_update::updater::settings_store::InForce;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use crate::mail::{ANNA, Mail};
use crate::scenario::{ELSEWHERE, Moved, Scenario, Stored};

pub struct World {
    /// Of the sandbox alone: what is killed has a runtime of its own.
    runtime: Runtime,
    sandbox: Option<Sandbox>,
    folder: TempDir,
    pub database: Option<Database>,
    pub control: Control,
    pub in_force: InForce,
    /// Cases of several worlds have different numbers.
    next: Cell<u64>,
}

/// A database that the updaters of a world share; without one each has an embedded queue of its own.
#[cfg_attr(not(unix), expect(dead_code, reason = "its server is run by tests on Unix"))]
pub struct Database {
    pub address: SharedAddress,
    /// Forgets what the last case left.
    pub empty: Box<dyn Fn()>,
}

/// Everything that outlives one updater.
pub struct Case<'s> {
    pub number: u64,
    pub scenario: &'s Scenario,
    pub clock: Clock,
    /// The updater's folder; after a power cut another one.
    pub folder: PathBuf,
    pub lives: usize,
    /// Which messages were acknowledged to whom handed them over; each `times` times.
    pub acknowledged: Arc<Mutex<Vec<Vec<bool>>>>,
    /// The client's copies as they were stored.
    pub originals: Arc<tokio::sync::Mutex<Vec<StoredItem>>>,
    /// What the queue said when all was finished.
    pub rows: Arc<Mutex<Option<Vec<Listed>>>>,
    /// For so many quiet moments more the mailbox is being moved.
    pub moving: AtomicUsize,
}

impl World {
    pub fn new(number: u64) -> Self {
        Self::on(None, number)
    }

    /// Whose updaters share a database, if there is one.
    pub fn on(database: Option<Database>, number: u64) -> Self {
        // Flushes of thousands of queues: in memory where the system has a place for that.
        let memory = std::path::Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let organisation = Organisation::embedded().without_messages();
        let limits = Limits { max_concurrency: None, budget: None };
        let options =
            SandboxOptions { organisation, limits, ..SandboxOptions::new(folder.path().join("organisation")) };
        let sandbox = runtime.block_on(Sandbox::start(options)).unwrap();
        let control = sandbox.control().clone();
        let account = control.service_account().to_owned();
        let connection = Connection { allow_unencrypted: true, ..Connection::manual(&sandbox.http_ews_url()) };
        let settings = Settings {
            enabled: true,
            connection: Some(connection),
            account: Some(Account { user: account.clone() }),
            ..Settings::default()
        };
        let password = Some(control.password(&account));
        let in_force =
            InForce { settings, password, version: String::new(), change: 0, servers: std::sync::Arc::default() };
        Self {
            runtime,
            sandbox: Some(sandbox),
            folder,
            database,
            control,
            in_force,
            next: Cell::new(number * 1_000_000),
        }
    }

    pub fn case<'s>(&self, scenario: &'s Scenario) -> Case<'s> {
        let number = self.next.get();
        self.next.set(number + 1);
        self.control.clear_faults();
        self.control.set_state(ANNA, MailboxState::Normal).unwrap();
        for fault in &scenario.faults {
            self.control.add_fault(fault.clone()).unwrap();
        }
        if let Some(database) = &self.database {
            (database.empty)();
        }
        let folder = self.folder.path().join(format!("{number}-0"));
        std::fs::create_dir(&folder).unwrap();
        let case = Case {
            number,
            scenario,
            clock: Clock::manual(Timestamp::from_second(1_800_000_000).unwrap()),
            folder,
            lives: 0,
            acknowledged: Arc::new(Mutex::new(vec![vec![false; scenario.times]; scenario.processed.len()])),
            originals: Arc::default(),
            rows: Arc::default(),
            moving: AtomicUsize::new(0),
        };
        if scenario.stored == Stored::Before {
            self.runtime.block_on(self.store(&case));
        }
        case
    }

    /// How long nothing must have happened for time to go on. With a database there are several round trips between two
    /// boundaries.
    pub fn moment(&self) -> Duration {
        Duration::from_millis(if self.database.is_some() { 20 } else { 4 })
    }

    /// For one more updater of the shared queue, if it is one.
    pub fn folder_beside(&self, case: &Case) -> Option<PathBuf> {
        self.database.as_ref()?;
        let folder = self.folder.path().join(format!("{}-beside", case.number));
        std::fs::create_dir(&folder).unwrap();
        Some(folder)
    }

    /// Where large messages lie on their way.
    pub fn spool(&self, case: &Case) -> PathBuf {
        case.folder.join(if self.database.is_some() { "shared-spool" } else { "spool" })
    }

    /// The client stores its copies, once. It goes on when the updater ends.
    pub async fn store(&self, case: &Case<'_>) {
        let (control, stored) = (self.control.clone(), case.originals.clone());
        let moved = case.scenario.moved == Moved::AtOnce;
        let work = store(control, case.scenario.originals.clone(), case.number, moved, stored);
        self.runtime.spawn(work).await.unwrap();
    }

    /// The owner tidies up.
    pub fn owner_moves(&self, case: &Case<'_>) {
        for original in case.originals.blocking_lock().iter_mut() {
            let moved = self.runtime.block_on(self.control.move_item(&original.item_id, ELSEWHERE)).unwrap();
            // Else it is there already.
            if let Some(id) = moved {
                original.item_id = id;
            }
        }
    }

    /// The mailbox is being moved from now on, for so many quiet moments.
    pub fn move_mailbox(&self, case: &Case, moments: usize) {
        case.moving.store(moments, Ordering::Relaxed);
        self.control.set_state(ANNA, MailboxState::Moving).unwrap();
    }

    /// A quiet moment: nothing happens before the clock goes on.
    pub fn quiet(&self, case: &Case) {
        let less = |moments: usize| moments.checked_sub(1);
        if case.moving.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less) == Ok(1) {
            self.control.set_state(ANNA, MailboxState::Normal).unwrap();
        }
    }

    /// Everything with this Message-ID in the mailbox.
    pub fn items(&self, message_id: &str) -> Vec<StoredItem> {
        let filter = ItemFilter { message_id: Some(message_id.to_owned()), ..ItemFilter::default() };
        self.runtime.block_on(self.control.items(ANNA, &filter)).unwrap()
    }

    /// Until requests whose client has gone have had their effect.
    pub fn settle(&self) {
        let give_up = std::time::Instant::now() + Duration::from_secs(10);
        while self.control.statistics().in_flight > 0 {
            assert!(std::time::Instant::now() < give_up, "requests do not end");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(sandbox) = self.sandbox.take() {
            self.runtime.block_on(sandbox.stop());
        }
    }
}

/// With everything that its owner may give them. Once only, whoever asks.
async fn store(
    control: Control,
    mails: Vec<Mail>,
    case: u64,
    moved: bool,
    stored: Arc<tokio::sync::Mutex<Vec<StoredItem>>>,
) {
    let mut stored = stored.lock().await;
    if !stored.is_empty() {
        return;
    }
    for mail in mails {
        let delivery = Delivery {
            read: true,
            categories: vec!["Customers".into()],
            flag: FlagStatus::Flagged,
            // EWS tells times to the second.
            received: Some("2026-11-24T09:00:07Z".parse().unwrap()),
            ..Delivery::default()
        };
        let mut id = control.deliver(ANNA, "sentitems", mail.mime(case), delivery).await.unwrap();
        if moved {
            id = control.move_item(&id, ELSEWHERE).await.unwrap().unwrap();
        }
        let filter = ItemFilter { message_id: Some(mail.message_id(case)), ..ItemFilter::default() };
        let found = control.items(ANNA, &filter).await.unwrap();
        stored.extend(found.into_iter().filter(|item| item.item_id == id));
    }
}
