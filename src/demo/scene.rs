//! Plays the demo.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use secrecy::ExposeSecret as _;
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::check::{self, Ends};
use super::doors::{Door, Doors};
use super::{DemoError, DemoOptions, Played, Report, pages};
use crate::pipe::client::Client;
use crate::pipe::listener::Access;
use crate::pipe::types::{Event, Filter, Listed, SettingsChange, State};
use crate::sandbox::control::{Control, ControlError, ItemFilter, StoredItem};
use crate::sandbox::organisation::{SampleMessage, Stored};
use crate::sandbox::{Sandbox, SandboxOptions};
use crate::settings::{Account, Connection, IntakeSettings, PickupSettings, Schedule, Settings, SmtpSettings};
use crate::updater::clock::Clock;
use crate::updater::engine::MailboxEngine;
use crate::updater::service::{Updater, UpdaterOptions};

/// How long all of it may take from when messages are handed over, on the slowest computer.
const PATIENCE: Duration = Duration::from_mins(3);

/// When the updater gives a message up whose copy never comes, in seconds. Not before every copy that comes has been
/// found, however long that takes: until then it waits longer than the demo does.
const GIVE_UP_AFTER: u64 = 12;

/// Folders of the demo, beside the pages.
const ORGANISATION: &str = "organisation";
const UPDATER: &str = "updater";
const PICKUP: &str = "pickup";
const JUDGE: &str = "judge";

/// Plays the demo to its end.
///
/// # Errors
/// When it can't be played. That something did not end as it should is no error but in the report.
pub async fn run(options: DemoOptions) -> Result<Report, DemoError> {
    let progress = options.progress;
    let stage = Stage::new(options.keep)?;
    progress.step("The sandbox organisation opens.");
    let sandbox = Sandbox::start(SandboxOptions::new(stage.folder.join(ORGANISATION))).await?;
    let result = play(&stage, &sandbox, progress).await;
    sandbox.stop().await;
    progress.clear();
    stage.tidy(result.is_ok());
    result
}

async fn play(stage: &Stage, sandbox: &Sandbox, progress: super::Progress) -> Result<Report, DemoError> {
    let control = sandbox.control();
    control.seed().await?;
    progress.step("The updater starts.");
    let updater = Updater::start(
        UpdaterOptions {
            data: stage.folder.join(UPDATER),
            pipe: stage.pipe.clone(),
            access: Access::default(),
            sandbox: true,
            clock: Clock::system(),
        },
        MailboxEngine::new,
    )
    .await?;
    let (stop, told) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(updater.run(async { drop(told.await) }));
    let report = with_updater(stage, sandbox, progress).await;
    drop(stop);
    // Why it ended, if not because it was told to, is in its log.
    let _ = running.await;
    report
}

async fn with_updater(stage: &Stage, sandbox: &Sandbox, progress: super::Progress) -> Result<Report, DemoError> {
    let control = sandbox.control();
    let client = Client::new(&stage.pipe)?;
    configure(&client, sandbox, &stage.pickup).await?;
    let doors = Arc::new(Doors { smtp: smtp_door(&client).await?, client, pickup: stage.pickup.clone() });
    let mut acts = acts(control).await?;
    // Nothing that happens from here on is missed.
    let mut events = pin!(doors.client.events().await?);
    control.reset_statistics();

    progress.step("Processed messages are handed over.");
    let mut handing = JoinSet::new();
    for (at, act) in acts.iter().enumerate() {
        handing.spawn(hand_over(at, act.clone(), doors.clone(), control.clone()));
    }
    let all: usize = acts.iter().map(|act| act.copies.len()).sum();
    let never: usize = acts.iter().filter(|act| act.sample.stored == Stored::Never).map(|act| act.copies.len()).sum();
    let (mut rows, mut waits) = (BTreeMap::new(), true);
    let give_up = tokio::time::sleep(PATIENCE);
    tokio::pin!(give_up);
    while !handing.is_empty() || ended(&acts, &rows) < all {
        if waits && handing.is_empty() && ended(&acts, &rows) >= all - never {
            give_up_soon(&doors.client).await?;
            waits = false;
        }
        tokio::select! {
            () = &mut give_up => break,
            Some(handed) = handing.join_next() => {
                let (at, act) = handed.unwrap_or_else(|broken| std::panic::resume_unwind(broken.into_panic()))?;
                acts[at] = act;
            }
            event = events.next() => match event {
                Some(Ok(Event::Message(row))) => {
                    rows.insert(row.id, row.clone());
                    if has_ended(&row) {
                        progress.ended(rows.values().filter(|row| has_ended(row)).count(), all, &row);
                    }
                }
                Some(Ok(Event::Missed { .. })) => rows = list(&doors.client).await?,
                Some(Ok(_)) => {}
                Some(Err(problem)) => return Err(problem.into()),
                None => break,
            },
        }
    }

    progress.step("The mailboxes are read back.");
    let requests = control.statistics().ews();
    let mut messages = Vec::new();
    let mut shown = Vec::new();
    let judge = check::Judge::open(&stage.folder.join(JUDGE)).await?;
    for act in &acts {
        let after = act.found(control).await?;
        let rows = act.rows(&rows);
        let expected = judge.as_exchange_shows(control, &act.sample).await?;
        let ends = Ends { sample: &act.sample, rows: &rows, before: act.before.as_ref(), after: &after };
        let problems = ends.problems(&expected);
        for ((copy, row), problems) in act.copies.iter().zip(&rows).zip(problems) {
            messages.push(Played {
                name: act.sample.name.clone(),
                subject: row.map_or_else(String::new, |row| row.subject.clone()),
                door: copy.door,
                listed: row.cloned(),
                problems,
            });
        }
        shown.push(pages::Pair::gather(control, act, after, &rows).await?);
    }
    let page = pages::write(&stage.pages, &control.organisation().name, &shown)
        .map_err(|source| DemoError::Folder { path: stage.pages.clone(), source })?;
    Ok(Report { messages, requests, page })
}

