//! Signing in to a service that asks for it: the way is chosen from what it offers, as it is for EWS.
//!
//! Whatever has to do with the password goes where [`Rule`](super::Rule) says. A token of Microsoft Entra is a key that
//! opens the door by itself, so it goes to fewer: to the servers that it was issued for, and to services that the
//! directory or the administrator named.

use reqwest::Url;
use reqwest::header::HeaderValue;
use secrecy::SecretString;

use crate::ews::auth::oauth::{self, OAuth, TokenProblem, Tokens};
use crate::ews::auth::{self, Identity, Offers, Who};
use crate::ews::client::{ClientError, Credentials};
use crate::ews::transport::once::As;
use crate::settings::AuthScheme;

/// Where Microsoft's clouds have their Autodiscover, beside the host that tokens are issued for.
const CLOUDS: [(&str, &str); 3] = [
    ("outlook.office365.com", "autodiscover-s.outlook.com"),
    ("outlook.office365.us", "autodiscover-s.office365.us"),
    ("partner.outlook.cn", "autodiscover-s.partner.outlook.cn"),
];

/// As whom services are asked.
pub(super) enum SignIn {
    Password { identity: Identity, basic: Option<HeaderValue>, order: Vec<AuthScheme>, kdc: Option<String> },
    LoggedOn,
    Tokens { tokens: Box<Tokens>, hosts: Vec<String> },
}

/// What goes with a request.
pub(super) enum Way {
    /// It signs the request in.
    Header(HeaderValue),
    /// The connection is signed in.
    Connection(As),
}

/// Why there is no way.
pub(super) enum NoWay {
    /// A phrase.
    Unfit(String),
    /// No token was given to the account.
    NoToken(TokenProblem),
}

impl SignIn {
    pub fn new(credentials: &Credentials) -> Result<Self, ClientError> {
        match credentials {
            Credentials::Basic { user, password } => Self::password(user, password, &[AuthScheme::Basic], None),
            Credentials::Password { user, password, order, kdc } => {
                Self::password(user, password, order, kdc.as_deref())
            }
            Credentials::LoggedOn => Ok(Self::LoggedOn),
            Credentials::OAuth(oauth) => Ok(Self::Tokens {
                hosts: good_for(oauth),
                tokens: Box::new(Tokens::new(Box::new(oauth::Endpoint::new(oauth)?))),
            }),
        }
    }

    fn password(
        user: &str,
        password: &SecretString,
        order: &[AuthScheme],
        kdc: Option<&str>,
    ) -> Result<Self, ClientError> {
        let basic = order.contains(&AuthScheme::Basic).then(|| auth::basic(user, password)).transpose()?;
        let identity = Identity::new(user, password.clone())?;
        Ok(Self::Password { identity, basic, order: order.to_vec(), kdc: kdc.map(str::to_owned) })
    }

    /// Hosts that may be asked because of what there is to sign in with.
    pub fn hosts(&self) -> &[String] {
        match self {
            Self::Tokens { hosts, .. } => hosts,
            Self::Password { .. } | Self::LoggedOn => &[],
        }
    }

    /// How to sign in to a service, reached by HTTPS, that offers this. `named`: by the directory or the administrator.
    pub async fn way(&self, service: &Url, offers: &Offers, named: bool) -> Result<Way, NoWay> {
        let choose = |order: &[AuthScheme]| {
            offers.choose(order, true).map_err(|why| {
                let offered = if offers.0.is_empty() { "nothing".to_owned() } else { offers.0.join(", ") };
                NoWay::Unfit(format!(
                    "offers {offered} to sign in by, and nothing of it can be used: {}",
                    why.join(", ")
                ))
            })
        };
        match self {
            Self::Password { identity, basic, order, kdc } => match (choose(order)?, basic) {
                (AuthScheme::Basic, Some(basic)) => Ok(Way::Header(basic.clone())),
                (scheme, _) => Ok(Way::Connection(As {
                    scheme,
                    who: Who::Account(identity.clone()),
                    ntlm: order.contains(&AuthScheme::Ntlm),
                    kdc: kdc.clone(),
                })),
            },
            Self::LoggedOn => {
                let scheme = choose(&[AuthScheme::Negotiate])?;
                Ok(Way::Connection(As { scheme, who: Who::LoggedOn, ntlm: false, kdc: None }))
            }
            Self::Tokens { tokens, hosts } => {
                let host = service.host_str().unwrap_or_default();
                if !named && !hosts.iter().any(|good| good.eq_ignore_ascii_case(host)) {
                    return Err(NoWay::Unfit(format!(
                        "asks to sign in; tokens are given only to {}, and to services that were named",
                        hosts.join(", ")
                    )));
                }
                let bearer = tokens.bearer().await.map_err(NoWay::NoToken)?;
                Ok(Way::Header(bearer.header))
            }
        }
    }
}

/// The hosts that a token is issued for.
fn good_for(oauth: &OAuth) -> Vec<String> {
    let host = Url::parse(&oauth.scope).ok().and_then(|scope| scope.host_str().map(str::to_owned));
    let cloud = CLOUDS.iter().find(|(issued_for, _)| host.as_deref() == Some(issued_for));
    host.clone().into_iter().chain(cloud.map(|(_, autodiscover)| (*autodiscover).to_owned())).collect()
}
