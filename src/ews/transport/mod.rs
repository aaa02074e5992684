//! HTTP: connections, limits, sign-in, and what becomes of an answer before it is read as SOAP.
//!
//! **A request is sent once.** reqwest's own repetitions are switched off. What remains is hyper's: a request that
//! found a pooled connection closed *before its first byte was written* goes out on another connection. A request
//! that was begun is never repeated, so nothing is done twice that we did not ask for twice.
//!
//! Exchange is talked to directly: no proxy of the environment is used.
//!
//! Connections that idle are closed on our side before IIS (120 s) and the usual load balancers (60 s) do, so that
//! hardly ever a request meets the server's closing of the connection.

mod answer;
pub(crate) mod failure;
mod status;

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Body, Certificate, RequestBuilder, Url, redirect, retry};
use secrecy::ExposeSecret as _;
use tokio::sync::Semaphore;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tracing::debug;

pub(super) use answer::{Arrived, Expect};

use super::client::{AnswerLimits, ClientError, Credentials, Endpoint};
use super::error::{At, EwsError, Server};
use super::soap::body::RequestBody;

/// An unused connection is closed after this time.
const IDLE: Duration = Duration::from_secs(50);

/// How long a connection may take to come about, TLS included. Less when the whole request has less.
const CONNECT: Duration = Duration::from_secs(10);

const ANCHOR_MAILBOX: HeaderName = HeaderName::from_static("x-anchormailbox");
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");
const RETURN_CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("return-client-request-id");

/// The connections to one endpoint.
#[derive(Debug)]
pub(super) struct Transport {
    http: reqwest::Client,
    url: Url,
    server: Arc<Server>,
    /// As many requests as may be under way at once.
    permits: Semaphore,
    request_timeout: Duration,
    limits: AnswerLimits,
}

