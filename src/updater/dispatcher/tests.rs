use std::collections::VecDeque;
use std::sync::Mutex;

use super::*;
use crate::pipe::types::Counts;
use crate::settings::{Account, Connection};
use crate::updater::intake::Source;
use crate::updater::queue::LEASE;
use crate::updater::queue::{NewMessage, QueueOptions};

/// Answers as a test tells it to, and notes what it was asked.
#[derive(Clone, Default)]
struct Script(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    answers: HashMap<String, VecDeque<Attempt>>,
    asked: Vec<String>,
    /// At which of these it was to look into all folders, from 0.
    elsewhere: Vec<usize>,
    most_at_once: HashMap<String, usize>,
    at_once: HashMap<String, usize>,
    blocked: HashSet<String>,
    /// How many it takes together; 0 is 1.
    together: usize,
    /// What it was asked for together.
    groups: Vec<Vec<String>>,
    /// Those that it leaves to an attempt of their own.
    alone: HashSet<String>,
    pressure: Option<f64>,
}

impl Engine for Script {
    async fn attempt(&self, job: &Job) -> Attempt {
        let answer = {
            let mut inner = self.0.lock().unwrap();
            if job.elsewhere {
                let look = inner.asked.len();
                inner.elsewhere.push(look);
            }
            inner.asked.push(job.message_id.clone());
            let now = *inner.at_once.entry(job.mailbox.clone()).and_modify(|count| *count += 1).or_insert(1);
            let most = inner.most_at_once.entry(job.mailbox.clone()).or_default();
            *most = now.max(*most);
            inner.answers.get_mut(&job.message_id).and_then(VecDeque::pop_front)
        };
        while self.0.lock().unwrap().blocked.contains(&job.mailbox) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::task::yield_now().await;
        *self.0.lock().unwrap().at_once.get_mut(&job.mailbox).unwrap() -= 1;
        assert!(job.message_id != "<panic@x>", "a defect");
        answer.unwrap_or_else(|| Attempt::Finished(Outcome::new(Rule::UpdatedInPlace, "")))
    }

    fn at_once(&self) -> usize {
        self.0.lock().unwrap().together.max(1)
    }

    fn pressure(&self) -> Option<f64> {
        self.0.lock().unwrap().pressure
    }

    async fn attempt_together(&self, jobs: &[Job]) -> Vec<Option<Attempt>> {
        self.0.lock().unwrap().groups.push(jobs.iter().map(|job| job.message_id.clone()).collect());
        let mut ends = Vec::new();
        for job in jobs {
            let alone = self.0.lock().unwrap().alone.contains(&job.message_id);
            ends.push(if alone { None } else { Some(self.attempt(job).await) });
        }
        ends
    }
}

struct Scene {
    _folder: tempfile::TempDir,
    clock: Clock,
    queue: Queue,
    script: Script,
    settings: watch::Sender<Arc<InForce>>,
    activity: watch::Receiver<Activity>,
    stop: CancellationToken,
    dispatcher: tokio::task::JoinHandle<()>,
    number: u16,
}

fn in_force(enabled: bool) -> Arc<InForce> {
    let settings = Settings {
        enabled,
        connection: Some(Connection::manual("https://mail/EWS/Exchange.asmx")),
        account: Some(Account { user: "svc@x".into() }),
        ..Settings::default()
    };
    Arc::new(InForce { settings, password: None, version: String::new(), change: 0, servers: Arc::default() })
}

impl Scene {
    async fn new(enabled: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::manual(Timestamp::from_second(1_700_000_000).unwrap());
        let options = QueueOptions { max_message_bytes: 1 << 20, max_pages: None };
        let queue = Queue::open(folder.path(), clock.clone(), options).await.unwrap();
        let (settings, receiver) = watch::channel(in_force(enabled));
        let (sender, activity) = watch::channel(Activity::NotConfigured);
        let (script, stop) = (Script::default(), CancellationToken::new());
        let engine = script.clone();
        let make = move |_: &InForce| Ok(engine.clone());
        let dispatcher = Dispatcher::new(queue.clone(), receiver, sender, stop.clone(), make).with_random(|| 0.0);
        let dispatcher = tokio::spawn(dispatcher.run());
        Self { _folder: folder, clock, queue, script, settings, activity, stop, dispatcher, number: 0 }
    }

