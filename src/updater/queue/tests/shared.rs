//! What a shared queue promises beside: several updaters work on it, and its database may be away for a while.

use std::collections::HashSet;
use std::future::Future;

use tempfile::TempDir;
use tokio::time::Instant;

use super::super::postgres::SharedError;
use super::place;
use super::server::Server;
use super::tests::{everything, new, numbers, options, updated};
use super::*;
use crate::pipe::types::State;

/// What is told at once takes no longer than this; looking without being told takes a minute.
const AT_ONCE: Duration = Duration::from_secs(20);

/// Updaters of one queue, each with a folder of its own.
struct Updaters {
    folders: Vec<TempDir>,
    queues: Vec<Queue>,
    address: SharedAddress,
}

impl Updaters {
    /// On the server that all tests share.
    async fn new(count: usize, more: &str) -> Option<Self> {
        Some(Self::on(place::server()?, count, more).await)
    }

    async fn on(server: &Server, count: usize, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = place::address(server, folder.path(), more);
        let mut updaters = Self { folders: Vec::new(), queues: Vec::new(), address };
        for _ in 0..count {
            updaters.add(Clock::system()).await;
        }
        updaters
    }

    async fn add(&mut self, clock: Clock) -> Queue {
        let folder = tempfile::tempdir().unwrap();
        let queue = Queue::open_shared(folder.path(), self.address.clone(), clock, options()).await.unwrap();
        // The first look of all.
        queue.arrival().await;
        self.folders.push(folder);
        self.queues.push(queue.clone());
        queue
    }

    fn two(&self) -> (&Queue, &Queue) {
        (&self.queues[0], &self.queues[1])
    }
}

async fn at_once<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(AT_ONCE, future).await.unwrap_or_else(|_| panic!("{what} takes too long"))
}

