use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::*;
use crate::settings::{EntryKind, Settings};
use crate::updater::clock::Clock;

/// A directory that says what a test tells it to.
#[derive(Default)]
struct Fake {
    answers: Mutex<HashMap<Uuid, Answer>>,
    /// It can't be asked at all.
    down: Mutex<Option<String>>,
    /// What it can't be asked for is that it does not accept the account.
    refuses: Mutex<bool>,
    /// It never answers.
    hangs: Mutex<bool>,
    asked: watch::Sender<usize>,
}

impl Membership for Fake {
    fn look_up<'a>(&'a self, entries: &'a [ScopeEntry]) -> BoxFuture<'a, Result<Vec<Answer>, Outage>> {
        async move {
            self.asked.send_modify(|asked| *asked += 1);
            if *self.hangs.lock().unwrap() {
                std::future::pending::<()>().await;
            }
            if let Some(why) = &*self.down.lock().unwrap() {
                return Err(Outage { why: why.clone(), refused: *self.refuses.lock().unwrap() });
            }
            let answers = self.answers.lock().unwrap();
            Ok(entries.iter().map(|entry| answers.get(&entry.id).cloned().unwrap_or(Answer::Gone)).collect())
        }
        .boxed()
    }
}

impl Fake {
    fn says(&self, id: u128, name: &str, addresses: &[&str]) {
        let addresses: Vec<SmtpAddress> = addresses.iter().map(|address| address.parse().unwrap()).collect();
        let answer = Answer::Found { name: name.to_owned(), members: addresses.len() as u64, addresses };
        self.answers.lock().unwrap().insert(Uuid::from_u128(id), answer);
    }

    fn fails(&self, id: u128, why: &str) {
        self.answers.lock().unwrap().insert(Uuid::from_u128(id), Answer::Failed(why.to_owned()));
    }

    fn forgets(&self, id: u128) {
        self.answers.lock().unwrap().remove(&Uuid::from_u128(id));
    }

    fn is_down(&self, why: Option<&str>) {
        *self.down.lock().unwrap() = why.map(str::to_owned);
    }
}

fn entry(id: u128, name: &str) -> ScopeEntry {
    ScopeEntry {
        id: Uuid::from_u128(id),
        kind: EntryKind::Group,
        name: name.to_owned(),
        domain: "nordwind.example".to_owned(),
        address: None,
    }
}

fn scope(mode: ScopeMode, entries: &[ScopeEntry]) -> SendersScope {
    SendersScope { mode, entries: entries.to_vec(), ..SendersScope::default() }
}

fn in_force(change: u64, scope: SendersScope) -> Arc<InForce> {
    let settings = Settings { scope, ..Settings::default() };
    Arc::new(InForce { settings, password: None, version: String::new(), change, servers: Arc::default() })
}

/// A keeper at work on a data folder, with a clock that stands still.
struct Scene {
    folder: tempfile::TempDir,
    clock: Clock,
    directory: Arc<Fake>,
    scope: Scope,
    settings: watch::Sender<Arc<InForce>>,
    stop: CancellationToken,
    keeper: tokio::task::JoinHandle<()>,
}

impl Scene {
    fn new(scope: SendersScope) -> Self {
        let clock = Clock::manual(Timestamp::from_second(1_700_000_000).unwrap());
        Self::on(tempfile::tempdir().unwrap(), clock, Arc::default(), scope)
    }

    fn on(folder: tempfile::TempDir, clock: Clock, directory: Arc<Fake>, scope: SendersScope) -> Self {
        let (settings, receiver) = watch::channel(in_force(0, scope));
        let (scope, stop) = (Scope::open(folder.path()), CancellationToken::new());
        scope.adopt(&receiver.borrow());
        let of_keeper = directory.clone();
        let connect = Arc::new(move |_: &InForce| Ok(of_keeper.clone() as Arc<dyn Membership>));
        let keeper = Keeper::new(scope.clone(), clock.clone(), receiver, stop.clone(), connect).with_random(|| 0.0);
        let keeper = tokio::spawn(keeper.run());
        Self { folder, clock, directory, scope, settings, stop, keeper }
    }

    /// Ends the updater, in order, and starts another one on its folder.
    async fn restarted(self) -> Self {
        let scope = self.settings.borrow().settings.scope.clone();
        self.stop.cancel();
        self.keeper.await.unwrap();
        Self::on(self.folder, self.clock, self.directory, scope)
    }

