//! What came of leased messages, and everything else that changes what is in the queue.

use std::collections::BTreeSet;

use tokio_postgres::Error as PgError;

use super::super::writer::{AHEAD, BEARABLE};
use super::super::{Concluded, Conclusion, Postponed, Retry, reader};
use super::accept::text;
use super::transaction::{Transaction, kind_named};
use crate::pipe::types::OutcomeKind;

const FINISH: &str = "UPDATE message SET state = 2, owner = NULL, claim = NULL, outcome = o.outcome, rule = o.rule,
         reason = o.reason, finished_at = $2
     FROM unnest($3::bigint[], $4::text[], $5::text[], $6::text[]) AS o (id, outcome, rule, reason)
     WHERE message.id = o.id AND state = 1 AND owner = $1
     RETURNING message.id, mailbox, message.outcome";

const POSTPONE: &str = "UPDATE message SET state = 0, claim = NULL, due_at = o.until, reason = o.reason,
         not_found_tries = not_found_tries + o.not_found, error_tries = error_tries + o.error, owner = o.owner
     FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::integer[], $6::integer[], $7::text[])
          AS o (id, until, reason, not_found, error, owner)
     WHERE message.id = o.id AND state = 1 AND message.owner = $1
     RETURNING message.id, mailbox";

const RENEW: &str = "UPDATE message SET due_at = $3 WHERE id = ANY($2) AND state = 1 AND owner = $1 RETURNING id";

const OF_EARLIER: &str = "SELECT mailbox FROM message WHERE state = 1 AND owner <> $1 AND starts_with(owner, $2)";
const TAKE_OVER: &str = "UPDATE message SET state = 0, owner = NULL, claim = NULL, due_at = $3,
         error_tries = greatest(error_tries, 1)
     WHERE state = 1 AND owner <> $1 AND starts_with(owner, $2) RETURNING id";

const AHEAD_OF_TIME: &str = "SELECT mailbox FROM message WHERE state < 2 AND (waits_since > $1 OR due_at > $2)";
// A lease may not have been taken away: whoever works on it renews it before it runs out.
const FROM_THE_FUTURE: &str = "UPDATE message SET waits_since = least(waits_since, $3),
         due_at = least(due_at, CASE state WHEN 1 THEN $4 ELSE $3 END)
     WHERE state < 2 AND (waits_since > $1 OR due_at > $2) AND mailbox = ANY($5)";

const OF_TURN: &str = "SELECT mailbox FROM message WHERE state = 1 AND owner = $1 AND claim BETWEEN $2 AND $3";
const UNDO: &str = "UPDATE message SET state = 0, owner = NULL, claim = NULL, due_at = $4
     WHERE state = 1 AND owner = $1 AND claim BETWEEN $2 AND $3 RETURNING id";

const SCOPE_MAILBOXES: &str = "SELECT DISTINCT mailbox FROM message WHERE owner = 'scope' AND state = 0";
const SCOPE_KNOWN: &str = "UPDATE message SET due_at = $1, owner = NULL
     WHERE owner = 'scope' AND state = 0 AND mailbox = ANY($2) RETURNING id";

// The age starts anew; accepted_at stays, because it tells which of several split copies is the last.
const AGAIN: &str = "WITH old AS (
         SELECT id, outcome FROM message
         WHERE state = 2 AND ($2::bigint IS NULL AND outcome = 'failed' OR id = $2 AND outcome IN ('failed', 'skipped'))
           AND rule <> 'unusable' AND EXISTS (SELECT 1 FROM content WHERE message = message.id AND piece = 0)
         ORDER BY id FOR UPDATE OF message)
     UPDATE message SET state = 0, due_at = $1, waits_since = $1, not_found_tries = 0, error_tries = 0, outcome = NULL,
         rule = NULL, reason = '', finished_at = NULL
     FROM old WHERE message.id = old.id RETURNING message.id, mailbox, old.outcome";

