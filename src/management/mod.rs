//! Exchange's administration over REST: the cmdlets that a setup needs.
//!
//! `POST {base}/adminapi/beta/{organisation}/InvokeCommand` runs a cmdlet with its parameters and answers with the
//! objects that it gives, as the Exchange Online PowerShell module does it beneath its own commands. What a cmdlet says
//! reaches the administrator word for word ([`ManagementError`]).

mod answer;
mod error;
mod role;
#[cfg(test)]
mod tests;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use reqwest::{Client, Response, Url, redirect, retry};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use answer::Answer;
pub use error::{Cmdlet, ManagementError};
pub use role::{Member, RoleAssignment};

use crate::ews::{extra_roots, in_words};
use crate::settings::SmtpAddress;

/// How to sign in to the administration.
#[derive(Debug, Clone)]
pub enum Authorization {
    Basic {
        user: String,
        password: SecretString,
    },
    /// OAuth 2.0
    Bearer(SecretString),
}

/// Where the administration is.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// `https://outlook.office365.com`, or another server that has `/adminapi`.
    pub base: Url,
    /// Domain or id of the organisation.
    pub organisation: String,
    pub authorization: Authorization,
    /// Certificate authorities to trust beside the system's, as PEM text.
    pub extra_roots: Vec<String>,
    /// For a cmdlet, all its pages included.
    pub timeout: Duration,
}

impl Endpoint {
    /// With the system's certificate authorities and a minute for each cmdlet.
    #[must_use]
    pub fn new(base: Url, organisation: &str, authorization: Authorization) -> Self {
        Self {
            base,
            organisation: organisation.to_owned(),
            authorization,
            extra_roots: Vec::new(),
            timeout: Duration::from_mins(1),
        }
    }
}

/// Pages of one result that are read.
const MOST_PAGES: usize = 50;

/// Bytes of one answer that are read.
const LARGEST_ANSWER: usize = 16 << 20;

const CMDLET_NAME: HeaderName = HeaderName::from_static("x-cmdletname");
const RESPONSE_FORMAT: HeaderName = HeaderName::from_static("x-responseformat");
const ANCHOR_MAILBOX: HeaderName = HeaderName::from_static("x-anchormailbox");

/// A client of the administration.
pub struct Management {
    http: Client,
    url: Url,
    authorization: HeaderValue,
    anchor: Option<HeaderValue>,
    timeout: Duration,
}

impl Management {
    /// # Errors
    /// When the address can't be used, or is not encrypted. No connection is made yet.
    pub fn new(endpoint: &Endpoint) -> Result<Self, ManagementError> {
        let wrong = |problem: &str| ManagementError::Address(format!("{}: {problem}", endpoint.base));
        if endpoint.base.scheme() != "https" {
            return Err(wrong("it has to begin with https, because the account's password or token goes there"));
        }
        let mut url = endpoint.base.clone();
        url.path_segments_mut().map_err(|()| wrong("it names no server"))?.pop_if_empty().extend([
            "adminapi",
            "beta",
            endpoint.organisation.as_str(),
            "InvokeCommand",
        ]);
        let roots = extra_roots(&endpoint.extra_roots).map_err(|error| ManagementError::Address(error.to_string()))?;
        let http = Client::builder()
            .user_agent(concat!("SentItemsUpdate/", env!("CARGO_PKG_VERSION")))
            .https_only(true)
            .redirect(redirect::Policy::none())
            .referer(false)
            .retry(retry::never())
            .no_proxy()
            .gzip(true)
            .connect_timeout(Duration::from_secs(10))
            .tls_certs_merge(roots)
            .build()
            .map_err(|error| ManagementError::Address(error.to_string()))?;
        // Requests without a mailbox of their own go to where the organisation's system mailbox is.
        let anchor = format!("UPN:SystemMailbox{{bb558c35-97f1-4cb9-8ff7-d53741dc928c}}@{}", endpoint.organisation);
        Ok(Self {
            http,
            url,
            authorization: header(&endpoint.authorization).ok_or(ManagementError::Account)?,
            anchor: HeaderValue::from_str(&anchor).ok(),
            timeout: endpoint.timeout,
        })
    }

