//! Runs the steps (W5–W8, W13): one after the other, live, to be cancelled at any time, and never twice for nothing.
//!
//! What a step achieved is kept beside the inputs that it depended on ([`Done`]). The next run of the same [`Setup`]
//! does a step again only if one of those inputs is another.

mod done;
mod save;
// The updater that they talk to listens on a Unix-domain socket.
#[cfg(all(test, unix))]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use self::done::Done;
use super::time::{SystemTime, Time};
use super::{Access, AccessOutcome, AccountChoice, Answers, Condition, Failure, Granted, Located, Organisation};
use super::{Progress, Report, Step, StepState, Verdict, failures, plan, validate};
use crate::pipe::client::Client;
use crate::settings::SmtpAddress;

/// How long it is waited until Exchange applies a right that was granted just now.
pub const APPLIED_WITHIN: Duration = Duration::from_mins(10);

/// How often it is tried meanwhile.
const TRY_EVERY: Duration = Duration::from_secs(10);

/// How often the progress is shown meanwhile.
const SHOW_EVERY: Duration = Duration::from_secs(1);

/// The code with which Exchange says that the right is not there, or not yet.
const NOT_PERMITTED: &str = "ErrorImpersonateUserDenied";

/// A configuration in the making. It lives as long as the wizard is open, over any number of runs.
pub struct Setup {
    organisation: Arc<dyn Organisation>,
    updater: Client,
    time: Arc<dyn Time>,
    done: Done,
    /// What was changed outside since the last success, a sentence each (W13).
    changes: Vec<String>,
    /// The updater had been switched off when the configuration was last saved.
    stays_off: bool,
}

/// Why a step did not come to its end.
enum Stop {
    Failed(Box<Failure>),
    Cancelled,
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(Box::new(failure))
    }
}

impl From<Box<Failure>> for Stop {
    fn from(failure: Box<Failure>) -> Self {
        Self::Failed(failure)
    }
}

/// What a run is given.
struct Run<'a> {
    answers: &'a Answers,
    cancel: CancellationToken,
    progress: &'a (dyn Fn(Progress) + Send + Sync),
}

impl Run<'_> {
    fn tell(&self, step: Step, state: StepState) {
        (self.progress)(Progress { step, state });
    }

    fn note(&self, step: Step, note: &str) {
        self.tell(step, StepState::Running { note: note.to_owned() });
    }

    /// What the work gives, unless the run is cancelled first: the work is dropped then.
    async fn unless_cancelled<T>(&self, work: impl Future<Output = T>) -> Result<T, Stop> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Stop::Cancelled),
            result = work => Ok(result),
        }
    }
}

impl Setup {
    #[must_use]
    pub fn new(organisation: Arc<dyn Organisation>, updater: Client) -> Self {
        Self::with_time(organisation, updater, Arc::new(SystemTime::new()))
    }

    /// With another time than the system's.
    #[must_use]
    pub fn with_time(organisation: Arc<dyn Organisation>, updater: Client, time: Arc<dyn Time>) -> Self {
        Self { organisation, updater, time, done: Done::default(), changes: Vec::new(), stays_off: false }
    }

    /// What a run with these answers will do, a sentence a step (W5).
    #[must_use]
    pub fn plan(&self, answers: &Answers) -> Vec<(Step, String)> {
        plan::sentences(answers, &self.organisation.domain())
    }

    /// Runs the steps until one fails or the run is cancelled. Until the last one, the updater works on with the
    /// configuration that it has.
    pub async fn run(
        &mut self,
        answers: &Answers,
        cancel: CancellationToken,
        progress: impl Fn(Progress) + Send + Sync,
    ) -> Report {
        let run = Run { answers, cancel, progress: &progress };
        let mut steps: Vec<_> = plan::steps(answers).into_iter().map(|step| (step, StepState::NotRun)).collect();
        let wrong = wrong_answer(answers);
        for (step, state) in &mut steps {
            let result = match &wrong {
                Some((concerned, _)) if concerned != step => continue,
                Some((_, failure)) => Err(Stop::from(failure.clone())),
                None if run.cancel.is_cancelled() => Err(Stop::Cancelled),
                None => {
                    run.note(*step, "");
                    self.step(*step, &run).await
                }
            };
            let goes_on = result.is_ok();
            *state = match result {
                Ok(note) => StepState::Done { note },
                Err(Stop::Failed(failure)) => StepState::Failed(failure),
                Err(Stop::Cancelled) => StepState::Cancelled,
            };
            run.tell(*step, state.clone());
            if !goes_on {
                break;
            }
        }
        let mut report = Report { steps, changes: Vec::new(), stays_off: self.stays_off };
        if report.succeeded() {
            self.changes.clear();
        } else {
            report.stays_off = false;
            report.changes.clone_from(&self.changes);
        }
        report
    }