    fn set(&self, scope: SendersScope) {
        let change = self.settings.borrow().change + 1;
        let now = in_force(change, scope);
        // As an engine of the new settings does.
        self.scope.adopt(&now);
        self.settings.send_replace(now);
    }

    /// Waits until that holds; it comes about without the clock moving, or not at all.
    async fn until(&self, what: &str, holds: impl Fn(&ScopeReport) -> bool) -> ScopeReport {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
        loop {
            let report = self.scope.report();
            if holds(&report) {
                return report;
            }
            assert!(tokio::time::Instant::now() < deadline, "{what}: it stays at {report:?}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Waits until a refresh has ended and the next one is planned.
    async fn refreshed(&self) -> ScopeReport {
        let now = self.clock.now_ms();
        self.until("no refresh ended", |report| report.summary.next_refresh_at.is_some_and(|next| next > now)).await
    }

    /// Lets the time of the next refresh come.
    async fn next(&self) -> ScopeReport {
        let next = self.refreshed().await.summary.next_refresh_at.unwrap();
        let asked = *self.directory.asked.borrow();
        self.clock.advance(Duration::from_millis((next - self.clock.now_ms()).unsigned_abs()));
        let mut watch = self.directory.asked.subscribe();
        let waited = tokio::time::timeout(Duration::from_secs(10), watch.wait_for(|now| *now > asked)).await;
        assert!(waited.is_ok(), "the directory was not asked again");
        self.refreshed().await
    }

    fn ask(&self, sender: &str) -> InScope {
        self.scope.contains(&sender.parse().unwrap())
    }

    fn waits(&self, sender: &str) -> String {
        match self.ask(sender) {
            InScope::Unknown(reason) => reason.to_string(),
            other => panic!("{sender}: {other:?}"),
        }
    }
}

fn only(entries: &[ScopeEntry]) -> SendersScope {
    scope(ScopeMode::OnlyListed, entries)
}

fn all_except(entries: &[ScopeEntry]) -> SendersScope {
    scope(ScopeMode::AllExceptListed, entries)
}

/// S1
#[test]
fn each_mode_means_what_its_name_says() {
    let ask = |mode, sender: &str| {
        let list = vec!["anna@NORDWIND.example".parse().unwrap()];
        let scope = SendersScope { mode, list, ..SendersScope::default() };
        Scope::of(&in_force(0, scope)).contains(&sender.parse().unwrap())
    };
    let (anna, ben) = ("Anna@nordwind.example", "ben@nordwind.example");
    assert_eq!(ask(ScopeMode::AllMailboxes, ben), InScope::Yes);
    assert_eq!((ask(ScopeMode::OnlyListed, anna), ask(ScopeMode::OnlyListed, ben)), (InScope::Yes, InScope::No));
    assert_eq!(
        (ask(ScopeMode::AllExceptListed, anna), ask(ScopeMode::AllExceptListed, ben)),
        (InScope::No, InScope::Yes)
    );
}

/// S3
#[tokio::test]
async fn whoever_waits_is_told_once_it_is_known_and_not_before() {
    let directory = Arc::new(Fake::default());
    directory.is_down(Some("no domain controller answers"));
    let clock = Clock::manual(Timestamp::from_second(1_700_000_000).unwrap());
    let scene = Scene::on(tempfile::tempdir().unwrap(), clock, directory, only(&[entry(1, "Sales")]));
    let mut resolved = scene.scope.watch_resolved();
    scene.refreshed().await;
    scene.next().await;
    assert!(!resolved.has_changed().unwrap());
    scene.directory.is_down(None);
    scene.directory.says(1, "Sales", &["anna@x"]);
    scene.next().await;
    assert!(resolved.has_changed().unwrap());
    resolved.mark_unchanged();
    scene.next().await;
    assert!(!resolved.has_changed().unwrap(), "nobody waited any more");
}

/// S3
#[tokio::test]
async fn an_outage_at_the_first_start_makes_everybody_wait_whom_it_may_concern() {
    let directory = Arc::new(Fake::default());
    directory.is_down(Some("no domain controller answers"));
    let clock = Clock::manual(Timestamp::from_second(1_700_000_000).unwrap());
    let listed = SendersScope { list: vec!["carl@x".parse().unwrap()], ..all_except(&[entry(1, "Sales")]) };
    let scene = Scene::on(tempfile::tempdir().unwrap(), clock, directory, listed.clone());
    let report = scene.refreshed().await;
    assert_eq!((report.summary.unresolved, report.summary.problem.is_some()), (1, true));
    // Sales are to be left alone, and anybody may be in Sales.
    let reason = scene.waits("anna@x");
    assert!(reason.contains("Sales") && reason.contains("no domain controller answers"), "{reason}");
    // Whom it can't concern does not wait.
    assert_eq!(scene.ask("carl@x"), InScope::No);
    assert!(scene.scope.notices()[0].contains("Messages that it may concern wait"), "{:?}", scene.scope.notices());

    scene.set(SendersScope { mode: ScopeMode::OnlyListed, ..listed.clone() });
    scene.refreshed().await;
    assert_eq!(scene.ask("carl@x"), InScope::Yes);
    scene.waits("anna@x");

    // In the mode that needs no list nobody waits.
    scene.set(SendersScope { mode: ScopeMode::AllMailboxes, ..listed });
    scene.until("the settings are not taken over", |report| report.summary.mode == ScopeMode::AllMailboxes).await;
    assert_eq!((scene.ask("anna@x"), scene.scope.notices().len()), (InScope::Yes, 0));
}

/// S3
#[tokio::test]
async fn after_an_outage_those_who_waited_are_decided_within_seconds() {
    let scene = Scene::new(only(&[entry(1, "Sales")]));
    scene.directory.is_down(Some("no domain controller answers"));
    scene.refreshed().await;
    scene.next().await;
    scene.directory.is_down(None);
    scene.directory.says(1, "Sales", &["anna@x"]);
    let began = scene.clock.now_ms();
    scene.next().await;
    assert!(scene.clock.now_ms() - began <= 60_000);
    assert_eq!((scene.ask("anna@x"), scene.ask("ben@x")), (InScope::Yes, InScope::No));
    assert!(scene.scope.notices().is_empty(), "{:?}", scene.scope.notices());
}

/// S3
#[tokio::test]
async fn the_last_known_membership_stays_in_force_through_an_outage_and_a_restart_and_is_said_to_be_old() {
    let scene = Scene::new(all_except(&[entry(1, "Sales"), entry(2, "Board")]));
    scene.directory.says(1, "Sales", &["anna@x", "anna.old@x"]);
    scene.directory.says(2, "Board", &["berta@x"]);
    scene.refreshed().await;
    let known_at = scene.clock.now_ms();
    let decided = |scene: &Scene| {
        assert_eq!(
            (scene.ask("ANNA.OLD@X"), scene.ask("berta@x"), scene.ask("ben@x")),
            (InScope::No, InScope::No, InScope::Yes)
        );
    };
    decided(&scene);
    scene.directory.is_down(Some("no domain controller answers"));
    let report = scene.next().await;
    decided(&scene);
    assert_eq!((report.summary.stale, report.summary.resolved), (2, 0));
    let EntryState::Stale { members: 2, since, reason } = &report.entries[0].state else { panic!("{report:?}") };
    assert_eq!((*since, reason.as_str()), (known_at, "no domain controller answers"));
    let notice = &scene.scope.notices()[0];
    assert!(notice.contains("last known membership stays in force (2 entries, known since 2023-11-14"), "{notice}");

    scene.clock.advance(Duration::from_hours(72));
    let scene = scene.restarted().await;
    decided(&scene);
    scene.refreshed().await;
    decided(&scene);
    assert!(matches!(scene.scope.report().entries[1].state, EntryState::Stale { since, .. } if since == known_at));
}

/// S3
#[tokio::test]
async fn a_change_of_membership_takes_effect_within_the_refresh_interval() {
    let scene = Scene::new(SendersScope { refresh_every: 120, ..only(&[entry(1, "Sales")]) });
    scene.directory.says(1, "Sales", &["anna@x"]);
    scene.refreshed().await;
    scene.directory.says(1, "Sales", &["ben@x"]);
    assert_eq!((scene.ask("anna@x"), scene.ask("ben@x")), (InScope::Yes, InScope::No));
    let began = scene.clock.now_ms();
    scene.next().await;
    assert!(scene.clock.now_ms() - began <= 120_000);
    assert_eq!((scene.ask("anna@x"), scene.ask("ben@x")), (InScope::No, InScope::Yes));
}

/// S3
#[tokio::test]
async fn a_group_that_can_not_be_looked_up_keeps_its_members_while_the_others_are_fresh() {
    let scene = Scene::new(only(&[entry(1, "Sales"), entry(2, "Board")]));
    scene.directory.says(1, "Sales", &["anna@x"]);
    scene.directory.says(2, "Board", &["berta@x"]);
    scene.refreshed().await;
    scene.directory.fails(1, "the domain lab.example does not answer");
    scene.directory.says(2, "Board", &["bodo@x"]);
    let report = scene.next().await;
    assert!(matches!(&report.entries[0].state, EntryState::Stale { reason, .. } if reason.contains("lab.example")));
    assert!(matches!(report.entries[1].state, EntryState::Resolved { members: 1, .. }));
    assert_eq!((scene.ask("anna@x"), scene.ask("bodo@x")), (InScope::Yes, InScope::Yes));
    assert_eq!(scene.ask("berta@x"), InScope::No);
    assert!(scene.scope.notices()[0].contains("lab.example"), "{:?}", scene.scope.notices());
}

/// S4
#[tokio::test]
async fn what_no_longer_exists_is_shown_as_such_and_widens_nothing() {
    let scene = Scene::new(only(&[entry(1, "Sales"), entry(2, "Board")]));
    scene.directory.says(1, "Sales", &["anna@x"]);
    scene.directory.says(2, "Board", &["berta@x"]);
    scene.refreshed().await;
    scene.directory.forgets(1);
    let report = scene.next().await;
    let since = scene.clock.now_ms();
    assert_eq!(report.entries[0].state, EntryState::Gone { since });
    assert_eq!((scene.ask("anna@x"), scene.ask("berta@x")), (InScope::No, InScope::Yes));
    assert!(scene.scope.notices()[0].contains("One entry of the senders' scope no longer exists"));
    // Those who were to be left alone stay so.
    scene.set(all_except(&[entry(1, "Sales"), entry(2, "Board")]));
    scene.refreshed().await;
    assert_eq!((scene.ask("anna@x"), scene.ask("ben@x")), (InScope::No, InScope::Yes));
    // And the age of that is known after a restart.
    let scene = scene.restarted().await;
    let report = scene.next().await;
    assert_eq!(report.entries[0].state, EntryState::Gone { since });
    // It may come back: from a backup, or because the account may read it again.
    scene.directory.says(1, "Sales", &["anna@x"]);
    assert!(matches!(scene.next().await.entries[0].state, EntryState::Resolved { .. }));
}

/// S3, S4
#[tokio::test]
async fn that_everything_is_gone_at_once_is_not_believed() {
    let scene = Scene::new(only(&[entry(1, "Sales"), entry(2, "Board")]));
    scene.directory.says(1, "Sales", &["anna@x"]);
    scene.directory.says(2, "Board", &["berta@x"]);
    scene.refreshed().await;
    scene.directory.forgets(1);
    scene.directory.forgets(2);
    let report = scene.next().await;
    assert_eq!((report.summary.stale, report.summary.gone), (2, 0));
    assert_eq!(scene.ask("anna@x"), InScope::Yes);
    assert!(scene.scope.notices()[0].contains("right domain"), "{:?}", scene.scope.notices());
}

/// S4
#[tokio::test]
async fn an_entry_that_was_renamed_is_shown_with_its_new_name_and_the_old_one() {
    let scene = Scene::new(only(&[entry(1, "Sales")]));
    scene.directory.says(1, "Sales", &["anna@x"]);
    let report = scene.refreshed().await;
    assert_eq!((report.entries[0].name.as_str(), &report.entries[0].was), ("Sales", &None));
    scene.directory.says(1, "Sales & Marketing", &["anna@x"]);
    let report = scene.next().await;
    assert_eq!(report.entries[0].name, "Sales & Marketing");
    assert_eq!(report.entries[0].was.as_deref(), Some("Sales"));
}

/// S3
#[tokio::test]
async fn a_change_of_the_settings_in_the_middle_of_a_refresh_counts_at_once() {
    let scene = Scene::new(only(&[entry(1, "Sales")]));
    scene.directory.says(1, "Sales", &["anna@x"]);
    scene.directory.says(2, "Board", &["berta@x"]);
    scene.refreshed().await;
    *scene.directory.hangs.lock().unwrap() = true;
    let next = scene.refreshed().await.summary.next_refresh_at.unwrap();
    scene.clock.advance(Duration::from_millis((next - scene.clock.now_ms()).unsigned_abs()));
    let mut asked = scene.directory.asked.subscribe();
    asked.wait_for(|asked| *asked == 2).await.unwrap();
    *scene.directory.hangs.lock().unwrap() = false;
    scene.set(only(&[entry(2, "Board")]));
    let report = scene.until("it is not asked anew", |report| report.summary.resolved == 1).await;
    assert_eq!(report.entries.len(), 1);
    assert_eq!((scene.ask("anna@x"), scene.ask("berta@x")), (InScope::No, InScope::Yes));
}

/// S3
#[test]
fn what_was_asked_for_older_settings_changes_nothing() {
    let entries = [entry(1, "Sales")];
    let scope = Scope::of(&in_force(4, only(&entries)));
    scope.adopt(&in_force(5, only(&[entry(2, "Board")])));
    // An engine of older settings that is made late.
    scope.adopt(&in_force(4, only(&entries)));
    let addresses = vec!["anna@x".parse().unwrap()];
    let answers = vec![Answer::Found { name: "Sales".into(), members: 1, addresses }];
    assert_eq!(scope.learn(4, &entries, answers, None, 0), None);
    assert!(matches!(scope.contains(&"anna@x".parse().unwrap()), InScope::Unknown(_)));
    assert_eq!(scope.report().entries[0].name, "Board");
}

/// S3
#[tokio::test]
async fn a_directory_that_never_answers_is_left_after_a_while_and_asked_again() {
    let scene = Scene::new(only(&[entry(1, "Sales")]));
    *scene.directory.hangs.lock().unwrap() = true;
    let mut asked = scene.directory.asked.subscribe();
    asked.wait_for(|asked| *asked >= 1).await.unwrap();
    scene.clock.advance(Duration::from_secs(120));
    let report = scene.refreshed().await;
    assert_eq!(report.summary.problem.as_deref(), Some("the directory gave no answer within 120 seconds"));
    *scene.directory.hangs.lock().unwrap() = false;
    scene.directory.says(1, "Sales", &["anna@x"]);
    scene.next().await;
    assert_eq!(scene.ask("anna@x"), InScope::Yes);
}

/// S3
#[tokio::test]
async fn an_account_that_is_not_accepted_is_not_tried_again_and_again_which_would_lock_it() {
    let scene = Scene::new(only(&[entry(1, "Sales")]));
    scene.directory.is_down(Some("it does not accept svc@x"));
    *scene.directory.refuses.lock().unwrap() = true;
    for _ in 0..3 {
        let next = scene.next().await.summary.next_refresh_at.unwrap();
        assert_eq!(next - scene.clock.now_ms(), 900_000);
    }
    // A new password is tried at once.
    scene.directory.is_down(None);
    scene.directory.says(1, "Sales", &["anna@x"]);
    scene.set(only(&[entry(1, "Sales")]));
    scene.refreshed().await;
    assert_eq!(scene.ask("anna@x"), InScope::Yes);
}

/// S3
#[tokio::test]
async fn a_damaged_or_foreign_file_is_set_aside_and_makes_wait_instead_of_widening() {
    let garbage: [&[u8]; 4] =
        [b"", b"{\"version\": 1, \"entries\": {", b"\xff\xfe", b"{\"version\": 7, \"entries\": {}}"];
    for text in garbage {
        let scene = Scene::new(all_except(&[entry(1, "Sales")]));
        scene.directory.says(1, "Sales", &["anna@x"]);
        scene.refreshed().await;
        scene.directory.is_down(Some("no domain controller answers"));
        std::fs::write(scene.folder.path().join("scope.json"), text).unwrap();
        let scene = scene.restarted().await;
        scene.refreshed().await;
        scene.waits("anna@x");
        scene.waits("ben@x");
        let notices = scene.scope.notices();
        assert!(notices[0].contains("scope.json.damaged") && notices[0].ends_with('.'), "{notices:?}");
        assert_eq!(std::fs::read(scene.folder.path().join("scope.json.damaged")).unwrap(), text);
        // Once it was asked anew all is well.
        scene.directory.is_down(None);
        scene.next().await;
        assert_eq!((scene.ask("anna@x"), scene.ask("ben@x")), (InScope::No, InScope::Yes));
        scene.until("the file is not written", |_| scene.folder.path().join("scope.json").exists()).await;
        assert!(scene.scope.notices().is_empty(), "{:?}", scene.scope.notices());
    }
}

/// S3
#[cfg(unix)]
#[tokio::test]
async fn a_file_that_can_not_be_written_is_told_and_the_scope_works() {
    let scene = Scene::new(only(&[entry(1, "Sales")]));
    scene.directory.says(1, "Sales", &["anna@x"]);
    scene.refreshed().await;
    // A folder of that name can't be replaced by a file, whoever we are.
    std::fs::remove_file(scene.folder.path().join("scope.json")).unwrap();
    std::fs::create_dir_all(scene.folder.path().join("scope.json/in-the-way")).unwrap();
    scene.directory.says(1, "Sales", &["ben@x"]);
    scene.next().await;
    assert_eq!(scene.ask("ben@x"), InScope::Yes);
    assert!(scene.scope.notices()[0].contains("can't be written"), "{:?}", scene.scope.notices());
}

/// S3
#[test]
fn a_directory_that_tells_of_more_addresses_than_there_can_be_is_not_believed() {
    let entries = [entry(1, "Sales"), entry(2, "Everybody"), entry(3, "Board")];
    let scope = Scope::of(&in_force(0, all_except(&entries)));
    let found = |addresses: Vec<SmtpAddress>| Answer::Found { name: String::new(), members: 1, addresses };
    let anna: SmtpAddress = "anna@x".parse().unwrap();
    let ben: SmtpAddress = "ben@x".parse().unwrap();
    let answers = vec![found(vec![anna.clone()]), found(vec![ben.clone(); MOST_ADDRESSES]), found(vec![])];
    assert_eq!(scope.learn(0, &entries, answers, None, 0), Some(true));
    let report = scope.report();
    assert!(matches!(&report.entries[1].state, EntryState::Unresolved { reason } if reason.contains("1000000")));
    assert!(matches!(report.entries[2].state, EntryState::Resolved { .. }));
    assert_eq!(scope.contains(&anna), InScope::No);
    assert!(matches!(scope.contains(&ben), InScope::Unknown(_)));
}

/// S2
#[test]
fn ten_thousand_entries_are_looked_at_in_no_time() {
    let entries: Vec<_> = (0..10_000).map(|number| entry(number, "Somebody")).collect();
    let scope = Scope::of(&in_force(0, only(&entries)));
    let answers = (0..10_000).map(|number| Answer::Found {
        name: format!("Person {number}"),
        members: 1,
        addresses: vec![format!("person{number}@x").parse().unwrap(), format!("p{number}@x").parse().unwrap()],
    });
    scope.learn(0, &entries, answers.collect(), None, 0);
    let summary = scope.summary();
    assert_eq!((summary.resolved, summary.addresses), (10_000, 20_000));
    let sender: SmtpAddress = "P9999@x".parse().unwrap();
    let began = std::time::Instant::now();
    for _ in 0..100_000 {
        assert_eq!(scope.contains(&sender), InScope::Yes);
    }
    // A debug build on a busy machine; it is some hundred nanoseconds each.
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(scope.report().entries.len(), 10_000);
}

/// S2
#[test]
fn many_entries_are_asked_for_in_batches_and_none_is_left_out() {
    let user = |number| ScopeEntry { kind: EntryKind::User, ..entry(number, "Somebody") };
    let entries: Vec<_> = (0..450).map(user).chain((450..475).map(|number| entry(number, "Group"))).collect();
    let batches: Vec<_> = super::keeper::batches(&entries).map(<[_]>::len).collect();
    assert_eq!(batches, [200, 200, 60, 10, 5]);
    assert_eq!(super::keeper::batches(&[]).count(), 0);
}

/// S3
#[test]
fn refreshes_come_a_little_earlier_by_chance_and_never_later() {
    for (random, expected) in [(0.0, 300_000), (0.5, 285_000), (1.0, 270_000)] {
        assert_eq!(300_000 - super::keeper::earlier(300_000, random), expected);
    }
}

/// S2
#[test]
fn an_entry_that_is_listed_twice_counts_as_one_does() {
    let entries = [entry(1, "Sales"), entry(1, "Sales")];
    let scope = Scope::of(&in_force(0, only(&entries)));
    let found = Answer::Found { name: "Sales".into(), members: 1, addresses: vec!["anna@x".parse().unwrap()] };
    scope.learn(0, &entries, vec![found.clone(), found], None, 0);
    assert_eq!(scope.contains(&"anna@x".parse().unwrap()), InScope::Yes);
    assert_eq!(scope.summary().addresses, 1);
}
