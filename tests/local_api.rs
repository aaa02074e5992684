//! The routes of the local API that ask Exchange or look over everything: series, sent copy, impersonation test,
//! scope, diagnostics.

mod process;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use process::{PATIENCE, change, organisation};
use sent_items_update::pipe::client::{Client, PipeError};
use sent_items_update::pipe::listener::Access;
use sent_items_update::pipe::types::{
    Counts, EntryState, ImpersonationResult, MOST_OF_A_BODY, Problem, Rule as Outcome, SeriesQuery, Shows, TestConcern,
    TestFailure,
};
use sent_items_update::sandbox::Sandbox;
use sent_items_update::sandbox::control::{Delivery, MailboxState};
use sent_items_update::sandbox::faults::{Fault, Rule};
use sent_items_update::settings::{
    Account, AutodiscoverSettings, Connection, EntryKind, ScopeEntry, ScopeMode, SendersScope, Settings,
};
use sent_items_update::updater::clock::Clock;
use sent_items_update::updater::engine::MailboxEngine;
use sent_items_update::updater::scope::{Answer, Connect, Membership, Outage};
use sent_items_update::updater::service::{RunError, Updater, UpdaterOptions};

const ANNA: &str = "anna.bergstroem@nordwind.example";
const JONAS: &str = "jonas.weber@nordwind.example";

/// A directory of one group, with Anna in it.
struct Sales;

impl Membership for Sales {
    fn look_up<'a>(&'a self, entries: &'a [ScopeEntry]) -> BoxFuture<'a, Result<Vec<Answer>, Outage>> {
        let sales = || Answer::Found { name: "Sales".into(), members: 1, addresses: vec![ANNA.parse().unwrap()] };
        let answers = entries.iter().map(|entry| if entry.id.as_u128() == 1 { sales() } else { Answer::Gone });
        std::future::ready(Ok(answers.collect())).boxed()
    }
}

struct Scene {
    folder: tempfile::TempDir,
    client: Client,
    stop: tokio::sync::oneshot::Sender<()>,
    running: tokio::task::JoinHandle<Result<(), RunError>>,
}

impl Scene {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("updater.sock");
        let data = folder.path().join("data");
        let options = UpdaterOptions {
            data,
            pipe: pipe.clone(),
            access: Access::default(),
            sandbox: true,
            clock: Clock::system(),
        };
        let connect: Arc<Connect> = Arc::new(|_| Ok(Arc::new(Sales) as Arc<dyn Membership>));
        let updater = Updater::start_with(options, connect, MailboxEngine::new).await.unwrap();
        let (stop, told) = tokio::sync::oneshot::channel();
        let running = tokio::spawn(updater.run(async { drop(told.await) }));
        Self { client: Client::new(&pipe).unwrap(), folder, stop, running }
    }

    async fn organisation(&self) -> Sandbox {
        organisation::open(&self.folder.path().join("sandbox")).await
    }

    /// Connected to the organisation, with updating switched off.
    async fn connected(&self) -> Sandbox {
        let sandbox = self.organisation().await;
        organisation::connect(&self.client, &sandbox, |settings| settings.enabled = false).await;
        sandbox
    }

    async fn submit(&self, message: &Bytes) -> i64 {
        self.client.submit(message.clone()).await.unwrap().id
    }

    async fn counts(&self, holds: impl Fn(&Counts) -> bool) {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let counts = self.client.status().await.unwrap().counts;
            if holds(&counts) {
                return;
            }
            assert!(Instant::now() < give_up, "the counts stay at {counts:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn test(&self, mailbox: &str) -> TestFailure {
        match self.client.test_impersonation(mailbox).await.unwrap() {
            ImpersonationResult::Failed(failure) => failure,
            opened @ ImpersonationResult::Opened { .. } => panic!("{mailbox}: {opened:?}"),
        }
    }

    async fn stopped(self) {
        let _ = self.stop.send(());
        self.running.await.unwrap().unwrap();
    }
}

