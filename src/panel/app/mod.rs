//! Ties link, state and views together: draws, and sees to what is wanted. It never waits.

mod open;
mod view;
mod work;

use std::path::PathBuf;
use std::sync::Arc;

use eframe::egui::{self, Ui};
use jiff::Timestamp;

pub use view::{Surroundings, View};

use super::background::Background;
use super::files::Files;
use super::link::{Link, News};
use super::main_window;
use super::sandbox::{self, Rehearsal};
use super::session::Connect;
use super::state::{Intent, Samples, Sandbox, State};
use crate::pipe::client::{Client, PipeError};
use crate::pipe::types::Event;

pub const TITLE: &str = "Sent Items Update";

/// What the panel is started with.
pub struct Start {
    /// Where the updater listens.
    pub pipe: PathBuf,
    pub connect: Arc<dyn Connect>,
    pub files: Arc<dyn Files>,
    /// The embedded organisation and its updater, to be run with the panel.
    pub rehearsal: Option<Rehearsal>,
}

/// The panel without its window.
pub struct Panel {
    state: State,
    background: Background,
    link: Link,
    pipe: Client,
    connect: Arc<dyn Connect>,
    files: Arc<dyn Files>,
    rehearsal: Option<sandbox::Running>,
    /// What is open, the topmost last.
    dialogs: Vec<Box<dyn View>>,
    work: work::Work,
    told_to_end: bool,
}

impl Panel {
    /// # Errors
    /// When no client of the local API can be made at all.
    pub fn new(context: &egui::Context, runtime: &tokio::runtime::Handle, start: Start) -> Result<Self, PipeError> {
        let Start { pipe, connect, files, rehearsal } = start;
        let client = Client::new(&pipe)?;
        let wake = context.clone();
        let background = Background::new(runtime.clone(), move || wake.request_repaint());
        let wake = context.clone();
        let link = Link::start(runtime, pipe, move || wake.request_repaint());
        let mut state = State::default();
        let rehearsal = rehearsal.and_then(|rehearsal| {
            state.sandbox = Some(Sandbox::Starting);
            match rehearsal.start(&background) {
                Ok(running) => Some(running),
                Err(why) => {
                    state.sandbox = Some(Sandbox::Failed(why.to_string()));
                    None
                }
            }
        });
        let (dialogs, work, told_to_end) = (Vec::new(), work::Work::default(), false);
        Ok(Self { state, background, link, pipe: client, connect, files, rehearsal, dialogs, work, told_to_end })
    }

    /// The system wants the program to end: its window is to be closed.
    #[must_use]
    pub fn told_to_end(&self) -> bool {
        self.told_to_end
    }

    /// What is known, for whoever watches.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Ends what only runs for the panel. It may wait: the window is gone.
    pub fn close(&mut self) {
        self.dialogs.clear();
        if let Some(rehearsal) = self.rehearsal.take() {
            rehearsal.close();
        }
    }

    /// Takes in what the background has found out.
    pub fn logic(&mut self) {
        self.state.now = Timestamp::now();
        let mut counted = false;
        while let Some(news) = self.link.poll() {
            match news {
                News::Told(event) => {
                    counted |= matches!(*event, Event::Counts(_));
                    if self.state.heard(*event) {
                        self.state.messages.renew();
                    }
                }
                News::Lost(why) => self.state.lost(&why),
            }
        }
        self.rehearse();
        self.work.poll(&mut self.state, &self.background, &self.pipe);
        if counted {
            self.work.counted(&self.state, &self.background, &self.pipe);
        }
    }

    fn rehearse(&mut self) {
        let Some(rehearsal) = &self.rehearsal else { return };
        while let Ok(news) = rehearsal.news.try_recv() {
            let sandbox = match news {
                sandbox::News::Open(name) => {
                    // Its updater is about to listen.
                    self.link.try_now();
                    Sandbox::Running { name, samples: Samples::Here }
                }
                sandbox::News::Failed(why) => Sandbox::Failed(why.to_string()),
                sandbox::News::ToldToEnd => {
                    self.told_to_end = true;
                    continue;
                }
            };
            self.state.sandbox = Some(sandbox);
        }
    }

    pub fn ui(&mut self, ui: &mut Ui) {
        let mut wanted = main_window::show(ui, &self.state);
        let around = Surroundings {
            state: &self.state,
            background: &self.background,
            pipe: &self.pipe,
            connect: &self.connect,
            files: &self.files,
        };
        let mut close = Vec::new();
        for (at, dialog) in self.dialogs.iter_mut().enumerate() {
            for intent in dialog.show(ui.ctx(), &around) {
                if intent == Intent::Close {
                    close.push(at);
                } else {
                    wanted.push(intent);
                }
            }
        }
        for at in close.into_iter().rev() {
            drop(self.dialogs.remove(at));
        }
        for intent in wanted {
            self.see_to(ui.ctx(), intent);
        }
        // What was wanted just now may need something of the background that nothing has started yet.
        self.work.poll(&mut self.state, &self.background, &self.pipe);
    }

    fn see_to(&mut self, context: &egui::Context, intent: Intent) {
        let Self { state, background, pipe, work, .. } = self;
        match intent {
            Intent::Open(dialog) => self.dialogs.push(open::open(dialog)),
            Intent::Copy(text) => context.copy_text(text),
            Intent::TryNow => self.link.try_now(),
            Intent::ScopeChosen(_) | Intent::Configured => {
                for dialog in &mut self.dialogs {
                    dialog.told(&intent);
                }
            }
            Intent::Tell(notice) => state.notices.tell(notice),
            Intent::Dismiss(at) => state.notices.dismiss(at),
            Intent::StartUpdater => work.start(state, background, pipe),
            Intent::Filter { state: only, search } => {
                state.messages.filter(only, &search);
            }
            Intent::Sort(sorting) => state.messages.sort(sorting),
            Intent::More => work.more(state, background, pipe),
            Intent::Reload => state.messages.renew(),
            Intent::Select(id) => work.select(state, background, pipe, id),
            Intent::Look(side) => work.look(state, background, pipe, side),
            Intent::Retry(id) => work.retry(state, background, pipe, Some(id)),
            Intent::RetryFailed => work.retry(state, background, pipe, None),
            Intent::Plot(span) => {
                state.plot.span = span;
                work.plot_after(state, background, pipe, std::time::Duration::ZERO);
            }
            Intent::SendSamples => {
                let task = self.rehearsal.as_ref().and_then(|running| running.send_samples(background, pipe));
                work.send_samples(state, task);
            }
            // Each dialog closes itself, above.
            Intent::Close => {}
        }
    }
}

#[cfg(test)]
mod tests;
