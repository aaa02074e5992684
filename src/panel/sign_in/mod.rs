//! *Sign in to the directory*: as the person logged on, where that is possible, else by name and password.
//!
//! Where somebody signed in before, the dialog gives that session at once and is never seen.

mod state;
#[cfg(test)]
mod tests;
mod view;

use std::path::PathBuf;

use eframe::egui::Context;
use futures_util::future::BoxFuture;

use self::state::{Effect, State};
use super::app::Surroundings;
use super::background::{Polled, Task};
use super::session::{Session, SignIn};
use crate::setup::Failure;

/// The open dialog.
pub struct SignInDialog {
    state: State,
    remembered: Option<Session>,
    connecting: Option<Task<Result<Session, Failure>>>,
    /// The file dialog of the system, and the reading of what was chosen there.
    choosing: Option<Task<Result<Option<Chosen>, String>>>,
}

/// A file with certificate authorities.
struct Chosen {
    name: String,
    pem: String,
}

/// How it was closed.
pub enum Outcome {
    SignedIn(Session),
    Cancelled,
}

impl SignInDialog {
    /// Begins with what needs no typing: the session of before, the sandbox's own sign-in, or the person logged on.
    #[must_use]
    pub fn new(around: &Surroundings<'_>) -> Self {
        let remembered = around.connect.remembered();
        let (state, effect) = State::new(around.connect.prefilled());
        let mut dialog = Self { state, remembered, connecting: None, choosing: None };
        if dialog.remembered.is_none() {
            dialog.carry_out(Some(effect), around);
        }
        dialog
    }

    /// Asks for somebody else than whoever is signed in, and says why.
    #[must_use]
    pub fn refusing(around: &Surroundings<'_>, why: Failure) -> Self {
        let state = State::refusing(around.connect.prefilled(), why);
        Self { state, remembered: None, connecting: None, choosing: None }
    }

    /// Draws it above everything else. Returns how it was closed, once it was.
    pub fn show(&mut self, ctx: &Context, around: &Surroundings<'_>) -> Option<Outcome> {
        if let Some(session) = self.remembered.take() {
            return Some(Outcome::SignedIn(session));
        }
        match self.connecting.as_mut().map(Task::poll) {
            Some(Polled::Ready(Ok(session))) => return Some(Outcome::SignedIn(session)),
            Some(Polled::Ready(Err(failure))) => {
                self.connecting = None;
                self.state.refused(failure);
            }
            Some(Polled::Gone) => {
                self.connecting = None;
                let what = "Signing in broke down inside the panel.".to_owned();
                self.state.refused(Failure { what, ..Failure::default() });
            }
            Some(Polled::Running) | None => {}
        }
        match self.choosing.as_mut().map(Task::poll) {
            Some(Polled::Ready(chosen)) => {
                self.choosing = None;
                self.state.chose(chosen.map(|chosen| chosen.map(|chosen| (chosen.name, chosen.pem))));
            }
            Some(Polled::Gone) => self.choosing = None,
            Some(Polled::Running) | None => {}
        }
        for intent in view::show(ctx, &mut self.state) {
            ctx.request_repaint();
            let effect = self.state.wants(intent);
            if let Some(Effect::Cancel) = effect {
                return Some(Outcome::Cancelled);
            }
            self.carry_out(effect, around);
        }
        None
    }

    fn carry_out(&mut self, effect: Option<Effect>, around: &Surroundings<'_>) {
        match effect {
            Some(Effect::LoggedOn) => self.connect(SignIn::LoggedOn, around),
            Some(Effect::SignIn(credentials)) => self.connect(SignIn::As(credentials), around),
            Some(Effect::Stop) => self.connecting = None,
            Some(Effect::ChooseFile) => {
                let file = around.files.certificates("Certificate authority of the domain");
                self.choosing = Some(around.background.task(choose(file)));
            }
            Some(Effect::Cancel) | None => {}
        }
    }

    fn connect(&mut self, sign_in: SignIn, around: &Surroundings<'_>) {
        let (connect, pipe) = (around.connect.clone(), around.pipe.clone());
        self.connecting = Some(around.background.task(async move { connect.connect(pipe, sign_in).await }));
    }
}

/// Lets the person choose a file with certificates, and reads it.
async fn choose(file: BoxFuture<'static, Option<PathBuf>>) -> Result<Option<Chosen>, String> {
    match file.await {
        Some(path) => read(path).await.map(Some),
        None => Ok(None),
    }
}

/// Much more than any list of authorities.
const LARGEST: u64 = 1_048_576;

async fn read(path: PathBuf) -> Result<Chosen, String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let cannot = |error: std::io::Error| format!("{name} can't be read: {error}.");
    if tokio::fs::metadata(&path).await.map_err(cannot)?.len() > LARGEST {
        return Err(format!("{name} is too large to be a certificate."));
    }
    let bytes = tokio::fs::read(&path).await.map_err(cannot)?;
    let Some(pem) = String::from_utf8(bytes).ok().filter(|text| text.contains("-----BEGIN CERTIFICATE-----")) else {
        return Err(format!(
            "{name} holds no certificate in PEM form (text with BEGIN CERTIFICATE in it). Export it as Base64."
        ));
    };
    Ok(Chosen { name, pem })
}
