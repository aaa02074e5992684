//! Who signs the requests in. Basic is here; schemes with a conversation (Negotiate: Kerberos, NTLM) plug in by the same
//! trait.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use reqwest::Url;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};

use crate::management::ManagementError;

/// A way to sign in to a server.
///
/// Every request makes an [`Attempt`] of its own. Requests of a session go one after the other over one connection that
/// is kept open, so that a scheme that signs a connection in may send nothing for a request on one that is signed in.
pub trait Authorise: Send + Sync {
    /// Begins to sign a request in at this address, which is always an encrypted one.
    fn attempt(&self, url: &Url) -> Box<dyn Attempt>;
}

/// The conversation by which one request is signed in.
pub trait Attempt: Send {
    /// The header `Authorization` for the request; none: it goes without.
    ///
    /// `offered` is empty at first. When the server answers 401, it is asked again with the values of the server's
    /// `WWW-Authenticate`, and the request is repeated with what it gives; none now means that there is nothing more to
    /// try. The error is a phrase.
    fn header<'a>(&'a mut self, offered: &'a [String]) -> BoxFuture<'a, Result<Option<HeaderValue>, String>>;
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
        Box::new(Once(Some(self.header.clone())))
    }
}

/// The same again would be refused again, and might lock the account.
struct Once(Option<HeaderValue>);

impl Attempt for Once {
    fn header<'a>(&'a mut self, _: &'a [String]) -> BoxFuture<'a, Result<Option<HeaderValue>, String>> {
        let header = self.0.take();
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
        let mut attempt = basic.attempt(&"https://exchange.corp.example/PowerShell/".parse().unwrap());
        let header = attempt.header(&[]).await.unwrap().unwrap();
        assert!(header.is_sensitive());
        assert_eq!(header.to_str().unwrap(), "Basic YWRtaW5AY29ycC5leGFtcGxlOmdlaGVpbQ==");
        assert_eq!(attempt.header(&["Basic realm=\"x\"".to_owned()]).await, Ok(None));
    }

    /// U11
    #[test]
    fn a_name_that_would_be_read_as_another_one_is_refused() {
        for name in ["", "a:b", "a\nb"] {
            assert_eq!(Basic::new(name, &"geheim".into()).err(), Some(ManagementError::Account), "{name:?}");
        }
    }
}
