//! Claiming from the shared queue: groups of due messages, each of one mailbox, as the embedded one does.
//!
//! Whoever claims from a mailbox holds its row, and passes over those that another updater holds. So no two look at the
//! same mailbox at once, its messages keep their order, and the limit of groups at a time holds for all updaters
//! together.

use std::collections::{HashMap, HashSet, VecDeque};

use bytes::Bytes;
use tokio_postgres::{Error as PgError, Row};

use super::super::{Claimed, Job, JobContent, Wanted};
use super::accept::PIECE;
use super::conclude::claims_of;
use super::content::Remote;
use super::transaction::{NEVER, Transaction};

/// When to look again, in milliseconds, where another updater was claiming.
const IN_A_MOMENT: i64 = 20;

/// Leases that ran out: attempts that came to nothing. Whoever is about to conclude or renew one keeps it.
const RAN_OUT: &str = "UPDATE message SET state = 0, owner = NULL, claim = NULL, error_tries = greatest(error_tries, 1)
     WHERE id IN (
         SELECT id FROM message WHERE state = 1 AND due_at <= $1 ORDER BY id LIMIT 1000 FOR UPDATE SKIP LOCKED)
     RETURNING id";

/// Mailboxes that nothing is done for, those first that have waited longest.
const FREE: &str = "SELECT name FROM mailbox AS b
     WHERE first_due <= $1 AND name <> ALL($2)
       AND NOT EXISTS (SELECT 1 FROM message AS l WHERE l.mailbox = b.name AND l.state = 1 AND l.owner <> $3)
     ORDER BY first_due, name LIMIT $4 FOR UPDATE OF b SKIP LOCKED";

/// Mailboxes that something is done for, here or elsewhere.
const BUSY: &str = "SELECT name FROM mailbox AS b
     WHERE first_due <= $1 AND name <> ALL($2)
       AND name IN (SELECT unnest($3::text[]) UNION SELECT mailbox FROM message WHERE state = 1 AND owner <> $4)
     ORDER BY first_due, name FOR UPDATE OF b SKIP LOCKED";

/// Whether some are left that nothing is done for: another updater is claiming from them.
const PASSED_OVER: &str = "SELECT EXISTS (SELECT 1 FROM mailbox AS b WHERE first_due <= $1 AND name <> ALL($2)
       AND NOT EXISTS (SELECT 1 FROM message AS l WHERE l.mailbox = b.name AND l.state = 1 AND l.owner <> $3))";

const NEXT_DUE: &str = "SELECT coalesce(min(first_due), 9223372036854775807) FROM mailbox WHERE first_due > $1";

/// How many groups of a mailbox are at work elsewhere.
const ELSEWHERE: &str = "SELECT mailbox, count(DISTINCT (owner, claim)) FROM message
     WHERE mailbox = ANY($1) AND state = 1 AND owner <> $2 GROUP BY mailbox";

/// Messages that are due, in order. Those with a Message-ID are worked on one at a time, so that split copies keep their
/// order: one is not there if another of them is leased, or is due and came before it.
const DUE: &str =
    "SELECT b.name, m.id, m.message_id, m.accepted_at, m.waits_since, m.not_found_tries, m.error_tries, m.size
     FROM unnest($1::text[]) WITH ORDINALITY AS b (name, place) CROSS JOIN LATERAL (
         SELECT * FROM message AS one WHERE one.mailbox = b.name AND one.state = 0 AND one.due_at <= $2
           AND NOT EXISTS (SELECT 1 FROM message AS other WHERE other.copies = one.copies AND other.state < 2
                           AND other.id <> one.id
                           AND (other.state = 1 OR other.id < one.id AND other.due_at <= $2))
         ORDER BY one.due_at, one.id LIMIT $3) AS m
     ORDER BY b.place, m.due_at, m.id";

const LEASE: &str = "UPDATE message SET state = 1, owner = $1, due_at = $2, claim = c.claim
     FROM unnest($3::bigint[], $4::bigint[]) AS c (id, claim) WHERE message.id = c.id";

