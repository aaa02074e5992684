mod organisation;
mod updater;

use std::path::Path;
use std::sync::Mutex;

use futures_util::future::BoxFuture;

use self::organisation::{DOMAIN, Scripted, denied, failure};
use self::updater::FakeUpdater;
use super::*;
use crate::settings::{Account, Connection, Environment, Options, Settings};
use crate::setup::{ConnectionChoice, Page};

/// Time that passes only while somebody waits, and then at once.
#[derive(Default)]
struct StepTime(Mutex<Duration>);

impl Time for StepTime {
    fn now(&self) -> Duration {
        *self.0.lock().unwrap()
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            *self.0.lock().unwrap() += time;
            tokio::task::yield_now().await;
        })
    }
}

struct Scene {
    organisation: Arc<Scripted>,
    updater: FakeUpdater,
    time: Arc<StepTime>,
    setup: Setup,
    seen: Mutex<Vec<Progress>>,
}

impl Scene {
    async fn new() -> Self {
        Self::with(working(), Some("old")).await
    }

    async fn with(settings: Settings, password: Option<&str>) -> Self {
        let (organisation, time) = (Arc::new(Scripted::default()), Arc::new(StepTime::default()));
        let updater = FakeUpdater::start(settings, password).await;
        let setup = Setup::with_time(organisation.clone(), updater.client(), time.clone());
        Self { organisation, updater, time, setup, seen: Mutex::default() }
    }

    async fn run(&mut self, answers: &Answers) -> Report {
        self.run_until(answers, CancellationToken::new()).await
    }

    async fn run_until(&mut self, answers: &Answers, cancel: CancellationToken) -> Report {
        let seen = &self.seen;
        self.setup.run(answers, cancel, |progress| seen.lock().unwrap().push(progress)).await
    }

    /// Cancels the run as soon as this step is under way and does not end.
    async fn run_and_cancel_in(&mut self, answers: &Answers, step: Step) -> Report {
        self.organisation.script().stuck = Some(step);
        let cancel = CancellationToken::new();
        let (organisation, told) = (self.organisation.clone(), cancel.clone());
        let canceller = tokio::spawn(async move {
            organisation.is_stuck().await;
            told.cancel();
        });
        let report = self.run_until(answers, cancel).await;
        canceller.await.unwrap();
        self.organisation.script().stuck = None;
        report
    }

    fn fail(&self, step: Step) {
        self.organisation.script().failing = vec![(step, failure("It failed."))];
    }

    fn mend(&self) {
        self.organisation.script().failing.clear();
    }

    /// Asserts that the updater has what it had.
    fn nothing_changed_in_the_updater(&self) {
        let now = self.updater.in_force();
        assert_eq!((&now.settings, now.password()), (&working(), Some("old")));
    }
}

/// A configuration that works.
fn working() -> Settings {
    Settings {
        enabled: true,
        connection: Some(Connection::manual("https://old.corp.example/EWS/Exchange.asmx")),
        account: Some(Account { user: "old@corp.example".to_owned() }),
        options: Options { create_copy: true, ..Options::default() },
        ..Settings::default()
    }
}

fn automatic() -> Answers {
    Answers {
        environment: Environment::OnPremises,
        connection: ConnectionChoice::Manual { server: "mail.corp.example".to_owned() },
        account: AccountChoice::Automatic { name: "CodeTwoSiuAgent".to_owned() },
    }
}

fn existing(upn: &str, password: &str) -> Answers {
    let account = AccountChoice::Existing { upn: upn.to_owned(), password: password.into() };
    Answers { connection: ConnectionChoice::Autodiscover, account, ..automatic() }
}

fn state(report: &Report, step: Step) -> &StepState {
    &report.steps.iter().find(|(one, _)| *one == step).unwrap().1
}

fn note(report: &Report, step: Step) -> &str {
    match state(report, step) {
        StepState::Done { note } => note,
        other => panic!("{step:?}: {other:?}"),
    }
}

fn failed(report: &Report, step: Step) -> &Failure {
    match state(report, step) {
        StepState::Failed(failure) => failure,
        other => panic!("{step:?}: {other:?}"),
    }
}

