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

/// Messages of several mailboxes that are due, of each so many at the most, in order. Those with a Message-ID are worked
/// on one at a time, so that split copies keep their order: it is not there if another of them is leased, or is due and
/// came before it.
///
/// One statement for all, because each costs two switches between threads, which take longer than what it does.
const OF_MAILBOXES: &str =
    "SELECT due.id, due.message_id, due.accepted_at, due.waits_since, due.not_found_tries, due.error_tries,
       due.state, due.size, wanted.key
     FROM json_each(?1) AS wanted CROSS JOIN message AS due ON due.id IN
       (SELECT m.id FROM message AS m
        WHERE m.mailbox = wanted.value AND m.state < 2 AND m.due_at <= ?2
          AND NOT EXISTS (SELECT 1 FROM message AS other WHERE other.message_id = m.message_id
                          AND other.state < 2 AND other.id <> m.id
                          AND (other.state = 1 AND other.due_at > ?2 OR other.id < m.id AND other.due_at <= ?2))
        ORDER BY m.due_at, m.id LIMIT ?3)
     ORDER BY wanted.key, due.due_at, due.id";

/// Leases messages and reads their contents. A lease that ran out is an attempt that came to nothing.
const LEASE: &str = "UPDATE message SET error_tries = max(error_tries, state), state = 1, owner = ?, due_at = ? WHERE id IN (SELECT value FROM json_each(?));
     SELECT message, raw, file FROM content WHERE message IN (SELECT value FROM json_each(?))";

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
            loop {
                let room = self.wanted.groups - groups.len();
                let mailboxes = self.next_mailboxes(room, at_work, &mut place, &groups, &without);
                if mailboxes.is_empty() {
                    break;
                }
                let found = self.of_mailboxes(connection, &mailboxes, &mut message_ids, after).await?;
                for (mailbox, group) in mailboxes.into_iter().zip(found) {
                    if group.is_empty() {
                        without.insert(mailbox.clone());
                    } else {
                        groups.push(group);
                    }
                    after.mailboxes.insert(mailbox);
                }
            }
            // They are leased before a mailbox is asked once more.
            self.lease(connection, &mut groups[before..]).await?;
            if groups.len() >= self.wanted.groups {
                break;
            }
        }
        after.changed.extend(groups.iter().flatten().map(|job| job.id));
        let next_due = if groups.len() < self.wanted.groups { self.due.after(self.now) } else { None };
        Ok(Claimed { groups, next_due })
    }

    /// The next mailboxes behind `place`, `room` at the most, that have something due and so many groups at work.
    fn next_mailboxes(
        &self,
        room: usize,
        at_work: usize,
        place: &mut Option<Place>,
        groups: &[Vec<Job>],
        without: &HashSet<String>,
    ) -> Vec<String> {
        let mut mailboxes = Vec::new();
        while mailboxes.len() < room
            && let Some(next) = self.due.next(place.as_ref(), self.now)
        {
            let mailbox = &*next.1;
            // Those of this claim are at work, too.
            let here = groups.iter().filter(|group| group[0].mailbox == mailbox).count();
            let now_at_work = self.wanted.at_work.get(mailbox).copied().unwrap_or_default() + here;
            if now_at_work == at_work && !without.contains(mailbox) {
                mailboxes.push(mailbox.to_owned());
            }
            *place = Some(next.clone());
        }
        mailboxes
    }

    /// A group of each mailbox, as far as it has one.
    async fn of_mailboxes(
        &self,
        connection: &mut SqliteConnection,
        mailboxes: &[String],
        message_ids: &mut HashSet<String>,
        after: &mut After,
    ) -> Result<Vec<Vec<Job>>, QueueError> {
        let rows = sqlx::query(OF_MAILBOXES)
            .bind(json(mailboxes))
            .bind(self.now)
            .bind(i64::try_from(self.wanted.messages).unwrap_or(i64::MAX))
            .fetch_all(connection)
            .await?;
        let mut groups: Vec<Vec<Job>> = mailboxes.iter().map(|_| Vec::new()).collect();
        let mut sizes = vec![0; mailboxes.len()];
        for row in rows {
            let Some(at) = usize::try_from(row.get::<i64, _>(8)).ok().filter(|at| *at < mailboxes.len()) else {
                continue;
            };
            let group = &mut groups[at];
            // What comes behind one that is too much stays, too: they keep their order.
            sizes[at] += u64::try_from(row.get::<i64, _>(7)).unwrap_or_default();
            if !group.is_empty() && sizes[at] > self.wanted.bytes {
                continue;
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
                mailbox: mailboxes[at].clone(),
                accepted_at: row.get(2),
                waits_since: row.get(3),
                not_found_tries: row.get(4),
                error_tries: row.get::<u32, _>(5).max(broken_off.into()),
                elsewhere: false,
                content: JobContent::Missing,
            });
        }
        Ok(groups)
    }

    async fn lease(&self, connection: &mut SqliteConnection, groups: &mut [Vec<Job>]) -> Result<(), QueueError> {
        let mut jobs: HashMap<i64, &mut Job> = groups.iter_mut().flatten().map(|job| (job.id, job)).collect();
        if jobs.is_empty() {
            return Ok(());
        }
        let ids = json(&jobs.keys().copied().collect::<Vec<_>>());
        let contents = sqlx::query(LEASE).bind(self.owner).bind(self.lease_end).bind(ids.clone()).bind(ids);
        for row in contents.fetch_all(connection).await? {
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
