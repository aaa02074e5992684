//! What goes on in the background for the main window, and how its results come into the state.

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
    page: Option<(u64, Answer<Vec<Listed>>)>,
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

/// Takes the result of a task that has ended.
fn take<T>(task: &mut Option<Task<T>>) -> Option<T> {
    match task.as_mut()?.poll() {
        Polled::Running => None,
        Polled::Ready(result) => {
            *task = None;
            Some(result)
        }
        Polled::Gone => {
            *task = None;
            None
        }
    }
}

impl Work {
    /// Brings results into the state, and starts what follows from it.
    pub fn poll(&mut self, state: &mut State, background: &Background, pipe: &Client) {
        if let Some((generation, page)) = &mut self.page {
            let generation = *generation;
            match page.poll() {
                Polled::Running => {}
                Polled::Ready(Ok(page)) => {
                    state.messages.page(generation, page);
                    self.page = None;
                }
                Polled::Ready(Err(why)) => {
                    state.messages.page_failed(generation, sentence(&why.to_string()));
                    self.page = None;
                }
                Polled::Gone => self.page = None,
            }
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
                Err(why) => Fetched::Failed(sentence(&why.to_string())),
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
                Err(why) => Notice::problem(format!("Nothing was retried. {}", sentence(&why.to_string()))),
            });
        }
        let started = self.start.as_mut().map(Task::poll);
        if let Some(Polled::Ready(_) | Polled::Gone) = started {
            self.start = None;
        }
        match started {
            // The link says when it answers.
            Some(Polled::Ready(Ok(()))) => state.starting = Starting::No,
            Some(Polled::Ready(Err(why))) => state.starting = Starting::Failed(why),
            Some(Polled::Gone) => state.starting = Starting::Failed("The start broke off.".to_owned()),
            Some(Polled::Running) | None => {}
        }
        if let Some(result) = take(&mut self.samples) {
            let (samples, notice) = match result {
                Ok(sent) => (Samples::Sent, Notice::done(format!("{sent} sample messages were handed over."))),
                Err(why) => (Samples::Here, Notice::problem(why.to_string())),
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
        if self.page.as_ref().is_some_and(|(asked, _)| *asked == generation) {
            return;
        }
        let (pipe, filter) = (pipe.clone(), state.messages.next_page());
        let task = background.task(async move { pipe.messages(&filter).await });
        self.page = Some((generation, task));
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
