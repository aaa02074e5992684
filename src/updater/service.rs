//! The service as a whole: opens what it needs, runs it, and ends it in order.
//!
//! The end has an order, so that nothing is said that does not hold: the doors close first, then work under way
//! finishes within the bound that the settings give, then the queue is closed, and the local API goes last. After
//! SIGKILL there is no order at all, and the next start puts right what was left.

mod doors;
mod retention;
mod shared;
mod waker;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

pub use shared::{Doors, Shared};

use super::api;
use super::clock::Clock;
use super::dispatcher::{Dispatcher, Engine};
use super::organisation::{self, Organisation, Reach};
use super::queue::{Queue, QueueError, QueueOptions, SharedAddress, SharedError};
use super::scope::{self, Connect, Scope};
use super::settings_store::{InForce, SettingsStore, StoreError};
use crate::pipe::listener::{Access, Listener, Peer};
use crate::pipe::types::Activity;
use crate::rights;
use crate::secret::SecretStore;

/// How long requests of the local API that are under way may take when everything else has ended.
const API_ENDS_WITHIN: Duration = Duration::from_secs(3);
/// How long the doors may take to close.
const DOORS_CLOSE_WITHIN: Duration = Duration::from_secs(10);

/// What an updater is started with; everything else is in the settings.
#[derive(Debug, Clone)]
pub struct UpdaterOptions {
    /// Folder of queue, settings and password. One updater a folder.
    pub data: PathBuf,
    /// Where the local API listens: a socket's path, or a pipe's name on Windows.
    pub pipe: PathBuf,
    /// Who may use the local API.
    pub access: Access,
    /// The embedded sandbox organisation is what it works on; only shown.
    pub sandbox: bool,
    pub clock: Clock,
}

/// Why the updater could not start. Nothing was changed then.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the data folder {} can't be used: {source}; see to its rights, or give another with --data", path.display())]
    Data { path: PathBuf, source: io::Error },
    #[error("another updater works in {}; stop it first, or give this one a folder of its own with --data", path.display())]
    InUse { path: PathBuf },
    #[error("the settings in {} can't be used: {source}", path.display())]
    Settings { path: PathBuf, source: StoreError },
    #[error(transparent)]
    Queue(QueueError),
    #[error(
        "the local API can't be opened at {}: {source}; stop what is there, or give another place with --pipe",
        path.display()
    )]
    Pipe { path: PathBuf, source: io::Error },
}

