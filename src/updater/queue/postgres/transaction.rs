//! One transaction on the shared queue: it has the database's time, and tells the other updaters what it changed.
//!
//! Two rules keep updaters from waiting for each other in a circle. Rows of mailboxes come before rows of messages that
//! are waiting, and in the order of their names. And what is claimed is only taken where nobody else holds it.

use std::collections::BTreeSet;

use tokio_postgres::Error as PgError;
use tokio_postgres::types::ToSql;

use super::super::Clock;
use super::connect::{self, Db};
use super::notice::Notice;
use crate::pipe::types::{Counts, OutcomeKind};
use crate::updater::boundaries::{Boundaries, Boundary};

/// In the place of when something is due: nothing is.
pub(super) const NEVER: i64 = i64::MAX;

const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";

const TELL: &str = "SELECT pg_notify($1, txid_current()::text || ' ' || text) FROM unnest($2::text[]) AS text";

/// Whoever changes what waits in a mailbox, or claims from it, holds its row.
const HOLD: &str = "SELECT name FROM mailbox WHERE name = ANY($1) ORDER BY name FOR UPDATE";

const FIRST_DUE: &str = "UPDATE mailbox SET first_due = coalesce(
         (SELECT min(due_at) FROM message WHERE message.mailbox = mailbox.name AND state < 2), 9223372036854775807)
     WHERE name = ANY($1) RETURNING first_due";

const ADD: &str =
    "INSERT INTO mailbox (name, first_due) SELECT DISTINCT name, $2::bigint FROM unnest($1::text[]) AS name
     ORDER BY name
     ON CONFLICT (name) DO UPDATE SET first_due = least(mailbox.first_due, excluded.first_due)";

/// An updater, as the others know it.
#[derive(Debug)]
pub(super) struct Me {
    /// Its data folder: what an earlier process there had leased belongs to this one.
    pub folder: String,
    /// This process: `folder/process`.
    pub name: String,
    /// How long it leases, in milliseconds.
    pub lease: i64,
    /// Where updaters of this queue hear of each other.
    pub channel: String,
    pub boundaries: Boundaries,
}

/// What a transaction changes beside the database; it holds only once that is committed.
#[derive(Debug, Default)]
pub(super) struct Effects {
    pub counts: Counts,
    /// Something may have become due, also for this updater.
    pub arrived: bool,
    /// Something may have become due for the others.
    pub wakes: bool,
    pub changed: Vec<i64>,
}

pub(super) struct Transaction<'a> {
    pub db: &'a Db,
    pub me: &'a Me,
    /// The time, in milliseconds since 1970.
    pub now: i64,
    pub effects: Effects,
}

impl<'a> Transaction<'a> {
    pub async fn begin(db: &'a Db, me: &'a Me, clock: &Clock) -> Result<Self, PgError> {
        let (begun, now) = tokio::join!(db.batch_execute("BEGIN"), connect::rows(db, NOW, &[]));
        begun?;
        let now = clock.hear(now?.first().map_or(0, |row| row.get(0)));
        Ok(Self { db, me, now, effects: Effects::default() })
    }

    /// Commits, and tells the others.
    pub async fn commit(self) -> Result<Effects, PgError> {
        let Effects { counts, arrived, wakes, changed } = &self.effects;
        let notice = Notice {
            transaction: 0,
            by: self.me.name.clone(),
            wakes: *arrived || *wakes,
            counts: *counts,
            changed: changed.clone(),
        };
        if notice.wakes || notice.counts != Counts::default() || !notice.changed.is_empty() {
            self.rows(TELL, &[&self.me.channel, &notice.texts()]).await?;
        }
        self.me.boundaries.pass(Boundary::BeforeCommit).await;
        self.db.batch_execute("COMMIT").await?;
        // Every commit is flushed there, that of a purge like that of an acceptance.
        self.me.boundaries.pass(Boundary::CommittedToDisk).await;
        Ok(self.effects)
    }

    pub async fn roll_back(self) {
        // When the connection is gone, so is the transaction.
        let _ = self.db.batch_execute("ROLLBACK").await;
    }

    pub async fn rows(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<tokio_postgres::Row>, PgError> {
        connect::rows(self.db, sql, values).await
    }

    pub async fn execute(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<u64, PgError> {
        connect::execute(self.db, sql, values).await
    }

    pub fn lease_end(&self) -> i64 {
        self.now.saturating_add(self.me.lease)
    }

    /// Holds mailboxes until the commit; waits for whoever holds one of them.
    pub async fn hold(&self, mailboxes: &[String]) -> Result<(), PgError> {
        self.rows(HOLD, &[&mailboxes]).await.map(drop)
    }

    /// Finds out anew when the first message of mailboxes that are held is due. Tells whether one is by now.
    pub async fn look_what_is_due(&self, mailboxes: &[String]) -> Result<bool, PgError> {
        if mailboxes.is_empty() {
            return Ok(false);
        }
        let rows = self.rows(FIRST_DUE, &[&mailboxes]).await?;
        Ok(rows.iter().any(|row| row.get::<_, i64>(0) <= self.now))
    }

    /// Messages in these mailboxes are due from now on.
    pub async fn add_due(&self, mailboxes: &[&str]) -> Result<(), PgError> {
        self.execute(ADD, &[&mailboxes, &self.now]).await.map(drop)
    }

    /// Holds the mailboxes that a question names, each once.
    pub async fn hold_those_of(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<String>, PgError> {
        let names: BTreeSet<String> = self.rows(sql, values).await?.iter().map(|row| row.get(0)).collect();
        let names: Vec<String> = names.into_iter().collect();
        if !names.is_empty() {
            self.hold(&names).await?;
        }
        Ok(names)
    }
}

pub(super) fn kind_named(name: Option<&str>) -> OutcomeKind {
    match name {
        Some("updated") => OutcomeKind::Updated,
        Some("skipped") => OutcomeKind::Skipped,
        _ => OutcomeKind::Failed,
    }
}
