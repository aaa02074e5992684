use std::path::Path;
use std::sync::Mutex;

use jiff::Timestamp;

use super::*;
use crate::pipe::client::{Client, PipeError};
use crate::pipe::listener::Access;
use crate::pipe::types::{Counts, Outcome, Rule, SettingsChange, Status};
use crate::settings::{Account, Connection, Settings};
use crate::updater::dispatcher::Attempt;
use crate::updater::queue::Job;

/// The parts' common ground without the parts, with a clock that stands still.
pub(super) async fn shared() -> (tempfile::TempDir, Arc<Shared>) {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(Timestamp::from_second(1_700_000_000).unwrap());
    let options = QueueOptions { max_message_bytes: 1 << 20, max_pages: None };
    let queue = Queue::open(folder.path(), clock, options).await.unwrap();
    let settings = SettingsStore::open(&folder.path().join("settings.json"), SecretStore::new(folder.path())).unwrap();
    let settings = Arc::new(settings);
    let reach: Arc<Reach> = Arc::new(organisation::in_active_directory);
    let organisation = Organisation::open(folder.path(), settings.clone(), queue.clock().clone(), reach, || 0);
    let scope = Scope::of(&settings.get());
    let activity = watch::Sender::new(Activity::NotConfigured);
    let data = folder.path().to_owned();
    (
        folder,
        Arc::new(Shared::new(queue, settings, organisation, scope, activity, CancellationToken::new(), false, data)),
    )
}

pub(super) async fn change(shared: &Shared, settings: Settings) {
    let change = SettingsChange { settings, password: None };
    shared.settings.change(change, &shared.settings.get().version).await.unwrap();
}

/// Updates everything, or waits for ever for some of it.
struct Easy {
    done: Arc<Mutex<Vec<String>>>,
}

impl Engine for Easy {
    async fn attempt(&self, job: &Job) -> Attempt {
        if job.message_id.starts_with("<slow") {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        if job.message_id.starts_with("<stuck") {
            std::future::pending::<()>().await;
        }
        self.done.lock().unwrap().push(job.message_id.clone());
        Attempt::Finished(Outcome::new(Rule::UpdatedInPlace, ""))
    }
}

struct Scene {
    folder: tempfile::TempDir,
    clock: Clock,
    client: Client,
    done: Arc<Mutex<Vec<String>>>,
    stop: tokio::sync::oneshot::Sender<()>,
    running: tokio::task::JoinHandle<Result<(), RunError>>,
}

fn options(folder: &Path, clock: &Clock) -> UpdaterOptions {
    UpdaterOptions {
        data: folder.join("data"),
        pipe: folder.join("pipe.sock"),
        access: Access::default(),
        sandbox: true,
        clock: clock.clone(),
    }
}

fn easy(done: &Arc<Mutex<Vec<String>>>) -> impl Fn(&InForce, &Scope) -> Result<Easy, String> + Send + Sync + 'static {
    let done = done.clone();
    move |_, _| Ok(Easy { done: done.clone() })
}

impl Scene {
    async fn new() -> Self {
        Self::in_folder(tempfile::tempdir().unwrap(), Clock::system()).await
    }

    async fn in_folder(folder: tempfile::TempDir, clock: Clock) -> Self {
        let done = Arc::default();
        let updater = Updater::start(options(folder.path(), &clock), easy(&done)).await.unwrap();
        let (stop, told) = tokio::sync::oneshot::channel();
        let running = tokio::spawn(updater.run(async { drop(told.await) }));
        let client = Client::new(&folder.path().join("pipe.sock")).unwrap();
        Self { folder, clock, client, done, stop, running }
    }

