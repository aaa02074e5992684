//! The one task of an updater that writes to the shared queue, and hears what the others write.
//!
//! It has one connection for both. When that is gone, acceptances and whatever a person asked for are refused at once;
//! what came of messages is kept, and recorded when the database is back, without hurry: the leases hold meanwhile.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::{Notify, broadcast, mpsc, watch};
use tokio::time::Instant;
use tokio_postgres::Error as PgError;
use tracing::{debug, error, info, warn};

use super::super::writer::{Answer, Command, Stored, Work};
use super::super::{Claimed, Clock, Counts, QueueError};
use super::accept::Arrival;
use super::connect::{Db, Link, rows};
use super::content::Remote;
use super::error::SharedError;
use super::migrate::migrate;
use super::notice::{Notice, Snapshot};
use super::reader;
use super::transaction::{Effects, Me, Transaction};
use crate::pipe::types::State;

/// Commands dealt with together at the most, and bytes of messages among them.
const BATCH: usize = 512;
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// How long a transaction may take.
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);

/// How often to look without having been told, and whether the connection is still there.
const LOOKS_EVERY: Duration = Duration::from_secs(60);

/// Pauses before each attempt to reach the database again, in milliseconds; the last one repeats.
const PAUSES: [u64; 6] = [100, 250, 500, 1000, 2000, 5000];

/// So often a transaction is tried again that got into another's way.
const TRIES: usize = 5;

/// A connection that writes and hears.
pub(super) struct Session {
    db: Db,
    heard: mpsc::UnboundedReceiver<String>,
    /// What its count has seen; notices of that are no news.
    seen: Snapshot,
    warning: Option<String>,
}

pub(super) struct Writer {
    pub link: Arc<Link>,
    pub me: Arc<Me>,
    pub remote: Remote,
    pub clock: Clock,
    pub commands: mpsc::Receiver<Command>,
    pub counts: watch::Sender<Counts>,
    pub arrived: Arc<Notify>,
    pub changed: broadcast::Sender<Arc<[i64]>>,
    pub trouble: watch::Sender<Option<String>>,
    /// Why the last transaction failed although the database was within reach.
    pub problem: watch::Sender<Option<String>>,
    pub session: Option<Session>,
    /// Turns that wait for the database, with the number of each that may have been committed already.
    pub waiting: Vec<(Command, Option<i64>)>,
    pub turn: i64,
    pub failures: usize,
}

/// Which turn of the queue it is.
#[derive(Debug, Clone, Copy, Default)]
struct Turn {
    number: i64,
    /// It was tried before, and may have been committed without an answer.
    again: bool,
}

type Opening = BoxFuture<'static, Result<(Session, Counts), QueueError>>;

impl Writer {
    /// The first connection. Without one there is nothing to start with.
    pub async fn begin(&mut self) -> Result<(), QueueError> {
        let opened = self.open().await?;
        self.opened(opened);
        Ok(())
    }