fn refused<T: std::fmt::Debug>(result: Result<T, PipeError>) -> (u16, Problem) {
    match result {
        Err(PipeError::Refused { status, problem }) => (status, problem),
        other => panic!("not refused: {other:?}"),
    }
}

/// A message of Anna's; `processed` has the footer.
fn mail(number: usize, body: &str) -> Bytes {
    format!(
        "From: <{ANNA}>\r\nTo: <someone@elsewhere.example>\r\nSubject: Offer {number}\r\n\
         Message-ID: <{number}@api.example>\r\nDate: Mon, 24 Nov 2025 10:00:00 +0100\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n--b\r\n\
         Content-Type: text/html; charset=utf-8\r\n\r\n<html><body>{body}</body></html>\r\n--b\r\n\
         Content-Type: application/octet-stream; name=\"plan.bin\"\r\n\
         Content-Disposition: attachment; filename=\"plan.bin\"\r\n\
         Content-Transfer-Encoding: base64\r\n\r\nTm9yZHdpbmQ=\r\n--b--\r\n"
    )
    .into()
}

async fn store(sandbox: &Sandbox, message: &Bytes) {
    let delivery = Delivery { read: true, ..Delivery::default() };
    sandbox.control().deliver(ANNA, "sentitems", message.clone(), delivery).await.unwrap();
}

/// A server address where nobody listens.
fn nobody() -> Connection {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    Connection { allow_unencrypted: true, ..Connection::manual(&format!("http://{free}/EWS/Exchange.asmx")) }
}

async fn connect_to(scene: &Scene, connection: Connection) {
    change(&scene.client, Some("secret"), |settings| {
        settings.connection = Some(connection);
        settings.account = Some(Account { user: "svc@nordwind.example".into() });
    })
    .await;
}

/// M3
#[tokio::test]
async fn a_series_that_can_not_be_given_is_refused_in_words() {
    let scene = Scene::new().await;
    let series = async |from, to, step| refused(scene.client.series(&SeriesQuery { from, to, step }).await);
    let (status, problem) = series(2000, 1000, 1000).await;
    assert_eq!((status, problem.code.as_str()), (400, "bad-range"));
    assert!(problem.message.contains("ends before it begins"), "{problem:?}");
    assert!(series(0, 100_000_000, 1000).await.1.message.contains("2000 are given at the most"));
    assert!(series(0, 100_000, 0).await.1.message.contains("at least 1000 ms"));
    assert!(series(-5, 100_000, 1000).await.1.message.contains("-5 is no time"));
    scene.stopped().await;
}

/// M3
#[tokio::test]
async fn a_series_counts_what_ended_and_nothing_else() {
    let scene = Scene::new().await;
    let sandbox = scene.organisation().await;
    let began = jiff::Timestamp::now().as_millisecond() - 1000;
    for number in [1, 2] {
        store(&sandbox, &mail(number, "Hello")).await;
        scene.submit(&mail(number, "Hello, always windy")).await;
    }
    // Nobody has a copy of this one: it waits.
    scene.submit(&mail(3, "Hello")).await;
    organisation::connect(&scene.client, &sandbox, |_| {}).await;
    scene.counts(|counts| counts.updated == 2).await;
    let query = SeriesQuery { from: began, to: began + 3_600_000, step: 60_000 };
    let series = scene.client.series(&query).await.unwrap();
    assert_eq!((series.from, series.step, series.buckets.len()), (began, 60_000, 60));
    let sum = |of: fn(&sent_items_update::pipe::types::Bucket) -> u32| series.buckets.iter().map(of).sum::<u32>();
    assert_eq!((sum(|one| one.updated), sum(|one| one.skipped), sum(|one| one.failed)), (2, 0, 0));
    scene.stopped().await;
}