const CONTENTS: &str = "SELECT message, raw FROM content WHERE message = ANY($1) AND piece = 0";

/// A mailbox that is held, with what is due in it.
struct Held {
    name: String,
    at_work: usize,
    due: VecDeque<Job>,
    sizes: HashMap<i64, u64>,
}

impl Transaction<'_> {
    pub async fn claim(&mut self, wanted: &Wanted, turn: i64, remote: &Remote) -> Result<Claimed, PgError> {
        for row in self.rows(RAN_OUT, &[&self.now]).await? {
            self.effects.changed.push(row.get(0));
            self.effects.counts.working -= 1;
            self.effects.counts.waiting += 1;
        }
        // Those that have something at work here are not free; nor is what is to be left alone.
        let mut seen: Vec<String> =
            wanted.at_work.iter().filter(|(_, groups)| **groups > 0).map(|(name, _)| name.clone()).collect();
        let busy: Vec<String> = (wanted.at_work.iter())
            .filter(|(_, groups)| (1..wanted.per_mailbox).contains(groups))
            .map(|(name, _)| name.clone())
            .collect();
        let mut held: Vec<Held> = Vec::new();
        let mut message_ids = HashSet::new();
        let mut groups: Vec<Vec<Job>> = Vec::new();
        // Some may have nothing but copies of messages that are at work: others come in their place.
        while groups.len() < wanted.groups {
            let room = i64::try_from(wanted.groups - groups.len()).unwrap_or(i64::MAX);
            let rows = self.rows(FREE, &[&self.now, &seen, &self.me.name, &room]).await?;
            let names: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
            if names.is_empty() {
                break;
            }
            seen.extend_from_slice(&names);
            let mut found = self.look_into(&names, wanted, remote).await?;
            gather(&mut found, wanted, 0, &mut message_ids, &mut groups);
            held.append(&mut found);
        }
        let mut next_due = None;
        if groups.len() < wanted.groups {
            let passed_over = self.rows(PASSED_OVER, &[&self.now, &seen, &self.me.name]).await?;
            let passed_over = passed_over.first().is_some_and(|row| row.get(0));
            if wanted.per_mailbox > 1 {
                let mut without = seen.clone();
                without.retain(|name| !busy.contains(name));
                let rows = self.rows(BUSY, &[&self.now, &without, &busy, &self.me.name]).await?;
                let names: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
                held.append(&mut self.look_into(&names, wanted, remote).await?);
                for level in 1..wanted.per_mailbox {
                    gather(&mut held, wanted, level, &mut message_ids, &mut groups);
                }
            }
            next_due = if passed_over { Some(self.now + IN_A_MOMENT) } else { self.next_due().await? };
        }
        self.lease(&groups, turn).await?;
        let names: Vec<String> = held.into_iter().map(|held| held.name).collect();
        self.look_what_is_due(&names).await?;
        self.contents(&mut groups).await?;
        self.effects.changed.extend(groups.iter().flatten().map(|job| job.id));
        Ok(Claimed { groups, next_due })
    }

    async fn next_due(&self) -> Result<Option<i64>, PgError> {
        let rows = self.rows(NEXT_DUE, &[&self.now]).await?;
        Ok(rows.first().map(|row| row.get(0)).filter(|due| *due < NEVER))
    }

    /// What is due in mailboxes, and how many groups of each are at work, now that they are held.
    async fn look_into(&self, names: &[String], wanted: &Wanted, remote: &Remote) -> Result<Vec<Held>, PgError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let most = wanted.messages.saturating_mul(wanted.per_mailbox);
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let elsewhere = self.rows(ELSEWHERE, &[&names, &self.me.name]).await?;
        let due = self.rows(DUE, &[&names, &self.now, &most]).await?;
        let elsewhere: HashMap<String, i64> = elsewhere.iter().map(|row| (row.get(0), row.get(1))).collect();
        let mut held: Vec<Held> = names
            .iter()
            .map(|name| {
                let here = wanted.at_work.get(name).copied().unwrap_or_default();
                let elsewhere = elsewhere.get(name).copied().unwrap_or_default();
                let at_work = here + usize::try_from(elsewhere).unwrap_or_default();
                Held { name: name.clone(), at_work, due: VecDeque::new(), sizes: HashMap::new() }
            })
            .collect();
        let places: HashMap<&str, usize> = names.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
        for row in &due {
            if let Some(held) = places.get(row.get::<_, &str>(0)).and_then(|at| held.get_mut(*at)) {
                let job = job(row, remote);
                held.sizes.insert(job.id, u64::try_from(row.get::<_, i64>(7)).unwrap_or_default());
                held.due.push_back(job);
            }
        }
        Ok(held)
    }

    async fn lease(&mut self, groups: &[Vec<Job>], turn: i64) -> Result<(), PgError> {
        let (first, _) = claims_of(turn);
        let ids: Vec<i64> = groups.iter().flatten().map(|job| job.id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let claims: Vec<i64> =
            (first..).zip(groups).flat_map(|(claim, group)| group.iter().map(move |_| claim)).collect();
        self.execute(LEASE, &[&self.me.name, &self.lease_end(), &ids, &claims]).await?;
        let count = i64::try_from(ids.len()).unwrap_or(i64::MAX);
        self.effects.counts.waiting -= count;
        self.effects.counts.working += count;
        Ok(())
    }

    /// Small messages come along; a large one is fetched when it is needed.
    async fn contents(&self, groups: &mut [Vec<Job>]) -> Result<(), PgError> {
        let is_small = |job: &&mut Job| matches!(job.content, JobContent::Missing);
        let mut small: HashMap<i64, &mut Job> =
            groups.iter_mut().flatten().filter(is_small).map(|job| (job.id, job)).collect();
        if small.is_empty() {
            return Ok(());
        }
        let ids: Vec<i64> = small.keys().copied().collect();
        for row in self.rows(CONTENTS, &[&ids]).await? {
            if let Some(job) = small.get_mut(&row.get(0)) {
                job.content = JobContent::Memory(Bytes::copy_from_slice(row.get(1)));
            }
        }
        Ok(())
    }
}

