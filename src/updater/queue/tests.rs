use jiff::Timestamp;

use super::*;
use crate::pipe::types::{Bucket, Rule, State};

struct Bench {
    folder: tempfile::TempDir,
    clock: Clock,
    queue: Queue,
}

fn options() -> QueueOptions {
    QueueOptions { max_message_bytes: 1 << 20, max_pages: None }
}

async fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(Timestamp::from_second(1_700_000_000).unwrap());
    let queue = Queue::open(folder.path(), clock.clone(), options()).await.unwrap();
    Bench { folder, clock, queue }
}

impl Bench {
    /// Ends this updater as if it had been killed, and starts the next.
    async fn restart(self) -> Self {
        let Self { folder, clock, queue } = self;
        queue.close().await;
        drop(queue);
        let queue = Queue::open(folder.path(), clock.clone(), options()).await.unwrap();
        Self { folder, clock, queue }
    }

    async fn accept(&self, number: u8, message_id: &str, mailbox: &str) -> Receipt {
        self.queue.accept(new(number, message_id, mailbox), vec![number; 10].into()).await.unwrap()
    }

    async fn claim(&self) -> Vec<Job> {
        self.queue.claim(everything()).await.unwrap().groups.into_iter().flatten().collect()
    }

    async fn claimed(&self) -> Vec<i64> {
        self.claim().await.iter().map(|job| job.id).collect()
    }
}

/// Whatever is due, in one group for each mailbox.
fn everything() -> Wanted {
    Wanted { groups: 100, messages: 100, bytes: u64::MAX, per_mailbox: 1, at_work: HashMap::new() }
}

impl Queue {
    async fn finish(&self, id: i64, outcome: Outcome) -> Result<(), QueueError> {
        self.turn(vec![Concluded { id, conclusion: Conclusion::Finished(outcome) }], None).await.map(drop)
    }

    async fn postpone(&self, id: i64, until: i64, why: Postponed, reason: String) -> Result<(), QueueError> {
        let conclusion = Conclusion::Postponed { until, why, reason };
        self.turn(vec![Concluded { id, conclusion }], None).await.map(drop)
    }
}

fn new(number: u8, message_id: &str, mailbox: &str) -> NewMessage {
    NewMessage {
        digest: [number; 32],
        message_id: message_id.into(),
        mailbox: mailbox.into(),
        sender: mailbox.into(),
        subject: format!("Subject {number}"),
        source: Source::Api,
        outcome: None,
    }
}

fn updated() -> Outcome {
    Outcome::new(Rule::UpdatedInPlace, "")
}

/// U2, U8
#[tokio::test]
async fn an_accepted_message_is_there_after_a_restart_with_its_bytes() {
    let bench = bench().await;
    let receipt = bench.accept(1, "<1@x>", "anna@x").await;
    let bench = bench.restart().await;
    let jobs = bench.claim().await;
    assert_eq!((jobs.len(), jobs[0].id), (1, receipt.id));
    assert_eq!(jobs[0].bytes().unwrap()[..], [1; 10]);
}

/// U8
#[tokio::test]
async fn the_same_processed_message_twice_is_one_job() {
    let bench = bench().await;
    let first = bench.accept(1, "<1@x>", "anna@x").await;
    let second = bench.accept(1, "<1@x>", "anna@x").await;
    assert_eq!(second, Receipt { id: first.id, duplicate: true });
    assert_eq!(bench.queue.counts().waiting, 1);
}

/// U8
#[tokio::test]
async fn the_lease_of_an_updater_that_is_gone_is_free_again_at_the_next_start() {
    let bench = bench().await;
    bench.accept(1, "<1@x>", "anna@x").await;
    assert_eq!(bench.claim().await.len(), 1);
    assert_eq!(bench.claim().await.len(), 0);
    let bench = bench.restart().await;
    assert_eq!(bench.queue.counts(), Counts { waiting: 1, ..Counts::default() });
    assert_eq!(bench.claim().await.len(), 1);
}

