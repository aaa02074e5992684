//! The configuration wizard (W1–W13).
//!
//! [`state`] is what is known and what happens next (no egui, no I/O), [`pages`] draws, and [`Wizard`] ties them to the
//! engine, which runs beside the UI thread.

mod checklist;
mod dialog;
mod form;
mod page_list;
mod pages;
mod run;
mod shared;
mod state;
#[cfg(test)]
mod tests;
mod view;

use std::sync::Arc;

use eframe::egui::Context;
use tokio::sync::Mutex;

pub use dialog::Dialog;

use self::run::{News, Running};
use self::shared::Shared;
use self::state::{Effect, Intent, State};
use super::background::{Background, Polled, Task};
use super::impersonation_test::{self, ImpersonationTest, Tester};
use super::picker::{self, Picker, Purpose};
use super::session::Session;
use super::{failure_window, widgets};
use crate::settings::Settings;
use crate::setup::{Answers, Page, Setup, Step};

/// The open wizard.
pub struct Wizard {
    state: State,
    session: Session,
    background: Background,
    /// Over all runs: it knows what is done already.
    setup: Arc<Mutex<Setup>>,
    running: Option<Running>,
    /// What will be done, a sentence a step.
    plan: Vec<(Step, String)>,
    picker: Option<Picker>,
    test: Option<ImpersonationTest>,
    /// Whether the updater shares its configuration is being asked.
    asking: Option<Task<Option<Shared>>>,
    /// Everything is done; a message box says so (W7).
    confirming: bool,
}

/// How it was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The updater works with a new configuration.
    Configured,
    Cancelled,
}

impl Wizard {
    /// `settings` are those in force, from which the answers are proposed (T4).
    #[must_use]
    pub fn new(session: Session, background: Background, settings: Option<&Settings>) -> Self {
        let setup = Setup::new(session.organisation.clone(), session.pipe.clone());
        Self::with_setup(setup, session, background, settings)
    }

    fn with_setup(setup: Setup, session: Session, background: Background, settings: Option<&Settings>) -> Self {
        let pipe = session.pipe.clone();
        // An updater that does not answer is told of by the last step.
        let asking = background.task(async move { pipe.organisation().await.ok().and_then(Shared::of) });
        Self {
            state: State::new(settings),
            session,
            background,
            setup: Arc::new(Mutex::new(setup)),
            running: None,
            plan: Vec::new(),
            picker: None,
            test: None,
            asking: Some(asking),
            confirming: false,
        }
    }

    /// Draws it above everything else. Returns how it was closed, once it was.
    pub fn show(&mut self, ctx: &Context) -> Option<Outcome> {
        if self.confirming {
            return confirm(ctx, &self.state);
        }
        let mut outcome = self.hear();
        self.look_ahead();
        let domain = self.session.organisation.domain();
        let shown = view::show(ctx, &mut self.state, &self.plan, &domain);
        for intent in shown {
            outcome = outcome.or(self.wants(intent, ctx));
        }
        if let Some(failure) = self.state.explained.clone() {
            let title = "Why the step failed";
            let intent = failure_window::show(ctx, title, &failure).map(|intent| match intent {
                failure_window::Intent::Close => Intent::CloseExplanation,
                failure_window::Intent::Copy(text) => Intent::Copy(text),
                failure_window::Intent::Test => Intent::Test,
            });
            if let Some(intent) = intent {
                outcome = outcome.or(self.wants(intent, ctx));
            }
        }
        if self.state.asking && view::ask(ctx).is_some_and(|leaves| self.answer(leaves, ctx)) {
            outcome = outcome.or(Some(Outcome::Cancelled));
        }
        self.browse(ctx);
        if let Some(test) = &mut self.test
            && test.show(ctx) == Some(impersonation_test::Outcome::Closed)
        {
            self.test = None;
        }
        outcome
    }

    /// Takes the answer to whether leaving is meant. Returns whether the wizard closes.
    fn answer(&mut self, leaves: bool, ctx: &Context) -> bool {
        let intent = if leaves { Intent::LeaveAnyway } else { Intent::Stay };
        self.wants(intent, ctx).is_some()
    }

