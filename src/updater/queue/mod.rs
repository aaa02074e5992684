//! The durable queue. A message in it is in exactly one state: waiting, leased, or finished with an outcome.
//!
//! One task writes ([`writer`]); it gathers whatever has been asked for while the disk was busy and commits it
//! together, so that a thousand simultaneous acceptances cost a handful of flushes. An answer is given only
//! after the commit. Reading ([`reader`]) goes beside it on its own connections and never waits for it.

mod accept;
mod checkpoint;
mod claim;
mod conclude;
mod damaged;
mod due;
mod postgres;
mod reader;
mod writer;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sqlx::ConnectOptions as _;
use sqlx::SqlSafeStr as _;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use tokio::sync::{Notify, broadcast, mpsc, oneshot, watch};
use tracing::error;

use super::boundaries::{Boundaries, Boundary};
use super::clock::Clock;
use super::intake::{AcceptError, Source};
use super::spool::{self, Content, Spool};
use crate::pipe::types::{Counts, Filter, Listed, Outcome, Receipt, Series, SeriesProblem, SeriesQuery};
use crate::settings::SmtpAddress;

use checkpoint::Checkpoints;
use postgres::Shared;
use writer::{Answer, Command, Work, Writer};

pub use postgres::{AddressProblem, Remote, SharedAddress, SharedError};

/// How long a claimed message belongs to the updater that claimed it, unless renewed.
pub const LEASE: Duration = Duration::from_secs(300);

/// Below this much room on the disk nothing is accepted any more, so that outcomes can still be recorded.
pub const RESERVE: u64 = 32 * 1024 * 1024;

/// The queue could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    #[error("the queue's folder {} can't be used: {source}", path.display())]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("the queue's folder {} is in use by another updater", path.display())]
    InUse { path: PathBuf },
    #[error("the queue {} can't be opened: {source}", path.display())]
    Open { path: PathBuf, source: sqlx::Error },
    #[error("the queue {} can't be brought to this version's form: {source}", path.display())]
    Migrate { path: PathBuf, source: MigrateError },
    #[error(
        "the queue {} was made by a later version of Sent Items Update (its form is {version}); install that version again, \
         nothing was changed",
        path.display()
    )]
    Later { path: PathBuf, version: i64 },
    #[error("the queue {} is damaged: {reason}", path.display())]
    Damaged { path: PathBuf, reason: String },
    #[error("the disk with the queue is full")]
    DiskFull,
    #[error("the queue's database reports: {0}")]
    Database(Arc<sqlx::Error>),
    #[error(transparent)]
    Shared(#[from] SharedError),
    #[error(transparent)]
    Series(#[from] SeriesProblem),
    #[error("the queue is closed")]
    Closed,
    #[error("message {id} is not in the queue")]
    NoSuchMessage { id: i64 },
    #[error("the content of message {id} is no longer kept")]
    ContentGone { id: i64 },
    #[error("the content of message {id} can't be read from {}: {source}", path.display())]
    ContentUnreadable { id: i64, path: PathBuf, source: std::io::Error },
}

impl From<sqlx::Error> for QueueError {
    fn from(error: sqlx::Error) -> Self {
        // SQLITE_FULL, alone or in an extended code.
        let full = error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .and_then(|code| code.parse::<i32>().ok())
            .is_some_and(|code| code & 0xff == 13);
        if full { Self::DiskFull } else { Self::Database(Arc::new(error)) }
    }
}

/// What the queue keeps of a message beside its bytes.
#[derive(Debug, Clone)]
pub struct NewMessage {
    pub digest: [u8; 32],
    pub message_id: String,
    /// Mailbox to update, folded: the key of order and concurrency. Empty when it is unknown.
    pub mailbox: String,
    /// The sender as written, for display.
    pub sender: String,
    pub subject: String,
    pub source: Source,
    /// Set when the end is known at once: the message is recorded, not queued.
    pub outcome: Option<Outcome>,
}

/// A claimed message.
#[derive(Debug, Clone)]
pub struct Job {
    pub id: i64,
    pub message_id: String,
    pub mailbox: String,
    /// When it was accepted: the order of split copies.
    pub accepted_at: i64,
    /// When its age began: at acceptance, or at the last retry by hand.
    pub waits_since: i64,
    pub not_found_tries: u32,
    pub error_tries: u32,
    /// All folders of the mailbox are to be looked into if its Sent Items has no copy: the dispatcher decides.
    pub elsewhere: bool,
    pub content: JobContent,
}

/// The bytes of a claimed message, or where they are.
#[derive(Debug, Clone)]
pub enum JobContent {
    Memory(Bytes),
    File(PathBuf),
    /// In the database of a shared queue.
    Remote(Remote),
    /// The row of the content is missing: the database was tampered with.
    Missing,
}

impl Job {
    /// The whole message; what is not on this machine is fetched.
    pub async fn fetch(&self) -> Result<Bytes, QueueError> {
        match &self.content {
            JobContent::Remote(remote) => remote.fetch().await,
            _ => self.bytes(),
        }
    }

    /// The whole message; a file is mapped.
    fn bytes(&self) -> Result<Bytes, QueueError> {
        match &self.content {
            JobContent::Memory(bytes) => Ok(bytes.clone()),
            JobContent::File(path) => std::fs::File::open(path)
                .and_then(|file| spool::map(&file))
                .map_err(|source| QueueError::ContentUnreadable { id: self.id, path: path.clone(), source }),
            JobContent::Remote(_) | JobContent::Missing => Err(QueueError::ContentGone { id: self.id }),
        }
    }
}

/// Why a message goes back to waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Postponed {
    /// The client has not stored its copy yet.
    NotFoundYet,
    /// A temporary error that concerns this message or its mailbox.
    Error,
    /// Nothing to do with this message: the server or the account is in trouble, or the updater stops.
    Paused,
    /// It is not known whether its sender is in scope. [`Queue::scope_known`] makes it due.
    ScopeUnknown,
}

