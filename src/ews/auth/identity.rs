//! The name of an account in the form that a scheme wants.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};

use crate::ews::client::ClientError;

/// An account with its password.
#[derive(Clone)]
pub struct Identity {
    /// A user principal name, or `DOMAIN\name`.
    pub user: String,
    pub password: SecretString,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Identity {
    /// # Errors
    /// When this can't be the name of an account.
    pub fn new(user: &str, password: SecretString) -> Result<Self, ClientError> {
        let bad = user.is_empty() || user.chars().any(char::is_control) || sspi::Username::parse(user).is_err();
        if bad { Err(ClientError::User(user.to_owned())) } else { Ok(Self { user: user.to_owned(), password }) }
    }

    /// The realm of Kerberos: the domain of the name, in upper case.
    pub(crate) fn realm(&self) -> Option<String> {
        let domain = match self.user.split_once('\\') {
            Some((domain, _)) => domain,
            None => self.user.rsplit_once('@')?.1,
        };
        (!domain.is_empty()).then(|| domain.to_uppercase())
    }

    pub(super) fn for_sspi(&self) -> Result<sspi::AuthIdentity, sspi::Error> {
        let username = sspi::Username::parse(&self.user)
            .map_err(|error| sspi::Error::new(sspi::ErrorKind::UnknownCredentials, error.to_string()))?;
        Ok(sspi::AuthIdentity { username, password: self.password.expose_secret().to_owned().into() })
    }
}

/// What stands in the header `Authorization` for Basic authentication (RFC 7617).
pub(crate) fn basic(user: &str, password: &SecretString) -> Result<HeaderValue, ClientError> {
    if user.is_empty() || user.contains(':') || user.chars().any(char::is_control) {
        return Err(ClientError::User(user.to_owned()));
    }
    let pair = STANDARD.encode(format!("{user}:{}", password.expose_secret()));
    // Base64 has no character that a header can't have.
    let Ok(mut basic) = HeaderValue::from_str(&format!("Basic {pair}")) else {
        return Err(ClientError::User(user.to_owned()));
    };
    basic.set_sensitive(true);
    Ok(basic)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// U11
    #[test]
    fn an_account_is_named_by_its_upn_or_with_its_domain() {
        let realm = |user: &str| Identity::new(user, "x".into()).unwrap().realm();
        assert_eq!(realm("svc@corp.example.test").as_deref(), Some("CORP.EXAMPLE.TEST"));
        assert_eq!(realm("CORP\\svc").as_deref(), Some("CORP"));
        assert_eq!(realm("svc"), None);
        for bad in ["", "a\nb", "a\\b\\c"] {
            assert!(Identity::new(bad, "x".into()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let identity = Identity::new("svc@corp.example", "Geheim".into()).unwrap();
        assert!(!format!("{identity:?}").contains("Geheim"));
        assert_eq!(format!("{:?}", basic("svc", &identity.password).unwrap()), "Sensitive");
    }
}
