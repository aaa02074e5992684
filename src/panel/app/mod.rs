//! Ties link, state and views together: draws, and sees to what is wanted. It never waits.

mod open;
mod view;

use std::path::PathBuf;
use std::sync::Arc;

use eframe::egui::{self, Ui};

pub use view::{Surroundings, View};

use super::background::Background;
use super::link::{Link, News};
use super::main_window;
use super::session::Connect;
use super::state::{Intent, State};
use crate::pipe::client::{Client, PipeError};

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
        Ok(Self { state: State::default(), background, link, pipe: client, connect, dialogs: Vec::new() })
    }

    /// Takes in what the background has found out.
    pub fn logic(&mut self) {
        while let Some(news) = self.link.poll() {
            match news {
                News::Told(event) => {
                    if self.state.heard(event) {
                        self.state.messages.renew();
                    }
                }
                News::Lost(why) => self.state.lost(&why),
            }
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
    }

    fn see_to(&mut self, context: &egui::Context, intent: Intent) {
        match intent {
            Intent::Open(dialog) => match open::open(dialog) {
                Ok(view) => self.dialogs.push(view),
                Err(why) => self.state.notices.tell(why),
            },
            Intent::Copy(text) => context.copy_text(text),
            Intent::TryNow => self.link.try_now(),
            Intent::ScopeChosen(_) | Intent::Configured => {
                for dialog in &mut self.dialogs {
                    dialog.told(&intent);
                }
            }
            Intent::Tell(notice) => self.state.notices.tell(notice),
            // Each dialog closes itself, above.
            Intent::Close => {}
        }
    }
}
