//! What Microsoft Entra has to say about accounts: whose they are (`/common/userrealm/{upn}`), and what a sign-in with a
//! password meets there.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::directory::folded;
use super::iis::{self, Answer};

/// What a sign-in with an account's password meets in the cloud.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CloudSignIn {
    /// The password opens.
    #[default]
    Password,
    /// The domain is federated: a federation service checks the password.
    Federated,
    /// The password is accepted, and a second proof wanted.
    MultiFactor,
    /// A Conditional Access policy forbids it.
    ConditionalAccess,
    /// The cloud has another password than the directory.
    OtherPassword,
}

/// Accounts for which it is not as usual, by folded UPN.
#[derive(Debug, Default)]
pub struct Entra {
    accounts: Mutex<BTreeMap<String, CloudSignIn>>,
}

const REALM: &str = "/common/userrealm/";

impl Entra {
    /// The account in the path of a question whose it is.
    #[must_use]
    pub fn account(path: &str) -> Option<String> {
        path.strip_prefix(REALM).filter(|account| !account.is_empty() && !account.contains('/')).and_then(decoded)
    }

    #[must_use]
    pub fn sign_in(&self, upn: &str) -> CloudSignIn {
        self.lock().get(&folded(upn)).copied().unwrap_or_default()
    }

    pub fn set_sign_in(&self, upn: &str, sign_in: CloudSignIn) {
        match sign_in {
            CloudSignIn::Password => self.lock().remove(&folded(upn)),
            other => self.lock().insert(folded(upn), other),
        };
    }

    /// All that is not as usual.
    #[must_use]
    pub fn list(&self) -> BTreeMap<String, CloudSignIn> {
        self.lock().clone()
    }

    pub fn restore(&self, accounts: BTreeMap<String, CloudSignIn>) {
        *self.lock() = accounts;
    }

    /// Whose an account is. Like the service, it answers about any name, whether there is such an account or not.
    #[must_use]
    pub fn realm(&self, account: &str, domains: &[String]) -> Answer {
        let domain = account.rsplit_once('@').map_or("", |(_, domain)| domain);
        let ours = domains.iter().find(|ours| ours.eq_ignore_ascii_case(domain));
        let content = match ours {
            None => json!({ "ver": "1.0", "account_type": "Unknown", "cloud_instance_name": CLOUD }),
            Some(domain) if self.sign_in(account) == CloudSignIn::Federated => federated(domain),
            Some(domain) => json!({
                "ver": "1.0",
                "account_type": "Managed",
                "domain_name": domain,
                "cloud_instance_name": CLOUD,
                "cloud_audience_urn": AUDIENCE,
            }),
        };
        iis::answer(StatusCode::OK, "application/json; charset=utf-8", content.to_string())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, CloudSignIn>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const CLOUD: &str = "microsoftonline.com";
const AUDIENCE: &str = "urn:federation:MicrosoftOnline";

fn federated(domain: &str) -> Value {
    let trust = format!("https://sts.{domain}/adfs/services/trust");
    json!({
        "ver": "1.0",
        "account_type": "Federated",
        "domain_name": domain,
        "federation_protocol": "WSTrust",
        "federation_metadata_url": format!("{trust}/mex"),
        "federation_active_auth_url": format!("{trust}/2005/usernamemixed"),
        "cloud_instance_name": CLOUD,
        "cloud_audience_urn": AUDIENCE,
    })
}

/// Undoes the encoding of a path's segment.
fn decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let (high, low) = (digit(rest.next())?, digit(rest.next())?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// X1
    #[test]
    fn an_account_stands_in_the_path_as_it_is_or_encoded() {
        for (path, account) in [
            ("/common/userrealm/anna@corp.example", Some("anna@corp.example")),
            ("/common/userrealm/anna%40corp.example", Some("anna@corp.example")),
            ("/common/userrealm/anna%4", None),
            ("/common/userrealm/anna%zz", None),
            ("/common/userrealm/", None),
            ("/common/userrealm/a/b", None),
            ("/common/oauth2/v2.0/token", None),
        ] {
            assert_eq!(Entra::account(path).as_deref(), account, "{path}");
        }
    }
}
