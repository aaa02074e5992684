//! What came of leased messages, recorded together.

use serde_json::{Value, json};
use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

use super::writer::After;
use super::{Concluded, Conclusion, Postponed, QueueError, reader};
use crate::pipe::types::OutcomeKind;

/// In the place of the owner of those that wait until it is known who is in scope.
const WAITS_FOR_SCOPE: &str = "scope";

const FINISH: &str = "UPDATE message SET state = 2, owner = NULL, outcome = o.value ->> 1, rule = o.value ->> 2,
         reason = o.value ->> 3, finished_at = ?2
     FROM json_each(?1) AS o WHERE message.id = o.value ->> 0 AND state = 1 AND owner = ?3
     RETURNING message.id, mailbox, outcome";

const POSTPONE: &str = "UPDATE message SET state = 0, due_at = o.value ->> 1, reason = o.value ->> 2,
         not_found_tries = not_found_tries + (o.value ->> 3), error_tries = error_tries + (o.value ->> 4),
         owner = o.value ->> 5
     FROM json_each(?1) AS o WHERE message.id = o.value ->> 0 AND state = 1 AND owner = ?2
     RETURNING message.id, mailbox";

/// Those that are no longer leased by this updater stay as they are.
pub(super) async fn record(
    connection: &mut SqliteConnection,
    concluded: &[Concluded],
    now: i64,
    owner: &str,
    after: &mut After,
) -> Result<(), QueueError> {
    let (mut finished, mut postponed) = (Vec::new(), Vec::new());
    for Concluded { id, conclusion } in concluded {
        match conclusion {
            Conclusion::Finished(outcome) => {
                let rule = reader::rule_name(outcome.rule);
                finished.push(json!([id, outcome.kind().as_str(), rule, outcome.reason]));
            }
            Conclusion::Postponed { until, why, reason } => {
                let (not_found, error, owner) = match why {
                    Postponed::NotFoundYet => (1, 0, None),
                    Postponed::Error => (0, 1, None),
                    Postponed::Paused => (0, 0, None),
                    Postponed::ScopeUnknown => (0, 0, Some(WAITS_FOR_SCOPE)),
                };
                postponed.push(json!([id, until, reason, not_found, error, owner]));
            }
        }
    }
    if !finished.is_empty() {
        let rows = sqlx::query(FINISH)
            .bind(Value::Array(finished).to_string())
            .bind(now)
            .bind(owner)
            .fetch_all(&mut *connection)
            .await?;
        for row in rows {
            let kind = match row.get(2) {
                "updated" => OutcomeKind::Updated,
                "skipped" => OutcomeKind::Skipped,
                _ => OutcomeKind::Failed,
            };
            after.changed.push(row.get(0));
            after.mailboxes.insert(row.get(1));
            after.counts.working -= 1;
            *after.counts.of(kind) += 1;
        }
    }
    if !postponed.is_empty() {
        let rows =
            sqlx::query(POSTPONE).bind(Value::Array(postponed).to_string()).bind(owner).fetch_all(connection).await?;
        for row in rows {
            after.changed.push(row.get(0));
            after.mailboxes.insert(row.get(1));
            after.counts.working -= 1;
            after.counts.waiting += 1;
            after.arrived = true;
        }
    }
    Ok(())
}

/// Makes those due that wait until it is known who is in scope. Returns how many.
pub(super) async fn scope_known(
    connection: &mut SqliteConnection,
    now: i64,
    after: &mut After,
) -> Result<u64, QueueError> {
    let rows = sqlx::query(
        "UPDATE message SET due_at = ?1, owner = NULL WHERE owner = 'scope' AND state = 0 RETURNING id, mailbox",
    )
    .bind(now)
    .fetch_all(connection)
    .await?;
    for row in &rows {
        after.changed.push(row.get(0));
        after.mailboxes.insert(row.get(1));
    }
    after.arrived |= !rows.is_empty();
    Ok(rows.len() as u64)
}
