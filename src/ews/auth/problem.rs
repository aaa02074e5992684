//! Why a sign-in came to nothing, in words for the administrator.

use super::oauth::TokenProblem;
use crate::settings::AuthScheme;

/// Nothing was carried out on the server after any of these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignInProblem {
    /// No way to sign in is common to the server and the settings.
    #[error(
        "the server offers {} and nothing of it can be used: {}; change connection.auth_order, or what is switched on \
         for EWS on the server (Set-WebServicesVirtualDirectory)",
        listed(offered), why.join(", ")
    )]
    NothingFits { offered: Vec<String>, why: Vec<String> },
    /// The server answers a stranger as if it were nobody's business who asks.
    #[error(
        "the server asks nobody to sign in, so it is hardly Exchange that answers{}; check connection.ews_url",
        titled(title.as_deref())
    )]
    NotAsked {
        /// Of the page that answers.
        title: Option<String>,
    },
    /// The server took part to the end and said no.
    #[error(
        "the server does not accept the account by {}: the user name or the password is wrong, or the account is \
         locked, disabled or expired{}",
        scheme.name(), if *bound { "; or something between this machine and the server opens the encryption, which Extended Protection does not allow" } else { "" }
    )]
    Refused {
        scheme: AuthScheme,
        /// The sign-in was tied to the TLS connection.
        bound: bool,
    },
    /// The domain said no before the server was asked.
    #[error("Kerberos does not let the account in: {0}")]
    Kerberos(KerberosRefusal),
    /// No ticket, for another reason, and NTLM is not allowed instead.
    #[error("there is no Kerberos ticket to be had, and connection.auth_order does not allow NTLM instead: {0}")]
    NoTicket(String),
    /// Signing in as the logged-on user is not possible.
    #[error("the logged-on user can't sign in: {0}")]
    LoggedOn(String),
    /// What the server answered is no part of the scheme.
    #[error("what the server answers while signing in by {} can't be understood: {problem}", scheme.name())]
    NotUnderstood { scheme: AuthScheme, problem: String },
    /// The server goes on asking.
    #[error(
        "the server asks for another token by {} again and again; signing in was given up after {legs} of them",
        scheme.name()
    )]
    Endless { scheme: AuthScheme, legs: usize },
    /// The connection is closed between two legs, each time.
    #[error(
        "the connection is closed in the middle of signing in by {}, which needs one connection from beginning to end; \
         a proxy or load balancer in between has to leave it open",
        scheme.name()
    )]
    Closed { scheme: AuthScheme },
    /// No token of Microsoft Entra, or one that is not accepted.
    #[error(transparent)]
    Token(#[from] TokenProblem),
}

impl SignInProblem {
    /// Whether the server is in order, and the account or its password is not.
    #[must_use]
    pub fn is_about_the_account(&self) -> bool {
        match self {
            Self::Refused { .. } | Self::Token(TokenProblem::Refused(_)) => true,
            Self::Kerberos(refusal) => refusal.is_about_the_account() || *refusal == KerberosRefusal::UnknownAccount,
            _ => false,
        }
    }
}

fn titled(title: Option<&str>) -> String {
    title.map_or_else(String::new, |title| format!(" (its page is titled {title:?})"))
}

fn listed(offered: &[String]) -> String {
    if offered.is_empty() { "no way to sign in".to_owned() } else { offered.join(", ") }
}

/// What a server refuses a ticket for that a domain controller gave (RFC 4120 7.5.9). Told beside
/// [`SignInProblem::Refused`], because a server need not say it, and whoever says it has proven nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TicketRefusal {
    #[error("to the server, the Kerberos ticket has expired")]
    Expired,
    #[error("to the server, the Kerberos ticket is not valid yet")]
    NotYetValid,
    #[error("the clocks of this machine and of the server differ by more than Kerberos allows")]
    ClockSkew,
    #[error("the server can't decrypt the Kerberos ticket: its key is not the one that the domain has for its name")]
    WrongKey,
    #[error("the Kerberos ticket is for another service than the one that answers")]
    NotForIt,
    #[error("the server has seen this sign-in before")]
    Repeated,
    #[error("the server does not accept the Kerberos ticket (error {0})")]
    Other(u32),
}

impl TicketRefusal {
    pub(super) fn of(code: u32) -> Self {
        match code {
            // Not intact, changed, no key of that number, no key at all.
            31 | 41 | 44 | 45 => Self::WrongKey,
            32 => Self::Expired,
            33 => Self::NotYetValid,
            34 => Self::Repeated,
            35 => Self::NotForIt,
            37 => Self::ClockSkew,
            other => Self::Other(other),
        }
    }
}

/// What a domain controller refuses a ticket for (RFC 4120 7.5.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KerberosRefusal {
    #[error("the password is wrong")]
    WrongPassword,
    #[error("the domain does not know the account")]
    UnknownAccount,
    #[error("the account is disabled, locked or expired")]
    Disabled,
    #[error("the password has expired or must be changed")]
    PasswordExpired,
    #[error("the domain has no service HTTP for this server's name (its service principal name is missing)")]
    UnknownService,
    #[error("the clocks of this machine and of the domain controller differ by more than Kerberos allows")]
    ClockSkew,
    #[error("a ticket has expired")]
    TicketExpired,
    #[error("the account may not sign in from here or at this time")]
    Policy,
    #[error("the account and the domain controller have no encryption in common")]
    NoEncryption,
    #[error("the domain controller is for another domain")]
    WrongRealm,
    #[error("error {0}")]
    Other(u32),
}

impl KerberosRefusal {
    pub(super) fn of(code: u32) -> Self {
        match code {
            6 => Self::UnknownAccount,
            7 => Self::UnknownService,
            12 => Self::Policy,
            14 => Self::NoEncryption,
            1 | 18 => Self::Disabled,
            23 => Self::PasswordExpired,
            // The second is that of a message that can't be decrypted.
            24 | 31 => Self::WrongPassword,
            32 => Self::TicketExpired,
            37 => Self::ClockSkew,
            68 => Self::WrongRealm,
            other => Self::Other(other),
        }
    }

    /// Whether NTLM with the same password would only be another failed attempt, which counts towards a lock.
    pub(super) fn is_about_the_account(self) -> bool {
        matches!(self, Self::WrongPassword | Self::Disabled | Self::PasswordExpired | Self::Policy)
    }
}