    fn will(&self, message_id: &str, answers: impl IntoIterator<Item = Attempt>) {
        self.script.0.lock().unwrap().answers.insert(message_id.into(), answers.into_iter().collect());
    }

    async fn accept(&mut self, message_id: &str, mailbox: &str) -> i64 {
        self.number += 1;
        let message = NewMessage {
            digest: std::array::from_fn(|at| self.number.to_be_bytes()[at % 2]),
            message_id: message_id.into(),
            mailbox: mailbox.into(),
            sender: mailbox.into(),
            subject: String::new(),
            source: Source::Api,
            outcome: None,
        };
        self.queue.accept(message, vec![1].into()).await.unwrap().id
    }

    /// Waits until the counts are these; they are reached without the clock moving, or not at all.
    async fn reaches(&self, counts: Counts) {
        let mut watch = self.queue.watch_counts();
        let reached = tokio::time::timeout(Duration::from_secs(10), watch.wait_for(|now| *now == counts)).await;
        assert!(reached.is_ok(), "the counts stay at {:?} and were to be {counts:?}", self.queue.counts());
    }

    /// Waits until that many attempts have been made in all, and their results are recorded.
    async fn attempted(&self, attempts: usize, counts: Counts) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
        while self.asked().len() < attempts {
            assert!(tokio::time::Instant::now() < deadline, "only {:?} were tried", self.asked());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.reaches(counts).await;
    }

    /// Waits until the queue has answered what the dispatcher asked because something came back. A claim that is under way
    /// when the clock jumps goes by the new time.
    async fn is_answered(&self) {
        // It answers in order; what is asked after the first of these is answered before the last.
        for _ in 0..4 {
            self.queue.renew(Vec::new()).await.unwrap();
        }
    }

    async fn shows(&self, wanted: impl Fn(&Activity) -> bool) {
        let mut watch = self.activity.clone();
        let reached = tokio::time::timeout(Duration::from_secs(10), watch.wait_for(wanted)).await;
        assert!(reached.is_ok(), "the activity stays at {:?}", *self.activity.borrow());
    }

    fn asked(&self) -> Vec<String> {
        self.script.0.lock().unwrap().asked.clone()
    }

    fn groups(&self) -> Vec<Vec<String>> {
        self.script.0.lock().unwrap().groups.clone()
    }
}

fn waiting(waiting: i64) -> Counts {
    Counts { waiting, ..Counts::default() }
}

fn hold() -> Attempt {
    Attempt::Hold { reason: "no connection".into() }
}

fn ids(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| format!("<{number}@x>")).collect()
}

/// U9
#[tokio::test]
async fn messages_of_one_mailbox_that_wait_are_worked_on_together_in_their_order() {
    let mut scene = Scene::new(false).await;
    scene.script.0.lock().unwrap().together = 5;
    for number in 0..12 {
        scene.accept(&format!("<{number}@x>"), "a@x").await;
    }
    scene.accept("<other@x>", "b@x").await;
    scene.settings.send_replace(in_force(true));
    scene.reaches(Counts { updated: 13, ..Counts::default() }).await;
    assert_eq!(scene.groups(), [ids(0..5), ids(5..10), ids(10..12)]);
}

/// U8, U9: each message of a group has its own end.
#[tokio::test]
async fn what_a_group_leaves_to_an_attempt_of_its_own_gets_one_and_the_others_are_done() {
    let mut scene = Scene::new(false).await;
    {
        let mut script = scene.script.0.lock().unwrap();
        script.together = 5;
        script.alone.insert("<2@x>".into());
    }
    scene.will("<1@x>", [Attempt::NotFoundYet { reason: "not yet".into() }]);
    scene.will("<3@x>", [Attempt::Error { reason: "an error".into() }]);
    for number in 0..5 {
        scene.accept(&format!("<{number}@x>"), "a@x").await;
    }
    scene.settings.send_replace(in_force(true));
    scene.attempted(5, Counts { waiting: 2, updated: 3, ..Counts::default() }).await;
    assert_eq!(scene.asked(), ["<0@x>", "<1@x>", "<3@x>", "<4@x>", "<2@x>"]);
    scene.clock.advance(Duration::from_secs(5));
    scene.reaches(Counts { updated: 5, ..Counts::default() }).await;
}