/// Steps before it were done, those behind it were not begun.
fn ends_at(report: &Report, step: Step) {
    let end = report.steps.iter().position(|(one, _)| *one == step).unwrap();
    for (index, (one, state)) in report.steps.iter().enumerate() {
        match index.cmp(&end) {
            std::cmp::Ordering::Less => assert!(matches!(state, StepState::Done { .. }), "{one:?}: {state:?}"),
            std::cmp::Ordering::Equal => assert!(!matches!(state, StepState::Done { .. }), "{one:?}: {state:?}"),
            std::cmp::Ordering::Greater => assert_eq!(state, &StepState::NotRun, "{one:?}"),
        }
    }
    assert!(!report.succeeded());
}

/// The panel runs it beside its window.
#[test]
fn a_run_can_go_on_on_another_thread() {
    fn movable<T: Send>(_: &T) {}
    let client = Client::new(Path::new("/nonexistent/updater.sock")).unwrap();
    let (mut setup, answers) = (Setup::new(Arc::new(Scripted::default()), client), automatic());
    movable(&setup);
    movable(&setup.run(&answers, CancellationToken::new(), |_| ()));
}

/// W8, W13
#[tokio::test]
async fn whichever_step_fails_the_rest_is_not_run_and_the_previous_configuration_stays_in_force() {
    for answers in [automatic(), existing("svc@corp.example", "geheim")] {
        for step in plan::steps(&answers).into_iter().filter(|step| *step != Step::Save) {
            let mut scene = Scene::new().await;
            scene.fail(step);
            let report = scene.run(&answers).await;
            ends_at(&report, step);
            assert_eq!(failed(&report, step).what, "It failed.");
            scene.nothing_changed_in_the_updater();
        }
    }
}

/// W13
#[tokio::test]
async fn a_failed_run_says_what_it_did_change() {
    let mut scene = Scene::new().await;
    scene.fail(Step::LocateServer);
    assert!(scene.run(&automatic()).await.changes.is_empty());
    scene.fail(Step::GrantRights);
    let changes = scene.run(&automatic()).await.changes;
    assert_eq!(changes, ["The account CodeTwoSiuAgent@corp.example was created."]);
    scene.fail(Step::TestRights);
    // What an earlier run of the same wizard changed is still a change.
    let changes = scene.run(&automatic()).await.changes;
    assert!(changes.len() == 2 && changes[1].contains("was granted to CodeTwoSiuAgent@corp.example"), "{changes:?}");
    scene.mend();
    let report = scene.run(&automatic()).await;
    assert!(report.succeeded() && report.changes.is_empty(), "{report:?}");
}

/// W5, W13
#[tokio::test]
async fn a_run_that_is_cancelled_in_any_step_leaves_the_previous_configuration_in_force() {
    for answers in [automatic(), existing("svc@corp.example", "geheim")] {
        for step in plan::steps(&answers).into_iter().filter(|step| *step != Step::Save) {
            let mut scene = Scene::new().await;
            let report = scene.run_and_cancel_in(&answers, step).await;
            ends_at(&report, step);
            assert_eq!(state(&report, step), &StepState::Cancelled);
            scene.nothing_changed_in_the_updater();
            // What was under way may have been done all the same.
            let told = report.changes.iter().any(|change| change.contains("may have been"));
            assert_eq!(told, matches!(step, Step::CreateAccount | Step::GrantRights), "{report:?}");
            let report = scene.run(&answers).await;
            assert!(report.succeeded(), "{report:?}");
        }
    }
}

/// W5
#[tokio::test]
async fn a_run_that_is_cancelled_before_it_began_does_nothing() {
    let mut scene = Scene::new().await;
    let cancel = CancellationToken::new();
    cancel.cancel();
    let report = scene.run_until(&automatic(), cancel).await;
    ends_at(&report, Step::CheckAdministrator);
    assert_eq!(state(&report, Step::CheckAdministrator), &StepState::Cancelled);
    assert!(scene.organisation.calls().is_empty());
}

