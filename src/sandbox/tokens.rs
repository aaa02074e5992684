//! The token endpoint that the sandbox has in place of Microsoft Entra: `/{tenant}/oauth2/v2.0/token`.
//!
//! Tokens mean nothing by themselves: the sandbox remembers whom it gave which. The application [`CLIENT_ID`] stands for
//! the service account, and its secret is that account's password. Accounts sign in with their passwords as this
//! application or as [`PUBLIC_CLIENT_ID`], which needs no secret.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hyper::StatusCode;
use rand::Rng as _;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::authentication::{Refused, SignIn};
use super::entra::{CloudSignIn, Entra};
use super::ews::Caller;
use super::iis::{self, Answer};

/// The application that is registered.
pub const CLIENT_ID: &str = "51de0000-0000-4000-8000-000000000001";
/// The application as which Exchange's PowerShell signs in; every tenant has it.
pub const PUBLIC_CLIENT_ID: &str = "fb78d390-0c51-40cd-8e17-fdbfab77341b";
/// How long a token lasts, unless the control interface says otherwise.
const LASTS: Duration = Duration::from_secs(3600);

/// Tokens that were issued.
#[derive(Debug)]
pub struct Tokens {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    lasts: Duration,
    issued: HashMap<String, (Caller, Instant)>,
}

impl Default for Tokens {
    fn default() -> Self {
        Self { inner: Mutex::new(Inner { lasts: LASTS, issued: HashMap::new() }) }
    }
}

/// A refusal: number, error of OAuth, sentence.
type Refusal = (u32, &'static str, &'static str);

const WRONG_PASSWORD: Refusal =
    (50126, "invalid_grant", "Error validating credentials due to invalid username or password.");
const NO_SECOND_FACTOR: Refusal = (
    50076,
    "invalid_grant",
    "Due to a configuration change made by your administrator, you must use multi-factor authentication.",
);
const FORBIDDEN_BY_POLICY: Refusal =
    (53003, "invalid_grant", "Access has been blocked by Conditional Access policies.");
const NO_SUCH_USER: Refusal = (50034, "invalid_grant", "The user account does not exist in the directory.");
const LOCKED: Refusal = (50053, "invalid_grant", "The account is locked, too many sign-ins failed.");
const PASSWORD_EXPIRED: Refusal = (50055, "invalid_grant", "The password is expired.");
const DISABLED: Refusal = (50057, "invalid_grant", "The user account is disabled.");
const WRONG_SECRET: Refusal = (7_000_215, "invalid_client", "Invalid client secret provided.");
const NO_SECRET: Refusal = (
    7_000_218,
    "invalid_client",
    "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
);
const WRONG_CERTIFICATE: Refusal =
    (700_027, "invalid_client", "The certificate with identifier used to sign the client assertion is not registered.");
const NO_SUCH_APPLICATION: Refusal = (700_016, "unauthorized_client", "Application was not found in the directory.");
const NO_SUCH_TENANT: Refusal = (90002, "invalid_request", "Tenant not found.");
const OTHER_GRANT: Refusal = (70003, "unsupported_grant_type", "The grant type is not supported.");

impl Tokens {
    /// Whom a token was given to.
    pub fn check(&self, token: &str) -> Option<Caller> {
        let inner = self.lock();
        let (caller, until) = inner.issued.get(token)?;
        (Instant::now() < *until).then(|| caller.clone())
    }

    /// How long tokens last that are issued from now on.
    pub fn set_lasts(&self, lasts: Duration) {
        self.lock().lasts = lasts;
    }

    /// None is good any more.
    pub fn revoke(&self) {
        self.lock().issued.clear();
    }

    /// The tenant in the path of a token endpoint.
    #[must_use]
    pub fn tenant(path: &str) -> Option<&str> {
        path.strip_prefix('/')?.strip_suffix("/oauth2/v2.0/token").filter(|tenant| !tenant.contains('/'))
    }

