//! *Register…* and *Register again…*: somebody signs in, sees what will happen, chooses the account, and it is done.

mod form;
#[cfg(test)]
mod tests;
mod view;

use std::sync::Arc;

use eframe::egui::Context;
use futures_util::{StreamExt as _, stream};
use tokio::sync::mpsc;

use self::form::Form;
use super::entry::{Administering, Entered, Entry};
use super::failures;
use crate::enrolment::{self, Administrator, Choice, Stage};
use crate::organisation::administration::{AdministrationError, Survey};
use crate::panel::app::{Surroundings, View};
use crate::panel::background::{Background, Feed, Polled, Task};
use crate::panel::picker::{self, Picker, Purpose};
use crate::panel::state::Intent;
use crate::pipe::client::{Client, PipeError};
use crate::pipe::types::OrganisationReport;
use crate::setup::Failure;

/// The updater as it is, and whether it has settings that could be published.
type Here = (OrganisationReport, bool);

/// The dialog.
#[derive(Default)]
pub struct Joining(Phase);

#[derive(Default)]
enum Phase {
    #[default]
    New,
    SigningIn(Box<Entry>),
    /// Signed in; the updater is asked who it is.
    Asking(Administering, Task<Result<Here, PipeError>>),
    Open(Box<Open>),
    /// Before anything could be chosen.
    Failed(Box<Failure>),
}

/// Somebody is signed in.
struct Open {
    administering: Administering,
    here: Here,
    form: Form,
    looking: Option<Task<Result<Survey, AdministrationError>>>,
    /// What was found, and at which place.
    survey: Option<(String, Survey)>,
    step: Step,
    picker: Option<Picker>,
}

enum Step {
    Choosing,
    Running {
        news: Feed<News>,
        stage: Stage,
    },
    Done {
        joining: Box<enrolment::Joining>,
        looking: Option<Task<Result<OrganisationReport, PipeError>>>,
    },
    /// `refused`: whoever is signed in may not.
    Failed {
        failure: Box<Failure>,
        refused: bool,
    },
}

enum News {
    Stage(Stage),
    Ended(Box<Result<enrolment::Joining, enrolment::JoinError>>),
}

/// What is pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pressed {
    Register,
    Stop,
    Again,
    SomebodyElse,
    Browse,
    /// What is at the place that was typed.
    Look,
    /// Whether the password can be read by now.
    LookForPassword,
    CopyFailure,
    /// `changed`: the settings may be others.
    Close {
        changed: bool,
    },
}

impl View for Joining {
    fn show(&mut self, ctx: &Context, around: &Surroundings<'_>) -> Vec<Intent> {
        match std::mem::take(&mut self.0) {
            Phase::New => self.0 = Phase::SigningIn(Box::new(Entry::new(around))),
            Phase::SigningIn(mut entry) => match entry.show(ctx, around) {
                None => self.0 = Phase::SigningIn(entry),
                Some(Entered::Cancelled) => return vec![Intent::Close],
                Some(Entered::Failed(failure)) => self.0 = Phase::Failed(failure),
                Some(Entered::In(administering)) => {
                    self.0 = Phase::Asking(administering, ask(around));
                    ctx.request_repaint();
                }
            },
            Phase::Asking(administering, mut asking) => {
                self.0 = match asking.poll() {
                    Polled::Running => {
                        view::waiting(ctx);
                        Phase::Asking(administering, asking)
                    }
                    Polled::Ready(Ok(here)) => {
                        ctx.request_repaint();
                        Phase::Open(Box::new(Open::new(administering, here, around.background)))
                    }
                    Polled::Ready(Err(error)) => Phase::Failed(Box::new(failures::not_asked(&error))),
                    Polled::Gone => Phase::Failed(Box::new(failures::broken_down())),
                }
            }
            Phase::Failed(failure) => match view::failed(ctx, &failure) {
                Some(Pressed::Close { .. }) => return vec![Intent::Close],
                Some(Pressed::CopyFailure) => {
                    ctx.copy_text(crate::panel::failure_window::as_text(&failure));
                    self.0 = Phase::Failed(failure);
                }
                Some(_) => {
                    self.0 = Phase::New;
                    ctx.request_repaint();
                }
                None => self.0 = Phase::Failed(failure),
            },
            Phase::Open(mut open) => {
                open.hear();
                let pressed = view::show(ctx, &mut open);
                open.browse(ctx);
                match pressed {
                    Some(Pressed::Close { changed: true }) => return vec![Intent::Configured, Intent::Close],
                    Some(Pressed::Close { changed: false }) => return vec![Intent::Close],
                    Some(Pressed::SomebodyElse) => {
                        let why = failures::somebody_else(&open.who(), &open.domain());
                        self.0 = Phase::SigningIn(Box::new(Entry::refusing(around, why)));
                        ctx.request_repaint();
                        return Vec::new();
                    }
                    Some(pressed) => {
                        open.does(pressed, ctx, around.background);
                        ctx.request_repaint();
                    }
                    None => {}
                }
                self.0 = Phase::Open(open);
            }
        }
        Vec::new()
    }
}