    /// The impersonation test by hand (W10), with the server and the account that these answers led to so far.
    ///
    /// # Errors
    /// When it does not work, or when a step that it needs was not done yet.
    pub async fn test_mailbox(&self, answers: &Answers, mailbox: SmtpAddress) -> Result<AccessOutcome, Failure> {
        let Some(located) = self.done.located(answers) else {
            return Err(failures::too_early("the server was not located"));
        };
        let (upn, password) = match &answers.account {
            AccountChoice::Existing { upn, password } => (upn.trim().to_owned(), password.clone()),
            AccountChoice::Automatic { .. } => match self.done.created(answers) {
                Some(created) => (created.upn.clone(), created.password.clone()),
                None => return Err(failures::too_early("the account was not created")),
            },
        };
        let connection = located.connection.clone();
        self.organisation.test(&Access { connection, upn, password, mailbox: Some(mailbox) }).await
    }

    /// Does a step, or finds it done. Returns what came of it.
    async fn step(&mut self, step: Step, run: &Run<'_>) -> Result<String, Stop> {
        match step {
            Step::CheckAdministrator => self.check_administrator(run).await,
            Step::LocateServer => self.locate(run).await,
            Step::CreateAccount => self.create_account(run).await,
            Step::VerifyAccount => self.verify_account(run).await,
            Step::GrantRights => self.grant(run).await,
            Step::TestRights => self.test(run).await,
            Step::Save => self.save(run).await,
        }
    }

    async fn check_administrator(&mut self, run: &Run<'_>) -> Result<String, Stop> {
        if let Some(name) = &self.done.administrator {
            return Ok(before(&format!("{name} is a domain administrator")));
        }
        let name = run.unless_cancelled(self.organisation.check_administrator()).await??;
        let note = format!("{name} is a domain administrator");
        self.done.administrator = Some(name);
        Ok(note)
    }

    async fn locate(&mut self, run: &Run<'_>) -> Result<String, Stop> {
        if let Some(located) = self.done.located(run.answers) {
            return Ok(before(&found(located)));
        }
        let account = match &run.answers.account {
            AccountChoice::Existing { upn, password } => Some((upn.trim(), password)),
            AccountChoice::Automatic { .. } => None,
        };
        let located = run.unless_cancelled(self.organisation.locate(&run.answers.connection, account)).await??;
        let note = found(&located);
        self.done.keep_located(run.answers, located);
        Ok(note)
    }

    async fn create_account(&mut self, run: &Run<'_>) -> Result<String, Stop> {
        if let Some(account) = self.done.created(run.answers) {
            return Ok(before(&format!("the account is {}", account.upn)));
        }
        let AccountChoice::Automatic { name } = &run.answers.account else {
            unreachable!("an account that exists is not created")
        };
        let upn = plan::upn(run.answers, &self.organisation.domain());
        let created = match run.unless_cancelled(self.organisation.create_account(name.trim())).await {
            Ok(result) => result?,
            Err(stop) => {
                self.changes.push(format!(
                    "The account {upn} may have been created or given a new password: the step was cancelled while it \
                     ran. The next run takes the account over."
                ));
                return Err(stop);
            }
        };
        let note = if created.taken_over {
            self.changes.push(format!("The account {} was there already and got a new password.", created.upn));
            format!("took {} over with a new password", created.upn)
        } else {
            self.changes.push(format!("The account {} was created.", created.upn));
            format!("created {}", created.upn)
        };
        let taken_over = created.taken_over.then(|| (created.upn.clone(), created.password.clone()));
        self.done.keep_created(run.answers, created);
        if let Some((upn, password)) = taken_over {
            // The updater may be working with this very account; the configuration in force must go on working.
            if let Err(error) = save::renew_password(&self.updater, &upn, password).await {
                self.changes.push(format!(
                    "If the updater works with {upn} now, it still has the former password and can't sign in until the \
                     configuration succeeds ({error})."
                ));
            }
        }
        Ok(note)
    }

