//! One question at a time over HTTP: signing in, where a redirection may lead, and what is no answer of remote
//! PowerShell.
//!
//! Over HTTPS a question goes with the sign-in. Without TLS the sign-in comes first, with nothing in it, and then both
//! sides encrypt what they say; what is not encrypted is neither sent nor believed.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, LOCATION, WWW_AUTHENTICATE};
use reqwest::tls::TlsInfo;
use reqwest::{Client, Response, Url, redirect, retry};
use uuid::Uuid;

use super::authorise::{Attempt, Authorise, Said};
use super::wsman::{self, LARGEST_ENVELOPE, Operation, Outcome};
use super::{PowerShellEndpoint, sealed};
use crate::ews::autodiscover::Rule;
use crate::ews::{in_words, trust};
use crate::management::ManagementError;
use crate::settings::SmtpAddress;

/// For one question; the server holds it back for [`wsman::OPERATION_TIMEOUT`] at most.
const QUESTION: Duration = Duration::from_secs(40);

/// Times that a request is repeated to be signed in.
const MOST_ROUNDS: usize = 5;

/// Redirections that are followed.
const MOST_REDIRECTIONS: usize = 5;

/// Bytes of a page that is no answer that are looked at.
const PAGE: usize = 16 << 10;

const ENVELOPE: &str = "application/soap+xml;charset=UTF-8";

/// The way to one server.
pub struct Http {
    client: Client,
    authorise: Arc<dyn Authorise>,
    attempt: Box<dyn Attempt>,
    rule: Rule,
    url: Url,
    session: Uuid,
}

impl Http {
    /// # Errors
    /// When the address can't be used. No connection is made yet.
    pub fn new(endpoint: &PowerShellEndpoint) -> Result<Self, ManagementError> {
        let wrong = |problem: &str| ManagementError::Address(format!("{}: {problem}", endpoint.url));
        match endpoint.url.scheme() {
            "https" => {}
            "http" if endpoint.authorise.encrypts() => {}
            _ => return Err(wrong("it has to begin with https, because whoever reads along could sign in as you")),
        }
        if !endpoint.url.username().is_empty() || endpoint.url.password().is_some() {
            return Err(wrong("it has a user name in it"));
        }
        let trust = trust(&endpoint.extra_roots).map_err(|error| ManagementError::Address(error.to_string()))?;
        let client = Client::builder()
            .user_agent("Microsoft WinRM Client")
            .http1_only()
            .https_only(endpoint.url.scheme() == "https")
            .redirect(redirect::Policy::none())
            .referer(false)
            .retry(retry::never())
            .no_proxy()
            .gzip(true)
            // The certificate, to which a sign-in is tied.
            .tls_info(true)
            .connect_timeout(Duration::from_secs(10))
            // A scheme may sign in the connection and not the request.
            .pool_max_idle_per_host(1)
            .tls_backend_preconfigured(trust)
            .build()
            .map_err(|error| ManagementError::Address(error.to_string()))?;
        Ok(Self {
            client,
            authorise: endpoint.authorise.clone(),
            attempt: endpoint.authorise.attempt(&endpoint.url),
            rule: Rule::new("", std::slice::from_ref(&endpoint.url), &endpoint.trusted),
            url: endpoint.url.clone(),
            session: Uuid::new_v4(),
        })
    }

    /// Name and port of the server.
    pub fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    pub fn not_understood(&self, why: &str) -> ManagementError {
        ManagementError::Protocol { host: self.host(), why: why.to_owned() }
    }

    /// Asks where the session is; where there is none yet, the server may lead elsewhere.
    ///
    /// `doing` says for errors what it is for, as in `opening a session`.
    pub async fn ask(
        &mut self,
        operation: Operation<'_>,
        shell: Option<&str>,
        doing: &str,
    ) -> Result<Outcome, ManagementError> {
        for _ in 0..=MOST_REDIRECTIONS {
            let message = Uuid::new_v4();
            let envelope = wsman::envelope(operation, &self.url, self.session, message, shell);
            let response = if self.url.scheme() == "https" {
                self.signed_in(envelope, doing).await?
            } else {
                self.sealed(envelope, doing).await?
            };
            if response.status().is_redirection() {
                self.url = self.led_to(&response, shell.is_none())?;
                self.attempt = self.authorise.attempt(&self.url);
                continue;
            }
            return self.read(response, message, doing).await;
        }
        Err(self.not_understood(&format!("it leads on more than {MOST_REDIRECTIONS} times")))
    }

