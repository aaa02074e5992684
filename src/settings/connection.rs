//! Where Exchange is and who signs in there.

use serde::{Deserialize, Serialize};

use super::{SettingsProblem, wrong};

/// W1
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Environment {
    #[default]
    OnPremises,
    Hybrid,
}

/// How the updater reaches EWS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    /// Address of EWS, ending in `/EWS/Exchange.asmx` on every Exchange server.
    pub ews_url: String,
    /// Certificate authorities to trust beside the system's, as PEM text; for servers with an own CA.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extra_roots: Vec<String>,
    /// How Autodiscover led there, so that it can be asked again when the server is gone or a mailbox elsewhere; none: the
    /// administrator gave the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autodiscover: Option<AutodiscoverSettings>,
    /// Allow credentials over a connection that is not encrypted. Off unless the administrator says so (U11).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_unencrypted: bool,
    /// Ways to sign in with a password, the preferred first. The first of them that the server offers is taken (U11).
    #[serde(default = "usual_order", skip_serializing_if = "is_usual_order")]
    pub auth_order: Vec<AuthScheme>,
    /// Domain controller to ask for Kerberos tickets, `host` or `host:port`; none: the one that krb5.conf or DNS names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kdc: Option<String>,
    /// Sign in as the service itself, by Kerberos of the system and without a password: the account of the settings is
    /// then the one that the service runs as.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub as_service: bool,
    /// Sign in with a token of Microsoft Entra instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oauth: Option<OAuthSettings>,
}

/// A way to sign in with a user name and a password over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuthScheme {
    /// Kerberos; with [`Ntlm`](Self::Ntlm) in the order as well, NTLM where there is no Kerberos.
    Negotiate,
    Ntlm,
    Basic,
}

impl AuthScheme {
    /// The preferred first.
    pub const USUAL_ORDER: [Self; 3] = [Self::Negotiate, Self::Ntlm, Self::Basic];

    /// As it stands in the headers of HTTP.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Negotiate => "Negotiate",
            Self::Ntlm => "NTLM",
            Self::Basic => "Basic",
        }
    }
}

fn usual_order() -> Vec<AuthScheme> {
    AuthScheme::USUAL_ORDER.to_vec()
}

fn is_usual_order(order: &[AuthScheme]) -> bool {
    order == AuthScheme::USUAL_ORDER
}

/// Which tokens of Microsoft Entra to sign in with (OAuth 2.0). What is secret is kept apart, where the account's
/// password is: the client secret, the key of the certificate as PEM text, or the user's password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OAuthSettings {
    /// Tenant: its identifier or one of its domains.
    pub tenant: String,
    /// Application (client) identifier.
    pub client_id: String,
    pub grant: OAuthGrant,
    /// Where tokens are issued; the national clouds have others.
    #[serde(default = "usual_authority", skip_serializing_if = "is_usual_authority")]
    pub authority: String,
    /// What the token is to be good for.
    #[serde(default = "usual_scope", skip_serializing_if = "is_usual_scope")]
    pub scope: String,
    /// The certificate of the application as PEM text, with [`OAuthGrant::Certificate`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}

/// What a token is asked for with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OAuthGrant {
    /// The application signs in with a client secret.
    Secret,
    /// The application signs in with a certificate.
    Certificate,
    /// The account signs in with its password.
    Password,
}

fn usual_authority() -> String {
    "https://login.microsoftonline.com".to_owned()
}

fn is_usual_authority(authority: &str) -> bool {
    authority == usual_authority()
}

fn usual_scope() -> String {
    "https://outlook.office365.com/.default".to_owned()
}

fn is_usual_scope(scope: &str) -> bool {
    scope == usual_scope()
}

impl OAuthSettings {
    /// Tokens of the public cloud for Exchange Online.
    #[must_use]
    pub fn new(tenant: &str, client_id: &str, grant: OAuthGrant) -> Self {
        Self {
            tenant: tenant.to_owned(),
            client_id: client_id.to_owned(),
            grant,
            authority: usual_authority(),
            scope: usual_scope(),
            certificate: None,
        }
    }

    fn check(&self) -> Result<(), SettingsProblem> {
        let plain =
            |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
        if !plain(&self.tenant) {
            return Err(wrong("connection.oauth.tenant", "give the identifier of the tenant, or one of its domains"));
        }
        if self.client_id.is_empty() {
            return Err(wrong("connection.oauth.client_id", "give the identifier of the application"));
        }
        match reqwest::Url::parse(&self.authority) {
            Ok(url) if url.scheme() == "https" && url.has_host() => {}
            _ => return Err(wrong("connection.oauth.authority", "secrets go there: it has to begin with https://")),
        }
        if self.grant == OAuthGrant::Certificate && self.certificate.is_none() {
            return Err(wrong("connection.oauth.certificate", "it is missing; give it as PEM text"));
        }
        Ok(())
    }
}

/// What Autodiscover needs beside the address and the account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AutodiscoverSettings {
    /// Services that are asked first, as https addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    /// Hosts, and domains with all hosts in them, to which a redirection may lead.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trusted: Vec<String>,
}

impl AutodiscoverSettings {
    fn check(&self) -> Result<(), SettingsProblem> {
        let field = "connection.autodiscover.services";
        for service in &self.services {
            let url = reqwest::Url::parse(service)
                .map_err(|error| wrong(field, format!("{service:?} is not a web address: {error}")))?;
            if url.scheme() != "https" {
                return Err(wrong(field, format!("{service:?} is not encrypted; use https")));
            }
        }
        Ok(())
    }
}