fn ask(around: &Surroundings<'_>) -> Task<Result<Here, PipeError>> {
    let pipe = around.pipe.clone();
    around.background.task(async move {
        let report = pipe.organisation().await?;
        let configured = pipe.settings().await?.0.settings.is_configured();
        Ok((report, configured))
    })
}

impl Open {
    fn new(administering: Administering, here: Here, background: &Background) -> Self {
        let form = Form::new(&here.0);
        let mut open =
            Self { administering, here, form, looking: None, survey: None, step: Step::Choosing, picker: None };
        open.look(background);
        open
    }

    fn name(&self) -> &str {
        &self.here.0.own.name
    }

    fn domain(&self) -> String {
        form::directory(self.administering.administrators.directory(), &self.here.0).domain
    }

    fn who(&self) -> String {
        self.survey.as_ref().map_or_else(|| "Whoever is signed in".to_owned(), |(_, survey)| survey.who.clone())
    }

    /// What was found at the place that stands in the form.
    fn found(&self) -> Option<&Survey> {
        self.survey.as_ref().filter(|(place, _)| place == self.form.place.trim()).map(|(_, survey)| survey)
    }

    fn administrator(&self) -> Result<Arc<dyn Administrator>, AdministrationError> {
        let administrators = &self.administering.administrators;
        administrators.at(&form::directory(administrators.directory(), &self.here.0), self.form.place())
    }

    fn fails(&mut self, failure: Failure, refused: bool) {
        self.step = Step::Failed { failure: Box::new(failure), refused };
    }

    fn look(&mut self, background: &Background) {
        self.survey = None;
        match self.administrator() {
            Ok(administrator) => {
                self.looking = Some(background.task(async move { administrator.survey().await }));
            }
            Err(error) => self.fails(failures::not_looked(&error), false),
        }
    }

    /// What happened beside the UI thread.
    fn hear(&mut self) {
        match self.looking.as_mut().map(Task::poll) {
            Some(Polled::Ready(result)) => {
                self.looking = None;
                match result {
                    Ok(survey) => self.survey = Some((self.form.place.trim().to_owned(), survey)),
                    Err(error) => self.fails(failures::not_looked(&error), false),
                }
            }
            Some(Polled::Gone) => {
                self.looking = None;
                self.fails(failures::broken_down(), false);
            }
            Some(Polled::Running) | None => {}
        }
        match &mut self.step {
            Step::Running { news, stage } => loop {
                match news.poll() {
                    Polled::Running => break,
                    Polled::Ready(News::Stage(now)) => *stage = now,
                    Polled::Ready(News::Ended(ended)) => {
                        self.ended(*ended);
                        break;
                    }
                    Polled::Gone => {
                        self.fails(failures::broken_down(), false);
                        break;
                    }
                }
            },
            Step::Done { joining, looking } => match looking.as_mut().map(Task::poll) {
                Some(Polled::Ready(result)) => {
                    *looking = None;
                    if let Ok(report) = result {
                        joining.report = report;
                    }
                }
                Some(Polled::Gone) => *looking = None,
                Some(Polled::Running) | None => {}
            },
            Step::Choosing | Step::Failed { .. } => {}
        }
    }