/// U8: what was at work when an updater ended is tried like what failed, because its requests may still be carried out.
#[tokio::test]
async fn an_attempt_that_broke_off_counts_as_one_that_failed() {
    let bench = bench().await;
    bench.accept(1, "<1@x>", "anna@x").await;
    assert_eq!(bench.claim().await[0].error_tries, 0);
    bench.clock.advance(LEASE + Duration::from_secs(1));
    assert_eq!(bench.claim().await[0].error_tries, 1, "its lease ran out");
    bench.accept(2, "<2@x>", "ben@x").await;
    assert_eq!(bench.claim().await[0].error_tries, 0);
    let bench = bench.restart().await;
    assert_eq!(bench.claim().await.iter().map(|job| job.error_tries).collect::<Vec<_>>(), [1, 1]);
}

/// U5: a time server puts the clock right between two split copies.
#[tokio::test]
async fn a_clock_that_is_set_back_does_not_change_which_split_copy_is_the_last() {
    let mut bench = bench().await;
    let mut orders = Vec::new();
    for number in 1..=3 {
        bench.accept(number, "<1@x>", "anna@x").await;
        let job = bench.claim().await.remove(0);
        orders.push((job.accepted_at, job.id));
        bench.queue.finish(job.id, updated()).await.unwrap();
        bench.clock.set_forward(jiff::SignedDuration::from_secs(-5));
        if number == 2 {
            bench = bench.restart().await;
        }
    }
    assert!(orders.is_sorted(), "{orders:?}");
}

/// U10
#[tokio::test]
async fn what_was_accepted_while_the_clock_was_years_ahead_is_due_after_a_restart_with_the_right_time() {
    let bench = bench().await;
    bench.clock.set_forward(jiff::SignedDuration::from_hours(20_000));
    let id = bench.accept(1, "<1@x>", "anna@x").await.id;
    bench.claim().await;
    bench.queue.postpone(id, bench.clock.now_ms() + 5_000, Postponed::Error, "busy".into()).await.unwrap();
    bench.clock.set_forward(jiff::SignedDuration::from_hours(-20_000));
    let bench = bench.restart().await;
    let jobs = bench.claim().await;
    assert_eq!((jobs.len(), jobs[0].waits_since), (1, bench.clock.now_ms()));
}

#[tokio::test]
async fn a_lease_that_ran_out_is_due_again_and_a_renewed_one_is_not() {
    let bench = bench().await;
    bench.accept(1, "<1@x>", "anna@x").await;
    bench.accept(2, "<2@x>", "ben@x").await;
    let ids = bench.claimed().await;
    bench.clock.advance(LEASE / 2);
    bench.queue.renew(vec![ids[1]]).await.unwrap();
    bench.clock.advance(LEASE / 2 + Duration::from_secs(1));
    assert_eq!(bench.claimed().await, [ids[0]]);
    assert_eq!(bench.queue.counts(), Counts { working: 2, ..Counts::default() });
}

/// U3
#[tokio::test]
async fn a_postponed_message_is_not_claimed_before_its_time() {
    let bench = bench().await;
    let id = bench.accept(1, "<1@x>", "anna@x").await.id;
    bench.claim().await;
    let until = bench.clock.now_ms() + 5_000;
    bench.queue.postpone(id, until, Postponed::NotFoundYet, "not there yet".into()).await.unwrap();
    let claimed = bench.queue.claim(everything()).await.unwrap();
    assert!(claimed.groups.is_empty());
    assert_eq!(claimed.next_due, Some(until));
    bench.clock.advance(Duration::from_secs(5));
    let jobs = bench.claim().await;
    assert_eq!((jobs[0].not_found_tries, jobs[0].error_tries), (1, 0));
}

/// U9
#[tokio::test]
async fn messages_of_a_busy_mailbox_do_not_hold_up_the_others() {
    let bench = bench().await;
    for number in 1..=3 {
        bench.accept(number, &format!("<{number}@x>"), "busy@x").await;
    }
    let other = bench.accept(9, "<9@x>", "free@x").await.id;
    let at_work = HashMap::from([("busy@x".into(), 1)]);
    let groups = bench.queue.claim(Wanted { at_work, ..everything() }).await.unwrap().groups;
    assert_eq!(numbers(&groups), [vec![other]]);
}

fn numbers(groups: &[Vec<Job>]) -> Vec<Vec<i64>> {
    groups.iter().map(|group| group.iter().map(|job| job.id).collect()).collect()
}

