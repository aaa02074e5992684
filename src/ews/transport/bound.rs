//! Negotiate and NTLM: a connection is signed in, and then carries one request after the other.
//!
//! ```text
//! connection ── 401, a token there and back, empty requests ──▶ the last token, with the request ──▶ answer
//!            └─ signed in: the request alone ──▶ answer
//! ```
//!
//! Legs that are not the last one carry no body, so that a request is sent once in most cases, and never looked at twice:
//! what was answered with 401 was not carried out. A connection is used by one request at a time. A connection that was
//! closed before the request went out is replaced by a new one, at most [`MOST_CONNECTIONS`] times for a request.
//!
//! Answers are not asked for in compressed form here, where no library undoes it.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Either, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::{Method, Request, Response};
use reqwest::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue};
use reqwest::{ResponseBuilderExt as _, Url};

use super::connect::{Body, Dialer, Opened};
use super::{IDLE, failure};
use crate::ews::auth::{
    AnswerTo, Handshake, Kerberos, Mechanism, Offers, SignInProblem, TicketRefusal, Who, answer_to, ticket_refusal,
};
use crate::ews::error::{At, EwsError};
use crate::ews::soap::body::RequestBody;
use crate::settings::AuthScheme;

/// Connections that are tried for one request, when they are closed before it went out.
const MOST_CONNECTIONS: usize = 3;
/// Tokens that are sent in one sign-in. NTLM takes two, Negotiate up to four.
const MOST_LEGS: usize = 6;
/// How much of the page beside a 401 is read, so that the connection can be used on. IIS' have some kilobytes.
const MOST_OF_A_PAGE: usize = 64 << 10;

const PERSISTENT_AUTH: HeaderName = HeaderName::from_static("persistent-auth");

/// The connections to one server that are, or are to be, signed in.
pub(super) struct Bound {
    url: Url,
    host: HeaderValue,
    dialer: Dialer,
    who: Who,
    /// Negotiate may go over to NTLM.
    ntlm: bool,
    kerberos: Arc<Kerberos>,
    /// A connection stays signed in by Kerberos as well, though the server does not say so: it refuses a second ticket on
    /// it.
    binds: AtomicBool,
    idle: Mutex<Vec<(Connection, Instant)>>,
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bound").field("dialer", &self.dialer).field("who", &self.who).finish_non_exhaustive()
    }
}

/// A connection in the hands of one request.
pub(super) struct Connection {
    sender: SendRequest<Body>,
    bindings: Option<Vec<u8>>,
    signed_in: bool,
    /// It was there before this request.
    used: bool,
    /// A request was let in on it.
    let_in: bool,
}

impl Bound {
    pub fn new(url: &Url, host: &str, dialer: Dialer, who: Who, ntlm: bool, kdc: Option<String>) -> Self {
        let realm = match &who {
            Who::Account(identity) => identity.realm(),
            Who::LoggedOn => None,
        };
        // A host that stands in an address can stand in a header.
        let host = HeaderValue::from_str(host).unwrap_or(HeaderValue::from_static("localhost"));
        let kerberos = Arc::new(Kerberos::new(realm, kdc));
        Self {
            url: url.clone(),
            host,
            dialer,
            who,
            ntlm,
            kerberos,
            binds: AtomicBool::new(false),
            idle: Mutex::default(),
        }
    }

    pub fn is_encrypted(&self) -> bool {
        self.dialer.is_encrypted()
    }