/// U10: a defect that one message of a group meets.
#[tokio::test]
async fn when_the_work_on_a_group_breaks_off_each_of_it_is_tried_by_itself() {
    let mut scene = Scene::new(false).await;
    scene.script.0.lock().unwrap().together = 5;
    for message_id in ["<0@x>", "<panic@x>", "<2@x>"] {
        scene.accept(message_id, "a@x").await;
    }
    scene.settings.send_replace(in_force(true));
    scene.reaches(Counts { waiting: 1, updated: 2, ..Counts::default() }).await;
}

/// U9
#[tokio::test]
async fn a_mailbox_that_is_throttled_in_the_middle_of_a_group_pauses_with_what_it_did_not_come_to() {
    let mut scene = Scene::new(false).await;
    scene.script.0.lock().unwrap().together = 4;
    let throttled = Attempt::Throttled { reason: "busy".into(), back_off: Some(Duration::from_secs(7)) };
    scene.will("<2@x>", [throttled.clone()]);
    scene.will("<3@x>", [throttled]);
    for number in 0..4 {
        scene.accept(&format!("<{number}@x>"), "a@x").await;
    }
    scene.settings.send_replace(in_force(true));
    scene.attempted(4, Counts { waiting: 2, updated: 2, ..Counts::default() }).await;
    scene.accept("<4@x>", "a@x").await;
    scene.accept("<5@x>", "b@x").await;
    scene.attempted(5, Counts { waiting: 3, updated: 3, ..Counts::default() }).await;
    assert_eq!(scene.asked()[4], "<5@x>");
    scene.clock.advance(Duration::from_secs(7));
    scene.reaches(Counts { updated: 6, ..Counts::default() }).await;
}

/// U9: hundreds of messages of one sender, and a few of others that came after them.
#[tokio::test]
async fn a_mailbox_with_hundreds_of_messages_does_not_delay_the_others() {
    let mut scene = Scene::new(false).await;
    for number in 0..400 {
        scene.accept(&format!("<{number}@x>"), "large@x").await;
    }
    for number in 400..410 {
        scene.accept(&format!("<{number}@x>"), &format!("{number}@x")).await;
    }
    scene.settings.send_replace(in_force(true));
    scene.reaches(Counts { updated: 410, ..Counts::default() }).await;
    let asked = scene.asked();
    let last = ids(400..410).iter().map(|id| asked.iter().position(|asked| asked == id).unwrap()).max().unwrap();
    // Before the large one has had its second turn.
    assert!(last <= 10, "the last of the others was no. {last}");
}

/// U9: a server that answers nobody of one mailbox, and one with hundreds of messages beside it.
#[tokio::test]
async fn beside_a_mailbox_that_hangs_and_one_with_hundreds_of_messages_a_new_message_is_next() {
    let mut scene = Scene::new(false).await;
    scene.script.0.lock().unwrap().blocked.insert("dead@x".into());
    for number in 0..50 {
        scene.accept(&format!("<d{number}@x>"), "dead@x").await;
    }
    for number in 0..300 {
        scene.accept(&format!("<{number}@x>"), "large@x").await;
    }
    scene.settings.send_replace(in_force(true));
    scene.accept("<new@x>", "new@x").await;
    let mut watch = scene.queue.watch_counts();
    tokio::time::timeout(Duration::from_secs(20), watch.wait_for(|now| now.updated == 301)).await.unwrap().unwrap();
    assert_eq!(scene.script.0.lock().unwrap().most_at_once["dead@x"], 4);
    assert_eq!(scene.script.0.lock().unwrap().most_at_once["large@x"], 4);
}

/// U8: a claim that was under way when the clock jumped takes leases for expired that are not.
#[tokio::test]
async fn a_message_at_work_is_not_begun_a_second_time_when_its_lease_seems_to_have_run_out() {
    let mut scene = Scene::new(true).await;
    scene.stop.cancel();
    scene.script.0.lock().unwrap().blocked.insert("a@x".into());
    (&mut scene.dispatcher).await.unwrap();
    scene.accept("<1@x>", "a@x").await;
    let (settings, script) = (in_force(true), scene.script.clone());
    let make = move |_: &InForce| Ok(script.clone());
    let (activity, stop) = (watch::channel(Activity::NotConfigured).0, CancellationToken::new());
    let mut dispatcher = Dispatcher::new(scene.queue.clone(), watch::channel(settings.clone()).1, activity, stop, make);
    dispatcher.configure();
    for begun in [1, 1] {
        dispatcher.look = true;
        dispatcher.ask(&settings.settings);
        let answer = answered(&mut dispatcher.turn).await;
        assert_eq!(answer.as_ref().unwrap().groups.len(), 1, "the queue hands it out");
        dispatcher.answered(answer);
        dispatcher.start(&settings.settings);
        assert_eq!((dispatcher.working.len(), dispatcher.board.leased().len()), (begun, 1));
        scene.clock.advance(LEASE + Duration::from_secs(1));
    }
}

