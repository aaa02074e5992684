//! One question at a time over HTTPS: signing in, where a redirection may lead, and what is no answer of remote
//! PowerShell.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, LOCATION, WWW_AUTHENTICATE};
use reqwest::{Client, Response, Url, redirect, retry};
use uuid::Uuid;

use super::PowerShellEndpoint;
use super::authorise::Authorise;
use super::wsman::{self, LARGEST_ENVELOPE, Operation, Outcome};
use crate::ews::autodiscover::Rule;
use crate::ews::{extra_roots, in_words};
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

/// The way to one server.
pub struct Http {
    client: Client,
    authorise: Arc<dyn Authorise>,
    rule: Rule,
    url: Url,
    session: Uuid,
}

impl Http {
    /// # Errors
    /// When the address can't be used. No connection is made yet.
    pub fn new(endpoint: &PowerShellEndpoint) -> Result<Self, ManagementError> {
        let wrong = |problem: &str| ManagementError::Address(format!("{}: {problem}", endpoint.url));
        if endpoint.url.scheme() != "https" {
            return Err(wrong("it has to begin with https, because whoever reads along could sign in as you"));
        }
        if !endpoint.url.username().is_empty() || endpoint.url.password().is_some() {
            return Err(wrong("it has a user name in it"));
        }
        let roots = extra_roots(&endpoint.extra_roots).map_err(|error| ManagementError::Address(error.to_string()))?;
        let client = Client::builder()
            .user_agent("Microsoft WinRM Client")
            .http1_only()
            .https_only(true)
            .redirect(redirect::Policy::none())
            .referer(false)
            .retry(retry::never())
            .no_proxy()
            .gzip(true)
            .connect_timeout(Duration::from_secs(10))
            // A scheme may sign in the connection and not the request.
            .pool_max_idle_per_host(1)
            .tls_certs_merge(roots)
            .build()
            .map_err(|error| ManagementError::Address(error.to_string()))?;
        Ok(Self {
            client,
            authorise: endpoint.authorise.clone(),
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
            let response = self.signed_in(envelope, doing).await?;
            if response.status().is_redirection() {
                self.url = self.led_to(&response, shell.is_none())?;
                continue;
            }
            return self.read(response, message, doing).await;
        }
        Err(self.not_understood(&format!("it leads on more than {MOST_REDIRECTIONS} times")))
    }

    async fn signed_in(&self, envelope: String, doing: &str) -> Result<Response, ManagementError> {
        let mut attempt = self.authorise.attempt(&self.url);
        let mut offered = Vec::new();
        for round in 0..MOST_ROUNDS {
            let header = attempt.header(&offered).await;
            let header = header.map_err(|told| ManagementError::SignIn { status: 401, told })?;
            if header.is_none() && round > 0 {
                break;
            }
            let mut request = self.client.post(self.url.clone()).timeout(QUESTION).body(envelope.clone());
            request = request.header(CONTENT_TYPE, "application/soap+xml;charset=UTF-8");
            if let Some(header) = header {
                request = request.header(AUTHORIZATION, header);
            }
            let mut response = request.send().await.map_err(|error| self.no_answer(error, doing))?;
            if response.status().as_u16() != 401 {
                return Ok(response);
            }
            offered = schemes(response.headers());
            // Read to its end, so that the connection can be used again.
            let mut read = 0;
            while let Ok(Some(piece)) = response.chunk().await {
                read += piece.len();
                if read > PAGE {
                    break;
                }
            }
        }
        Err(ManagementError::SignIn { status: 401, told: offer(&offered) })
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

    async fn read(&self, mut response: Response, message: Uuid, doing: &str) -> Result<Outcome, ManagementError> {
        let status = response.status().as_u16();
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

fn schemes(headers: &HeaderMap) -> Vec<String> {
    headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok()).map(str::to_owned).collect()
}

/// What the server would take, in words.
fn offer(offered: &[String]) -> String {
    let names: Vec<_> = offered.iter().filter_map(|offer| offer.split_whitespace().next()).take(5).collect();
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
        assert_eq!(
            offer(&["Negotiate".into(), "Kerberos".into(), "Basic realm=\"x\"".into()]),
            "the server offers Negotiate, Kerberos, Basic"
        );
        assert_eq!(offer(&[]), "");
    }
}
