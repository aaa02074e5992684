//! HTTP: connections, limits, sign-in, and what becomes of an answer before it is read as SOAP.
//!
//! **A request is sent once.** reqwest's own repetitions are switched off. What remains is hyper's: a request that
//! found a pooled connection closed *before its first byte was written* goes out on another connection. A request
//! that was begun is never repeated, so nothing is done twice that we did not ask for twice.
//!
//! Exchange is talked to directly: no proxy of the environment is used.
//!
//! Basic and OAuth 2.0 sign each request in, and reqwest carries them. Negotiate and NTLM sign a connection in: those
//! are [`bound`]'s.
//!
//! Connections that idle are closed on our side before IIS (120 s) and the usual load balancers (60 s) do, so that
//! hardly ever a request meets the server's closing of the connection.

mod answer;
mod bound;
mod connect;
pub(crate) mod failure;
pub(crate) mod once;
mod status;

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use reqwest::{Body, Response, Url, redirect, retry};
use tokio::sync::Semaphore;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tracing::debug;

pub(super) use answer::{Arrived, Expect};

use bound::{Bound, Connection};
use connect::Dialer;
pub(crate) use connect::Lookup;

use super::auth::oauth::{self, TokenProblem, Tokens};
use super::auth::{self, Identity, SignInProblem, Who};
use super::client::{AnswerLimits, ClientError, Credentials, Endpoint};
use super::error::{At, EwsError, Server};
use super::soap::body::RequestBody;
use crate::settings::AuthScheme;
use crate::tls;

/// An unused connection is closed after this time.
const IDLE: Duration = Duration::from_secs(50);

/// How long a connection may take to come about, TLS included. Less when the whole request has less.
const CONNECT: Duration = Duration::from_secs(10);

const ANCHOR_MAILBOX: HeaderName = HeaderName::from_static("x-anchormailbox");
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");
const RETURN_CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("return-client-request-id");

const USER_AGENT_NAME: HeaderValue = HeaderValue::from_static(concat!("SentItemsUpdate/", env!("CARGO_PKG_VERSION")));

/// The connections to one endpoint.
#[derive(Debug)]
pub(super) struct Transport {
    http: reqwest::Client,
    url: Url,
    server: Arc<Server>,
    sign_in: SignIn,
    /// As many requests as may be under way at once.
    permits: Semaphore,
    request_timeout: Duration,
    limits: AnswerLimits,
}

/// How requests are signed in.
#[derive(Debug)]
enum SignIn {
    /// With the same header each.
    Basic(HeaderValue),
    /// In a way that the server is asked for first.
    Choosing(Box<Choosing>),
    Tokens(Tokens),
}

#[derive(Debug)]
struct Choosing {
    order: Vec<AuthScheme>,
    basic: Option<HeaderValue>,
    basic_is_safe: bool,
    bound: Bound,
    chosen: tokio::sync::Mutex<Option<AuthScheme>>,
}

