//! Copies what was committed from the write-ahead log into the database, beside the writer: left to the writer, now and
//! then an acceptance or an outcome would have to wait for it.

use std::sync::Arc;

use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::writer::Command;

/// After so many bytes of messages and of what is written about them.
const AFTER: usize = 4 * 1024 * 1024;

/// What a commit and each command in it write beside a message's bytes, roughly.
const COMMIT: usize = 16 * 1024;
const COMMAND: usize = 2 * 1024;

/// The writer does it by itself when the log has so many pages, because we could not keep up.
pub(super) const AT_THE_LATEST: &str = "8000";

pub(super) struct Checkpoints {
    written: usize,
    due: Arc<Notify>,
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl Checkpoints {
    /// With a connection of its own.
    pub fn start(connection: SqliteConnection) -> Self {
        let (due, stop) = (Arc::new(Notify::new()), CancellationToken::new());
        let task = tokio::spawn(run(connection, due.clone(), stop.clone()));
        Self { written: 0, due, stop, task: Some(task) }
    }

    /// These were committed.
    pub fn written(&mut self, batch: &[Command]) {
        self.written += COMMIT + batch.iter().map(|command| COMMAND + command.work.bytes()).sum::<usize>();
        if self.written >= AFTER {
            self.written = 0;
            self.due.notify_one();
        }
    }

    /// Returns when nothing of it uses the database any more.
    pub async fn end(&mut self) {
        self.stop.cancel();
        if let Some(task) = self.task.take()
            && let Err(problem) = task.await
        {
            warn!(%problem, "copying the log broke off; nothing is lost by that");
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn run(mut connection: SqliteConnection, due: Arc<Notify>, stop: CancellationToken) {
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = due.notified() => {}
        }
        // A passive one waits for nobody, and nobody waits for it.
        match sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(&mut connection).await {
            Ok(_) => debug!("the log was copied into the database"),
            Err(error) => warn!(%error, "the log could not be copied into the database; the writer does it later"),
        }
    }
    if let Err(error) = connection.close().await {
        warn!(%error, "a connection of the queue did not close cleanly; nothing is lost by that");
    }
}