const PURGE: &str = "DELETE FROM message WHERE id IN (
         SELECT id FROM message WHERE state = 2 AND finished_at < $1 ORDER BY finished_at LIMIT 1000
         FOR UPDATE SKIP LOCKED)
     RETURNING outcome";

/// Those who have nothing to be done are forgotten, too, as long as nobody is about to add something for them.
const PURGE_MAILBOXES: &str = "DELETE FROM mailbox WHERE name IN (
         SELECT name FROM mailbox WHERE first_due = 9223372036854775807 LIMIT 1000 FOR UPDATE SKIP LOCKED)
     AND NOT EXISTS (SELECT 1 FROM message WHERE message.mailbox = mailbox.name AND state < 2)";

/// Claims of one turn are numbered from the first of these to the last.
pub(super) fn claims_of(turn: i64) -> (i64, i64) {
    (turn << 16, (turn << 16) | 0xffff)
}

impl Transaction<'_> {
    /// Those that are no longer leased by this updater stay as they are.
    pub async fn record(&mut self, concluded: &[Concluded]) -> Result<(), PgError> {
        let (mut ended, mut outcomes, mut rules, mut reasons) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut back, mut untils, mut whys) = (Vec::new(), Vec::new(), Vec::new());
        let (mut not_found, mut errors, mut owners) = (Vec::new(), Vec::new(), Vec::new());
        for Concluded { id, conclusion } in concluded {
            match conclusion {
                Conclusion::Finished(outcome) => {
                    ended.push(*id);
                    outcomes.push(outcome.kind().as_str());
                    rules.push(reader::rule_name(outcome.rule));
                    reasons.push(text(&outcome.reason));
                }
                Conclusion::Postponed { until, why, reason } => {
                    back.push(*id);
                    untils.push(*until);
                    whys.push(text(reason));
                    not_found.push(i32::from(*why == Postponed::NotFoundYet));
                    errors.push(i32::from(*why == Postponed::Error));
                    owners.push((*why == Postponed::ScopeUnknown).then_some("scope"));
                }
            }
        }
        let mut mailboxes = BTreeSet::new();
        if !ended.is_empty() {
            let values = self.rows(FINISH, &[&self.me.name, &self.now, &ended, &outcomes, &rules, &reasons]).await?;
            for row in values {
                self.effects.changed.push(row.get(0));
                mailboxes.insert(row.get::<_, String>(1));
                self.effects.counts.working -= 1;
                *self.effects.counts.of(kind_named(row.get(2))) += 1;
            }
        }
        if !back.is_empty() {
            let values: [&(dyn tokio_postgres::types::ToSql + Sync); 7] =
                [&self.me.name, &back, &untils, &whys, &not_found, &errors, &owners];
            for row in self.rows(POSTPONE, &values).await? {
                self.effects.changed.push(row.get(0));
                mailboxes.insert(row.get::<_, String>(1));
                self.effects.counts.working -= 1;
                self.effects.counts.waiting += 1;
                self.effects.arrived = true;
            }
        }
        if !mailboxes.is_empty() {
            let mailboxes: Vec<String> = mailboxes.into_iter().collect();
            self.hold(&mailboxes).await?;
            // Others may have waited for a place in these mailboxes.
            self.effects.wakes |= self.look_what_is_due(&mailboxes).await?;
        }
        Ok(())
    }

    /// Returns those that this updater leases.
    pub async fn renew(&self, ids: &[i64]) -> Result<Vec<i64>, PgError> {
        let rows = self.rows(RENEW, &[&self.me.name, &ids, &self.lease_end()]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// What is to be done whenever a connection has come about.
    pub async fn put_in_order(&mut self) -> Result<(), PgError> {
        self.put_times_right().await?;
        self.take_over().await
    }

    /// What waits for a time that a wrong clock gave it waits from now on: the database's was put right, or the database
    /// went to a machine whose clock is right.
    async fn put_times_right(&mut self) -> Result<(), PgError> {
        let (since, due) = (self.now.saturating_add(BEARABLE), self.now.saturating_add(AHEAD));
        let mailboxes = self.hold_those_of(AHEAD_OF_TIME, &[&since, &due]).await?;
        if mailboxes.is_empty() {
            return Ok(());
        }
        self.execute(FROM_THE_FUTURE, &[&since, &due, &self.now, &self.lease_end(), &mailboxes]).await?;
        self.effects.arrived = true;
        self.look_what_is_due(&mailboxes).await.map(drop)
    }

    /// Whatever earlier processes of this data folder had leased is waiting again, after an attempt that came to nothing:
    /// its requests may have been carried out. The lock on the folder says that they are gone.
    async fn take_over(&mut self) -> Result<(), PgError> {
        let earlier = format!("{}/", self.me.folder);
        let mailboxes = self.hold_those_of(OF_EARLIER, &[&self.me.name, &earlier]).await?;
        let rows = self.rows(TAKE_OVER, &[&self.me.name, &earlier, &self.now]).await?;
        self.back_to_waiting(&rows, &mailboxes).await
    }

    /// Puts back what a turn leased whose answer never arrived: no attempt began.
    pub async fn undo_turn(&mut self, turn: i64) -> Result<(), PgError> {
        let (first, last) = claims_of(turn);
        let mailboxes = self.hold_those_of(OF_TURN, &[&self.me.name, &first, &last]).await?;
        let rows = self.rows(UNDO, &[&self.me.name, &first, &last, &self.now]).await?;
        self.back_to_waiting(&rows, &mailboxes).await
    }

    async fn back_to_waiting(&mut self, rows: &[tokio_postgres::Row], mailboxes: &[String]) -> Result<(), PgError> {
        for row in rows {
            self.effects.changed.push(row.get(0));
            self.effects.counts.working -= 1;
            self.effects.counts.waiting += 1;
            self.effects.arrived = true;
        }
        self.look_what_is_due(mailboxes).await.map(drop)
    }

    /// Makes those due that wait until it is known who is in scope. Returns how many.
    pub async fn scope_known(&mut self) -> Result<u64, PgError> {
        let mailboxes = self.hold_those_of(SCOPE_MAILBOXES, &[]).await?;
        if mailboxes.is_empty() {
            return Ok(0);
        }
        let rows = self.rows(SCOPE_KNOWN, &[&self.now, &mailboxes]).await?;
        self.effects.changed.extend(rows.iter().map(|row| row.get::<_, i64>(0)));
        self.effects.arrived |= !rows.is_empty();
        self.look_what_is_due(&mailboxes).await?;
        Ok(rows.len() as u64)
    }

    pub async fn retry(&mut self, which: Retry) -> Result<u64, PgError> {
        let id = match which {
            Retry::One(id) => Some(id),
            Retry::AllFailed => None,
        };
        let rows = self.rows(AGAIN, &[&self.now, &id]).await?;
        for row in &rows {
            self.effects.changed.push(row.get(0));
            *self.effects.counts.of(kind_named(row.get(2))) -= 1;
            self.effects.counts.waiting += 1;
            self.effects.arrived = true;
        }
        let mailboxes: Vec<&str> = rows.iter().map(|row| row.get(1)).collect();
        if !mailboxes.is_empty() {
            self.add_due(&mailboxes).await?;
        }
        Ok(rows.len() as u64)
    }

    pub async fn purge(&mut self, before: i64) -> Result<u64, PgError> {
        let rows = self.rows(PURGE, &[&before]).await?;
        for row in &rows {
            let kind: OutcomeKind = kind_named(row.get(0));
            *self.effects.counts.of(kind) -= 1;
        }
        if rows.is_empty() {
            self.execute(PURGE_MAILBOXES, &[]).await?;
        }
        Ok(rows.len() as u64)
    }
}
