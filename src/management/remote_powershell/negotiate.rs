//! Signing in by Kerberos and NTLM, or with a name and password where the server takes nothing better.
//!
//! Exchange offers `Kerberos` for `/PowerShell/`: the tokens of Kerberos without SPNEGO around them. What a reverse proxy
//! or another web server in front of it offers is taken as well. Over a connection without TLS it is Kerberos or nothing,
//! because only that proves who the server is and encrypts the messages.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use reqwest::Url;
use reqwest::header::HeaderValue;
use secrecy::SecretString;

use super::authorise::{Attempt, Authorise, Cipher, Said};
use crate::ews::auth::{
    AnswerTo, Handshake, Identity, Kerberos, Mechanism, Offers, SignInProblem, TicketRefusal, Who, answer_to, basic,
    channel_bindings, ticket_refusal,
};
use crate::management::ManagementError;
use crate::settings::AuthScheme;

/// Signs in by the best of the ways that the server offers.
pub struct Negotiated {
    who: Who,
    basic: Option<HeaderValue>,
    kerberos: Arc<Kerberos>,
}

impl Negotiated {
    /// With a name and a password. `kdc` is the domain controller to ask for tickets, `host` or `host:port`; none: the
    /// one that krb5.conf or DNS names.
    ///
    /// # Errors
    /// When the name can't be used.
    pub fn new(user: &str, password: &SecretString, kdc: Option<String>) -> Result<Self, ManagementError> {
        let identity = Identity::new(user, password.clone()).map_err(|_| ManagementError::Account)?;
        let kerberos = Arc::new(Kerberos::new(identity.realm(), kdc));
        // A colon in the name rules out Basic alone.
        Ok(Self { basic: basic(user, password).ok(), who: Who::Account(identity), kerberos })
    }

    /// As the user or service that this program runs as.
    #[must_use]
    pub fn logged_on() -> Self {
        Self { who: Who::LoggedOn, basic: None, kerberos: Arc::new(Kerberos::new(None, None)) }
    }
}

impl Authorise for Negotiated {
    fn attempt(&self, url: &Url) -> Box<dyn Attempt> {
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        Box::new(Conversation {
            who: self.who.clone(),
            basic: self.basic.clone(),
            kerberos: self.kerberos.clone(),
            host: host.to_owned(),
            tls: url.scheme() == "https",
            stage: Stage::Start,
            forgot: false,
        })
    }

    fn encrypts(&self) -> bool {
        matches!(self.who, Who::Account(_))
    }
}

/// A scheme of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Kerberos,
    Negotiate,
    Ntlm,
    Basic,
}

impl Scheme {
    /// The best first.
    const ALL: [Self; 4] = [Self::Kerberos, Self::Negotiate, Self::Ntlm, Self::Basic];

    fn name(self) -> &'static str {
        match self {
            Self::Kerberos => "Kerberos",
            Self::Negotiate => "Negotiate",
            Self::Ntlm => "NTLM",
            Self::Basic => "Basic",
        }
    }
}

enum Stage {
    Start,
    /// A token is on its way.
    Under(Box<Under>),
    /// The connection or the request before was let in. With what encrypts messages, if there is no TLS.
    SignedIn(Option<Box<Under>>),
    Basic,
    /// There is nothing more to try: the same again would be refused again, and might lock the account.
    Spent,
}

struct Under {
    scheme: Scheme,
    handshake: Handshake,
    mechanism: Mechanism,
    /// The server has all it needs.
    last: bool,
}

struct Conversation {
    who: Who,
    basic: Option<HeaderValue>,
    kerberos: Arc<Kerberos>,
    host: String,
    tls: bool,
    stage: Stage,
    /// Tickets were forgotten once already.
    forgot: bool,
}

impl Attempt for Conversation {
    fn header<'a>(&'a mut self, said: Option<Said<'a>>) -> BoxFuture<'a, Result<Option<HeaderValue>, String>> {
        Box::pin(async move {
            let Some(said) = said else {
                return Ok(match &self.stage {
                    Stage::Basic => self.basic.clone(),
                    _ => None,
                });
            };
            match std::mem::replace(&mut self.stage, Stage::Spent) {
                // The server may have forgotten who this is.
                Stage::Start | Stage::SignedIn(_) => self.begin(said).await,
                Stage::Under(under) => self.go_on(*under, said).await,
                Stage::Basic | Stage::Spent => Ok(None),
            }
        })
    }

