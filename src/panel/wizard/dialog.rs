//! The wizard as a dialog of the panel: signs in to the directory first, and reads the settings in force.

use eframe::egui::Context;

use super::{Outcome, Wizard};
use crate::panel::app::{Surroundings, View};
use crate::panel::background::{Polled, Task};
use crate::panel::session::Session;
use crate::panel::sign_in::{self, SignInDialog};
use crate::panel::state::Intent;
use crate::pipe::client::PipeError;
use crate::settings::Settings;

/// From *Configure*, *Click to change* and *Change…* of the account.
pub struct Dialog(Phase);

enum Phase {
    New,
    SigningIn {
        dialog: Box<SignInDialog>,
        settings: Task<Result<Settings, PipeError>>,
    },
    /// Signed in; the settings are on their way.
    Reading {
        session: Session,
        settings: Task<Result<Settings, PipeError>>,
    },
    Open(Box<Wizard>),
}

impl Dialog {
    #[must_use]
    pub fn new() -> Self {
        Self(Phase::New)
    }
}

impl Default for Dialog {
    fn default() -> Self {
        Self::new()
    }
}

impl View for Dialog {
    fn show(&mut self, ctx: &Context, around: &Surroundings<'_>) -> Vec<Intent> {
        if let Phase::New = self.0 {
            let client = around.pipe.clone();
            let settings =
                around.background.task(async move { client.settings().await.map(|(document, _)| document.settings) });
            self.0 = Phase::SigningIn { dialog: Box::new(SignInDialog::new(around)), settings };
        }
        match std::mem::replace(&mut self.0, Phase::New) {
            Phase::SigningIn { mut dialog, settings } => match dialog.show(ctx, around) {
                Some(sign_in::Outcome::Cancelled) => return vec![Intent::Close],
                Some(sign_in::Outcome::SignedIn(session)) => {
                    self.0 = Phase::Reading { session, settings };
                    ctx.request_repaint();
                }
                None => self.0 = Phase::SigningIn { dialog, settings },
            },
            Phase::Reading { session, mut settings } => {
                let known = match settings.poll() {
                    Polled::Running => {
                        self.0 = Phase::Reading { session, settings };
                        return Vec::new();
                    }
                    Polled::Ready(Ok(settings)) => Some(settings),
                    // An updater that does not answer is told of by the last step; until then nothing is lost.
                    Polled::Ready(Err(_)) | Polled::Gone => None,
                };
                let wizard = Wizard::new(session, around.background.clone(), known.as_ref());
                self.0 = Phase::Open(Box::new(wizard));
                ctx.request_repaint();
            }
            Phase::Open(mut wizard) => match wizard.show(ctx) {
                Some(Outcome::Configured) => return vec![Intent::Configured, Intent::Close],
                Some(Outcome::Cancelled) => return vec![Intent::Close],
                None => self.0 = Phase::Open(wizard),
            },
            Phase::New => {}
        }
        Vec::new()
    }
}