    async fn configure(&self) {
        let (read, version) = self.client.settings().await.unwrap();
        let settings = Settings {
            enabled: true,
            connection: Some(Connection::manual("https://mail/EWS/Exchange.asmx")),
            account: Some(Account { user: "svc@x".into() }),
            ..read.settings
        };
        let mut settings = settings;
        settings.limits.stop_within = 2;
        let change = SettingsChange { settings, password: Some("secret".into()) };
        self.client.change_settings(&change, &version).await.unwrap();
    }

    async fn submit(&self, id: &str) -> i64 {
        self.client.submit(message(id)).await.unwrap().id
    }

    async fn counts(&self, wanted: Counts) -> Status {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
        loop {
            let status = self.client.status().await.unwrap();
            if status.counts == wanted {
                return status;
            }
            assert!(tokio::time::Instant::now() < deadline, "the counts stay at {:?}", status.counts);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn stopped(self) -> (tempfile::TempDir, Clock) {
        let _ = self.stop.send(());
        self.running.await.unwrap().unwrap();
        (self.folder, self.clock)
    }
}

fn message(id: &str) -> Vec<u8> {
    format!("From: anna@x\r\nTo: b@y\r\nSubject: Test\r\nMessage-ID: {id}\r\n\r\nHello\r\n").into_bytes()
}

/// T3
#[tokio::test]
async fn messages_are_kept_while_nothing_is_configured_and_updated_once_it_is() {
    let scene = Scene::new().await;
    scene.submit("<1@x>").await;
    let status = scene.counts(Counts { waiting: 1, ..Counts::default() }).await;
    assert_eq!((status.activity, status.sandbox, status.notices.len()), (Activity::NotConfigured, true, 0));
    scene.configure().await;
    let status = scene.counts(Counts { updated: 1, ..Counts::default() }).await;
    assert_eq!((status.activity, status.account.as_deref()), (Activity::On, Some("svc@x")));
    scene.stopped().await;
}

/// U8
#[tokio::test]
async fn a_stop_finishes_what_is_under_way_leaves_the_rest_queued_and_removes_the_socket_last() {
    let scene = Scene::new().await;
    scene.configure().await;
    scene.submit("<slow@x>").await;
    scene.submit("<stuck@x>").await;
    scene.counts(Counts { working: 2, ..Counts::default() }).await;
    let done = scene.done.clone();
    let (folder, clock) = scene.stopped().await;
    assert_eq!(*done.lock().unwrap(), ["<slow@x>"]);
    assert!(!folder.path().join("pipe.sock").exists());
    let queue_options = QueueOptions { max_message_bytes: 1 << 20, max_pages: None };
    let queue = Queue::open(&folder.path().join("data"), clock, queue_options).await.unwrap();
    assert_eq!(queue.counts(), Counts { waiting: 1, updated: 1, ..Counts::default() });
}

#[tokio::test]
async fn while_it_stops_it_tells_its_status_and_accepts_nothing() {
    let scene = Scene::new().await;
    scene.configure().await;
    scene.submit("<stuck@x>").await;
    scene.counts(Counts { working: 1, ..Counts::default() }).await;
    let client = scene.client.clone();
    let stopping = tokio::spawn(scene.stopped());
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        // Large, so that it is still being sent when it is refused.
        let mut large = message("<late@x>");
        large.resize(4_000_000, b'x');
        match client.submit(large).await {
            Err(PipeError::Refused { status: 503, problem }) => {
                assert!(problem.temporary && problem.code == "stopping");
                break;
            }
            Ok(receipt) => assert!(!receipt.duplicate || tokio::time::Instant::now() < deadline),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(client.status().await.unwrap().counts.working, 1);
    stopping.await.unwrap();
}

#[tokio::test]
async fn a_second_updater_on_the_same_folder_or_pipe_is_refused_in_words() {
    let scene = Scene::new().await;
    let refused = |options| async { Updater::start(options, easy(&Arc::default())).await.err().unwrap().to_string() };
    let same = options(scene.folder.path(), &scene.clock);
    let problem = refused(UpdaterOptions { pipe: scene.folder.path().join("other.sock"), ..same.clone() }).await;
    assert!(problem.contains("another updater works in") && problem.contains("--data"), "{problem}");
    let other = scene.folder.path().join("other");
    let problem = refused(UpdaterOptions { data: other.clone(), ..same.clone() }).await;
    assert!(problem.contains("another updater listens there") && problem.contains("--pipe"), "{problem}");
    // And the folder of the one that was refused is free again.
    let free = UpdaterOptions { data: other, pipe: scene.folder.path().join("third.sock"), ..same };
    Updater::start(free, easy(&Arc::default())).await.unwrap().stop().await;
    scene.stopped().await;
}

#[tokio::test]
async fn settings_that_are_not_understood_are_left_alone_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path(), &Clock::system());
    std::fs::create_dir(&options.data).unwrap();
    let file = options.data.join("settings.json");
    std::fs::write(&file, "{\"schedule\": {\"give_up_after\": 0}}").unwrap();
    let problem = Updater::start(options, easy(&Arc::default())).await.err().unwrap().to_string();
    assert!(problem.contains("settings.json") && problem.contains("schedule.give_up_after"), "{problem}");
    assert!(file.exists());
}

#[tokio::test]
async fn a_queue_that_was_damaged_is_told_in_the_status_until_it_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("queue.sqlite"), vec![7; 10_000]).unwrap();
    let mut scene = Scene::in_folder(folder, Clock::system()).await;
    let notices = scene.client.status().await.unwrap().notices;
    assert!(notices.iter().any(|notice| notice.contains("damaged-queue-")), "{notices:?}");
    let (folder, clock) = scene.stopped().await;
    for entry in std::fs::read_dir(&data).unwrap().flatten() {
        if entry.file_name().to_string_lossy().starts_with("damaged-queue-") {
            std::fs::remove_dir_all(entry.path()).unwrap();
        }
    }
    scene = Scene::in_folder(folder, clock).await;
    let notices = scene.client.status().await.unwrap().notices;
    assert!(!notices.iter().any(|notice| notice.contains("damaged-queue-")), "{notices:?}");
    scene.stopped().await;
}