    /// Asks over TLS; the question goes with every token.
    async fn signed_in(&mut self, envelope: String, doing: &str) -> Result<Response, ManagementError> {
        let mut refused: Option<Refused> = None;
        for _ in 0..MOST_ROUNDS {
            let header = self.attempt.header(refused.as_ref().map(Refused::said)).await.map_err(not_let_in)?;
            if header.is_none() && refused.is_some() {
                break;
            }
            let mut request = self.client.post(self.url.clone()).timeout(QUESTION).body(envelope.clone());
            request = request.header(CONTENT_TYPE, ENVELOPE);
            if let Some(header) = header {
                request = request.header(AUTHORIZATION, header);
            }
            let response = request.send().await.map_err(|error| self.no_answer(error, doing))?;
            if response.status().as_u16() != 401 {
                let certificate = certificate(&response);
                let said = Said { headers: response.headers(), certificate: certificate.as_deref() };
                self.attempt.let_in(said).await.map_err(not_let_in)?;
                return Ok(response);
            }
            refused = Some(Refused::of(response).await);
        }
        Err(not_let_in(offer(refused.as_ref())))
    }

    /// Asks without TLS, in an encrypted message.
    async fn sealed(&mut self, envelope: String, doing: &str) -> Result<Response, ManagementError> {
        let mut refused: Option<Refused> = None;
        for _ in 0..MOST_ROUNDS {
            let mut request = self.client.post(self.url.clone()).timeout(QUESTION);
            // Whoever is refused has to sign in anew.
            let cipher = self.attempt.cipher().filter(|_| refused.is_none());
            let is_question = cipher.is_some();
            if let Some(cipher) = cipher {
                let content_type = sealed::content_type(cipher);
                let body = sealed::seal(cipher, envelope.as_bytes()).map_err(|why| self.not_understood(&why))?;
                request = request.header(CONTENT_TYPE, content_type).body(body);
            } else {
                let header = self.attempt.header(refused.as_ref().map(Refused::said)).await.map_err(not_let_in)?;
                if header.is_none() && refused.is_some() {
                    break;
                }
                request = request.header(CONTENT_LENGTH, 0);
                if let Some(header) = header {
                    request = request.header(AUTHORIZATION, header);
                }
            }
            let response = request.send().await.map_err(|error| self.no_answer(error, doing))?;
            match response.status().as_u16() {
                401 => refused = Some(Refused::of(response).await),
                200..300 if !is_question => {
                    let said = Said { headers: response.headers(), certificate: None };
                    self.attempt.let_in(said).await.map_err(not_let_in)?;
                    if self.attempt.cipher().is_none() {
                        return Err(self.no_powershell("a server that asks nobody to sign in".to_owned()));
                    }
                    // Read to its end, so that the connection can be used again.
                    Refused::of(response).await;
                    refused = None;
                }
                _ => return Ok(response),
            }
        }
        Err(not_let_in(offer(refused.as_ref())))
    }

    /// Where the server leads.
    fn led_to(&self, response: &Response, at_first: bool) -> Result<Url, ManagementError> {
        let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        let target = location.and_then(|location| self.url.join(location).ok());
        let target = target.ok_or_else(|| self.no_powershell("a redirection that leads nowhere".to_owned()))?;
        let to = target.to_string();
        if let Some(why) = self.rule.refuses(&target) {
            return Err(ManagementError::Redirected { to, why });
        }
        if !target.path().to_ascii_lowercase().starts_with("/powershell") {
            return Err(self.no_powershell(format!("a redirection to {to}")));
        }
        // A shell is where it was created.
        if at_first { Ok(target) } else { Err(self.not_understood("it leads elsewhere in the middle of a session")) }
    }

    async fn read(&mut self, mut response: Response, message: Uuid, doing: &str) -> Result<Outcome, ManagementError> {
        let status = response.status().as_u16();
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_sealed = content_type.is_some_and(sealed::is_sealed);
        let mut content = Vec::new();
        loop {
            match response.chunk().await {
                Ok(None) => break,
                Ok(Some(piece)) if content.len() + piece.len() > LARGEST_ENVELOPE * 2 => {
                    return Err(self.not_understood("it is longer than was asked for"));
                }
                Ok(Some(piece)) => content.extend_from_slice(&piece),
                Err(error) if error.is_timeout() => return Err(self.slow(doing)),
                Err(_) => return Err(ManagementError::Lost { host: self.host(), doing: doing.to_owned() }),
            }
        }
        if self.url.scheme() != "https" {
            let Some(cipher) = self.attempt.cipher().filter(|_| is_sealed) else {
                return Err(self.no_powershell(format!("an answer that is not encrypted (HTTP status {status})")));
            };
            let opened = sealed::open(cipher, &content);
            content = opened.map_err(|why| self.not_understood(&why))?;
        }
        let text = String::from_utf8_lossy(&content);
        let text = text.trim_start_matches('\u{FEFF}').trim_start();
        let title = title(text);
        if text.is_empty() || title.is_some() || !text.starts_with('<') {
            let what = match (title, text.is_empty()) {
                (Some(title), _) => format!("a page with the title {title:?}"),
                (None, true) => "nothing".to_owned(),
                (None, false) => "a text".to_owned(),
            };
            let told = if status == 200 { String::new() } else { format!(" (HTTP status {status})") };
            let found = format!("{what} in place of an answer{told}");
            let elsewhere = matches!(status, 200 | 403..=405);
            return Err(if elsewhere { self.no_powershell(found) } else { self.not_understood(&found) });
        }
        wsman::read(text, message).map_err(|why| match why {
            wsman::NoAnswer::NoEnvelope => self.no_powershell("something that is no SOAP envelope".to_owned()),
            why => self.not_understood(&why.to_string()),
        })
    }

