//! Looking at the shared queue, beside the writer.

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::super::{QueueError, reader};
use super::Shared;
use super::connect;
use crate::pipe::types::{Bucket, Filter, Listed, SeriesQuery, State};

const COLUMNS: &str =
    "SELECT id, state::integer, outcome, message_id, sender, subject, size, source, accepted_at, due_at,
     finished_at, rule, reason, not_found_tries + error_tries FROM message";

const SERIES: &str = "SELECT (finished_at - $1) / $2, outcome, count(*) FROM message
     WHERE state = 2 AND outcome IN ('updated', 'skipped', 'failed') AND finished_at >= $1 AND finished_at < $3
     GROUP BY 1, 2";

pub(super) const COUNT: &str = "SELECT state::integer, outcome, count(*) FROM message GROUP BY state, outcome";

fn listed(row: &Row) -> Listed {
    let state = reader::state(row.get(1), row.get(2));
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
        rule: row.get::<_, Option<&str>>(11).and_then(reader::rule_named),
        reason: row.get(12),
        tries: i64::from(row.get::<_, i32>(13)),
    }
}

impl Shared {
    async fn ask(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, QueueError> {
        let db = self.db().await?;
        connect::rows(&db, sql, values).await.map_err(|error| self.meaning(&error))
    }

    pub async fn list(&self, filter: &Filter) -> Result<Vec<Listed>, QueueError> {
        let mut query = format!("{COLUMNS} WHERE true");
        query.push_str(match filter.state {
            Some(State::Waiting) => " AND state = 0",
            Some(State::Working) => " AND state = 1",
            Some(State::Updated) => " AND state = 2 AND outcome = 'updated'",
            Some(State::Skipped) => " AND state = 2 AND outcome = 'skipped'",
            Some(State::Failed) => " AND state = 2 AND outcome = 'failed'",
            None => "",
        });
        let mut values: Vec<&(dyn ToSql + Sync)> = Vec::new();
        if let Some(before) = &filter.before {
            values.push(before);
            query.push_str(&format!(" AND id < ${}", values.len()));
        }
        let pattern = filter.search.as_deref().filter(|search| !search.is_empty()).map(|search| {
            let escaped = search.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
            format!("%{}%", escaped.replace('\0', "\u{FFFD}"))
        });
        if let Some(pattern) = &pattern {
            values.push(pattern);
            let at = values.len();
            query.push_str(&format!(" AND (sender ILIKE ${at} OR subject ILIKE ${at} OR message_id ILIKE ${at})"));
        }
        let limit = i64::from(filter.limit.unwrap_or(100).min(1000));
        values.push(&limit);
        query.push_str(&format!(" ORDER BY id DESC LIMIT ${}", values.len()));
        Ok(self.ask(&query, &values).await?.iter().map(listed).collect())
    }

    pub async fn get(&self, id: i64) -> Result<Listed, QueueError> {
        let rows = self.ask(&format!("{COLUMNS} WHERE id = $1"), &[&id]).await?;
        rows.first().map(listed).ok_or(QueueError::NoSuchMessage { id })
    }

    pub async fn get_all(&self, ids: &[i64]) -> Result<Vec<Listed>, QueueError> {
        let rows = self.ask(&format!("{COLUMNS} WHERE id = ANY($1) ORDER BY id"), &[&ids]).await?;
        Ok(rows.iter().map(listed).collect())
    }

    /// How many ended in each step; `count` steps.
    pub async fn series(&self, query: &SeriesQuery, count: usize) -> Result<Vec<Bucket>, QueueError> {
        let mut buckets = vec![Bucket::default(); count];
        for row in self.ask(SERIES, &[&query.from, &query.step, &query.to]).await? {
            let Some(bucket) = usize::try_from(row.get::<_, i64>(0)).ok().and_then(|at| buckets.get_mut(at)) else {
                continue;
            };
            let count = u32::try_from(row.get::<_, i64>(2)).unwrap_or(u32::MAX);
            match row.get::<_, &str>(1) {
                "updated" => bucket.updated = count,
                "skipped" => bucket.skipped = count,
                _ => bucket.failed = count,
            }
        }
        Ok(buckets)
    }
}
