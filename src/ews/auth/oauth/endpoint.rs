//! Asking the token endpoint.

use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, RequestBuilder, Url, redirect, retry};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::assertion::Signer;
use super::problem::{Refusal, TokenProblem};
use super::{Grant, Issued, Issuer, OAuth};
use crate::ews::client::ClientError;
use crate::ews::transport;

/// For the whole exchange.
pub(super) const TIMEOUT: Duration = Duration::from_secs(20);
const CONNECT: Duration = Duration::from_secs(10);
const LARGEST_ANSWER: usize = 64 << 10;
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The token endpoint of a tenant. Nothing but HTTPS is ever asked, and no redirection followed.
#[derive(Debug)]
pub(crate) struct Endpoint {
    http: Client,
    url: Url,
    client_id: String,
    scope: String,
    proof: Proof,
}

#[derive(Debug)]
enum Proof {
    Secret(SecretString),
    Signed(Signer),
    Password { user: String, password: SecretString, client_secret: Option<SecretString> },
}

/// What an endpoint answers, either way.
#[derive(Deserialize)]
struct Answer {
    access_token: Option<String>,
    expires_in: Option<Seconds>,
    error: Option<String>,
    error_description: Option<String>,
    #[serde(default)]
    error_codes: Vec<u32>,
}

/// Some write numbers as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(u64),
    Text(String),
}

impl Endpoint {
    /// # Errors
    /// When the settings can't be used. No connection is made yet.
    pub fn new(oauth: &OAuth) -> Result<Self, ClientError> {
        Self::with_timeout(oauth, TIMEOUT)
    }

    pub(super) fn with_timeout(oauth: &OAuth, timeout: Duration) -> Result<Self, ClientError> {
        let url = endpoint(&oauth.authority, &oauth.tenant).map_err(ClientError::Token)?;
        let proof = match &oauth.grant {
            Grant::Secret(secret) => Proof::Secret(secret.clone()),
            Grant::Certificate { certificate, key, algorithm } => {
                Proof::Signed(Signer::new(certificate, key, *algorithm).map_err(ClientError::Token)?)
            }
            Grant::Password { user, password, client_secret } => {
                Proof::Password { user: user.clone(), password: password.clone(), client_secret: client_secret.clone() }
            }
        };
        let http = client(&oauth.extra_roots, timeout)?;
        Ok(Self { http, url, client_id: oauth.client_id.clone(), scope: oauth.scope.clone(), proof })
    }

    fn form(&self) -> Result<Vec<(&'static str, String)>, TokenProblem> {
        let mut form = vec![("client_id", self.client_id.clone()), ("scope", self.scope.clone())];
        match &self.proof {
            Proof::Secret(secret) => {
                form.push(("grant_type", "client_credentials".to_owned()));
                form.push(("client_secret", secret.expose_secret().to_owned()));
            }
            Proof::Signed(signer) => {
                form.push(("grant_type", "client_credentials".to_owned()));
                form.push(("client_assertion_type", JWT_BEARER.to_owned()));
                form.push((
                    "client_assertion",
                    signer.sign(&self.client_id, self.url.as_str(), jiff::Timestamp::now())?,
                ));
            }
            Proof::Password { user, password, client_secret } => {
                form.push(("grant_type", "password".to_owned()));
                form.push(("username", user.clone()));
                form.push(("password", password.expose_secret().to_owned()));
                if let Some(secret) = client_secret {
                    form.push(("client_secret", secret.expose_secret().to_owned()));
                }
            }
        }
        Ok(form)
    }

    async fn ask(&self) -> Result<Issued, TokenProblem> {
        let host = self.url.host_str().unwrap_or_default();
        let mut body = Url::parse("form:").map_err(|error| not_understood(host, &error.to_string()))?;
        body.query_pairs_mut().extend_pairs(self.form()?);
        let request = self.http.post(self.url.clone()).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let (status, content) = exchange(host, request.body(body.query().unwrap_or_default().to_owned())).await?;
        read(host, status, &content)
    }
}

impl Issuer for Endpoint {
    fn issue(&self) -> BoxFuture<'_, Result<Issued, TokenProblem>> {
        Box::pin(self.ask())
    }
}

/// Asks over HTTPS only and follows no redirection.
pub(super) fn client(extra_roots: &[String], timeout: Duration) -> Result<Client, ClientError> {
    Client::builder()
        .user_agent(concat!("SentItemsUpdate/", env!("CARGO_PKG_VERSION")))
        .https_only(true)
        .redirect(redirect::Policy::none())
        .referer(false)
        .retry(retry::never())
        .no_proxy()
        .connect_timeout(CONNECT.min(timeout))
        .timeout(timeout)
        .tls_backend_preconfigured(transport::trust(extra_roots)?)
        .build()
        .map_err(ClientError::Http)
}

