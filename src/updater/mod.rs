//! The service: intake, queue, engine, schedule.

pub mod intake;
pub mod spool;
