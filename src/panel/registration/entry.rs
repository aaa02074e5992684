//! Somebody signs in to the directory.

use std::sync::Arc;

use eframe::egui::Context;

use super::failures;
use crate::enrolment::Administrators;
use crate::panel::app::Surroundings;
use crate::panel::session::Session;
use crate::panel::sign_in::{self, SignInDialog};
use crate::setup::Failure;

/// Whoever has signed in.
#[derive(Clone)]
pub struct Administering {
    pub session: Session,
    pub administrators: Arc<dyn Administrators>,
}

/// The open sign-in.
pub struct Entry(SignInDialog);

/// How it ended.
pub enum Entered {
    In(Administering),
    /// This directory keeps nothing that updaters could share.
    Failed(Box<Failure>),
    Cancelled,
}

impl Entry {
    pub fn new(around: &Surroundings<'_>) -> Self {
        Self(SignInDialog::new(around))
    }

    /// For somebody else than whoever is signed in.
    pub fn refusing(around: &Surroundings<'_>, why: Failure) -> Self {
        Self(SignInDialog::refusing(around, why))
    }

    pub fn show(&mut self, ctx: &Context, around: &Surroundings<'_>) -> Option<Entered> {
        Some(match self.0.show(ctx, around)? {
            sign_in::Outcome::Cancelled => Entered::Cancelled,
            sign_in::Outcome::SignedIn(session) => match session.administrators.clone() {
                Some(administrators) => Entered::In(Administering { session, administrators }),
                None => Entered::Failed(Box::new(failures::sandbox())),
            },
        })
    }
}
