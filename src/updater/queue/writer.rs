//! The one task that writes to the queue: group commit.
//!
//! The connection lives on a thread of its own, so that each statement costs two switches between threads: more than
//! what most of them do. What belongs together is therefore sent as one text of several statements.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection as _, Row as _};
use tempfile::NamedTempFile;
use tokio::sync::{Notify, broadcast, mpsc, oneshot, watch};
use tracing::{error, warn};

use super::accept::{self, Accept, Times};
use super::checkpoint::Checkpoints;
use super::claim::Claim;
use super::due::Due;
use super::{
    Claimed, Clock, Concluded, Counts, LEASE, NewMessage, QueueError, Receipt, Retry, Wanted, conclude, damaged,
};
use crate::updater::boundaries::{Boundaries, Boundary};

/// Commands committed together at the most, and bytes of messages among them.
const BATCH: usize = 512;
const BATCH_BYTES: usize = 16 * 1024 * 1024;

/// Milliseconds by which a clock that is put right may go back and the order of messages still stands. Who was wrong by
/// more has other worries, and messages with times that nobody understands.
pub(super) const CLOCK_SET_BACK: i64 = 3_600_000;

/// Acceptances in one statement at the most.
const TOGETHER: usize = 16;

/// When the first open message of each mailbox is due; then the end of the transaction.
const FIRST_AND_COMMIT: &str = "SELECT m.value, (SELECT min(due_at) FROM message WHERE mailbox = m.value AND state < 2)
     FROM json_each(?) AS m; COMMIT";

pub(super) struct Command {
    pub work: Work,
    pub reply: oneshot::Sender<Result<Answer, QueueError>>,
}

pub(super) enum Work {
    Accept {
        message: NewMessage,
        stored: Stored,
        size: u64,
    },
    /// Records what came of messages, then claims others.
    Turn {
        concluded: Vec<Concluded>,
        wanted: Option<Wanted>,
    },
    /// Makes those due that wait until it is known who is in scope.
    ScopeKnown,
    /// Moves everything that waits with the clock.
    ClockWasSet {
        by: i64,
        before: i64,
    },
    Renew {
        ids: Vec<i64>,
    },
    Retry {
        which: Retry,
    },
    Purge {
        before: i64,
    },
    Close,
}

pub(super) enum Answer {
    Accepted(Receipt),
    Claimed(Claimed),
    Count(u64),
    /// These are leased by this updater.
    Leased(Vec<i64>),
    Done,
}

/// Where the bytes of an accepted message are.
pub(super) enum Stored {
    Row(Bytes),
    /// Name of a file in the spool folder, already safe on disk.
    File(String),
}

impl Stored {
    pub fn file(&self) -> Option<&str> {
        match self {
            Self::Row(_) => None,
            Self::File(name) => Some(name),
        }
    }
}

impl Work {
    fn as_accept(&self) -> Option<Accept<'_>> {
        match self {
            Self::Accept { message, stored, size } => Some(Accept { message, stored, size: *size }),
            _ => None,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Accept { stored: Stored::Row(bytes), .. } => bytes.len(),
            _ => 0,
        }
    }

    /// Whether it must be on disk before anything else happens.
    fn is_to_last(&self) -> bool {
        matches!(self, Self::Accept { .. } | Self::Retry { .. } | Self::Purge { .. })
    }

    fn is_accept(&self) -> bool {
        matches!(self, Self::Accept { .. })
    }
}

pub(super) struct Writer {
    pub connection: SqliteConnection,
    pub commands: mpsc::Receiver<Command>,
    pub counts: watch::Sender<Counts>,
    pub arrived: Arc<Notify>,
    pub changed: broadcast::Sender<Arc<[i64]>>,
    pub clock: Clock,
    pub spool: PathBuf,
    /// The queue's own folder.
    pub folder: PathBuf,
    /// Who leases: this process.
    pub owner: String,
    pub due: Due,
    /// Whether the level of `PRAGMA synchronous` that is set has every commit flushed; none: it is not known.
    pub durable: Option<bool>,
    pub checkpoints: Checkpoints,
    pub boundaries: Boundaries,
    /// When the latest message was accepted.
    pub latest: i64,
    /// Why the last transaction failed, if it did.
    pub problem: watch::Sender<Option<String>>,
}