/// What came of a leased message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concluded {
    pub id: i64,
    pub conclusion: Conclusion,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conclusion {
    /// Its end.
    Finished(Outcome),
    /// It goes back, due at `until` (milliseconds since 1970).
    Postponed { until: i64, why: Postponed, reason: String },
}

/// What is to be claimed: groups of messages, each of one mailbox.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// So many groups at most.
    pub groups: usize,
    /// So many messages in a group at most.
    pub messages: usize,
    /// So many bytes of messages in a group at most, unless it is a single one.
    pub bytes: u64,
    /// So many groups of a mailbox at a time.
    pub per_mailbox: usize,
    /// How many groups of a mailbox are at work. One that is to be left alone has as many as it may have.
    pub at_work: HashMap<String, usize>,
}

/// What was claimed.
#[derive(Debug, Default)]
pub struct Claimed {
    /// In the order in which they shall be worked on; none is empty.
    pub groups: Vec<Vec<Job>>,
    /// With fewer groups than were wanted: when more will be due (milliseconds since 1970), as far as that is a matter of
    /// time.
    pub next_due: Option<i64>,
}

/// Which finished messages to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    One(i64),
    AllFailed,
}

/// Handle of the open queue. Cheap to clone.
#[derive(Clone)]
pub struct Queue {
    commands: mpsc::Sender<Command>,
    store: Store,
    spool: Spool,
    clock: Clock,
    arrived: Arc<Notify>,
    changed: broadcast::Sender<Arc<[i64]>>,
    counts: watch::Receiver<Counts>,
    lease: Duration,
    set_aside: Arc<[PathBuf]>,
    problem: watch::Receiver<Option<String>>,
    boundaries: Boundaries,
    // Held as long as any handle lives: one updater a folder.
    #[cfg_attr(not(test), expect(dead_code, reason = "it is only held"))]
    lock: Arc<FolderLock>,
}

/// Where the messages are, for those who read beside the writer.
#[derive(Clone)]
enum Store {
    Embedded(SqlitePool),
    Shared(Shared),
}