/// M3
#[tokio::test]
async fn a_sent_copy_that_can_not_be_shown_says_why() {
    let scene = Scene::new().await;
    let (status, problem) = refused(scene.client.sent_copy(77).await);
    assert_eq!((status, problem.code.as_str()), (404, "no-such-message"));

    let id = scene.submit(&mail(1, "Hello")).await;
    let (status, problem) = refused(scene.client.sent_copy(id).await);
    assert_eq!((status, problem.code.as_str()), (409, "not-configured"));

    connect_to(&scene, nobody()).await;
    let (status, problem) = refused(scene.client.sent_copy(id).await);
    assert_eq!((status, problem.code.as_str()), (502, "exchange"));
    assert!(problem.message.contains("nothing listens on this port"), "{problem:?}");

    let sandbox = scene.connected().await;
    let (status, problem) = refused(scene.client.sent_copy(id).await);
    assert_eq!((status, problem.code.as_str()), (404, "no-copy"));
    assert!(problem.message.contains(ANNA), "{problem:?}");

    sandbox.control().set_state(ANNA, MailboxState::Gone).unwrap();
    let (status, problem) = refused(scene.client.sent_copy(id).await);
    assert_eq!((status, problem.code.as_str()), (404, "no-mailbox"));
    sandbox.control().set_state(ANNA, MailboxState::Moving).unwrap();
    let (status, problem) = refused(scene.client.sent_copy(id).await);
    assert_eq!((status, problem.temporary), (503, true));
    assert!(problem.message.contains("being moved"), "{problem:?}");
    scene.stopped().await;
}

/// M3
#[tokio::test]
async fn the_sent_copy_is_shown_as_it_is_before_and_after_the_update() {
    let scene = Scene::new().await;
    let sandbox = scene.connected().await;
    store(&sandbox, &mail(1, "Hello")).await;
    let id = scene.submit(&mail(1, "Hello, always windy")).await;
    let copy = scene.client.sent_copy(id).await.unwrap();
    assert_eq!((copy.shows, copy.mailbox.as_str(), copy.others), (Shows::AsSent, ANNA, 0));
    assert_eq!((copy.subject.as_str(), &copy.text, copy.cut), ("Offer 1", &None, false));
    assert!(copy.html.as_ref().unwrap().contains("Hello") && !copy.html.unwrap().contains("windy"));
    assert_eq!(copy.attachments.len(), 1);
    assert_eq!((copy.attachments[0].name.as_str(), copy.attachments[0].inline), ("plan.bin", false));
    assert!(copy.changed_at.is_some());

    organisation::connect(&scene.client, &sandbox, |_| {}).await;
    scene.counts(|counts| counts.updated == 1).await;
    let copy = scene.client.sent_copy(id).await.unwrap();
    assert_eq!(copy.shows, Shows::Processed);
    assert!(copy.html.unwrap().contains("windy"));
    scene.stopped().await;
}

/// M3, T6
#[tokio::test]
async fn of_two_items_the_one_that_the_sender_stored_is_shown() {
    let scene = Scene::new().await;
    let sandbox = scene.organisation().await;
    store(&sandbox, &mail(1, "Hello")).await;
    let id = scene.submit(&mail(1, "Hello, always windy")).await;
    organisation::connect(&scene.client, &sandbox, |settings| settings.options.create_copy = true).await;
    scene.counts(|counts| counts.updated == 1).await;
    let copy = scene.client.sent_copy(id).await.unwrap();
    assert_eq!((copy.shows, copy.others), (Shows::AsSent, 1));
    assert!(!copy.html.unwrap().contains("windy"));
    scene.stopped().await;
}