/// Waits until a look gives something.
async fn until<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    at_once(what, async {
        loop {
            match look().await {
                Some(found) => return found,
                None => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    })
    .await
}

async fn claim(queue: &Queue) -> Vec<i64> {
    numbers(&queue.claim(everything()).await.unwrap().groups).concat()
}

async fn accept(queue: &Queue, number: u8, message_id: &str, mailbox: &str) -> i64 {
    queue.accept(new(number, message_id, mailbox), vec![number; 10].into()).await.unwrap().id
}

/// X5: no polling.
#[tokio::test]
async fn what_one_accepts_the_others_hear_of_at_once_with_counts_and_events() {
    let Some(updaters) = Updaters::new(2, "").await else { return };
    let (one, other) = updaters.two();
    let mut events = other.watch_messages();
    let mut counts = other.watch_counts();
    let id = accept(one, 1, "<1@x>", "a@x").await;
    at_once("the news", other.arrival()).await;
    at_once("the counts", counts.wait_for(|counts| counts.waiting == 1)).await.unwrap();
    assert_eq!(at_once("the event", events.recv()).await.unwrap()[..], [id]);
    assert_eq!((claim(other).await, claim(one).await), (vec![id], vec![]));
    other.finish(id, updated()).await.unwrap();
    let done = Counts { updated: 1, ..Counts::default() };
    assert_eq!(other.counts(), done);
    at_once("the end", one.watch_counts().wait_for(|counts| *counts == done)).await.unwrap();
    assert_eq!(one.get(id).await.unwrap().state, State::Updated);
    assert!(other.accept(new(1, "<1@x>", "a@x"), vec![1; 10].into()).await.unwrap().duplicate);
}

/// X5, U8
#[tokio::test(flavor = "multi_thread")]
async fn those_who_claim_at_the_same_time_get_each_message_once_and_all_of_them() {
    let Some(updaters) = Updaters::new(3, "").await else { return };
    let mut all = HashSet::new();
    for number in 0..240 {
        all.insert(accept(&updaters.queues[0], number, &format!("<{number}@x>"), &format!("{}@x", number % 37)).await);
    }
    let claims = updaters.queues.iter().map(|queue| async {
        let mut mine = Vec::new();
        loop {
            let wanted = Wanted { groups: 3, messages: 2, ..everything() };
            let claimed = queue.claim(wanted).await.unwrap();
            let ids = numbers(&claimed.groups).concat();
            // Somebody else may hold a mailbox at this moment; a message is due again when its lease ends.
            if ids.is_empty() && claimed.next_due.is_none_or(|due| due > queue.clock().now_ms() + 1000) {
                return mine;
            }
            for id in ids {
                queue.finish(id, updated()).await.unwrap();
                mine.push(id);
            }
        }
    });
    let claimed = futures_util::future::join_all(claims).await;
    let got: Vec<i64> = claimed.iter().flatten().copied().collect();
    assert_eq!(got.len(), all.len(), "{:?}", claimed.iter().map(Vec::len).collect::<Vec<_>>());
    assert_eq!(got.into_iter().collect::<HashSet<_>>(), all);
    let done = Counts { updated: 240, ..Counts::default() };
    for queue in &updaters.queues {
        at_once("the counts", queue.watch_counts().wait_for(|counts| *counts == done)).await.unwrap();
    }
}

/// X5, U9
#[tokio::test]
async fn the_limit_of_groups_at_a_time_holds_for_all_updaters_together_and_who_waited_for_a_place_is_told() {
    let Some(updaters) = Updaters::new(2, "").await else { return };
    let (one, other) = updaters.two();
    let mut ids = Vec::new();
    for number in 0..6 {
        ids.push(accept(one, number, &format!("<{number}@x>"), "a@x").await);
    }
    let wanted = |groups| Wanted { groups, messages: 1, per_mailbox: 2, ..everything() };
    assert_eq!(numbers(&one.claim(wanted(1)).await.unwrap().groups), [vec![ids[0]]]);
    assert_eq!(numbers(&other.claim(wanted(5)).await.unwrap().groups), [vec![ids[1]]]);
    let at_work = HashMap::from([("a@x".into(), 1)]);
    assert!(one.claim(Wanted { at_work: at_work.clone(), ..wanted(5) }).await.unwrap().groups.is_empty());
    // Whatever was told so far.
    while tokio::time::timeout(Duration::from_millis(200), one.arrival()).await.is_ok() {}
    other.finish(ids[1], updated()).await.unwrap();
    at_once("the news of a free place", one.arrival()).await;
    assert_eq!(numbers(&one.claim(Wanted { at_work, ..wanted(5) }).await.unwrap().groups), [vec![ids[2]]]);
}

/// X5, U5
#[tokio::test(flavor = "multi_thread")]
async fn split_copies_are_worked_on_one_after_the_other_whoever_claims_them_even_in_two_mailboxes() {
    let Some(updaters) = Updaters::new(2, "").await else { return };
    let (one, other) = updaters.two();
    for round in 0..20_u8 {
        let message_id = format!("<{round}@x>");
        let first = accept(one, 2 * round, &message_id, "a@x").await;
        let second = accept(other, 2 * round + 1, &message_id, "b@x").await;
        let (mine, theirs) = tokio::join!(claim(one), claim(other));
        let both = [mine.clone(), theirs].concat();
        assert_eq!(both.len(), 1, "{both:?} of {first} and {second} are at work at once");
        let queue = if mine.is_empty() { other } else { one };
        queue.finish(both[0], updated()).await.unwrap();
        let rest = until("the other copy", async || Some(claim(one).await).filter(|ids| !ids.is_empty())).await;
        assert_eq!([both, rest.clone()].concat().iter().collect::<HashSet<_>>(), HashSet::from([&first, &second]));
        one.finish(rest[0], updated()).await.unwrap();
    }
}

/// X5
#[tokio::test]
async fn a_lease_that_ran_out_is_taken_over_and_what_the_first_says_later_does_not_count() {
    let Some(updaters) = Updaters::new(2, "&lease=2").await else { return };
    let (one, other) = updaters.two();
    let id = accept(one, 1, "<1@x>", "a@x").await;
    let began = Instant::now();
    assert_eq!(claim(one).await, [id]);
    let claimed = other.claim(everything()).await.unwrap();
    let in_two_seconds = claimed.next_due.unwrap() - other.clock().now_ms();
    assert!(claimed.groups.is_empty() && (0..=2000).contains(&in_two_seconds), "{in_two_seconds} ms");
    let taken = until("the lease", async || Some(claim(other).await).filter(|ids| !ids.is_empty())).await;
    assert_eq!(other.get(id).await.unwrap().tries, 1, "the attempt of the first may have been carried out");
    assert!(one.renew(vec![id]).await.unwrap().is_empty(), "it is another's");
    assert_eq!(other.renew(vec![id]).await.unwrap(), [id]);
    assert!(taken == [id] && began.elapsed() > Duration::from_millis(1900), "{:?}", began.elapsed());
    one.finish(id, Outcome::new(crate::pipe::types::Rule::Refused, "too late")).await.unwrap();
    assert_eq!(one.get(id).await.unwrap().state, State::Working);
    other.finish(id, updated()).await.unwrap();
    assert_eq!(one.get(id).await.unwrap().state, State::Updated);
    let done = Counts { updated: 1, ..Counts::default() };
    at_once("the counts", one.watch_counts().wait_for(|counts| *counts == done)).await.unwrap();
    assert_eq!(other.counts(), done);
}

/// X5
#[tokio::test]
async fn a_clock_that_is_a_week_ahead_or_behind_takes_nothing_from_others_and_gives_nobody_more_time() {
    let Some(mut updaters) = Updaters::new(1, "").await else { return };
    let one = updaters.queues[0].clone();
    for (number, wrong) in [(1, 7 * 86_400_000), (2, -7 * 86_400_000)] {
        let clock = Clock::system().of_database();
        clock.hear(one.clock().now_ms() + wrong);
        let other = updaters.add(clock).await;
        let apart = other.clock().now_ms() - one.clock().now_ms();
        assert!(apart.abs() < 1000, "{apart} ms");
        let id = accept(&other, number, &format!("<{number}@x>"), "a@x").await;
        let listed = one.get(id).await.unwrap();
        assert!((listed.accepted_at - one.clock().now_ms()).abs() < 10_000, "{listed:?}");
        assert_eq!(claim(&other).await, [id]);
        let claimed = one.claim(everything()).await.unwrap();
        assert!(claimed.groups.is_empty(), "a lease that has just begun is taken away");
        let lease = claimed.next_due.unwrap() - one.clock().now_ms();
        assert!((290_000..=300_000).contains(&lease), "{lease} ms");
        other.finish(id, updated()).await.unwrap();
    }
}

/// X5, U10: every updater notices, and none of them moves anything.
#[tokio::test]
async fn what_waits_stays_where_it_is_when_an_updater_finds_its_clock_set() {
    let Some(updaters) = Updaters::new(2, "").await else { return };
    let (one, other) = updaters.two();
    let id = accept(one, 1, "<1@x>", "a@x").await;
    assert_eq!(claim(one).await, [id]);
    let until = one.clock().now_ms() + 60_000;
    one.postpone(id, until, Postponed::Error, "busy".into()).await.unwrap();
    for queue in [one, other] {
        assert!(!queue.clock_was_set(7 * 86_400_000, queue.clock().now_ms()).await.unwrap());
        assert_eq!(queue.claim(everything()).await.unwrap().next_due, Some(until));
    }
}

/// X5, U10: the clock of the database was years ahead, and is right again when an updater comes back.
#[tokio::test]
async fn a_lease_from_the_future_ends_in_due_time_and_is_not_taken_from_whoever_works_on_it() {
    let Some(mut updaters) = Updaters::new(0, "").await else { return };
    let wrong = Clock::manual(jiff::Timestamp::from_second(1_800_000_000).unwrap());
    let right = Clock::manual(jiff::Timestamp::from_second(1_700_000_000).unwrap());
    let one = updaters.add(wrong.clone()).await;
    let id = accept(&one, 1, "<1@x>", "a@x").await;
    assert_eq!(claim(&one).await, [id]);
    let other = updaters.add(right.clone()).await;
    let lease = i64::try_from(LEASE.as_millis()).unwrap();
    let claimed = other.claim(everything()).await.unwrap();
    assert!(claimed.groups.is_empty() && claimed.next_due == Some(right.now_ms() + lease), "{claimed:?}");
    assert_eq!(one.renew(vec![id]).await.unwrap(), [id]);
    // That was by the wrong clock once more; the next who comes puts it right.
    let third = updaters.add(right.clone()).await;
    right.advance(LEASE + Duration::from_secs(1));
    let jobs = third.claim(everything()).await.unwrap().groups.concat();
    assert_eq!((jobs.len(), jobs[0].error_tries), (1, 1));
    assert!(jobs[0].waits_since < right.now_ms() && one.renew(vec![id]).await.unwrap().is_empty());
}

/// U5: whichever updaters accept them.
#[tokio::test]
async fn split_copies_keep_their_order_when_the_clock_of_the_database_is_put_right_between_them() {
    let Some(mut updaters) = Updaters::new(0, "").await else { return };
    let clock = Clock::manual(jiff::Timestamp::from_second(1_700_000_000).unwrap());
    let queues = [updaters.add(clock.clone()).await, updaters.add(clock.clone()).await];
    let mut orders = Vec::new();
    for (number, queue) in (1..).zip(queues.iter().chain(&queues)) {
        let id = accept(queue, number, "<1@x>", "a@x").await;
        orders.push((queue.get(id).await.unwrap().accepted_at, id));
        clock.set_forward(jiff::SignedDuration::from_secs(-5));
    }
    assert!(orders.is_sorted(), "{orders:?}");
    // Who was wrong by more than an hour would be wrong for ever.
    clock.set_forward(jiff::SignedDuration::from_hours(-2));
    let id = accept(&queues[0], 9, "<9@x>", "a@x").await;
    assert_eq!(queues[1].get(id).await.unwrap().accepted_at, clock.now_ms());
}

/// U2: the database is there and can't store: its disk is full, say, or somebody changed its tables.
#[tokio::test]
async fn why_the_queue_could_not_be_written_is_told_until_it_can() {
    let Some(server) = place::server() else { return };
    let updaters = Updaters::on(server, 1, "").await;
    let queue = &updaters.queues[0];
    assert_eq!(queue.problem(), None);
    let schema = updaters.address.to_string();
    let schema = schema.split_once("schema=").unwrap().1;
    server.sql(&format!("ALTER TABLE {schema}.content RENAME TO elsewhere"));
    let refused = queue.accept(new(1, "<1@x>", "a@x"), vec![1].into()).await.unwrap_err();
    assert!(refused.is_temporary(), "{refused}");
    let told = queue.problem().unwrap();
    assert!(told.contains("content"), "{told}");
    server.sql(&format!("ALTER TABLE {schema}.elsewhere RENAME TO content"));
    accept(queue, 1, "<1@x>", "a@x").await;
    assert_eq!(queue.problem(), None);
}

/// Notes what passes.
#[derive(Default)]
struct Passed(std::sync::Mutex<Vec<Boundary>>);

impl crate::updater::boundaries::Watch for Passed {
    fn passing(&self, at: Boundary) -> futures_util::future::BoxFuture<'_, ()> {
        self.0.lock().unwrap().push(at);
        Box::pin(std::future::ready(()))
    }
}

