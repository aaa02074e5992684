//! *Register…*, *Register again…*, *Remove…* and *Leave…* of the General tab: an updater gets its share in the
//! organisation's configuration, and loses it (P2).
//!
//! What is done there is [`crate::enrolment`]'s, as for the command line. Each of the dialogs says what will happen before
//! anything does, and what was done afterwards.

mod entry;
mod failures;
mod joining;
mod removing;
mod report;
#[cfg(test)]
mod tests;

pub use joining::Joining;
pub use removing::Removing;