    fn no_powershell(&self, found: String) -> ManagementError {
        ManagementError::NoPowerShell { url: self.url.to_string(), found }
    }

    fn slow(&self, doing: &str) -> ManagementError {
        ManagementError::Protocol {
            host: self.host(),
            why: format!("there was no answer within {} seconds while {doing}", QUESTION.as_secs()),
        }
    }

    fn no_answer(&self, error: reqwest::Error, doing: &str) -> ManagementError {
        let (host, slow) = (self.host(), error.is_timeout() && !error.is_connect());
        // The words for it speak of the server alone.
        let Ok(nobody) = SmtpAddress::new("administration@localhost") else { unreachable!("it is an address") };
        match in_words(error, &self.url, &nobody) {
            Ok((why, untrusted)) => ManagementError::NotReachable { host, why, untrusted },
            Err(_) if slow => self.slow(doing),
            Err(_) => ManagementError::Lost { host, doing: doing.to_owned() },
        }
    }
}

/// An answer that lets nobody in, read to its end so that the connection can be used again.
struct Refused {
    headers: HeaderMap,
    certificate: Option<Vec<u8>>,
}

impl Refused {
    async fn of(mut response: Response) -> Self {
        let refused = Self { headers: response.headers().clone(), certificate: certificate(&response) };
        let mut read = 0;
        while let Ok(Some(piece)) = response.chunk().await {
            read += piece.len();
            if read > PAGE {
                break;
            }
        }
        refused
    }

    fn said(&self) -> Said<'_> {
        Said { headers: &self.headers, certificate: self.certificate.as_deref() }
    }
}

/// The certificate that the server showed.
fn certificate(response: &Response) -> Option<Vec<u8>> {
    response.extensions().get::<TlsInfo>()?.peer_certificate().map(<[u8]>::to_vec)
}

fn not_let_in(told: String) -> ManagementError {
    ManagementError::SignIn { status: 401, told }
}

/// What the server would take, in words.
fn offer(refused: Option<&Refused>) -> String {
    let Some(refused) = refused else { return String::new() };
    let values = refused.headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    let names: Vec<_> = values.filter_map(|offer| offer.split_whitespace().next()).take(5).collect();
    if names.is_empty() { String::new() } else { format!("the server offers {}", names.join(", ")) }
}

/// The title of a page of HTML; empty for one without a title.
fn title(text: &str) -> Option<String> {
    let mut end = text.len().min(PAGE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let lower = text[..end].to_ascii_lowercase();
    if !lower.starts_with("<!doctype html") && !lower.starts_with("<html") {
        return None;
    }
    let from = lower.find("<title").and_then(|at| lower[at..].find('>').map(|end| at + end + 1));
    let inner = from.and_then(|from| lower[from..].find("</title").map(|end| &text[from..from + end]));
    let words: Vec<_> = inner.unwrap_or_default().split_whitespace().collect();
    Some(words.join(" ").chars().filter(|character| !character.is_control()).take(100).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_told_from_an_answer() {
        assert_eq!(title("<!DOCTYPE html><HTML><Title>\n Sign  in</Title>").as_deref(), Some("Sign in"));
        assert_eq!(title("<html>").as_deref(), Some(""));
        assert_eq!(title("<s:Envelope><title>x</title>"), None);
    }

    #[test]
    fn what_the_server_offers_is_told_by_the_schemes_names() {
        let mut headers = HeaderMap::new();
        for offer in ["Negotiate", "Kerberos", "Basic realm=\"x\""] {
            headers.append(WWW_AUTHENTICATE, reqwest::header::HeaderValue::from_static(offer));
        }
        let refused = |headers| Some(Refused { headers, certificate: None });
        assert_eq!(offer(refused(headers).as_ref()), "the server offers Negotiate, Kerberos, Basic");
        assert_eq!(offer(refused(HeaderMap::new()).as_ref()), "");
        assert_eq!(offer(None), "");
    }
}