impl Transport {
    pub fn new(endpoint: Endpoint) -> Result<Self, ClientError> {
        let host = checked_host(&endpoint)?;
        if endpoint.connections == 0 {
            return Err(ClientError::NoConnections);
        }
        let roots = extra_roots(&endpoint.extra_roots)?;
        let http = reqwest::Client::builder()
            .user_agent(concat!("SentItemsUpdate/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers(&endpoint.credentials)?)
            .http1_only()
            .redirect(redirect::Policy::none())
            .referer(false)
            .retry(retry::never())
            .no_proxy()
            .gzip(true)
            .connect_timeout(CONNECT.min(endpoint.request_timeout / 2))
            .tcp_keepalive(Duration::from_secs(30))
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(endpoint.connections);
        let http = match endpoint.url.scheme() {
            // Without TLS no certificate is ever looked at; a machine without any would be an error for nothing.
            "http" => http.tls_certs_only([]),
            _ => http.tls_certs_merge(roots),
        };
        Ok(Self {
            http: http.build().map_err(ClientError::Http)?,
            server: Arc::new(Server { host, url: endpoint.url.to_string() }),
            url: endpoint.url,
            permits: Semaphore::new(endpoint.connections),
            request_timeout: endpoint.request_timeout,
            limits: endpoint.answer_limits,
        })
    }

    pub fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// Sends a request and collects its answer. `anchor` names the mailbox to the front end, which routes by it.
    pub async fn post(
        &self,
        at: &At,
        anchor: Option<&HeaderValue>,
        body: RequestBody,
        expect: Expect,
    ) -> Result<Arrived, EwsError> {
        let Ok(_permit) = self.permits.acquire().await else { unreachable!("the semaphore is never closed") };
        let began = Instant::now();
        let sent_bytes = body.len();
        let request_id = request_id();
        let mut request = self.http.post(self.url.clone()).header(CLIENT_REQUEST_ID, &request_id);
        if let Some(anchor) = anchor {
            request = request.header(ANCHOR_MAILBOX, anchor);
        }
        let arrived = self.exchange(request, body, expect, began, at).await;
        debug!(
            operation = at.operation,
            mailbox = %at.place.mailbox,
            request_id,
            sent_bytes,
            milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            status = arrived.as_ref().ok().map(|arrived| arrived.head.status),
            error = arrived.as_ref().err().map(tracing::field::display),
            "a request to EWS"
        );
        arrived
    }

    async fn exchange(
        &self,
        request: RequestBuilder,
        body: RequestBody,
        expect: Expect,
        began: Instant,
        at: &At,
    ) -> Result<Arrived, EwsError> {
        let sent_bytes = body.len();
        let handed_over = body.handed_over();
        let mut deadline = Deadline { began, allowed: self.request_timeout, of_size: Duration::ZERO };
        deadline.allow_for(sent_bytes);
        let timed_out = |deadline: &Deadline| EwsError::Timeout {
            after: deadline.whole(),
            may_have_taken_effect: handed_over.is_complete(),
            at: at.clone(),
        };
        match tokio::time::timeout_at(deadline.at(), request.body(Body::wrap(body)).send()).await {
            Err(_) => Err(timed_out(&deadline)),
            Ok(Err(error)) => Err(failure::of_sending(error, &handed_over, at)),
            Ok(Ok(response)) => {
                answer::collect(response, at, expect, self.limits, sent_bytes, &mut deadline, &timed_out).await
            }
        }
    }
}

/// When to give up. Large contents get more time, a second a mebibyte.
#[derive(Debug, Clone, Copy)]
struct Deadline {
    began: Instant,
    allowed: Duration,
    of_size: Duration,
}

impl Deadline {
    fn allow_for(&mut self, bytes: u64) {
        self.of_size += Duration::from_micros(bytes.saturating_mul(1_000_000) >> 20);
    }

    fn whole(&self) -> Duration {
        self.allowed + self.of_size
    }

    fn at(&self) -> tokio::time::Instant {
        (self.began + self.whole()).into()
    }
}

/// The host of an endpoint that may be talked to.
fn checked_host(endpoint: &Endpoint) -> Result<String, ClientError> {
    let url = &endpoint.url;
    let unusable = || ClientError::Address(without_secrets(url));
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(unusable());
    }
    match url.scheme() {
        "https" => {}
        "http" if endpoint.allow_unencrypted => {}
        "http" => return Err(ClientError::Unencrypted(url.to_string())),
        _ => return Err(unusable()),
    }
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(unusable)?;
    Ok(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

fn without_secrets(url: &Url) -> String {
    let mut url = url.clone();
    // Fails only for addresses that have no place for them.
    let _ = url.set_password(None);
    let _ = url.set_username("");
    url.to_string()
}

fn headers(credentials: &Credentials) -> Result<HeaderMap, ClientError> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=utf-8"));
    headers.insert(ACCEPT, HeaderValue::from_static("text/xml"));
    headers.insert(RETURN_CLIENT_REQUEST_ID, HeaderValue::from_static("true"));
    headers.insert(AUTHORIZATION, authorization(credentials)?);
    Ok(headers)
}

/// What stands in the header `Authorization`.
pub(super) fn authorization(credentials: &Credentials) -> Result<HeaderValue, ClientError> {
    let Credentials::Basic { user, password } = credentials;
    if user.is_empty() || user.contains(':') || user.chars().any(char::is_control) {
        return Err(ClientError::User(user.clone()));
    }
    let pair = STANDARD.encode(format!("{user}:{}", password.expose_secret()));
    // Base64 has no character that a header can't have.
    let Ok(mut basic) = HeaderValue::from_str(&format!("Basic {pair}")) else {
        return Err(ClientError::User(user.clone()));
    };
    basic.set_sensitive(true);
    Ok(basic)
}

pub(crate) fn extra_roots(pems: &[String]) -> Result<Vec<Certificate>, ClientError> {
    let mut roots = Vec::new();
    for (index, pem) in pems.iter().enumerate() {
        let unreadable = |problem: String| ClientError::ExtraRoot { number: index + 1, problem };
        let before = roots.len();
        for der in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let der = der.map_err(|error| unreadable(error.to_string()))?;
            let root = Certificate::from_der(&der).map_err(|error| unreadable(error.to_string()))?;
            // Looked at here already, where we can still say which one it is.
            RootCertStore::empty().add(der).map_err(|error| unreadable(error.to_string()))?;
            roots.push(root);
        }
        if roots.len() == before {
            let problem = "there is no certificate in it; one begins with -----BEGIN CERTIFICATE-----";
            return Err(unreadable(problem.to_owned()));
        }
    }
    Ok(roots)
}

/// A GUID, by which a request is found again in the logs of Exchange.
fn request_id() -> String {
    let id = format!("{:032x}", rand::random::<u128>());
    format!("{}-{}-{}-{}-{}", &id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..])
}
