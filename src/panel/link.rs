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

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::panel::state;
    use crate::pipe::types::{Outcome, Rule};
    use crate::updater::clock::Clock;
    use crate::updater::dispatcher::{Attempt, Engine};
    use crate::updater::queue::Job;
    use crate::updater::service::{Updater, UpdaterOptions};

    struct Idle;

    impl Engine for Idle {
        async fn attempt(&self, _: &Job) -> Attempt {
            Attempt::Finished(Outcome::new(Rule::UpdatedInPlace, ""))
        }
    }

    async fn start(folder: &std::path::Path) -> Updater {
        let (data, pipe) = (folder.join("data"), folder.join("pipe.sock"));
        let options = UpdaterOptions { data, pipe, sandbox: false, clock: Clock::system() };
        Updater::start(options, |_, _| Ok(Idle)).await.unwrap()
    }

    /// Waits until the link shows this; it tells each change.
    async fn shows(link: &Link, changes: &mpsc::Receiver<()>, wanted: impl Fn(&state::Link) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !wanted(&link.state().link) {
            assert!(Instant::now() < deadline, "it stays at {:?}", link.state().link);
            if changes.try_recv().is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }

    /// M2
    #[tokio::test(flavor = "multi_thread")]
    async fn the_updater_is_found_again_by_itself_however_often_it_stops() {
        let folder = tempfile::tempdir().unwrap();
        let (told, changes) = mpsc::channel();
        // What a link shows before its first try, which its own thread makes at once.
        assert_eq!(State::default().link, state::Link::Connecting);
        let link = Link::start(folder.path().join("pipe.sock"), move || {
            let _ = told.send(());
        })
        .unwrap();
        shows(&link, &changes, |link| matches!(link, state::Link::NotRunning { .. })).await;
        for _ in 0..2 {
            let updater = start(folder.path()).await;
            link.try_now();
            shows(&link, &changes, |link| matches!(link, state::Link::Connected(_))).await;
            let message = "From: a@x\r\nMessage-ID: <1@x>\r\n\r\n";
            Client::new(&folder.path().join("pipe.sock")).unwrap().submit(message).await.unwrap();
            let counted =
                |link: &state::Link| matches!(link, state::Link::Connected(status) if status.counts.waiting == 1);
            shows(&link, &changes, counted).await;
            updater.stop().await;
            shows(&link, &changes, |link| matches!(link, state::Link::NotRunning { .. })).await;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_busy_updater_is_shown_a_few_times_a_second_and_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let updater = start(folder.path()).await;
        let (told, changes) = mpsc::channel();
        let link = Link::start(folder.path().join("pipe.sock"), move || {
            let _ = told.send(());
        })
        .unwrap();
        let client = Client::new(&folder.path().join("pipe.sock")).unwrap();
        let began = Instant::now();
        for number in 0..200 {
            client.submit(format!("From: a@x\r\nMessage-ID: <{number}@x>\r\n\r\n")).await.unwrap();
        }
        let counted =
            |link: &state::Link| matches!(link, state::Link::Connected(status) if status.counts.waiting == 200);
        let deadline = began + Duration::from_secs(20);
        while !counted(&link.state().link) {
            assert!(Instant::now() < deadline, "{:?}", link.state().link);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let most = began.elapsed().as_millis() / GATHER.as_millis() + 2;
        let shown = changes.try_iter().count();
        assert!(shown > 0 && shown as u128 <= most, "shown {shown} times, at most {most} expected");
        updater.stop().await;
    }
}