    pub async fn run(mut self) {
        let mut opening: Option<Opening> = None;
        let mut alarm = Instant::now() + LOOKS_EVERY;
        loop {
            let was_there = self.session.is_some();
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(first) => if self.take(first).await { return },
                    None => return,
                },
                heard = hear(&mut self.session) => match heard {
                    Some(text) => self.heard(&text),
                    None => self.lost(&SharedError::Unreachable {
                        server: self.link.address.server(),
                        why: "the connection ended".to_owned(),
                    }.into()),
                },
                opened = wait_for(&mut opening) => {
                    opening = None;
                    match opened {
                        Ok(opened) => {
                            self.opened(opened);
                            self.catch_up().await;
                        }
                        Err(problem) => self.still_gone(&problem),
                    }
                    alarm = Instant::now() + if self.session.is_some() { LOOKS_EVERY } else { self.pause() };
                },
                () = tokio::time::sleep_until(alarm) => {
                    alarm = Instant::now() + LOOKS_EVERY;
                    if self.session.is_some() {
                        self.look().await;
                    } else if opening.is_none() {
                        opening = Some(self.open());
                    }
                },
            }
            if was_there && self.session.is_none() {
                alarm = Instant::now() + self.pause();
            }
        }
    }

    fn pause(&self) -> Duration {
        Duration::from_millis(PAUSES[self.failures.min(PAUSES.len() - 1)])
    }

    /// Connects, and puts in order what is there.
    fn open(&self) -> Opening {
        let (link, me, clock) = (self.link.clone(), self.me.clone(), self.clock.clone());
        async move {
            let server = link.address.server();
            let opened = async {
                let (db, heard, warning) = link.connect().await?;
                migrate(&db, &link).await?;
                let meaning = |error: PgError| link.meaning(&error);
                db.batch_execute(&format!("LISTEN {}", me.channel)).await.map_err(meaning)?;
                put_in_order(&db, &me, &clock).await.map_err(meaning)?;
                let (seen, counts) = count(&db).await.map_err(meaning)?;
                Ok((Session { db, heard, seen, warning }, counts))
            };
            let late = || SharedError::Unreachable { server, why: "it does not answer".to_owned() };
            // Making the tables may take its time.
            tokio::time::timeout(10 * ANSWERS_WITHIN, opened).await.map_err(|_| late())?
        }
        .boxed()
    }

    fn opened(&mut self, (session, counts): (Session, Counts)) {
        if self.failures > 0 {
            info!(server = self.link.address.server(), "the database of the shared queue is back");
        }
        self.failures = 0;
        self.trouble.send_replace(session.warning.clone());
        self.counts.send_replace(counts);
        self.session = Some(session);
        // Nobody has told what became due meanwhile.
        self.arrived.notify_one();
    }

    fn lost(&mut self, problem: &QueueError) {
        if self.session.take().is_some() {
            self.failures = 0;
            error!(%problem, "the shared queue is out of reach; nothing is accepted until it is back, and nothing is lost");
        }
        self.say(problem);
        self.failures = self.failures.max(1);
    }

    fn still_gone(&mut self, problem: &QueueError) {
        // Now and then: an administrator who looks for the reason finds it near the end of the log.
        if self.failures.is_multiple_of(12) {
            error!(%problem, "the shared queue is still out of reach");
        } else {
            debug!(%problem, "the shared queue is still out of reach");
        }
        self.failures += 1;
        self.say(problem);
    }

    fn say(&self, problem: &QueueError) {
        let text = format!("Nothing is accepted or updated at the moment: {problem}.");
        self.trouble.send_if_modified(|said| {
            let changed = said.as_ref() != Some(&text);
            *said = Some(text);
            changed
        });
    }

    /// What another updater did.
    fn heard(&mut self, text: &str) {
        let Some(notice) = Notice::parse(text) else {
            warn!(text, "a notice on the shared queue is not understood");
            return;
        };
        let is_news = self.session.as_ref().is_some_and(|session| !session.seen.has_seen(notice.transaction));
        if notice.by == self.me.name {
            return;
        }
        let counts = if is_news { notice.counts } else { Counts::default() };
        self.apply(Effects { counts, arrived: notice.wakes, wakes: false, changed: notice.changed });
    }

    fn apply(&self, effects: Effects) {
        let change = effects.counts;
        if change != Counts::default() {
            self.counts.send_modify(|counts| *counts += change);
        }
        if !effects.changed.is_empty() && self.changed.receiver_count() > 0 {
            let _ = self.changed.send(effects.changed.into());
        }
        if effects.arrived {
            self.arrived.notify_one();
        }
    }

    /// Deals with a command, and with those that came meanwhile. Tells whether it was told to close.
    async fn take(&mut self, first: Command) -> bool {
        let mut bytes = size(&first.work);
        let mut batch = vec![first];
        while batch.len() < BATCH && bytes < BATCH_BYTES {
            let Ok(next) = self.commands.try_recv() else { break };
            bytes += size(&next.work);
            batch.push(next);
        }
        let close = batch.iter().position(|command| matches!(command.work, Work::Close));
        let rest = close.map(|at| batch.split_off(at));
        let (accepts, others): (Vec<_>, Vec<_>) =
            batch.into_iter().partition(|command| matches!(command.work, Work::Accept { .. }));
        if !accepts.is_empty() {
            self.accept(accepts).await;
        }
        for command in others {
            self.perform(command, None).await;
        }
        let Some(mut rest) = rest else { return false };
        self.commands.close();
        let closing = rest.remove(0);
        drop(rest);
        self.waiting.clear();
        let _ = closing.reply.send(Ok(Answer::Done));
        true
    }

    /// One transaction for all; when one of them is to blame that it fails, each by itself.
    async fn accept(&mut self, batch: Vec<Command>) {
        let result = self.transaction(&batch, Turn::default()).await;
        if batch.len() > 1 && matches!(&result, Err(QueueError::Shared(SharedError::Statement { .. }))) {
            for command in batch {
                let result = self.transaction(std::slice::from_ref(&command), Turn::default()).await;
                deliver(vec![command], result);
            }
            return;
        }
        deliver(batch, result);
    }

    async fn perform(&mut self, command: Command, number: Option<i64>) {
        let is_turn = matches!(command.work, Work::Turn { .. });
        if is_turn && self.session.is_none() {
            self.waiting.push((command, number));
            return;
        }
        let (number, again) = match number {
            Some(number) => (number, true),
            None => (self.turn + 1, false),
        };
        self.turn = self.turn.max(number);
        let batch = [command];
        let result = self.transaction(&batch, Turn { number, again }).await;
        let [command] = batch;
        match result {
            Err(QueueError::Shared(problem)) if is_turn && problem.is_lost() => {
                self.waiting.push((command, Some(number)));
            }
            result => deliver(vec![command], result),
        }
    }

    /// What waited for the database.
    async fn catch_up(&mut self) {
        for (command, number) in std::mem::take(&mut self.waiting) {
            self.perform(command, number).await;
        }
    }

    /// Looks without having been told, and finds out whether the connection is still there.
    async fn look(&mut self) {
        let Some(session) = &self.session else { return };
        match tokio::time::timeout(ANSWERS_WITHIN, session.db.simple_query("")).await {
            Ok(Ok(_)) => self.arrived.notify_one(),
            Ok(Err(error)) => {
                let problem = self.link.meaning(&error);
                self.lost(&problem);
            }
            Err(_) => self.lost(&self.silent()),
        }
    }

    fn silent(&self) -> QueueError {
        let why = format!("it has not answered for {} seconds", ANSWERS_WITHIN.as_secs());
        SharedError::Unreachable { server: self.link.address.server(), why }.into()
    }

    async fn transaction(&mut self, batch: &[Command], turn: Turn) -> Result<Vec<Answer>, QueueError> {
        for attempt in 1.. {
            let Some(session) = &self.session else {
                let why = "the connection is gone".to_owned();
                return Err(SharedError::Unreachable { server: self.link.address.server(), why }.into());
            };
            let work = self.once(&session.db, batch, turn);
            let problem = match tokio::time::timeout(ANSWERS_WITHIN, work).await {
                Ok(Ok((answers, effects))) => {
                    self.problem.send_if_modified(|problem| problem.take().is_some());
                    self.apply(effects);
                    return Ok(answers);
                }
                Ok(Err(error)) if attempt < TRIES && is_in_the_way(&error) => {
                    debug!(%error, "a transaction got into another's way and is tried again");
                    continue;
                }
                Ok(Err(error)) => {
                    let is_closed = session.db.is_closed();
                    let problem = self.link.meaning(&error);
                    if is_closed && !matches!(&problem, QueueError::Shared(problem) if problem.is_lost()) {
                        SharedError::Unreachable { server: self.link.address.server(), why: problem.to_string() }.into()
                    } else {
                        problem
                    }
                }
                Err(_) => self.silent(),
            };
            match &problem {
                QueueError::Shared(shared) if shared.is_lost() => self.lost(&problem),
                _ => {
                    error!(%problem, commands = batch.len(), "the shared queue could not be written");
                    self.problem.send_replace(Some(problem.to_string()));
                }
            }
            return Err(problem);
        }
        unreachable!("the last attempt returns")
    }

    async fn once(&self, db: &Db, batch: &[Command], turn: Turn) -> Result<(Vec<Answer>, Effects), PgError> {
        let mut transaction = Transaction::begin(db, &self.me, &self.clock).await?;
        match self.apply_all(&mut transaction, batch, turn).await {
            Ok(answers) => Ok((answers, transaction.commit().await?)),
            Err(error) => {
                transaction.roll_back().await;
                Err(error)
            }
        }
    }

    async fn apply_all(
        &self,
        transaction: &mut Transaction<'_>,
        batch: &[Command],
        turn: Turn,
    ) -> Result<Vec<Answer>, PgError> {
        let arrivals: Vec<Arrival<'_>> = batch
            .iter()
            .filter_map(|command| match &command.work {
                Work::Accept { message, stored: Stored::Row(bytes), .. } => Some(Arrival { message, bytes }),
                _ => None,
            })
            .collect();
        if !arrivals.is_empty() {
            return Ok(transaction.accept(&arrivals).await?.into_iter().map(Answer::Accepted).collect());
        }
        let mut answers = Vec::with_capacity(batch.len());
        for command in batch {
            answers.push(match &command.work {
                Work::Accept { .. } => unreachable!("a shared queue has the bytes in its database"),
                Work::Turn { concluded, wanted } => {
                    if turn.again {
                        transaction.undo_turn(turn.number).await?;
                    }
                    transaction.record(concluded).await?;
                    let claimed = match wanted {
                        Some(wanted) => transaction.claim(wanted, turn.number, &self.remote).await?,
                        None => Claimed::default(),
                    };
                    Answer::Claimed(claimed)
                }
                Work::ClockWasSet { .. } => unreachable!("a shared queue goes by its database's clock"),
                Work::ScopeKnown => Answer::Count(transaction.scope_known().await?),
                Work::Renew { ids } => Answer::Leased(transaction.renew(ids).await?),
                Work::Retry { which } => Answer::Count(transaction.retry(*which).await?),
                Work::Purge { before } => Answer::Count(transaction.purge(*before).await?),
                Work::Close => unreachable!("closing is not part of a transaction"),
            });
        }
        Ok(answers)
    }
}