/// What a transaction changes beside the database; applied only when it was committed.
#[derive(Default)]
pub(super) struct After {
    pub counts: Counts,
    pub arrived: bool,
    files: Vec<PathBuf>,
    /// Messages whose row changed.
    pub changed: Vec<i64>,
    /// Mailboxes that got a message, and when that is due.
    pub added: Vec<(String, i64)>,
    /// Mailboxes whose open messages changed otherwise.
    pub mailboxes: HashSet<String>,
    /// When the first open message of those is due.
    due: Vec<(String, Option<i64>)>,
}

impl Writer {
    pub async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let Some(first) = self.commands.recv().await else { break };
            let mut bytes = first.work.bytes();
            batch.push(first);
            while batch.len() < BATCH && bytes < BATCH_BYTES {
                let Ok(next) = self.commands.try_recv() else { break };
                bytes += next.work.bytes();
                batch.push(next);
            }
            let close = batch.iter().position(|command| matches!(command.work, Work::Close));
            let rest = close.map(|at| batch.split_off(at));
            if let Err(damage) = self.commit(std::mem::take(&mut batch)).await {
                error!(%damage, "the queue's database is damaged; the next start sets it aside and opens a fresh one");
                if let Err(error) = damaged::mark(&self.folder, &damage.to_string()) {
                    error!(%error, "the damage could not be marked");
                }
                return;
            }
            if let Some(mut rest) = rest {
                let closing = rest.remove(0);
                self.commands.close();
                drop(rest);
                self.checkpoints.end().await;
                if let Err(error) = self.connection.close().await {
                    warn!(%error, "the queue did not close cleanly; nothing is lost by that");
                }
                let _ = closing.reply.send(Ok(Answer::Done));
                return;
            }
        }
    }

    /// One transaction for all. When the disk is full, the acceptances are refused and the rest, which is small
    /// and needed to make room, is tried once more by itself. Fails only when the database is damaged.
    async fn commit(&mut self, batch: Vec<Command>) -> Result<(), QueueError> {
        if batch.is_empty() {
            return Ok(());
        }
        let batch = match self.transaction(&batch).await {
            Ok(answers) => {
                self.written();
                self.checkpoints.written(&batch);
                deliver(batch, answers);
                return Ok(());
            }
            Err(problem @ QueueError::DiskFull) if batch.iter().any(|command| command.work.is_accept()) => {
                self.problem.send_replace(Some(problem.to_string()));
                let (accepts, rest): (Vec<_>, Vec<_>) = batch.into_iter().partition(|command| command.work.is_accept());
                for command in accepts {
                    let _ = command.reply.send(Err(QueueError::DiskFull));
                }
                rest
            }
            Err(problem) => return self.refuse(batch, problem),
        };
        if batch.is_empty() {
            return Ok(());
        }
        match self.transaction(&batch).await {
            Ok(answers) => {
                deliver(batch, answers);
                Ok(())
            }
            Err(problem) => self.refuse(batch, problem),
        }
    }

    fn written(&self) {
        self.problem.send_if_modified(|problem| problem.take().is_some());
    }

    /// Tells all who wait; gives the problem back when no later transaction can succeed either.
    fn refuse(&self, batch: Vec<Command>, problem: QueueError) -> Result<(), QueueError> {
        self.problem.send_replace(Some(problem.to_string()));
        refuse(batch, problem)
    }

    async fn transaction(&mut self, batch: &[Command]) -> Result<Vec<Answer>, QueueError> {
        // What is not an acceptance may be lost in a power cut: it is found again by the mark on the item. So
        // only acceptances pay for a flush; the order of commits holds either way. And what is forgotten takes its
        // file with it, which nothing brings back.
        let durable = batch.iter().any(|command| command.work.is_to_last());
        let begin = match (durable, self.durable == Some(durable)) {
            (_, true) => "BEGIN IMMEDIATE",
            (true, false) => "PRAGMA synchronous = FULL; BEGIN IMMEDIATE",
            (false, false) => "PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE",
        };
        let mut after = After::default();
        // By hand, because SQLite ends a transaction by itself when the disk is full, and sqlx's guard does not
        // know of that.
        self.durable = None;
        sqlx::query(begin).execute(&mut self.connection).await?;
        self.durable = Some(durable);
        let answers = match self.apply_all(batch, &mut after).await {
            Ok(answers) => answers,
            Err(problem) => {
                let _ = sqlx::query("ROLLBACK").execute(&mut self.connection).await;
                return Err(problem);
            }
        };
        self.boundaries.pass(if durable { Boundary::CommittedToDisk } else { Boundary::Committed }).await;

        for (mailbox, due) in after.added {
            self.due.add(&mailbox, due);
        }
        for (mailbox, due) in after.due {
            self.due.set(&mailbox, due);
        }
        let change = after.counts;
        if change != Counts::default() {
            self.counts.send_modify(|counts| *counts += change);
        }
        for file in after.files {
            self.boundaries.pass(Boundary::SpoolFileToRemove).await;
            if let Err(error) = std::fs::remove_file(&file) {
                warn!(file = %file.display(), %error, "a spooled message could not be removed");
            }
            self.boundaries.pass(Boundary::SpoolFileRemoved).await;
        }
        if !after.changed.is_empty() && self.changed.receiver_count() > 0 {
            let _ = self.changed.send(after.changed.into());
        }
        if after.arrived {
            self.arrived.notify_one();
        }
        Ok(answers)
    }

    async fn apply_all(&mut self, batch: &[Command], after: &mut After) -> Result<Vec<Answer>, QueueError> {
        let now = self.clock.now_ms();
        // It tells which of several split copies is the last: a clock that was put right must not change that.
        let accepted_at = if self.latest - now < CLOCK_SET_BACK { now.max(self.latest) } else { now };
        let times = Times { now, accepted: accepted_at };
        let context = Context { now, owner: &self.owner, spool: &self.spool, due: &self.due };
        let mut answers = Vec::with_capacity(batch.len());
        let mut rest = batch;
        while let Some(next) = rest.first() {
            let accepts: Vec<_> = rest.iter().map_while(|command| command.work.as_accept()).take(TOGETHER).collect();
            if accepts.is_empty() {
                answers.push(context.apply(&mut self.connection, &next.work, after).await?);
                rest = &rest[1..];
            } else {
                let receipts = accept::store(&mut self.connection, &accepts, times, after).await?;
                answers.extend(receipts.into_iter().map(Answer::Accepted));
                rest = &rest[accepts.len()..];
            }
        }
        self.boundaries.pass(Boundary::BeforeCommit).await;
        if after.mailboxes.is_empty() {
            sqlx::query("COMMIT").execute(&mut self.connection).await?;
        } else {
            let mailboxes: Vec<String> = after.mailboxes.drain().collect();
            let rows = sqlx::query(FIRST_AND_COMMIT).bind(json(&mailboxes)).fetch_all(&mut self.connection).await?;
            after.due = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        }
        self.latest = accepted_at;
        Ok(answers)
    }
}