/// How many of the copies that are known have ended.
fn ended(acts: &[Act], rows: &BTreeMap<i64, Listed>) -> usize {
    acts.iter().flat_map(|act| act.rows(rows)).filter(|row| row.is_some_and(has_ended)).count()
}

fn has_ended(row: &Listed) -> bool {
    matches!(row.state, State::Updated | State::Skipped | State::Failed)
}

async fn list(client: &Client) -> Result<BTreeMap<i64, Listed>, DemoError> {
    let filter = Filter { limit: Some(1000), ..Filter::default() };
    Ok(client.messages(&filter).await?.into_iter().map(|row| (row.id, row)).collect())
}

/// Through the local API, as the panel does.
async fn configure(client: &Client, sandbox: &Sandbox, pickup: &Path) -> Result<(), DemoError> {
    let account = sandbox.control().service_account().to_owned();
    let password = sandbox.control().password(&account);
    let settings = Settings {
        enabled: true,
        connection: Some(Connection {
            extra_roots: vec![sandbox.ca_pem().to_owned()],
            ..Connection::manual(&sandbox.ews_url())
        }),
        account: Some(Account { user: account }),
        intake: IntakeSettings {
            smtp: Some(SmtpSettings { listen: ([127, 0, 0, 1], 0).into(), allow_remote: false }),
            pickup: Some(PickupSettings { folder: pickup.to_owned() }),
            ..IntakeSettings::default()
        },
        // Nobody wants to watch for a day.
        schedule: Schedule {
            not_found_pauses: vec![1],
            error_pauses: vec![1],
            give_up_after: 2 * PATIENCE.as_secs(),
            ..Schedule::default()
        },
        ..Settings::default()
    };
    let (_, version) = client.settings().await?;
    let change = SettingsChange { settings, password: Some(password.expose_secret().into()) };
    client.change_settings(&change, &version).await?;
    Ok(())
}

/// Whatever has no copy by now gets none.
async fn give_up_soon(client: &Client) -> Result<(), DemoError> {
    let (document, version) = client.settings().await?;
    let mut settings = document.settings;
    settings.schedule.give_up_after = GIVE_UP_AFTER;
    client.change_settings(&SettingsChange { settings, password: None }, &version).await?;
    Ok(())
}

/// The SMTP door's address, once it is open: the system chose its port.
async fn smtp_door(client: &Client) -> Result<String, DemoError> {
    let mut events = pin!(client.events().await?);
    let opened = async {
        while let Some(event) = events.next().await {
            if let Event::Status(status) = event?
                && let Some(door) = status.smtp
                && door.problem.is_none()
                && !door.place.ends_with(":0")
            {
                return Ok(door.place);
            }
        }
        Err(DemoError::DoorClosed("SMTP door"))
    };
    tokio::time::timeout(PATIENCE, opened).await.unwrap_or(Err(DemoError::DoorClosed("SMTP door")))
}

/// A sample message on its way.
#[derive(Clone)]
pub(super) struct Act {
    pub sample: SampleMessage,
    pub message_id: Option<String>,
    /// What the client stores.
    pub original: bytes::Bytes,
    /// The client's copy before the updater came to it; none when the client never stores one.
    pub before: Option<StoredItem>,
    pub copies: Vec<Copy>,
}

/// A processed copy of it.
#[derive(Clone)]
pub(super) struct Copy {
    pub content: bytes::Bytes,
    pub door: Door,
    message_id: Option<String>,
    /// Number in the queue, as far as the door told it.
    id: Option<i64>,
}

impl Act {
    /// Everything in the mailbox with the message's Message-ID.
    async fn found(&self, control: &Control) -> Result<Vec<StoredItem>, DemoError> {
        let filter = ItemFilter { message_id: self.message_id.clone(), ..ItemFilter::default() };
        match control.items(&self.sample.mailbox, &filter).await {
            // One of the senders has none, to show what comes of that.
            Err(ControlError::NoMailbox(_)) => Ok(Vec::new()),
            found => Ok(found?),
        }
    }

