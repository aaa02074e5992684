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
use super::link::{Link, News};
use super::main_window;
use super::session::Connect;
use super::state::{Intent, State};
use crate::pipe::client::{Client, PipeError};
use crate::pipe::types::Event;

pub const TITLE: &str = "Sent Items Update";

/// The panel without its window.
pub struct Panel {
    state: State,
    background: Background,
    link: Link,
    pipe: Client,
    connect: Arc<dyn Connect>,
    /// What is open, the topmost last.
    dialogs: Vec<Box<dyn View>>,
    work: work::Work,
}

impl Panel {
    /// # Errors
    /// When no client of the local API can be made at all.
    pub fn new(
        context: &egui::Context,
        runtime: &tokio::runtime::Handle,
        pipe: PathBuf,
        connect: Arc<dyn Connect>,
    ) -> Result<Self, PipeError> {
        let client = Client::new(&pipe)?;
        let wake = context.clone();
        let background = Background::new(runtime.clone(), move || wake.request_repaint());
        let wake = context.clone();
        let link = Link::start(runtime, pipe, move || wake.request_repaint());
        Ok(Self {
            state: State::default(),
            background,
            link,
            pipe: client,
            connect,
            dialogs: Vec::new(),
            work: work::Work::default(),
        })
    }

    /// Takes in what the background has found out.
    pub fn logic(&mut self) {
        self.state.now = Timestamp::now();
        let mut counted = false;
        while let Some(news) = self.link.poll() {
            match news {
                News::Told(event) => {
                    counted |= matches!(event, Event::Counts(_));
                    if self.state.heard(event) {
                        self.state.messages.renew();
                    }
                }
                News::Lost(why) => self.state.lost(&why),
            }
        }
        self.work.poll(&mut self.state, &self.background, &self.pipe);
        if counted {
            self.work.counted(&self.state, &self.background, &self.pipe);
        }
    }

    pub fn ui(&mut self, ui: &mut Ui) {
        let mut wanted = main_window::show(ui, &self.state);
        let around =
            Surroundings { state: &self.state, background: &self.background, pipe: &self.pipe, connect: &self.connect };
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
            Intent::Open(dialog) => match open::open(dialog) {
                Ok(view) => self.dialogs.push(view),
                Err(why) => state.notices.tell(why),
            },
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
            Intent::SendSamples => {}
            // Each dialog closes itself, above.
            Intent::Close => {}
        }
    }
}