    fn let_in<'a>(&'a mut self, said: Said<'a>) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let Stage::Under(_) = &self.stage else { return Ok(()) };
            let Stage::Under(mut under) = std::mem::replace(&mut self.stage, Stage::SignedIn(None)) else {
                return Ok(());
            };
            let token = match answer_to(under.scheme.name(), said.headers) {
                AnswerTo::Token(token) => Some(token),
                _ => None,
            };
            if self.tls {
                // TLS has proven who the server is, and the request is carried out.
                if let Some(token) = token {
                    under.handshake.finish(token).await;
                }
                return Ok(());
            }
            let token = token.ok_or("the server does not prove who it is, so that nothing is sent to it")?;
            under.handshake.step(token).await.map_err(|problem| problem.to_string())?;
            self.stage = Stage::SignedIn(Some(under));
            Ok(())
        })
    }

    fn cipher(&mut self) -> Option<&mut dyn Cipher> {
        match &mut self.stage {
            Stage::SignedIn(Some(under)) => Some(under.as_mut()),
            _ => None,
        }
    }
}

impl Conversation {
    /// Takes the first of the ways that the server offers and that leads to a token.
    async fn begin(&mut self, said: Said<'_>) -> Result<Option<HeaderValue>, String> {
        let offers = Offers::of(said.headers);
        let mut why = Vec::new();
        for scheme in Scheme::ALL.into_iter().filter(|scheme| offers.has(scheme.name())) {
            if !self.tls && matches!(scheme, Scheme::Ntlm | Scheme::Basic) {
                why.push(format!("{} takes an encrypted connection", scheme.name()));
                continue;
            }
            if scheme == Scheme::Basic {
                let Some(basic) = self.basic.clone() else { continue };
                self.stage = Stage::Basic;
                return Ok(Some(basic));
            }
            match self.begin_by(scheme, said.certificate).await {
                Ok(header) => return Ok(Some(header)),
                // The password was refused: it is not shown to anybody else.
                Err(problem) if problem.is_about_the_account() => return Err(problem.to_string()),
                Err(problem) => why.push(format!("{} does not work ({problem})", scheme.name())),
            }
        }
        // Who asks then sees what is offered.
        if why.is_empty() { Ok(None) } else { Err(why.join(", ")) }
    }

    async fn begin_by(&mut self, scheme: Scheme, certificate: Option<&[u8]>) -> Result<HeaderValue, SignInProblem> {
        let bindings = certificate.and_then(channel_bindings);
        let (who, host, kerberos) = (&self.who, self.host.as_str(), &self.kerberos);
        let begun = match (scheme, who) {
            // Where messages have to be encrypted it is by Kerberos, which Negotiate takes as it is.
            (Scheme::Kerberos, Who::Account(identity)) => {
                Handshake::begin_kerberos(identity, host, bindings, kerberos).await
            }
            (Scheme::Negotiate, Who::Account(identity)) if !self.tls => {
                Handshake::begin_kerberos(identity, host, bindings, kerberos).await
            }
            (Scheme::Ntlm, _) => Handshake::begin(AuthScheme::Ntlm, false, who, host, bindings, kerberos).await,
            _ => {
                let ntlm = matches!(who, Who::Account(_));
                Handshake::begin(AuthScheme::Negotiate, ntlm, who, host, bindings, kerberos).await
            }
        };
        let mut handshake = begun?;
        let leg = handshake.step(Vec::new()).await?;
        let leg = leg.ok_or_else(|| SignInProblem::NoTicket("there is no token to begin with".to_owned()))?;
        let header = authorization(scheme, &leg.token)?;
        self.stage = Stage::Under(Box::new(Under { scheme, handshake, mechanism: leg.mechanism, last: leg.last }));
        Ok(header)
    }

    /// Answers the server's token.
    async fn go_on(&mut self, mut under: Under, said: Said<'_>) -> Result<Option<HeaderValue>, String> {
        let token = match answer_to(under.scheme.name(), said.headers) {
            AnswerTo::Token(token) => token,
            AnswerTo::Unreadable(problem) => return Err(format!("the server's token can't be read: {problem}")),
            AnswerTo::Anew | AnswerTo::Nothing => return self.refused(under, None, said).await,
        };
        // A ticket is answered with 401 when it is refused; the token beside it is an error of Kerberos.
        let ticket = ticket_refusal(&token).filter(|_| under.last && under.mechanism == Mechanism::Kerberos);
        let stepped = match under.handshake.step(token).await {
            Err(_) if under.last && under.mechanism == Mechanism::Kerberos => None,
            stepped => stepped.map_err(|problem| problem.to_string())?,
        };
        match stepped {
            None => self.refused(under, ticket, said).await,
            Some(leg) => {
                let header = authorization(under.scheme, &leg.token).map_err(|problem| problem.to_string())?;
                (under.mechanism, under.last) = (leg.mechanism, leg.last);
                self.stage = Stage::Under(Box::new(under));
                Ok(Some(header))
            }
        }
    }