/// U8: at the same places as those of the embedded queue, but for files that nothing depends on here.
#[tokio::test]
async fn the_boundaries_between_effects_are_passed() {
    let Some(server) = place::server() else { return };
    let folder = tempfile::tempdir().unwrap();
    let address = place::address(server, folder.path(), "");
    let passed = Arc::new(Passed::default());
    let watched = Boundaries::watched(passed.clone());
    let queue = Queue::open_shared_watched(folder.path(), address, Clock::system(), options(), watched).await.unwrap();
    let passed = || std::mem::take(&mut *passed.0.lock().unwrap());
    let transaction = [Boundary::BeforeCommit, Boundary::CommittedToDisk];
    assert_eq!(passed(), transaction, "it puts in order what is there");
    accept(&queue, 1, "<1@x>", "a@x").await;
    let accepted = [&transaction[..], &[Boundary::AcceptanceToReport]].concat();
    assert_eq!(passed(), accepted);
    let mut large = queue.spool().writer();
    large.write(&vec![7; spool::IN_MEMORY + 1]).unwrap();
    let id = queue.accept(new(2, "<2@x>", "b@x"), large.finish()).await.unwrap().id;
    assert_eq!(passed(), accepted);
    assert_eq!(claim(&queue).await.len(), 2);
    assert_eq!(passed(), transaction);
    queue.finish(id, updated()).await.unwrap();
    assert_eq!(passed(), transaction);
    assert_eq!(queue.purge(i64::MAX).await.unwrap(), 1);
    assert_eq!(passed(), transaction);
}

