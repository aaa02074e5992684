//! The wizard's engine: answers → steps → report. It knows no GUI: panel and command line both drive it.
//!
//! Where the steps do their work stands behind the trait [`Organisation`].

pub mod cmdlet;
mod domain;
mod engine;
pub mod failures;
mod organisation;
pub mod plan;
mod step;
mod time;
pub mod validate;

pub use domain::{Domain, DomainOptions, Entra, Person};
pub use engine::{APPLIED_WITHIN, Setup};
pub use organisation::{Access, AccessOutcome, Condition, CreatedAccount, Granted, Located, Organisation, Verdict};
pub use step::{AccountChoice, Answers, ConnectionChoice, Failure, Page, Progress, Report, Step, StepState};
pub use time::{SystemTime, Time};
