//! What goes on in the background for the main window, and how its results come into the state.

use std::fmt::Display;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use jiff::Timestamp;

use crate::panel::background::{Background, Polled, Task};
use crate::panel::sandbox::RehearsalError;
use crate::panel::start;
use crate::panel::state::{Fetched, Notice, Preview, Samples, Shown, Side, Starting, State};
use crate::panel::style::{grouped, sentence};
use crate::pipe::client::{Client, PipeError};
use crate::pipe::types::{Listed, Retried, Series};

/// A busy updater's plot is counted anew at the most so often.
const PLOT_PAUSE: Duration = Duration::from_secs(5);

/// The plot moves on with the time, so often.
const PLOT_MOVES: Duration = Duration::from_secs(60);

type Answer<T> = Task<Result<T, PipeError>>;
type Content = Task<Result<Result<Shown, String>, PipeError>>;

/// Everything under way.
#[derive(Default)]
pub(super) struct Work {
    page: Option<Answer<Vec<Listed>>>,
    /// Which list the page belongs to.
    page_of: u64,
    processed: Option<Content>,
    copy: Option<Content>,
    plot: Option<Answer<Series>>,
    /// The plot under way is only to move on with the time.
    plot_waits: bool,
    plotted: Option<Instant>,
    retry: Option<Answer<Retried>>,
    start: Option<Task<Result<(), String>>>,
    samples: Option<Task<Result<usize, RehearsalError>>>,
}

/// What is said of work that ended without a result: it panicked.
const BROKE_OFF: &str = "It broke off: this is a defect; please report it with the log.";

/// Takes the result of a task that has ended, an error as a sentence.
fn take<T, E: Display>(task: &mut Option<Task<Result<T, E>>>) -> Option<Result<T, String>> {
    let result = match task.as_mut()?.poll() {
        Polled::Running => return None,
        Polled::Ready(result) => result.map_err(|why| sentence(&why.to_string())),
        Polled::Gone => Err(BROKE_OFF.to_owned()),
    };
    *task = None;
    Some(result)
}

impl Work {
    /// Brings results into the state, and starts what follows from it.
    pub fn poll(&mut self, state: &mut State, background: &Background, pipe: &Client) {
        match take(&mut self.page) {
            Some(Ok(page)) => state.messages.page(self.page_of, page),
            Some(Err(why)) => state.messages.page_failed(self.page_of, why),
            None => {}
        }
        if let (Some(result), Some(preview)) = (take(&mut self.processed), &mut state.preview) {
            preview.processed = Fetched::of(result);
        }
        if let (Some(result), Some(preview)) = (take(&mut self.copy), &mut state.preview) {
            preview.copy = Fetched::of(result);
        }
        if let Some(result) = take(&mut self.plot) {
            self.plotted = Some(Instant::now());
            state.plot.series = match result {
                Ok(series) => Fetched::There(series),
                Err(why) => Fetched::Failed(why),
            };
            self.plot_after(state, background, pipe, PLOT_MOVES);
            self.plot_waits = true;
        }
        if let Some(result) = take(&mut self.retry) {
            state.retrying = false;
            state.notices.tell(match result {
                Ok(Retried { messages: 1 }) => Notice::done("The message is tried again."),
                Ok(Retried { messages }) => {
                    let messages = grouped(i64::try_from(messages).unwrap_or(i64::MAX));
                    Notice::done(format!("{messages} messages are tried again."))
                }
                Err(why) => Notice::problem(format!("Nothing was retried. {why}")),
            });
        }
        match take(&mut self.start) {
            // The link says when it answers.
            Some(Ok(())) => state.starting = Starting::No,
            Some(Err(why)) => state.starting = Starting::Failed(why),
            None => {}
        }
        if let Some(result) = take(&mut self.samples) {
            let (samples, notice) = match result {
                Ok(sent) => (Samples::Sent, Notice::done(format!("{sent} sample messages were handed over."))),
                Err(why) => (Samples::Here, Notice::problem(why)),
            };
            state.notices.tell(notice);
            state.samples(samples);
        }
        if state.status().is_some() {
            if !state.messages.loaded() && state.messages.problem().is_none() {
                self.more(state, background, pipe);
            }
            if state.plot.series == Fetched::Not {
                state.plot.series = Fetched::Underway;
                self.plot_after(state, background, pipe, Duration::ZERO);
            }
        }
    }

