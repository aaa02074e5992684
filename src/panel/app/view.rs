//! What every dialog is to the panel.

use std::sync::Arc;

use eframe::egui::Context;

use crate::panel::background::Background;
use crate::panel::files::Files;
use crate::panel::session::Connect;
use crate::panel::state::{Intent, State};
use crate::pipe::client::Client;

/// What a dialog may use beside the state that it shows.
pub struct Surroundings<'a> {
    pub state: &'a State,
    /// Where its own work goes on: nothing else may wait or do I/O.
    pub background: &'a Background,
    pub pipe: &'a Client,
    /// How to get a [`crate::panel::session::Session`].
    pub connect: &'a Arc<dyn Connect>,
    /// The system's file dialogs.
    pub files: &'a Arc<dyn Files>,
}

/// A dialog that is open. It owns what was typed and what goes on in it; dropping it ends that.
pub trait View {
    /// Draws it in a [`crate::panel::widgets::Dialog`] and returns what is wanted; [`Intent::Close`] closes it.
    fn show(&mut self, ctx: &Context, around: &Surroundings<'_>) -> Vec<Intent>;

    /// Something that a dialog above it found out: the Settings window listens to [`Intent::ScopeChosen`] and
    /// [`Intent::Configured`].
    fn told(&mut self, _intent: &Intent) {}
}