/// How to open a queue.
#[derive(Debug, Clone)]
pub struct QueueOptions {
    pub max_message_bytes: u64,
    /// The database may not grow beyond this many pages of 4 KiB; none: as far as the disk allows.
    pub max_pages: Option<u32>,
}

impl Queue {
    /// Opens the queue in `folder`, making it if it isn't there. Whatever an updater that was killed had leased
    /// is waiting again.
    pub async fn open(folder: &Path, clock: Clock, options: QueueOptions) -> Result<Self, QueueError> {
        Self::open_watched(folder, clock, options, Boundaries::default()).await
    }

    /// The same, with somebody who watches the boundaries that are passed.
    pub async fn open_watched(
        folder: &Path,
        clock: Clock,
        options: QueueOptions,
        boundaries: Boundaries,
    ) -> Result<Self, QueueError> {
        let spool = Spool::open(&folder.join("spool"), options.max_message_bytes).map_err(|error| match error {
            spool::SpoolError::Io { path, source } => QueueError::Folder { path, source },
            spool::SpoolError::TooLarge { .. } => unreachable!("opening a folder writes no message"),
        })?;
        let lock = FolderLock::of(folder)?;
        let path = folder.join("queue.sqlite");
        let mut connect = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10))
            .pragma("wal_autocheckpoint", checkpoint::AT_THE_LATEST)
            .disable_statement_logging();
        if let Some(pages) = options.max_pages {
            connect = connect.pragma("max_page_count", pages.to_string());
        }
        let opening = |source| QueueError::Open { path: path.clone(), source };
        let opened = match damaged::before_opening(folder, &path, spool.folder()) {
            Ok(()) => open_database(&connect, &path, spool.folder(), clock.now_ms()).await,
            Err(damage) => Err(damage),
        };
        let mut connection = match opened {
            Ok(connection) => connection,
            Err(damage) if damage.is_damage() => {
                let aside = damaged::set_aside(folder, spool.folder(), clock.now())?;
                error!(%damage, folder = %aside.display(), "the queue was set aside; a fresh one takes its place");
                open_database(&connect, &path, spool.folder(), clock.now_ms()).await?
            }
            Err(error) => return Err(error),
        };
        // What a statement sets aside to be undone is small. Without this each that changes several rows makes a file for
        // it; a migration, which sorts all there is, is over.
        sqlx::query("PRAGMA temp_store = MEMORY").execute(&mut connection).await.map_err(opening)?;
        let counts = reader::count(&mut connection).await.map_err(opening)?;
        let due = writer::due(&mut connection).await.map_err(opening)?;
        let latest = writer::latest(&mut connection).await.map_err(opening)?;
        let readers = SqlitePoolOptions::new()
            .max_connections(4)
            // There is nobody at the other end who could have closed it.
            .test_before_acquire(false)
            .connect_with(connect.clone().create_if_missing(false).pragma("query_only", "ON"))
            .await
            .map_err(opening)?;

        let (counts_sender, counts) = watch::channel(counts);
        let (commands, received) = mpsc::channel(4096);
        let (problem_sender, problem) = watch::channel(None);
        let arrived = Arc::new(Notify::new());
        let changed = broadcast::channel(256).0;
        let writer = Writer {
            connection,
            commands: received,
            counts: counts_sender,
            arrived: arrived.clone(),
            changed: changed.clone(),
            clock: clock.clone(),
            spool: spool.folder().to_owned(),
            folder: folder.to_owned(),
            owner: format!("{}", std::process::id()),
            due,
            durable: None,
            checkpoints: Checkpoints::start(connect.connect().await.map_err(opening)?),
            boundaries: boundaries.clone(),
            latest,
            problem: problem_sender,
        };
        tokio::spawn(writer.run());
        let set_aside = damaged::found(folder).into();
        Ok(Self {
            commands,
            store: Store::Embedded(readers),
            spool,
            clock,
            arrived,
            changed,
            counts,
            lease: LEASE,
            set_aside,
            problem,
            boundaries,
            lock: Arc::new(lock),
        })
    }

    /// Folders with damaged queues that were set aside, at this start or an earlier one.
    #[must_use]
    pub fn set_aside(&self) -> &[PathBuf] {
        &self.set_aside
    }

    /// Why the queue could not be written the last time; none: it could. Of a shared one that is out of reach, the
    /// [`notices`](Self::notices) tell.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.problem.borrow().clone()
    }

    /// Returns when the queue can no longer be written: it was closed, or its database was found damaged.
    pub async fn ended(&self) {
        let mut counts = self.counts.clone();
        while counts.changed().await.is_ok() {}
    }

    /// How long a claimed message belongs to this updater, unless renewed.
    #[must_use]
    pub fn lease(&self) -> Duration {
        self.lease
    }

    /// Where it is, if it is a shared one.
    #[must_use]
    pub fn address(&self) -> Option<String> {
        match &self.store {
            Store::Embedded(_) => None,
            Store::Shared(shared) => Some(shared.address()),
        }
    }

    /// What an administrator should know of it at the moment.
    #[must_use]
    pub fn notices(&self) -> Vec<String> {
        match &self.store {
            Store::Embedded(_) => Vec::new(),
            Store::Shared(shared) => shared.notices(),
        }
    }

    #[must_use]
    pub fn spool(&self) -> &Spool {
        &self.spool
    }

    #[must_use]
    pub fn counts(&self) -> Counts {
        *self.counts.borrow()
    }

    /// Changes of the counts, for those who watch.
    #[must_use]
    pub fn watch_counts(&self) -> watch::Receiver<Counts> {
        self.counts.clone()
    }

    /// Numbers of messages as they change, in the order of commits.
    #[must_use]
    pub fn watch_messages(&self) -> broadcast::Receiver<Arc<[i64]>> {
        self.changed.subscribe()
    }

    /// Waits until something may have become due: a message was accepted or put back.
    pub async fn arrival(&self) {
        self.arrived.notified().await;
    }

    /// Stores a message. When this returns, it is on disk. The same message again is recognised by its digest.
    pub async fn accept(&self, message: NewMessage, content: Content) -> Result<Receipt, AcceptError> {
        let folder = self.spool.folder();
        let full = || AcceptError::DiskFull { path: folder.display().to_string() };
        if fs4::available_space(folder).is_ok_and(|room| room < RESERVE) {
            return Err(full());
        }
        let storage = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => full(),
            _ => AcceptError::Storage(error.to_string()),
        };
        let size = content.size().map_err(storage)?;
        if let Store::Shared(shared) = &self.store
            && let Content::File(_) = &content
        {
            let result = shared.accept_large(&message, &content).await;
            self.boundaries.pass(Boundary::AcceptanceToReport).await;
            return result.map_err(|error| self.not_accepted(&error));
        }
        let stored = match content {
            Content::Memory(bytes) => writer::Stored::Row(bytes),
            Content::File(file) => {
                let folder = folder.to_owned();
                let kept = tokio::task::spawn_blocking(move || writer::keep_file(file, &folder)).await;
                writer::Stored::File(kept.map_err(|error| AcceptError::Storage(error.to_string()))?.map_err(storage)?)
            }
        };
        let file = stored.file().map(|name| folder.join(name));
        if file.is_some() {
            self.boundaries.pass(Boundary::SpoolFileStored).await;
        }
        let result = self.ask(Work::Accept { message, stored, size }).await;
        // A file without a row serves nobody. Not so when the queue closed: its row may have been written.
        if let Some(file) = file
            && !matches!(result, Ok(Answer::Accepted(Receipt { duplicate: false, .. })) | Err(QueueError::Closed))
        {
            self.boundaries.pass(Boundary::SpoolFileToRemove).await;
            let _ = std::fs::remove_file(file);
        }
        self.boundaries.pass(Boundary::AcceptanceToReport).await;
        match result {
            Ok(Answer::Accepted(receipt)) => Ok(receipt),
            Ok(_) => unreachable!("an acceptance is answered by a receipt"),
            Err(error) => Err(self.not_accepted(&error)),
        }
    }

    fn not_accepted(&self, error: &QueueError) -> AcceptError {
        match (error, &self.store) {
            (QueueError::DiskFull, Store::Embedded(_)) => {
                AcceptError::DiskFull { path: self.spool.folder().display().to_string() }
            }
            (QueueError::DiskFull, Store::Shared(shared)) => AcceptError::DiskFull { path: shared.place() },
            (QueueError::Closed, _) => AcceptError::Stopping,
            (error, _) => AcceptError::Storage(error.to_string()),
        }
    }

    /// Records what came of leased messages, then leases others: due ones, no two of one Message-ID, so that split
    /// copies keep their order. Both in one transaction.
    pub async fn turn(&self, concluded: Vec<Concluded>, wanted: Option<Wanted>) -> Result<Claimed, QueueError> {
        match self.ask(Work::Turn { concluded, wanted }).await? {
            Answer::Claimed(claimed) => Ok(claimed),
            Answer::Done => Ok(Claimed::default()),
            _ => unreachable!("a turn is answered by what was claimed"),
        }
    }

    /// Leases due messages.
    pub async fn claim(&self, wanted: Wanted) -> Result<Claimed, QueueError> {
        self.turn(Vec::new(), Some(wanted)).await
    }

    /// Makes messages due that wait until it is known who is in scope. Returns how many.
    pub async fn scope_known(&self) -> Result<u64, QueueError> {
        match self.ask(Work::ScopeKnown).await? {
            Answer::Count(count) => Ok(count),
            _ => unreachable!("it is answered by a count"),
        }
    }

    /// The clock was set forward by so many milliseconds, or back: everything that waits is moved with it, so that
    /// nothing waits for longer than it was to, and nothing is given up for its age. `before` is a time that was seen
    /// shortly before. Tells whether it was moved, leases included.
    ///
    /// A shared queue moves nothing. It goes by the database's clock, which is not set when this computer's is, nor when
    /// this computer slept; and when that clock is set itself, every updater notices, and would move everything once more.
    pub async fn clock_was_set(&self, by: i64, before: i64) -> Result<bool, QueueError> {
        match self.store {
            Store::Embedded(_) => self.ask(Work::ClockWasSet { by, before }).await.map(|_| true),
            Store::Shared(_) => Ok(false),
        }
    }

    /// Prolongs the leases of messages that are still being worked on. Returns those that are leased by this updater: the
    /// others ran out, and somebody else may have taken them over.
    pub async fn renew(&self, ids: Vec<i64>) -> Result<Vec<i64>, QueueError> {
        match self.ask(Work::Renew { ids }).await? {
            Answer::Leased(ids) => Ok(ids),
            _ => unreachable!("it is answered by what is leased"),
        }
    }

    /// Makes finished messages wait again, with a fresh schedule. Returns how many.
    pub async fn retry(&self, which: Retry) -> Result<u64, QueueError> {
        match self.ask(Work::Retry { which }).await? {
            Answer::Count(count) => Ok(count),
            _ => unreachable!("a retry is answered by a count"),
        }
    }

    /// Forgets what finished before `before` (milliseconds since 1970). Returns how many.
    pub async fn purge(&self, before: i64) -> Result<u64, QueueError> {
        match self.ask(Work::Purge { before }).await? {
            Answer::Count(count) => Ok(count),
            _ => unreachable!("a purge is answered by a count"),
        }
    }

    pub async fn list(&self, filter: &Filter) -> Result<Vec<Listed>, QueueError> {
        match &self.store {
            Store::Embedded(readers) => reader::list(readers, filter).await,
            Store::Shared(shared) => shared.list(filter).await,
        }
    }

    pub async fn get(&self, id: i64) -> Result<Listed, QueueError> {
        match &self.store {
            Store::Embedded(readers) => reader::get(readers, id).await,
            Store::Shared(shared) => shared.get(id).await,
        }
    }

    /// Those of the messages that are still there, in the order of their numbers.
    pub async fn get_all(&self, ids: &[i64]) -> Result<Vec<Listed>, QueueError> {
        match &self.store {
            Store::Embedded(readers) => reader::get_all(readers, ids).await,
            Store::Shared(shared) => shared.get_all(ids).await,
        }
    }

    /// How many messages ended when.
    pub async fn series(&self, query: &SeriesQuery) -> Result<Series, QueueError> {
        let count = usize::try_from(query.buckets()?).unwrap_or_default();
        let buckets = match &self.store {
            Store::Embedded(readers) => reader::series(readers, query, count).await?,
            Store::Shared(shared) => shared.series(query, count).await?,
        };
        Ok(Series { from: query.from, step: query.step, buckets })
    }

    /// The processed message as it came in.
    pub async fn content(&self, id: i64) -> Result<Bytes, QueueError> {
        match &self.store {
            Store::Embedded(readers) => reader::content(readers, self.spool.folder(), id).await,
            Store::Shared(shared) => shared.content(id).await,
        }
    }

    /// Commits what was asked for so far and closes the database. Later calls get [`QueueError::Closed`].
    pub async fn close(&self) {
        let _ = self.ask(Work::Close).await;
        match &self.store {
            Store::Embedded(readers) => readers.close().await,
            Store::Shared(shared) => shared.close(),
        }
    }

    async fn ask(&self, work: Work) -> Result<Answer, QueueError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command { work, reply }).await.map_err(|_| QueueError::Closed)?;
        answer.await.map_err(|_| QueueError::Closed)?
    }

    #[must_use]
    pub fn boundaries(&self) -> &Boundaries {
        &self.boundaries
    }

    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }
}

