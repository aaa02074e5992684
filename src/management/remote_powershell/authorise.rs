//! Who signs the requests in. Basic is here; schemes with a conversation are in [`negotiate`](super::negotiate).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

use crate::management::ManagementError;

/// A way to sign in to a server.
pub trait Authorise: Send + Sync {
    /// Begins to sign in to the server at this address, for one session. Its requests go one after the other over one
    /// connection that is kept open, so that a scheme may sign the connection in, and send nothing for a request on one
    /// that is signed in.
    fn attempt(&self, url: &Url) -> Box<dyn Attempt>;

    /// Whether messages can be encrypted by what is agreed upon while signing in. Without that, nothing is sent over a
    /// connection without TLS.
    fn encrypts(&self) -> bool {
        false
    }
}

/// A server's answer, without its body.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    pub headers: &'a HeaderMap,
    /// The certificate that the server showed, as DER.
    pub certificate: Option<&'a [u8]>,
}

/// The conversation by which a session is signed in.
pub trait Attempt: Send {
    /// The header `Authorization` for the request; none: it goes without.
    ///
    /// A request begins without anything said. When the server answers 401, it is asked again with that answer, and the
    /// request is repeated with what it gives; none now means that there is nothing more to try. The error is a phrase.
    fn header<'a>(&'a mut self, said: Option<Said<'a>>) -> BoxFuture<'a, Result<Option<HeaderValue>, String>>;

    /// The server let the request in, with this answer.
    fn let_in<'a>(&'a mut self, said: Said<'a>) -> BoxFuture<'a, Result<(), String>> {
        let _ = said;
        Box::pin(async { Ok(()) })
    }

    /// Encrypts messages, once that is agreed upon.
    fn cipher(&mut self) -> Option<&mut dyn Cipher> {
        None
    }
}

/// Encrypts the messages of one session.
pub trait Cipher: Send {
    /// How it is called where a message is announced.
    fn protocol(&self) -> &'static str;

    /// What goes before an encrypted message, and the message.
    fn seal(&mut self, message: &[u8]) -> Result<(Vec<u8>, Vec<u8>), String>;

    fn open(&mut self, before: &[u8], message: &[u8]) -> Result<Vec<u8>, String>;
}

/// A name and a password with every request.
pub struct Basic {
    header: HeaderValue,
}

impl Basic {
    /// # Errors
    /// When the name can't be used with Basic.
    pub fn new(user: &str, password: &SecretString) -> Result<Self, ManagementError> {
        if user.is_empty() || user.contains(':') || user.chars().any(char::is_control) {
            return Err(ManagementError::Account);
        }
        let pair = STANDARD.encode(format!("{user}:{}", password.expose_secret()));
        let mut header = HeaderValue::from_str(&format!("Basic {pair}")).map_err(|_| ManagementError::Account)?;
        header.set_sensitive(true);
        Ok(Self { header })
    }
}

impl Authorise for Basic {
    fn attempt(&self, _: &Url) -> Box<dyn Attempt> {
        Box::new(Once { header: self.header.clone(), refused: false })
    }
}

/// The same again would be refused again, and might lock the account.
struct Once {
    header: HeaderValue,
    refused: bool,
}

impl Attempt for Once {
    fn header<'a>(&'a mut self, said: Option<Said<'a>>) -> BoxFuture<'a, Result<Option<HeaderValue>, String>> {
        self.refused |= said.is_some();
        let header = (!self.refused).then(|| self.header.clone());
        Box::pin(async move { Ok(header) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// U11
    #[tokio::test]
    async fn a_password_that_was_refused_is_not_sent_again() {
        let basic = Basic::new("admin@corp.example", &"geheim".into()).unwrap();
        assert!(!basic.encrypts());
        let mut attempt = basic.attempt(&"https://exchange.corp.example/PowerShell/".parse().unwrap());
        for _ in 0..2 {
            let header = attempt.header(None).await.unwrap().unwrap();
            assert!(header.is_sensitive());
            assert_eq!(header.to_str().unwrap(), "Basic YWRtaW5AY29ycC5leGFtcGxlOmdlaGVpbQ==");
        }
        let headers = HeaderMap::new();
        assert_eq!(attempt.header(Some(Said { headers: &headers, certificate: None })).await, Ok(None));
        assert_eq!(attempt.header(None).await, Ok(None));
    }

    /// U11
    #[test]
    fn a_name_that_would_be_read_as_another_one_is_refused() {
        for name in ["", "a:b", "a\nb"] {
            assert_eq!(Basic::new(name, &"geheim".into()).err(), Some(ManagementError::Account), "{name:?}");
        }
    }
}