/// M3
#[tokio::test]
async fn a_body_of_many_megabytes_is_cut_and_said_to_be_so() {
    let scene = Scene::new().await;
    let sandbox = scene.connected().await;
    let large = mail(1, &"<p>wïnd</p>\r\n".repeat(150_000));
    store(&sandbox, &large).await;
    let id = scene.submit(&large).await;
    let copy = scene.client.sent_copy(id).await.unwrap();
    let length = copy.html.unwrap().len();
    assert!(copy.cut && length <= MOST_OF_A_BODY && length > MOST_OF_A_BODY - 4, "{length}");
    scene.stopped().await;
}

/// W10
#[tokio::test]
async fn the_impersonation_test_is_refused_without_an_address_or_a_configuration() {
    let scene = Scene::new().await;
    let (status, problem) = refused(scene.client.test_impersonation("anna").await);
    assert_eq!((status, problem.code.as_str()), (422, "not-an-address"));
    let (status, problem) = refused(scene.client.test_impersonation(ANNA).await);
    assert_eq!((status, problem.code.as_str()), (409, "not-configured"));
    scene.stopped().await;
}

/// W10
#[tokio::test]
async fn every_trouble_of_the_impersonation_test_has_its_own_explanation() {
    let scene = Scene::new().await;
    connect_to(&scene, nobody()).await;
    let failure = scene.test(ANNA).await;
    assert_eq!((failure.concern, failure.mailbox.as_str()), (TestConcern::Server, ANNA));
    assert!(failure.what.contains("nothing listens"), "{failure:?}");

    let sandbox = scene.connected().await;
    let control = sandbox.control();
    let account = control.service_account().to_owned();
    control.withdraw_impersonation(&account).unwrap();
    let failure = scene.test(ANNA).await;
    assert_eq!(failure.concern, TestConcern::Right);
    assert!(failure.what.contains(&account) && failure.advice.iter().any(|one| one.contains("New-ManagementRole")));
    control.grant_impersonation(&account).unwrap();

    let failure = scene.test("nobody@nordwind.example").await;
    assert_eq!(failure.concern, TestConcern::Mailbox);
    assert!(failure.what.contains("No mailbox has the address"), "{failure:?}");
    let failure = scene.test("a.bergstroem@nordwind.example").await;
    assert!(failure.what.contains("not the primary address") && failure.what.contains(ANNA), "{failure:?}");
    let failure = scene.test("renate.vogel@nordwind.example").await;
    assert!(failure.what.contains("disabled"), "{failure:?}");
    control.set_state(JONAS, MailboxState::Moving).unwrap();
    assert_eq!(scene.test(JONAS).await.concern, TestConcern::Moment);

    let refuse = |code: &str, back_off_milliseconds| Fault::Refuse {
        code: code.into(),
        message: None,
        back_off_milliseconds,
        fault: Some(500),
    };
    let faults = [
        (refuse("ErrorServerBusy", Some(1000)), "alone for a while", TestConcern::Moment),
        (refuse("ErrorAccessDenied", None), "does not let", TestConcern::Right),
        (refuse("ErrorInvalidServerVersion", None), "older than", TestConcern::Server),
        (Fault::Status { status: 403, retry_after: None, executed: false }, "forbids", TestConcern::Right),
        (Fault::Status { status: 404, retry_after: None, executed: false }, "no Exchange Web", TestConcern::Server),
        (Fault::Status { status: 503, retry_after: None, executed: false }, "no requests", TestConcern::Moment),
        (Fault::Html { executed: false }, "Something else than Exchange", TestConcern::Server),
        (Fault::Truncate { bytes: Some(20) }, "broke before", TestConcern::Moment),
        (Fault::Drop { executed: false }, "broke before", TestConcern::Moment),
    ];
    for (fault, words, concern) in faults {
        control.clear_faults();
        control.add_fault(Rule::every(fault.clone())).unwrap();
        let failure = scene.test(ANNA).await;
        assert!(failure.what.contains(words) && failure.concern == concern, "{fault:?}: {failure:?}");
        assert!(!failure.details.is_empty() && !failure.advice.is_empty(), "{failure:?}");
    }
    control.clear_faults();
    control.set_password(&account, "another one".into()).unwrap();
    let failure = scene.test(ANNA).await;
    assert_eq!(failure.concern, TestConcern::Account);
    assert!(failure.what.contains("does not accept"), "{failure:?}");
    scene.stopped().await;
}