    /// What the server offers to somebody who has not signed in; or its answer, if it is not that one has to sign in.
    pub async fn offers(&self, headers: &HeaderMap, at: &At) -> Result<Result<Offers, reqwest::Response>, EwsError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let mut connection = self.connection(tries > 1, at).await?;
            match self.send(&mut connection, headers, None, None, at).await {
                Ok(answer) if answer.status().as_u16() == 401 => {
                    let offers = Offers::of(answer.headers());
                    if drained(answer).await {
                        self.put_back(connection);
                    }
                    return Ok(Ok(offers));
                }
                Ok(answer) => return Ok(Err(self.as_response(answer))),
                Err(Unsent::Lost) if connection.used && tries < MOST_CONNECTIONS => {}
                Err(unsent) => return Err(unsent.into_error(at)),
            }
        }
    }

    /// Sends a request over a connection that is signed in, or is being signed in by it.
    pub async fn exchange(
        &self,
        scheme: AuthScheme,
        headers: &HeaderMap,
        body: &RequestBody,
        at: &At,
    ) -> Result<(reqwest::Response, Connection), EwsError> {
        let mut tries = 0;
        let mut forgot = false;
        loop {
            tries += 1;
            let mut connection = self.connection(tries > 1, at).await?;
            match self.over(&mut connection, scheme, headers, body, at).await {
                Ok(answer) => return Ok((self.as_response(answer), connection)),
                Err(Ended::Lost) if tries < MOST_CONNECTIONS => {}
                Err(Ended::Lost) => return Err(sign_in(SignInProblem::Closed { scheme }, at)),
                Err(Ended::Refused { kerberos: true, .. })
                    if connection.let_in && !self.binds.swap(true, Ordering::Relaxed) =>
                {
                    // On a connection of its own the ticket may be as good as the first one was.
                }
                // Kept tickets may have become worthless: the server's key is another, or the clock was set.
                Err(Ended::Refused { kerberos: true, .. }) if !forgot && self.kerberos.forget() => {
                    (forgot, tries) = (true, 1);
                }
                Err(Ended::Refused { bound, ticket, .. }) => {
                    let problem = Box::new(SignInProblem::Refused { scheme, bound });
                    return Err(EwsError::SignIn { problem, ticket, at: at.clone() });
                }
                Err(Ended::Problem(problem)) => return Err(sign_in(problem, at)),
                Err(Ended::Error(error)) => return Err(error),
            }
        }
    }

    /// For the next request. The answer has to be read to its end, otherwise hyper closes the connection.
    pub fn put_back(&self, mut connection: Connection) {
        connection.used = true;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push((connection, Instant::now()));
    }

    async fn connection(&self, fresh: bool, at: &At) -> Result<Connection, EwsError> {
        loop {
            let idle = {
                let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
                idle.retain(|(connection, since)| since.elapsed() < IDLE && !connection.sender.is_closed());
                // The one that was used last is the least likely to be closed soon.
                if fresh { None } else { idle.pop() }
            };
            let Some((mut connection, _)) = idle else {
                let Opened { sender, bindings } = self.dialer.dial(at).await?;
                return Ok(Connection { sender, bindings, signed_in: false, used: false, let_in: false });
            };
            if connection.sender.ready().await.is_ok() {
                return Ok(connection);
            }
        }
    }

    async fn over(
        &self,
        connection: &mut Connection,
        scheme: AuthScheme,
        headers: &HeaderMap,
        body: &RequestBody,
        at: &At,
    ) -> Result<Response<Incoming>, Ended> {
        if connection.signed_in {
            match self.send(connection, headers, None, Some(body.again()), at).await {
                Ok(answer) if answer.status().as_u16() == 401 => {
                    // The server has forgotten who this is; once more from the beginning, on this connection.
                    body.handed_over().undone();
                    connection.signed_in = false;
                    if !drained(answer).await {
                        return Err(Ended::Lost);
                    }
                }
                Ok(answer) => return Ok(answer),
                Err(unsent) => return Err(unsent.ended(connection.used, at)),
            }
        }
        self.sign_in(connection, scheme, headers, body, at).await
    }

    async fn sign_in(
        &self,
        connection: &mut Connection,
        scheme: AuthScheme,
        headers: &HeaderMap,
        body: &RequestBody,
        at: &At,
    ) -> Result<Response<Incoming>, Ended> {
        let bindings = connection.bindings.clone();
        let mut handshake =
            Handshake::begin(scheme, self.ntlm, &self.who, self.dialer.host(), bindings, &self.kerberos)
                .await
                .map_err(Ended::Problem)?;
        let bound = handshake.is_bound();
        let mut said = Vec::new();
        let mut last_sent = None;
        for leg_number in 1..=MOST_LEGS {
            let kerberos = last_sent == Some(Mechanism::Kerberos);
            // A ticket is answered with 401 when it is refused; the token beside it is an error of Kerberos.
            let ticket = if kerberos { ticket_refusal(&said) } else { None };
            let leg = match handshake.step(said).await {
                Ok(Some(leg)) => leg,
                Ok(None) => return Err(Ended::Refused { bound, kerberos, ticket }),
                Err(_) if kerberos => return Err(Ended::Refused { bound, kerberos, ticket }),
                Err(problem) => return Err(Ended::Problem(problem)),
            };
            let token = authorization(scheme, &leg.token).map_err(Ended::Problem)?;
            let part = leg.last.then(|| body.again());
            let answer = self.send(connection, headers, Some(&token), part, at).await.map_err(|unsent| {
                // The first leg may meet the end of a connection that idled; later ones what a proxy does.
                unsent.ended(!leg.last || connection.used && leg_number == 1, at)
            })?;
            let theirs = answer_to(scheme.name(), answer.headers());
            if answer.status().as_u16() == 401 {
                body.handed_over().undone();
                last_sent = leg.last.then_some(leg.mechanism);
                said = match theirs {
                    AnswerTo::Token(token) => token,
                    AnswerTo::Anew | AnswerTo::Nothing if leg.last => {
                        drained(answer).await;
                        let kerberos = leg.mechanism == Mechanism::Kerberos;
                        return Err(Ended::Refused { bound, kerberos, ticket: None });
                    }
                    AnswerTo::Anew | AnswerTo::Nothing => {
                        let problem = "it gives no token in answer to ours".to_owned();
                        return Err(Ended::Problem(SignInProblem::NotUnderstood { scheme, problem }));
                    }
                    AnswerTo::Unreadable(problem) => {
                        let problem = problem.to_owned();
                        return Err(Ended::Problem(SignInProblem::NotUnderstood { scheme, problem }));
                    }
                };
                if !drained(answer).await {
                    return Err(Ended::Lost);
                }
                continue;
            }
            if !leg.last {
                // Whoever answers an empty request in earnest asks nobody to sign in on this connection.
                return self.unasked(connection, answer, headers, body, at).await;
            }
            connection.let_in = true;
            connection.signed_in =
                persists(&answer, leg.mechanism, leg_number).unwrap_or_else(|| self.binds.load(Ordering::Relaxed));
            if let AnswerTo::Token(token) = theirs {
                handshake.finish(token).await;
            }
            return Ok(answer);
        }
        Err(Ended::Problem(SignInProblem::Endless { scheme, legs: MOST_LEGS }))
    }

    /// The server answered a leg without a request as if it were one.
    async fn unasked(
        &self,
        connection: &mut Connection,
        answer: Response<Incoming>,
        headers: &HeaderMap,
        body: &RequestBody,
        at: &At,
    ) -> Result<Response<Incoming>, Ended> {
        // An error, a redirection, a page of maintenance: it is the answer to the request as well. That an empty
        // request is no SOAP is not.
        if !matches!(answer.status().as_u16(), 200..300 | 400 | 411 | 415 | 500) {
            return Ok(answer);
        }
        if !drained(answer).await {
            return Err(Ended::Lost);
        }
        let answer = self.send(connection, headers, None, Some(body.again()), at).await;
        answer.map_err(|unsent| unsent.ended(false, at))
    }

    /// Sends one HTTP request: with a token or without, with the body or an empty one.
    async fn send(
        &self,
        connection: &mut Connection,
        headers: &HeaderMap,
        token: Option<&HeaderValue>,
        body: Option<RequestBody>,
        at: &At,
    ) -> Result<Response<Incoming>, Unsent> {
        connection.sender.ready().await.map_err(|_| Unsent::Lost)?;
        let mut request = Request::new(match &body {
            None => Either::Left(Empty::<Bytes>::new()),
            Some(body) => Either::Right(body.again()),
        });
        *request.method_mut() = Method::POST;
        let target = match self.url.query() {
            Some(query) => format!("{}?{query}", self.url.path()),
            None => self.url.path().to_owned(),
        };
        // A part of an address that was parsed already.
        *request.uri_mut() = target.parse().map_err(|_| Unsent::Lost)?;
        *request.headers_mut() = headers.clone();
        request.headers_mut().insert(HOST, self.host.clone());
        if body.is_none() {
            request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        if let Some(token) = token {
            request.headers_mut().insert(AUTHORIZATION, token.clone());
        }
        match connection.sender.send_request(request).await {
            Ok(answer) => Ok(answer),
            Err(error) => match body {
                None => Err(Unsent::Lost),
                // Not a byte of it went out.
                Some(_) if error.is_canceled() => Err(Unsent::Lost),
                Some(body) => Err(Unsent::Broken(failure::of_exchange(error, &body.handed_over(), at))),
            },
        }
    }

    fn as_response(&self, answer: Response<Incoming>) -> reqwest::Response {
        let (mut head, body) = answer.into_parts();
        if let Ok(with_url) = Response::builder().url(self.url.clone()).body(()) {
            head.extensions.extend(with_url.into_parts().0.extensions);
        }
        Response::from_parts(head, reqwest::Body::wrap(body)).into()
    }
}

