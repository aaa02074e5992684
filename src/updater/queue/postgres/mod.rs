//! The queue in PostgreSQL, which several updaters share. It keeps the promises of the embedded one, and these:
//!
//! - A message is leased by one updater at a time. When an updater is gone, the others take over what it had leased once
//!   the lease has run out; when it starts again, it does so at once.
//! - Leases, and all else that compares times of several machines, go by the database's clock.
//! - An updater hears at once of what may have become due, and of what changed, by the others ([`notice`]).
//! - While the database is away, nothing is accepted; what came of messages is kept until it is back ([`writer`]).
//! - The bytes are in the database: any updater must get at them ([`content`]).

mod accept;
mod address;
mod claim;
mod conclude;
mod connect;
mod content;
mod error;
mod migrate;
mod notice;
mod passfile;
mod reader;
mod transaction;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime};
use tokio::sync::{Notify, broadcast, mpsc, watch};
use tokio_postgres::Error as PgError;
use uuid::Uuid;

use super::super::boundaries::Boundaries;
use super::super::spool::Content;
use super::{Clock, FolderLock, NewMessage, Queue, QueueError, QueueOptions, Receipt, Spool, Store, spool};
use accept::Arrival;
use connect::{Link, Reading};
use transaction::{Me, Transaction};
use writer::Writer;

pub use address::{AddressProblem, SharedAddress};
pub use content::Remote;
pub use error::SharedError;

/// Connections for reading, and for large messages.
const READERS: usize = 4;

/// How long it may take until one of them is free.
const FREE_WITHIN: Duration = Duration::from_secs(30);

/// A large message may take this long to be stored.
const STORED_WITHIN: Duration = Duration::from_secs(300);

/// How long the answer to a large message waits until the counts have it.
const TOLD_WITHIN: Duration = Duration::from_secs(1);

/// Where large messages lie on their way. Not where the embedded queue has its own: those are no left-overs.
const SPOOL: &str = "shared-spool";

/// Where an updater keeps the name that the others know it by.
const NAME_FILE: &str = "queue.name";

/// What is done beside the writer.
#[derive(Clone)]
pub(super) struct Shared {
    link: Arc<Link>,
    pool: Pool,
    spool: Spool,
    /// As which large messages are stored; another name than the writer's, which shall hear of it.
    beside: Arc<Me>,
    clock: Clock,
    trouble: watch::Receiver<Option<String>>,
    problem: watch::Sender<Option<String>>,
    changed: broadcast::Sender<Arc<[i64]>>,
    /// What waits in an embedded queue that this folder had before.
    left_behind: Option<Arc<str>>,
}

impl Queue {
    /// Opens a queue that other updaters may work on, too. `folder` is this updater's own: for large messages on their way,
    /// and for its name. Whatever an earlier process there had leased is waiting again.
    pub async fn open_shared(
        folder: &Path,
        address: SharedAddress,
        clock: Clock,
        options: QueueOptions,
    ) -> Result<Self, QueueError> {
        Self::open_shared_watched(folder, address, clock, options, Boundaries::default()).await
    }

    /// The same, with somebody who watches the boundaries that are passed.
    pub async fn open_shared_watched(
        folder: &Path,
        address: SharedAddress,
        clock: Clock,
        options: QueueOptions,
        boundaries: Boundaries,
    ) -> Result<Self, QueueError> {
        let spool = Spool::open(&folder.join(SPOOL), options.max_message_bytes).map_err(|error| match error {
            spool::SpoolError::Io { path, source } => QueueError::Folder { path, source },
            spool::SpoolError::TooLarge { .. } => unreachable!("opening a folder writes no message"),
        })?;
        let lock = FolderLock::of(folder)?;
        let name = name(folder)?;
        sweep(spool.folder());
        let left_behind = left_behind(folder).await;
        let lease = address.lease;
        let link = Arc::new(Link::new(address).map_err(QueueError::Shared)?);
        let clock = clock.of_database();
        let me = |process: &str| Me {
            folder: name.clone(),
            name: format!("{name}/{process}"),
            lease: i64::try_from(lease.as_millis()).unwrap_or(i64::MAX),
            channel: link.address.schema.clone(),
            boundaries: boundaries.clone(),
        };
        let process = Uuid::new_v4().simple().to_string();
        let changed = broadcast::channel(256).0;
        let (trouble_sender, trouble) = watch::channel(None);
        let (problem_sender, problem) = watch::channel(None);
        let manager = Manager::from_connect(
            link.address.config.clone(),
            Reading(link.clone()),
            ManagerConfig { recycling_method: RecyclingMethod::Verified },
        );
        let pool = Pool::builder(manager)
            .max_size(READERS)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(FREE_WITHIN))
            .create_timeout(Some(FREE_WITHIN))
            .recycle_timeout(Some(FREE_WITHIN))
            .build()
            .unwrap_or_else(|_| unreachable!("a runtime is named"));
        let shared = Shared {
            link: link.clone(),
            pool,
            spool: spool.clone(),
            beside: Arc::new(me(&format!("{process}-beside"))),
            clock: clock.clone(),
            trouble,
            problem: problem_sender.clone(),
            changed: changed.clone(),
            left_behind: left_behind.map(Into::into),
        };