fn deliver(batch: Vec<Command>, answers: Vec<Answer>) {
    for (command, answer) in batch.into_iter().zip(answers) {
        let _ = command.reply.send(Ok(answer));
    }
}

fn refuse(batch: Vec<Command>, problem: QueueError) -> Result<(), QueueError> {
    error!(%problem, commands = batch.len(), "the queue could not write");
    for command in batch {
        let problem = match &problem {
            QueueError::Database(source) => QueueError::Database(source.clone()),
            _ => QueueError::DiskFull,
        };
        let _ = command.reply.send(Err(problem));
    }
    if problem.is_damage() { Err(problem) } else { Ok(()) }
}

struct Context<'a> {
    now: i64,
    owner: &'a str,
    spool: &'a Path,
    due: &'a Due,
}

impl Context<'_> {
    async fn apply(
        &self,
        connection: &mut SqliteConnection,
        work: &Work,
        after: &mut After,
    ) -> Result<Answer, QueueError> {
        match work {
            Work::Accept { .. } => unreachable!("acceptances are stored together"),
            Work::Turn { concluded, wanted } => {
                conclude::record(connection, concluded, self.now, self.owner, after).await?;
                let Some(wanted) = wanted else { return Ok(Answer::Done) };
                let claim = Claim {
                    wanted,
                    due: self.due,
                    now: self.now,
                    lease_end: self.lease_end(),
                    owner: self.owner,
                    spool: self.spool,
                };
                Ok(Answer::Claimed(claim.run(connection, after).await?))
            }
            Work::ClockWasSet { by, before } => self.clock_was_set(connection, *by, *before, after).await,
            Work::ScopeKnown => conclude::scope_known(connection, self.now, after).await.map(Answer::Count),
            Work::Renew { ids } => {
                let renewed = sqlx::query_scalar(
                    "UPDATE message SET due_at = ? WHERE state = 1 AND owner = ?
                     AND id IN (SELECT value FROM json_each(?)) RETURNING id",
                )
                .bind(self.lease_end())
                .bind(self.owner)
                .bind(json(ids));
                Ok(Answer::Leased(renewed.fetch_all(connection).await?))
            }
            Work::Retry { which } => self.retry(connection, *which, after).await,
            Work::Purge { before } => self.purge(connection, *before, after).await,
            Work::Close => unreachable!("closing is not part of a transaction"),
        }
    }

    fn lease_end(&self) -> i64 {
        self.now + i64::try_from(LEASE.as_millis()).unwrap_or(i64::MAX)
    }

    async fn clock_was_set(
        &self,
        connection: &mut SqliteConnection,
        by: i64,
        before: i64,
        after: &mut After,
    ) -> Result<Answer, QueueError> {
        // What was accepted since by the new time stays. Set forward, it is younger than the middle between the times;
        // set back, it is due already, and whatever else is due needs no help.
        let since = if by > 0 { before.saturating_add(by / 2) } else { i64::MAX };
        let due = if by > 0 { i64::MIN } else { self.now };
        sqlx::query(
            "UPDATE message SET due_at = due_at + ?1, waits_since = waits_since + ?1
             WHERE state < 2 AND waits_since < ?2 AND due_at > ?3",
        )
        .bind(by)
        .bind(since)
        .bind(due)
        .execute(&mut *connection)
        .await?;
        let open = "SELECT DISTINCT mailbox FROM message WHERE state < 2";
        after.mailboxes.extend(sqlx::query_scalar::<_, String>(open).fetch_all(connection).await?);
        after.arrived = true;
        Ok(Answer::Done)
    }

    async fn retry(
        &self,
        connection: &mut SqliteConnection,
        which: Retry,
        after: &mut After,
    ) -> Result<Answer, QueueError> {
        // The age starts anew; accepted_at stays, because it tells which of several split copies is the last.
        const AGAIN: &str = "UPDATE message SET state = 0, due_at = ?1, waits_since = ?1, not_found_tries = 0,
             error_tries = 0, outcome = NULL, rule = NULL, reason = '', finished_at = NULL
             WHERE state = 2 AND (?2 IS NULL AND outcome = 'failed' OR id = ?2 AND outcome IN ('failed', 'skipped'))
             AND rule <> 'unusable' AND EXISTS (SELECT 1 FROM content WHERE message = message.id)
             RETURNING id, mailbox";
        let id = match which {
            Retry::One(id) => Some(id),
            Retry::AllFailed => None,
        };
        let was: Option<String> = sqlx::query_scalar("SELECT outcome FROM message WHERE id = ? AND state = 2")
            .bind(id)
            .fetch_optional(&mut *connection)
            .await?;
        let again: Vec<(i64, String)> = sqlx::query_as(AGAIN).bind(self.now).bind(id).fetch_all(connection).await?;
        let count = i64::try_from(again.len()).unwrap_or(i64::MAX);
        after.counts.waiting += count;
        match was.as_deref() {
            Some("skipped") => after.counts.skipped -= count,
            _ => after.counts.failed -= count,
        }
        after.arrived |= count > 0;
        let done = again.len() as u64;
        for (id, mailbox) in again {
            after.changed.push(id);
            after.added.push((mailbox, self.now));
        }
        Ok(Answer::Count(done))
    }

    async fn purge(
        &self,
        connection: &mut SqliteConnection,
        before: i64,
        after: &mut After,
    ) -> Result<Answer, QueueError> {
        const OLD: &str = "SELECT id, outcome, (SELECT file FROM content WHERE message = id) FROM message
             WHERE state = 2 AND finished_at < ? ORDER BY finished_at LIMIT 1000";
        let rows = sqlx::query(OLD).bind(before).fetch_all(&mut *connection).await?;
        for row in &rows {
            sqlx::query("DELETE FROM message WHERE id = ?")
                .bind(row.get::<i64, _>(0))
                .execute(&mut *connection)
                .await?;
            match row.get::<Option<&str>, _>(1) {
                Some("updated") => after.counts.updated -= 1,
                Some("skipped") => after.counts.skipped -= 1,
                _ => after.counts.failed -= 1,
            }
            after.files.extend(row.get::<Option<String>, _>(2).map(|file| self.spool.join(file)));
        }
        Ok(Answer::Count(rows.len() as u64))
    }
}

