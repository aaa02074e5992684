//! The service: intake, queue, engine, schedule.

pub mod clock;
pub mod dispatcher;
pub mod engine;
pub mod gate;
pub mod intake;
pub mod queue;
pub mod schedule;
pub mod settings_store;
pub mod spool;