    fn ended(&mut self, result: Result<enrolment::Joining, enrolment::JoinError>) {
        match result {
            Ok(joining) => {
                self.form.password.wipe();
                self.step = Step::Done { joining: Box::new(joining), looking: None };
            }
            Err(error) => {
                let refused = matches!(&error, enrolment::JoinError::Directory(AdministrationError::NotAllowed { .. }));
                let failure = failures::not_joined(self.name(), &error);
                self.fails(failure, refused);
            }
        }
    }

    fn does(&mut self, pressed: Pressed, ctx: &Context, background: &Background) {
        match pressed {
            Pressed::Register => {
                if let Some(choice) = self.form.choice() {
                    self.start(choice, background);
                }
            }
            Pressed::Stop => {
                if let Step::Running { stage, .. } = self.step {
                    let failure = failures::stopped_joining(self.name(), stage);
                    self.fails(failure, false);
                }
            }
            Pressed::Again => {
                self.step = Step::Choosing;
                self.look(background);
            }
            Pressed::Look => self.look(background),
            Pressed::Browse => {
                let search = self.administering.session.search.clone();
                self.picker = Some(Picker::new(Purpose::ServiceAccount, search, background.clone()));
            }
            Pressed::LookForPassword => {
                let pipe = self.administering.session.pipe.clone();
                if let Step::Done { looking, .. } = &mut self.step {
                    *looking = Some(background.task(async move { pipe.seal_organisation().await }));
                }
            }
            Pressed::CopyFailure => {
                if let Step::Failed { failure, .. } = &self.step {
                    ctx.copy_text(crate::panel::failure_window::as_text(failure));
                }
            }
            Pressed::SomebodyElse | Pressed::Close { .. } => {}
        }
    }

    fn start(&mut self, choice: Choice, background: &Background) {
        let administrator = match self.administrator() {
            Ok(administrator) => administrator,
            Err(error) => return self.fails(failures::not_looked(&error), false),
        };
        let directory = form::directory(self.administering.administrators.directory(), &self.here.0);
        let (pipe, report) = (self.administering.session.pipe.clone(), self.here.0.clone());
        let news = background.feed(running(administrator, pipe, report, directory, choice));
        self.step = Step::Running { news, stage: Stage::Directory };
    }

    fn browse(&mut self, ctx: &Context) {
        let Some(picker) = &mut self.picker else { return };
        match picker.show(ctx) {
            Some(picker::Outcome::Picked(objects)) => {
                self.picker = None;
                if let Some(upn) = objects.into_iter().next().and_then(|object| object.upn) {
                    self.form.user = upn;
                }
            }
            Some(picker::Outcome::Cancelled) => self.picker = None,
            None => {}
        }
    }
}

/// Registers and joins, and tells how far it has come. Dropping it stops it.
fn running(
    administrator: Arc<dyn Administrator>,
    pipe: Client,
    report: OrganisationReport,
    directory: crate::settings::DirectorySettings,
    choice: Choice,
) -> impl futures_util::Stream<Item = News> {
    let (tell, told) = mpsc::unbounded_channel();
    let run = async move {
        let progress = |stage| drop(tell.send(News::Stage(stage)));
        let ended = enrolment::join(&*administrator, &pipe, &report, directory, choice, progress).await;
        drop(tell.send(News::Ended(Box::new(ended))));
    };
    let told = stream::unfold(told, |mut told| async { told.recv().await.map(|news| (news, told)) });
    // The run itself gives nothing to the stream, but is polled by it.
    stream::select(told, stream::once(run).filter_map(|()| async { None }))
}
