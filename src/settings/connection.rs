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
    /// Allow credentials over a connection that is not encrypted. Off unless the administrator says so (U11).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_unencrypted: bool,
}

impl Connection {
    /// A connection to a known address, with the system's certificate authorities.
    #[must_use]
    pub fn manual(ews_url: &str) -> Self {
        Self { ews_url: ews_url.to_owned(), extra_roots: Vec::new(), allow_unencrypted: false }
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

    #[test]
    fn what_is_not_a_web_address_is_refused() {
        for bad in ["", "mail", "ftp://mail/x", "https://"] {
            assert!(Connection::manual(bad).check().is_err(), "{bad:?}");
        }
    }
}
