//! One life of an updater: queue, dispatcher and engine, in a runtime of their own that ends with them.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, join_all};
use sent_items_update::pipe::types::{Activity, Filter};
use sent_items_update::sandbox::control::Control;
use sent_items_update::sandbox::faults::{Fault, Rule as FaultRule};
use sent_items_update::updater::boundaries::{Boundaries, Boundary, Operation, Watch};
use sent_items_update::updater::clock::Clock;
use sent_items_update::updater::dispatcher::Dispatcher;
use sent_items_update::updater::engine::MailboxEngine;
use sent_items_update::updater::gate::Gate;
use sent_items_update::updater::intake::{Accept as _, Received, Source, Unusable};
use sent_items_update::updater::queue::{Queue, QueueError, QueueOptions, Retry, SharedAddress};
use sent_items_update::updater::scope::Scope;
use sent_items_update::updater::settings_store::InForce;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::scenario::{Scenario, Stored};
use crate::world::{Case, World};

/// How an updater ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// What was written is there.
    Kill,
    /// What was not flushed to disk is gone, too. From a shared queue, the whole computer: another updater takes over.
    PowerCut,
}

/// When it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// At a boundary, when it is passed for the nth time (from 1).
    At { boundary: Boundary, nth: usize, how: How },
    /// When so many boundaries have been passed.
    After { passings: usize, how: How },
    /// While the nth request of an operation is under way; it takes effect so many milliseconds later.
    UnderWay { operation: Operation, nth: usize, late: u64 },
}

impl Crash {
    fn how(self) -> How {
        match self {
            Self::At { how, .. } | Self::After { how, .. } => how,
            Self::UnderWay { .. } => How::Kill,
        }
    }
}

/// How a life ended.
pub struct Life {
    /// Else it did all that there was to do.
    pub crashed: Option<Crash>,
    /// What it passed.
    pub passed: Vec<Boundary>,
}

/// Watches the boundaries, and ends the updater at one.
struct Death {
    crash: Option<Crash>,
    state: Mutex<State>,
    dead: watch::Sender<bool>,
    control: Control,
    folder: PathBuf,
}

#[derive(Default)]
struct State {
    passed: Vec<Boundary>,
    dead: bool,
}

impl Death {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn passings(&self) -> usize {
        self.state().passed.len()
    }

    /// Whether this is the end.
    fn strikes(self: &Arc<Self>, state: &State, at: Boundary) -> bool {
        let times = |boundary: Boundary| state.passed.iter().filter(|passed| **passed == boundary).count();
        match self.crash {
            None => false,
            Some(Crash::At { boundary, nth, .. }) => at == boundary && times(boundary) == nth,
            Some(Crash::After { passings, .. }) => state.passed.len() == passings,
            Some(Crash::UnderWay { operation, nth, late }) => {
                if at == Boundary::RequestToSend(operation) && times(at) == nth {
                    self.end_when_it_has_arrived(operation, late);
                }
                false
            }
        }
    }

    /// The request goes, and the end comes once the server has it.
    fn end_when_it_has_arrived(self: &Arc<Self>, operation: Operation, late: u64) {
        let delay = FaultRule::every(Fault::Delay { milliseconds: late }).on(&format!("{operation:?}")).times(1);
        let rule = self.control.add_fault(delay).unwrap();
        let death = self.clone();
        std::thread::spawn(move || {
            let give_up = Instant::now() + Duration::from_secs(5);
            let arrived = || death.control.faults().iter().any(|one| one.id == rule && one.struck > 0);
            while !arrived() && Instant::now() < give_up {
                std::thread::sleep(Duration::from_micros(200));
            }
            death.state().dead = true;
            death.dead.send_replace(true);
        });
    }

    fn snapshot(&self) {
        if self.crash.is_some_and(|crash| crash.how() == How::PowerCut) {
            save(&self.folder, &self.folder.join("on-disk"));
        }
    }
}

/// The database as it is on disk. Its only writer waits meanwhile.
fn save(folder: &Path, to: &Path) {
    let _ = std::fs::create_dir(to);
    for name in ["queue.sqlite", "queue.sqlite-wal"] {
        if folder.join(name).exists() {
            std::fs::copy(folder.join(name), to.join(name)).unwrap();
        } else {
            let _ = std::fs::remove_file(to.join(name));
        }
    }
}

/// The handle that the updater gets.
struct Watcher(Arc<Death>);

impl Watch for Watcher {
    fn passing(&self, at: Boundary) -> BoxFuture<'_, ()> {
        let mut state = self.0.state();
        if !state.dead {
            state.passed.push(at);
            state.dead = self.0.strikes(&state, at);
            if !state.dead {
                if at == Boundary::CommittedToDisk {
                    self.0.snapshot();
                }
                return Box::pin(std::future::ready(()));
            }
            if at == Boundary::CommittedToDisk {
                self.0.snapshot();
            }
            self.0.dead.send_replace(true);
        }
        // The dead do not move.
        Box::pin(std::future::pending())
    }
}