        let (commands, received) = mpsc::channel(4096);
        let arrived = Arc::new(Notify::new());
        let (counts_sender, counts) = watch::channel(super::Counts::default());
        let mut writer = Writer {
            link: link.clone(),
            me: Arc::new(me(&process)),
            remote: Remote::new(shared.clone()),
            clock: clock.clone(),
            commands: received,
            counts: counts_sender,
            arrived: arrived.clone(),
            changed: changed.clone(),
            trouble: trouble_sender,
            problem: problem_sender,
            session: None,
            waiting: Vec::new(),
            turn: 0,
            failures: 0,
        };
        writer.begin().await?;
        tokio::spawn(writer.run());
        Ok(Self {
            commands,
            store: Store::Shared(shared),
            spool,
            clock,
            arrived,
            changed,
            counts,
            lease,
            set_aside: Arc::from([]),
            problem,
            boundaries,
            lock: Arc::new(lock),
        })
    }
}

impl Shared {
    pub fn meaning(&self, error: &PgError) -> QueueError {
        self.link.meaning(error)
    }

    async fn db(&self) -> Result<Object, QueueError> {
        self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => self.meaning(&error),
            PoolError::Closed => QueueError::Closed,
            other => {
                let server = self.link.address.server();
                SharedError::Unreachable { server, why: format!("no connection is free ({other})") }.into()
            }
        })
    }

    /// Stores a large message, beside the writer, whom it would hold up.
    pub async fn accept_large(&self, message: &NewMessage, content: &Content) -> Result<Receipt, QueueError> {
        let bytes = content.bytes().map_err(|error| QueueError::ContentUnreadable {
            id: 0,
            path: self.spool.folder().to_owned(),
            source: error,
        })?;
        let mut changes = self.changed.subscribe();
        let db = self.db().await?;
        let stored = tokio::time::timeout(STORED_WITHIN, async {
            let mut transaction = Transaction::begin(&db, &self.beside, &self.clock).await?;
            match transaction.accept(&[Arrival { message, bytes: &bytes }]).await {
                Ok(mut receipts) => transaction.commit().await.map(|_| receipts.remove(0)),
                Err(error) => {
                    transaction.roll_back().await;
                    Err(error)
                }
            }
        });
        if let Ok(result) = stored.await {
            return match result {
                Ok(receipt) => {
                    self.problem.send_if_modified(|problem| problem.take().is_some());
                    if !receipt.duplicate {
                        is_told(receipt.id, &mut changes).await;
                    }
                    Ok(receipt)
                }
                Err(error) => {
                    let problem = self.meaning(&error);
                    if !matches!(&problem, QueueError::Shared(shared) if shared.is_lost()) {
                        self.problem.send_replace(Some(problem.to_string()));
                    }
                    Err(problem)
                }
            };
        }
        // It may be in the middle of something.
        drop(Object::take(db));
        let why = format!("a message was not stored within {} seconds", STORED_WITHIN.as_secs());
        Err(SharedError::Unreachable { server: self.link.address.server(), why }.into())
    }

    pub async fn content(&self, id: i64) -> Result<bytes::Bytes, QueueError> {
        Remote::new(self.clone()).of(id).fetch().await
    }

    pub fn close(&self) {
        self.pool.close();
    }

    pub fn address(&self) -> String {
        self.link.address.to_string()
    }

    /// The database, as it is told in messages.
    pub fn place(&self) -> String {
        self.link.address.server()
    }

    /// What an administrator should know.
    pub fn notices(&self) -> Vec<String> {
        let mut notices: Vec<String> = self.trouble.borrow().clone().into_iter().collect();
        notices.extend(self.left_behind.as_deref().map(str::to_owned));
        if self.link.address.is_open_to_others() {
            notices.push(format!(
                "The connection to the database of the shared queue at {} is not encrypted (sslmode=disable).",
                self.place()
            ));
        }
        notices
    }
}

/// Whoever has handed a message over finds it in the counts: the writer hears of it as of what others store.
async fn is_told(id: i64, changes: &mut broadcast::Receiver<Arc<[i64]>>) {
    let heard = async {
        while let Ok(ids) = changes.recv().await {
            if ids.contains(&id) {
                break;
            }
        }
    };
    // Where the writer has just lost its connection, it counts anew.
    let _ = tokio::time::timeout(TOLD_WITHIN, heard).await;
}

/// The name that others know this data folder by.
fn name(folder: &Path) -> Result<String, QueueError> {
    let path = folder.join(NAME_FILE);
    let unusable = |source| QueueError::Folder { path: path.clone(), source };
    match std::fs::read_to_string(&path) {
        Ok(text) if text.trim().parse::<Uuid>().is_ok() => return Ok(text.trim().to_owned()),
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(unusable(error)),
        _ => {}
    }
    let name = Uuid::new_v4().to_string();
    std::fs::write(&path, &name).map_err(unusable)?;
    Ok(name)
}

/// Whoever goes over to a shared queue must not forget what waits in the embedded one.
async fn left_behind(folder: &Path) -> Option<String> {
    let path = folder.join("queue.sqlite");
    if !path.exists() {
        return None;
    }
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(false);
    let counted = async {
        let mut connection = sqlx::ConnectOptions::connect(&options).await?;
        let open = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM message WHERE state < 2");
        let open = open.fetch_one(&mut connection).await?;
        sqlx::Connection::close(connection).await?;
        Ok::<_, sqlx::Error>(open)
    };
    match counted.await {
        Ok(0) => None,
        Ok(open) => Some(format!(
            "{open} messages wait in the embedded queue {}, which is not in use: start the updater once without a shared \
             queue, with a pipe of its own if need be, until they are updated.",
            path.display()
        )),
        Err(error) => {
            Some(format!("The embedded queue {} is not in use, and can't be looked into: {error}.", path.display()))
        }
    }
}

/// Large messages lie here only while they are on their way.
fn sweep(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if let Err(error) = std::fs::remove_file(entry.path()) {
            tracing::warn!(file = %entry.path().display(), %error, "a left-over file could not be removed");
        }
    }
}
