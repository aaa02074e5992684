//! Looking at the queue, beside the writer.

use std::path::Path;

use bytes::Bytes;
use sqlx::sqlite::{SqliteConnection, SqlitePool, SqliteRow};
use sqlx::{AssertSqlSafe, QueryBuilder, Row as _, Sqlite};

use super::QueueError;
use crate::pipe::types::{Bucket, Counts, Filter, Listed, OutcomeKind, Rule, SeriesQuery, State};
use crate::updater::spool;

const COLUMNS: &str = "SELECT id, state, outcome, message_id, sender, subject, size, source, accepted_at, due_at,
     finished_at, rule, reason, not_found_tries + error_tries FROM message";

/// What the columns `state` and `outcome` say, in either database.
pub(super) fn state(state: i32, outcome: Option<&str>) -> State {
    match (state, outcome) {
        (0, _) => State::Waiting,
        (1, _) => State::Working,
        (_, Some("updated")) => State::Updated,
        (_, Some("skipped")) => State::Skipped,
        _ => State::Failed,
    }
}

fn listed(row: &SqliteRow) -> Listed {
    let state = state(row.get(1), row.get(2));
    Listed {
        id: row.get(0),
        state,
        message_id: row.get(3),
        sender: row.get(4),
        subject: row.get(5),
        size: row.get(6),
        source: row.get(7),
        accepted_at: row.get(8),
        due_at: (state == State::Waiting).then(|| row.get(9)),
        finished_at: row.get(10),
        rule: row.get::<Option<&str>, _>(11).and_then(rule_named),
        reason: row.get(12),
        tries: row.get(13),
    }
}

pub(super) async fn list(pool: &SqlitePool, filter: &Filter) -> Result<Vec<Listed>, QueueError> {
    let mut query = QueryBuilder::<Sqlite>::new(COLUMNS);
    query.push(" WHERE true");
    match filter.state {
        Some(State::Waiting) => query.push(" AND state = 0"),
        Some(State::Working) => query.push(" AND state = 1"),
        Some(State::Updated) => query.push(" AND state = 2 AND outcome = 'updated'"),
        Some(State::Skipped) => query.push(" AND state = 2 AND outcome = 'skipped'"),
        Some(State::Failed) => query.push(" AND state = 2 AND outcome = 'failed'"),
        None => &mut query,
    };
    if let Some(before) = filter.before {
        query.push(" AND id < ").push_bind(before);
    }
    if let Some(search) = filter.search.as_deref().filter(|search| !search.is_empty()) {
        let escaped = search.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        let pattern = format!("%{escaped}%");
        query.push(" AND (sender LIKE ").push_bind(pattern.clone()).push(" ESCAPE '\\' OR subject LIKE ");
        query
            .push_bind(pattern.clone())
            .push(" ESCAPE '\\' OR message_id LIKE ")
            .push_bind(pattern)
            .push(" ESCAPE '\\')");
    }
    query.push(" ORDER BY id DESC LIMIT ").push_bind(filter.limit.unwrap_or(100).min(1000));
    Ok(query.build().fetch_all(pool).await?.iter().map(listed).collect())
}

pub(super) async fn get(pool: &SqlitePool, id: i64) -> Result<Listed, QueueError> {
    let row = sqlx::query(AssertSqlSafe(format!("{COLUMNS} WHERE id = ?"))).bind(id).fetch_optional(pool).await?;
    row.as_ref().map(listed).ok_or(QueueError::NoSuchMessage { id })
}

pub(super) async fn get_all(pool: &SqlitePool, ids: &[i64]) -> Result<Vec<Listed>, QueueError> {
    let ids = serde_json::to_string(ids).unwrap_or_default();
    let query = format!("{COLUMNS} WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id");
    Ok(sqlx::query(AssertSqlSafe(query)).bind(ids).fetch_all(pool).await?.iter().map(listed).collect())
}

pub(super) async fn content(pool: &SqlitePool, folder: &Path, id: i64) -> Result<Bytes, QueueError> {
    let row = sqlx::query("SELECT raw, file FROM content WHERE message = ?").bind(id).fetch_optional(pool).await?;
    let Some(row) = row else { return Err(QueueError::ContentGone { id }) };
    if let Some(raw) = row.get::<Option<Vec<u8>>, _>(0) {
        return Ok(raw.into());
    }
    let path = folder.join(row.get::<String, _>(1));
    std::fs::File::open(&path).and_then(|file| spool::map(&file)).map_err(|source| QueueError::ContentUnreadable {
        id,
        path,
        source,
    })
}

/// Answered by the index on outcome and end alone. A condition on the outcome is what makes it serve.
pub(super) const SERIES: &str = "SELECT (finished_at - ?1) / ?2, outcome, count(*) FROM message
     WHERE state = 2 AND outcome IN ('updated', 'skipped', 'failed') AND finished_at >= ?1 AND finished_at < ?3
     GROUP BY 1, 2";

/// How many ended in each step; `count` steps.
pub(super) async fn series(pool: &SqlitePool, query: &SeriesQuery, count: usize) -> Result<Vec<Bucket>, QueueError> {
    let mut buckets = vec![Bucket::default(); count];
    let rows = sqlx::query(SERIES).bind(query.from).bind(query.step).bind(query.to).fetch_all(pool).await?;
    for row in rows {
        let Some(bucket) = usize::try_from(row.get::<i64, _>(0)).ok().and_then(|at| buckets.get_mut(at)) else {
            continue;
        };
        let count = u32::try_from(row.get::<i64, _>(2)).unwrap_or(u32::MAX);
        match row.get::<&str, _>(1) {
            "updated" => bucket.updated = count,
            "skipped" => bucket.skipped = count,
            _ => bucket.failed = count,
        }
    }
    Ok(buckets)
}

pub(super) async fn count(connection: &mut SqliteConnection) -> Result<Counts, sqlx::Error> {
    let mut counts = Counts::default();
    let rows = sqlx::query("SELECT state, outcome, count(*) FROM message GROUP BY state, outcome");
    for row in rows.fetch_all(connection).await? {
        let count: i64 = row.get(2);
        match (row.get::<i64, _>(0), row.get::<Option<&str>, _>(1)) {
            (0, _) => counts.waiting += count,
            (1, _) => counts.working += count,
            (_, Some("updated")) => *counts.of(OutcomeKind::Updated) += count,
            (_, Some("skipped")) => *counts.of(OutcomeKind::Skipped) += count,
            _ => *counts.of(OutcomeKind::Failed) += count,
        }
    }
    Ok(counts)
}

/// The rule's stable name, as serde writes it.
pub(super) fn rule_name(rule: Rule) -> String {
    match serde_json::to_value(rule) {
        Ok(serde_json::Value::String(name)) => name,
        _ => unreachable!("a rule is written as its name"),
    }
}

pub(super) fn rule_named(name: &str) -> Option<Rule> {
    serde_json::from_value(serde_json::Value::String(name.to_owned())).ok()
}
