//! What the wizard knows, and what happens next. No egui and no I/O.

use std::collections::HashSet;

use super::form::{Field, Form};
use super::shared::Shared;
use crate::settings::{Environment, Settings};
use crate::setup::{Answers, Failure, Page, Progress, Report, Step, StepState};

/// The pages in their order.
pub const PAGES: [Page; 5] = [Page::Environment, Page::Connection, Page::Account, Page::Configure, Page::Result];

/// Everything that the wizard's pages may show.
#[derive(Debug)]
pub struct State {
    pub page: Page,
    pub form: Form,
    /// Fields whose problem is shown: somebody typed there, or wanted to go on.
    touched: HashSet<Field>,
    pub run: Run,
    /// Whom the configuration goes to besides this updater, as far as it is known.
    pub shared: Option<Shared>,
    /// Whether somebody wants to leave while something runs, and is asked whether that is meant.
    pub asking: bool,
    /// The failed step whose failure is shown.
    pub explained: Option<Failure>,
    /// Pages that were left by *Next*.
    passed: HashSet<Page>,
    /// The wizard closes when the run has stopped, unless there is something to tell.
    leaving: bool,
}

/// How the configuring stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Run {
    /// Not begun, or to be begun anew.
    No,
    /// With each step as it stands.
    Going {
        steps: Vec<(Step, StepState)>,
        stopping: bool,
    },
    Ended(Report),
}

/// What the person at the screen wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    Environment(Environment),
    Manual(bool),
    Existing(bool),
    Server(String),
    Name(String),
    Upn(String),
    /// The password was changed, in place.
    PasswordTyped,
    Back,
    Next,
    /// A page in the list at the side.
    GoTo(Page),
    Configure,
    /// Stop the step that runs.
    Stop,
    /// Escape, or *Cancel*.
    Cancel,
    /// The answer to whether it is meant.
    LeaveAnyway,
    Stay,
    /// The link *Failure* at a step.
    Explain(Step),
    CloseExplanation,
    Finish,
    Browse,
    /// The impersonation test, from the failure window (W10).
    Test,
    Copy(String),
}

/// What is to be done outside of the state.
#[derive(Debug, Clone)]
pub enum Effect {
    Run(Answers),
    /// Stop the run; its report comes all the same.
    Stop,
    Browse,
    Test,
    Copy(String),
    /// Close the wizard; `configured` says whether it reached its end.
    Close {
        configured: bool,
    },
}

impl State {
    pub fn new(settings: Option<&Settings>) -> Self {
        Self {
            page: Page::Environment,
            form: Form::new(settings),
            touched: HashSet::new(),
            run: Run::No,
            shared: None,
            asking: false,
            explained: None,
            passed: HashSet::new(),
            leaving: false,
        }
    }

    pub fn is_running(&self) -> bool {
        matches!(self.run, Run::Going { .. })
    }

    pub fn stays_off(&self) -> bool {
        matches!(&self.run, Run::Ended(report) if report.stays_off)
    }

    pub fn succeeded(&self) -> bool {
        matches!(&self.run, Run::Ended(report) if report.succeeded())
    }

    /// The page was dealt with: it has a tick in the list.
    pub fn is_done(&self, page: Page) -> bool {
        match page {
            Page::Configure => matches!(&self.run, Run::Ended(report) if report.succeeded()),
            Page::Result => self.succeeded() && self.page == Page::Result,
            page => self.passed.contains(&page) && page != self.page && self.form.wrong_field(page).is_none(),
        }
    }

    /// The page can be gone to by the list at the side.
    pub fn can_go_to(&self, page: Page) -> bool {
        if self.is_running() || self.succeeded() || page == self.page {
            return false;
        }
        match page {
            Page::Result => matches!(self.run, Run::Ended(_)),
            page => PAGES.iter().take_while(|earlier| **earlier < page).all(|earlier| self.is_passable(*earlier)),
        }
    }