/// W10
#[tokio::test]
async fn certificate_trouble_and_silence_are_told_apart() {
    let scene = Scene::new().await;
    let sandbox = scene.organisation().await;
    // Without the authority of the sandbox.
    connect_to(&scene, Connection::manual(&sandbox.ews_url())).await;
    let failure = scene.test(ANNA).await;
    assert!(failure.what.contains("does not trust") && failure.advice[0].contains("authority"), "{failure:?}");
    connect_to(&scene, Connection::manual("https://server.that.is.invalid/EWS/Exchange.asmx")).await;
    assert!(scene.test(ANNA).await.what.contains("is not known"));

    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/EWS/Exchange.asmx", silent.local_addr().unwrap());
    let connection = Connection { allow_unencrypted: true, ..Connection::manual(&url) };
    change(&scene.client, None, |settings| {
        settings.connection = Some(connection);
        settings.limits.request_timeout = 5;
    })
    .await;
    let failure = scene.test(ANNA).await;
    assert!(failure.what.contains("no answer within 5 seconds"), "{failure:?}");
    scene.stopped().await;
}

/// W10
#[tokio::test]
async fn the_impersonation_test_works_while_updating_is_off_and_changes_nothing() {
    let scene = Scene::new().await;
    let sandbox = scene.connected().await;
    store(&sandbox, &mail(1, "Hello")).await;
    let before = sandbox.control().folder(ANNA, "sentitems").await.unwrap();
    let result = scene.client.test_impersonation(&format!(" {ANNA} ")).await.unwrap();
    assert_eq!(result, ImpersonationResult::Opened { mailbox: ANNA.into(), items: 1 });
    assert_eq!(sandbox.control().folder(ANNA, "sentitems").await.unwrap(), before);
    scene.stopped().await;
}

fn entry(id: u128, name: &str) -> ScopeEntry {
    let (id, name, domain) = (uuid::Uuid::from_u128(id), name.to_owned(), "nordwind.example".to_owned());
    ScopeEntry { id, kind: EntryKind::Group, name, domain, address: None }
}

