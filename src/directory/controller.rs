//! Where a domain controller listens, and which ways lead there safely.

use std::fmt;

use super::error::DirectoryError;

/// A domain controller as the settings or DNS name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Controller {
    pub host: String,
    pub port: Option<u16>,
    pub scheme: Option<Scheme>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    /// `ldap://`: StartTLS
    Ldap,
    /// `ldaps://`
    Ldaps,
}

/// How a connection is kept from being read and changed on the way. There is no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protection {
    /// LDAPS
    Tls,
    StartTls,
    /// Kerberos encrypts what follows the sign-in, which itself gives nothing away.
    Kerberos,
}

impl Controller {
    /// `name`, `name:port`, `ldaps://name:port` or `ldap://name:port`.
    pub fn parse(text: &str) -> Result<Self, DirectoryError> {
        let bad = || {
            DirectoryError::Settings(format!(
                "{text:?} does not name a domain controller; examples are dc1.corp.example.com and \
                 ldaps://dc1.corp.example.com:636"
            ))
        };
        let (scheme, rest) = match text.trim().split_once("://") {
            None => (None, text.trim()),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("ldap") => (Some(Scheme::Ldap), rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("ldaps") => (Some(Scheme::Ldaps), rest),
            Some(_) => return Err(bad()),
        };
        let rest = rest.trim_end_matches('/');
        let (host, port) = match rest.rsplit_once(':') {
            // An IPv6 address in brackets has colons of its own.
            Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().map_err(|_| bad())?)),
            _ => (rest, None),
        };
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let address = host.starts_with('[') && name.parse::<std::net::Ipv6Addr>().is_ok();
        let odd = |c: char| !(c.is_alphanumeric() || matches!(c, '-' | '.' | '_'));
        if name.is_empty() || port == Some(0) || !address && host.contains(odd) {
            return Err(bad());
        }
        Ok(Self { host: name.trim_end_matches('.').to_owned(), port, scheme })
    }

    /// The ways to try, in this order. `logged_on`: signing in by Kerberos, which needs no certificate.
    pub fn ways(&self, logged_on: bool) -> Vec<(Protection, u16)> {
        let port = |usual: u16| self.port.unwrap_or(usual);
        match (self.scheme, self.port) {
            (Some(Scheme::Ldaps), _) => vec![(Protection::Tls, port(636))],
            (Some(Scheme::Ldap), _) => vec![(Protection::StartTls, port(389))],
            // LDAP and the global catalogue
            (None, None | Some(389 | 3268)) if logged_on => vec![(Protection::Kerberos, port(389))],
            (None, Some(port @ (389 | 3268))) => vec![(Protection::StartTls, port)],
            (None, Some(port)) => vec![(Protection::Tls, port)],
            (None, None) => vec![(Protection::Tls, 636), (Protection::StartTls, 389)],
        }
    }
}

impl fmt::Display for Controller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_controller_is_named_with_or_without_scheme_and_port() {
        let read = |text: &str| Controller::parse(text).map(|c| (c.host, c.port, c.scheme));
        assert_eq!(read("dc1.corp.test").unwrap(), ("dc1.corp.test".to_owned(), None, None));
        assert_eq!(read(" dc1:3269 ").unwrap(), ("dc1".to_owned(), Some(3269), None));
        assert_eq!(read("LDAPS://dc1:6360/").unwrap(), ("dc1".to_owned(), Some(6360), Some(Scheme::Ldaps)));
        assert_eq!(read("ldap://127.0.0.10").unwrap(), ("127.0.0.10".to_owned(), None, Some(Scheme::Ldap)));
        assert_eq!(read("[::1]:636").unwrap(), ("::1".to_owned(), Some(636), None));
        for bad in
            ["", "ldap://", "http://dc1", "dc1:", "dc1:0", "dc1:70000", "a b", "dc1/x", "u@dc1", "::1", "dc\u{1}"]
        {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }

    /// A password never goes over a connection that is not encrypted.
    #[test]
    fn every_way_for_a_password_is_tls() {
        for text in ["dc", "dc:389", "dc:3268", "dc:636", "ldap://dc", "ldap://dc:1389", "ldaps://dc"] {
            for (protection, _) in Controller::parse(text).unwrap().ways(false) {
                assert!(matches!(protection, Protection::Tls | Protection::StartTls), "{text}");
            }
        }
        assert_eq!(Controller::parse("dc").unwrap().ways(true), [(Protection::Kerberos, 389)]);
    }
}