/// Another updater of a shared queue, at work all the while.
pub struct Beside {
    passings: Arc<AtomicUsize>,
    stop: CancellationToken,
    thread: JoinHandle<Result<(), String>>,
}

/// Counts what it passes.
struct Counting(Arc<AtomicUsize>);

impl Watch for Counting {
    fn passing(&self, _: Boundary) -> BoxFuture<'_, ()> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::ready(()))
    }
}

impl Beside {
    pub fn start(open: Open) -> Self {
        let (passings, stop) = (Arc::<AtomicUsize>::default(), CancellationToken::new());
        let boundaries = Boundaries::watched(Arc::new(Counting(passings.clone())));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let queue = open.queue(boundaries.clone()).await;
                let queue = queue.map_err(|error| format!("the other's queue does not open: {error}"))?;
                let running = tokio::spawn(open.dispatcher(&queue, &boundaries, stopped));
                running.await.map_err(|broken| format!("the other's dispatcher broke: {broken}"))?;
                queue.close().await;
                Ok(())
            })
        });
        Self { passings, stop, thread }
    }

    fn passings(&self) -> usize {
        self.passings.load(Ordering::Relaxed)
    }

    /// It stops in order.
    pub fn stop(self) -> Result<(), String> {
        self.stop.cancel();
        self.thread.join().map_err(|_| "the other updater broke".to_owned())?
    }
}

