//! The server, the account, and the mailboxes that are worked on in its name.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use reqwest::Url;
use reqwest::header::HeaderValue;
use secrecy::SecretString;

use super::auth::oauth::{OAuth, TokenProblem};
use super::error::{At, EwsError, Malformed, Place};
use super::soap::ServerVersion;
use super::soap::answer::{self, AnswerBody};
use super::soap::read::{Element, Reader};
use super::soap::write::Writer;
use super::transport::{Expect, Transport};
use crate::settings::{AuthScheme, SmtpAddress};

/// Where Exchange Web Services are, and how to sign in.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Address of EWS, such as `https://mail.example.com/EWS/Exchange.asmx`.
    pub url: Url,
    pub credentials: Credentials,
    /// Certificate authorities to trust beside the system's, as PEM text.
    pub extra_roots: Vec<String>,
    /// Allow credentials over a connection that is not encrypted (U11).
    pub allow_unencrypted: bool,
    /// How many requests may be under way at once, and how many connections are kept.
    pub connections: usize,
    /// How long a request may take, until its answer is complete. Each mebibyte that is sent or received adds a second.
    pub request_timeout: Duration,
    pub answer_limits: AnswerLimits,
}

impl Endpoint {
    /// An endpoint with the system's certificate authorities, TLS required, 8 connections and 100 seconds a request.
    #[must_use]
    pub fn new(url: Url, credentials: Credentials) -> Self {
        Self {
            url,
            credentials,
            extra_roots: Vec::new(),
            allow_unencrypted: false,
            connections: 8,
            request_timeout: Duration::from_secs(100),
            answer_limits: AnswerLimits::default(),
        }
    }
}

/// How large an answer may be, in bytes as they come out of the decompression. A larger one ends as
/// [`TooLarge`](super::EwsError::TooLarge).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerLimits {
    /// Of MIME content and attachments: their base64, and what stands around it.
    pub content: u64,
    /// Of everything else.
    pub other: u64,
}

impl Default for AnswerLimits {
    fn default() -> Self {
        Self { content: 200 << 20, other: 16 << 20 }
    }
}

/// How to sign in.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// RFC 7617, without asking the server first. The user as a UPN or as `DOMAIN\name`.
    Basic { user: String, password: SecretString },
    /// By the first way of the order that the server offers.
    Password {
        /// A UPN or `DOMAIN\name`.
        user: String,
        password: SecretString,
        order: Vec<AuthScheme>,
        /// Kerberos server, `host` or `host:port`; none: the one that krb5.conf or DNS names.
        kdc: Option<String>,
    },
    /// As the user or service that this program runs as, by Negotiate.
    LoggedOn,
    /// With tokens of Microsoft Entra.
    OAuth(OAuth),
}

/// Why no client can be made of an endpoint.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error(
        "{0} is not encrypted: the password could be read on the way; use https, or allow it in the settings \
         (connection.allow_unencrypted)"
    )]
    Unencrypted(String),
    #[error("{0} is not an address of EWS; it looks like https://mail.example.com/EWS/Exchange.asmx")]
    Address(String),
    #[error("the user name {0:?} can't be used to sign in: it contains a colon or a control character")]
    User(String),
    #[error("the certificate authority no. {number} of connection.extra_roots can't be read: {problem}")]
    ExtraRoot { number: usize, problem: String },
    #[error("at least 1 connection is needed")]
    NoConnections,
    #[error("the HTTP client can't be set up: {0}")]
    Http(#[source] reqwest::Error),
    #[error("the encryption can't be set up: {0}")]
    Tls(#[source] tokio_rustls::rustls::Error),
    #[error(transparent)]
    Token(TokenProblem),
}

/// A client of Exchange Web Services. Cheap to clone; clones share connections and limits.
#[derive(Debug, Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    transport: Transport,
    version: RwLock<Option<ServerVersion>>,
}

impl Client {
    /// # Errors
    /// When the endpoint would send the password unencrypted without leave, or can't be used at all. No connection
    /// is made yet.
    pub fn new(endpoint: Endpoint) -> Result<Self, ClientError> {
        let transport = Transport::new(endpoint)?;
        Ok(Self { shared: Arc::new(Shared { transport, version: RwLock::default() }) })
    }

