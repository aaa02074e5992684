//! What can go wrong between us and the directory, in words for the administrator.

use std::time::Duration;

use super::SearchError;
use super::kerberos::KerberosProblem;
use super::refusal::Refusal;
use crate::tls::TlsProblem;

/// Why the directory could not be asked, or did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// What is set can't be used.
    #[error("{0}")]
    Settings(String),
    /// The name service answers, and knows no controller.
    #[error("the name service knows no domain controller of {domain}: it has no record {record}")]
    NoControllers { domain: String, record: String },
    /// The name service does not answer, or with an error.
    #[error("the name service can't be asked for {name} ({problem})")]
    NameService { name: String, problem: String },
    /// No connection came about.
    #[error("{}", problem.meaning(controller))]
    Connect { controller: String, problem: ConnectProblem },
    /// The controller could not prove who it is.
    #[error("{}", problem.meaning_of(controller))]
    Tls { controller: String, problem: TlsProblem },
    /// StartTLS was refused, so that nothing secret could be said.
    #[error("the domain controller {controller} offers no encryption ({said}), so the password was not sent to it")]
    NoEncryption { controller: String, said: String },
    /// The account, or its password, is not accepted.
    #[error("the domain controller {controller} does not accept {account}: {refusal}")]
    SignIn { controller: String, account: String, refusal: Refusal },
    /// The logged-on user can't sign in.
    #[error("the logged-on user can't sign in to {controller}: {problem}")]
    Kerberos { controller: String, problem: KerberosProblem },
    /// No answer in time.
    #[error("the domain controller {controller} gave no answer within {} seconds ({doing})", after.as_secs_f32())]
    Timeout { controller: String, doing: &'static str, after: Duration },
    /// The connection broke.
    #[error("the connection to the domain controller {controller} broke ({doing})")]
    Lost { controller: String, doing: &'static str },
    /// The controller can't work at the moment.
    #[error("the domain controller {controller} is busy or not available ({said})")]
    Busy { controller: String, said: String },
    /// A limit of the controller's own.
    #[error("the domain controller {controller} stopped before the end: {}", limit.meaning())]
    Limit { controller: String, limit: Limit },
    /// The object belongs to another domain. We don't go where a server sends us: the sign-in would go there, too.
    #[error("the domain controller {controller} sends us on to another one ({to}), which is not followed")]
    Referral { controller: String, to: String },
    /// The base of a search, or the object to change, is not there.
    #[error("the directory has no object {name}")]
    NoSuchObject { name: String },
    #[error("{account} may not do this in the directory: {doing} ({said})")]
    Denied { account: String, doing: &'static str, said: String },
    /// Refused otherwise.
    #[error("the domain controller {controller} refuses ({doing}): {said} (LDAP result {code})")]
    Refused { controller: String, doing: &'static str, code: u32, said: String },
    /// An answer that can't be read.
    #[error("the domain controller {controller} answers in a way that is not LDAP ({doing}: {what})")]
    Malformed { controller: String, doing: &'static str, what: String },
    /// Several controllers, and none would do.
    #[error("no domain controller of {domain} can be used: {}", listed(errors))]
    NoneUsable { domain: String, errors: Vec<DirectoryError> },
    /// An object was not found where it could be looked for, and it could be where that was not possible.
    #[error("{id} was not found, and the domain {domain}, where it could be, can't be searched: {why}")]
    UnknownWhere { id: String, domain: String, why: String },
}

/// Why no connection came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectProblem {
    /// The name service does not know the controller.
    Name,
    Refused,
    Unreachable,
    Timeout(Duration),
    Other(String),
}

impl ConnectProblem {
    pub(super) fn of(error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        match error.kind() {
            ErrorKind::ConnectionRefused => Self::Refused,
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => Self::Unreachable,
            ErrorKind::TimedOut => Self::Timeout(Duration::ZERO),
            _ => Self::Other(error.to_string()),
        }
    }

    fn meaning(&self, controller: &str) -> String {
        match self {
            Self::Name => format!("the name service does not know the domain controller {controller}"),
            Self::Refused => format!("{controller} refuses the connection: no directory listens there"),
            Self::Unreachable => format!("there is no way to the domain controller {controller}"),
            Self::Timeout(after) if !after.is_zero() => {
                format!("the domain controller {controller} did not react within {} seconds", after.as_secs_f32())
            }
            Self::Timeout(_) => format!("the domain controller {controller} does not react"),
            Self::Other(why) => format!("no connection to the domain controller {controller} came about ({why})"),
        }
    }
}

/// Limits that a controller puts to a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    Time,
    Size,
    Administrative,
}

impl Limit {
    fn meaning(self) -> &'static str {
        match self {
            Self::Time => "the search took longer than it allows",
            Self::Size => "the search found more objects than it gives out",
            Self::Administrative => "the search needs more of its resources than it allows",
        }
    }
}

impl DirectoryError {
    /// What to do about it, as a sentence; empty when there is nothing to advise.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::Settings(_) => "Correct the settings of the directory.".to_owned(),
            Self::NoControllers { domain, .. } => format!(
                "Check that {domain} is the DNS name of the domain and that this machine asks a name server of the \
                 domain; or name a domain controller."
            ),
            Self::NameService { .. } => {
                "Check which name servers this machine asks and that they can be reached; or name a domain controller."
                    .to_owned()
            }
            Self::Connect { problem, .. } => match problem {
                ConnectProblem::Name => "Check the name of the domain controller, and DNS.".to_owned(),
                _ => "Check that the domain controller is up, and that the network and firewalls let LDAP through \
                      (ports 389 and 636)."
                    .to_owned(),
            },
            Self::Tls { problem, .. } => problem.advice(),
            Self::NoEncryption { .. } => {
                "Give the domain controller a certificate for LDAP (Active Directory Certificate Services do that by \
                 themselves), or sign in as the logged-on user, which needs none."
                    .to_owned()
            }
            Self::SignIn { refusal, .. } => refusal.advice(),
            Self::Kerberos { problem, .. } => problem.advice(),
            Self::Timeout { .. } | Self::Lost { .. } | Self::Busy { .. } => {
                "Try again; if it stays like this, look at the load of the domain controller and at the network to it."
                    .to_owned()
            }
            Self::Limit { .. } => "Narrow the search, for example by more letters of the name.".to_owned(),
            Self::Referral { .. } => "Search in the domain that the object belongs to.".to_owned(),
            Self::NoSuchObject { .. } => "Check whether it was deleted.".to_owned(),
            Self::Denied { .. } => {
                "Sign in with an account that has the right, for example one in Domain Admins.".to_owned()
            }
            Self::Refused { .. } | Self::Malformed { .. } => {
                "Look into the event log of the domain controller, and at what stands between it and this machine."
                    .to_owned()
            }
            Self::NoneUsable { errors, .. } => errors.first().map(Self::advice).unwrap_or_default(),
            Self::UnknownWhere { domain, .. } => {
                format!("Make a domain controller of {domain} reachable from here; nothing changes until then.")
            }
        }
    }

    /// It is about this connection or controller: another one may do better.
    pub(crate) fn is_of_connection(&self) -> bool {
        matches!(
            self,
            Self::Connect { .. }
                | Self::Timeout { .. }
                | Self::Lost { .. }
                | Self::Busy { .. }
                | Self::Malformed { .. }
        )
    }

    /// Another controller of the domain may be set up better.
    pub(super) fn is_of_controller(&self) -> bool {
        self.is_of_connection()
            || matches!(
                self,
                Self::Tls { .. }
                    | Self::NoEncryption { .. }
                    | Self::NameService { .. }
                    | Self::NoControllers { .. }
                    | Self::NoneUsable { .. }
            )
    }
}

impl From<DirectoryError> for SearchError {
    fn from(error: DirectoryError) -> Self {
        Self { what: error.to_string(), advice: error.advice() }
    }
}

fn listed(errors: &[DirectoryError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
