//! The panel's connection to the updater. It finds the updater again by itself, however often it is stopped and started.

use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use crate::pipe::client::{Client, PipeError};
use crate::pipe::types::Event;

/// Pauses between attempts to connect, in milliseconds; the last one repeats.
const PAUSES: [u64; 5] = [250, 500, 1_000, 2_000, 3_000];

/// Changes are gathered for so long before the window is asked to show them: nobody reads faster, and a busy updater has
/// hundreds a second to tell.
const GATHER: Duration = Duration::from_millis(100);

/// An updater tells its status as soon as somebody listens. One that says nothing for so long does not answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What comes over the link.
#[derive(Debug)]
pub enum News {
    Told(Box<Event>),
    Lost(PipeError),
}

/// The UI's end of the link. Dropping it ends the connection.
#[derive(Debug)]
pub struct Link {
    news: mpsc::Receiver<News>,
    try_now: Arc<Notify>,
    running: tokio::task::AbortHandle,
}

impl Link {
    /// Starts connecting. `changed` is called, on a thread of the runtime, whenever there is news.
    pub fn start(runtime: &Handle, pipe: PathBuf, changed: impl Fn() + Send + Sync + 'static) -> Self {
        Self::start_with(runtime, pipe, changed, PATIENCE)
    }

    fn start_with(
        runtime: &Handle,
        pipe: PathBuf,
        changed: impl Fn() + Send + Sync + 'static,
        patience: Duration,
    ) -> Self {
        let (told, news) = mpsc::channel();
        let try_now = Arc::<Notify>::default();
        let teller = Teller { told, changed, pipe, try_now: try_now.clone(), patience };
        Self { news, try_now, running: runtime.spawn(teller.run()).abort_handle() }
    }

    /// The next news that is there already; never waits.
    pub fn poll(&self) -> Option<News> {
        self.news.try_recv().ok()
    }

    pub fn try_now(&self) {
        self.try_now.notify_one();
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.running.abort();
    }
}

struct Teller<F> {
    told: mpsc::Sender<News>,
    changed: F,
    pipe: PathBuf,
    try_now: Arc<Notify>,
    patience: Duration,
}

impl<F: Fn() + Send + Sync> Teller<F> {
    async fn run(self) {
        let (mut failures, mut last) = (0, None);
        loop {
            let why = match Client::new(&self.pipe) {
                Ok(client) => self.listen(&client, &mut failures, &mut last).await,
                Err(problem) => problem,
            };
            // The same again is no news, and no reason to draw.
            let words = why.to_string();
            if last.as_ref() != Some(&words) {
                last = Some(words);
                if self.told.send(News::Lost(why)).is_err() {
                    return;
                }
                (self.changed)();
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
    async fn listen(&self, client: &Client, failures: &mut usize, last: &mut Option<String>) -> PipeError {
        let events = match timeout(self.patience, client.events()).await {
            Ok(Ok(events)) => events,
            Ok(Err(problem)) => return problem,
            Err(_) => return PipeError::Timeout,
        };
        let mut events = pin!(events);
        let Ok(mut next) = timeout(self.patience, events.next()).await else { return PipeError::Timeout };
        let mut show_at: Option<Instant> = None;
        loop {
            match next {
                Some(Ok(event)) => {
                    *failures = 0;
                    *last = None;
                    // Nobody listens any more: the window is closing, and this task with it.
                    let _ = self.told.send(News::Told(Box::new(event)));
                    show_at.get_or_insert_with(|| Instant::now() + GATHER);
                }
                Some(Err(problem @ PipeError::NotUnderstood(_))) => return problem,
                // It stopped, or was killed: whether it is gone is found out by the next attempt.
                Some(Err(_)) | None => return PipeError::NotRunning { path: client.path().to_owned() },
            }
            next = loop {
                let due = async {
                    match show_at {
                        Some(at) => tokio::time::sleep_until(at).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    event = events.next() => break event,
                    () = due => {
                        show_at = None;
                        (self.changed)();
                    }
                }
            };
        }
    }
}

#[cfg(test)]
mod tests;