impl Transport {
    pub fn new(endpoint: Endpoint) -> Result<Self, ClientError> {
        let host = checked_host(&endpoint)?;
        if endpoint.connections == 0 {
            return Err(ClientError::NoConnections);
        }
        let connect_timeout = CONNECT.min(endpoint.request_timeout / 2);
        let http = reqwest::Client::builder()
            .http1_only()
            .redirect(redirect::Policy::none())
            .referer(false)
            .retry(retry::never())
            .no_proxy()
            .gzip(true)
            .connect_timeout(connect_timeout)
            .tcp_keepalive(Duration::from_secs(30))
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(endpoint.connections);
        let http = match endpoint.url.scheme() {
            // Without TLS no certificate is ever looked at; a machine without any would be an error for nothing.
            "http" => http.tls_certs_only([]),
            _ => http.tls_backend_preconfigured(trust(&endpoint.extra_roots)?),
        };
        Ok(Self {
            http: http.build().map_err(ClientError::Http)?,
            server: Arc::new(Server { host: host.clone(), url: endpoint.url.to_string() }),
            sign_in: sign_in(&endpoint, &host, connect_timeout)?,
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
        let mut headers = headers();
        // A GUID has no character that a header can't have.
        if let Ok(id) = HeaderValue::from_str(&request_id) {
            headers.insert(CLIENT_REQUEST_ID, id);
        }
        if let Some(anchor) = anchor {
            headers.insert(ANCHOR_MAILBOX, anchor.clone());
        }
        let arrived = self.exchange(headers, body, expect, began, at).await;
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
        headers: HeaderMap,
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
        let sent = tokio::time::timeout_at(deadline.at(), self.send(headers, body, at)).await;
        let (response, connection) = sent.map_err(|_| timed_out(&deadline))??;
        let arrived = answer::collect(response, at, expect, self.limits, sent_bytes, &mut deadline, &timed_out).await;
        if let (Ok(_), Some(connection), SignIn::Choosing(choosing)) = (&arrived, connection, &self.sign_in) {
            choosing.bound.put_back(connection);
        }
        arrived
    }

    /// Sends a request in the name of the account. With the answer comes the connection, if it is signed in.
    async fn send(
        &self,
        headers: HeaderMap,
        body: RequestBody,
        at: &At,
    ) -> Result<(Response, Option<Connection>), EwsError> {
        match &self.sign_in {
            SignIn::Basic(basic) => Ok((self.send_signed(headers, basic, body, at).await?, None)),
            SignIn::Tokens(tokens) => Ok((self.send_with_token(tokens, headers, body, at).await?, None)),
            SignIn::Choosing(choosing) => {
                let scheme = match choosing.scheme(&headers, at).await? {
                    Ok(scheme) => scheme,
                    Err(answer) => return Ok((answer, None)),
                };
                match (scheme, &choosing.basic) {
                    (AuthScheme::Basic, Some(basic)) => {
                        let answer = self.send_signed(headers, basic, body, at).await?;
                        if answer.status().as_u16() == 401 {
                            choosing.choose_again().await;
                        }
                        Ok((answer, None))
                    }
                    _ => match choosing.bound.exchange(scheme, &headers, &body, at).await {
                        Ok((answer, connection)) => Ok((answer, Some(connection))),
                        Err(error) => {
                            if matches!(error, EwsError::SignIn { .. }) {
                                choosing.choose_again().await;
                            }
                            Err(error)
                        }
                    },
                }
            }
        }
    }

    async fn send_signed(
        &self,
        headers: HeaderMap,
        authorization: &HeaderValue,
        body: RequestBody,
        at: &At,
    ) -> Result<Response, EwsError> {
        let handed_over = body.handed_over();
        let request = self.http.post(self.url.clone()).headers(headers).header(AUTHORIZATION, authorization);
        request.body(Body::wrap(body)).send().await.map_err(|error| failure::of_sending(error, &handed_over, at))
    }

    async fn send_with_token(
        &self,
        tokens: &Tokens,
        headers: HeaderMap,
        body: RequestBody,
        at: &At,
    ) -> Result<Response, EwsError> {
        let problem = |problem: TokenProblem| EwsError::SignIn {
            problem: Box::new(SignInProblem::Token(problem)),
            ticket: None,
            at: at.clone(),
        };
        let bearer = tokens.bearer().await.map_err(problem)?;
        let answer = self.send_signed(headers.clone(), &bearer.header, body.again(), at).await?;
        if answer.status().as_u16() != 401 {
            return Ok(answer);
        }
        tokens.refused(&bearer.header);
        if bearer.fresh {
            return Err(problem(TokenProblem::NotAccepted));
        }
        // It was withdrawn before its time. What was answered with 401 was not carried out.
        body.handed_over().undone();
        let bearer = tokens.bearer().await.map_err(problem)?;
        let answer = self.send_signed(headers, &bearer.header, body, at).await?;
        if answer.status().as_u16() == 401 {
            tokens.refused(&bearer.header);
            return Err(problem(TokenProblem::NotAccepted));
        }
        Ok(answer)
    }
}

impl Choosing {
    /// The way to sign in; or the server's answer, if it is another than that one has to sign in.
    async fn scheme(&self, headers: &HeaderMap, at: &At) -> Result<Result<AuthScheme, Response>, EwsError> {
        let mut chosen = self.chosen.lock().await;
        if let Some(scheme) = *chosen {
            return Ok(Ok(scheme));
        }
        let problem = |problem| EwsError::SignIn { problem: Box::new(problem), ticket: None, at: at.clone() };
        let offers = match self.bound.offers(headers, at).await? {
            Ok(offers) => offers,
            Err(answer) if matches!(answer.status().as_u16(), 200..300 | 400 | 411 | 415 | 500) => {
                // Whose page it is says more than that nobody was asked to sign in.
                return Err(problem(SignInProblem::NotAsked { title: status::title_of(answer).await }));
            }
            Err(answer) => return Ok(Err(answer)),
        };
        match offers.choose(&self.order, self.basic_is_safe) {
            Ok(scheme) => {
                debug!("signing in by {}", scheme.name());
                *chosen = Some(scheme);
                Ok(Ok(scheme))
            }
            Err(why) => Err(problem(SignInProblem::NothingFits { offered: offers.0, why })),
        }
    }

    async fn choose_again(&self) {
        *self.chosen.lock().await = None;
    }
}

fn sign_in(endpoint: &Endpoint, host: &str, connect_timeout: Duration) -> Result<SignIn, ClientError> {
    let bound = |who: Who, ntlm: bool, kdc: Option<String>| {
        let dialer = Dialer::new(&endpoint.url, root_certificates(&endpoint.extra_roots)?, connect_timeout)?;
        Ok::<_, ClientError>(Bound::new(&endpoint.url, host, dialer, who, ntlm, kdc))
    };
    let choosing = |order: Vec<AuthScheme>, basic, bound: Bound| {
        let basic_is_safe = bound.is_encrypted() || endpoint.allow_unencrypted;
        SignIn::Choosing(Box::new(Choosing {
            order,
            basic,
            basic_is_safe,
            bound,
            chosen: tokio::sync::Mutex::default(),
        }))
    };
    Ok(match &endpoint.credentials {
        Credentials::Basic { user, password } => SignIn::Basic(auth::basic(user, password)?),
        // There is nothing to choose from, so nothing to ask.
        Credentials::Password { user, password, order, .. } if *order == [AuthScheme::Basic] => {
            SignIn::Basic(auth::basic(user, password)?)
        }
        Credentials::Password { user, password, order, kdc } => {
            let identity = Identity::new(user, password.clone())?;
            let basic = order.contains(&AuthScheme::Basic).then(|| auth::basic(user, password)).transpose()?;
            let ntlm = order.contains(&AuthScheme::Ntlm);
            choosing(order.clone(), basic, bound(Who::Account(identity), ntlm, kdc.clone())?)
        }
        Credentials::LoggedOn => choosing(vec![AuthScheme::Negotiate], None, bound(Who::LoggedOn, false, None)?),
        Credentials::OAuth(oauth) => SignIn::Tokens(Tokens::new(Box::new(oauth::Endpoint::new(oauth)?))),
    })
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

/// Of every request.
fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(USER_AGENT, USER_AGENT_NAME);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=utf-8"));
    headers.insert(ACCEPT, HeaderValue::from_static("text/xml"));
    headers.insert(RETURN_CLIENT_REQUEST_ID, HeaderValue::from_static("true"));
    headers
}

/// The system's authorities and these, for a client that knows no other.
pub(crate) fn trust(extra_roots: &[String]) -> Result<ClientConfig, ClientError> {
    tls::client_config(root_certificates(extra_roots)?).map_err(ClientError::Tls)
}

fn root_certificates(pems: &[String]) -> Result<Vec<CertificateDer<'static>>, ClientError> {
    Ok(numbered_roots(pems)?.into_iter().map(|(_, root)| root).collect())
}

/// Each with the number of the text in which it stands.
fn numbered_roots(pems: &[String]) -> Result<Vec<(usize, CertificateDer<'static>)>, ClientError> {
    let mut roots = Vec::new();
    for (index, pem) in pems.iter().enumerate() {
        let unreadable = |problem: String| ClientError::ExtraRoot { number: index + 1, problem };
        let before = roots.len();
        for der in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let der = der.map_err(|error| unreadable(error.to_string()))?;
            // Looked at here already, where we can still say which one it is.
            RootCertStore::empty().add(der.clone()).map_err(|error| unreadable(error.to_string()))?;
            roots.push((index + 1, der));
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