    fn is_passable(&self, page: Page) -> bool {
        (self.passed.contains(&page) || page == self.page) && self.form.wrong_field(page).is_none()
    }

    /// What is wrong with a field, once there is a reason to say so.
    pub fn problem(&self, field: Field) -> Option<String> {
        if self.touched.contains(&field) { self.form.problem(field) } else { None }
    }

    /// The checklist: each step as it stands. Empty before the first run.
    pub fn steps(&self) -> &[(Step, StepState)] {
        match &self.run {
            Run::No => &[],
            Run::Going { steps, .. } => steps,
            Run::Ended(report) => &report.steps,
        }
    }

    /// The failure that the run ended with.
    pub fn failure(&self) -> Option<&Failure> {
        self.steps().iter().find_map(|(_, state)| match state {
            StepState::Failed(failure) => Some(&**failure),
            _ => None,
        })
    }

    /// The page where the answer that led to the failure can be changed.
    pub fn page_to_mend(&self) -> Option<Page> {
        self.failure().and_then(|failure| failure.page).filter(|page| *page < Page::Configure)
    }

    #[must_use]
    pub fn wants(&mut self, intent: Intent) -> Vec<Effect> {
        match intent {
            Intent::Browse => return vec![Effect::Browse],
            Intent::Test => return vec![Effect::Test],
            Intent::Copy(text) => return vec![Effect::Copy(text)],
            Intent::Back | Intent::Next | Intent::GoTo(_) => self.turn(&intent),
            Intent::Configure if !self.is_running() => return self.configure(),
            Intent::Stop => return self.stop(),
            Intent::Cancel if self.explained.is_some() => self.explained = None,
            Intent::Cancel if self.asking => self.asking = false,
            Intent::Cancel if self.is_running() => self.asking = true,
            Intent::Cancel | Intent::Finish => return vec![Effect::Close { configured: self.succeeded() }],
            Intent::LeaveAnyway => {
                self.leaving = true;
                return self.stop();
            }
            Intent::Stay => self.asking = false,
            Intent::Explain(step) => {
                let failed = self.steps().iter().find_map(|(other, state)| match state {
                    StepState::Failed(failure) if *other == step => Some((**failure).clone()),
                    _ => None,
                });
                self.explained = failed;
            }
            Intent::CloseExplanation => self.explained = None,
            Intent::Configure => {}
            answer if self.is_running() || self.succeeded() => drop(answer),
            answer => self.answer(answer),
        }
        Vec::new()
    }

    fn answer(&mut self, intent: Intent) {
        let form = &mut self.form;
        match intent {
            Intent::Environment(environment) => form.environment = environment,
            Intent::Manual(manual) => form.manual = manual,
            Intent::Existing(existing) => form.existing = existing,
            Intent::Server(server) => {
                form.server = server;
                self.touched.insert(Field::Server);
            }
            Intent::Name(name) => {
                form.name = name;
                self.touched.insert(Field::Name);
            }
            Intent::Upn(upn) => {
                form.upn = upn;
                self.touched.insert(Field::Upn);
            }
            Intent::PasswordTyped => {
                self.touched.insert(Field::Password);
            }
            _ => {}
        }
    }

    fn turn(&mut self, intent: &Intent) {
        if self.is_running() {
            return;
        }
        let at = PAGES.iter().position(|page| *page == self.page).unwrap_or_default();
        let to = match *intent {
            Intent::Back if self.succeeded() => None,
            Intent::Back if self.page == Page::Result => Some(self.page_to_mend().unwrap_or(Page::Configure)),
            Intent::Back => at.checked_sub(1).map(|at| PAGES[at]),
            Intent::Next if self.page < Page::Configure => {
                self.touched.extend(self.form.fields(self.page));
                if self.form.wrong_field(self.page).is_none() {
                    self.passed.insert(self.page);
                    PAGES.get(at + 1).copied()
                } else {
                    None
                }
            }
            Intent::GoTo(page) if self.can_go_to(page) => Some(page),
            _ => None,
        };
        if let Some(to) = to {
            self.explained = None;
            self.page = to;
        }
    }

