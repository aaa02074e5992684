//! The impersonation test by hand (W10): a mailbox is typed or picked, its Sent Items opened, and the result shown.

mod state;
#[cfg(test)]
mod tests;
mod view;

use std::sync::Arc;

use eframe::egui::Context;
use tokio::sync::Mutex;

use self::state::{Effect, Intent, State};
use super::app::{Surroundings, View};
use super::background::{Background, Polled, Task};
use super::picker::{self, Picker, Purpose};
use super::session::Session;
use super::sign_in::{self, SignInDialog};
use super::state as panel;
use super::style::sentence;
use crate::pipe::client::{Client, PipeError};
use crate::pipe::types::{ImpersonationResult, TestConcern};
use crate::settings::SmtpAddress;
use crate::setup::{AccessOutcome, Answers, Failure, Page, Setup};

/// With what the test is made.
#[derive(Clone)]
pub enum Tester {
    /// Through the updater, with the account in force.
    Updater(Client),
    /// With server and account of a wizard that has not come to its end yet.
    Setup { setup: Arc<Mutex<Setup>>, answers: Answers },
}

/// The open test.
pub struct ImpersonationTest {
    state: State,
    tester: Tester,
    background: Background,
    running: Option<Task<Result<AccessOutcome, Failure>>>,
    /// None: nobody has signed in to the directory yet.
    session: Option<Session>,
    sign_in: Option<SignInDialog>,
    picker: Option<Picker>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Closed,
}

impl ImpersonationTest {
    #[must_use]
    pub fn new(tester: Tester, session: Option<Session>, background: Background) -> Self {
        let state = State::default();
        Self { state, tester, background, running: None, session, sign_in: None, picker: None }
    }

    /// Draws it above everything else, where somebody is signed in to the directory already.
    pub fn show(&mut self, ctx: &Context) -> Option<Outcome> {
        self.draw(ctx, None)
    }

    fn draw(&mut self, ctx: &Context, around: Option<&Surroundings<'_>>) -> Option<Outcome> {
        match self.running.as_mut().map(Task::poll) {
            Some(Polled::Ready(result)) => {
                self.running = None;
                self.state.ended(result);
            }
            Some(Polled::Gone) => {
                self.running = None;
                self.state.ended(Err(broken_down()));
            }
            Some(Polled::Running) | None => {}
        }
        let mut outcome = None;
        for intent in view::show(ctx, &self.state) {
            ctx.request_repaint();
            match self.state.wants(intent) {
                Some(Effect::Test(mailbox)) => {
                    self.running = Some(self.background.task(test(self.tester.clone(), mailbox)));
                }
                Some(Effect::Stop) => self.running = None,
                Some(Effect::Browse) => self.browse(around),
                Some(Effect::Copy(text)) => ctx.copy_text(text),
                Some(Effect::Close) => outcome = Some(Outcome::Closed),
                None => {}
            }
        }
        self.above(ctx, around);
        outcome
    }

    fn browse(&mut self, around: Option<&Surroundings<'_>>) {
        match (&self.session, around) {
            (Some(session), _) => {
                self.picker = Some(Picker::new(Purpose::Mailbox, session.search.clone(), self.background.clone()));
            }
            (None, Some(around)) => self.sign_in = Some(SignInDialog::new(around)),
            (None, None) => {}
        }
    }

    /// What is open above the test.
    fn above(&mut self, ctx: &Context, around: Option<&Surroundings<'_>>) {
        if let (Some(dialog), Some(surroundings)) = (&mut self.sign_in, around) {
            match dialog.show(ctx, surroundings) {
                Some(sign_in::Outcome::SignedIn(session)) => {
                    self.sign_in = None;
                    self.session = Some(session);
                    self.browse(around);
                }
                Some(sign_in::Outcome::Cancelled) => self.sign_in = None,
                None => {}
            }
        }
        let Some(picker) = &mut self.picker else { return };
        match picker.show(ctx) {
            Some(picker::Outcome::Picked(objects)) => {
                self.picker = None;
                if let Some(mail) = objects.into_iter().next().and_then(|object| object.mail) {
                    let _none = self.state.wants(Intent::Type(mail));
                }
            }
            Some(picker::Outcome::Cancelled) => self.picker = None,
            None => {}
        }
    }
}

/// The test as a dialog of its own, with the account in force.
pub struct Dialog(Option<ImpersonationTest>);

impl Dialog {
    #[must_use]
    pub fn new() -> Self {
        Self(None)
    }
}

impl Default for Dialog {
    fn default() -> Self {
        Self::new()
    }
}

impl View for Dialog {
    fn show(&mut self, ctx: &Context, around: &Surroundings<'_>) -> Vec<panel::Intent> {
        let test = self.0.get_or_insert_with(|| {
            ImpersonationTest::new(Tester::Updater(around.pipe.clone()), None, around.background.clone())
        });
        test.draw(ctx, Some(around)).map(|Outcome::Closed| panel::Intent::Close).into_iter().collect()
    }
}

async fn test(tester: Tester, mailbox: SmtpAddress) -> Result<AccessOutcome, Failure> {
    match tester {
        Tester::Updater(client) => match client.test_impersonation(mailbox.as_str()).await {
            Ok(ImpersonationResult::Opened { mailbox: opened, items }) => {
                let mailbox = opened.parse().unwrap_or(mailbox);
                Ok(AccessOutcome { mailbox, items, version: String::new() })
            }
            Ok(ImpersonationResult::Failed(failure)) => Err(Failure {
                what: failure.what,
                cause: failure.cause,
                advice: failure.advice,
                details: failure.details.lines().map(str::to_owned).collect(),
                page: match failure.concern {
                    TestConcern::Server => Some(Page::Connection),
                    TestConcern::Account | TestConcern::Right => Some(Page::Account),
                    TestConcern::Mailbox | TestConcern::Moment => None,
                },
                ..Failure::default()
            }),
            Err(error) => Err(not_asked(&error)),
        },
        Tester::Setup { setup, answers } => setup.lock().await.test_mailbox(&answers, mailbox).await,
    }
}

/// The updater could not be asked to test.
fn not_asked(error: &PipeError) -> Failure {
    let advice = match error {
        PipeError::NotRunning { .. } => "Start the service Sent Items Update, then test again.",
        PipeError::Timeout => "Exchange may be slow at the moment. Test again in a minute.",
        _ => "Put right what is said above, then test again.",
    };
    Failure {
        what: "The updater could not make the test.".to_owned(),
        cause: sentence(&error.to_string()),
        advice: vec![advice.to_owned()],
        ..Failure::default()
    }
}

fn broken_down() -> Failure {
    Failure {
        what: "The test broke down inside the panel.".to_owned(),
        cause: "This is a mistake in the program.".to_owned(),
        advice: vec!["Test again; if it happens again, please report it with a diagnostic bundle.".to_owned()],
        ..Failure::default()
    }
}
