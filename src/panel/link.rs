//! The panel's connection to the updater, on a thread of its own. It finds the updater again by itself, however
//! often it is stopped and started.

use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::state::State;
use crate::pipe::client::{Client, PipeError};

/// Pauses between attempts to connect, in milliseconds; the last one repeats.
const PAUSES: [u64; 5] = [250, 500, 1_000, 2_000, 3_000];

/// Changes are gathered for so long before they are shown: nobody reads faster, and a busy updater has hundreds a
/// second to tell.
const GATHER: Duration = Duration::from_millis(100);

/// The UI's end of the link.
pub struct Link {
    shown: Arc<Mutex<State>>,
    try_now: Arc<Notify>,
}

impl Link {
    /// Starts connecting. `changed` is called, on the link's thread, whenever there is something new to show.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(pipe: PathBuf, changed: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        let link = Self { shown: Arc::default(), try_now: Arc::default() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (shown, try_now) = (link.shown.clone(), link.try_now.clone());
        let background = Background { state: State::default(), shown, try_now, changed };
        std::thread::Builder::new().name("link".to_owned()).spawn(move || runtime.block_on(background.run(&pipe)))?;
        Ok(link)
    }

    /// The newest state.
    pub fn state(&self) -> State {
        // Whoever panicked with the lock held was only copying.
        self.shown.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    pub fn try_now(&self) {
        self.try_now.notify_one();
    }
}

struct Background<F> {
    state: State,
    shown: Arc<Mutex<State>>,
    try_now: Arc<Notify>,
    changed: F,
}

impl<F: Fn()> Background<F> {
    async fn run(mut self, pipe: &std::path::Path) {
        let mut failures = 0;
        loop {
            let why = match Client::new(pipe) {
                Ok(client) => self.listen(&client, &mut failures).await,
                Err(problem) => problem,
            };
            if self.state.lost(&why) {
                self.show();
            }
            let pause = Duration::from_millis(PAUSES[failures.min(PAUSES.len() - 1)]);
            failures += 1;
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.try_now.notified() => {}
            }
        }
    }

    /// Follows the events until the connection ends.
    async fn listen(&mut self, client: &Client, failures: &mut usize) -> PipeError {
        let events = match client.events().await {
            Ok(events) => events,
            Err(problem) => return problem,
        };
        let mut events = pin!(events);
        let mut show_at: Option<Instant> = None;
        loop {
            let due = async {
                match show_at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                event = events.next() => match event {
                    Some(Ok(event)) => {
                        *failures = 0;
                        if self.state.heard(event) {
                            show_at.get_or_insert_with(|| Instant::now() + GATHER);
                        }
                    }
                    Some(Err(problem @ PipeError::NotUnderstood(_))) => return problem,
                    // It stopped, or was killed: whether it is gone is found out by the next attempt.
                    Some(Err(_)) | None => return PipeError::NotRunning { path: client.path().to_owned() },
                },
                () = due => {
                    show_at = None;
                    self.show();
                }
            }
        }
    }

    fn show(&self) {
        *self.shown.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = self.state.clone();
        (self.changed)();
    }
}
