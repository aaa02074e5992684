//! Where the steps do their work: a domain with Exchange, or the sandbox.

use futures_util::future::BoxFuture;
use secrecy::SecretString;

use super::{ConnectionChoice, Failure};
use crate::settings::{Connection, DirectorySettings, Environment, SmtpAddress};

/// Where Exchange was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    pub connection: Connection,
    /// As the server tells it, for example `Exchange Server 2019 (15.2.1544)`; empty when it doesn't.
    pub version: String,
}

/// An account that was made, or taken over.
#[derive(Debug, Clone)]
pub struct CreatedAccount {
    pub upn: String,
    pub password: SecretString,
    /// It was there already, is ours, and got a new password.
    pub taken_over: bool,
}

/// A condition that the account must meet (W11), with its verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// As a noun phrase: `valid user principal name`.
    pub name: String,
    pub verdict: Verdict,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Met,
    Failed(Box<Failure>),
    /// It could not be found out, for a reason.
    Unknown(String),
}

/// The right that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Granted {
    Now {
        /// What Exchange remarked on it, word for word.
        warnings: Vec<String>,
    },
    /// The account had it already.
    Before,
}

/// With what and where impersonation is tried.
#[derive(Debug, Clone)]
pub struct Access {
    pub connection: Connection,
    pub upn: String,
    pub password: SecretString,
    /// Whose mailbox; none: the account's own choice of one that exists.
    pub mailbox: Option<SmtpAddress>,
}

/// Impersonation worked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessOutcome {
    /// Whose Sent Items was opened.
    pub mailbox: SmtpAddress,
    /// Items in it.
    pub items: u32,
    /// The server's version as it tells it to whom it lets in; may be empty.
    pub version: String,
}

/// What the steps need of the outside. Whoever calls may drop what a method returns at any time: that cancels it.
pub trait Organisation: Send + Sync {
    /// DNS name of the domain that the service account is to be in.
    fn domain(&self) -> String;

    /// How the updater will reach the directory; none where there is none.
    fn directory(&self) -> Option<DirectorySettings>;

    /// The person configuring is in Domain Admins, nested membership included (W12). Returns the name.
    fn check_administrator(&self) -> BoxFuture<'_, Result<String, Failure>>;

    /// `account` is who asks Autodiscover; none: the person configuring.
    fn locate<'a>(
        &'a self,
        choice: &'a ConnectionChoice,
        account: Option<(&'a str, &'a SecretString)>,
    ) -> BoxFuture<'a, Result<Located, Failure>>;

    fn create_account<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<CreatedAccount, Failure>>;

    /// Every condition of W11 but the rights.
    fn verify_account<'a>(
        &'a self,
        upn: &'a str,
        password: &'a SecretString,
        environment: Environment,
    ) -> BoxFuture<'a, Result<Vec<Condition>, Failure>>;

    fn grant<'a>(&'a self, upn: &'a str, located: &'a Located) -> BoxFuture<'a, Result<Granted, Failure>>;

    /// Opens Sent Items of a mailbox and changes nothing.
    fn test<'a>(&'a self, access: &'a Access) -> BoxFuture<'a, Result<AccessOutcome, Failure>>;
}