/// W6, W7
#[tokio::test]
async fn a_run_that_succeeds_puts_everything_in_force_and_keeps_the_other_settings() {
    let mut scene = Scene::new().await;
    let report = scene.run(&automatic()).await;
    assert!(report.succeeded(), "{report:?}");
    let expected = ["check", "locate as nobody", "create CodeTwoSiuAgent", "grant CodeTwoSiuAgent@corp.example"];
    let calls = scene.organisation.calls();
    assert_eq!(calls[..4], expected);
    assert_eq!(calls[4..], ["test CodeTwoSiuAgent@corp.example"]);
    let now = scene.updater.in_force();
    assert!(now.settings.enabled && now.settings.options.create_copy);
    assert_eq!(now.settings.connection.as_ref().unwrap().ews_url, "https://mail.corp.example/EWS/Exchange.asmx");
    assert_eq!(now.settings.account.as_ref().unwrap().user, "CodeTwoSiuAgent@corp.example");
    assert_eq!(now.settings.directory.as_ref().unwrap().domain, DOMAIN);
    assert_eq!(now.password(), Some("made up"));
}

/// T3: what an administrator switched off stays off, and everybody who looks is told.
#[tokio::test]
async fn a_configuration_anew_leaves_it_off_where_it_was_switched_off() {
    let off = Settings { enabled: false, ..working() };
    let mut scene = Scene::with(off, Some("old")).await;
    let report = scene.run(&automatic()).await;
    assert!(report.succeeded() && report.stays_off, "{report:?}");
    assert_eq!(note(&report, Step::Save), "saved; Sent Items Update stays off, as it was before");
    let now = scene.updater.in_force().settings.clone();
    assert!(!now.enabled);
    assert_eq!(now.account.unwrap().user, "CodeTwoSiuAgent@corp.example");
    // Off is also what a fresh installation is, and that is what the wizard ends.
    let mut scene = Scene::with(Settings::default(), None).await;
    let report = scene.run(&automatic()).await;
    assert!(report.succeeded() && !report.stays_off && scene.updater.in_force().settings.enabled, "{report:?}");
    assert_eq!(note(&report, Step::Save), "saved; Sent Items Update is on");
}

/// W7, W9: what Exchange remarks on a right that it grants stands beside the tick.
#[tokio::test]
async fn warnings_of_a_right_that_was_granted_are_shown() {
    let mut scene = Scene::new().await;
    scene.organisation.script().warnings = vec!["The scope is\r\nempty.".to_owned(), "\u{1b}[31mCareful".to_owned()];
    let report = scene.run(&automatic()).await;
    let agent = "CodeTwoSiuAgent@corp.example";
    assert_eq!(
        note(&report, Step::GrantRights),
        format!("granted to {agent}; Exchange warns: The scope is empty; Exchange warns: [31mCareful")
    );
}

/// W5
#[tokio::test]
async fn progress_is_told_as_it_happens() {
    let mut scene = Scene::with(Settings::default(), None).await;
    let report = scene.run(&existing("svc@corp.example", "geheim")).await;
    assert!(report.succeeded());
    let seen = scene.seen.lock().unwrap();
    for (step, end) in &report.steps {
        let states: Vec<_> = seen.iter().filter(|progress| progress.step == *step).map(|one| &one.state).collect();
        assert!(matches!(states[0], StepState::Running { .. }), "{states:?}");
        assert_eq!(states.last(), Some(&end));
    }
    assert_eq!(note(&report, Step::LocateServer), "https://found.corp.example/EWS/Exchange.asmx, Exchange Server 2019");
    assert_eq!(note(&report, Step::VerifyAccount), "1 condition is met");
    assert_eq!(note(&report, Step::TestRights), "opened Sent Items of anna@corp.example (3 items)");
}

/// W8
#[tokio::test]
async fn steps_that_were_done_are_not_done_twice() {
    for answers in [automatic(), existing("svc@corp.example", "geheim")] {
        let mut scene = Scene::new().await;
        for step in plan::steps(&answers).into_iter().filter(|step| *step != Step::Save) {
            scene.fail(step);
            scene.run(&answers).await;
            // The step that fails is the only one that is tried again, and the next one comes after it.
            scene.organisation.calls();
            scene.run(&answers).await;
            assert_eq!(scene.organisation.calls().len(), 1, "{step:?}");
        }
        scene.mend();
        let report = scene.run(&answers).await;
        assert!(report.succeeded());
        assert_eq!(scene.organisation.calls().len(), 1);
        assert!(note(&report, Step::LocateServer).ends_with("(done before)"));
    }
}