    fn configure(&mut self) -> Vec<Effect> {
        let wrong = PAGES.into_iter().find(|page| self.form.wrong_field(*page).is_some());
        if let Some(page) = wrong {
            self.touched.extend(self.form.fields(page));
            self.page = page;
            return Vec::new();
        }
        self.explained = None;
        self.page = Page::Configure;
        self.run = Run::Going { steps: Vec::new(), stopping: false };
        vec![Effect::Run(self.form.answers())]
    }

    fn stop(&mut self) -> Vec<Effect> {
        self.asking = false;
        match &mut self.run {
            Run::Going { stopping, .. } if !*stopping => {
                *stopping = true;
                vec![Effect::Stop]
            }
            _ => Vec::new(),
        }
    }

    /// The steps that a run will make, all still to be done.
    pub fn will_run(&mut self, planned: impl IntoIterator<Item = Step>) {
        if let Run::Going { steps, .. } = &mut self.run {
            *steps = planned.into_iter().map(|step| (step, StepState::NotRun)).collect();
        }
    }

    /// A step goes on.
    pub fn progresses(&mut self, progress: Progress) {
        let Run::Going { steps, .. } = &mut self.run else { return };
        match steps.iter_mut().find(|(step, _)| *step == progress.step) {
            Some((_, state)) => *state = progress.state,
            None => steps.push((progress.step, progress.state)),
        }
    }

    /// The run is over. Whoever left meanwhile is not held up, unless there is something to tell (W13).
    #[must_use]
    pub fn ended(&mut self, report: Report) -> Option<Effect> {
        if report.succeeded() {
            // It is with the updater now.
            self.form.password.wipe();
        }
        let nothing_to_tell = !report.succeeded() && report.changes.is_empty();
        self.asking = false;
        self.run = Run::Ended(report);
        self.page = Page::Result;
        let leaves = std::mem::take(&mut self.leaving) && nothing_to_tell;
        leaves.then_some(Effect::Close { configured: false })
    }
}

