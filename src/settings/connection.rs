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
        Self { ews_url: ews_url.to_owned(), extra_roots: Vec::new(), autodiscover: None, allow_unencrypted: false }
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
        Ok(())
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
}