/// W8
#[tokio::test]
async fn a_changed_answer_repeats_what_depends_on_it_and_nothing_else() {
    let mut scene = Scene::new().await;
    scene.run(&automatic()).await;
    scene.organisation.calls();

    let other_server = ConnectionChoice::Manual { server: "mail2.corp.example".to_owned() };
    let answers = Answers { connection: other_server, ..automatic() };
    scene.run(&answers).await;
    let agent = "CodeTwoSiuAgent@corp.example";
    let expected = ["locate as nobody".to_owned(), format!("grant {agent}"), format!("test {agent}")];
    assert_eq!(scene.organisation.calls(), expected);

    let answers = Answers { account: AccountChoice::Automatic { name: "Other".to_owned() }, ..answers };
    scene.run(&answers).await;
    let other = "Other@corp.example";
    assert_eq!(
        scene.organisation.calls(),
        ["create Other".to_owned(), format!("grant {other}"), format!("test {other}")]
    );

    scene.run(&existing("svc@corp.example", "geheim")).await;
    assert_eq!(scene.organisation.calls().len(), 4);
    scene.run(&existing("SVC@corp.example ", "neu")).await;
    // Another password changes neither where the server is nor what the account may do.
    let calls = scene.organisation.calls();
    assert_eq!(calls, ["verify SVC@corp.example neu OnPremises", "test SVC@corp.example"]);
    scene.run(&Answers { environment: Environment::Hybrid, ..existing("svc@corp.example", "neu") }).await;
    let calls = scene.organisation.calls();
    assert_eq!(calls[..2], ["locate as svc@corp.example", "verify svc@corp.example neu Hybrid"]);
}

/// W8, W2, W3
#[tokio::test]
async fn an_answer_that_can_not_be_worked_with_fails_before_anything_is_done() {
    let mut scene = Scene::new().await;
    let server = ConnectionChoice::Manual { server: "mail corp".to_owned() };
    let report = scene.run(&Answers { connection: server, ..automatic() }).await;
    assert_eq!(failed(&report, Step::LocateServer).page, Some(Page::Connection));
    let report = scene.run(&existing("svc", "geheim")).await;
    assert_eq!(failed(&report, Step::VerifyAccount).page, Some(Page::Account));
    let hybrid = Answers { environment: Environment::Hybrid, ..automatic() };
    let report = scene.run(&Answers { connection: ConnectionChoice::Autodiscover, ..hybrid }).await;
    assert_eq!(failed(&report, Step::CreateAccount).page, Some(Page::Account));
    assert!(scene.organisation.calls().is_empty());
    scene.nothing_changed_in_the_updater();
}

/// W13: whoever takes over an account with which the updater works must not lock the updater out.
#[tokio::test]
async fn an_account_that_is_taken_over_while_it_is_in_use_goes_on_working() {
    let mut settings = working();
    settings.account = Some(Account { user: "codetwosiuagent@corp.example".to_owned() });
    let mut scene = Scene::with(settings.clone(), Some("old")).await;
    scene.organisation.script().taken_over = true;
    scene.updater.in_force().meddling.push_back(|settings| settings.options.create_copy = false);
    scene.fail(Step::GrantRights);
    let report = scene.run(&automatic()).await;
    assert_eq!(report.changes, ["The account CodeTwoSiuAgent@corp.example was there already and got a new password."]);
    settings.options.create_copy = false;
    let now = scene.updater.in_force();
    assert_eq!((&now.settings, now.password()), (&settings, Some("made up")));
}

/// W13
#[tokio::test]
async fn an_account_that_is_taken_over_while_another_is_in_use_changes_nothing_in_the_updater() {
    let mut scene = Scene::new().await;
    scene.organisation.script().taken_over = true;
    scene.fail(Step::GrantRights);
    let report = scene.run(&automatic()).await;
    assert!(report.changes[0].contains("got a new password"), "{report:?}");
    scene.nothing_changed_in_the_updater();
}

