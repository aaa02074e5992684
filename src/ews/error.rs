//! What can go wrong between us and Exchange, in words for the administrator, and sorted by what it asks us to do.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::auth::{SignInProblem, TicketRefusal};
use super::response_code::ResponseCode;
use crate::settings::SmtpAddress;
use crate::tls::TlsProblem;

/// What the network or HTTP says of an exchange that failed.
pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

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
    #[error("{at}: {}{}", status_meaning(*status, at), in_brackets(detail.as_deref()))]
    Http {
        status: u16,
        /// `Retry-After`
        retry_after: Option<Duration>,
        /// What the server says beside it: the title of its page, or the error of its front end.
        detail: Option<String>,
        at: At,
    },
    /// Nobody was signed in: certainly nothing was carried out.
    #[error("{at}: {problem}{}", beside(ticket.as_ref()))]
    SignIn {
        problem: Box<SignInProblem>,
        /// What the server says of the Kerberos ticket that it refuses.
        ticket: Option<TicketRefusal>,
        at: At,
    },
    /// We are sent elsewhere. Nothing is followed: the password would go there too.
    #[error(
        "{at}: {} sends us on to {} (HTTP status {status}), where the password would go too; if that is the right \
         place, set it as connection.ews_url",
        at.url(),
        target_host.as_deref().unwrap_or("another page of the same server")
    )]
    Redirected { status: u16, target_host: Option<String>, at: At },
    /// The server takes no request of this size.
    #[error(
        "{at}: a request of {bytes} bytes is larger than the server accepts (HTTP status {status}); the limits are \
         maxAllowedContentLength in the web.config of EWS on the server, and those of anything in front of it"
    )]
    RequestTooLarge { status: u16, bytes: u64, at: At },
    /// Something else than EWS answers at this address: a login page, a proxy, a captive portal.
    #[error(
        "{at}: something else than Exchange Web Services answers at {} (HTTP status {status}, {}{}); check \
         connection.ews_url, and whether a proxy or a login page stands in between",
        at.url(),
        content_type.as_deref().unwrap_or("no content type"),
        titled(title.as_deref())
    )]
    NotEws { status: u16, content_type: Option<String>, title: Option<String>, at: At },
    /// An answer that can't be read.
    #[error("{at}: {problem}; if it happens again, look at what stands between the updater and Exchange")]
    Malformed { problem: Malformed, at: At },
    /// An answer that is larger than we are ready to read.
    #[error("{at}: the answer is larger than the limit of {limit} bytes, so it was not read to its end")]
    TooLarge { limit: u64, at: At },
    /// No connection came about: certainly nothing was sent.
    #[error("{at}: {}", problem.meaning(at))]
    Connect { problem: ConnectProblem, at: At, source: BoxError },
    /// The server could not prove who it is, or no encryption was agreed on: certainly nothing was sent.
    #[error("{at}: {}", problem.meaning_at(at))]
    Tls { problem: TlsProblem, at: At, source: BoxError },
    /// No answer in time.
    #[error(
        "{at}: no answer within {} seconds{}; the server or the network is slow, or something in between swallows the \
         request",
        after.as_secs(),
        in_effect(*may_have_taken_effect)
    )]
    Timeout { after: Duration, may_have_taken_effect: bool, at: At },
    /// The connection broke while the request was under way.
    #[error("{at}: the connection broke before the answer was complete{}", in_effect(*may_have_taken_effect))]
    Dropped { may_have_taken_effect: bool, at: At, source: BoxError },
}

/// What Exchange says when it refuses.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub code: ResponseCode,
    /// `m:MessageText`, or the fault's text: in the server's language.
    pub message: String,
    /// The address to use instead, with `ErrorNonPrimarySmtpAddress`.
    pub primary_smtp_address: Option<String>,
    /// `BackOffMilliseconds`, or the `Retry-After` beside it: how long to leave the mailbox alone.
    pub back_off: Option<Duration>,
    /// The property that the refusal is about, such as `message:From`.
    pub property: Option<String>,
    pub at: At,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: Exchange answers {}", self.at, self.code)?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message.trim_end_matches('.'))?;
        }
        if let Some(property) = &self.property {
            write!(f, " (it is about {property})")?;
        }
        if let Some(address) = &self.primary_smtp_address {
            write!(f, " (the primary address is {address})")?;
        }
        if let Some(back_off) = self.back_off {
            write!(f, " (to be left alone for {} ms)", back_off.as_millis())?;
        }
        match self.code.advice() {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

fn beside(ticket: Option<&TicketRefusal>) -> String {
    ticket.map_or_else(String::new, |ticket| format!("; it gives a reason: {ticket}"))
}

/// Which operation it was, for which mailbox, on which server.
#[derive(Clone)]
pub struct At {
    pub(super) operation: &'static str,
    pub(super) place: Arc<Place>,
}

/// A mailbox on a server.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) server: Arc<Server>,
    pub(super) mailbox: SmtpAddress,
}

