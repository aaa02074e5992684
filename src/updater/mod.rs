//! The service: intake, queue, engine, schedule.

pub mod clock;
pub mod intake;
pub mod queue;
pub mod spool;
