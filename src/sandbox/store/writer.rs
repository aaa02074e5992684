//! The one task that writes: it gathers jobs, runs them in memory, and commits what they did together.

use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{mpsc, oneshot};
use tracing::{error, warn};

use super::StoreError;
use super::content::first_piece;
use super::model::Item;
use super::state::{State, Tombstone};
use super::tx::{Changes, Numbers, Statement, Tx};

/// Jobs committed together at the most, and bytes of content among them.
const BATCH: usize = 256;
const BATCH_BYTES: usize = 16 * 1024 * 1024;

/// Tells the one who asked how it ended; called once the batch was committed or had failed.
pub(super) type Reply = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
/// Does its work in the transaction. No reply: it failed by itself and has said so.
pub(super) type Job = Box<dyn FnOnce(&mut Tx<'_>) -> Option<Reply> + Send>;

pub(super) enum Command {
    Job(Job),
    Close(oneshot::Sender<()>),
}

pub(super) struct Writer {
    pub connection: SqliteConnection,
    pub commands: mpsc::Receiver<Command>,
    pub state: Arc<RwLock<State>>,
    pub numbers: Numbers,
}

impl Writer {
    pub async fn run(mut self) {
        loop {
            let Some(first) = self.commands.recv().await else { break };
            let mut next = Some(first);
            let mut closing = None;
            let mut changes = Changes::default();
            let mut replies = Vec::new();
            let before = self.numbers;
            while let Some(command) = next.take() {
                match command {
                    Command::Close(reply) => closing = Some(reply),
                    Command::Job(job) => replies.extend(self.run_job(job, &mut changes)),
                }
                if closing.is_none() && replies.len() < BATCH && changes.bytes < BATCH_BYTES {
                    next = self.commands.try_recv().ok();
                }
            }
            let outcome = if before.change == self.numbers.change && before.number == self.numbers.number {
                Ok(())
            } else {
                self.commit(&changes).await.map_err(StoreError::from)
            };
            match &outcome {
                Ok(()) => publish(&self.state, changes, self.numbers),
                Err(problem) => error!(%problem, "the sandbox could not store what was asked for"),
            }
            for reply in replies {
                reply(outcome.clone());
            }
            if let Some(reply) = closing {
                self.commands.close();
                if let Err(error) = self.connection.close().await {
                    warn!(%error, "the sandbox's database did not close cleanly; nothing is lost by that");
                }
                let _ = reply.send(());
                return;
            }
        }
    }

    fn run_job(&mut self, job: Job, changes: &mut Changes) -> Option<Reply> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let now = Timestamp::now().as_millisecond();
        let mut tx = Tx::new(&state, changes, &mut self.numbers, now);
        let reply = job(&mut tx)?;
        let own = tx.own;
        changes.absorb(own);
        Some(reply)
    }

    async fn commit(&mut self, changes: &Changes) -> Result<(), sqlx::Error> {
        let numbers = self.numbers;
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        let connection = &mut *transaction;
        for (number, mailbox) in &changes.mailboxes {
            if let Some(mailbox) = mailbox {
                sqlx::query("INSERT OR REPLACE INTO mailbox VALUES (?, ?, ?)")
                    .bind(number.0)
                    .bind(&mailbox.owner)
                    .bind(&mailbox.guid)
                    .execute(&mut *connection)
                    .await?;
            }
        }
        for (number, folder) in &changes.folders {
            match folder {
                Some(folder) => {
                    sqlx::query("INSERT OR REPLACE INTO folder VALUES (?, ?, ?, ?)")
                        .bind(number.0)
                        .bind(folder.mailbox.0)
                        .bind(&folder.name)
                        .bind(json(folder.as_ref()))
                        .execute(&mut *connection)
                        .await?
                }
                None => {
                    sqlx::query("DELETE FROM folder WHERE number = ?").bind(number.0).execute(&mut *connection).await?
                }
            };
        }
        for (number, item) in &changes.items {
            match item {
                Some(item) => put_item(connection, item).await?,
                // Its content goes last: a move may still take it along.
                None => {
                    sqlx::query("DELETE FROM item WHERE number = ?").bind(number.0).execute(&mut *connection).await?;
                }
            }
        }
        for statement in &changes.statements {
            execute(connection, statement).await?;
        }
        for (number, _) in changes.items.iter().filter(|(_, item)| item.is_none()) {
            sqlx::query("DELETE FROM content WHERE item = ?").bind(number.0).execute(&mut *connection).await?;
        }
        let stays = |tombstone: &&Tombstone| !matches!(changes.mailboxes.get(&tombstone.mailbox), Some(None));
        for tombstone in changes.tombstones.iter().filter(stays) {
            sqlx::query("INSERT OR REPLACE INTO tombstone VALUES (?, ?, ?, ?, ?)")
                .bind(tombstone.change)
                .bind(tombstone.mailbox.0)
                .bind(tombstone.folder.0)
                .bind(tombstone.item.map(|item| item.0))
                .bind(tombstone.born)
                .execute(&mut *connection)
                .await?;
        }
        sqlx::query("UPDATE counter SET number = ?, change = ?")
            .bind(numbers.number)
            .bind(numbers.change)
            .execute(&mut *connection)
            .await?;
        transaction.commit().await
    }
}

