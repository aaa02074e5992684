//! The web site of the sandbox: which path is answered by whom, who may come in, and how much they may send.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Body as _, Frame, Incoming};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::authentication::SignIn;
use super::autodiscover::{Autodiscover, Site as AutodiscoverSite};
use super::directory::Directory;
use super::entra::Entra;
use super::ews::{Caller, ExchangeService, SoapAnswer};
use super::faults::{Fault, Faults, Sentence};
use super::iis::{self, Answer};
use super::intervention::{Intervention, Treatment};
use super::limits::Throttle;
use super::management::Management;
use super::powershell::{PowerShell, Reply};
use super::recorder::{self, Recorder};
use super::seat::{Entry, Scheme, Seat};
use super::statistics::Statistics;
use super::tokens::{self, Tokens};

/// The connection is to be cut without an answer.
#[derive(Debug, thiserror::Error)]
#[error("cut by a fault rule")]
pub struct Cut;

/// Everything that answering a request needs.
pub struct Site {
    pub service: ExchangeService,
    pub directory: Arc<Directory>,
    pub sign_in: Arc<SignIn>,
    /// Ways to sign in to EWS.
    pub offers: Vec<Scheme>,
    pub tokens: Tokens,
    pub entra: Arc<Entra>,
    /// For whom the application signs in.
    pub service_account: String,
    /// Domains of the organisation, which are its tenant's names.
    pub domains: Vec<String>,
    pub autodiscover: Autodiscover,
    pub management: Management,
    pub powershell: PowerShell,
    pub faults: Faults,
    pub throttle: Throttle,
    pub statistics: Statistics,
    pub recorder: Option<Recorder>,
    /// Largest request body in bytes (`maxAllowedContentLength`).
    pub max_request: usize,
    pub compress: bool,
    /// Names that the certificate holds.
    pub names: Vec<String>,
    /// Port of the HTTPS listener.
    pub https_port: u16,
    /// Host in the addresses of EWS that Autodiscover gives; none: the one under which it was asked.
    pub ews_host: Option<String>,
    /// Requests under way, those whose clients went away among them.
    pub running: TaskTracker,
    /// The sandbox is about to stop: delays end early.
    pub stopping: CancellationToken,
}

impl Site {
    pub async fn answer(
        self: &Arc<Self>,
        request: Request<Incoming>,
        seat: &Seat,
        secure: bool,
    ) -> Result<Answer, Cut> {
        self.statistics.count(|counts| counts.requests += 1);
        let (head, body) = request.into_parts();
        let mut answer = match self.route(&head.method, head.uri.path(), &head.headers, body, seat, secure).await {
            Ok(answer) => answer,
            Err(cut) => {
                self.statistics.count(|counts| *counts.answers.entry(0).or_default() += 1);
                return Err(cut);
            }
        };
        iis::dress(&mut answer, &head.headers);
        let length = answer.body().size_hint().lower();
        self.statistics.count(|counts| {
            *counts.answers.entry(answer.status().as_u16()).or_default() += 1;
            counts.bytes_sent += length;
        });
        Ok(answer)
    }

    async fn route(
        self: &Arc<Self>,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        body: Incoming,
        seat: &Seat,
        secure: bool,
    ) -> Result<Answer, Cut> {
        let path = path.to_ascii_lowercase();
        let body = match self.read(headers, body).await {
            Ok(body) => body,
            Err(Unread::TooLarge) => return Ok(iis::too_large()),
            Err(Unread::Broken(error)) => {
                tracing::debug!("a request to the sandbox broke off: {error}");
                return Err(Cut);
            }
        };
        match path.trim_end_matches('/') {
            "/ews/exchange.asmx" => self.ews(method, headers, body, seat).await,
            of_tokens if let Some(tenant) = Tokens::tenant(of_tokens) => {
                self.token(method, tenant, &body, secure).await
            }
            of_realm if let Some(account) = Entra::account(of_realm) => self.realm(method, &account, secure).await,
            "/autodiscover/autodiscover.xml" | "/autodiscover/autodiscover.svc" => {
                self.autodiscover(method, &path, headers, &body, secure).await
            }
            of_management if Management::has(of_management) => {
                self.management(method, of_management, headers, &body, secure).await
            }
            of_powershell if PowerShell::has(of_powershell) => {
                self.powershell(method, headers, &body, seat, secure).await
            }
            "/ews/healthcheck.htm" | "/autodiscover/healthcheck.htm" => {
                Ok(iis::answer(StatusCode::OK, "text/html", format!("200 OK<br/>{}", iis::SERVER)))
            }
            _ => Ok(iis::status_page(StatusCode::NOT_FOUND)),
        }
    }