    /// What the updater recorded of each copy.
    pub fn rows<'r>(&self, rows: &'r BTreeMap<i64, Listed>) -> Vec<Option<&'r Listed>> {
        let row = |copy: &Copy| match copy.id {
            Some(id) => rows.get(&id),
            None => rows.values().find(|row| {
                row.source == copy.door.source() && row.message_id == copy.message_id.as_deref().unwrap_or_default()
            }),
        };
        self.copies.iter().map(row).collect()
    }
}

/// What is to be played, with the mailboxes as they are before.
async fn acts(control: &Control) -> Result<Vec<Act>, DemoError> {
    let organisation = control.organisation();
    let mut acts = Vec::new();
    for (at, sample) in organisation.messages.iter().enumerate() {
        let original = organisation.original(sample)?;
        let copies = sample.processed.iter().map(|copy| {
            let content = organisation.processed(copy)?;
            let message_id = message_id(&content);
            let door = door(at, sample, message_id.as_deref());
            Ok(Copy { content, door, message_id, id: None })
        });
        let copies = copies.collect::<Result<_, DemoError>>()?;
        let sample = sample.clone();
        let mut act = Act { sample, message_id: message_id(&original), original, before: None, copies };
        if act.sample.stored == Stored::Before {
            act.before = act.found(control).await?.pop();
        }
        acts.push(act);
    }
    Ok(acts)
}

/// All doors in turn. Copies of a split message keep their order only through a door that answers each in turn, and
/// only the doors that a person does not wait at take what can't be used.
fn door(at: usize, sample: &SampleMessage, message_id: Option<&str>) -> Door {
    const DOORS: [Door; 4] = [Door::Api, Door::Smtp, Door::Pickup, Door::Journal];
    match (sample.processed.len(), message_id) {
        (_, None) => Door::Smtp,
        (1, _) => DOORS[at % DOORS.len()],
        _ => Door::Api,
    }
}

/// By another reader than the updater's own.
fn message_id(message: &[u8]) -> Option<String> {
    let headers = mail_parser::MessageParser::new().parse_headers(message)?;
    headers.message_id().map(|id| format!("<{id}>"))
}

/// Hands all copies over, and lets the client store its own when its time has come.
async fn hand_over(at: usize, mut act: Act, doors: Arc<Doors>, control: Control) -> Result<(usize, Act), DemoError> {
    for (number, copy) in act.copies.iter_mut().enumerate() {
        let name = format!("{}-{number}", act.sample.name);
        let handed = doors.hand_over(copy.door, &name, copy.content.clone()).await;
        let failed = |problem| DemoError::HandOver { message: act.sample.name.clone(), door: copy.door, problem };
        copy.id = handed.map_err(failed)?;
    }
    if let Stored::After(seconds) = act.sample.stored {
        tokio::time::sleep(Duration::from_secs(seconds.into())).await;
        control.organisation().store_original(control.store(), &act.sample).await?;
        act.before = act.found(&control).await?.pop();
    }
    Ok((at, act))
}

/// The folders that the demo uses.
struct Stage {
    folder: PathBuf,
    pickup: PathBuf,
    pages: PathBuf,
    pipe: PathBuf,
    /// The pipe's own folder: the path of a socket has room for some hundred characters only.
    _pipe_folder: TempDir,
    /// Everything but the pages goes in the end.
    temporary: bool,
}

impl Stage {
    fn new(keep: Option<PathBuf>) -> Result<Self, DemoError> {
        let temporary = keep.is_none();
        let unusable = |path: &Path| {
            let path = path.to_owned();
            move |source| DemoError::Folder { path, source }
        };
        let system = std::env::temp_dir();
        let folder = match keep {
            Some(folder) => std::path::absolute(&folder).map_err(unusable(&folder))?,
            None => tempfile::Builder::new().prefix("siu-demo-").tempdir().map_err(unusable(&system))?.keep(),
        };
        std::fs::create_dir_all(&folder).map_err(unusable(&folder))?;
        if std::fs::read_dir(&folder).map_err(unusable(&folder))?.next().is_some() {
            return Err(DemoError::NotEmpty(folder));
        }
        let pickup = folder.join(PICKUP);
        std::fs::create_dir(&pickup).map_err(unusable(&pickup))?;
        let pipe_folder = tempfile::Builder::new().prefix("siu-").tempdir().map_err(unusable(&system))?;
        let pipe = if cfg!(windows) {
            PathBuf::from(format!(r"\\.\pipe\sent-items-update-demo-{}", std::process::id()))
        } else {
            pipe_folder.path().join("updater.sock")
        };
        Ok(Self { pages: folder.join("pages"), folder, pickup, pipe, _pipe_folder: pipe_folder, temporary })
    }

    /// Of what nobody asked to keep, only the pages stay, if there are any.
    fn tidy(&self, played: bool) {
        let _ = std::fs::remove_dir_all(self.folder.join(JUDGE));
        if self.temporary && played {
            for name in [ORGANISATION, UPDATER, PICKUP] {
                let _ = std::fs::remove_dir_all(self.folder.join(name));
            }
        } else if self.temporary {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}