async fn put_item(connection: &mut SqliteConnection, item: &Item) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT OR REPLACE INTO item VALUES (?, ?, ?, ?, ?, ?)")
        .bind(item.number.0)
        .bind(item.mailbox.0)
        .bind(item.folder().map(|folder| folder.0))
        .bind(item.message_id.as_deref())
        .bind(&item.subject)
        .bind(json(item))
        .execute(connection)
        .await
        .map(drop)
}

async fn execute(connection: &mut SqliteConnection, statement: &Statement) -> Result<(), sqlx::Error> {
    let query = match statement {
        Statement::Content { item, body, headers, calendar } => {
            sqlx::query("INSERT OR REPLACE INTO content VALUES (?, ?, ?, ?)")
                .bind(item.0)
                .bind(body)
                .bind(headers)
                .bind(calendar)
        }
        Statement::Body { item, body } => {
            sqlx::query("UPDATE content SET body = ? WHERE item = ?").bind(body).bind(item.0)
        }
        Statement::Headers { item, headers } => {
            sqlx::query("UPDATE content SET headers = ? WHERE item = ?").bind(headers).bind(item.0)
        }
        Statement::MoveContent { from, to } => {
            sqlx::query("UPDATE content SET item = ? WHERE item = ?").bind(to.0).bind(from.0)
        }
        Statement::CopyContent { from, to } => {
            sqlx::query("INSERT OR REPLACE INTO content SELECT ?, body, headers, calendar FROM content WHERE item = ?")
                .bind(to.0)
                .bind(from.0)
        }
        Statement::Piece { attachment, position, content } => sqlx::query("INSERT OR REPLACE INTO piece VALUES (?, ?)")
            .bind(first_piece(*attachment) + position)
            .bind(content.as_ref()),
        Statement::CopyPieces { from, to } => sqlx::query(
            "INSERT INTO piece SELECT number - ?1 + ?2, content FROM piece WHERE number >= ?1 AND number < ?3",
        )
        .bind(first_piece(*from))
        .bind(first_piece(*to))
        .bind(first_piece(*from) + (1 << 20)),
        Statement::DropPieces { attachment } => sqlx::query("DELETE FROM piece WHERE number >= ? AND number < ?")
            .bind(first_piece(*attachment))
            .bind(first_piece(*attachment) + (1 << 20)),
        Statement::DropMailbox { mailbox } => {
            sqlx::query("DELETE FROM tombstone WHERE mailbox = ?").bind(mailbox.0).execute(&mut *connection).await?;
            sqlx::query("DELETE FROM mailbox WHERE number = ?").bind(mailbox.0)
        }
    };
    query.execute(connection).await.map(drop)
}

/// Our own types always become JSON: their maps have text for keys.
pub(super) fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Shows readers what was committed.
fn publish(state: &RwLock<State>, changes: Changes, numbers: Numbers) {
    let mut state = state.write().unwrap_or_else(PoisonError::into_inner);
    for mailbox in changes.mailboxes.values().flatten() {
        if state.mailbox(mailbox.number).is_none() {
            state.put_mailbox(mailbox);
        }
    }
    // A new folder before what is in it, a folder that goes after it.
    let mut folders: Vec<_> = changes.folders.into_iter().collect();
    folders.sort_unstable_by_key(|(number, _)| *number);
    for folder in folders.iter().filter_map(|(_, folder)| folder.as_ref()) {
        state.put_folder(folder);
    }
    for (number, item) in changes.items {
        match item {
            Some(item) => state.put_item(item),
            None => state.remove_item(number),
        }
    }
    for (number, _) in folders.iter().filter(|(_, folder)| folder.is_none()) {
        state.remove_folder(*number);
    }
    for tombstone in changes.tombstones {
        state.bury(tombstone);
    }
    for (number, _) in changes.mailboxes.iter().filter(|(_, mailbox)| mailbox.is_none()) {
        state.remove_mailbox(*number);
    }
    state.set_change(numbers.change);
}