/// U8, X5: an updater that stood still for longer than its leases last; meanwhile another may have taken over.
#[tokio::test]
async fn what_is_leased_no_longer_is_not_begun() {
    let mut scene = Scene::new(true).await;
    scene.stop.cancel();
    (&mut scene.dispatcher).await.unwrap();
    let mut ids = Vec::new();
    for number in 1..=3 {
        ids.push(scene.accept(&format!("<{number}@x>"), "a@x").await);
    }
    let (settings, script) = (in_force(true), scene.script.clone());
    script.0.lock().unwrap().together = 3;
    let make = move |_: &InForce| Ok(script.clone());
    let (activity, stop) = (watch::channel(Activity::NotConfigured).0, CancellationToken::new());
    let mut dispatcher = Dispatcher::new(scene.queue.clone(), watch::channel(settings.clone()).1, activity, stop, make);
    dispatcher.configure();
    dispatcher.ask(&settings.settings);
    let answer = answered(&mut dispatcher.turn).await;
    dispatcher.answered(answer);
    assert_eq!(dispatcher.board.leased(), ids);
    // Whoever took it over has finished it.
    let conclusion = Conclusion::Finished(Outcome::new(Rule::UpdatedInPlace, ""));
    scene.queue.turn(vec![Concluded { id: ids[1], conclusion }], None).await.unwrap();
    dispatcher.notice_a_clock_that_was_set().await;
    dispatcher.renew().await;
    assert_eq!(dispatcher.board.leased(), ids, "it is not time to renew");
    // While this computer slept, no time passed by a clock that hears it from a database.
    dispatcher.seen.of_machine -= 2 * i64::try_from(LEASE.as_millis()).unwrap();
    dispatcher.notice_a_clock_that_was_set().await;
    dispatcher.renew().await;
    assert_eq!(dispatcher.board.leased(), [ids[0], ids[2]]);
    // A process that was stopped and goes on.
    let conclusion = Conclusion::Finished(Outcome::new(Rule::UpdatedInPlace, ""));
    scene.queue.turn(vec![Concluded { id: ids[0], conclusion }], None).await.unwrap();
    scene.clock.advance(LEASE + Duration::from_secs(1));
    dispatcher.renew().await;
    assert_eq!(dispatcher.board.leased(), [ids[2]]);
    assert_eq!(dispatcher.board.by_mailbox(), HashMap::from([("a@x".into(), 1)]));
}

/// U10: a clock that is set forward by a year does not make a message old, and one that is set back does not make it
/// wait for a year.
#[tokio::test]
async fn what_waits_goes_with_a_clock_that_is_set() {
    let year = SignedDuration::from_hours(365 * 24);
    for by in [year, -year] {
        let mut scene = Scene::new(true).await;
        scene.will("<1@x>", [Attempt::NotFoundYet { reason: "not there yet".into() }]);
        let busy = Attempt::Throttled { reason: "busy".into(), back_off: Some(Duration::from_secs(30)) };
        scene.will("<2@x>", [busy]);
        scene.accept("<1@x>", "a@x").await;
        scene.accept("<2@x>", "b@x").await;
        scene.attempted(2, waiting(2)).await;
        scene.is_answered().await;
        scene.clock.set_forward(by);
        // One that comes in before it is noticed.
        scene.accept("<3@x>", "c@x").await;
        scene.attempted(3, Counts { waiting: 2, updated: 1, ..Counts::default() }).await;
        scene.clock.advance(Duration::from_secs(2));
        scene.attempted(4, Counts { waiting: 1, updated: 2, ..Counts::default() }).await;
        scene.clock.advance(Duration::from_secs(28));
        scene.reaches(Counts { updated: 3, ..Counts::default() }).await;
        assert_eq!(scene.asked(), ["<1@x>", "<2@x>", "<3@x>", "<1@x>", "<2@x>"], "{by}");
    }
}