    /// What happened beside the UI thread.
    fn hear(&mut self) -> Option<Outcome> {
        match self.asking.as_mut().map(Task::poll) {
            Some(Polled::Ready(shared)) => (self.asking, self.state.shared) = (None, shared),
            Some(Polled::Gone) => self.asking = None,
            Some(Polled::Running) | None => {}
        }
        while let Some(news) = self.running.as_mut().and_then(Running::hear) {
            match news {
                News::Progress(progress) => self.state.progresses(progress),
                News::Ended(report) => {
                    self.running = None;
                    if let Some(Effect::Close { .. }) = self.state.ended(report) {
                        return Some(Outcome::Cancelled);
                    }
                }
            }
        }
        None
    }

    /// The summary on page *Configure* goes with the answers as they stand.
    fn look_ahead(&mut self) {
        if self.state.page == Page::Configure && !self.state.is_running() {
            // While a run holds it, nothing is planned anew.
            if let Ok(setup) = self.setup.try_lock() {
                self.plan = setup.plan(&self.state.form.answers());
            }
        }
    }

    fn wants(&mut self, intent: Intent, ctx: &Context) -> Option<Outcome> {
        ctx.request_repaint();
        let mut outcome = None;
        for effect in self.state.wants(intent) {
            match effect {
                Effect::Run(answers) => self.start(answers),
                Effect::Stop => {
                    if let Some(running) = &self.running {
                        running.stop();
                    }
                }
                Effect::Browse => {
                    let directory = self.session.search.clone();
                    self.picker = Some(Picker::new(Purpose::ServiceAccount, directory, self.background.clone()));
                }
                Effect::Test => {
                    let tester = Tester::Setup { setup: self.setup.clone(), answers: self.state.form.answers() };
                    let session = Some(self.session.clone());
                    self.test = Some(ImpersonationTest::new(tester, session, self.background.clone()));
                }
                Effect::Copy(text) => ctx.copy_text(text),
                Effect::Close { configured: true } => self.confirming = true,
                Effect::Close { configured: false } => outcome = Some(Outcome::Cancelled),
            }
        }
        outcome
    }

    fn start(&mut self, answers: Answers) {
        if let Ok(setup) = self.setup.try_lock() {
            self.plan = setup.plan(&answers);
        }
        self.state.will_run(self.plan.iter().map(|(step, _)| *step));
        self.running = Some(Running::start(self.setup.clone(), answers, &self.background));
    }

    fn browse(&mut self, ctx: &Context) {
        let Some(picker) = &mut self.picker else { return };
        match picker.show(ctx) {
            Some(picker::Outcome::Picked(objects)) => {
                self.picker = None;
                if let Some(upn) = objects.into_iter().next().and_then(|object| object.upn) {
                    let effects = self.state.wants(Intent::Upn(upn));
                    debug_assert!(effects.is_empty(), "filling in a field has no effect outside");
                }
            }
            Some(picker::Outcome::Cancelled) => self.picker = None,
            None => {}
        }
    }
}

/// W7
fn confirm(ctx: &Context, state: &State) -> Option<Outcome> {
    let ok = widgets::DialogButton::new((), "OK").default().cancels();
    let (closed, ()) =
        widgets::Dialog::new("configured", "Sent Items Update").width(440.0).button(ok).show(ctx, |ui| {
            if state.stays_off() {
                widgets::signal(ui, super::style::Tone::Good, "Sent Items Update is configured and switched off.");
                widgets::weak(ui, "It was switched off before. Messages are kept until it is switched on.");
            } else {
                widgets::signal(ui, super::style::Tone::Good, "Sent Items Update is configured and switched on.");
                widgets::weak(ui, "Copies in Sent Items are brought up to date from now on.");
            }
            if let Some(after) = state.shared.as_ref().and_then(Shared::after) {
                widgets::weak(ui, &super::style::legible(&after));
            }
        });
    closed.map(|()| Outcome::Configured)
}