/// Numbers or names as a JSON array, for `json_each`.
pub(super) fn json<T: serde::Serialize>(values: &[T]) -> String {
    serde_json::to_string(values).unwrap_or_else(|_| "[]".to_owned())
}

/// When the latest message was accepted.
pub(super) async fn latest(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    let latest = sqlx::query_scalar("SELECT accepted_at FROM message ORDER BY id DESC LIMIT 1");
    Ok(latest.fetch_optional(connection).await?.unwrap_or(i64::MIN / 2))
}

/// Which mailboxes have open messages.
pub(super) async fn due(connection: &mut SqliteConnection) -> Result<Due, sqlx::Error> {
    let mut due = Due::default();
    let mut rows =
        sqlx::query("SELECT mailbox, min(due_at) FROM message WHERE state < 2 GROUP BY mailbox").fetch(connection);
    while let Some(row) = rows.try_next().await? {
        due.set(row.get(0), Some(row.get(1)));
    }
    Ok(due)
}

/// Times further ahead than this, in milliseconds, are of a clock that was wrong: no pause is so long.
pub(super) const AHEAD: i64 = 48 * 3_600_000;

/// A minute or two make no difference.
pub(super) const BEARABLE: i64 = 120_000;

/// What waits for a time that a wrong clock gave it waits from now on.
pub(super) async fn from_the_future(connection: &mut SqliteConnection, now: i64) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE message SET due_at = min(due_at, ?1), waits_since = min(waits_since, ?1)
         WHERE state < 2 AND (waits_since > ?2 OR due_at > ?3)",
    )
    .bind(now)
    .bind(now + BEARABLE)
    .bind(now + AHEAD)
    .execute(connection)
    .await
    .map(drop)
}

