//! The wizard's engine: answers → steps → report. It knows no GUI: panel and command line both drive it.
//!
//! Where the steps do their work stands behind the trait [`Organisation`].

pub mod cmdlet;
pub mod failures;
mod organisation;
mod step;
pub mod validate;

pub use organisation::{Access, AccessOutcome, Condition, CreatedAccount, Granted, Located, Organisation, Verdict};
pub use step::{AccountChoice, Answers, ConnectionChoice, Failure, Page, Progress, Report, Step, StepState};
