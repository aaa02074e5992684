//! What a running service and the service manager of Windows say to each other.
//!
//! The manager calls us on a thread of its own; the work is done there, as it would be from the command line. While it
//! starts and while it stops, the manager is told again and again that it goes on, so that it grants the time.
#![allow(unsafe_code)] // what define_windows_service! writes

use std::ffi::OsString;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use windows_service::service::{
    ServiceControl, ServiceControlAccept, ServiceExitCode, ServiceState, ServiceStatus, ServiceType,
};
use windows_service::service_control_handler::{self, ServiceControlHandlerResult, ServiceStatusHandle};
use windows_service::{define_windows_service, service_dispatcher};
use windows_sys::Win32::Foundation::ERROR_FAILED_SERVICE_CONTROLLER_CONNECT;

use super::failure::Failure;
use super::run;
use crate::service::NAME;
use crate::service::event_log::{EventLog, Kind};
use crate::updater::service::Shared;

/// How often the manager hears that it goes on, and how long it may then wait for the next word.
const SAY_EVERY: Duration = Duration::from_secs(1);
const WAIT_HINT: Duration = Duration::from_secs(15);
/// After this, a start or an end hangs, and the manager is no longer told otherwise. A start may migrate a long queue.
const START_WITHIN: Duration = Duration::from_secs(150);
/// What an end takes beside the work under way: doors, queue, local API.
const END_WITHIN: Duration = Duration::from_secs(45);

type Work = fn(run::Arguments) -> Result<(), Failure>;

/// What is to be done when the manager calls.
static JOB: Mutex<Option<(run::Arguments, Work)>> = Mutex::new(None);
/// Set once the manager has called.
static CONVERSATION: OnceLock<Conversation> = OnceLock::new();

struct Conversation {
    handle: ServiceStatusHandle,
    said: Mutex<Said>,
    orders: Mutex<Option<mpsc::UnboundedReceiver<&'static str>>>,
    log: Option<Arc<EventLog>>,
}

/// What the manager was told last.
struct Said {
    state: ServiceState,
    checkpoint: u32,
    /// It goes on until then.
    until: Instant,
}

/// Does the work for the service manager if that started this process, else right here.
pub fn under_manager(arguments: run::Arguments, work: Work) -> Result<(), Failure> {
    *lock(&JOB) = Some((arguments, work));
    match service_dispatcher::start(NAME, service_main) {
        // The service has run and ended; the manager knows how.
        Ok(()) => Ok(()),
        Err(windows_service::Error::Winapi(error))
            if error.raw_os_error() == Some(ERROR_FAILED_SERVICE_CONTROLLER_CONNECT.cast_signed()) =>
        {
            let job = lock(&JOB).take();
            job.map_or(Ok(()), |(arguments, work)| work(arguments))
        }
        Err(error) => Err(Failure::new(format!("the service manager can't be talked to: {error}"))),
    }
}

define_windows_service!(service_main, serve);

/// The life of the service.
fn serve(_arguments: Vec<OsString>) {
    let Some((arguments, work)) = lock(&JOB).take() else { return };
    let (order, orders) = mpsc::unbounded_channel();
    let handler = move |control| match control {
        ServiceControl::Interrogate => ServiceControlHandlerResult::NoError,
        ServiceControl::Stop => told(&order, "the service manager"),
        ServiceControl::Preshutdown | ServiceControl::Shutdown => told(&order, "the system shuts down"),
        _ => ServiceControlHandlerResult::NotImplemented,
    };
    // Without a handle there is nobody to talk to; the manager gives up by itself.
    let Ok(handle) = service_control_handler::register(NAME, handler) else { return };
    let conversation = CONVERSATION.get_or_init(|| Conversation {
        handle,
        said: Mutex::new(Said {
            state: ServiceState::StartPending,
            checkpoint: 0,
            until: Instant::now() + START_WITHIN,
        }),
        orders: Mutex::new(Some(orders)),
        log: EventLog::open().ok().map(Arc::new),
    });
    let ended = AtomicBool::new(false);
    let result = std::thread::scope(|scope| {
        let ticker = scope.spawn(|| conversation.goes_on(&ended));
        let result = work(arguments);
        ended.store(true, Ordering::Relaxed);
        ticker.thread().unpark();
        result
    });
    conversation.ended(&result);
}