/// Whatever an updater that is gone had leased is waiting again, after an attempt that came to nothing: its requests may
/// have been carried out. The lock on the folder says that it is gone.
pub(super) async fn take_over(connection: &mut SqliteConnection, now: i64) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE message SET state = 0, owner = NULL, due_at = ?, error_tries = max(error_tries, 1) WHERE state = 1",
    )
    .bind(now)
    .execute(connection)
    .await
    .map(drop)
}

/// Removes spooled files that no row names: left by a process that ended between the two.
pub(super) async fn sweep_spool(connection: &mut SqliteConnection, folder: &Path) -> Result<(), sqlx::Error> {
    let named: HashSet<String> = sqlx::query_scalar("SELECT file FROM content WHERE file IS NOT NULL")
        .fetch_all(connection)
        .await?
        .into_iter()
        .collect();
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if name.to_str().is_none_or(|name| !named.contains(name))
            && let Err(error) = std::fs::remove_file(entry.path())
        {
            warn!(file = %entry.path().display(), %error, "a left-over file could not be removed");
        }
    }
    Ok(())
}

/// Makes a spooled file last: its bytes, then its name, are flushed to disk. Returns the name.
pub(super) fn keep_file(file: NamedTempFile, folder: &Path) -> std::io::Result<String> {
    file.as_file().sync_all()?;
    let (_, path) = file.keep().map_err(|error| error.error)?;
    sync_folder(folder)?;
    path.file_name()
        .and_then(|name| name.to_str())
        .map(str::to_owned)
        .ok_or_else(|| std::io::Error::other("the spooled file has no name"))
}

/// A new name in a folder is safe only once the folder is flushed. NTFS does so by itself and has no such call.
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) { std::fs::File::open(folder)?.sync_all() } else { Ok(()) }
}