    /// The next page, unless it is on its way already.
    pub fn more(&mut self, state: &State, background: &Background, pipe: &Client) {
        let generation = state.messages.generation();
        if self.page.is_some() && self.page_of == generation {
            return;
        }
        let (pipe, filter) = (pipe.clone(), state.messages.next_page());
        self.page_of = generation;
        self.page = Some(background.task(async move { pipe.messages(&filter).await }));
    }

    pub fn select(&mut self, state: &mut State, background: &Background, pipe: &Client, id: Option<i64>) {
        state.messages.select(id);
        self.copy = None;
        self.processed = None;
        let side = state.preview.take().map_or(Side::default(), |preview| preview.side);
        let Some(id) = id else { return };
        state.preview = Some(Preview::new(id));
        let client = pipe.clone();
        self.processed = Some(background.task(async move {
            let raw = client.content(id).await?;
            let read = tokio::task::spawn_blocking(move || Shown::processed(raw)).await;
            Ok(read.unwrap_or_else(|_| Err("The message is such that reading it broke off.".to_owned())))
        }));
        if side == Side::SentCopy {
            self.look(state, background, pipe, side);
        }
    }

    /// Shows a side of the selected message; fetches it unless it is there.
    pub fn look(&mut self, state: &mut State, background: &Background, pipe: &Client, side: Side) {
        let Some(preview) = &mut state.preview else { return };
        let (id, client) = (preview.id, pipe.clone());
        let again = preview.side == side && matches!(preview.shown(), Fetched::Failed(_));
        preview.side = side;
        match side {
            Side::Processed if again => self.select(state, background, pipe, Some(id)),
            Side::SentCopy if again || preview.copy == Fetched::Not => {
                preview.copy = Fetched::Underway;
                self.copy = Some(background.task(async move {
                    let copy = client.sent_copy(id).await?;
                    Ok(Ok(Shown::sent_copy(copy)))
                }));
            }
            Side::Processed | Side::SentCopy => {}
        }
    }

    /// The numbers have changed: the plot follows soon.
    pub fn counted(&mut self, state: &State, background: &Background, pipe: &Client) {
        if self.plot.is_none() || self.plot_waits {
            let since = self.plotted.map_or(PLOT_PAUSE, |plotted| plotted.elapsed());
            self.plot_after(state, background, pipe, PLOT_PAUSE.saturating_sub(since));
        }
    }

    pub fn plot_after(&mut self, state: &State, background: &Background, pipe: &Client, pause: Duration) {
        let (pipe, span) = (pipe.clone(), state.plot.span);
        self.plot_waits = false;
        self.plot = Some(background.task(async move {
            tokio::time::sleep(pause).await;
            pipe.series(&span.query(Timestamp::now())).await
        }));
    }

    /// One message, or all that failed.
    pub fn retry(&mut self, state: &mut State, background: &Background, pipe: &Client, id: Option<i64>) {
        if state.retrying {
            return;
        }
        state.retrying = true;
        let pipe = pipe.clone();
        self.retry = Some(background.task(async move {
            match id {
                Some(id) => pipe.retry(id).await,
                None => pipe.retry_failed().await,
            }
        }));
    }

    pub fn start(&mut self, state: &mut State, background: &Background, pipe: &Client) {
        if state.starting != Starting::Underway {
            state.starting = Starting::Underway;
            self.start =
                Some(background.task(start::start(pipe.clone()).map(|ended| ended.map_err(|why| why.to_string()))));
        }
    }

    /// The task that sends the sandbox's samples, when there is a sandbox.
    pub fn send_samples(&mut self, state: &mut State, task: Option<Task<Result<usize, RehearsalError>>>) {
        if task.is_some() && self.samples.is_none() {
            self.samples = task;
            state.samples(Samples::Underway);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// M2: whatever breaks in the background is said, and its button works again.
    #[tokio::test]
    async fn work_that_breaks_off_is_told_on_the_screen() {
        let (woken, wakes) = std::sync::mpsc::channel();
        let background = Background::new(tokio::runtime::Handle::current(), move || {
            let _ = woken.send(());
        });
        let pipe = Client::new(std::path::Path::new("/nonexistent/updater.sock")).unwrap();
        let mut state = State { retrying: true, ..State::default() };
        let retry = background.task(async { panic!("as a defect would") });
        let mut work = Work { retry: Some(retry), ..Work::default() };
        tokio::task::spawn_blocking(move || wakes.recv()).await.unwrap().unwrap();
        work.poll(&mut state, &background, &pipe);
        assert!(!state.retrying);
        assert!(format!("{:?}", state.notices).contains("Nothing was retried. It broke off"), "{:?}", state.notices);
    }
}
