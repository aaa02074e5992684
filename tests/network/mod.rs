//! A network of a test's own, on loopback: names, and what is found behind them.

pub mod name_server;
#[allow(dead_code, reason = "not every test has some")]
pub mod web;

#[allow(unused_imports, reason = "not every test needs all")]
pub use name_server::{NameServer, Records};
