//! Accounts: who is configuring, whether the service account can be used, and making one.

mod administrator;
mod check;
mod create;
mod password;

pub use check::{AccountCheck, AccountCondition, AccountVerdict};
pub use create::{CreateError, NewAccount};