#[tokio::test]
async fn a_large_message_can_be_had_by_every_updater_and_leaves_nothing_in_its_folder() {
    let Some(updaters) = Updaters::new(2, "").await else { return };
    let (one, other) = updaters.two();
    let whole: Vec<u8> = (0..900_000_u32).map(|at| u8::try_from(at % 253).unwrap()).collect();
    let spooled = || {
        let mut writer = one.spool().writer();
        writer.write(&whole).unwrap();
        writer.finish()
    };
    let receipt = one.accept(new(1, "<1@x>", "a@x"), spooled()).await.unwrap();
    assert_eq!(one.counts().waiting, 1, "who handed it over finds it counted");
    assert!(one.accept(new(1, "<1@x>", "a@x"), spooled()).await.unwrap().duplicate);
    let small = accept(one, 2, "<2@x>", "b@x").await;
    at_once("the counts", one.watch_counts().wait_for(|counts| counts.waiting == 2)).await.unwrap();
    let jobs = other.claim(everything()).await.unwrap().groups.concat();
    assert_eq!(jobs.iter().map(|job| job.id).collect::<Vec<_>>(), [receipt.id, small]);
    assert!(matches!(jobs[0].content, JobContent::Remote(_)));
    let files = |queue: &Queue| std::fs::read_dir(queue.spool().folder()).unwrap().count();
    let fetched = jobs[0].fetch().await.unwrap();
    assert!(fetched == whole && files(other) == 1);
    assert_eq!(jobs[1].fetch().await.unwrap()[..], [2; 10]);
    drop(fetched);
    assert_eq!(one.content(receipt.id).await.unwrap(), whole);
    assert_eq!((files(one), files(other)), (0, 0));
    other.finish(receipt.id, updated()).await.unwrap();
    other.purge(i64::MAX).await.unwrap();
    assert!(matches!(one.content(receipt.id).await, Err(QueueError::ContentGone { .. })));
}

