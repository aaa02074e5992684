//! The service: intake, queue, engine, schedule.

pub mod api;
pub mod boundaries;
pub mod clock;
pub mod dispatcher;
pub mod engine;
pub mod exchange;
pub mod gate;
pub mod intake;
pub mod organisation;
pub mod queue;
pub mod schedule;
pub mod scope;
pub mod service;
pub mod settings_store;
pub mod spool;
