//! Exchange's administration: the cmdlets that a setup needs ([`Administration`]), over REST ([`Management`]) or remote
//! PowerShell ([`remote_powershell`]).
//!
//! Over REST, `POST {base}/adminapi/beta/{organisation}/InvokeCommand` runs a cmdlet with its parameters and answers with
//! the objects that it gives, as the Exchange Online PowerShell module does it beneath its own commands. What a cmdlet
//! says reaches the administrator word for word ([`ManagementError`]).

mod administration;
mod answer;
mod error;
pub mod remote_powershell;
mod role;
#[cfg(test)]
mod tests;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use futures_util::future::BoxFuture;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use reqwest::{Client, Response, Url, redirect, retry};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

pub use administration::{Administration, Output};
use answer::Answer;
pub use error::{Cmdlet, ManagementError};
pub use role::{Member, RoleAssignment};

use crate::ews::auth::oauth::{self, OAuth, TokenProblem, Tokens};
use crate::ews::{ClientError, in_words, trust};
use crate::settings::SmtpAddress;

/// How to sign in to the administration.
#[derive(Debug, Clone)]
pub enum Authorization {
    Basic {
        user: String,
        password: SecretString,
    },
    /// A token that is at hand.
    Bearer(SecretString),
    /// Tokens of Microsoft Entra, asked for when they are needed.
    OAuth(OAuth),
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

/// A client of the administration over REST.
pub struct Management {
    http: Client,
    url: Url,
    signed: Signed,
    anchor: Option<HeaderValue>,
    timeout: Duration,
}

/// How requests are signed in.
enum Signed {
    With(HeaderValue),
    Tokens(Tokens),
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
        let trust = trust(&endpoint.extra_roots).map_err(|error| ManagementError::Address(error.to_string()))?;
        let http = Client::builder()
            .user_agent(concat!("SentItemsUpdate/", env!("CARGO_PKG_VERSION")))
            .https_only(true)
            .redirect(redirect::Policy::none())
            .referer(false)
            .retry(retry::never())
            .no_proxy()
            .gzip(true)
            .connect_timeout(Duration::from_secs(10))
            .tls_backend_preconfigured(trust)
            .build()
            .map_err(|error| ManagementError::Address(error.to_string()))?;
        // Requests without a mailbox of their own go to where the organisation's system mailbox is.
        let anchor = format!("UPN:SystemMailbox{{bb558c35-97f1-4cb9-8ff7-d53741dc928c}}@{}", endpoint.organisation);
        Ok(Self {
            http,
            url,
            signed: signed(&endpoint.authorization)?,
            anchor: HeaderValue::from_str(&anchor).ok(),
            timeout: endpoint.timeout,
        })
    }

    /// Runs a cmdlet and gives its objects and warnings.
    async fn invoke(&self, cmdlet: Cmdlet, parameters: Map<String, Value>) -> Result<Output, ManagementError> {
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
                None => return Ok(Output { objects, warnings }),
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
        let tokens = match &self.signed {
            Signed::With(header) => {
                let (status, content) = self.ask_as(header, url, cmdlet, body).await?;
                return answer::read(cmdlet, status, &content);
            }
            Signed::Tokens(tokens) => tokens,
        };
        let bearer = tokens.bearer().await?;
        let (status, content) = self.ask_as(&bearer.header, url, cmdlet, body).await?;
        if status != 401 {
            return answer::read(cmdlet, status, &content);
        }
        tokens.refused(&bearer.header);
        if bearer.fresh {
            return Err(TokenProblem::NotAccepted.into());
        }
        // It was withdrawn before its time. What was answered with 401 was not carried out.
        let bearer = tokens.bearer().await?;
        let (status, content) = self.ask_as(&bearer.header, url, cmdlet, body).await?;
        if status == 401 {
            tokens.refused(&bearer.header);
            return Err(TokenProblem::NotAccepted.into());
        }
        answer::read(cmdlet, status, &content)
    }

    async fn ask_as(
        &self,
        authorization: &HeaderValue,
        url: &Url,
        cmdlet: Cmdlet,
        body: &Value,
    ) -> Result<(u16, BytesMut), ManagementError> {
        let mut request = self
            .http
            .post(url.clone())
            .header(AUTHORIZATION, authorization)
            .header(CMDLET_NAME, cmdlet.name())
            .header(RESPONSE_FORMAT, "json")
            .json(body);
        if let Some(anchor) = &self.anchor {
            request = request.header(ANCHOR_MAILBOX, anchor);
        }
        let response = request.send().await.map_err(|error| self.no_answer(error))?;
        Ok((response.status().as_u16(), collect(response, cmdlet).await?))
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

impl Administration for Management {
    fn run(&self, cmdlet: Cmdlet, parameters: Map<String, Value>) -> BoxFuture<'_, Result<Output, ManagementError>> {
        Box::pin(self.invoke(cmdlet, parameters))
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

fn signed(authorization: &Authorization) -> Result<Signed, ManagementError> {
    let text = match authorization {
        Authorization::Basic { user, .. } if user.contains(':') => return Err(ManagementError::Account),
        Authorization::Basic { user, password } => {
            format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.expose_secret())))
        }
        Authorization::Bearer(token) => format!("Bearer {}", token.expose_secret()),
        Authorization::OAuth(oauth) => {
            let endpoint = oauth::Endpoint::new(oauth).map_err(|error| match error {
                ClientError::Token(problem) => problem.into(),
                other => ManagementError::Address(other.to_string()),
            })?;
            return Ok(Signed::Tokens(Tokens::new(Box::new(endpoint))));
        }
    };
    let mut header = HeaderValue::from_str(&text).map_err(|_| ManagementError::Account)?;
    header.set_sensitive(true);
    Ok(Signed::With(header))
}