/// U9
#[tokio::test]
async fn messages_of_one_mailbox_come_in_groups_bounded_by_number_and_bytes() {
    let bench = bench().await;
    let mut ids = Vec::new();
    for (number, bytes) in [(1, 100), (2, 100), (3, 300), (4, 900), (5, 100), (6, 1)] {
        let content = vec![number; bytes].into();
        ids.push(bench.queue.accept(new(number, &format!("<{number}@x>"), "a@x"), content).await.unwrap().id);
    }
    let wanted = Wanted { messages: 3, bytes: 450, groups: 3, per_mailbox: 3, ..everything() };
    let claimed = bench.queue.claim(wanted.clone()).await.unwrap();
    // The third would be too much, and the fourth is so by itself.
    assert_eq!(numbers(&claimed.groups), [vec![ids[0], ids[1]], vec![ids[2]], vec![ids[3]]]);
    assert_eq!(claimed.groups[2][0].bytes().unwrap()[..], [4; 900]);
    assert_eq!(bench.queue.counts(), Counts { working: 4, waiting: 2, ..Counts::default() });
    let wanted = Wanted { at_work: HashMap::from([("a@x".into(), 2)]), ..wanted };
    assert_eq!(numbers(&bench.queue.claim(wanted).await.unwrap().groups), [vec![ids[4], ids[5]]]);
}

/// U9: whoever has many messages gets no more than a turn while another has one.
#[tokio::test]
async fn a_mailbox_with_many_messages_that_are_due_longer_comes_after_those_that_nothing_is_done_for() {
    let bench = bench().await;
    let mut large = Vec::new();
    for number in 1..=8 {
        large.push(bench.accept(number, &format!("<{number}@x>"), "large@x").await.id);
    }
    bench.clock.advance(Duration::from_secs(60));
    let small: Vec<_> = [bench.accept(11, "<11@x>", "b@x").await.id, bench.accept(12, "<12@x>", "c@x").await.id].into();
    let wanted = Wanted { groups: 5, messages: 2, per_mailbox: 3, ..everything() };
    let groups = numbers(&bench.queue.claim(wanted).await.unwrap().groups);
    let [first, second, third] = [&large[0..2], &large[2..4], &large[4..6]].map(<[i64]>::to_vec);
    assert_eq!(groups, [first, vec![small[0]], vec![small[1]], second, third]);
}

/// U5, U9: while one split copy is worked on, the other is not due, and nobody else waits for that.
#[tokio::test]
async fn a_mailbox_whose_messages_wait_for_a_split_copy_does_not_take_the_turn_of_others() {
    let bench = bench().await;
    bench.accept(1, "<same@x>", "a@x").await;
    assert_eq!(bench.claim().await.len(), 1);
    bench.accept(2, "<same@x>", "a@x").await;
    let other = bench.accept(3, "<3@x>", "b@x").await.id;
    let claimed = bench.queue.claim(Wanted { groups: 1, ..everything() }).await.unwrap();
    assert_eq!(numbers(&claimed.groups), [vec![other]]);
}

/// S3
#[tokio::test]
async fn what_waits_until_the_scope_is_known_is_due_once_it_is_and_has_lost_no_try() {
    let bench = bench().await;
    let id = bench.accept(1, "<1@x>", "a@x").await.id;
    let other = bench.accept(2, "<2@x>", "b@x").await.id;
    bench.claim().await;
    let later = bench.clock.now_ms() + 600_000;
    bench.queue.postpone(id, later, Postponed::ScopeUnknown, "not known".into()).await.unwrap();
    bench.queue.postpone(other, later, Postponed::Error, "an error".into()).await.unwrap();
    assert!(bench.claim().await.is_empty());
    assert_eq!(bench.queue.scope_known().await.unwrap(), 1);
    let jobs = bench.claim().await;
    assert_eq!((jobs.len(), jobs[0].id, jobs[0].error_tries), (1, id, 0));
    assert_eq!(bench.queue.scope_known().await.unwrap(), 0);
}

/// U9: what is due is known anew after a start.
#[tokio::test]
async fn after_a_restart_the_order_of_what_is_due_is_the_same() {
    let bench = bench().await;
    let first = bench.accept(1, "<1@x>", "z@x").await.id;
    bench.clock.advance(Duration::from_secs(1));
    let second = bench.accept(2, "<2@x>", "a@x").await.id;
    let bench = bench.restart().await;
    assert_eq!(bench.claimed().await, [first, second]);
}