    /// The mailbox with this primary address, to be worked on by impersonation.
    #[must_use]
    pub fn mailbox(&self, address: &SmtpAddress) -> Mailbox {
        let server = self.shared.transport.server().clone();
        // An address that is not plain ASCII can't stand in a header; then the front end routes by the envelope.
        let anchor = Some(address.as_str()).filter(|address| address.is_ascii());
        let anchor = anchor.and_then(|address| HeaderValue::from_str(address).ok());
        Mailbox { client: self.clone(), place: Arc::new(Place { server, mailbox: address.clone() }), anchor }
    }

    /// The server's version, as its latest answer gave it.
    #[must_use]
    pub fn server_version(&self) -> Option<ServerVersion> {
        self.shared.version.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn saw_version(&self, seen: ServerVersion) {
        let version = &self.shared.version;
        // Every answer tells it, and it hardly ever is another.
        if version.read().unwrap_or_else(PoisonError::into_inner).as_ref() != Some(&seen) {
            *version.write().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        }
    }
}

/// A mailbox of somebody, worked on by impersonation. Cheap to clone.
///
/// No operation is ever repeated by itself. After an error, [`EwsError::may_have_taken_effect`] tells whether a write
/// may have been carried out all the same.
#[derive(Debug, Clone)]
pub struct Mailbox {
    client: Client,
    place: Arc<Place>,
    anchor: Option<HeaderValue>,
}

impl Mailbox {
    #[must_use]
    pub fn address(&self) -> &SmtpAddress {
        &self.place.mailbox
    }

    /// Address of EWS on the server where it is worked on.
    #[must_use]
    pub fn server_url(&self) -> &str {
        &self.place.server.url
    }

    /// An envelope for a request to this mailbox.
    pub(super) fn envelope(&self) -> Writer {
        Writer::impersonating(&self.place.mailbox)
    }

    /// Sends a request for `parts` things, and reads its answer: one result for each, in their order.
    ///
    /// `start` is what is known of a part before anything of it was read. `payload` is called for every element of
    /// a response message that is not about how it ended. What is `None` in the end was not in the answer, which
    /// is an error then.
    pub(super) async fn call<T>(
        &self,
        operation: &'static str,
        request: Writer,
        parts: usize,
        expect: Expect,
        start: fn() -> Option<T>,
        mut payload: impl FnMut(&mut Reader<'_>, &Element<'_>, &mut Option<T>) -> Result<(), Malformed>,
    ) -> Result<Vec<Result<T, EwsError>>, EwsError> {
        let at = At { operation, place: self.place.clone() };
        let transport = &self.client.shared.transport;
        let arrived = transport.post(&at, self.anchor.as_ref(), request.finish(), expect).await?;
        let read = answer::decoded(&arrived.text)
            .and_then(|text| answer::read(text, arrived.contents.as_deref(), start, &mut payload));
        let answer = match read {
            Ok(answer) => answer,
            // Under such a status only a sound envelope says more than the status.
            Err(_) if !arrived.head.is_success() => return Err(arrived.head.not_soap(&arrived.text, &at)),
            Err(problem) => return Err(EwsError::Malformed { problem, at }),
        };
        if let Some(version) = answer.version {
            self.client.saw_version(version);
        }
        match answer.body {
            AnswerBody::Fault(details) => Err(EwsError::Fault(details.into_refusal(arrived.head.retry_after, &at))),
            AnswerBody::Messages(messages) => answer::results(messages, parts, &at),
        }
    }

    /// [`call`](Self::call) for one thing, which has to be in the answer.
    pub(super) async fn call_for_one<T>(
        &self,
        operation: &'static str,
        request: Writer,
        payload: impl FnMut(&mut Reader<'_>, &Element<'_>, &mut Option<T>) -> Result<(), Malformed>,
    ) -> Result<T, EwsError> {
        let results = self.call(operation, request, 1, Expect::Text, || None, payload).await?;
        the_one(results)
    }
}

/// The result of a request for one thing.
pub(super) fn the_one<T>(results: Vec<Result<T, EwsError>>) -> Result<T, EwsError> {
    match results.into_iter().next() {
        Some(result) => result,
        None => unreachable!("there are as many results as parts"),
    }
}
