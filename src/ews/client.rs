//! The server, the account, and the mailboxes that are worked on in its name.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use secrecy::SecretString;

use super::error::Place;
use super::soap::ServerVersion;
use crate::settings::SmtpAddress;

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
    /// How long the server may take to answer. Sending and reading large content gets a second a mebibyte on top.
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
    /// RFC 7617. The user as a UPN or as `DOMAIN\name`.
    Basic { user: String, password: SecretString },
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
}

/// A client of Exchange Web Services. Cheap to clone; clones share connections and limits.
#[derive(Debug, Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {}

impl Client {
    /// # Errors
    /// When the endpoint would send the password unencrypted without leave, or can't be used at all. No connection
    /// is made yet.
    pub fn new(endpoint: Endpoint) -> Result<Self, ClientError> {
        todo!()
    }

    /// The mailbox with this primary address, to be worked on by impersonation.
    #[must_use]
    pub fn mailbox(&self, address: &SmtpAddress) -> Mailbox {
        todo!()
    }

    /// The server's version, as its latest answer gave it.
    #[must_use]
    pub fn server_version(&self) -> Option<ServerVersion> {
        todo!()
    }
}

/// A mailbox of somebody, worked on by impersonation. Cheap to clone.
///
/// No operation is ever repeated by itself; after an error, [`may_have_taken_effect`](super::EwsError::may_have_taken_effect) tells whether a write may
/// have been carried out all the same.
#[derive(Debug, Clone)]
pub struct Mailbox {
    client: Client,
    place: Arc<Place>,
}

impl Mailbox {
    #[must_use]
    pub fn address(&self) -> &SmtpAddress {
        &self.place.mailbox
    }
}