/// U5
#[tokio::test]
async fn split_copies_of_one_message_are_worked_on_one_after_the_other_in_order() {
    let bench = bench().await;
    let first = bench.accept(1, "<same@x>", "anna@x").await.id;
    let second = bench.accept(2, "<same@x>", "anna@x").await.id;
    assert_eq!(bench.claimed().await, [first]);
    assert!(bench.claim().await.is_empty());
    bench.queue.finish(first, updated()).await.unwrap();
    assert_eq!(bench.claimed().await, [second]);
}

/// U5
#[tokio::test]
async fn a_split_copy_that_waits_for_a_retry_does_not_hold_up_a_later_one() {
    let bench = bench().await;
    let first = bench.accept(1, "<same@x>", "anna@x").await.id;
    let second = bench.accept(2, "<same@x>", "anna@x").await.id;
    bench.claim().await;
    bench.queue.postpone(first, bench.clock.now_ms() + 60_000, Postponed::Error, String::new()).await.unwrap();
    assert_eq!(bench.claimed().await, [second]);
}

/// U10
#[tokio::test]
async fn only_what_failed_or_was_skipped_can_be_tried_again_and_its_age_starts_anew() {
    let bench = bench().await;
    let ids = [
        bench.accept(1, "<1@x>", "a@x").await.id,
        bench.accept(2, "<2@x>", "b@x").await.id,
        bench.accept(3, "<3@x>", "c@x").await.id,
    ];
    bench.claim().await;
    bench.queue.finish(ids[0], updated()).await.unwrap();
    bench.queue.finish(ids[1], Outcome::new(Rule::NotFound, "nothing there")).await.unwrap();
    bench.queue.finish(ids[2], Outcome::new(Rule::OutOfScope, "")).await.unwrap();
    assert_eq!(bench.queue.counts(), Counts { updated: 1, skipped: 1, failed: 1, ..Counts::default() });
    assert_eq!(bench.queue.retry(Retry::One(ids[0])).await.unwrap(), 0);
    bench.clock.advance(Duration::from_secs(100));
    assert_eq!(bench.queue.retry(Retry::AllFailed).await.unwrap(), 1);
    assert_eq!(bench.queue.retry(Retry::One(ids[2])).await.unwrap(), 1);
    assert_eq!(bench.queue.counts(), Counts { updated: 1, waiting: 2, ..Counts::default() });
    let jobs = bench.claim().await;
    assert_eq!(jobs.len(), 2);
    assert!(jobs.iter().all(|job| job.waits_since == job.accepted_at + 100_000));
}

/// U2
#[tokio::test]
async fn a_full_disk_refuses_new_messages_and_still_records_what_happened_to_the_old_ones() {
    let folder = tempfile::tempdir().unwrap();
    let options = QueueOptions { max_message_bytes: 1 << 20, max_pages: Some(60) };
    let queue = Queue::open(folder.path(), Clock::system(), options).await.unwrap();
    let mut accepted = 0;
    let refusal = loop {
        let number = accepted + 1;
        match queue.accept(new(number, &format!("<{number}@x>"), "a@x"), vec![number; 20_000].into()).await {
            Ok(_) => accepted += 1,
            Err(error) => break error,
        }
    };
    assert!(accepted > 2 && matches!(refusal, AcceptError::DiskFull { .. }) && refusal.is_temporary(), "{refusal}");
    assert_eq!(queue.problem().as_deref(), Some("the disk with the queue is full"));
    let jobs = queue.claim(everything()).await.unwrap().groups.concat();
    assert_eq!(jobs.len(), usize::from(accepted));
    for job in &jobs {
        assert_eq!(job.bytes().unwrap().len(), 20_000);
        queue.finish(job.id, updated()).await.unwrap();
    }
    assert_eq!(queue.counts().updated, i64::from(accepted));
    // Old messages make room for new ones.
    queue.purge(i64::MAX).await.unwrap();
    queue.accept(new(200, "<200@x>", "a@x"), vec![1; 20_000].into()).await.unwrap();
    assert_eq!(queue.problem(), None);
}

