//! Claiming: groups of due messages, each of one mailbox.
//!
//! Mailboxes that nothing is done for come first, in the order of what has waited longest, then those with one group
//! at work, and so on: whoever has ten thousand messages gets no more than a turn while another has one.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use bytes::Bytes;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::due::{Due, Place};
use super::writer::{After, json};
use super::{Claimed, Job, JobContent, QueueError, Wanted};

/// Messages of a mailbox that are due, in order. Those with a Message-ID are worked on one at a time, so that split
/// copies keep their order: it is not there if another of them is leased, or is due and came before it.
const OF_MAILBOX: &str = "SELECT id, message_id, accepted_at, waits_since, not_found_tries, error_tries, state, size
     FROM message AS m
     WHERE mailbox = ?1 AND state < 2 AND due_at <= ?2
       AND NOT EXISTS (SELECT 1 FROM message AS other WHERE other.message_id = m.message_id
                       AND other.state < 2 AND other.id <> m.id
                       AND (other.state = 1 AND other.due_at > ?2 OR other.id < m.id AND other.due_at <= ?2))
     ORDER BY due_at, id LIMIT ?3";

pub(super) struct Claim<'a> {
    pub wanted: &'a Wanted,
    pub due: &'a Due,
    pub now: i64,
    pub lease_end: i64,
    pub owner: &'a str,
    pub spool: &'a Path,
}

impl Claim<'_> {
    pub async fn run(&self, connection: &mut SqliteConnection, after: &mut After) -> Result<Claimed, QueueError> {
        let mut groups: Vec<Vec<Job>> = Vec::new();
        let mut message_ids = HashSet::new();
        let mut without = HashSet::new();
        for at_work in 0..self.wanted.per_mailbox {
            let before = groups.len();
            let mut place: Option<Place> = None;
            while groups.len() < self.wanted.groups
                && let Some(next) = self.due.next(place.as_ref(), self.now)
            {
                place = Some(next.clone());
                let mailbox = &*next.1;
                // Those of this claim are at work, too.
                let here = groups.iter().filter(|group| group[0].mailbox == mailbox).count();
                let now_at_work = self.wanted.at_work.get(mailbox).copied().unwrap_or_default() + here;
                if now_at_work != at_work || without.contains(mailbox) {
                    continue;
                }
                let group = self.of_mailbox(connection, mailbox, &mut message_ids, after).await?;
                if group.is_empty() {
                    without.insert(mailbox.to_owned());
                } else {
                    groups.push(group);
                }
                after.mailboxes.insert(mailbox.to_owned());
            }
            // They are leased before a mailbox is asked once more.
            self.lease(connection, &groups[before..]).await?;
            if groups.len() >= self.wanted.groups {
                break;
            }
        }
        self.contents(connection, &mut groups).await?;
        after.changed.extend(groups.iter().flatten().map(|job| job.id));
        let next_due = if groups.len() < self.wanted.groups { self.due.after(self.now) } else { None };
        Ok(Claimed { groups, next_due })
    }

    async fn of_mailbox(
        &self,
        connection: &mut SqliteConnection,
        mailbox: &str,
        message_ids: &mut HashSet<String>,
        after: &mut After,
    ) -> Result<Vec<Job>, QueueError> {
        let rows = sqlx::query(OF_MAILBOX)
            .bind(mailbox)
            .bind(self.now)
            .bind(i64::try_from(self.wanted.messages).unwrap_or(i64::MAX))
            .fetch_all(connection)
            .await?;
        let mut group = Vec::with_capacity(rows.len());
        let mut bytes = 0;
        for row in rows {
            bytes += u64::try_from(row.get::<i64, _>(7)).unwrap_or_default();
            if !group.is_empty() && bytes > self.wanted.bytes {
                break;
            }
            let message_id: String = row.get(1);
            if !message_ids.insert(message_id.clone()) {
                continue;
            }
            // The other state is a lease that ran out.
            let broken_off = row.get::<i64, _>(6) == 1;
            if !broken_off {
                after.counts.waiting -= 1;
                after.counts.working += 1;
            }
            group.push(Job {
                id: row.get(0),
                message_id,
                mailbox: mailbox.to_owned(),
                accepted_at: row.get(2),
                waits_since: row.get(3),
                not_found_tries: row.get(4),
                error_tries: row.get::<u32, _>(5).max(broken_off.into()),
                content: JobContent::Missing,
            });
        }
        Ok(group)
    }

    async fn lease(&self, connection: &mut SqliteConnection, groups: &[Vec<Job>]) -> Result<(), QueueError> {
        let ids: Vec<i64> = groups.iter().flatten().map(|job| job.id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        // A lease that ran out is an attempt that came to nothing.
        sqlx::query(
            "UPDATE message SET error_tries = max(error_tries, state), state = 1, owner = ?, due_at = ?
             WHERE id IN (SELECT value FROM json_each(?))",
        )
        .bind(self.owner)
        .bind(self.lease_end)
        .bind(json(&ids))
        .execute(connection)
        .await?;
        Ok(())
    }

    async fn contents(&self, connection: &mut SqliteConnection, groups: &mut [Vec<Job>]) -> Result<(), QueueError> {
        let mut jobs: HashMap<i64, &mut Job> = groups.iter_mut().flatten().map(|job| (job.id, job)).collect();
        if jobs.is_empty() {
            return Ok(());
        }
        let ids: Vec<i64> = jobs.keys().copied().collect();
        let rows =
            sqlx::query("SELECT message, raw, file FROM content WHERE message IN (SELECT value FROM json_each(?))")
                .bind(json(&ids))
                .fetch_all(connection)
                .await?;
        for row in rows {
            if let Some(job) = jobs.get_mut(&row.get(0)) {
                job.content = self.content(&row);
            }
        }
        Ok(())
    }

    fn content(&self, row: &SqliteRow) -> JobContent {
        match (row.get::<Option<&[u8]>, _>(1), row.get::<Option<&str>, _>(2)) {
            (Some(raw), _) => JobContent::Memory(Bytes::copy_from_slice(raw)),
            (None, Some(file)) => JobContent::File(self.spool.join(file)),
            (None, None) => JobContent::Missing,
        }
    }
}