/// The next notice; none: the connection has ended. Never, while there is no connection.
async fn hear(session: &mut Option<Session>) -> Option<String> {
    match session {
        Some(session) => session.heard.recv().await,
        None => std::future::pending().await,
    }
}

async fn wait_for(opening: &mut Option<Opening>) -> Result<(Session, Counts), QueueError> {
    match opening {
        Some(opening) => opening.await,
        None => std::future::pending().await,
    }
}

async fn put_in_order(db: &Db, me: &Me, clock: &Clock) -> Result<(), PgError> {
    let mut transaction = Transaction::begin(db, me, clock).await?;
    match transaction.put_in_order().await {
        Ok(()) => transaction.commit().await.map(drop),
        Err(error) => {
            transaction.roll_back().await;
            Err(error)
        }
    }
}

/// Counts once, and keeps which transactions it saw: of the others there will be notices.
async fn count(db: &Db) -> Result<(Snapshot, Counts), PgError> {
    db.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL enable_seqscan = on").await?;
    let seen = rows(db, "SELECT txid_current_snapshot()::text", &[]).await?;
    let counted = rows(db, reader::COUNT, &[]).await?;
    db.batch_execute("COMMIT").await?;
    let mut counts = Counts::default();
    for row in counted {
        let count: i64 = row.get(2);
        match super::super::reader::state(row.get(0), row.get(1)) {
            State::Waiting => counts.waiting += count,
            State::Working => counts.working += count,
            State::Updated => counts.updated += count,
            State::Skipped => counts.skipped += count,
            State::Failed => counts.failed += count,
        }
    }
    let seen = seen.first().and_then(|row| Snapshot::parse(row.get(0))).unwrap_or_default();
    Ok((seen, counts))
}

/// Two updaters wanted the same in different order, or copies of one message at the same time.
fn is_in_the_way(error: &PgError) -> bool {
    error.as_db_error().is_some_and(|said| {
        matches!(said.code().code(), "40001" | "40P01") || said.constraint() == Some("message_one_copy_at_work")
    })
}

fn size(work: &Work) -> usize {
    match work {
        Work::Accept { stored: Stored::Row(bytes), .. } => bytes.len(),
        _ => 0,
    }
}

fn deliver(batch: Vec<Command>, result: Result<Vec<Answer>, QueueError>) {
    match result {
        Ok(answers) => {
            for (command, answer) in batch.into_iter().zip(answers) {
                let _ = command.reply.send(Ok(answer));
            }
        }
        Err(problem) => {
            for command in batch {
                let problem = match &problem {
                    QueueError::Shared(shared) => QueueError::Shared(shared.clone()),
                    _ => QueueError::DiskFull,
                };
                let _ = command.reply.send(Err(problem));
            }
        }
    }
}