impl Connection {
    /// A connection to a known address, with the system's certificate authorities.
    #[must_use]
    pub fn manual(ews_url: &str) -> Self {
        Self {
            ews_url: ews_url.to_owned(),
            extra_roots: Vec::new(),
            autodiscover: None,
            allow_unencrypted: false,
            auth_order: usual_order(),
            kdc: None,
            as_service: false,
            oauth: None,
        }
    }

    pub(super) fn check(&self) -> Result<(), SettingsProblem> {
        let url = reqwest::Url::parse(&self.ews_url).map_err(|error| {
            wrong("connection.ews_url", format!("{:?} is not a web address: {error}", self.ews_url))
        })?;
        match url.scheme() {
            "https" => Ok(()),
            "http" if self.allow_unencrypted => Ok(()),
            "http" => Err(wrong(
                "connection.ews_url",
                "http would send the password unencrypted; use https, or set connection.allow_unencrypted",
            )),
            other => Err(wrong("connection.ews_url", format!("{other} is not a way to reach EWS; use https"))),
        }?;
        if url.host_str().is_none_or(str::is_empty) {
            return Err(wrong("connection.ews_url", "it names no server"));
        }
        if let Some(autodiscover) = &self.autodiscover {
            autodiscover.check()?;
        }
        let twice = |(place, scheme)| self.auth_order[..place].contains(scheme);
        if self.auth_order.is_empty() || self.auth_order.iter().enumerate().any(twice) {
            return Err(wrong("connection.auth_order", "list negotiate, ntlm or basic, each at most once"));
        }
        if self.as_service && self.oauth.is_some() {
            return Err(wrong(
                "connection.as_service",
                "it can't be combined with connection.oauth; take one of both out",
            ));
        }
        self.oauth.as_ref().map_or(Ok(()), OAuthSettings::check)
    }
}

/// The service account that may impersonate mailboxes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// User principal name, `name@domain`.
    pub user: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// U11
    #[test]
    fn an_unencrypted_address_needs_the_administrators_word() {
        let mut connection = Connection::manual("http://mail/EWS/Exchange.asmx");
        assert!(connection.check().unwrap_err().to_string().contains("allow_unencrypted"));
        connection.allow_unencrypted = true;
        assert_eq!(connection.check(), Ok(()));
    }

    /// U11
    #[test]
    fn a_service_of_autodiscover_is_asked_over_https_only() {
        let with = |service: &str| Connection {
            autodiscover: Some(AutodiscoverSettings { services: vec![service.to_owned()], ..Default::default() }),
            ..Connection::manual("https://mail/EWS/Exchange.asmx")
        };
        assert_eq!(with("https://cas.corp.example/autodiscover/autodiscover.xml").check(), Ok(()));
        for bad in ["http://cas.corp.example/", "cas"] {
            assert!(with(bad).check().unwrap_err().to_string().contains("autodiscover.services"), "{bad}");
        }
    }

    #[test]
    fn what_is_not_a_web_address_is_refused() {
        for bad in ["", "mail", "ftp://mail/x", "https://"] {
            assert!(Connection::manual(bad).check().is_err(), "{bad:?}");
        }
    }

    /// U11
    #[test]
    fn a_file_that_knows_no_order_of_signing_in_has_the_usual_one() {
        let old: Connection = serde_json::from_str(r#"{"ews_url": "https://mail/EWS/Exchange.asmx"}"#).unwrap();
        assert_eq!(old.auth_order, AuthScheme::USUAL_ORDER);
        assert_eq!(serde_json::to_string(&old).unwrap(), r#"{"ews_url":"https://mail/EWS/Exchange.asmx"}"#);
        let own: Connection =
            serde_json::from_str(r#"{"ews_url": "https://mail/", "auth_order": ["ntlm", "basic"]}"#).unwrap();
        assert_eq!(own.auth_order, [AuthScheme::Ntlm, AuthScheme::Basic]);
    }

    /// U11
    #[test]
    fn an_order_names_each_way_at_most_once_and_at_least_one() {
        for bad in [vec![], vec![AuthScheme::Ntlm, AuthScheme::Ntlm]] {
            let connection = Connection { auth_order: bad, ..Connection::manual("https://mail/") };
            assert!(connection.check().unwrap_err().to_string().contains("auth_order"));
        }
    }

    /// U11
    #[test]
    fn the_service_signs_in_as_itself_or_with_tokens_and_not_both() {
        let mut connection = Connection { as_service: true, ..Connection::manual("https://mail/") };
        assert_eq!(connection.check(), Ok(()));
        connection.oauth = Some(OAuthSettings::new("corp.example", "7d3f", OAuthGrant::Secret));
        assert!(connection.check().unwrap_err().to_string().contains("as_service"));
    }

    /// U11
    #[test]
    fn secrets_are_never_sent_to_an_authority_without_tls() {
        let mut oauth = OAuthSettings::new("corp.example", "7d3f", OAuthGrant::Secret);
        assert_eq!(oauth.check(), Ok(()));
        for bad in ["http://login.example", "https://", "login.example", "file:///x"] {
            bad.clone_into(&mut oauth.authority);
            assert!(oauth.check().unwrap_err().to_string().contains("authority"), "{bad}");
        }
        oauth = OAuthSettings::new("a/../b", "7d3f", OAuthGrant::Secret);
        assert!(oauth.check().unwrap_err().to_string().contains("tenant"));
        oauth = OAuthSettings::new("corp.example", "7d3f", OAuthGrant::Certificate);
        assert!(oauth.check().unwrap_err().to_string().contains("certificate"));
    }
}