fn told(order: &mpsc::UnboundedSender<&'static str>, who: &'static str) -> ServiceControlHandlerResult {
    // Nobody listens any more when it ends already.
    let _ = order.send(who);
    ServiceControlHandlerResult::NoError
}

impl Conversation {
    /// Says that a start or an end goes on, as long as it does.
    fn goes_on(&self, ended: &AtomicBool) {
        while !ended.load(Ordering::Relaxed) {
            {
                let mut said = lock(&self.said);
                if said.state != ServiceState::Running && Instant::now() < said.until {
                    said.checkpoint += 1;
                    self.say(said.state, said.checkpoint, ServiceExitCode::Win32(0));
                }
            }
            std::thread::park_timeout(SAY_EVERY);
        }
    }

    fn change(&self, state: ServiceState, within: Duration) {
        let mut said = lock(&self.said);
        *said = Said { state, checkpoint: u32::from(state != ServiceState::Running), until: Instant::now() + within };
        self.say(state, said.checkpoint, ServiceExitCode::Win32(0));
    }

    fn say(&self, state: ServiceState, checkpoint: u32, exit_code: ServiceExitCode) {
        let pending = matches!(state, ServiceState::StartPending | ServiceState::StopPending);
        let status = ServiceStatus {
            service_type: ServiceType::OWN_PROCESS,
            current_state: state,
            controls_accepted: match state {
                ServiceState::Running => ServiceControlAccept::STOP | ServiceControlAccept::PRESHUTDOWN,
                _ => ServiceControlAccept::empty(),
            },
            exit_code,
            checkpoint,
            wait_hint: if pending { WAIT_HINT } else { Duration::ZERO },
            process_id: None,
        };
        if let Err(problem) = self.handle.set_service_status(status) {
            tracing::warn!(%problem, "the service manager does not listen");
        }
    }

    fn ended(&self, result: &Result<(), Failure>) {
        let exit_code = match result {
            Ok(()) => {
                self.report(Kind::Stopped, "The updater has stopped.");
                ServiceExitCode::Win32(0)
            }
            Err(failure) => {
                self.report(Kind::Error, &format!("The updater has ended: {failure}"));
                // Any other than 0 lets the manager start it again.
                ServiceExitCode::ServiceSpecific(failure.status as u32)
            }
        };
        // The last word: the process may be ended from here on.
        self.say(ServiceState::Stopped, 0, exit_code);
    }

    fn report(&self, kind: Kind, text: &str) {
        if let Some(log) = &self.log
            && let Err(problem) = log.report(kind, text)
        {
            tracing::warn!(%problem, "the event log can't be written");
        }
    }
}

/// Where warnings and errors are reported: when the manager started us, and the event log could be opened.
pub fn reporting() -> Option<Arc<EventLog>> {
    CONVERSATION.get()?.log.clone()
}

/// What the running updater tells the manager, if there is one.
pub struct Manager;

impl Manager {
    /// It runs and takes orders.
    #[allow(clippy::needless_pass_by_value)] // the same form as with systemd
    pub fn ready(shared: Arc<Shared>) -> Self {
        if let Some(conversation) = CONVERSATION.get() {
            conversation.change(ServiceState::Running, Duration::ZERO);
            conversation.report(
                Kind::Started,
                &format!("The updater {} runs on {}.", env!("CARGO_PKG_VERSION"), shared.data().display()),
            );
        }
        Self
    }

    /// It was told to stop, and takes up to `within` seconds for what is under way.
    #[allow(clippy::unused_self)] // the same form as with systemd
    pub fn stopping(&self, within: u32) {
        if let Some(conversation) = CONVERSATION.get() {
            let work = Duration::from_secs(within.into());
            conversation.change(ServiceState::StopPending, work + END_WITHIN);
        }
    }
}

/// What the manager orders. Nothing, for ever, where there is none.
pub struct Orders(Option<mpsc::UnboundedReceiver<&'static str>>);

pub fn orders() -> Orders {
    Orders(CONVERSATION.get().and_then(|conversation| lock(&conversation.orders).take()))
}

impl Orders {
    /// Who wants it to stop.
    pub async fn next(&mut self) -> &'static str {
        match &mut self.0 {
            Some(orders) => match orders.recv().await {
                Some(order) => order,
                None => std::future::pending().await,
            },
            None => std::future::pending().await,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
