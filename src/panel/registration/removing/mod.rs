//! *Remove…* and *Leave…*: an updater loses its share in the organisation's configuration. What is lost is said before.

#[cfg(test)]
mod tests;
mod view;

use eframe::egui::Context;
use uuid::Uuid;

use super::entry::{Administering, Entered, Entry};
use super::failures;
use crate::enrolment::{self, RemoveError};
use crate::organisation::administration::AdministrationError;
use crate::panel::app::{Surroundings, View};
use crate::panel::background::{Background, Polled, Task};
use crate::panel::state::Intent;
use crate::pipe::client::{Client, PipeError};
use crate::pipe::types::{Joined, Leave, OrganisationReport, UpdaterReport};
use crate::setup::Failure;

/// The dialog; without an updater, it is the one here that leaves.
#[derive(Default)]
pub struct Removing {
    /// Which one.
    updater: Option<Uuid>,
    asking: Option<Task<Result<OrganisationReport, PipeError>>>,
    /// What it shares, and with whom.
    joined: Option<Joined>,
    /// The account's password is forgotten, too.
    forget: bool,
    entry: Option<Entry>,
    step: Step,
}

#[derive(Default)]
enum Step {
    #[default]
    Asking,
    Confirming,
    Removing(Task<Result<enrolment::Removal, RemoveError>>),
    Leaving(Task<Result<OrganisationReport, PipeError>>),
    Removed(Box<enrolment::Removal>),
    Left,
    /// `refused`: whoever is signed in may not.
    Failed {
        failure: Box<Failure>,
        refused: bool,
    },
}

/// What is pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pressed {
    Remove,
    Stop,
    Again,
    SomebodyElse,
    CopyFailure,
    Close { changed: bool },
}

impl Removing {
    #[must_use]
    pub fn of(updater: Uuid) -> Self {
        Self { updater: Some(updater), ..Self::default() }
    }

    fn target(&self) -> Option<&UpdaterReport> {
        self.joined.as_ref()?.updaters.iter().find(|one| Some(one.id) == self.updater)
    }

    fn name(&self) -> String {
        self.target().map_or_else(|| "The updater".to_owned(), |one| one.name.clone())
    }

    fn fails(&mut self, failure: Failure, refused: bool) {
        self.step = Step::Failed { failure: Box::new(failure), refused };
    }

    fn ask(&mut self, around: &Surroundings<'_>) {
        let pipe = around.pipe.clone();
        self.asking = Some(around.background.task(async move { pipe.organisation().await }));
        self.step = Step::Asking;
    }

    /// What happened beside the UI thread.
    fn hear(&mut self, around: &Surroundings<'_>) {
        match &mut self.step {
            Step::Asking => match self.asking.as_mut().map(Task::poll) {
                None => self.ask(around),
                Some(Polled::Running) => {}
                Some(Polled::Ready(Ok(report))) => {
                    self.joined = report.joined;
                    let is_there = match self.updater {
                        Some(_) => self.target().is_some(),
                        None => self.joined.is_some(),
                    };
                    if is_there {
                        self.step = Step::Confirming;
                    } else {
                        self.fails(failures::gone(), false);
                    }
                }
                Some(Polled::Ready(Err(error))) => self.fails(failures::not_asked(&error), false),
                Some(Polled::Gone) => self.fails(failures::broken_down(), false),
            },
            Step::Removing(task) => match task.poll() {
                Polled::Running => {}
                Polled::Ready(Ok(removal)) => self.step = Step::Removed(Box::new(removal)),
                Polled::Ready(Err(error)) => {
                    let refused = matches!(&error, RemoveError::Directory(AdministrationError::NotAllowed { .. }));
                    let failure = failures::not_removed(&self.name(), &error);
                    self.fails(failure, refused);
                }
                Polled::Gone => self.fails(failures::broken_down(), false),
            },
            Step::Leaving(task) => match task.poll() {
                Polled::Running => {}
                Polled::Ready(Ok(_)) => self.step = Step::Left,
                Polled::Ready(Err(error)) => self.fails(failures::not_left(&error), false),
                Polled::Gone => self.fails(failures::broken_down(), false),
            },
            Step::Confirming | Step::Removed(_) | Step::Left | Step::Failed { .. } => {}
        }
    }

    /// Somebody has signed in.
    fn remove(&mut self, administering: &Administering, background: &Background) {
        let (Some(id), Some(joined)) = (self.updater, &self.joined) else { return };
        let signed_in = administering.administrators.directory();
        let directory = if joined.directory.domain.eq_ignore_ascii_case(&signed_in.domain) {
            enrolment::reach(signed_in, Some(&joined.directory))
        } else {
            joined.directory.clone()
        };
        let administrator = match administering.administrators.at(&directory, joined.container.as_deref()) {
            Ok(administrator) => administrator,
            Err(error) => {
                let failure = failures::not_removed(&self.name(), &error.into());
                return self.fails(failure, false);
            }
        };
        let (pipe, leave): (Client, _) = (administering.session.pipe.clone(), Leave { forget_secret: self.forget });
        self.step = Step::Removing(
            background.task(async move { enrolment::remove(&*administrator, &pipe, &id.to_string(), &leave).await }),
        );
    }

    fn does(&mut self, pressed: Pressed, ctx: &Context, around: &Surroundings<'_>) {
        match pressed {
            Pressed::Remove if self.updater.is_some() => self.entry = Some(Entry::new(around)),
            Pressed::Remove => {
                let (pipe, leave) = (around.pipe.clone(), Leave { forget_secret: self.forget });
                let task = around.background.task(async move { pipe.leave_organisation(&leave).await });
                self.step = Step::Leaving(task);
            }
            Pressed::Stop => {
                let failure = failures::stopped_removing(&self.name());
                self.fails(failure, false);
            }
            Pressed::Again => self.ask(around),
            Pressed::SomebodyElse => {
                let domain = self.joined.as_ref().map_or("", |joined| joined.directory.domain.as_str());
                let why = failures::somebody_else("Whoever is signed in", domain);
                // What was refused stays below.
                self.entry = Some(Entry::refusing(around, why));
            }
            Pressed::CopyFailure => {
                if let Step::Failed { failure, .. } = &self.step {
                    ctx.copy_text(crate::panel::failure_window::as_text(failure));
                }
            }
            Pressed::Close { .. } => {}
        }
    }
}

impl View for Removing {
    fn show(&mut self, ctx: &Context, around: &Surroundings<'_>) -> Vec<Intent> {
        self.hear(around);
        match view::show(ctx, self) {
            Some(Pressed::Close { changed: true }) => return vec![Intent::Configured, Intent::Close],
            Some(Pressed::Close { changed: false }) => return vec![Intent::Close],
            Some(pressed) => {
                self.does(pressed, ctx, around);
                ctx.request_repaint();
            }
            None => {}
        }
        match self.entry.as_mut().map(|entry| entry.show(ctx, around)) {
            Some(Some(Entered::In(administering))) => {
                self.entry = None;
                self.remove(&administering, around.background);
                ctx.request_repaint();
            }
            Some(Some(Entered::Cancelled)) => self.entry = None,
            Some(Some(Entered::Failed(failure))) => {
                self.entry = None;
                self.fails(*failure, false);
            }
            Some(None) | None => {}
        }
        Vec::new()
    }
}