/// Why there is no answer to one HTTP request.
enum Unsent {
    /// The connection is gone, and nothing with a body went out.
    Lost,
    Broken(EwsError),
}

impl Unsent {
    /// `replaceable`: another connection may do better.
    fn ended(self, replaceable: bool, at: &At) -> Ended {
        match self {
            Self::Lost if replaceable => Ended::Lost,
            unsent => Ended::Error(unsent.into_error(at)),
        }
    }

    fn into_error(self, at: &At) -> EwsError {
        match self {
            Self::Lost => {
                let source = "the connection was closed before the request was sent".into();
                EwsError::Dropped { may_have_taken_effect: false, at: at.clone(), source }
            }
            Self::Broken(error) => error,
        }
    }
}

/// Why a request was not answered over a connection.
enum Ended {
    /// The connection was closed before the request was sent, or stands where it can't be signed in.
    Lost,
    /// The sign-in was seen through to its end, and refused.
    Refused {
        bound: bool,
        kerberos: bool,
        ticket: Option<TicketRefusal>,
    },
    Problem(SignInProblem),
    Error(EwsError),
}

fn sign_in(problem: SignInProblem, at: &At) -> EwsError {
    EwsError::SignIn { problem: Box::new(problem), ticket: None, at: at.clone() }
}