    /// Reads the whole body. Of one that is too large the rest is read and thrown away, as http.sys does, so that
    /// the client gets to see the answer.
    async fn read(&self, headers: &HeaderMap, mut body: Incoming) -> Result<Bytes, Unread> {
        let announced = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok())
            .and_then(|length| length.parse::<usize>().ok());
        let mut too_large = announced.is_some_and(|length| length > self.max_request);
        let mut content = BytesMut::with_capacity(announced.filter(|_| !too_large).unwrap_or(0));
        let mut received = 0;
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(Unread::Broken)?.into_data() else { continue };
            received += data.len();
            if received > self.max_request {
                too_large = true;
                content = BytesMut::new();
            }
            if !too_large {
                content.extend_from_slice(&data);
            }
        }
        self.statistics.count(|counts| counts.bytes_received += received as u64);
        if too_large { Err(Unread::TooLarge) } else { Ok(content.freeze()) }
    }

    fn sign_in(&self, headers: &HeaderMap) -> Option<Caller> {
        let header = headers.get(header::AUTHORIZATION);
        match self.sign_in.check(header.map(HeaderValue::as_bytes)) {
            Ok(caller) => Some(caller),
            Err(denied) => {
                tracing::debug!("sign-in to the sandbox refused: {denied:?}");
                self.statistics.count(|counts| counts.denied += 1);
                None
            }
        }
    }

    /// Whoever may go on; or the answer to who may not, or not yet.
    async fn enter(&self, headers: &HeaderMap, seat: &Seat, offers: &[Scheme]) -> Result<Result<Entered, Answer>, Cut> {
        let header = headers.get(header::AUTHORIZATION);
        let entry = seat.enter(header.map(HeaderValue::as_bytes), offers, &self.sign_in, &self.tokens);
        Ok(match entry {
            Entry::In { caller, token, persistent } => Ok(Entered { caller, token, persistent }),
            Entry::Further(scheme, token) => Err(match self.strike("SignIn").await? {
                Some(spoilt) => spoilt,
                None => iis::go_on(scheme, &token),
            }),
            Entry::Out(denied) => {
                tracing::debug!("sign-in to the sandbox refused: {denied:?}");
                self.statistics.count(|counts| counts.denied += 1);
                Err(iis::unauthorized(offers))
            }
        })
    }

    /// Tokens, over HTTPS only.
    async fn token(&self, method: &Method, tenant: &str, body: &[u8], secure: bool) -> Result<Answer, Cut> {
        self.statistics.count(|counts| *counts.operations.entry("Token".to_owned()).or_default() += 1);
        if !secure {
            return Ok(iis::status_page(StatusCode::FORBIDDEN));
        }
        if method != Method::POST {
            return Ok(iis::status_page(StatusCode::METHOD_NOT_ALLOWED));
        }
        let sentence = self.faults.judge("Token", |_| false);
        if let Some(Fault::Refuse { code, message, .. }) = &sentence.fault {
            return Ok(tokens::on_demand(code, message.as_deref()));
        }
        if let Some(spoilt) = self.struck(sentence).await? {
            return Ok(spoilt);
        }
        Ok(self.tokens.answer(tenant, body, &self.domains, &self.service_account, &self.sign_in, &self.entra))
    }

    /// Whose an account is, over HTTPS only.
    async fn realm(&self, method: &Method, account: &str, secure: bool) -> Result<Answer, Cut> {
        self.statistics.count(|counts| *counts.operations.entry("UserRealm".to_owned()).or_default() += 1);
        if !secure {
            return Ok(iis::status_page(StatusCode::FORBIDDEN));
        }
        if method != Method::GET {
            return Ok(iis::status_page(StatusCode::METHOD_NOT_ALLOWED));
        }
        match self.strike("UserRealm").await? {
            Some(spoilt) => Ok(spoilt),
            None => Ok(self.entra.realm(account, &self.domains)),
        }
    }

    async fn ews(
        self: &Arc<Self>,
        method: &Method,
        headers: &HeaderMap,
        body: Bytes,
        seat: &Seat,
    ) -> Result<Answer, Cut> {
        let entered = match self.enter(headers, seat, &self.offers).await? {
            Ok(entered) => entered,
            Err(answer) => return Ok(answer),
        };
        let answer = self.ews_for(entered.caller.clone(), method, headers, body).await?;
        Ok(entered.accompany(answer))
    }

    async fn ews_for(
        self: &Arc<Self>,
        caller: Caller,
        method: &Method,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Answer, Cut> {
        if method == Method::GET || method == Method::HEAD {
            return Ok(iis::answer(StatusCode::OK, "text/html; charset=UTF-8", SERVICE_PAGE));
        }
        if method != Method::POST {
            return Ok(iis::status_page(StatusCode::METHOD_NOT_ALLOWED));
        }
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
        let media_type = content_type.split(';').next().unwrap_or("").trim();
        if !media_type.eq_ignore_ascii_case("text/xml") {
            return Ok(iis::html(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Cannot process the message",
                "The content type of the message was not the expected type 'text/xml; charset=utf-8'.",
            ));
        }

        let anchor = headers.get("x-anchormailbox").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let site = self.clone();
        // Like Exchange, carry out what was asked for even when the client does not wait for the answer.
        let execution = self.running.spawn(async move { site.execute(&caller, anchor.as_deref(), body).await });
        match execution.await {
            Ok((answer, _)) if answer.drop_connection => Err(Cut),
            Ok((answer, treatment)) => Ok(self.treated(answer, treatment, headers)),
            Err(_) => Ok(iis::status_page(StatusCode::INTERNAL_SERVER_ERROR)),
        }
    }

    async fn execute(&self, caller: &Caller, anchor: Option<&str>, body: Bytes) -> (SoapAnswer, Treatment) {
        let _in_flight = self.statistics.in_flight();
        let operation = recorder::operation(&body).unwrap_or_else(|| "Unreadable".to_owned());
        self.statistics.count(|counts| *counts.operations.entry(operation.clone()).or_default() += 1);
        let entry = match &self.recorder {
            Some(recorder) => Some((recorder, recorder.request(&operation, &body).await)),
            None => None,
        };
        let intervention = Intervention::new(self);
        let answer = self.service.answer(caller, anchor, body, &intervention).await;
        let treatment = intervention.finish();
        if let Some((recorder, entry)) = entry
            && treatment.is_soap()
        {
            recorder.response(&entry, &answer.body).await;
        }
        (answer, treatment)
    }

    /// Waits for a delay to pass, unless the sandbox is to stop.
    pub async fn delay(&self, milliseconds: u64) {
        if milliseconds > 0 {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(milliseconds)) => {}
                () = self.stopping.cancelled() => {}
            }
        }
    }

    /// Gives the answer the form that fault rules want it to have.
    fn treated(&self, answer: SoapAnswer, treatment: Treatment, request: &HeaderMap) -> Answer {
        self.disturbed((answer.status, SOAP), answer.body, treatment.fault, request)
    }

    /// The same for an answer of any content type.
    fn disturbed(
        &self,
        (status, content_type): (u16, &'static str),
        body: Bytes,
        fault: Option<Fault>,
        request: &HeaderMap,
    ) -> Answer {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let soap = |content: Bytes| iis::answer(status, content_type, content);
        match fault {
            Some(fault @ (Fault::Status { .. } | Fault::Html { .. } | Fault::Garbage { .. })) => spoilt(&fault),
            Some(Fault::Truncate { bytes }) => {
                let content = body;
                let kept = content.slice(..bytes.unwrap_or(content.len() / 2).min(content.len()));
                let length = content.len();
                let broken = io::Error::new(io::ErrorKind::ConnectionAborted, "cut by a fault rule");
                let cut = stream::once(async {
                    // What an error finds unsent is not sent any more.
                    tokio::time::sleep(UNTIL_SENT).await;
                    Err(broken)
                });
                let pieces = stream::iter([Ok(Frame::data(kept))]).chain(cut);
                let mut answer = soap(Bytes::new());
                *answer.body_mut() = StreamBody::new(pieces).boxed_unsync();
                answer.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
                answer
            }
            Some(Fault::Slow { bytes, milliseconds }) => {
                let pause = Duration::from_millis(milliseconds);
                let pieces = stream::unfold(body, move |mut rest| async move {
                    if rest.is_empty() {
                        return None;
                    }
                    tokio::time::sleep(pause).await;
                    let piece = rest.split_to(bytes.min(rest.len()));
                    Some((Ok(Frame::data(piece)), rest))
                });
                let mut answer = soap(Bytes::new());
                *answer.body_mut() = StreamBody::new(pieces).boxed_unsync();
                answer
            }
            _ => match self.compressed(&body, request) {
                Some(content) => {
                    let mut answer = soap(content);
                    answer.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                    answer.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
                    answer
                }
                None => soap(body),
            },
        }
    }

    fn compressed(&self, content: &Bytes, request: &HeaderMap) -> Option<Bytes> {
        use std::io::Write as _;
        let accepted = request.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or("");
        let gzip = accepted.split(',').any(|coding| coding.trim().eq_ignore_ascii_case("gzip"));
        if !self.compress || !gzip || !COMPRESSED_SIZES.contains(&content.len()) {
            return None;
        }
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).ok()?;
        encoder.finish().ok().map(Bytes::from)
    }

    async fn autodiscover(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        body: &Bytes,
        secure: bool,
    ) -> Result<Answer, Cut> {
        self.statistics.count(|counts| counts.autodiscover += 1);
        let host = self.host(headers);
        if !secure {
            let mut answer = iis::empty(StatusCode::FOUND);
            let target = format!("https://{host}:{}{path}", self.https_port);
            if let Ok(target) = HeaderValue::from_str(&target) {
                answer.headers_mut().insert(header::LOCATION, target);
            }
            return Ok(answer);
        }
        if let Some(spoilt) = self.strike("Autodiscover").await? {
            return Ok(spoilt);
        }
        let mut answer = if self.sign_in(headers).is_some() {
            let host = self.ews_host.as_deref().unwrap_or(&host);
            let site = AutodiscoverSite { host, port: self.https_port };
            self.autodiscover.answer(method, path, body, site)
        } else {
            iis::unauthorized(&[Scheme::Basic])
        };
        // Clients go by whether such a header is there: no WS-Security, no OAuth.
        answer.headers_mut().insert("x-soap-enabled", HeaderValue::from_static("True"));
        Ok(answer)
    }

    /// What fault rules make of a request that is not one of EWS: nothing, or the answer in place of its own.
    async fn strike(&self, operation: &str) -> Result<Option<Answer>, Cut> {
        self.struck(self.faults.judge(operation, |_| false)).await
    }

    async fn struck(&self, sentence: Sentence) -> Result<Option<Answer>, Cut> {
        if sentence.delay_milliseconds > 0 || sentence.fault.is_some() {
            self.statistics.count(|counts| counts.faults += 1);
        }
        self.delay(sentence.delay_milliseconds).await;
        match sentence.fault {
            Some(Fault::Drop { .. }) => Err(Cut),
            Some(fault @ (Fault::Status { .. } | Fault::Html { .. } | Fault::Garbage { .. })) => {
                Ok(Some(spoilt(&fault)))
            }
            _ => Ok(None),
        }
    }

    /// Cmdlets, over HTTPS only.
    async fn management(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        body: &Bytes,
        secure: bool,
    ) -> Result<Answer, Cut> {
        self.statistics.count(|counts| *counts.operations.entry("Management".to_owned()).or_default() += 1);
        if !secure {
            return Ok(iis::status_page(StatusCode::FORBIDDEN));
        }
        if let Some(spoilt) = self.strike("Management").await? {
            return Ok(spoilt);
        }
        // Tokens as Exchange Online, and passwords for those who have no application.
        let offers = [Scheme::Bearer, Scheme::Basic];
        let header = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
        match Seat::default().enter(header, &offers, &self.sign_in, &self.tokens) {
            Entry::In { caller, .. } => Ok(self.management.answer(&caller, method, path, body)),
            Entry::Further(..) | Entry::Out(_) => {
                self.statistics.count(|counts| counts.denied += 1);
                Ok(iis::unauthorized(&offers))
            }
        }
    }

    /// The same cmdlets by remote PowerShell, over HTTPS only.
    async fn powershell(
        &self,
        method: &Method,
        headers: &HeaderMap,
        body: &Bytes,
        seat: &Seat,
        secure: bool,
    ) -> Result<Answer, Cut> {
        let operation = PowerShell::operation(body);
        self.statistics.count(|counts| *counts.operations.entry(operation.clone()).or_default() += 1);
        if !secure {
            return Ok(iis::status_page(StatusCode::FORBIDDEN));
        }
        let sentence = self.faults.judge(&operation, |_| false);
        if sentence.delay_milliseconds > 0 || sentence.fault.is_some() {
            self.statistics.count(|counts| counts.faults += 1);
        }
        self.delay(sentence.delay_milliseconds).await;
        match &sentence.fault {
            Some(Fault::Refuse { code, message, .. }) => {
                let (status, envelope) = PowerShell::refusal(body, code, message.as_deref().unwrap_or_default());
                return Ok(self.disturbed((status, WSMAN), envelope.into(), None, headers));
            }
            Some(Fault::Drop { executed: false }) => return Err(Cut),
            Some(fault) if !fault.executes() => return Ok(spoilt(fault)),
            _ => {}
        }
        let offers: Vec<_> = self.offers.iter().copied().filter(|offer| *offer != Scheme::Bearer).collect();
        let entered =
            match self.enter(headers, seat, if offers.is_empty() { &[Scheme::Basic] } else { &offers }).await? {
                Ok(entered) => entered,
                Err(answer) => return Ok(answer),
            };
        if method != Method::POST {
            return Ok(iis::status_page(StatusCode::METHOD_NOT_ALLOWED));
        }
        let (status, envelope) = match self.powershell.answer(&self.management, &entered.caller, body) {
            Reply::Now(status, envelope) => (status, envelope),
            Reply::After(time, status, envelope) => {
                self.delay(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)).await;
                (status, envelope)
            }
        };
        match sentence.fault {
            Some(Fault::Drop { .. }) => Err(Cut),
            fault => Ok(entered.accompany(self.disturbed((status, WSMAN), envelope.into(), fault, headers))),
        }
    }

    /// The name by which the client knows this server, so that it can reach the URLs it is given.
    fn host(&self, headers: &HeaderMap) -> String {
        let named = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
        let name = named.rsplit_once(':').map_or(named, |(name, _)| name);
        self.names.iter().find(|known| known.eq_ignore_ascii_case(name)).map_or("localhost", String::as_str).to_owned()
    }
}