    async fn verify_account(&mut self, run: &Run<'_>) -> Result<String, Stop> {
        let AccountChoice::Existing { upn, password } = &run.answers.account else {
            unreachable!("an account that was just created is not verified")
        };
        if let Some(note) = self.done.verified(run.answers) {
            return Ok(before(note));
        }
        let verifying = self.organisation.verify_account(upn.trim(), password, run.answers.environment);
        let conditions = run.unless_cancelled(verifying).await??;
        let note = conclude(conditions)?;
        self.done.keep_verified(run.answers, note.clone());
        Ok(note)
    }

    async fn grant(&mut self, run: &Run<'_>) -> Result<String, Stop> {
        let (upn, _) = self.account(run);
        let located = self.server(run);
        if self.done.granted(&upn, &located).is_some() {
            return Ok(before(&format!("{upn} may impersonate mailboxes")));
        }
        let granted = match run.unless_cancelled(self.organisation.grant(&upn, &located)).await {
            Ok(result) => result?,
            Err(stop) => {
                self.changes.push(format!(
                    "The right to impersonate mailboxes may have been granted to {upn}: the step was cancelled while it \
                     ran. The next run recognises the right."
                ));
                return Err(stop);
            }
        };
        let (note, since) = match granted {
            Granted::Now { warnings } => {
                self.changes.push(format!("The right to impersonate mailboxes was granted to {upn}."));
                (granted_with(&upn, &warnings), Some(self.time.now()))
            }
            Granted::Before => (format!("{upn} had the right already"), None),
        };
        self.done.keep_granted(&upn, located, since);
        Ok(note)
    }

    async fn test(&mut self, run: &Run<'_>) -> Result<String, Stop> {
        let (upn, password) = self.account(run);
        let located = self.server(run);
        let access = Access { connection: located.connection.clone(), upn, password, mailbox: None };
        if let Some(outcome) = self.done.tested(&access) {
            return Ok(before(&opened(outcome)));
        }
        let outcome = self.test_until_applied(&access, &located, run).await?;
        let mut note = opened(&outcome);
        // Whoever was not let in when the server was located did not see it then.
        if located.version.is_empty() && !outcome.version.is_empty() {
            note.push_str(&format!("; the server is {}", outcome.version));
        }
        self.done.keep_tested(access, outcome);
        Ok(note)
    }

    /// Tests, and again while a right that was granted just now may not be applied yet: that takes Exchange minutes.
    async fn test_until_applied(
        &self,
        access: &Access,
        located: &Located,
        run: &Run<'_>,
    ) -> Result<AccessOutcome, Stop> {
        let since = self.done.granted(&access.upn, located).and_then(|grant| grant.since);
        loop {
            let failure = match run.unless_cancelled(self.organisation.test(access)).await? {
                Ok(outcome) => return Ok(outcome),
                Err(failure) => failure,
            };
            let Some(since) = since.filter(|_| failure.code.as_deref() == Some(NOT_PERMITTED)) else {
                return Err(failure.into());
            };
            if self.time.now().saturating_sub(since) >= APPLIED_WITHIN {
                let mailbox = access.mailbox.as_ref().map_or("mailboxes", |mailbox| mailbox.as_str());
                let waited = format!("{} minutes", APPLIED_WITHIN.as_secs() / 60);
                let mut late = failures::impersonation_refused(&access.upn, mailbox, Some(&waited), failure.details);
                late.code = failure.code;
                return Err(late.into());
            }
            self.wait_for_the_next_try(since, run).await?;
        }
    }