/// W11
#[tokio::test]
async fn conditions_that_are_not_met_are_all_told_and_those_not_known_are_named() {
    let mut scene = Scene::new().await;
    let verdict = |name: &str, verdict| Condition { name: name.to_owned(), verdict };
    let unknown = Verdict::Unknown("It can't be seen from here.".to_owned());
    scene.organisation.script().conditions = vec![verdict("no multi-factor authentication", unknown)];
    let report = scene.run(&existing("svc@corp.example", "geheim")).await;
    let expected = "1 condition is met; not known: no multi-factor authentication (It can't be seen from here)";
    assert_eq!(note(&report, Step::VerifyAccount), expected);

    let disabled = failures::condition("svc is disabled", "it was switched off", &["enable it"]);
    let locked = failures::condition("svc is locked", "wrong passwords", &["unlock it"]);
    scene.organisation.script().conditions = vec![
        verdict("enabled", Verdict::Failed(Box::new(disabled))),
        verdict("unlocked", Verdict::Failed(Box::new(locked))),
    ];
    let report = scene.run(&existing("svc2@corp.example", "geheim")).await;
    ends_at(&report, Step::VerifyAccount);
    let failure = failed(&report, Step::VerifyAccount);
    assert_eq!((failure.page, failure.advice.len()), (Some(Page::Account), 2));
    assert!(failure.what.contains("disabled") && failure.details[0].contains("locked"), "{failure:?}");
}

/// W10
#[tokio::test]
async fn a_right_that_was_granted_just_now_is_waited_for_with_visible_progress() {
    let mut scene = Scene::new().await;
    scene.organisation.script().tests = vec![denied(); 8].into();
    let report = scene.run(&automatic()).await;
    assert!(report.succeeded(), "{report:?}");
    assert_eq!(scene.time.now(), Duration::from_secs(80));
    let seen = scene.seen.lock().unwrap();
    let notes: Vec<_> = seen
        .iter()
        .filter_map(|progress| match &progress.state {
            StepState::Running { note } if progress.step == Step::TestRights => Some(note.as_str()),
            _ => None,
        })
        .collect();
    assert!(notes.contains(&"waiting until Exchange applies the right, 0:07 of 10:00"), "{notes:?}");
    assert!(notes.contains(&"waiting until Exchange applies the right, 1:20 of 10:00"), "{notes:?}");
}

/// W10
#[tokio::test]
async fn a_right_that_is_never_applied_is_waited_for_with_a_bound_and_the_manual_test_is_offered() {
    let mut scene = Scene::new().await;
    scene.organisation.script().tests = vec![denied(); 1000].into();
    let report = scene.run(&automatic()).await;
    let failure = failed(&report, Step::TestRights);
    assert!(failure.offer_test && failure.cause.contains("10 minutes"), "{failure:?}");
    assert_eq!(scene.time.now(), APPLIED_WITHIN);
    assert_eq!(scene.organisation.calls().iter().filter(|call| call.starts_with("test")).count(), 61);
    // The time is up in the next run, too: it is tried once.
    let report = scene.run(&automatic()).await;
    assert!(failed(&report, Step::TestRights).offer_test);
    assert_eq!((scene.organisation.calls().len(), scene.time.now()), (1, APPLIED_WITHIN));
}

/// W10
#[tokio::test]
async fn nothing_is_waited_for_when_the_right_was_there_before_or_the_test_fails_for_another_reason() {
    let mut scene = Scene::new().await;
    scene.organisation.script().granted_before = true;
    scene.organisation.script().tests = vec![denied()].into();
    let report = scene.run(&automatic()).await;
    assert_eq!(failed(&report, Step::TestRights).what, "Not allowed.");

    let mut scene = Scene::new().await;
    scene.organisation.script().tests = vec![failure("The mailbox is full.")].into();
    let report = scene.run(&automatic()).await;
    assert_eq!(failed(&report, Step::TestRights).what, "The mailbox is full.");
    assert_eq!(scene.time.now(), Duration::ZERO);
}