/// Who came in, and what goes with the answer.
struct Entered {
    caller: Caller,
    token: Option<(Scheme, Vec<u8>)>,
    persistent: bool,
}

impl Entered {
    /// Says beside the answer how the connection stands.
    fn accompany(self, mut answer: Answer) -> Answer {
        if self.persistent {
            answer.headers_mut().insert("persistent-auth", HeaderValue::from_static("true"));
        }
        if let Some((scheme, token)) = self.token {
            iis::with_token(&mut answer, scheme, &token);
        }
        answer
    }
}

enum Unread {
    TooLarge,
    Broken(hyper::Error),
}

/// The answers that say nothing of Exchange.
fn spoilt(fault: &Fault) -> Answer {
    match fault {
        Fault::Status { status, retry_after, .. } => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut answer = if status == StatusCode::UNAUTHORIZED {
                iis::unauthorized(&[Scheme::Basic])
            } else {
                iis::status_page(status)
            };
            if let Some(seconds) = retry_after {
                answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
            }
            answer
        }
        Fault::Garbage { .. } => iis::answer(StatusCode::OK, SOAP, &b"\x16\x03\x01\x02\x00\x01<s:Env\xff\xfe&;"[..]),
        _ => iis::html(StatusCode::OK, "Sign in", "Please sign in to the network to go on."),
    }
}

const SOAP: &str = "text/xml; charset=utf-8";
const WSMAN: &str = "application/soap+xml;charset=UTF-8";
/// Time for the first part of a truncated answer to get to the client.
const UNTIL_SENT: Duration = Duration::from_millis(50);
/// Answers of fewer bytes are not worth it, and larger ones would hold up others.
const COMPRESSED_SIZES: std::ops::Range<usize> = 2700..1024 * 1024;
/// What a browser gets from the service's URL.
const SERVICE_PAGE: &str = "<HTML lang=\"en\"><HEAD><TITLE>Service</TITLE></HEAD><BODY><DIV id=\"content\">\
    <P class=\"heading1\">Service</P><P class=\"intro\">You have created a service.</P>\
    <P class=\"intro\">To test this service, you will need to create a client and use it to call the service.</P>\
    </DIV></BODY></HTML>";
