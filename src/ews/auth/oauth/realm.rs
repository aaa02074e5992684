//! Who checks the passwords of an account (user realm discovery): Microsoft Entra itself, or somebody else.
//!
//! Nothing secret is sent. The answer of version 1.0 has the fields `account_type`, `federation_protocol` and
//! `federation_active_auth_url`; later versions say the same as `NameSpaceType` and `AuthURL`, which is understood too.

use reqwest::Url;
use serde::Deserialize;

use super::endpoint::{TIMEOUT, below, client, exchange, not_understood};
use super::problem::TokenProblem;
use crate::ews::client::ClientError;

/// Whose business an account's password is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Realm {
    /// Microsoft Entra checks it, or has agents on-premises check it.
    Managed,
    /// A federation service does, such as AD FS.
    Federated {
        /// Its host, where the answer names it.
        service: Option<String>,
    },
    /// No tenant has the domain.
    Unknown,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(alias = "NameSpaceType")]
    account_type: String,
    #[serde(default, alias = "AuthURL")]
    federation_active_auth_url: Option<String>,
}

/// Asks the authority about an account, by its user principal name.
///
/// # Errors
/// When the settings can't be used, or the authority gives no answer that makes sense.
pub(crate) async fn realm_of(authority: &str, upn: &str, extra_roots: &[String]) -> Result<Realm, ClientError> {
    let mut url = below(authority, &["common", "userrealm", upn]).map_err(ClientError::Token)?;
    url.set_query(Some("api-version=1.0"));
    let host = url.host_str().unwrap_or_default().to_owned();
    let request = client(extra_roots, TIMEOUT)?.get(url).header(reqwest::header::ACCEPT, "application/json");
    let (status, content) = exchange(&host, request).await.map_err(ClientError::Token)?;
    read(&host, status, &content).map_err(ClientError::Token)
}

fn read(host: &str, status: u16, content: &[u8]) -> Result<Realm, TokenProblem> {
    match status {
        200 => {}
        408 | 429 | 500..600 => return Err(TokenProblem::Busy { host: host.to_owned(), status }),
        _ => return Err(not_understood(host, &format!("HTTP status {status}"))),
    }
    let answer: Answer =
        serde_json::from_slice(content).map_err(|_| not_understood(host, "it does not say whose the account is"))?;
    match answer.account_type.to_ascii_lowercase().as_str() {
        "managed" => Ok(Realm::Managed),
        "federated" => {
            let service = answer.federation_active_auth_url.and_then(|url| Url::parse(&url).ok());
            Ok(Realm::Federated { service: service.and_then(|url| url.host_str().map(str::to_owned)) })
        }
        "unknown" => Ok(Realm::Unknown),
        _ => Err(not_understood(host, "it names a kind of account that is not known")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// W11
    #[test]
    fn both_forms_of_the_answer_are_understood() {
        let read = |text: &str| read("login.example", 200, text.as_bytes()).unwrap();
        let managed = r#"{"ver":"1.0","account_type":"Managed","domain_name":"corp.example",
            "cloud_instance_name":"microsoftonline.com","cloud_audience_urn":"urn:federation:MicrosoftOnline"}"#;
        assert_eq!(read(managed), Realm::Managed);
        let service = Some("sts.corp.example".to_owned());
        let federated = r#"{"ver":"1.0","account_type":"Federated","domain_name":"corp.example",
            "federation_protocol":"WSTrust","federation_metadata_url":"https://sts.corp.example/adfs/services/trust/mex",
            "federation_active_auth_url":"https://sts.corp.example/adfs/services/trust/2005/usernamemixed"}"#;
        assert_eq!(read(federated), Realm::Federated { service: service.clone() });
        let newer = r#"{"NameSpaceType":"Federated","AuthURL":"https://sts.corp.example/adfs/ls/?username=x"}"#;
        assert_eq!(read(newer), Realm::Federated { service });
        assert_eq!(read(r#"{"NameSpaceType":"Managed","AuthURL":null}"#), Realm::Managed);
        assert_eq!(read(r#"{"account_type":"Federated"}"#), Realm::Federated { service: None });
        assert_eq!(read(r#"{"ver":"1.0","account_type":"Unknown"}"#), Realm::Unknown);
    }

    /// W11: what makes no sense is not taken for a verdict.
    #[test]
    fn hostile_answers_are_told() {
        for (status, text) in [
            (200, ""),
            (200, "<html>"),
            (200, "{}"),
            (200, r#"{"account_type":"Guest"}"#),
            (200, r#"{"account_type":7}"#),
        ] {
            let error = read("login.example", status, text.as_bytes()).unwrap_err();
            assert!(matches!(&error, TokenProblem::NotUnderstood { host, .. } if host == "login.example"), "{text}");
        }
        let redirected = read("h", 302, br#"{"account_type":"Managed"}"#).unwrap_err();
        assert!(matches!(redirected, TokenProblem::NotUnderstood { .. }));
        assert!(matches!(read("h", 503, b"busy"), Err(TokenProblem::Busy { status: 503, .. })));
    }
}