/// Why the updater ended without being told to. What was accepted is on disk.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("the queue's database is damaged; start again: it is set aside then, and a fresh one takes its place")]
    Queue,
    #[error("{part} broke off ({source}): this is a defect; start again, and please report it with the log")]
    Broke { part: &'static str, source: tokio::task::JoinError },
    #[error("{part} ended by itself: this is a defect; start again, and please report it with the log")]
    Ended { part: &'static str },
}

/// A running updater.
pub struct Updater {
    shared: Arc<Shared>,
    doors: Part,
    dispatcher: Part,
    keeper: Part,
    organisation: Part,
    retention: Part,
    waker: Part,
    api: Part,
    /// Ends the local API, after everything else.
    api_ends: CancellationToken,
}

impl Updater {
    /// Starts with an engine that `make` makes for the settings in force.
    pub async fn start<E, M>(options: UpdaterOptions, make: M) -> Result<Self, StartError>
    where
        E: Engine,
        M: Fn(&InForce, &Scope) -> Result<E, String> + Send + Sync + 'static,
    {
        Self::start_with(options, Self::directory(), make).await
    }

    /// Starts with another way to the directory, too.
    pub async fn start_with<E, M>(options: UpdaterOptions, connect: Arc<Connect>, make: M) -> Result<Self, StartError>
    where
        E: Engine,
        M: Fn(&InForce, &Scope) -> Result<E, String> + Send + Sync + 'static,
    {
        Self::start_on(None, options, connect, make).await
    }

    /// Starts with this shared queue, whatever the settings say.
    pub async fn start_on<E, M>(
        queue: Option<SharedAddress>,
        options: UpdaterOptions,
        connect: Arc<Connect>,
        make: M,
    ) -> Result<Self, StartError>
    where
        E: Engine,
        M: Fn(&InForce, &Scope) -> Result<E, String> + Send + Sync + 'static,
    {
        Self::start_in(Arc::new(organisation::in_active_directory), queue, options, connect, make).await
    }

    /// Starts with another way to the organisation's configuration, too.
    pub async fn start_in<E, M>(
        reach: Arc<Reach>,
        queue: Option<SharedAddress>,
        options: UpdaterOptions,
        connect: Arc<Connect>,
        make: M,
    ) -> Result<Self, StartError>
    where
        E: Engine,
        M: Fn(&InForce, &Scope) -> Result<E, String> + Send + Sync + 'static,
    {
        let UpdaterOptions { data, pipe, access, sandbox, clock } = options;
        // It holds messages and a password.
        rights::private_folder(&data).map_err(|source| StartError::Data { path: data.clone(), source })?;
        let settings = SettingsStore::open(&data.join("settings.json"), SecretStore::new(&data))
            .map_err(|source| StartError::Settings { path: data.join("settings.json"), source })?;
        let settings = Arc::new(settings);
        let queue_options =
            QueueOptions { max_message_bytes: settings.get().settings.intake.max_message_bytes, max_pages: None };
        let queue = match (queue, &settings.get().settings.queue) {
            (Some(address), _) => Some(address),
            (None, Some(set)) => {
                Some(set.address.parse().map_err(|wrong| StartError::Queue(SharedError::Address(wrong).into()))?)
            }
            (None, None) => None,
        };
        let queue = match queue {
            Some(address) => Queue::open_shared(&data, address, clock.clone(), queue_options).await,
            None => Queue::open(&data, clock.clone(), queue_options).await,
        };
        let queue = queue.map_err(|error| match error {
            QueueError::Folder { path, source } => StartError::Data { path, source },
            QueueError::InUse { path } => StartError::InUse { path },
            other => StartError::Queue(other),
        })?;
        let listener = match Listener::bind(&pipe, access).await {
            Ok(listener) => listener,
            Err(source) => {
                queue.close().await;
                return Err(StartError::Pipe { path: pipe, source });
            }
        };

        let (activity, _) = watch::channel(Activity::NotConfigured);
        let stop = CancellationToken::new();
        // The scope knows the settings before anything is worked on.
        let scope = Scope::open(&data);
        scope.adopt(&settings.get());
        let organisation = {
            let queue = queue.clone();
            let backlog = move || {
                let counts = queue.counts();
                (counts.waiting + counts.working).unsigned_abs()
            };
            Organisation::open(&data, settings.clone(), clock.clone(), reach, backlog)
        };
        let of_organisation = organisation::Keeper::new(organisation.clone(), stop.clone());
        let keeper = scope::Keeper::new(scope.clone(), clock, settings.watch(), stop.clone(), connect);
        let of_engine = scope.clone();
        let make = move |in_force: &InForce| {
            // Nor does it work by older ones while its keeper has not noticed yet.
            of_engine.adopt(in_force);
            make(in_force, &of_engine)
        };
        let dispatcher = Dispatcher::new(queue.clone(), settings.watch(), activity.clone(), stop.clone(), make);
        let shared = Arc::new(Shared::new(queue, settings, organisation, scope, activity, stop, sandbox, data));
        let api_ends = CancellationToken::new();
        let updater = Self {
            doors: Part::spawn("the doors", doors::run(shared.clone())),
            dispatcher: Part::spawn("the dispatcher", dispatcher.run()),
            keeper: Part::spawn("the keeper of the senders' scope", keeper.run()),
            organisation: Part::spawn("the keeper of the organisation's configuration", of_organisation.run()),
            retention: Part::spawn("the retention", retention::run(shared.clone())),
            waker: Part::spawn("the waker of what waits for the scope", waker::run(shared.clone())),
            api: Part::spawn("the local API", serve(listener, shared.clone(), api_ends.clone())),
            shared,
            api_ends,
        };
        info!(
            version = env!("CARGO_PKG_VERSION"),
            data = %updater.shared.data().display(),
            pipe = %pipe.display(),
            queue = updater.shared.queue.address().as_deref().unwrap_or("embedded"),
            waiting = updater.shared.queue.counts().waiting,
            "the updater runs"
        );
        Ok(updater)
    }

    /// The way to the directory that [`Updater::start`] takes.
    #[must_use]
    pub fn directory() -> Arc<Connect> {
        Arc::new(scope::of_the_directory)
    }

    #[must_use]
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Runs until `stop` completes, then ends in order. Ends in order, too, when a part of it breaks.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> Result<(), RunError> {
        let result = tokio::select! {
            () = stop => Ok(()),
            () = self.shared.queue.ended() => Err(RunError::Queue),
            problem = self.doors.ended() => Err(problem),
            problem = self.dispatcher.ended() => Err(problem),
            problem = self.keeper.ended() => Err(problem),
            problem = self.organisation.ended() => Err(problem),
            problem = self.retention.ended() => Err(problem),
            problem = self.waker.ended() => Err(problem),
            problem = self.api.ended() => Err(problem),
        };
        if let Err(problem) = &result {
            error!(%problem, "the updater ends");
        }
        self.stop().await;
        result
    }

    /// Ends in order.
    pub async fn stop(mut self) {
        info!("the updater stops");
        self.shared.stop.cancel();
        self.doors.end_within(DOORS_CLOSE_WITHIN).await;
        self.keeper.end_within(DOORS_CLOSE_WITHIN).await;
        self.organisation.end_within(DOORS_CLOSE_WITHIN).await;
        self.retention.end_within(DOORS_CLOSE_WITHIN).await;
        self.waker.end_within(DOORS_CLOSE_WITHIN).await;
        // It keeps to the bound of the settings by itself.
        self.dispatcher.end().await;
        self.shared.queue.close().await;
        self.api_ends.cancel();
        self.api.end_within(API_ENDS_WITHIN).await;
        info!("the updater has stopped");
    }
}

/// Serves the local API until told to end. The listener goes then, and its socket with it.
async fn serve(listener: Listener, shared: Arc<Shared>, ends: CancellationToken) {
    let service = api::routes(shared).into_make_service_with_connect_info::<Peer>();
    let result = axum::serve(listener, service).with_graceful_shutdown(async move { ends.cancelled().await }).await;
    if let Err(error) = result {
        error!(%error, "the local API ended");
    }
}

/// A part of the updater that runs as long as it does.
struct Part {
    name: &'static str,
    /// None: it has ended and was seen to.
    task: Option<JoinHandle<()>>,
}

impl Part {
    fn spawn(name: &'static str, work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { name, task: Some(tokio::spawn(work)) }
    }

    /// Returns when it ends, which it should not do by itself.
    async fn ended(&mut self) -> RunError {
        let Some(task) = &mut self.task else { return std::future::pending().await };
        let result = task.await;
        self.task = None;
        match result {
            Ok(()) => RunError::Ended { part: self.name },
            Err(source) => RunError::Broke { part: self.name, source },
        }
    }

    /// Waits for its end.
    async fn end(&mut self) {
        if let Some(task) = self.task.take()
            && let Err(problem) = task.await
        {
            error!(%problem, part = self.name, "broke off while stopping");
        }
    }

    /// Waits for its end up to a bound, and breaks it off then.
    async fn end_within(&mut self, bound: Duration) {
        let Some(task) = &self.task else { return };
        let abort = task.abort_handle();
        if tokio::time::timeout(bound, self.end()).await.is_err() {
            warn!(part = self.name, "did not end in time and is broken off");
            abort.abort();
        }
    }
}

#[cfg(test)]
mod tests;
