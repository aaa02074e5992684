//! Acceptance: small messages by the hundred, large ones each by itself.

use std::collections::HashMap;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio_postgres::Error as PgError;

use super::super::writer::CLOCK_SET_BACK;
use super::super::{NewMessage, Receipt, reader};
use super::transaction::Transaction;

/// Bytes of a piece. What fits into one is read together with its message; anything larger piece by piece.
pub(super) const PIECE: usize = 256 * 1024;

/// Bytes that are sent with one statement, and a piece more.
const AT_ONCE: usize = 1024 * 1024;

/// With them, when the latest message was accepted. The last number need not be the latest: of updaters that accept at the
/// same time, each may have looked at the clock before the other and taken its numbers after.
const NUMBERS: &str = "SELECT nextval('message_number'),
         (SELECT max(accepted_at) FROM (SELECT accepted_at FROM message ORDER BY id DESC LIMIT 100) AS last)
     FROM generate_series(1, $1::integer)";

const INSERT: &str = "INSERT INTO message (id, digest, message_id, copies, mailbox, sender, subject, size, source,
         accepted_at, waits_since, state, due_at, outcome, rule, reason, finished_at)
     SELECT n.id, n.digest, n.message_id, n.copies, n.mailbox, n.sender, n.subject, n.size, n.source,
            $14::bigint, $1::bigint, CASE WHEN n.outcome IS NULL THEN 0 ELSE 2 END, $1::bigint, n.outcome, n.rule, n.reason,
            CASE WHEN n.outcome IS NOT NULL THEN $1::bigint END
     FROM unnest($2::bigint[], $3::bytea[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::bigint[],
                 $10::text[], $11::text[], $12::text[], $13::text[])
          AS n (id, digest, message_id, copies, mailbox, sender, subject, size, source, outcome, rule, reason)
     ORDER BY n.id
     ON CONFLICT (digest) DO NOTHING RETURNING id";

const KNOWN: &str = "SELECT id, digest FROM message WHERE digest = ANY($1)";

const CONTENT: &str =
    "INSERT INTO content (message, piece, raw) SELECT * FROM unnest($1::bigint[], $2::integer[], $3::bytea[])";

/// A message on its way in.
pub(super) struct Arrival<'a> {
    pub message: &'a NewMessage,
    pub bytes: &'a Bytes,
}