/// S2, S4
#[tokio::test]
async fn the_scope_is_told_entry_by_entry_and_in_the_status_in_numbers() {
    let scene = Scene::new().await;
    assert!(scene.client.scope().await.unwrap().entries.is_empty());
    change(&scene.client, None, |settings| {
        let entries = vec![entry(1, "Vertrieb"), entry(2, "Board")];
        settings.scope = SendersScope { mode: ScopeMode::OnlyListed, entries, ..SendersScope::default() };
    })
    .await;
    let give_up = Instant::now() + PATIENCE;
    let report = loop {
        let report = scene.client.scope().await.unwrap();
        if report.summary.refreshed_at.is_some() {
            break report;
        }
        assert!(Instant::now() < give_up, "it stays at {report:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!((report.entries[0].name.as_str(), report.entries[0].was.as_deref()), ("Sales", Some("Vertrieb")));
    assert!(matches!(report.entries[0].state, EntryState::Resolved { members: 1, .. }), "{report:?}");
    assert!(matches!(report.entries[1].state, EntryState::Gone { .. }), "{report:?}");
    let status = scene.client.status().await.unwrap();
    assert_eq!((status.scope.resolved, status.scope.gone, status.scope.addresses), (1, 1, 1));
    assert!(status.notices.iter().any(|notice| notice.contains("no longer exists")), "{:?}", status.notices);
    while !scene.folder.path().join("data/scope.json").exists() {
        assert!(Instant::now() < give_up, "what is known is not written down");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    scene.stopped().await;
}

/// S1, S3
#[tokio::test]
async fn members_of_a_listed_group_are_updated_and_others_are_not() {
    let scene = Scene::new().await;
    let sandbox = scene.organisation().await;
    store(&sandbox, &mail(1, "Hello")).await;
    let of_jonas = String::from_utf8(mail(2, "Hello").to_vec()).unwrap().replace(ANNA, JONAS);
    organisation::connect(&scene.client, &sandbox, |settings| {
        let entries = vec![entry(1, "Sales")];
        settings.scope = SendersScope { mode: ScopeMode::OnlyListed, entries, ..SendersScope::default() };
        // Whoever comes before the directory has answered waits for so long.
        settings.schedule.error_pauses = vec![1];
    })
    .await;
    scene.submit(&mail(1, "Hello, always windy")).await;
    let skipped = scene.submit(&of_jonas.into()).await;
    scene.counts(|counts| counts.updated == 1 && counts.skipped == 1).await;
    assert_eq!(scene.client.message(skipped).await.unwrap().rule, Some(Outcome::OutOfScope));
    scene.stopped().await;
}

/// X6
#[tokio::test]
async fn the_diagnostics_are_whole_and_have_no_secret_and_no_subject() {
    let scene = Scene::new().await;
    let sandbox = scene.organisation().await;
    sandbox
        .control()
        .add_fault(Rule::every(Fault::Refuse {
            code: "ErrorVirusDetected".into(),
            message: None,
            back_off_milliseconds: None,
            fault: None,
        }))
        .unwrap();
    organisation::connect(&scene.client, &sandbox, |_| {}).await;
    scene.submit(&mail(1, "Hello")).await;
    scene.counts(|counts| counts.failed == 1).await;
    let diagnostics = scene.client.diagnostics().await.unwrap();
    assert_eq!((diagnostics.failed.len(), diagnostics.status.counts.failed), (1, 1));
    assert!(diagnostics.failed[0].reason.contains("ErrorVirusDetected"), "{:?}", diagnostics.failed);
    assert_eq!(diagnostics.settings, Settings { ..scene.client.settings().await.unwrap().0.settings });
    assert!(diagnostics.password_stored && !diagnostics.machine.system.is_empty());
    let text = serde_json::to_string(&diagnostics).unwrap();
    let account = sandbox.control().service_account().to_owned();
    let password = sandbox.control().password(&account);
    assert!(text.contains(&account));
    assert!(!text.contains(secrecy::ExposeSecret::expose_secret(&password)) && !text.contains("Offer 1"));
    scene.stopped().await;
}

/// W10, M3: the server is gone, and Autodiscover knows its successor: what a person asks finds the way, too.
#[tokio::test]
async fn what_a_person_asks_finds_the_server_that_took_over() {
    let scene = Scene::new().await;
    let sandbox = scene.connected().await;
    let id = scene.submit(&mail(1, "Hello")).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let services = vec![sandbox.autodiscover_url()];
    change(&scene.client, None, |settings| {
        let connection = settings.connection.as_mut().unwrap();
        connection.ews_url = format!("https://{free}/EWS/Exchange.asmx");
        connection.extra_roots = vec![sandbox.ca_pem().to_owned()];
        connection.autodiscover = Some(AutodiscoverSettings { services, ..AutodiscoverSettings::default() });
    })
    .await;
    let opened = scene.client.test_impersonation(ANNA).await.unwrap();
    assert_eq!(opened, ImpersonationResult::Opened { mailbox: ANNA.to_owned(), items: 0 });
    let counts = sandbox.control().statistics();
    assert!(counts.autodiscover > 0, "{counts:?}");
    let (status, problem) = refused(scene.client.sent_copy(id).await);
    assert_eq!((status, problem.code.as_str()), (404, "no-copy"));
    assert_eq!(sandbox.control().statistics().autodiscover, counts.autodiscover);
    scene.stopped().await;
    sandbox.stop().await;
}