/// W5
#[tokio::test]
async fn waiting_for_the_right_can_be_cancelled() {
    let mut scene = Scene::new().await;
    scene.organisation.script().tests = vec![denied(); 1000].into();
    let cancel = CancellationToken::new();
    let told = cancel.clone();
    let setup = &mut scene.setup;
    let report = setup
        .run(&automatic(), cancel, move |progress| {
            if matches!(&progress.state, StepState::Running { note } if note.contains("0:30 of")) {
                told.cancel();
            }
        })
        .await;
    assert_eq!(state(&report, Step::TestRights), &StepState::Cancelled);
    assert_eq!(report.changes.len(), 2);
    scene.nothing_changed_in_the_updater();
}

/// W13, P3
#[tokio::test]
async fn what_another_administrator_changes_at_the_same_moment_is_kept_and_told() {
    let mut scene = Scene::new().await;
    scene.updater.in_force().meddling.push_back(|settings| settings.options.create_copy = false);
    let report = scene.run(&automatic()).await;
    assert!(note(&report, Step::Save).contains("another administrator"), "{report:?}");
    let now = scene.updater.in_force();
    assert!(!now.settings.options.create_copy);
    assert_eq!(now.settings.account.as_ref().unwrap().user, "CodeTwoSiuAgent@corp.example");
}

/// W13, P3
#[tokio::test]
async fn a_configuration_that_another_administrator_made_at_the_same_moment_is_not_overwritten() {
    fn configure(settings: &mut Settings) {
        settings.account = Some(Account { user: "theirs@corp.example".to_owned() });
    }
    fn option(settings: &mut Settings) {
        settings.options.create_copy = !settings.options.create_copy;
    }
    for meddling in [vec![configure as fn(&mut Settings)], vec![option as fn(&mut Settings), option]] {
        let mut scene = Scene::new().await;
        scene.updater.in_force().meddling = meddling.into();
        let report = scene.run(&automatic()).await;
        ends_at(&report, Step::Save);
        assert!(failed(&report, Step::Save).cause.contains("Somebody else"), "{report:?}");
        assert_eq!(report.changes.len(), 2);
        assert_ne!(scene.updater.in_force().settings.account.as_ref().unwrap().user, "CodeTwoSiuAgent@corp.example");
        // Only saving is left to be done.
        scene.organisation.calls();
        assert!(scene.run(&automatic()).await.succeeded());
        assert!(scene.organisation.calls().is_empty());
    }
}

/// W8
#[tokio::test]
async fn an_updater_that_is_not_there_is_told_with_what_to_do_and_the_next_run_only_saves() {
    let organisation = Arc::new(Scripted::default());
    let gone = Client::new(Path::new("/nonexistent/updater.sock")).unwrap();
    let mut setup = Setup::with_time(organisation.clone(), gone, Arc::new(StepTime::default()));
    let report = setup.run(&automatic(), CancellationToken::new(), |_| ()).await;
    ends_at(&report, Step::Save);
    let failure = failed(&report, Step::Save);
    assert!(failure.cause.contains("does not run") && failure.advice[0].contains("siu-updater run"), "{failure:?}");
    organisation.calls();
    setup.run(&automatic(), CancellationToken::new(), |_| ()).await;
    assert!(organisation.calls().is_empty());
}

/// W5
#[tokio::test]
async fn the_summary_says_step_by_step_what_will_be_done_and_that_is_what_is_done() {
    let scene = Scene::new().await;
    let answers = automatic();
    let plan = scene.setup.plan(&answers);
    assert_eq!(plan.iter().map(|(step, _)| *step).collect::<Vec<_>>(), plan::steps(&answers));
    let text = plan.iter().map(|(_, sentence)| sentence.as_str()).collect::<Vec<_>>().join("\n");
    for part in ["Domain Admins", "mail.corp.example", "Create the account CodeTwoSiuAgent@corp.example", "updater"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let hybrid = Answers { environment: Environment::Hybrid, ..existing("svc@corp.example", "geheim") };
    let text = format!("{:?}", scene.setup.plan(&hybrid));
    assert!(text.contains("Autodiscover") && text.contains("hybrid") && !text.contains("geheim"), "{text}");
    assert!(scene.organisation.calls().is_empty());
}
