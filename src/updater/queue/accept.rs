//! Acceptance: several messages in one statement.

use std::collections::HashMap;

use sqlx::sqlite::SqliteConnection;
use sqlx::{QueryBuilder, Row as _, Sqlite};

use super::writer::{After, Stored};
use super::{NewMessage, QueueError, Receipt, reader};

/// A message to be stored.
#[derive(Clone, Copy)]
pub(super) struct Accept<'a> {
    pub message: &'a NewMessage,
    pub stored: &'a Stored,
    pub size: u64,
}

/// The time, in milliseconds since 1970.
#[derive(Clone, Copy)]
pub(super) struct Times {
    pub now: i64,
    /// That of the acceptance: never before that of an earlier one, unless the clock was far ahead.
    pub accepted: i64,
}

/// Stores messages; of those with one digest, the first that ever came. Returns a receipt for each.
pub(super) async fn store(
    connection: &mut SqliteConnection,
    accepts: &[Accept<'_>],
    times: Times,
    after: &mut After,
) -> Result<Vec<Receipt>, QueueError> {
    let mut new = rows(accepts, times, connection).await?;
    let mut receipts = Vec::with_capacity(accepts.len());
    let mut contents = Vec::with_capacity(new.len());
    for accept in accepts {
        let message = accept.message;
        // Taken away, so that another one with this digest is a duplicate.
        let Some(id) = new.remove(&message.digest) else {
            let id = sqlx::query_scalar("SELECT id FROM message WHERE digest = ?").bind(&message.digest[..]);
            receipts.push(Receipt { id: id.fetch_one(&mut *connection).await?, duplicate: true });
            continue;
        };
        contents.push((id, accept.stored));
        receipts.push(Receipt { id, duplicate: false });
        after.changed.push(id);
        if let Some(outcome) = &message.outcome {
            *after.counts.of(outcome.kind()) += 1;
        } else {
            after.counts.waiting += 1;
            after.arrived = true;
            after.added.push((message.mailbox.clone(), times.now));
        }
    }
    if !contents.is_empty() {
        let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO content (message, raw, file) ");
        query.push_values(contents, |mut row, (id, stored)| {
            let raw = if let Stored::Row(bytes) = stored { Some(&bytes[..]) } else { None };
            row.push_bind(id).push_bind(raw).push_bind(stored.file());
        });
        query.build().execute(connection).await?;
    }
    Ok(receipts)
}

/// Makes the rows of those that are not there yet. Returns their numbers by their digests.
async fn rows(
    accepts: &[Accept<'_>],
    Times { now, accepted }: Times,
    connection: &mut SqliteConnection,
) -> Result<HashMap<[u8; 32], i64>, QueueError> {
    let mut query = QueryBuilder::<Sqlite>::new(
        "INSERT INTO message (digest, message_id, mailbox, sender, subject, size, source, accepted_at, waits_since,
                              state, due_at, outcome, rule, reason, finished_at) ",
    );
    query.push_values(accepts, |mut row, Accept { message, size, .. }| {
        let outcome = message.outcome.as_ref();
        row.push_bind(&message.digest[..])
            .push_bind(&message.message_id)
            .push_bind(&message.mailbox)
            .push_bind(&message.sender)
            .push_bind(&message.subject)
            .push_bind(i64::try_from(*size).unwrap_or(i64::MAX))
            .push_bind(message.source.to_string())
            .push_bind(accepted)
            .push_bind(now)
            .push_bind(if outcome.is_some() { 2 } else { 0 })
            .push_bind(now)
            .push_bind(outcome.map(|outcome| outcome.kind().as_str()))
            .push_bind(outcome.map(|outcome| reader::rule_name(outcome.rule)))
            .push_bind(outcome.map_or("", |outcome| &outcome.reason))
            .push_bind(outcome.map(|_| now));
    });
    query.push(" ON CONFLICT (digest) DO NOTHING RETURNING digest, id");
    let rows = query.build().fetch_all(connection).await?;
    let new = rows.iter().filter_map(|row| Some((row.get::<&[u8], _>(0).try_into().ok()?, row.get(1))));
    Ok(new.collect())
}