#[tokio::test]
async fn large_messages_lie_in_files_that_go_with_their_row() {
    let bench = bench().await;
    let large = || spooled(&bench.queue);
    let files = || std::fs::read_dir(bench.queue.spool().folder()).unwrap().count();
    let id = bench.queue.accept(new(1, "<1@x>", "a@x"), large()).await.unwrap().id;
    assert!(bench.queue.accept(new(1, "<1@x>", "a@x"), large()).await.unwrap().duplicate);
    assert_eq!(files(), 1);
    assert_eq!(bench.claim().await[0].bytes().unwrap().len(), spool::IN_MEMORY + 1);
    bench.queue.finish(id, updated()).await.unwrap();
    bench.queue.purge(i64::MAX).await.unwrap();
    assert_eq!((files(), bench.queue.counts()), (0, Counts::default()));
}

#[tokio::test]
async fn files_that_no_row_names_are_swept_at_the_next_start() {
    let bench = bench().await;
    let orphan = bench.queue.spool().folder().join("orphan.eml");
    std::fs::write(&orphan, "left by a crash").unwrap();
    let _bench = bench.restart().await;
    assert!(!orphan.exists());
}

#[tokio::test]
async fn two_updaters_can_not_have_one_folder() {
    let bench = bench().await;
    let second = Queue::open(bench.folder.path(), Clock::system(), options()).await;
    assert!(matches!(second, Err(QueueError::InUse { .. })));
}

