//! The queue in PostgreSQL beside the embedded one, on the same disk.

use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _};
use sent_items_update::pipe::types::{Outcome, Rule};
use sent_items_update::updater::clock::Clock;
use sent_items_update::updater::queue::{Concluded, Conclusion, Queue, SharedAddress, Wanted};
use tokio_postgres::NoTls;

use super::programs::Error;
use super::queue::{FEW, MAILBOXES, OPTIONS, claims, fresh, open};
use super::report::Report;
use super::{Measured, Sizes};

/// Whoever hands messages over at the same time.
const HAND_OVERS: [usize; 2] = [1, 64];

/// Rows without their bytes, of which claims fetch few; and a little of those, for the same reason.
const ROWS: &str = "
    INSERT INTO SCHEMA.message (id, digest, message_id, copies, mailbox, sender, subject, size, source, accepted_at,
                                waits_since, state, due_at)
    SELECT n, sha256(n::text::bytea), '<' || n || '@bench.example>', n, 'person' || (n % MAILBOXES) || '@x.example',
           'Person', 'Subject', 10240, 'api', n, n, 0, n
    FROM generate_series(1, MESSAGES) AS n;
    INSERT INTO SCHEMA.content (message, piece, raw)
    SELECT n, 0, decode(repeat('78', 10240), 'hex') FROM generate_series(1, least(MESSAGES, 20000)) AS n;
    INSERT INTO SCHEMA.mailbox (name, first_due)
    SELECT 'person' || (n % MAILBOXES) || '@x.example', n FROM generate_series(1, least(MAILBOXES, MESSAGES)) AS n;
    SELECT setval('SCHEMA.message_number', MESSAGES)";

/// A database that lets us in without a password.
struct Database {
    address: String,
    #[cfg(unix)]
    _server: Option<server::Server>,
}

#[cfg(unix)]
#[path = "../../tests/postgres/mod.rs"]
mod server;

impl Database {
    fn find() -> Option<Self> {
        if let Ok(address) = std::env::var("SIU_POSTGRES") {
            return Some(Self {
                address,
                #[cfg(unix)]
                _server: None,
            });
        }
        #[cfg(unix)]
        {
            let server = server::Server::start("the bench of the queue in PostgreSQL")?;
            Some(Self { address: server.address(""), _server: Some(server) })
        }
        #[cfg(not(unix))]
        {
            Report::not_measured("the queue in PostgreSQL", "SIU_POSTGRES names no database");
            None
        }
    }

    async fn queue(&self, folder: &tempfile::TempDir, schema: &str) -> Result<Queue, Error> {
        let more = if self.address.contains('?') { '&' } else { '?' };
        let address: SharedAddress = format!("{}{more}schema={schema}", self.address).parse()?;
        Ok(Queue::open_shared(folder.path(), address, Clock::system(), OPTIONS).await?)
    }

    async fn run(&self, sql: &str) -> Result<(), Error> {
        let (client, connection) = tokio_postgres::connect(&self.address, NoTls).await?;
        let connection = tokio::spawn(connection);
        client.batch_execute(sql).await?;
        drop(client);
        connection.await??;
        Ok(())
    }

    /// Puts so many messages into a queue, all at once.
    async fn fill(&self, folder: &tempfile::TempDir, schema: &str, messages: usize) -> Result<Queue, Error> {
        self.queue(folder, schema).await?.close().await;
        let words =
            [("SCHEMA", schema.to_owned()), ("MAILBOXES", MAILBOXES.to_string()), ("MESSAGES", messages.to_string())];
        let sql = words.iter().fold(ROWS.to_owned(), |sql, (word, value)| sql.replace(word, value));
        self.run(&sql).await?;
        self.run(&format!("ANALYZE {schema}.message, {schema}.mailbox")).await?;
        // Opened anew: an updater that starts.
        let again = tempfile::tempdir()?;
        self.queue(&again, schema).await
    }
}

pub async fn measure(sizes: &Sizes, report: &mut Report) -> Result<(), Error> {
    let Some(database) = Database::find() else { return Ok(()) };
    let (own, mine) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let (embedded, shared) = (open(own.path()).await?, database.queue(&mine, "bench_rate").await?);
    let mut number = 0;
    for at_a_time in HAND_OVERS {
        let mut took = [Measured::default(), Measured::default()];
        for _ in 0..sizes.rounds {
            let count = sizes.accepted * at_a_time.min(8) / 8 / sizes.rounds;
            for (queue, took) in [&shared, &embedded].into_iter().zip(&mut took) {
                *took += accept(queue, number..number + count.max(1), at_a_time).await?;
            }
            number += count.max(1);
        }
        rate(report, &format!("durable acceptance into a shared queue, {at_a_time} at a time"), &took);
    }
    let took = [conclude(&shared).await?, conclude(&embedded).await?];
    rate(report, "claimed and recorded on a shared queue, 16 at a time", &took);
    shared.close().await;
    embedded.close().await;

    let folders = [tempfile::tempdir()?, tempfile::tempdir()?];
    let few = database.fill(&folders[0], "bench_few", FEW).await?;
    let many = database.fill(&folders[1], "bench_many", sizes.queued).await?;
    let [at_few, at_many] = claims([few, many]).await?;
    report.row(
        &format!("cost of a claim from a shared queue at {} messages", sizes.queued),
        &format!("{at_many:.2?}"),
        &format!("at {FEW} messages: {at_few:.2?}"),
        "at most 1.5 x",
        &format!("{:.2} x", at_many.as_secs_f64() / at_few.as_secs_f64()),
    );
    database.run("DROP SCHEMA bench_rate, bench_few, bench_many CASCADE").await
}

/// The shared one and the embedded one.
fn rate(report: &mut Report, what: &str, [shared, embedded]: &[Measured; 2]) {
    let (here, there) = (shared.per_second(), embedded.per_second());
    let beside = format!("embedded: {there:.0}/s");
    report.row(what, &format!("{here:.0}/s"), &beside, "-", &format!("{:.2} x", here / there));
}

async fn accept(queue: &Queue, numbers: std::ops::Range<usize>, at_a_time: usize) -> Result<Measured, Error> {
    let (messages, start) = (numbers.len(), Instant::now());
    let accepted = futures_util::stream::iter(numbers).map(|number| async move {
        let (message, content) = fresh(number);
        queue.accept(message, content).await.map(drop)
    });
    accepted.buffer_unordered(at_a_time).try_collect::<()>().await?;
    Ok(Measured { messages, took: start.elapsed(), processor: Duration::ZERO })
}

/// Claims what waits, and records each turn's messages with the next claim, as the dispatcher does.
async fn conclude(queue: &Queue) -> Result<Measured, Error> {
    let (mut messages, start, mut concluded) = (0, Instant::now(), Vec::new());
    loop {
        let wanted = Wanted { groups: 16, messages: 1, bytes: 1 << 20, per_mailbox: 1, ..Wanted::default() };
        let claimed = queue.turn(std::mem::take(&mut concluded), Some(wanted)).await?;
        let ids = claimed.groups.iter().flatten().map(|job| job.id);
        let outcome = Outcome::new(Rule::UpdatedInPlace, "");
        concluded.extend(ids.map(|id| Concluded { id, conclusion: Conclusion::Finished(outcome.clone()) }));
        messages += concluded.len();
        if concluded.is_empty() {
            return Ok(Measured { messages, took: start.elapsed(), processor: Duration::ZERO });
        }
    }
}