    /// Runs a cmdlet and gives its objects and warnings.
    async fn invoke(
        &self,
        cmdlet: Cmdlet,
        parameters: Value,
    ) -> Result<(Vec<Map<String, Value>>, Vec<String>), ManagementError> {
        let body = json!({ "CmdletInput": { "CmdletName": cmdlet.name(), "Parameters": parameters } });
        let until = Instant::now() + self.timeout;
        let (mut objects, mut warnings, mut url) = (Vec::new(), Vec::new(), self.url.clone());
        for _ in 0..MOST_PAGES {
            let asking = self.ask(&url, cmdlet, &body);
            let answer = tokio::time::timeout_at(until, asking)
                .await
                .map_err(|_| ManagementError::Timeout { cmdlet, seconds: self.timeout.as_secs() })??;
            objects.extend(answer.objects);
            warnings.extend(answer.warnings);
            match answer.next {
                None => return Ok((objects, warnings)),
                Some(next) => {
                    let next = Url::parse(&next).ok().filter(|next| next.origin() == self.url.origin());
                    // What leads to another server would take the password or token there.
                    url = next.ok_or_else(|| not_understood(cmdlet, "its next page is on another server"))?;
                }
            }
        }
        Err(not_understood(cmdlet, "it has more pages than such an answer has"))
    }

    async fn ask(&self, url: &Url, cmdlet: Cmdlet, body: &Value) -> Result<Answer, ManagementError> {
        let mut request = self
            .http
            .post(url.clone())
            .header(AUTHORIZATION, &self.authorization)
            .header(CMDLET_NAME, cmdlet.name())
            .header(RESPONSE_FORMAT, "json")
            .json(body);
        if let Some(anchor) = &self.anchor {
            request = request.header(ANCHOR_MAILBOX, anchor);
        }
        let response = request.send().await.map_err(|error| self.no_answer(error))?;
        let status = response.status().as_u16();
        let content = collect(response, cmdlet).await?;
        answer::read(cmdlet, status, &content)
    }

    fn no_answer(&self, error: reqwest::Error) -> ManagementError {
        let host = self.url.host_str().unwrap_or_default().to_owned();
        // The words for it speak of the server alone.
        let Ok(nobody) = SmtpAddress::new("administration@localhost") else { unreachable!("it is an address") };
        match in_words(error, &self.url, &nobody) {
            Ok((why, untrusted)) => ManagementError::NotReachable { host, why, untrusted },
            Err(_) => ManagementError::NotReachable {
                host,
                why: "the connection broke before there was an answer".to_owned(),
                untrusted: false,
            },
        }
    }
}

async fn collect(mut response: Response, cmdlet: Cmdlet) -> Result<BytesMut, ManagementError> {
    let mut content = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(None) => return Ok(content),
            Ok(Some(piece)) if content.len() + piece.len() > LARGEST_ANSWER => {
                return Err(not_understood(cmdlet, "it is larger than any such answer"));
            }
            Ok(Some(piece)) => content.extend_from_slice(&piece),
            Err(_) => return Err(not_understood(cmdlet, "the connection broke in the middle of it")),
        }
    }
}

fn not_understood(cmdlet: Cmdlet, why: &str) -> ManagementError {
    ManagementError::NotUnderstood { cmdlet, why: why.to_owned() }
}

/// None when the name or token can't stand in a header.
fn header(authorization: &Authorization) -> Option<HeaderValue> {
    let text = match authorization {
        Authorization::Basic { user, password } => {
            if user.contains(':') {
                return None;
            }
            format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.expose_secret())))
        }
        Authorization::Bearer(token) => format!("Bearer {}", token.expose_secret()),
    };
    let mut header = HeaderValue::from_str(&text).ok()?;
    header.set_sensitive(true);
    Some(header)
}