    async fn refused(
        &mut self,
        under: Under,
        ticket: Option<TicketRefusal>,
        said: Said<'_>,
    ) -> Result<Option<HeaderValue>, String> {
        // Kept tickets may have become worthless: the server's key is another, or the clock was set.
        if under.mechanism == Mechanism::Kerberos && !self.forgot && self.kerberos.forget() {
            self.forgot = true;
            return self.begin(said).await;
        }
        if !under.last {
            return Err("the server gives no token in answer to ours".to_owned());
        }
        let scheme = match under.mechanism {
            Mechanism::Kerberos => AuthScheme::Negotiate,
            Mechanism::Ntlm => AuthScheme::Ntlm,
        };
        let problem = SignInProblem::Refused { scheme, bound: under.handshake.is_bound() };
        Err(match ticket {
            Some(ticket) => format!("{problem}; it gives a reason: {ticket}"),
            None => problem.to_string(),
        })
    }
}

impl Cipher for Under {
    fn protocol(&self) -> &'static str {
        match self.scheme {
            Scheme::Kerberos => "application/HTTP-Kerberos-session-encrypted",
            _ => "application/HTTP-SPNEGO-session-encrypted",
        }
    }

    fn seal(&mut self, message: &[u8]) -> Result<(Vec<u8>, Vec<u8>), String> {
        self.handshake.seal(message).map_err(|problem| problem.to_string())
    }

    fn open(&mut self, before: &[u8], message: &[u8]) -> Result<Vec<u8>, String> {
        self.handshake.open(before, message).map_err(|problem| problem.to_string())
    }
}

fn authorization(scheme: Scheme, token: &[u8]) -> Result<HeaderValue, SignInProblem> {
    let text = format!("{} {}", scheme.name(), STANDARD.encode(token));
    let mut value = HeaderValue::from_str(&text)
        .map_err(|error| SignInProblem::NotUnderstood { scheme: AuthScheme::Negotiate, problem: error.to_string() })?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

    use super::*;

    fn offers(values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(value));
        }
        headers
    }

    /// A name without a domain of DNS, so that nobody is asked for tickets.
    fn attempt(url: &str) -> Box<dyn Attempt> {
        let negotiated = Negotiated::new("NORDWIND\\svc", &"geheim".into(), None).unwrap();
        negotiated.attempt(&url.parse().unwrap())
    }

    async fn scheme(url: &str, values: &[&'static str]) -> Result<Option<String>, String> {
        let headers = offers(values);
        let mut attempt = attempt(url);
        assert_eq!(attempt.header(None).await, Ok(None), "nothing is sent before it is asked for");
        let header = attempt.header(Some(Said { headers: &headers, certificate: None })).await?;
        Ok(header.map(|header| header.to_str().unwrap().split(' ').next().unwrap().to_owned()))
    }

    /// U11
    #[tokio::test]
    async fn the_best_of_what_the_server_offers_is_taken() {
        let https = "https://ex.corp.example/PowerShell/";
        for (offered, taken) in [
            (&["Basic realm=\"x\"", "NTLM"][..], Some("NTLM")),
            (&["Negotiate", "Basic realm=\"x\""], Some("Negotiate")),
            // There is no ticket to be had here.
            (&["Kerberos", "Basic realm=\"x\""], Some("Basic")),
            (&["Bearer"], None),
            (&[], None),
        ] {
            assert_eq!(scheme(https, offered).await, Ok(taken.map(str::to_owned)), "{offered:?}");
        }
        let told = scheme(https, &["Kerberos"]).await.unwrap_err();
        assert!(told.starts_with("Kerberos does not work"), "{told}");
    }

    /// U11
    #[tokio::test]
    async fn over_a_connection_without_tls_it_is_kerberos_or_nothing() {
        let http = "http://ex.corp.example/PowerShell/";
        let told = scheme(http, &["NTLM", "Basic realm=\"x\"", "Negotiate"]).await.unwrap_err();
        assert!(told.contains("Negotiate does not work") && told.contains("Basic takes an encrypted"), "{told}");
    }

    /// U11
    #[tokio::test]
    async fn a_password_that_was_refused_is_not_sent_again() {
        let mut attempt = attempt("https://ex.corp.example/PowerShell/");
        let headers = offers(&["Basic realm=\"x\""]);
        let said = Said { headers: &headers, certificate: None };
        assert!(attempt.header(Some(said)).await.unwrap().unwrap().is_sensitive());
        assert_eq!(attempt.header(Some(said)).await, Ok(None));
        assert_eq!(attempt.header(None).await, Ok(None));
    }
}
