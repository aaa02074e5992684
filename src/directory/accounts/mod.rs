//! Accounts: who is configuring, whether the service account can be used, and making one.

mod administrator;
mod check;
mod create;
mod known;
mod password;

pub(crate) use administrator::DOMAIN_ADMINS;
pub use check::{AccountCheck, AccountCondition, AccountVerdict};
pub use create::{CreateError, NewAccount};
pub(crate) use known::KnownAccount;