/// S3
#[tokio::test]
async fn a_message_whose_scope_is_not_known_waits_without_a_try_until_it_is_known() {
    let mut scene = Scene::new(true).await;
    let unknown = || Attempt::ScopeUnknown { reason: "not known yet".into() };
    scene.will("<1@x>", [unknown(), unknown()]);
    let id = scene.accept("<1@x>", "a@x").await;
    scene.attempted(1, waiting(1)).await;
    assert_eq!(scene.queue.get(id).await.unwrap().tries, 0);
    assert_eq!(scene.queue.scope_known().await.unwrap(), 1);
    scene.attempted(2, waiting(1)).await;
    // Nobody says so: it is looked at again all the same.
    scene.clock.advance(Duration::from_secs(600));
    scene.reaches(Counts { updated: 1, ..Counts::default() }).await;
}

/// U3
#[tokio::test]
async fn a_copy_that_is_stored_later_is_found_at_a_later_look() {
    let mut scene = Scene::new(true).await;
    let not_yet = || Attempt::NotFoundYet { reason: "not there yet".into() };
    scene.will("<1@x>", [not_yet(), not_yet()]);
    scene.accept("<1@x>", "a@x").await;
    for (pause, looks) in [(2, 1), (3, 2)] {
        scene.attempted(looks, waiting(1)).await;
        scene.clock.advance(Duration::from_secs(pause));
    }
    scene.reaches(Counts { updated: 1, ..Counts::default() }).await;
    assert_eq!(scene.asked().len(), 3);
}

