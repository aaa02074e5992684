//! The way to Exchange, by the command line as administrators use it: a domain and its servers are found by DNS, the
//! server by Autodiscover or by hand, the right is granted by remote PowerShell, and each failure says its words.
//!
//! The organisation is the sandbox, or the one that `SIU_REACH_…` names (see `organisation.rs`).
#![cfg(unix)]

mod credentials;
mod failures;
#[path = "../network/mod.rs"]
mod network;
mod organisation;
#[path = "../process/mod.rs"]
mod process;
mod success;
