//! Over the pipe, as every client has it.

use std::sync::Arc;

use secrecy::SecretString;
use uuid::Uuid;

use crate::organisation::Registration;
use crate::organisation::in_memory::{InMemory, Lost};
use crate::pipe::client::{Client, PipeError};
use crate::pipe::listener::Access;
use crate::pipe::types::{Event, Join, JoinSignIn, Leave, Outcome, Rule, SettingsChange, Source};
use crate::settings::{Account, Connection, DirectorySettings, Settings};
use crate::updater::clock::Clock;
use crate::updater::dispatcher::{Attempt, Engine};
use crate::updater::organisation::Reach;
use crate::updater::queue::Job;
use crate::updater::service::{Updater, UpdaterOptions};

struct Idle;

impl Engine for Idle {
    async fn attempt(&self, _: &Job) -> Attempt {
        Attempt::Finished(Outcome::new(Rule::UpdatedInPlace, ""))
    }
}

struct Computer {
    folder: tempfile::TempDir,
    updater: Updater,
    client: Client,
}

async fn computer(directory: &InMemory) -> Computer {
    started(tempfile::tempdir().unwrap(), directory).await
}

async fn started(folder: tempfile::TempDir, directory: &InMemory) -> Computer {
    let published = directory.clone();
    let reach: Arc<Reach> = Arc::new(move |_, _| Ok(Arc::new(published.clone())));
    let pipe = folder.path().join("pipe.sock");
    let options = UpdaterOptions {
        data: folder.path().join("data"),
        pipe: pipe.clone(),
        access: Access::default(),
        sandbox: false,
        clock: Clock::system(),
    };
    let updater = Updater::start_in(reach, None, options, Updater::directory(), |_, _| Ok(Idle)).await.unwrap();
    Computer { folder, updater, client: Client::new(&pipe).unwrap() }
}

fn join() -> Join {
    Join {
        organisation: Uuid::from_u128(7),
        directory: DirectorySettings { domain: "corp.example".into(), ..DirectorySettings::default() },
        place: None,
        sign_in: JoinSignIn::Service,
    }
}

fn configured() -> Settings {
    Settings {
        enabled: true,
        connection: Some(Connection::manual("https://mail.corp.example/EWS/Exchange.asmx")),
        account: Some(Account { user: "svc@corp.example".into() }),
        ..Settings::default()
    }
}

impl Computer {
    async fn register(&self, directory: &InMemory) {
        let own = self.client.organisation().await.unwrap().own;
        directory.world().register(Registration {
            format: 1,
            id: own.id,
            name: own.name,
            key: own.key,
            account: "SRV1$".into(),
            registered_by: "CORP\\admin".into(),
            registered_at: jiff::Timestamp::UNIX_EPOCH,
        });
    }

    async fn set(&self, settings: Settings, password: Option<&str>) -> Result<(), PipeError> {
        let (_, version) = self.client.settings().await?;
        let change = SettingsChange { settings, password: password.map(SecretString::from) };
        self.client.change_settings(&change, &version).await.map(drop)
    }
}

/// How a request was refused: status, code, and whether the same may succeed later.
fn refused<T: std::fmt::Debug>(result: Result<T, PipeError>) -> (u16, String, bool) {
    match result.unwrap_err() {
        PipeError::Refused { status, problem } => (status, problem.code, problem.temporary),
        other => panic!("{other}"),
    }
}

/// P1: from the first panel to the second updater, over the pipes of both; then its restart without a directory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_set_at_one_updater_is_in_force_at_the_other() {
    let directory = InMemory::default();
    let (one, two) = (computer(&directory).await, computer(&directory).await);
    one.set(configured(), Some("Zebra-7")).await.unwrap();
    one.register(&directory).await;
    one.client.join_organisation(&join()).await.unwrap();
    two.register(&directory).await;
    let report = two.client.join_organisation(&join()).await.unwrap();
    assert_eq!(report.joined.unwrap().updaters.len(), 2);
    one.client.seal_organisation().await.unwrap();
    two.client.seal_organisation().await.unwrap();
    let (document, _) = two.client.settings().await.unwrap();
    assert_eq!((document.settings, document.password_stored), (configured(), true));
    let status = two.client.status().await.unwrap();
    assert_eq!((status.configuration.source, status.configuration.problem), (Source::Directory, None));
    assert_eq!(status.account.as_deref(), Some("svc@corp.example"));

    directory.world().away = true;
    two.updater.stop().await;
    let two = started(two.folder, &directory).await;
    let (document, _) = two.client.settings().await.unwrap();
    assert_eq!((document.settings, document.password_stored), (configured(), true));
    one.updater.stop().await;
    two.updater.stop().await;
}

/// P1: panels hear of it without asking.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_listens_is_told_when_the_configuration_changes() {
    use futures_util::StreamExt as _;
    let directory = InMemory::default();
    let (one, two) = (computer(&directory).await, computer(&directory).await);
    for computer in [&one, &two] {
        computer.register(&directory).await;
        computer.client.join_organisation(&join()).await.unwrap();
    }
    let mut events = std::pin::pin!(two.client.events().await.unwrap());
    one.set(configured(), Some("Zebra-7")).await.unwrap();
    two.client.seal_organisation().await.unwrap();
    let version = loop {
        match events.next().await.unwrap().unwrap() {
            Event::Status(status) if status.configuration.version.is_some() => break status.configuration.version,
            _ => {}
        }
    };
    assert_eq!(version, Some(1));
    one.updater.stop().await;
    two.updater.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_refusal_has_a_name_and_says_whether_it_may_go_by() {
    let directory = InMemory::default();
    let one = computer(&directory).await;
    assert_eq!(refused(one.client.publish_organisation().await), (409, "membership".into(), false));
    assert_eq!(refused(one.client.join_organisation(&join()).await), (409, "not-registered".into(), false));
    let mut wrong = join();
    wrong.directory.domain = "ldap://corp".into();
    assert_eq!(refused(one.client.join_organisation(&wrong).await), (422, "settings-wrong".into(), false));
    one.register(&directory).await;
    directory.world().away = true;
    assert_eq!(refused(one.client.join_organisation(&join()).await), (503, "directory".into(), true));
    assert_eq!(one.client.organisation().await.unwrap().joined, None, "nothing was kept");
    directory.world().away = false;
    one.client.join_organisation(&join()).await.unwrap();
    let other = Join { organisation: Uuid::nil(), ..join() };
    assert_eq!(refused(one.client.join_organisation(&other).await), (409, "membership".into(), false));
    one.set(configured(), Some("Zebra-7")).await.unwrap();

    directory.world().away = true;
    let off = Settings { enabled: false, ..configured() };
    assert_eq!(refused(one.set(off.clone(), None).await), (503, "directory".into(), true));
    directory.world().away = false;
    directory.world().lost = Some(Lost::Before);
    assert_eq!(refused(one.set(off.clone(), None).await), (504, "outcome-unknown".into(), false));
    directory.world().put("{");
    assert_eq!(refused(one.set(off.clone(), None).await), (409, "published-refused".into(), false));
    one.client.publish_organisation().await.unwrap();
    one.set(off, None).await.unwrap();

    let report = one.client.leave_organisation(&Leave { forget_secret: true }).await.unwrap();
    assert_eq!((report.source, report.joined), (Source::File, None));
    assert!(!one.client.settings().await.unwrap().0.password_stored);
    one.updater.stop().await;
}
