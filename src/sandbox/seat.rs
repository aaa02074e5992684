//! A connection to the web site, and who is signed in on it: by Negotiate and NTLM a connection is, as in IIS, while
//! Basic and Bearer sign each request in.

use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::authentication::{Denied, SignIn};
use super::ews::Caller;
use super::iis;
use super::ntlm::{self, Bad, Challenge, Claim, EndPoint, Names};
use super::tokens::Tokens;

/// A way to sign in that EWS offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// NTLM within SPNEGO; the sandbox has no Kerberos.
    Negotiate,
    Ntlm,
    Basic,
    /// Tokens of the sandbox's own token endpoint.
    Bearer,
}

impl Scheme {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Negotiate => "Negotiate",
            Self::Ntlm => "NTLM",
            Self::Basic => "Basic",
            Self::Bearer => "Bearer",
        }
    }
}

/// A connection.
#[derive(Debug, Default)]
pub struct Seat {
    end_point: EndPoint,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    by: Option<Caller>,
    challenge: Option<Challenge>,
}

/// What becomes of a request at the door.
#[derive(Debug, PartialEq, Eq)]
pub enum Entry {
    /// Come in; with the token that goes with the answer, and whether the connection stays signed in.
    In {
        caller: Caller,
        token: Option<(Scheme, Vec<u8>)>,
        persistent: bool,
    },
    /// Another token is wanted.
    Further(Scheme, Vec<u8>),
    Out(Denied),
}

impl Seat {
    #[must_use]
    pub fn new(end_point: EndPoint) -> Self {
        Self { end_point, taken: Mutex::default() }
    }

    /// Looks at the header `Authorization` of a request.
    pub fn enter(&self, authorization: Option<&[u8]>, offers: &[Scheme], sign_in: &SignIn, tokens: &Tokens) -> Entry {
        let Some(header) = authorization else {
            return match self.lock().by.clone() {
                Some(caller) => Entry::In { caller, token: None, persistent: true },
                None => Entry::Out(Denied::NoCredentials),
            };
        };
        let text = std::str::from_utf8(header).unwrap_or_default().trim();
        let (name, credentials) = text.split_once(' ').unwrap_or((text, ""));
        let Some(scheme) = offers.iter().copied().find(|scheme| scheme.name().eq_ignore_ascii_case(name)) else {
            return Entry::Out(Denied::NoCredentials);
        };
        match scheme {
            Scheme::Basic => request_only(sign_in.check(Some(header))),
            Scheme::Bearer => request_only(tokens.check(credentials.trim()).ok_or(Denied::Wrong)),
            Scheme::Negotiate | Scheme::Ntlm => {
                // Whoever begins anew is a stranger again.
                let challenge = {
                    let mut taken = self.lock();
                    taken.by = None;
                    taken.challenge.take()
                };
                match STANDARD.decode(credentials.trim()) {
                    Ok(token) => self.step(scheme, &token, challenge, sign_in),
                    Err(_) => Entry::Out(Denied::NoCredentials),
                }
            }
        }
    }

    fn step(&self, scheme: Scheme, token: &[u8], challenge: Option<Challenge>, sign_in: &SignIn) -> Entry {
        let wrapped = ntlm::is_wrapped(token);
        let Some(message) = ntlm::within(token) else {
            // A ticket of Kerberos, or a list of mechanisms alone: NTLM it has to be.
            return if wrapped {
                Entry::Further(scheme, ntlm::wrapped(None))
            } else {
                Entry::Out(Denied::NoCredentials)
            };
        };
        match (ntlm::kind(message), challenge) {
            (Some(1), _) => {
                let (netbios, domain) = sign_in.domain();
                let names = Names { netbios, domain, machine: iis::MACHINE, host: iis::SERVER };
                let Ok(challenge) = Challenge::answering(message, names, rand::random(), filetime()) else {
                    return Entry::Out(Denied::NoCredentials);
                };
                let answer = challenge.message();
                let answer = if wrapped { ntlm::wrapped(Some(answer)) } else { answer.to_vec() };
                self.lock().challenge = Some(challenge);
                Entry::Further(scheme, answer)
            }
            (Some(3), Some(challenge)) => match self.known(message, &challenge, sign_in) {
                Ok(caller) => {
                    self.lock().by = Some(caller.clone());
                    let token = wrapped.then(|| (scheme, ntlm::completed()));
                    Entry::In { caller, token, persistent: true }
                }
                Err(denied) => Entry::Out(denied),
            },
            _ => Entry::Out(Denied::NoCredentials),
        }
    }

    fn known(&self, message: &[u8], challenge: &Challenge, sign_in: &SignIn) -> Result<Caller, Denied> {
        let refused = |bad: Bad| {
            tracing::debug!("NTLM refused by the sandbox: {bad:?}");
            Denied::Wrong
        };
        let claim = Claim::read(message).map_err(refused)?;
        sign_in
            .check_proof(&claim.name, |password| challenge.verify(&claim, password, &self.end_point).map_err(refused))
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn request_only(checked: Result<Caller, Denied>) -> Entry {
    match checked {
        Ok(caller) => Entry::In { caller, token: None, persistent: false },
        Err(denied) => Entry::Out(denied),
    }
}

/// Now, in tenths of microseconds since 1601.
fn filetime() -> u64 {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_nanos() / 100).unwrap_or(0) + 116_444_736_000_000_000
}