/// The answer's status and content.
pub(super) async fn exchange(host: &str, request: RequestBuilder) -> Result<(u16, Vec<u8>), TokenProblem> {
    let unreachable = |error| TokenProblem::Unreachable { host: host.to_owned(), problem: in_words(error) };
    let mut response = request.send().await.map_err(unreachable)?;
    let status = response.status().as_u16();
    let mut content = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(unreachable)? {
        content.extend_from_slice(&piece);
        if content.len() > LARGEST_ANSWER {
            return Err(not_understood(host, "the answer is too large"));
        }
    }
    Ok((status, content))
}

/// Where a tenant's tokens are issued.
fn endpoint(authority: &str, tenant: &str) -> Result<Url, TokenProblem> {
    below(authority, &[tenant, "oauth2", "v2.0", "token"])
}

/// An address below that of the authority.
pub(super) fn below(authority: &str, path: &[&str]) -> Result<Url, TokenProblem> {
    let not_https = || TokenProblem::NotHttps(authority.to_owned());
    let mut url = Url::parse(authority).map_err(|_| not_https())?;
    if url.scheme() != "https" || !url.has_host() || !url.username().is_empty() || url.password().is_some() {
        return Err(not_https());
    }
    url.set_query(None);
    url.set_fragment(None);
    url.path_segments_mut().map_err(|()| not_https())?.pop_if_empty().extend(path);
    Ok(url)
}

pub(super) fn read(host: &str, status: u16, content: &[u8]) -> Result<Issued, TokenProblem> {
    let answer = match serde_json::from_slice::<Answer>(content) {
        Ok(answer) => answer,
        Err(_) if matches!(status, 408 | 429 | 500..600) => {
            return Err(TokenProblem::Busy { host: host.to_owned(), status });
        }
        Err(_) => return Err(not_understood(host, &format!("HTTP status {status}, and no JSON"))),
    };
    if let Some(error) = answer.error {
        let said = answer.error_description.unwrap_or_default();
        return Err(TokenProblem::Refused(Refusal::new(&error, &said, &answer.error_codes)));
    }
    let (Some(token), 200) = (answer.access_token.filter(|token| !token.is_empty()), status) else {
        return Err(not_understood(host, &format!("HTTP status {status}, and no token")));
    };
    let mut header = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| not_understood(host, "the token has characters that no header can have"))?;
    header.set_sensitive(true);
    let seconds = match answer.expires_in {
        Some(Seconds::Number(seconds)) => seconds,
        Some(Seconds::Text(text)) => text.trim().parse().unwrap_or(0),
        None => 0,
    };
    // A day is the longest that Entra gives. What says nothing is good for this one request.
    Ok(Issued { header, lasts: Duration::from_secs(seconds.min(24 * 3600)) })
}

pub(super) fn not_understood(host: &str, problem: &str) -> TokenProblem {
    TokenProblem::NotUnderstood { host: host.to_owned(), problem: problem.to_owned() }
}

fn in_words(error: reqwest::Error) -> String {
    let error = error.without_url();
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// U11
    #[test]
    fn tokens_are_asked_for_over_https_only() {
        let url = endpoint("https://login.microsoftonline.com", "corp.example").unwrap();
        assert_eq!(url.as_str(), "https://login.microsoftonline.com/corp.example/oauth2/v2.0/token");
        assert_eq!(endpoint("https://h:1/x/", "t").unwrap().as_str(), "https://h:1/x/t/oauth2/v2.0/token");
        assert_eq!(endpoint("https://h", "a/../b?c").unwrap().path(), "/a%2F..%2Fb%3Fc/oauth2/v2.0/token");
        for bad in ["http://login.example", "login.example", "https://user@login.example", "data:x"] {
            assert_eq!(endpoint(bad, "t"), Err(TokenProblem::NotHttps(bad.to_owned())));
        }
    }

    /// U11
    #[test]
    fn hostile_answers_are_told_and_never_used() {
        let said = |status, text: &str| read("login.example", status, text.as_bytes()).unwrap_err().to_string();
        for (status, text) in [
            (200, ""),
            (200, "<html>Sign in</html>"),
            (200, "{}"),
            (200, r#"{"access_token": ""}"#),
            (200, r#"{"access_token": "a\nb"}"#),
            (200, r#"{"access_token": 7}"#),
            (302, r#"{"access_token": "x"}"#),
        ] {
            assert!(said(status, text).contains("login.example"), "{text}");
        }
        assert!(matches!(read("h", 503, b"busy"), Err(TokenProblem::Busy { status: 503, .. })));
        let issued = read("h", 200, br#"{"access_token": "x", "expires_in": "99999999999"}"#).unwrap();
        assert_eq!(issued.lasts, Duration::from_secs(24 * 3600));
        assert_eq!(format!("{:?}", issued.header), "Sensitive");
        assert_eq!(read("h", 200, br#"{"access_token": "x"}"#).unwrap().lasts, Duration::ZERO);
    }
}
