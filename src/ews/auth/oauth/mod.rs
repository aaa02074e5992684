//! Tokens of Microsoft Entra (OAuth 2.0, RFC 6749): asking for them, keeping them, and what a refusal means.
//!
//! A token is asked for once and used until shortly before it expires; then one request asks for the next while the
//! others go on with the old one. A refusal is remembered for a while, so that a wrong password is not tried again with
//! each message, which would lock the account.

mod assertion;
mod endpoint;
mod problem;
mod realm;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use reqwest::header::HeaderValue;
use secrecy::SecretString;

pub use assertion::Algorithm;
pub(crate) use endpoint::Endpoint;
pub(crate) use problem::About;
pub use problem::{Refusal, TokenProblem};
pub(crate) use realm::{Realm, realm_of};

/// A token is replaced when this much of its life is left, or half of it if that is less.
const AHEAD: Duration = Duration::from_secs(5 * 60);
/// How long a refusal, or that the next token could not be had yet, is taken as read.
const REMEMBERED: Duration = Duration::from_secs(30);

/// Who asks whom for a token.
#[derive(Debug, Clone)]
pub struct OAuth {
    /// Such as `https://login.microsoftonline.com`.
    pub authority: String,
    pub tenant: String,
    pub client_id: String,
    /// Such as `https://outlook.office365.com/.default`.
    pub scope: String,
    pub grant: Grant,
    /// Certificate authorities to trust beside the system's, as PEM text.
    pub extra_roots: Vec<String>,
}

/// What a token is asked for with.
#[derive(Clone)]
pub enum Grant {
    /// The application's secret (RFC 6749 4.4).
    Secret(SecretString),
    /// The application's certificate and its key, both as PEM text (RFC 7523).
    Certificate { certificate: String, key: SecretString, algorithm: Algorithm },
    /// The account's own password (RFC 6749 4.3); the secret only where the application is a confidential one.
    Password { user: String, password: SecretString, client_secret: Option<SecretString> },
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret(_) => "Secret",
            Self::Certificate { .. } => "Certificate",
            Self::Password { .. } => "Password",
        })
    }
}

/// A token as it was issued.
#[derive(Debug, Clone)]
pub(crate) struct Issued {
    /// For the header `Authorization`.
    pub header: HeaderValue,
    pub lasts: Duration,
}

/// Whoever issues tokens.
pub(crate) trait Issuer: Send + Sync + fmt::Debug {
    fn issue(&self) -> BoxFuture<'_, Result<Issued, TokenProblem>>;
}

/// What time it is.
type Clock = Box<dyn Fn() -> Instant + Send + Sync>;

/// The tokens of one account, the newest at hand.
pub(crate) struct Tokens {
    issuer: Box<dyn Issuer>,
    clock: Clock,
    held: Mutex<Held>,
    /// Held by the one that asks.
    asking: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Held {
    token: Option<Token>,
    failed: Option<(Instant, TokenProblem)>,
}

#[derive(Debug, Clone)]
struct Token {
    header: HeaderValue,
    replace_from: Instant,
    expires: Instant,
}

/// What goes with a request.
#[derive(Debug, Clone)]
pub(crate) struct Bearer {
    pub header: HeaderValue,
    /// It was issued for this request: if it is refused, a new one would be too.
    pub fresh: bool,
}

impl Tokens {
    pub fn new(issuer: Box<dyn Issuer>) -> Self {
        Self::by_clock(issuer, Box::new(Instant::now))
    }

    fn by_clock(issuer: Box<dyn Issuer>, clock: Clock) -> Self {
        Self { issuer, clock, held: Mutex::default(), asking: tokio::sync::Mutex::default() }
    }

    /// The token at hand, or a new one.
    pub async fn bearer(&self) -> Result<Bearer, TokenProblem> {
        let now = (self.clock)();
        if let Some(token) = self.usable(now) {
            if now < token.replace_from {
                return Ok(Bearer { header: token.header, fresh: false });
            }
            // It is time for the next; whoever finds somebody asking already goes on with this one.
            if let Ok(_asking) = self.asking.try_lock() {
                match self.ask().await {
                    Ok(bearer) => return Ok(bearer),
                    Err(problem) => tracing::warn!("the next token could not be had yet: {problem}"),
                }
                if let Some(token) = &mut self.lock().token {
                    token.replace_from = (self.clock)() + REMEMBERED;
                }
            }
            return Ok(Bearer { header: token.header, fresh: false });
        }
        let _asking = self.asking.lock().await;
        let now = (self.clock)();
        if let Some(token) = self.usable(now) {
            return Ok(Bearer { header: token.header, fresh: false });
        }
        let failed = self.lock().failed.clone();
        if let Some((since, problem)) = failed
            && now < since + REMEMBERED
        {
            return Err(problem);
        }
        self.ask().await
    }

    /// A token was refused although its time was not up: it is not used again.
    pub fn refused(&self, header: &HeaderValue) {
        let mut held = self.lock();
        if held.token.as_ref().is_some_and(|token| token.header == header) {
            held.token = None;
        }
    }

    async fn ask(&self) -> Result<Bearer, TokenProblem> {
        let issued = self.issuer.issue().await;
        let now = (self.clock)();
        let mut held = self.lock();
        match issued {
            Ok(Issued { header, lasts }) => {
                let replace_from = now + lasts.saturating_sub(AHEAD.min(lasts / 2));
                *held = Held {
                    token: Some(Token { header: header.clone(), replace_from, expires: now + lasts }),
                    failed: None,
                };
                Ok(Bearer { header, fresh: true })
            }
            Err(problem) => {
                held.failed = Some((now, problem.clone()));
                Err(problem)
            }
        }
    }

    fn usable(&self, now: Instant) -> Option<Token> {
        self.lock().token.clone().filter(|token| now < token.expires)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