/// Opens the database itself and puts it in order.
async fn open_database(
    connect: &SqliteConnectOptions,
    path: &Path,
    spool: &Path,
    now: i64,
) -> Result<SqliteConnection, QueueError> {
    let opening = |source| QueueError::Open { path: path.to_owned(), source };
    let mut connection = connect.connect().await.map_err(opening)?;
    damaged::check(&mut connection, path).await?;
    migrations().run(&mut connection).await.map_err(|source| match source {
        MigrateError::VersionMissing(version) => QueueError::Later { path: path.to_owned(), version },
        source => QueueError::Migrate { path: path.to_owned(), source },
    })?;
    writer::take_over(&mut connection, now).await.map_err(opening)?;
    writer::from_the_future(&mut connection, now).await.map_err(opening)?;
    writer::sweep_spool(&mut connection, spool).await.map_err(opening)?;
    Ok(connection)
}

/// What has to be done to a database of any earlier version. By hand, as sqlx's macro for it compiles SQLite once more for
/// the compiler itself.
fn migrations() -> Migrator {
    let simple = |version, description: &'static str, sql: &'static str| {
        Migration::new(version, description.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(vec![
        simple(1, "queue", include_str!("../../../resources/migrations/sqlite/0001_queue.sql")),
        simple(2, "groups", include_str!("../../../resources/migrations/sqlite/0002_groups.sql")),
    ])
}

/// A mailbox key for the queue.
#[must_use]
pub fn mailbox_key(address: &SmtpAddress) -> String {
    address.folded().to_owned()
}

/// The folder is this process's; however that ends, the lock goes with it.
struct FolderLock(std::fs::File);

impl FolderLock {
    fn of(folder: &Path) -> Result<Self, QueueError> {
        let path = folder.join("updater.lock");
        let file = std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|source| QueueError::Folder { path: path.clone(), source })?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(std::fs::TryLockError::WouldBlock) => Err(QueueError::InUse { path: folder.to_owned() }),
            Err(std::fs::TryLockError::Error(source)) => Err(QueueError::Folder { path, source }),
        }
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // Closing the file is not enough: a program that is being started at this moment has inherited it, and would keep
        // the folder until it runs.
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests;

/// Where the tests open the queue: they run once more on PostgreSQL.
#[cfg(test)]
#[path = "tests/embedded_place.rs"]
mod place;

#[cfg(test)]
#[path = "tests/embedded.rs"]
mod embedded_tests;

#[cfg(all(test, unix))]
#[path = "tests/on_postgres.rs"]
mod on_postgres;
