//! A queue with very many messages: the cost of a claim, and the memory of the updater that has them.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use sent_items_update::updater::clock::Clock;
use sent_items_update::updater::intake::Source;
use sent_items_update::updater::queue::{Concluded, Conclusion, NewMessage, Postponed, Queue, QueueOptions, Wanted};
use sent_items_update::updater::spool::Content;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;

use super::Sizes;
use super::programs::{Error, Place, resident_memory};
use super::report::Report;

/// Senders that the messages come from.
pub const MAILBOXES: usize = 5_000;
pub const FEW: usize = 1_000;
/// Claims that are measured; the middle one counts.
const CLAIMS: usize = 200;

pub async fn measure(sizes: &Sizes, report: &mut Report) -> Result<(), Error> {
    let few = tempfile::tempdir()?;
    fill(few.path(), FEW, 10_240).await?;
    let place = Place::new()?;
    std::fs::create_dir_all(place.data())?;
    fill(&place.data(), sizes.queued, 10_240).await?;
    let [at_few, at_many] = claims([open(few.path()).await?, open(&place.data()).await?]).await?;
    let ratio = at_many.as_secs_f64() / at_few.as_secs_f64();
    report.row(
        &format!("cost of a claim at {} messages", sizes.queued),
        &format!("{at_many:.2?}"),
        &format!("at {FEW} messages: {at_few:.2?}"),
        "at most 1.5 x",
        &format!("{ratio:.2} x"),
    );
    let updater = place.start().await?;
    let waiting = updater.client.status().await?.counts.waiting;
    let Some(resident) = resident_memory(updater.process()) else {
        Report::not_measured("resident memory", "this system does not tell it in /proc");
        return Ok(());
    };
    updater.stop().await?;
    #[allow(clippy::cast_precision_loss)] // bytes
    let megabytes = format!("{:.0} MB", resident as f64 / 1e6);
    let name = format!("resident memory with {waiting} queued messages of 10 KB");
    report.row(&name, &megabytes, "-", "under 100 MB", &megabytes);
    Ok(())
}

/// A message of 10 KB that was never there before, from one of many senders.
pub fn fresh(number: usize) -> (NewMessage, Content) {
    let mailbox = format!("person{}@x.example", number % MAILBOXES);
    let mut digest = [0; 32];
    digest[..8].copy_from_slice(&number.to_le_bytes());
    let message = NewMessage {
        digest,
        message_id: format!("<{number}@fresh.example>"),
        sender: mailbox.clone(),
        mailbox,
        subject: "Subject".into(),
        source: Source::Api,
        outcome: None,
    };
    (message, vec![b'x'; 10_240].into())
}

/// Puts so many messages into a queue, all at once.
async fn fill(folder: &Path, messages: usize, bytes: usize) -> Result<(), Error> {
    // Makes the tables.
    open(folder).await?.close().await;
    let options = SqliteConnectOptions::new().filename(folder.join("queue.sqlite"));
    let mut connection = options.pragma("synchronous", "OFF").connect().await?;
    let each = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)";
    let rows = format!(
        "INSERT INTO message (id, digest, message_id, mailbox, sender, subject, size, source, accepted_at, waits_since,
                              state, due_at)
         SELECT * FROM ({each} SELECT n, randomblob(32), '<' || n || '@bench.example>', 'person' || (n % ?2) || '@x.example',
                        'Person', 'Subject', ?3, 'api', n, n, 0, n FROM n)"
    );
    let contents = format!("INSERT INTO content (message, raw) SELECT * FROM ({each} SELECT n, zeroblob(?2) FROM n)");
    let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let query = sqlx::query(sqlx::AssertSqlSafe(rows));
    query.bind(number(messages)).bind(number(MAILBOXES)).bind(number(bytes)).execute(&mut connection).await?;
    let query = sqlx::query(sqlx::AssertSqlSafe(contents));
    query.bind(number(messages)).bind(number(bytes)).execute(&mut connection).await?;
    sqlx::Connection::close(connection).await?;
    Ok(())
}

pub const OPTIONS: QueueOptions = QueueOptions { max_message_bytes: 1 << 20, max_pages: None };

pub async fn open(folder: &Path) -> Result<Queue, Error> {
    Ok(Queue::open(folder, Clock::system(), OPTIONS).await?)
}

/// What it takes in each of the queues, in turns, to claim sixteen messages of as many mailboxes; they are put back.
pub async fn claims(queues: [Queue; 2]) -> Result<[Duration; 2], Error> {
    let mut took = [Vec::with_capacity(CLAIMS), Vec::with_capacity(CLAIMS)];
    for _ in 0..CLAIMS {
        for (queue, took) in queues.iter().zip(&mut took) {
            let wanted = Wanted { groups: 16, messages: 1, bytes: 1 << 20, per_mailbox: 1, at_work: HashMap::new() };
            let start = Instant::now();
            let claimed = queue.claim(wanted).await?;
            took.push(start.elapsed());
            let until = queue.clock().now_ms();
            let conclusion = Conclusion::Postponed { until, why: Postponed::Paused, reason: String::new() };
            let back = |id| Concluded { id, conclusion: conclusion.clone() };
            let back = claimed.groups.iter().flatten().map(|job| back(job.id)).collect();
            queue.turn(back, None).await?;
        }
    }
    for queue in &queues {
        queue.close().await;
    }
    Ok(took.map(|mut took| {
        took.sort_unstable();
        took[took.len() / 2]
    }))
}