impl Transaction<'_> {
    /// Stores messages with their bytes. The same message again is recognised by its digest.
    pub async fn accept(&mut self, arrivals: &[Arrival<'_>]) -> Result<Vec<Receipt>, PgError> {
        let receipts = self.insert(arrivals).await?;
        let fresh = || arrivals.iter().zip(&receipts).filter(|(_, receipt)| !receipt.duplicate);
        let pieces = fresh().flat_map(|(arrival, receipt)| pieces(receipt.id, arrival.bytes));
        self.send(pieces.collect()).await?;
        // Others wait for the mailboxes that are held from here on: it comes last.
        let due: Vec<&str> = fresh()
            .filter(|(arrival, _)| arrival.message.outcome.is_none())
            .map(|(arrival, _)| arrival.message.mailbox.as_str())
            .collect();
        if !due.is_empty() {
            self.add_due(&due).await?;
            self.effects.arrived = true;
        }
        for (arrival, receipt) in fresh() {
            self.effects.changed.push(receipt.id);
            match &arrival.message.outcome {
                Some(outcome) => *self.effects.counts.of(outcome.kind()) += 1,
                None => self.effects.counts.waiting += 1,
            }
        }
        Ok(receipts)
    }

    /// Some at a time, so that no more of a large message is in memory.
    async fn send(&self, pieces: Vec<(i64, i32, &[u8])>) -> Result<(), PgError> {
        let mut rest = &pieces[..];
        while !rest.is_empty() {
            let (mut bytes, mut count) = (0, 0);
            while bytes < AT_ONCE
                && let Some(piece) = rest.get(count)
            {
                bytes += piece.2.len();
                count += 1;
            }
            let (some, later) = rest.split_at(count);
            let ids: Vec<i64> = some.iter().map(|piece| piece.0).collect();
            let numbers: Vec<i32> = some.iter().map(|piece| piece.1).collect();
            let raw: Vec<&[u8]> = some.iter().map(|piece| piece.2).collect();
            self.execute(CONTENT, &[&ids, &numbers, &raw]).await?;
            rest = later;
        }
        Ok(())
    }

    async fn insert(&self, arrivals: &[Arrival<'_>]) -> Result<Vec<Receipt>, PgError> {
        let count = i32::try_from(arrivals.len()).unwrap_or(i32::MAX);
        let numbers = self.rows(NUMBERS, &[&count]).await?;
        let ids: Vec<i64> = numbers.iter().map(|row| row.get(0)).collect();
        let accepted_at = accepted_at(self.now, numbers.first().and_then(|row| row.get(1)));
        let messages = || arrivals.iter().map(|arrival| arrival.message);
        let outcome = |message: &NewMessage| message.outcome.clone();
        let digests: Vec<&[u8]> = messages().map(|message| &message.digest[..]).collect();
        let message_ids: Vec<String> = messages().map(|message| text(&message.message_id)).collect();
        let copies: Vec<i64> = messages().map(|message| copies(&message.message_id)).collect();
        let mailboxes: Vec<String> = messages().map(|message| text(&message.mailbox)).collect();
        let senders: Vec<String> = messages().map(|message| text(&message.sender)).collect();
        let subjects: Vec<String> = messages().map(|message| text(&message.subject)).collect();
        let sizes: Vec<i64> =
            arrivals.iter().map(|arrival| i64::try_from(arrival.bytes.len()).unwrap_or(i64::MAX)).collect();
        let sources: Vec<String> = messages().map(|message| message.source.to_string()).collect();
        let outcomes: Vec<Option<&str>> =
            messages().map(|message| message.outcome.as_ref().map(|outcome| outcome.kind().as_str())).collect();
        let rules: Vec<Option<String>> =
            messages().map(|message| outcome(message).map(|outcome| reader::rule_name(outcome.rule))).collect();
        let reasons: Vec<String> = messages()
            .map(|message| outcome(message).map_or_else(String::new, |outcome| text(&outcome.reason)))
            .collect();
        let fresh: Vec<i64> = self
            .rows(
                INSERT,
                &[
                    &self.now,
                    &ids,
                    &digests,
                    &message_ids,
                    &copies,
                    &mailboxes,
                    &senders,
                    &subjects,
                    &sizes,
                    &sources,
                    &outcomes,
                    &rules,
                    &reasons,
                    &accepted_at,
                ],
            )
            .await?
            .iter()
            .map(|row| row.get(0))
            .collect();
        if fresh.len() == arrivals.len() {
            return Ok(ids.into_iter().map(|id| Receipt { id, duplicate: false }).collect());
        }
        let known: HashMap<Vec<u8>, i64> =
            self.rows(KNOWN, &[&digests]).await?.iter().map(|row| (row.get(1), row.get(0))).collect();
        Ok(ids
            .into_iter()
            .zip(&digests)
            .map(|(id, digest)| {
                let stored = known.get(*digest).copied().unwrap_or(id);
                Receipt { id: stored, duplicate: stored != id }
            })
            .collect())
    }
}

fn pieces(id: i64, bytes: &Bytes) -> Vec<(i64, i32, &[u8])> {
    // An empty message has a piece, too: without one its content would be missing.
    let first = (id, 0, bytes.get(..PIECE.min(bytes.len())).unwrap_or_default());
    let rest = bytes.get(PIECE..).unwrap_or_default().chunks(PIECE);
    std::iter::once(first).chain((1..).zip(rest).map(|(number, piece)| (id, number, piece))).collect()
}

/// It tells which of several split copies is the last, whichever updaters accept them: the database's clock is the order,
/// and when that is put right, the order stands.
fn accepted_at(now: i64, latest: Option<i64>) -> i64 {
    latest.filter(|latest| latest.saturating_sub(now) < CLOCK_SET_BACK).map_or(now, |latest| now.max(latest))
}

/// PostgreSQL's text knows no NUL, which a broken message may well contain.
pub(super) fn text(text: &str) -> String {
    text.replace('\0', "\u{FFFD}")
}

/// Split copies of one message have the same number.
fn copies(message_id: &str) -> i64 {
    let digest = Sha256::digest(message_id.as_bytes());
    let mut number = [0; 8];
    number.copy_from_slice(&digest[..8]);
    i64::from_be_bytes(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_cut_into_pieces_that_make_the_whole() {
        for (length, count) in [(0, 1), (1, 1), (PIECE, 1), (PIECE + 1, 2), (3 * PIECE, 3)] {
            let bytes = Bytes::from((0..length).map(|at| u8::try_from(at % 251).unwrap()).collect::<Vec<_>>());
            let pieces = pieces(7, &bytes);
            assert_eq!(pieces.len(), count);
            assert!((0..).zip(&pieces).all(|(number, piece)| piece.0 == 7 && piece.1 == number));
            assert_eq!(pieces.iter().flat_map(|piece| piece.2.to_vec()).collect::<Vec<_>>(), bytes);
        }
    }
}