/// What broken mail may contain, and PostgreSQL's text may not.
#[tokio::test]
async fn a_nul_in_a_subject_and_a_message_id_of_ten_thousand_letters_keep_nobody_out() {
    let Some(updaters) = Updaters::new(1, "").await else { return };
    let queue = &updaters.queues[0];
    let long = format!("<{}@x>", "i".repeat(10_000));
    let message = NewMessage { subject: "nul \0 here".into(), ..new(1, &long, "a@x") };
    let id = queue.accept(message, vec![].into()).await.unwrap().id;
    let jobs = queue.claim(everything()).await.unwrap().groups.concat();
    assert_eq!((jobs[0].message_id.as_str(), jobs[0].fetch().await.unwrap().len()), (long.as_str(), 0));
    assert_eq!(queue.get(id).await.unwrap().subject, "nul \u{FFFD} here");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_that_start_at_once_one_makes_the_tables_and_a_later_version_of_them_is_refused() {
    let Some(server) = place::server() else { return };
    let folder = tempfile::tempdir().unwrap();
    let address = place::address(server, folder.path(), "");
    let folders: Vec<_> = (0..4).map(|_| tempfile::tempdir().unwrap()).collect();
    let open = |folder: &TempDir| {
        let (path, address) = (folder.path().to_owned(), address.clone());
        async move { Queue::open_shared(&path, address, Clock::system(), options()).await }
    };
    let opened = futures_util::future::join_all(folders.iter().map(open)).await;
    assert!(opened.iter().all(Result::is_ok), "{:?}", opened.iter().find_map(|one| one.as_ref().err()));
    drop(opened);
    let schema = std::fs::read_to_string(folder.path().join("schema")).unwrap();
    server.sql(&format!("INSERT INTO {schema}.schema_version (version) VALUES (99)"));
    let refused = open(&tempfile::tempdir().unwrap()).await.map(drop).unwrap_err();
    assert!(matches!(&refused, QueueError::Shared(SharedError::Newer { found: 99, .. })), "{refused}");
}

/// U2, X5: what was accepted is there, what came of messages is kept, and the counts are right afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_nothing_is_accepted_and_nothing_is_lost() {
    let Some(mut server) = Server::start("a database that goes away") else { return };
    let updaters = Updaters::on(&server, 2, "").await;
    let (one, other) = updaters.two();
    let ids = [accept(one, 1, "<1@x>", "a@x").await, accept(one, 2, "<2@x>", "b@x").await];
    assert_eq!(claim(one).await, ids);
    for (number, signal) in [(0, "INT"), (1, "QUIT")] {
        server.stop(signal);
        let refused = at_once("the refusal", async {
            one.accept(new(50 + u8::try_from(number).unwrap(), "<50@x>", "c@x"), vec![1].into()).await.unwrap_err()
        })
        .await;
        assert!(refused.is_temporary() && refused.to_string().contains("can't be reached"), "{refused}");
        let told = until("the notice", async || one.notices().pop()).await;
        assert!(told.starts_with("Nothing is accepted or updated at the moment: the database"), "{told}");
        assert!(at_once("the list", one.list(&Filter::default())).await.is_err());
        // It is recorded when the database is back.
        let recording = tokio::spawn({
            let (one, id) = (one.clone(), ids[number]);
            async move { one.finish(id, updated()).await }
        });
        assert!(one.renew(ids.to_vec()).await.is_err());
        assert!(!recording.is_finished());
        server.run();
        at_once("what came of it", recording).await.unwrap().unwrap();
        assert_eq!(one.get(ids[number]).await.unwrap().state, State::Updated);
        assert!(one.notices().is_empty(), "{:?}", one.notices());
        at_once("the other's return", async {
            while !other.notices().is_empty() {
                other.arrival().await;
            }
        })
        .await;
    }
    let done = Counts { updated: 2, ..Counts::default() };
    for queue in [one, other] {
        at_once("the counts", queue.watch_counts().wait_for(|counts| *counts == done)).await.unwrap();
    }
    let later = accept(other, 3, "<3@x>", "a@x").await;
    until("the news", async || Some(claim(one).await).filter(|ids| *ids == [later])).await;
}

/// The session that writes is cut by an administrator; what it was told in between is made up for.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_cut_comes_back_with_counts_that_are_right() {
    let Some(updaters) = Updaters::new(2, "&application_name=cut").await else { return };
    let Some(server) = place::server() else { return };
    let (one, other) = updaters.two();
    accept(one, 1, "<1@x>", "a@x").await;
    let cut =
        server.sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'cut'");
    assert!(cut.parse::<usize>().unwrap() >= 2, "{cut}");
    let id = until("an acceptance", async || {
        other.accept(new(2, "<2@x>", "b@x"), vec![2].into()).await.ok().map(|receipt| receipt.id)
    })
    .await;
    for queue in [one, other] {
        at_once("the counts", queue.watch_counts().wait_for(|counts| counts.waiting == 2)).await.unwrap();
    }
    assert!(one.list(&Filter::default()).await.unwrap().iter().any(|listed| listed.id == id));
}