fn authorization(scheme: AuthScheme, token: &[u8]) -> Result<HeaderValue, SignInProblem> {
    use base64::Engine as _;
    let text = format!("{} {}", scheme.name(), base64::engine::general_purpose::STANDARD.encode(token));
    let mut value = HeaderValue::from_str(&text)
        .map_err(|error| SignInProblem::NotUnderstood { scheme, problem: error.to_string() })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Whether the connection stays signed in. NTLM always does, unless the server says otherwise; Kerberos in one leg is
/// meant for one request, unless the server says otherwise; none: nobody knows.
fn persists(answer: &Response<Incoming>, mechanism: Mechanism, legs: usize) -> Option<bool> {
    match answer.headers().get(PERSISTENT_AUTH).map(HeaderValue::as_bytes) {
        Some(said) => Some(said.eq_ignore_ascii_case(b"true")),
        None => (mechanism == Mechanism::Ntlm || legs > 1).then_some(true),
    }
}

/// Reads the rest of an answer away. Whether the connection can be used on.
async fn drained(answer: Response<Incoming>) -> bool {
    let closes = answer.headers().get_all(CONNECTION).iter().any(|value| {
        value.to_str().is_ok_and(|value| value.split(',').any(|option| option.trim().eq_ignore_ascii_case("close")))
    });
    let mut body = answer.into_body();
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > MOST_OF_A_PAGE {
            return false;
        }
    }
    !closes
}