/// What a step does, as the checklist says it.
pub fn title(step: Step) -> &'static str {
    match step {
        Step::CheckAdministrator => "Check that you are a domain administrator",
        Step::LocateServer => "Locate the Exchange server",
        Step::CreateAccount => "Create the account",
        Step::VerifyAccount => "Verify the account",
        Step::GrantRights => "Grant impersonation rights",
        Step::TestRights => "Test impersonation rights",
        Step::Save => "Save the configuration",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: [Step; 4] = [Step::LocateServer, Step::CreateAccount, Step::GrantRights, Step::Save];

    fn at(page: Page) -> State {
        let mut state = State::new(None);
        while state.page < page {
            assert!(state.wants(Intent::Next).is_empty());
        }
        state
    }

    fn running() -> State {
        let mut state = at(Page::Configure);
        assert!(matches!(&state.wants(Intent::Configure)[..], [Effect::Run(_)]));
        state.will_run(STEPS);
        state
    }

    fn done() -> StepState {
        StepState::Done { note: String::new() }
    }

    fn failed(page: Option<Page>) -> State {
        let mut state = running();
        let failure = Failure { what: "No.".into(), page, ..Failure::default() };
        let steps = vec![
            (Step::LocateServer, done()),
            (Step::CreateAccount, done()),
            (Step::GrantRights, StepState::Failed(Box::new(failure))),
            (Step::Save, StepState::NotRun),
        ];
        let _ = state.ended(Report { steps, changes: vec!["The account was created.".into()], stays_off: false });
        state
    }

    fn succeeded() -> State {
        let mut state = running();
        let _ = state.ended(Report {
            steps: STEPS.map(|step| (step, done())).to_vec(),
            changes: Vec::new(),
            stays_off: false,
        });
        state
    }

    /// W2: validated as typed, and said only when there is a reason to.
    #[test]
    fn next_stays_where_something_is_wrong_and_says_it() {
        let mut state = at(Page::Connection);
        assert!(state.wants(Intent::Manual(true)).is_empty());
        assert_eq!(state.problem(Field::Server), None, "nothing was typed yet");
        assert!(state.wants(Intent::Next).is_empty());
        assert_eq!(state.page, Page::Connection);
        assert!(state.problem(Field::Server).is_some());
        assert!(state.wants(Intent::Server("mail corp".into())).is_empty());
        assert!(state.problem(Field::Server).unwrap().contains("spaces"));
        assert!(state.wants(Intent::Server("mail.corp.example".into())).is_empty());
        assert_eq!(state.problem(Field::Server), None);
        assert!(state.wants(Intent::Next).is_empty());
        assert_eq!(state.page, Page::Account);
    }

    #[test]
    fn the_list_leads_back_to_what_was_passed_and_never_past_what_is_wrong() {
        let mut state = at(Page::Account);
        assert!(state.can_go_to(Page::Environment) && !state.can_go_to(Page::Result));
        assert!(state.is_done(Page::Environment) && !state.is_done(Page::Account));
        assert!(state.wants(Intent::GoTo(Page::Environment)).is_empty());
        assert!(state.wants(Intent::Environment(Environment::Hybrid)).is_empty());
        assert!(state.wants(Intent::GoTo(Page::Account)).is_empty());
        assert_eq!(state.page, Page::Account);
        assert!(!state.can_go_to(Page::Configure), "hybrid needs an account and its password");
    }

    /// W5: *Back* stays possible until *Configure* is pressed.
    #[test]
    fn while_it_runs_there_is_no_way_back_and_no_second_run() {
        let mut state = running();
        for intent in [Intent::Back, Intent::Configure, Intent::GoTo(Page::Account), Intent::Name("x".into())] {
            assert!(state.wants(intent).is_empty());
        }
        assert_eq!((state.page, state.form.name.as_str()), (Page::Configure, "CodeTwoSiuAgent"));
    }

    #[test]
    fn the_checklist_follows_the_run() {
        let mut state = running();
        assert!(state.steps().iter().all(|(_, state)| *state == StepState::NotRun));
        let note = StepState::Running { note: "asking mail.corp.example".into() };
        state.progresses(Progress { step: Step::LocateServer, state: note.clone() });
        assert_eq!(state.steps()[0], (Step::LocateServer, note));
        assert_eq!(state.steps().len(), 4);
    }

    /// Cancelling asks only when something is running.
    #[test]
    fn leaving_asks_only_while_something_runs() {
        let mut state = at(Page::Account);
        assert!(matches!(&state.wants(Intent::Cancel)[..], [Effect::Close { configured: false }]));
        let mut state = running();
        assert!(state.wants(Intent::Cancel).is_empty());
        assert!(state.asking);
        assert!(state.wants(Intent::Cancel).is_empty(), "Escape closes the question, not the wizard");
        assert!(!state.asking && state.is_running());
        assert!(state.wants(Intent::Cancel).is_empty());
        assert!(matches!(&state.wants(Intent::LeaveAnyway)[..], [Effect::Stop]));
    }

    fn stopped(changes: &[&str]) -> Report {
        let steps = vec![(Step::LocateServer, StepState::Cancelled), (Step::Save, StepState::NotRun)];
        Report { steps, changes: changes.iter().map(|&change| change.to_owned()).collect(), stays_off: false }
    }

    /// W13: whoever leaves is told what was changed, if anything was.
    #[test]
    fn leaving_a_run_closes_at_once_unless_something_was_changed() {
        let mut state = running();
        assert_eq!(state.wants(Intent::LeaveAnyway).len(), 1);
        assert!(matches!(state.ended(stopped(&[])), Some(Effect::Close { configured: false })));
        let mut state = running();
        assert_eq!(state.wants(Intent::LeaveAnyway).len(), 1);
        assert!(state.ended(stopped(&["The account was created."])).is_none());
        assert_eq!(state.page, Page::Result);
    }

    /// W5: a running step can be cancelled.
    #[test]
    fn a_step_is_stopped_once_and_the_report_comes_all_the_same() {
        let mut state = running();
        assert!(matches!(&state.wants(Intent::Stop)[..], [Effect::Stop]));
        assert!(state.wants(Intent::Stop).is_empty());
        assert!(state.ended(stopped(&[])).is_none());
        assert_eq!(state.page, Page::Result);
        assert!(!state.succeeded() && state.failure().is_none());
    }

    /// W7
    #[test]
    fn success_can_only_be_finished() {
        let mut state = succeeded();
        assert_eq!(state.page, Page::Result);
        for intent in [Intent::Back, Intent::GoTo(Page::Account), Intent::Upn("x".into())] {
            assert!(state.wants(intent).is_empty());
        }
        assert_eq!(state.page, Page::Result);
        assert!(matches!(&state.wants(Intent::Finish)[..], [Effect::Close { configured: true }]));
        assert!(state.is_done(Page::Configure));
    }

    /// W8
    #[test]
    fn a_failure_can_be_read_and_leads_to_the_page_concerned() {
        let mut state = failed(Some(Page::Account));
        assert!(state.wants(Intent::Explain(Step::GrantRights)).is_empty());
        assert_eq!(state.explained.as_ref().unwrap().what, "No.");
        assert!(state.wants(Intent::Cancel).is_empty(), "Escape closes the failure, not the wizard");
        assert!(state.explained.is_none());
        assert!(state.wants(Intent::Explain(Step::Save)).is_empty());
        assert!(state.explained.is_none(), "it has not failed");
        assert!(state.wants(Intent::Back).is_empty());
        assert_eq!(state.page, Page::Account);
        assert!(state.wants(Intent::Name("other".into())).is_empty());
        assert!(matches!(&state.wants(Intent::Configure)[..], [Effect::Run(_)]), "and run again");
        assert_eq!(state.page, Page::Configure);
    }

    #[test]
    fn a_failure_that_no_answer_mends_offers_only_another_run() {
        assert_eq!(failed(None).page_to_mend(), None);
        assert_eq!(failed(Some(Page::Configure)).page_to_mend(), None);
        let mut state = failed(None);
        assert!(state.wants(Intent::Back).is_empty());
        assert_eq!(state.page, Page::Configure);
        assert!(matches!(&state.wants(Intent::Configure)[..], [Effect::Run(_)]));
    }

    #[test]
    fn what_became_wrong_meanwhile_is_led_to_instead_of_run() {
        let mut state = failed(Some(Page::Account));
        assert!(state.wants(Intent::GoTo(Page::Environment)).is_empty());
        assert!(state.wants(Intent::Environment(Environment::Hybrid)).is_empty());
        assert!(state.wants(Intent::Configure).is_empty());
        assert_eq!(state.page, Page::Account);
        assert!(state.problem(Field::Upn).is_some());
    }

    /// W3: passwords are kept no longer than needed.
    #[test]
    fn after_success_the_password_is_gone() {
        let mut state = at(Page::Account);
        state.form.existing = true;
        state.form.upn = "svc@corp.example".into();
        state.form.password.fill("Secret-1");
        assert!(matches!(&state.wants(Intent::Configure)[..], [Effect::Run(_)]));
        assert!(!format!("{state:?}").contains("Secret-1"));
        let _ = state.ended(Report { steps: vec![(Step::Save, done())], changes: Vec::new(), stays_off: false });
        assert!(state.form.password.is_empty());
    }
}
