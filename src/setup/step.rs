//! What the wizard asks, what it does, and how that went.

use secrecy::SecretString;

use crate::settings::Environment;

/// What the person configuring chose (W1–W3).
#[derive(Debug, Clone)]
pub struct Answers {
    pub environment: Environment,
    pub connection: ConnectionChoice,
    pub account: AccountChoice,
}

/// W2
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionChoice {
    Autodiscover,
    /// DNS name or IP address of the server.
    Manual {
        server: String,
    },
}

/// W3
#[derive(Debug, Clone)]
pub enum AccountChoice {
    /// Created under this name, the part before the `@`.
    Automatic {
        name: String,
    },
    Existing {
        upn: String,
        password: SecretString,
    },
}

/// The steps in their order (W6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// The person configuring is in Domain Admins (W12).
    CheckAdministrator,
    LocateServer,
    CreateAccount,
    VerifyAccount,
    GrantRights,
    TestRights,
    /// Saved by the updater and in force there.
    Save,
}

/// How a step stands.
#[derive(Debug, Clone, PartialEq)]
pub enum StepState {
    NotRun,
    /// With what it is doing at the moment; may be empty.
    Running {
        note: String,
    },
    /// With what came of it, as in `created svc@corp.example`.
    Done {
        note: String,
    },
    Failed(Box<Failure>),
    Cancelled,
}

/// Page of the wizard, to go back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Page {
    Environment,
    Connection,
    Account,
    Configure,
    Result,
}

/// Why a step failed, as the failure window shows it (W8–W11).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Failure {
    /// What went wrong, as one sentence.
    pub what: String,
    /// The likely cause, as whole sentences.
    pub cause: String,
    /// What to do, one sentence each, in order.
    pub advice: Vec<String>,
    /// The Exchange cmdlet that does by hand what failed (W9).
    pub cmdlet: Option<String>,
    /// What the other side said, word for word, and what was tried; for the curious.
    pub details: Vec<String>,
    /// The other side's own name for it where it has one, such as `ErrorImpersonateUserDenied`.
    pub code: Option<String>,
    /// The impersonation test helps further (W10).
    pub offer_test: bool,
    /// Where the answer that led here can be changed.
    pub page: Option<Page>,
}

/// What happens during a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    pub step: Step,
    pub state: StepState,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Every step with its end, in order.
    pub steps: Vec<(Step, StepState)>,
    /// What was changed outside the updater although the run did not succeed, a sentence each (W13).
    pub changes: Vec<String>,
    /// An administrator had switched Sent Items Update off, and it stays off (T3).
    pub stays_off: bool,
}

impl Report {
    /// Every step was done (W7).
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.steps.iter().all(|(_, state)| matches!(state, StepState::Done { .. }))
    }
}