#[tokio::test]
async fn finished_messages_are_forgotten_after_the_days_that_the_settings_give() {
    let clock = Clock::manual(Timestamp::from_second(1_700_000_000).unwrap());
    let scene = Scene::in_folder(tempfile::tempdir().unwrap(), clock).await;
    scene.configure().await;
    scene.submit("<1@x>").await;
    scene.counts(Counts { updated: 1, ..Counts::default() }).await;
    for _ in 0..30 {
        scene.clock.advance(Duration::from_hours(24));
        scene.counts(Counts { updated: 1, ..Counts::default() }).await;
    }
    scene.clock.advance(Duration::from_hours(24));
    scene.counts(Counts::default()).await;
    scene.stopped().await;
}

#[tokio::test]
async fn a_message_that_grows_beyond_the_limit_is_refused_with_the_reason_while_it_is_still_being_sent() {
    let scene = Scene::new().await;
    let (read, version) = scene.client.settings().await.unwrap();
    let mut settings = read.settings;
    settings.intake.max_message_bytes = 2_000_000;
    scene.client.change_settings(&SettingsChange { settings, password: None }, &version).await.unwrap();
    let mut large = message("<large@x>");
    large.resize(30_000_000, b'x');
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        match scene.client.submit(large.clone()).await {
            Err(PipeError::Refused { status: 413, problem }) => {
                assert!(problem.message.contains("2000000 bytes") && !problem.temporary, "{problem:?}");
                break;
            }
            // The change of the limit goes round in a moment.
            Ok(_) => assert!(tokio::time::Instant::now() < deadline),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(std::fs::read_dir(scene.folder.path().join("data/spool")).unwrap().count(), 0);
    scene.stopped().await;
}

#[cfg(unix)]
#[tokio::test]
async fn the_data_folder_is_made_for_the_updater_alone_and_one_open_to_others_is_told() {
    use std::os::unix::fs::PermissionsExt as _;
    let scene = Scene::new().await;
    let data = scene.folder.path().join("data");
    assert_eq!(std::fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    let (folder, clock) = scene.stopped().await;
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o755)).unwrap();
    let scene = Scene::in_folder(folder, clock).await;
    assert!(scene.client.status().await.unwrap().notices[0].contains("Other users can look into"));
    scene.stopped().await;
}