/// U3, U10
#[tokio::test]
async fn a_copy_that_never_appears_ends_as_failed_with_the_reason() {
    let mut scene = Scene::new(true).await;
    scene.will("<1@x>", std::iter::repeat_n(Attempt::NotFoundYet { reason: "not in Sent Items".into() }, 500));
    let id = scene.accept("<1@x>", "a@x").await;
    while scene.queue.counts().failed == 0 {
        scene.clock.advance(Duration::from_secs(600));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let end = scene.queue.get(id).await.unwrap();
    assert_eq!(end.rule, Some(Rule::NotFound));
    assert!(end.reason.starts_with("not in Sent Items; given up after 24h"), "{}", end.reason);
    assert!(end.finished_at.unwrap() - end.accepted_at < (24 * 3600 + 7200) * 1000);
    // U4: it may have been moved.
    let inner = scene.script.0.lock().unwrap();
    let last = inner.asked.len() - 1;
    assert_eq!(inner.elsewhere, [3, 7, 15, 31, last].into_iter().filter(|look| *look <= last).collect::<Vec<_>>());
}

/// U4: its time may run out during a look into Sent Items.
#[tokio::test]
async fn nothing_is_given_up_before_all_folders_were_looked_into() {
    let mut scene = Scene::new(false).await;
    let mut short = InForce::clone(&in_force(true));
    short.settings.schedule.not_found_pauses = vec![40];
    short.settings.schedule.give_up_after = 60;
    scene.script.0.lock().unwrap().blocked.insert("a@x".into());
    scene.will("<1@x>", std::iter::repeat_n(Attempt::NotFoundYet { reason: "not there".into() }, 9));
    scene.accept("<1@x>", "a@x").await;
    scene.settings.send_replace(Arc::new(short));
    scene.attempted(1, Counts { working: 1, ..Counts::default() }).await;
    scene.clock.advance(Duration::from_secs(61));
    scene.script.0.lock().unwrap().blocked.clear();
    scene.reaches(Counts { failed: 1, ..Counts::default() }).await;
    assert_eq!((scene.asked().len(), scene.script.0.lock().unwrap().elsewhere.clone()), (2, vec![1]));
}

/// T3
#[tokio::test]
async fn while_switched_off_messages_are_kept_and_worked_on_when_it_is_switched_on() {
    let mut scene = Scene::new(false).await;
    scene.accept("<1@x>", "a@x").await;
    scene.shows(|activity| *activity == Activity::Off).await;
    assert_eq!((scene.queue.counts(), scene.asked().len()), (waiting(1), 0));
    scene.settings.send_replace(in_force(true));
    scene.reaches(Counts { updated: 1, ..Counts::default() }).await;
    scene.shows(|activity| *activity == Activity::On).await;
}

/// U9
#[tokio::test]
async fn a_server_that_is_away_costs_no_message_a_try_and_is_probed_by_one_at_a_time() {
    let mut scene = Scene::new(false).await;
    for number in 0..20 {
        let message_id = format!("<{number}@x>");
        scene.will(&message_id, [hold(), hold()]);
        scene.accept(&message_id, &format!("{number}@x")).await;
    }
    scene.settings.send_replace(in_force(true));
    scene.shows(|activity| matches!(activity, Activity::Held { reason, .. } if reason == "no connection")).await;
    scene.attempted(1, waiting(20)).await;
    let at_first = scene.asked().len();
    assert!(at_first <= 8, "{at_first} messages were tried at once");
    scene.clock.advance(Duration::from_secs(2));
    scene.attempted(at_first + 1, waiting(20)).await;
    assert_eq!(scene.asked().len(), at_first + 1, "one probe");
    // The server is back.
    scene.script.0.lock().unwrap().answers.clear();
    scene.clock.advance(Duration::from_secs(5));
    scene.reaches(Counts { updated: 20, ..Counts::default() }).await;
    scene.shows(|activity| *activity == Activity::On).await;
}

/// U9
#[tokio::test]
async fn a_throttled_mailbox_is_left_alone_for_as_long_as_asked_and_the_others_go_on() {
    let mut scene = Scene::new(true).await;
    let throttled = Attempt::Throttled { reason: "busy".into(), back_off: Some(Duration::from_secs(7)) };
    scene.will("<1@x>", [throttled]);
    scene.accept("<1@x>", "slow@x").await;
    scene.attempted(1, waiting(1)).await;
    scene.accept("<2@x>", "slow@x").await;
    scene.accept("<3@x>", "fast@x").await;
    scene.attempted(2, Counts { waiting: 2, updated: 1, ..Counts::default() }).await;
    assert_eq!(scene.asked(), ["<1@x>", "<3@x>"]);
    scene.clock.advance(Duration::from_secs(7));
    scene.reaches(Counts { updated: 3, ..Counts::default() }).await;
}

/// U9: that the server asks several mailboxes to be left alone is no longer their own trouble.
#[tokio::test]
async fn when_several_mailboxes_are_throttled_fewer_are_worked_on_at_once() {
    let mut scene = Scene::new(true).await;
    for number in 0..3 {
        let throttled = Attempt::Throttled { reason: "busy".into(), back_off: Some(Duration::from_secs(60)) };
        scene.will(&format!("<{number}@x>"), [throttled]);
        scene.accept(&format!("<{number}@x>"), &format!("{number}@x")).await;
    }
    scene.attempted(3, waiting(3)).await;
    for number in 10..30 {
        scene.script.0.lock().unwrap().blocked.insert(format!("{number}@x"));
        scene.accept(&format!("<{number}@x>"), &format!("{number}@x")).await;
    }
    let working = |now: &Counts| now.working >= 4;
    let mut watch = scene.queue.watch_counts();
    tokio::time::timeout(Duration::from_secs(10), watch.wait_for(working)).await.unwrap().unwrap();
    // What is asked of the engine beyond that would have been asked by now.
    scene.clock.advance(Duration::from_secs(1));
    scene.queue.turn(Vec::new(), None).await.unwrap();
    assert_eq!(scene.asked().len(), 3 + 4, "half of the eight places");
}

/// U10: who is full or being moved is not asked every few seconds.
#[tokio::test]
async fn trouble_that_lasts_is_looked_at_less_often_than_trouble_that_passes() {
    let mut scene = Scene::new(true).await;
    scene.will("<1@x>", [Attempt::Error { reason: "dropped".into() }]);
    scene.will("<2@x>", [Attempt::LastingError { reason: "full".into() }]);
    scene.accept("<1@x>", "a@x").await;
    scene.accept("<2@x>", "b@x").await;
    scene.attempted(2, waiting(2)).await;
    scene.clock.advance(Duration::from_secs(5));
    scene.reaches(Counts { waiting: 1, updated: 1, ..Counts::default() }).await;
    scene.clock.advance(Duration::from_secs(55));
    scene.reaches(Counts { updated: 2, ..Counts::default() }).await;
}

/// U9
#[tokio::test]
async fn a_mailbox_that_hangs_holds_up_nobody_else() {
    let mut scene = Scene::new(false).await;
    scene.script.0.lock().unwrap().blocked.insert("slow@x".into());
    for number in 0..30 {
        scene.accept(&format!("<s{number}@x>"), "slow@x").await;
    }
    for number in 0..30 {
        scene.accept(&format!("<f{number}@x>"), &format!("fast{number}@x")).await;
    }
    scene.settings.send_replace(in_force(true));
    let mut watch = scene.queue.watch_counts();
    tokio::time::timeout(Duration::from_secs(10), watch.wait_for(|now| now.updated == 30)).await.unwrap().unwrap();
    assert_eq!(scene.script.0.lock().unwrap().most_at_once["slow@x"], 4);
}

/// U9
#[tokio::test]
async fn one_mailbox_that_denies_impersonation_is_its_own_trouble_and_three_are_everybodys() {
    let mut scene = Scene::new(true).await;
    let denied = || Attempt::Denied { reason: "no right".into() };
    scene.will("<1@x>", [denied()]);
    scene.accept("<1@x>", "1@x").await;
    scene.attempted(1, waiting(1)).await;
    assert_eq!(*scene.activity.borrow(), Activity::On);
    scene.accept("<ok@x>", "ok@x").await;
    scene.reaches(Counts { waiting: 1, updated: 1, ..Counts::default() }).await;
    for number in 2..=4 {
        let message_id = format!("<{number}@x>");
        scene.will(&message_id, [denied()]);
        scene.accept(&message_id, &format!("{number}@x")).await;
    }
    scene.shows(|activity| matches!(activity, Activity::Held { .. })).await;
}

#[tokio::test]
async fn a_defect_met_by_one_message_does_not_take_the_others_down() {
    let mut scene = Scene::new(true).await;
    scene.accept("<panic@x>", "a@x").await;
    scene.attempted(1, waiting(1)).await;
    scene.accept("<2@x>", "a@x").await;
    scene.reaches(Counts { waiting: 1, updated: 1, ..Counts::default() }).await;
}

/// U10
#[tokio::test]
async fn a_defect_is_not_met_for_ever() {
    let mut scene = Scene::new(true).await;
    let id = scene.accept("<panic@x>", "a@x").await;
    while scene.queue.counts().failed == 0 {
        scene.clock.advance(Duration::from_secs(3600));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let end = scene.queue.get(id).await.unwrap();
    assert_eq!(end.rule, Some(Rule::GaveUp));
    assert!(end.reason.starts_with("an internal error; see the log; given up after"), "{}", end.reason);
}

/// U9: only the server itself can show that it is back.
#[tokio::test]
async fn what_needs_no_server_does_not_end_a_hold() {
    let mut scene = Scene::new(true).await;
    scene.will("<1@x>", [hold(), hold(), hold()]);
    scene.will("<2@x>", [Attempt::Finished(Outcome::new(Rule::SmimeSigned, "signed"))]);
    scene.accept("<1@x>", "a@x").await;
    scene.attempted(1, waiting(1)).await;
    scene.accept("<2@x>", "b@x").await;
    scene.clock.advance(Duration::from_secs(2));
    scene.attempted(2, waiting(2)).await;
    scene.clock.advance(Duration::from_secs(5));
    scene.attempted(4, Counts { waiting: 1, skipped: 1, ..Counts::default() }).await;
    // The third pause in a row: the hold went on.
    let third = scene.clock.now() + Duration::from_secs(15);
    scene.shows(|activity| matches!(activity, Activity::Held { until, .. } if *until == third)).await;
    scene.clock.advance(Duration::from_secs(15));
    scene.shows(|activity| *activity == Activity::On).await;
}

/// U8
#[tokio::test]
async fn a_stop_waits_for_work_within_its_bound_and_leaves_the_rest_queued() {
    let mut scene = Scene::new(true).await;
    let mut quick = in_force(true).as_ref().clone();
    quick.settings.limits.stop_within = 0;
    scene.settings.send_replace(Arc::new(quick));
    scene.script.0.lock().unwrap().blocked.insert("slow@x".into());
    for number in 0..10 {
        scene.accept(&format!("<{number}@x>"), "slow@x").await;
    }
    while scene.asked().len() < 4 {
        tokio::task::yield_now().await;
    }
    scene.stop.cancel();
    tokio::time::timeout(Duration::from_secs(10), &mut scene.dispatcher).await.unwrap().unwrap();
    assert_eq!(scene.queue.counts(), Counts { waiting: 6, working: 4, ..Counts::default() });
}
