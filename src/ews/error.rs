//! What can go wrong between us and Exchange, in words for the administrator, and sorted by what it asks us to do.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::response_code::ResponseCode;
use crate::settings::SmtpAddress;

/// Why an operation did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum EwsError {
    /// Exchange refused this item, with a response code in the answer.
    #[error("{0}")]
    Response(Box<Refusal>),
    /// Exchange refused the whole request, with a SOAP fault.
    #[error("{0}")]
    Fault(Box<Refusal>),
    /// An HTTP status, with no answer of EWS in the body.
    #[error("{at}: HTTP status {status}")]
    Http { status: u16, retry_after: Option<Duration>, at: At },
    /// We are sent elsewhere. Nothing is followed: the password would go there too.
    #[error("{at}: redirected")]
    Redirected { status: u16, target_host: Option<String>, at: At },
    /// The server takes no request of this size.
    #[error("{at}: {bytes} bytes are too large")]
    RequestTooLarge { status: u16, bytes: u64, at: At },
    /// Something else than EWS answers at this address: a login page, a proxy, a captive portal.
    #[error("{at}: not EWS")]
    NotEws { status: u16, content_type: Option<String>, title: Option<String>, at: At },
    /// An answer that can't be read.
    #[error("{at}: {problem}")]
    Malformed { problem: Malformed, at: At },
    /// An answer that is larger than we are ready to read.
    #[error("{at}: larger than {limit} bytes")]
    TooLarge { limit: u64, at: At },
    /// No connection came about: certainly nothing was sent.
    #[error("{at}: {problem}")]
    Connect { problem: ConnectProblem, at: At, source: reqwest::Error },
    /// The server could not prove who it is, or no encryption was agreed on: certainly nothing was sent.
    #[error("{at}: {problem}")]
    Tls { problem: TlsProblem, at: At, source: reqwest::Error },
    /// No answer in time.
    #[error("{at}: no answer within {after:?}")]
    Timeout { after: Duration, may_have_taken_effect: bool, at: At },
    /// The connection broke while the request was under way.
    #[error("{at}: dropped")]
    Dropped { may_have_taken_effect: bool, at: At, source: reqwest::Error },
}

/// What Exchange says when it refuses.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub code: ResponseCode,
    /// `m:MessageText`, or the fault's text: in the server's language.
    pub message: String,
    /// The address to use instead, with `ErrorNonPrimarySmtpAddress`.
    pub primary_smtp_address: Option<String>,
    /// `BackOffMilliseconds`: how long to leave the mailbox alone.
    pub back_off: Option<Duration>,
    /// The property that the refusal is about, such as `message:From`.
    pub property: Option<String>,
    pub at: At,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.at, self.message, self.code)
    }
}

/// Which operation it was, for which mailbox, on which server.
#[derive(Debug, Clone)]
pub struct At {
    pub(super) operation: &'static str,
    pub(super) place: Arc<Place>,
}

#[derive(Debug)]
pub(super) struct Place {
    pub(super) host: Arc<str>,
    pub(super) mailbox: SmtpAddress,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for {} at {}", self.operation, self.place.mailbox, self.place.host)
    }
}

/// Why an answer can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("the answer is empty")]
    Empty,
    #[error("the answer ends in the middle")]
    Truncated,
    #[error("the answer is not well-formed XML ({0})")]
    NotWellFormed(String),
    #[error("the answer is encoded in {0}; EWS answers in UTF-8")]
    Encoding(String),
    #[error("the answer says that it is UTF-8 and is not")]
    InvalidUtf8,
    #[error("the answer has a document type declaration, which SOAP forbids and which can be used to exhaust memory")]
    DocumentType,
    #[error("the answer refers to the entity {0:?}, which nothing defines")]
    Entity(String),
    #[error("the answer is nested more than {0} deep")]
    TooDeep(usize),
    #[error("the answer lacks {0}")]
    Lacks(&'static str),
    #[error("{element} in the answer has the value {value:?}, which is not understood")]
    BadValue { element: &'static str, value: String },
}

/// Why no connection came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectProblem {
    /// The name of the server is not known to the name service.
    Name,
    /// The server is there and nothing listens on that port.
    Refused,
    /// No way to the server.
    Unreachable,
    /// The server did not react in time.
    Timeout,
    Other,
}

/// What is wrong with the encryption or the server's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsProblem {
    Expired,
    NotYetValid,
    UnknownIssuer,
    /// The certificate is for other names; here as far as they are known.
    WrongName(Vec<String>),
    Revoked,
    /// Not meant for a server, or damaged, or signed in a way that is no longer accepted.
    BadCertificate(String),
    /// Something that speaks no TLS answers on this port.
    NotTls,
    /// No common version or cipher.
    NoAgreement(String),
    Other(String),
}

/// What an error asks the updater to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorClass {
    /// The account has no right to impersonate this mailbox.
    Denied,
    /// There is no such mailbox, or none that can be used.
    NoMailbox,
    /// The mailbox has another primary address: use that.
    NonPrimaryAddress(SmtpAddress),
    /// Leave this mailbox alone for a while.
    Throttled { back_off: Option<Duration> },
    /// This mailbox has a trouble that passes: being moved, its store not available, a timeout.
    MailboxTemporary,
    /// The item or folder is not there (any more).
    ItemGone,
    /// The item was changed meanwhile: read it again.
    Conflict,
    /// The item can't be changed in this way in place; it can be replaced.
    NotUpdatable,
    /// The mailbox is full.
    QuotaExceeded,
    /// Refused for good.
    Refused,
    /// Trouble with the server or the account, which concerns every mailbox.
    Hold,
}

impl EwsError {
    /// What to do about it.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        todo!()
    }

    /// Exchange's response code, where it gave one.
    #[must_use]
    pub fn code(&self) -> Option<&ResponseCode> {
        match self {
            Self::Response(refusal) | Self::Fault(refusal) => Some(&refusal.code),
            _ => None,
        }
    }

    /// Whether a request that writes may have been carried out all the same. `false` is certain.
    #[must_use]
    pub fn may_have_taken_effect(&self) -> bool {
        todo!()
    }
}
