//! *Scope of updated mailboxes* (S1, S2, S4): edits the Settings window's copy of the senders' scope.
//!
//! Nothing is sent to the updater here: *OK* hands the scope to the Settings window, which sends it with the rest.

mod state;
#[cfg(test)]
mod tests;
mod view;

use eframe::egui::Context;

use self::state::{Effect, Intent, State};
use super::app::{Surroundings, View};
use super::background::{Polled, Task};
use super::picker::{self, Picker, Purpose};
use super::session::Session;
use super::sign_in::{self, SignInDialog};
use super::state as panel;
use super::style::sentence;
use crate::directory::DirectoryObject;
use crate::pipe::client::PipeError;
use crate::pipe::types::ScopeReport;
use crate::settings::SendersScope;

/// The open window.
pub struct Dialog {
    state: State,
    asking: Option<Task<Result<ScopeReport, PipeError>>>,
    /// It was drawn before, and the updater asked.
    begun: bool,
    /// None: nobody has signed in to the directory yet.
    session: Option<Session>,
    sign_in: Option<SignInDialog>,
    picker: Option<Picker>,
}

impl Dialog {
    /// `scope` as it stands in the Settings window.
    #[must_use]
    pub fn new(scope: SendersScope) -> Self {
        let state = State::new(scope);
        Self { state, asking: None, begun: false, session: None, sign_in: None, picker: None }
    }

    fn ask(&mut self, around: &Surroundings<'_>) {
        let client = around.pipe.clone();
        self.asking = Some(around.background.task(async move { client.scope().await }));
    }

    fn hear(&mut self) {
        let answer = match self.asking.as_mut().map(Task::poll) {
            Some(Polled::Ready(answer)) => answer.map_err(|error| sentence(&error.to_string())),
            Some(Polled::Gone) => Err("The question to the updater broke down inside the panel.".to_owned()),
            Some(Polled::Running) | None => return,
        };
        self.asking = None;
        self.state.heard(answer);
    }

    fn add(&mut self, around: &Surroundings<'_>) {
        match &self.session {
            Some(session) => {
                let Some(Effect::Add { present }) = self.state.wants(Intent::Add) else { return };
                let directory = session.search.clone();
                self.picker = Some(Picker::new(Purpose::Scope { present }, directory, around.background.clone()));
            }
            None => self.sign_in = Some(SignInDialog::new(around)),
        }
    }

    /// What is open above it.
    fn above(&mut self, ctx: &Context, around: &Surroundings<'_>) {
        if let Some(dialog) = &mut self.sign_in {
            match dialog.show(ctx, around) {
                Some(sign_in::Outcome::SignedIn(session)) => {
                    self.sign_in = None;
                    self.session = Some(session);
                    self.add(around);
                }
                Some(sign_in::Outcome::Cancelled) => self.sign_in = None,
                None => {}
            }
        }
        let Some(picker) = &mut self.picker else { return };
        match picker.show(ctx) {
            Some(picker::Outcome::Picked(objects)) => {
                self.picker = None;
                self.state.add(objects.iter().map(DirectoryObject::to_entry));
            }
            Some(picker::Outcome::Cancelled) => self.picker = None,
            None => {}
        }
    }
}

impl View for Dialog {
    fn show(&mut self, ctx: &Context, around: &Surroundings<'_>) -> Vec<panel::Intent> {
        if !std::mem::replace(&mut self.begun, true) {
            self.ask(around);
        }
        self.hear();
        let mut wanted = Vec::new();
        for intent in view::show(ctx, &self.state, &around.state.zone) {
            ctx.request_repaint();
            match self.state.wants(intent) {
                Some(Effect::Add { .. }) => self.add(around),
                Some(Effect::Ask) => self.ask(around),
                Some(Effect::Ok(scope)) => {
                    wanted.extend([panel::Intent::ScopeChosen(scope), panel::Intent::Close]);
                }
                Some(Effect::Cancel) => wanted.push(panel::Intent::Close),
                None => {}
            }
        }
        self.above(ctx, around);
        wanted
    }
}
