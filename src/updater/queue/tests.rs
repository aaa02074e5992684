use jiff::Timestamp;

use super::*;
use crate::pipe::types::{Bucket, Rule, State};

pub(super) struct Bench {
    pub folder: tempfile::TempDir,
    pub clock: Clock,
    pub queue: Queue,
}

pub(super) fn options() -> QueueOptions {
    QueueOptions { max_message_bytes: 1 << 20, max_pages: None }
}

/// A fresh queue; none where its database is not there.
pub(super) async fn bench() -> Option<Bench> {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(Timestamp::from_second(1_700_000_000).unwrap());
    let queue = place::open(folder.path(), clock.clone(), options()).await?.unwrap();
    Some(Bench { folder, clock, queue })
}

impl Bench {
    /// Ends this updater as if it had been killed, and starts the next.
    pub async fn restart(self) -> Self {
        let Self { folder, clock, queue } = self;
        queue.close().await;
        drop(queue);
        let queue = place::open(folder.path(), clock.clone(), options()).await.unwrap().unwrap();
        Self { folder, clock, queue }
    }

    pub async fn accept(&self, number: u8, message_id: &str, mailbox: &str) -> Receipt {
        self.queue.accept(new(number, message_id, mailbox), vec![number; 10].into()).await.unwrap()
    }

    pub async fn claim(&self) -> Vec<Job> {
        self.queue.claim(everything()).await.unwrap().groups.into_iter().flatten().collect()
    }

    pub async fn claimed(&self) -> Vec<i64> {
        self.claim().await.iter().map(|job| job.id).collect()
    }
}

/// Whatever is due, in one group for each mailbox.
pub(super) fn everything() -> Wanted {
    Wanted { groups: 100, messages: 100, bytes: u64::MAX, per_mailbox: 1, at_work: HashMap::new() }
}

pub(super) fn new(number: u8, message_id: &str, mailbox: &str) -> NewMessage {
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

pub(super) fn updated() -> Outcome {
    Outcome::new(Rule::UpdatedInPlace, "")
}

/// U2, U8
#[tokio::test]
async fn an_accepted_message_is_there_after_a_restart_with_its_bytes() {
    let Some(bench) = bench().await else { return };
    let receipt = bench.accept(1, "<1@x>", "anna@x").await;
    let bench = bench.restart().await;
    let jobs = bench.claim().await;
    assert_eq!((jobs.len(), jobs[0].id), (1, receipt.id));
    assert_eq!(jobs[0].bytes().unwrap()[..], [1; 10]);
}

/// U8
#[tokio::test]
async fn the_same_processed_message_twice_is_one_job() {
    let Some(bench) = bench().await else { return };
    let first = bench.accept(1, "<1@x>", "anna@x").await;
    let second = bench.accept(1, "<1@x>", "anna@x").await;
    assert_eq!(second, Receipt { id: first.id, duplicate: true });
    assert_eq!(bench.queue.counts().waiting, 1);
}

/// U8
#[tokio::test]
async fn the_lease_of_an_updater_that_is_gone_is_free_again_at_the_next_start() {
    let Some(bench) = bench().await else { return };
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
    let Some(bench) = bench().await else { return };
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
    let Some(mut bench) = bench().await else { return };
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
    let Some(bench) = bench().await else { return };
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
    let Some(bench) = bench().await else { return };
    bench.accept(1, "<1@x>", "anna@x").await;
    bench.accept(2, "<2@x>", "ben@x").await;
    let ids = bench.claimed().await;
    bench.clock.advance(LEASE / 2);
    assert_eq!(bench.queue.renew(vec![ids[1]]).await.unwrap(), [ids[1]]);
    bench.clock.advance(LEASE / 2 + Duration::from_secs(1));
    assert_eq!(bench.claimed().await, [ids[0]]);
    assert_eq!(bench.queue.counts(), Counts { working: 2, ..Counts::default() });
}

/// U3
#[tokio::test]
async fn a_postponed_message_is_not_claimed_before_its_time() {
    let Some(bench) = bench().await else { return };
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
    let Some(bench) = bench().await else { return };
    for number in 1..=3 {
        bench.accept(number, &format!("<{number}@x>"), "busy@x").await;
    }
    let other = bench.accept(9, "<9@x>", "free@x").await.id;
    let at_work = HashMap::from([("busy@x".into(), 1)]);
    let groups = bench.queue.claim(Wanted { at_work, ..everything() }).await.unwrap().groups;
    assert_eq!(numbers(&groups), [vec![other]]);
}

pub(super) fn numbers(groups: &[Vec<Job>]) -> Vec<Vec<i64>> {
    groups.iter().map(|group| group.iter().map(|job| job.id).collect()).collect()
}

/// U9
#[tokio::test]
async fn messages_of_one_mailbox_come_in_groups_bounded_by_number_and_bytes() {
    let Some(bench) = bench().await else { return };
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
    let Some(bench) = bench().await else { return };
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
    let Some(bench) = bench().await else { return };
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
    let Some(bench) = bench().await else { return };
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
    let Some(bench) = bench().await else { return };
    let first = bench.accept(1, "<1@x>", "z@x").await.id;
    bench.clock.advance(Duration::from_secs(1));
    let second = bench.accept(2, "<2@x>", "a@x").await.id;
    let bench = bench.restart().await;
    assert_eq!(bench.claimed().await, [first, second]);
}

/// U5
#[tokio::test]
async fn split_copies_of_one_message_are_worked_on_one_after_the_other_in_order() {
    let Some(bench) = bench().await else { return };
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
    let Some(bench) = bench().await else { return };
    let first = bench.accept(1, "<same@x>", "anna@x").await.id;
    let second = bench.accept(2, "<same@x>", "anna@x").await.id;
    bench.claim().await;
    bench.queue.postpone(first, bench.clock.now_ms() + 60_000, Postponed::Error, String::new()).await.unwrap();
    assert_eq!(bench.claimed().await, [second]);
}

/// U10
#[tokio::test]
async fn only_what_failed_or_was_skipped_can_be_tried_again_and_its_age_starts_anew() {
    let Some(bench) = bench().await else { return };
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

#[tokio::test]
async fn two_updaters_can_not_have_one_folder() {
    let Some(bench) = bench().await else { return };
    let second = place::open(bench.folder.path(), Clock::system(), options()).await.unwrap();
    assert!(matches!(second, Err(QueueError::InUse { .. })));
}

/// M3
#[tokio::test]
async fn messages_are_found_by_state_and_by_words_of_sender_subject_or_message_id() {
    let Some(bench) = bench().await else { return };
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
    let Some(bench) = bench().await else { return };
    bench.queue.close().await;
    let refusal = bench.queue.accept(new(1, "<1@x>", "a@x"), vec![1].into()).await.unwrap_err();
    assert!(matches!(refusal, AcceptError::Stopping) && refusal.is_temporary());
}

/// M3
#[tokio::test]
async fn a_series_counts_what_ended_in_each_step() {
    let Some(bench) = bench().await else { return };
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
}