/// Makes a group of each mailbox that has so many at work.
fn gather(
    held: &mut [Held],
    wanted: &Wanted,
    level: usize,
    message_ids: &mut HashSet<String>,
    groups: &mut Vec<Vec<Job>>,
) {
    for mailbox in held {
        if groups.len() >= wanted.groups {
            return;
        }
        if mailbox.at_work != level {
            continue;
        }
        let (mut group, mut bytes) = (Vec::new(), 0);
        while group.len() < wanted.messages
            && let Some(job) = mailbox.due.front()
        {
            let size = mailbox.sizes.get(&job.id).copied().unwrap_or_default();
            if !group.is_empty() && bytes + size > wanted.bytes {
                break;
            }
            let Some(job) = mailbox.due.pop_front() else { break };
            if message_ids.insert(job.message_id.clone()) {
                bytes += size;
                group.push(job);
            }
        }
        if !group.is_empty() {
            mailbox.at_work += 1;
            groups.push(group);
        }
    }
}

fn job(row: &Row, remote: &Remote) -> Job {
    let size = usize::try_from(row.get::<_, i64>(7)).unwrap_or(usize::MAX);
    Job {
        id: row.get(1),
        message_id: row.get(2),
        mailbox: row.get(0),
        accepted_at: row.get(3),
        waits_since: row.get(4),
        not_found_tries: u32::try_from(row.get::<_, i32>(5)).unwrap_or_default(),
        error_tries: u32::try_from(row.get::<_, i32>(6)).unwrap_or_default(),
        elsewhere: false,
        content: if size > PIECE { JobContent::Remote(remote.of(row.get(1))) } else { JobContent::Missing },
    }
}