    /// Answers a request for a token. `account` is the one that the application stands for.
    pub fn answer(
        &self,
        tenant: &str,
        body: &[u8],
        domains: &[String],
        account: &str,
        sign_in: &SignIn,
        entra: &Entra,
    ) -> Answer {
        let form: HashMap<String, String> = form_of(body).into_iter().collect();
        match Self::judged(tenant, &form, domains, account, sign_in, entra) {
            Err(refusal) => refused(refusal),
            Ok(caller) => {
                let token: String =
                    rand::rng().sample_iter(rand::distr::Alphanumeric).take(48).map(char::from).collect();
                let mut inner = self.lock();
                let lasts = inner.lasts;
                let now = Instant::now();
                inner.issued.retain(|_, (_, until)| now < *until);
                inner.issued.insert(token.clone(), (caller, now + lasts));
                json_answer(
                    StatusCode::OK,
                    &json!({ "token_type": "Bearer", "expires_in": lasts.as_secs(), "access_token": token }),
                )
            }
        }
    }

    fn judged(
        tenant: &str,
        form: &HashMap<String, String>,
        domains: &[String],
        account: &str,
        sign_in: &SignIn,
        entra: &Entra,
    ) -> Result<Caller, Refusal> {
        let value = |name: &str| form.get(name).map(String::as_str);
        if !domains.iter().any(|domain| domain.eq_ignore_ascii_case(tenant)) {
            return Err(NO_SUCH_TENANT);
        }
        let public = match value("client_id") {
            Some(CLIENT_ID) => false,
            Some(PUBLIC_CLIENT_ID) => true,
            _ => return Err(NO_SUCH_APPLICATION),
        };
        match value("grant_type") {
            Some("client_credentials") if public => Err(OTHER_GRANT),
            Some("client_credentials") => match (value("client_secret"), value("client_assertion")) {
                (None, None) => Err(NO_SECRET),
                (None, Some(_)) => Err(WRONG_CERTIFICATE),
                (Some(secret), _) if secret != sign_in.password(account).expose_secret() => Err(WRONG_SECRET),
                (Some(_), _) => Ok(Caller { upn: account.to_owned() }),
            },
            Some("password") => {
                let person = sign_in.account(value("username").unwrap_or_default()).ok_or(NO_SUCH_USER)?;
                match sign_in.verify(&person, value("password").unwrap_or_default()) {
                    Ok(()) => match entra.sign_in(&person.upn) {
                        CloudSignIn::Password => Ok(Caller { upn: person.upn.clone() }),
                        CloudSignIn::Federated | CloudSignIn::OtherPassword => Err(WRONG_PASSWORD),
                        CloudSignIn::MultiFactor => Err(NO_SECOND_FACTOR),
                        CloudSignIn::ConditionalAccess => Err(FORBIDDEN_BY_POLICY),
                    },
                    Err(Refused::Wrong) => Err(WRONG_PASSWORD),
                    Err(Refused::Locked) => Err(LOCKED),
                    Err(Refused::Disabled | Refused::AccountExpired) => Err(DISABLED),
                    Err(Refused::MustChange | Refused::PasswordExpired) => Err(PASSWORD_EXPIRED),
                }
            }
            _ => Err(OTHER_GRANT),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The refusal that a fault rule wants: a number, with or without `AADSTS` before it.
#[must_use]
pub fn on_demand(code: &str, message: Option<&str>) -> Answer {
    let number = code.trim_start_matches("AADSTS").parse().unwrap_or(0);
    let message = message.unwrap_or("The sandbox was told to refuse.");
    json_answer(StatusCode::BAD_REQUEST, &refusal_json(number, "invalid_grant", message))
}

fn refused((number, error, sentence): Refusal) -> Answer {
    let status = if error == "invalid_client" { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
    json_answer(status, &refusal_json(number, error, sentence))
}

fn refusal_json(number: u32, error: &str, sentence: &str) -> serde_json::Value {
    let id = "00000000-0000-0000-0000-000000000000";
    json!({
        "error": error,
        "error_description": format!("AADSTS{number}: {sentence} Trace ID: {id} Correlation ID: {id}"),
        "error_codes": [number],
    })
}

fn json_answer(status: StatusCode, content: &serde_json::Value) -> Answer {
    iis::answer(status, "application/json; charset=utf-8", content.to_string())
}

/// Reads a form as browsers send it.
fn form_of(body: &[u8]) -> Vec<(String, String)> {
    let text = std::str::from_utf8(body).unwrap_or_default();
    let url = reqwest::Url::parse(&format!("form:?{text}"));
    url.map_or_else(|_| Vec::new(), |url| url.query_pairs().into_owned().collect())
}