/// M3
#[tokio::test]
async fn messages_are_found_by_state_and_by_words_of_sender_subject_or_message_id() {
    let bench = bench().await;
    for number in 1..=5 {
        bench.accept(number, &format!("<{number}@x>"), "a_na@x").await;
    }
    bench.accept(6, "<6@x>", "anna@x").await;
    let found = async |search: &str| {
        let filter = Filter { search: Some(search.into()), ..Filter::default() };
        bench.queue.list(&filter).await.unwrap().iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(found("A_NA").await, [5, 4, 3, 2, 1]);
    assert_eq!(found("subject 3").await, [3]);
    assert_eq!(found("<6@").await, [6]);
    assert!(found("%").await.is_empty());
    let page = Filter { before: Some(4), limit: Some(2), ..Filter::default() };
    assert_eq!(bench.queue.list(&page).await.unwrap().iter().map(|row| row.id).collect::<Vec<_>>(), [3, 2]);
    let failed = Filter { state: Some(State::Failed), ..Filter::default() };
    assert!(bench.queue.list(&failed).await.unwrap().is_empty());
}

#[tokio::test]
async fn after_closing_nothing_is_accepted_and_says_so() {
    let bench = bench().await;
    bench.queue.close().await;
    let refusal = bench.queue.accept(new(1, "<1@x>", "a@x"), vec![1].into()).await.unwrap_err();
    assert!(matches!(refusal, AcceptError::Stopping) && refusal.is_temporary());
}

/// Content that is large enough for a file.
fn spooled(queue: &Queue) -> Content {
    let mut writer = queue.spool().writer();
    writer.write(&vec![7; spool::IN_MEMORY + 1]).unwrap();
    writer.finish()
}

/// The folder of a closed queue after something bad was done to it.
fn damage(bench: Bench, how: impl FnOnce(&Path)) -> (tempfile::TempDir, Clock) {
    let Bench { folder, clock, queue } = bench;
    drop(queue);
    how(folder.path());
    (folder, clock)
}

#[tokio::test]
async fn a_damaged_queue_is_set_aside_with_its_spooled_messages_and_named_at_every_start() {
    let bench = bench().await;
    bench.queue.accept(new(1, "<1@x>", "anna@x"), spooled(&bench.queue)).await.unwrap();
    bench.queue.close().await;
    let database = |folder: &Path| folder.join("queue.sqlite");
    let (folder, clock) = damage(bench, |folder| std::fs::write(database(folder), vec![b'x'; 8192]).unwrap());
    for _ in 0..2 {
        let queue = Queue::open(folder.path(), clock.clone(), options()).await.unwrap();
        assert_eq!(queue.counts(), Counts::default());
        let [aside] = queue.set_aside() else { panic!("one folder, not {:?}", queue.set_aside()) };
        assert_eq!(aside.file_name().unwrap(), "damaged-queue-20231114T221320Z");
        assert_eq!(std::fs::read(database(aside)).unwrap(), vec![b'x'; 8192]);
        assert_eq!(std::fs::read_dir(aside.join("spool")).unwrap().count(), 1);
        queue.close().await;
    }
}

#[tokio::test]
async fn spooled_messages_are_not_swept_when_the_database_has_gone() {
    let bench = bench().await;
    bench.queue.accept(new(1, "<1@x>", "anna@x"), spooled(&bench.queue)).await.unwrap();
    bench.queue.close().await;
    let (folder, clock) = damage(bench, |folder| std::fs::remove_file(folder.join("queue.sqlite")).unwrap());
    let queue = Queue::open(folder.path(), clock, options()).await.unwrap();
    assert_eq!(std::fs::read_dir(queue.set_aside()[0].join("spool")).unwrap().count(), 1);
}

#[tokio::test]
async fn damage_that_is_met_at_work_ends_the_queue_and_the_next_start_sets_it_aside() {
    let bench = bench().await;
    bench.queue.accept(new(1, "<1@x>", "anna@x"), b"the message itself".repeat(2_000).into()).await.unwrap();
    bench.queue.close().await;
    // In the middle of a message: a start does not look there.
    let (folder, clock) = damage(bench, |folder| {
        let path = folder.join("queue.sqlite");
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes.windows(18).rposition(|part| part == b"the message itself").unwrap();
        let page = (at / 4096 - 2) * 4096;
        bytes[page..page + 4096].fill(0xEE);
        std::fs::write(&path, bytes).unwrap();
    });
    let queue = Queue::open(folder.path(), clock.clone(), options()).await.unwrap();
    assert!(queue.set_aside().is_empty());
    assert!(queue.claim(everything()).await.unwrap_err().is_damage());
    tokio::time::timeout(Duration::from_secs(10), queue.ended()).await.unwrap();
    assert!(matches!(queue.accept(new(2, "<2@x>", "anna@x"), vec![2].into()).await, Err(AcceptError::Stopping)));
    drop(queue);
    let queue = Queue::open(folder.path(), clock, options()).await.unwrap();
    assert_eq!(queue.set_aside().len(), 1);
    assert!(!queue.accept(new(2, "<2@x>", "anna@x"), vec![2].into()).await.unwrap().duplicate);
}

/// M3
#[tokio::test]
async fn a_series_counts_what_ended_in_each_step_from_the_index_alone() {
    let bench = bench().await;
    let start = bench.clock.now_ms();
    let rules = [Rule::UpdatedInPlace, Rule::NoMailbox, Rule::Refused, Rule::UpdatedInPlace];
    for (number, rule) in (1..).zip(rules) {
        bench.accept(number, &format!("<{number}@x>"), "a@x").await;
        let job = bench.claim().await.remove(0);
        bench.clock.advance(Duration::from_secs(10));
        bench.queue.finish(job.id, Outcome::new(rule, "")).await.unwrap();
    }
    // One waits, and counts nowhere.
    bench.accept(9, "<9@x>", "a@x").await;
    let series = |from, to| SeriesQuery { from: start + from, to: start + to, step: 20_000 };
    let counted = async |from, to| bench.queue.series(&series(from, to)).await.unwrap().buckets;
    let buckets = counted(0, 60_000).await;
    assert_eq!(buckets[0], Bucket { updated: 1, ..Bucket::default() });
    assert_eq!(buckets[1], Bucket { skipped: 1, failed: 1, ..Bucket::default() });
    assert_eq!(buckets[2], Bucket { updated: 1, ..Bucket::default() });
    // From the first moment on, up to the last and not with it.
    assert_eq!(
        counted(10_000, 40_000).await,
        [Bucket { updated: 1, skipped: 1, ..Bucket::default() }, Bucket { failed: 1, ..Bucket::default() }]
    );
    assert!(matches!(bench.queue.series(&series(5, 5)).await, Err(QueueError::Series(SeriesProblem::Backwards))));

    let plan = sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", reader::SERIES)));
    let plan = plan.bind(0).bind(1000).bind(1000).fetch_all(&bench.queue.readers).await.unwrap();
    let plan: Vec<String> = plan.iter().map(|row| sqlx::Row::get(row, 3)).collect();
    assert!(plan[0].contains("COVERING INDEX message_finished"), "{plan:?}");
}
