//! The object picker, *Select Users or Groups*: as administrators know it from Windows.
//!
//! [`state`] is what is known and what happens next (no egui, no I/O), [`search`] does the searching beside the UI
//! thread, [`view`] draws. [`Picker`] ties them together; it belongs to the dialog that opened it.

mod chips;
mod icons;
mod locations;
mod locations_view;
mod purpose;
mod search;
mod state;
#[cfg(test)]
mod tests;
mod view;

use std::sync::Arc;
use std::time::Duration;

use eframe::egui::Context;

pub use icons::object_icon;
pub use purpose::Purpose;
pub use view::pick;

use self::locations_view::LocationsDialog;
use self::search::Searcher;
use self::state::{Intent, State};
use super::background::Background;
use crate::directory::{DirectoryObject, DirectorySearch};

/// An open picker.
pub struct Picker {
    state: State,
    searcher: Searcher,
    locations: Option<LocationsDialog>,
}

/// How it was closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Picked(Vec<DirectoryObject>),
    Cancelled,
}

impl Picker {
    pub fn new(purpose: Purpose, directory: Arc<dyn DirectorySearch>, background: Background) -> Self {
        let mut searcher = Searcher::new(directory, background);
        let (state, effects) = State::new(purpose);
        searcher.carry_out(effects);
        Self { state, searcher, locations: None }
    }

    /// Draws it above everything else. Returns how it was closed, once it was.
    pub fn show(&mut self, ctx: &Context) -> Option<Outcome> {
        let now = Duration::from_secs_f64(ctx.input(|input| input.time).max(0.0));
        while let Some(news) = self.searcher.hear() {
            self.state.hears(news);
        }
        let (due, next) = self.state.tick(now);
        self.searcher.carry_out(due);
        if let Some(next) = next {
            ctx.request_repaint_after(next);
        }
        let mut outcome = None;
        for wanted in view::show(ctx, &self.state) {
            match wanted {
                view::Wanted::State(intent) => self.wants(intent, now, ctx),
                view::Wanted::Locations => self.locations = Some(LocationsDialog::new(self.state.domain.clone())),
                view::Wanted::Ok => outcome = Some(Outcome::Picked(self.state.picked())),
                view::Wanted::Cancel => outcome = Some(Outcome::Cancelled),
            }
        }
        if let Some(dialog) = &mut self.locations {
            match dialog.show(ctx, &self.state.locations) {
                Some(locations_view::Outcome::Chosen(domain)) => {
                    self.locations = None;
                    self.wants(Intent::Domain(domain), now, ctx);
                }
                Some(locations_view::Outcome::Cancelled) => self.locations = None,
                Some(locations_view::Outcome::Retry) => self.wants(Intent::RetryLocations, now, ctx),
                None => {}
            }
        }
        outcome
    }

    fn wants(&mut self, intent: Intent, now: Duration, ctx: &Context) {
        let effects = self.state.wants(intent, now);
        self.searcher.carry_out(effects);
        ctx.request_repaint();
    }
}