#[derive(Debug)]
pub(super) struct Server {
    pub(super) host: String,
    /// Without anything that could be secret.
    pub(super) url: String,
}

impl At {
    pub(super) fn url(&self) -> &str {
        &self.place.server.url
    }

    pub(super) fn host(&self) -> &str {
        &self.place.server.host
    }

    pub(super) fn mailbox(&self) -> &SmtpAddress {
        &self.place.mailbox
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for {} on {}", self.operation, self.place.mailbox, self.host())
    }
}

impl fmt::Debug for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "At({self})")
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
    #[error("the answer is encoded in {0}, and EWS answers in UTF-8")]
    Encoding(String),
    #[error("the answer says that it is UTF-8 and is not")]
    InvalidUtf8,
    #[error("the answer has a document type declaration, which SOAP forbids and which can be used to exhaust memory")]
    DocumentType,
    #[error("the answer refers to an entity {0:?} that nothing defines")]
    Entity(String),
    #[error("the answer is nested more than {0} deep")]
    TooDeep(usize),
    #[error("the answer is not a SOAP envelope but begins with an element {0:?}")]
    OtherDocument(String),
    #[error("the answer lacks {0}")]
    Lacks(&'static str),
    #[error("{element} in the answer has the value {value:?}, which is not understood")]
    BadValue { element: &'static str, value: String },
    #[error("what answers does not speak HTTP ({0})")]
    NotHttp(String),
    #[error("the answer is compressed in a way that can't be undone ({0})")]
    Compression(String),
}

/// Why no connection came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectProblem {
    /// The name service does not know the server.
    Name,
    /// The server is there and nothing listens on that port.
    Refused,
    /// No way to the server.
    Unreachable,
    /// The server did not react in time.
    Timeout,
    Other,
}

impl ConnectProblem {
    fn meaning(self, at: &At) -> String {
        let host = at.host();
        match self {
            Self::Name => format!("the name {host} is not known to the name service; check connection.ews_url and DNS"),
            Self::Refused => {
                format!(
                    "{host} refuses the connection: no web server listens there; is IIS running, is the port right?"
                )
            }
            Self::Unreachable => format!("there is no way to {host}; check the network, routes and firewalls"),
            Self::Timeout => {
                format!(
                    "{host} does not react in time; is the server up, and does a firewall let the connection through?"
                )
            }
            Self::Other => format!("no connection to {host} came about; check the network and connection.ews_url"),
        }
    }
}