    /// With visible progress.
    async fn wait_for_the_next_try(&self, since: Duration, run: &Run<'_>) -> Result<(), Stop> {
        let until = (self.time.now() + TRY_EVERY).min(since + APPLIED_WITHIN);
        loop {
            let now = self.time.now();
            let (waited, most) = (minutes(now.saturating_sub(since)), minutes(APPLIED_WITHIN));
            run.note(Step::TestRights, &format!("waiting until Exchange applies the right, {waited} of {most}"));
            if now >= until {
                return Ok(());
            }
            run.unless_cancelled(self.time.sleep(SHOW_EVERY.min(until.saturating_sub(now)))).await?;
        }
    }

    async fn save(&mut self, run: &Run<'_>) -> Result<String, Stop> {
        let (upn, password) = self.account(run);
        let ours = save::Ours {
            environment: run.answers.environment,
            connection: self.server(run).connection,
            upn,
            directory: self.organisation.directory(),
        };
        let saved = save::save(&self.updater, &ours, &password, run).await?;
        self.stays_off = !saved.on;
        Ok(saved.note())
    }

    /// The service account of this run. Steps that need it come after the one that makes or checks it.
    fn account(&self, run: &Run<'_>) -> (String, SecretString) {
        match &run.answers.account {
            AccountChoice::Existing { upn, password } => (upn.trim().to_owned(), password.clone()),
            AccountChoice::Automatic { .. } => match self.done.created(run.answers) {
                Some(created) => (created.upn.clone(), created.password.clone()),
                None => unreachable!("the account was created in a step before"),
            },
        }
    }

    fn server(&self, run: &Run<'_>) -> Located {
        match self.done.located(run.answers) {
            Some(located) => located.clone(),
            None => unreachable!("the server was located in a step before"),
        }
    }
}

/// The first answer that can't be worked with, and the step that it concerns.
fn wrong_answer(answers: &Answers) -> Option<(Step, Failure)> {
    let (page, sentence) = validate::answers(answers).into_iter().next()?;
    let step = match (page, &answers.account) {
        (super::Page::Account, AccountChoice::Automatic { .. }) => Step::CreateAccount,
        (super::Page::Account, AccountChoice::Existing { .. }) => Step::VerifyAccount,
        _ => Step::LocateServer,
    };
    Some((step, failures::wrong_answer(page, &sentence)))
}

fn before(note: &str) -> String {
    format!("{note} (done before)")
}

fn found(located: &Located) -> String {
    let Located { connection, version } = located;
    if version.is_empty() { connection.ews_url.clone() } else { format!("{}, {version}", connection.ews_url) }
}

fn opened(outcome: &AccessOutcome) -> String {
    let items = if outcome.items == 1 { "1 item".to_owned() } else { format!("{} items", outcome.items) };
    format!("opened Sent Items of {} ({items})", outcome.mailbox)
}

/// A right that was granted, with what Exchange remarked on it.
fn granted_with(upn: &str, warnings: &[String]) -> String {
    let mut note = format!("granted to {upn}");
    for warning in warnings {
        let words: Vec<_> =
            warning.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
        note.push_str(&format!("; Exchange warns: {}", words.join(" ").trim_end_matches('.')));
    }
    note
}

fn minutes(time: Duration) -> String {
    format!("{}:{:02}", time.as_secs() / 60, time.as_secs() % 60)
}

/// W11: what the conditions come to.
fn conclude(conditions: Vec<Condition>) -> Result<String, Box<Failure>> {
    let (mut failed, mut unknown, mut met) = (Vec::new(), Vec::new(), 0_usize);
    for condition in conditions {
        match condition.verdict {
            Verdict::Met => met += 1,
            Verdict::Failed(failure) => failed.push(*failure),
            Verdict::Unknown(reason) => unknown.push(format!("{} ({})", condition.name, reason.trim_end_matches('.'))),
        }
    }
    if let Some(failure) = failures::conditions(failed) {
        return Err(Box::new(failure));
    }
    let met = if met == 1 { "1 condition is met".to_owned() } else { format!("{met} conditions are met") };
    if unknown.is_empty() { Ok(met) } else { Ok(format!("{met}; not known: {}", unknown.join(", "))) }
}