/// Lives until all is done, or until the crash.
pub fn live(world: &World, case: &mut Case, crash: Option<Crash>, beside: Option<&Beside>) -> Result<Life, String> {
    case.lives += 1;
    let death = Arc::new(Death {
        crash,
        state: Mutex::default(),
        dead: watch::Sender::new(false),
        control: world.control.clone(),
        folder: case.folder.clone(),
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut dead = death.dead.subscribe();
    let ended = runtime.block_on(async {
        tokio::select! {
            biased;
            _ = dead.wait_for(|dead| *dead) => None,
            result = tokio::time::timeout(Duration::from_secs(60), work(world, case, death.clone(), beside)) => Some(result),
        }
    });
    // Whatever ran in it is no more.
    drop(runtime);
    let passed = std::mem::take(&mut death.state().passed);
    match ended {
        Some(Ok(Ok(()))) => Ok(Life { crashed: None, passed }),
        Some(Ok(Err(problem))) => Err(problem),
        Some(Err(_)) => Err(format!("it does not end; passed {passed:?}")),
        None => {
            if crash.is_some_and(|crash| crash.how() == How::PowerCut) {
                case.folder = after_the_power_cut(&case.folder, case.lives);
                // A computer takes longer to start than Exchange for what it was asked before.
                world.settle();
            }
            Ok(Life { crashed: crash, passed })
        }
    }
}

/// A folder with what is left.
fn after_the_power_cut(folder: &Path, lives: usize) -> PathBuf {
    let name = folder.file_name().unwrap().to_str().unwrap().split('-').next().unwrap();
    let left = folder.with_file_name(format!("{name}-{lives}"));
    std::fs::create_dir(&left).unwrap();
    let saved = folder.join("on-disk");
    if saved.is_dir() {
        save(&saved, &left);
    }
    let spool = left.join("spool");
    std::fs::create_dir(&spool).unwrap();
    for file in std::fs::read_dir(folder.join("spool")).into_iter().flatten().flatten() {
        std::fs::copy(file.path(), spool.join(file.file_name())).unwrap();
    }
    left
}

/// An updater's queue, and what it takes to run its dispatcher.
pub struct Open {
    folder: PathBuf,
    address: Option<SharedAddress>,
    clock: Clock,
    scenario: Scenario,
    in_force: InForce,
}

impl Open {
    /// The updater that has a life.
    pub fn of(world: &World, case: &Case) -> Self {
        Self::in_folder(&case.folder, world, case)
    }

    /// One with a folder.
    pub fn in_folder(folder: &Path, world: &World, case: &Case) -> Self {
        Self {
            folder: folder.to_owned(),
            address: world.database.as_ref().map(|database| database.address.clone()),
            clock: case.clock.clone(),
            scenario: case.scenario.clone(),
            in_force: world.in_force.clone(),
        }
    }

    pub async fn queue(&self, boundaries: Boundaries) -> Result<Queue, QueueError> {
        let options = QueueOptions { max_message_bytes: 1 << 24, max_pages: None };
        let clock = self.clock.clone();
        match &self.address {
            None => Queue::open_watched(&self.folder, clock, options, boundaries).await,
            Some(address) => {
                Queue::open_shared_watched(&self.folder, address.clone(), clock, options, boundaries).await
            }
        }
    }

    pub fn dispatcher(
        &self,
        queue: &Queue,
        boundaries: &Boundaries,
        stop: CancellationToken,
    ) -> impl Future<Output = ()> + use<> {
        let (scenario, mut in_force) = (&self.scenario, self.in_force.clone());
        in_force.settings.options = scenario.options;
        in_force.settings.schedule.not_found_pauses = vec![1];
        in_force.settings.schedule.error_pauses = vec![1];
        if scenario.stored == Stored::BeforeTheRetry {
            in_force.settings.schedule.give_up_after = 3;
        }
        let (settings, received) = watch::channel(Arc::new(in_force));
        let (activity, _) = watch::channel(Activity::NotConfigured);
        let boundaries = boundaries.clone();
        let make = move |in_force: &InForce| {
            MailboxEngine::new(in_force, &Scope::of(in_force)).map(|engine| engine.watched(boundaries.clone()))
        };
        let dispatcher = Dispatcher::new(queue.clone(), received, activity, stop, make);
        async move {
            dispatcher.run().await;
            drop(settings);
        }
    }
}

async fn work(world: &World, case: &Case<'_>, death: Arc<Death>, beside: Option<&Beside>) -> Result<(), String> {
    let scenario = case.scenario;
    let boundaries = Boundaries::watched(Arc::new(Watcher(death.clone())));
    let open = Open::of(world, case);
    let queue = open.queue(boundaries.clone()).await.map_err(|error| format!("the queue does not open: {error}"))?;
    if !queue.set_aside().is_empty() {
        return Err("the queue was taken for damaged and set aside".to_owned());
    }
    death.snapshot();
    if scenario.standby {
        let second = open.queue(Boundaries::default()).await;
        if !matches!(second, Err(QueueError::InUse { .. })) {
            return Err("two updaters have one folder".to_owned());
        }
    }
    let stop = CancellationToken::new();
    let dispatcher = || tokio::spawn(open.dispatcher(&queue, &boundaries, stop.clone()));
    let mut running = None;
    if !scenario.all_first {
        running = Some(dispatcher());
    }
    hand_over(case, &queue).await?;
    let running = running.unwrap_or_else(dispatcher);
    let passings = || death.passings() + beside.map_or(0, Beside::passings);
    finish(world, case, &queue, &passings).await?;
    stop.cancel();
    running.await.map_err(|broken| format!("the dispatcher broke: {broken}"))?;
    queue.close().await;
    Ok(())
}

/// Hands over what was not acknowledged yet, in its order, as a signature program does after a broken connection.
async fn hand_over(case: &Case<'_>, queue: &Queue) -> Result<(), String> {
    let gate = Gate::new(queue.clone());
    for (at, mail) in case.scenario.processed.iter().enumerate() {
        let open: Vec<usize> = {
            let acknowledged = case.acknowledged.lock().unwrap();
            (0..case.scenario.times).filter(|time| !acknowledged[at][*time]).collect()
        };
        let mime = mail.mime(case.number);
        let all = join_all(open.into_iter().map(async |time| {
            let mut writer = queue.spool().writer();
            writer.write(&mime).map_err(|error| error.to_string())?;
            let received = Received { content: writer.finish(), source: Source::Api, unusable: Unusable::Refuse };
            let accepted = gate.accept(received).await.map_err(|error| format!("not accepted: {error}"));
            accepted.map(|_| case.acknowledged.lock().unwrap()[at][time] = true)
        }));
        all.await.into_iter().collect::<Result<Vec<()>, String>>()?;
    }
    Ok(())
}

/// Until everything has its outcome, and what a person does meanwhile is done.
async fn finish(world: &World, case: &Case<'_>, queue: &Queue, passings: &impl Fn() -> usize) -> Result<(), String> {
    let scenario = case.scenario;
    settle(world, queue, &case.clock, passings, async || {
        world.quiet(case);
        if scenario.stored == Stored::Late {
            world.store(case).await;
        }
    })
    .await?;
    if scenario.stored == Stored::BeforeTheRetry {
        world.store(case).await;
        queue.retry(Retry::AllFailed).await.map_err(|error| error.to_string())?;
        settle(world, queue, &case.clock, passings, async || world.quiet(case)).await?;
    }
    // Once some may have been forgotten, the list is no longer complete.
    if case.rows.lock().unwrap().is_none() {
        let filter = Filter { limit: Some(1000), ..Filter::default() };
        let rows = queue.list(&filter).await.map_err(|error| error.to_string())?;
        *case.rows.lock().unwrap() = Some(rows);
    }
    if scenario.forgotten {
        queue.purge(i64::MAX).await.map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Until nothing waits. Whenever nothing happens, neither here nor on the server, time goes on; `quiet` is called before
/// that.
async fn settle(
    world: &World,
    queue: &Queue,
    clock: &Clock,
    passings: &impl Fn() -> usize,
    quiet: impl AsyncFn(),
) -> Result<(), String> {
    let mut counts = queue.watch_counts();
    let mut advanced = 0;
    loop {
        let now = *counts.borrow_and_update();
        if now.waiting + now.working == 0 {
            return Ok(());
        }
        let before = passings();
        if tokio::time::timeout(world.moment(), counts.changed()).await.is_err()
            && passings() == before
            && world.control.statistics().in_flight == 0
        {
            quiet().await;
            // Longer and longer, so that long pauses are over soon; less than a lease.
            clock.advance(Duration::from_secs((1 << advanced.min(5_u32)).min(30)));
            advanced += 1;
            if advanced > 2_000 {
                return Err(format!("nothing comes to an end: {now:?}"));
            }
        }
    }
}