impl TlsProblem {
    fn meaning_at(&self, at: &At) -> String {
        let host = at.host();
        match self {
            Self::Expired => format!("the certificate of {host} has expired; renew it on the server"),
            Self::NotYetValid => {
                format!("the certificate of {host} is not valid yet; is the clock of this machine right?")
            }
            Self::UnknownIssuer => format!(
                "the certificate of {host} was issued by an authority that this machine does not trust; install that \
                 authority's certificate on this machine, or add it to connection.extra_roots"
            ),
            Self::WrongName(names) if names.is_empty() => format!(
                "the certificate of {host} is for another name; use the name that stands in the certificate in \
                 connection.ews_url"
            ),
            Self::WrongName(names) => format!(
                "the certificate is not for {host} but for {}; use such a name in connection.ews_url",
                names.join(", ")
            ),
            Self::Revoked => format!("the certificate of {host} was revoked by its issuer; replace it on the server"),
            Self::BadCertificate(why) => format!("the certificate of {host} can't be used ({why})"),
            Self::NotTls => {
                format!("what listens on {host} does not speak TLS; is the port in connection.ews_url right?")
            }
            Self::NoAgreement(why) => {
                format!("{host} and this machine could not agree on how to encrypt ({why}); TLS 1.2 or 1.3 is needed")
            }
            Self::Other(why) => format!("no encrypted connection to {host} came about ({why})"),
        }
    }
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
        match self {
            Self::Response(refusal) | Self::Fault(refusal) => refusal.class(),
            Self::Http { status, retry_after, .. } => match status {
                429 | 503 => ErrorClass::Throttled { back_off: *retry_after },
                // A redirection stands here only when it leads to the server's error page.
                300..=399 | 408 | 500..600 => ErrorClass::MailboxTemporary,
                // These are about one request; all others about the address, the account or what is in between.
                400 | 411 | 414 | 431 => ErrorClass::Refused,
                _ => ErrorClass::Hold,
            },
            Self::SignIn { .. }
            | Self::Redirected { .. }
            | Self::NotEws { .. }
            | Self::Malformed { problem: Malformed::NotHttp(_) | Malformed::OtherDocument(_), .. }
            | Self::Connect { .. }
            | Self::Tls { .. } => ErrorClass::Hold,
            Self::RequestTooLarge { .. } | Self::TooLarge { .. } => ErrorClass::Refused,
            Self::Malformed { .. } | Self::Timeout { .. } | Self::Dropped { .. } => ErrorClass::MailboxTemporary,
        }
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
        match self {
            Self::Response(refusal) | Self::Fault(refusal) => refusal.class() == ErrorClass::MailboxTemporary,
            Self::Http { status, .. } => matches!(status, 200..400 | 408 | 500 | 502 | 504..600),
            Self::NotEws { status, .. } => matches!(status, 200..300 | 500..600),
            Self::Malformed { .. } | Self::TooLarge { .. } => true,
            Self::SignIn { .. }
            | Self::Redirected { .. }
            | Self::RequestTooLarge { .. }
            | Self::Connect { .. }
            | Self::Tls { .. } => false,
            Self::Timeout { may_have_taken_effect, .. } | Self::Dropped { may_have_taken_effect, .. } => {
                *may_have_taken_effect
            }
        }
    }
}

impl Refusal {
    fn class(&self) -> ErrorClass {
        match self.code.class() {
            ErrorClass::Throttled { .. } => ErrorClass::Throttled { back_off: self.back_off },
            ErrorClass::NoMailbox if self.code == ResponseCode::ErrorNonPrimarySmtpAddress => {
                let primary = self.primary_smtp_address.as_deref().and_then(|address| SmtpAddress::new(address).ok());
                // The same address again would go round in a circle.
                match primary.filter(|primary| *primary != self.at.place.mailbox) {
                    Some(primary) => ErrorClass::NonPrimaryAddress(primary),
                    None => ErrorClass::NoMailbox,
                }
            }
            class => class,
        }
    }
}

fn status_meaning(status: u16, at: &At) -> String {
    let host = at.host();
    match status {
        401 => format!(
            "{host} does not accept the account (HTTP status 401): the user name or the password is wrong, the account \
             is locked, disabled or expired, or Basic authentication is not switched on for EWS"
        ),
        403 => format!(
            "{host} forbids the access (HTTP status 403): EWS may be switched off for the account, or something in \
             front of Exchange turns this machine away"
        ),
        404 => format!(
            "there is no EWS at {} (HTTP status 404); the address on an Exchange server ends in /EWS/Exchange.asmx",
            at.url()
        ),
        407 => "a proxy in between asks for a user name and a password (HTTP status 407); let this machine reach \
                Exchange directly"
            .to_owned(),
        429 | 503 => format!("{host} can't take requests at the moment (HTTP status {status})"),
        440 | 456 | 457 => format!(
            "{host} blocks the account (HTTP status {status}): it is locked, or its password has expired or must be \
             changed"
        ),
        300..=399 => format!("{host} shows its error page instead of an answer (HTTP status {status})"),
        500 => format!("{host} has an internal error (HTTP status 500)"),
        502 | 504 => format!(
            "what stands in front of Exchange on {host} gets no answer from the server behind it (HTTP status {status})"
        ),
        _ => format!("{host} answers with HTTP status {status} and nothing of EWS"),
    }
}

fn in_brackets(detail: Option<&str>) -> String {
    detail.map_or_else(String::new, |detail| format!("; it says: {detail}"))
}

fn titled(title: Option<&str>) -> String {
    title.map_or_else(String::new, |title| format!(", titled {title:?}"))
}

fn in_effect(may: bool) -> &'static str {
    if may { "; the request may have been carried out all the same" } else { "; the request was not sent completely" }
}