fn door_settings(smtp: std::net::SocketAddr, pickup: &Path) -> Settings {
    let mut settings = Settings::default();
    settings.intake.smtp = Some(crate::settings::SmtpSettings { listen: smtp, allow_remote: false });
    settings.intake.pickup = Some(crate::settings::PickupSettings { folder: pickup.to_owned() });
    settings
}

impl Scene {
    async fn set(&self, settings: Settings) {
        let version = self.client.settings().await.unwrap().1;
        self.client.change_settings(&SettingsChange { settings, password: None }, &version).await.unwrap();
    }

    async fn shows(&self, wanted: impl Fn(&Status) -> bool) -> Status {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
        loop {
            let status = self.client.status().await.unwrap();
            if wanted(&status) {
                return status;
            }
            assert!(tokio::time::Instant::now() < deadline, "the status stays at {status:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// U2
#[tokio::test]
async fn messages_come_in_by_smtp_and_the_pickup_folder_as_soon_as_the_settings_open_them() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let scene = Scene::new().await;
    let pickup = scene.folder.path().join("pickup");
    std::fs::create_dir(&pickup).unwrap();
    scene.set(door_settings("127.0.0.1:0".parse().unwrap(), &pickup)).await;
    let open = |status: &Status| status.smtp.is_some() && status.pickup.is_some();
    let status = scene.shows(|status| open(status) && !status.smtp.as_ref().unwrap().place.ends_with(":0")).await;
    std::fs::write(pickup.join("new.tmp"), message("<pickup@x>")).unwrap();
    std::fs::rename(pickup.join("new.tmp"), pickup.join("new.eml")).unwrap();

    let mut smtp = tokio::net::TcpStream::connect(&status.smtp.unwrap().place).await.unwrap();
    let text = String::from_utf8(message("<smtp@x>")).unwrap();
    let said = format!("EHLO x\r\nMAIL FROM:<anna@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n{text}.\r\nQUIT\r\n");
    smtp.write_all(said.as_bytes()).await.unwrap();
    let mut heard = String::new();
    smtp.read_to_string(&mut heard).await.unwrap();
    assert!(heard.lines().rev().nth(1).unwrap().starts_with("250"), "{heard}");
    scene.counts(Counts { waiting: 2, ..Counts::default() }).await;

    scene.set(Settings::default()).await;
    scene.shows(|status| status.smtp.is_none() && status.pickup.is_none()).await;
    scene.stopped().await;
}

#[tokio::test]
async fn a_door_that_can_not_open_is_told_in_the_status_and_the_updater_goes_on() {
    let scene = Scene::new().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nowhere = scene.folder.path().join("nowhere");
    scene.set(door_settings(taken.local_addr().unwrap(), &nowhere)).await;
    let problem = |door: &Option<crate::pipe::types::DoorStatus>| door.clone().and_then(|door| door.problem);
    let status = scene.shows(|status| problem(&status.smtp).is_some() && problem(&status.pickup).is_some()).await;
    assert_eq!(problem(&status.smtp).unwrap(), "another program listens on this port already");
    assert!(problem(&status.pickup).unwrap().contains("nowhere"), "{status:?}");
    scene.submit("<1@x>").await;
    drop(taken);
    std::fs::create_dir(&nowhere).unwrap();
    scene.shows(|status| problem(&status.smtp).is_none()).await;
    scene.stopped().await;
}
