//! Signing in: which way, and with what (U11).
//!
//! ```text
//! offer      what the server offers, and which of it suits an order of preference
//! identity   the name of an account in the form that a scheme wants
//! handshake  the tokens of Negotiate and NTLM, by the crate sspi
//! kdc        Kerberos' servers: asking them, what they refuse, tickets kept for the next connection
//! binding    what ties a sign-in to the TLS connection it goes over (Extended Protection)
//! ticket     what a server says of a ticket that it refuses
//! ap_options how Kerberos says that it does, where sspi says it wrongly
//! oauth/     tokens of Microsoft Entra
//! ```
//!
//! Negotiate and NTLM sign a *connection* in, not a request; the connections for that are in
//! [`transport`](super::transport).

mod ap_options;
mod binding;
mod der;
mod explain;
mod handshake;
mod identity;
mod kdc;
pub mod oauth;
mod offer;
mod problem;
#[cfg(test)]
mod tests;
mod ticket;

pub(crate) use binding::channel_bindings;
pub(super) use explain::explain;
pub(crate) use handshake::{Handshake, Mechanism, Who};
pub use identity::Identity;
pub(crate) use identity::basic;
pub(crate) use kdc::Kerberos;
pub(crate) use offer::{AnswerTo, Offers, answer_to};
pub use problem::{KerberosRefusal, SignInProblem, TicketRefusal};
pub(crate) use ticket::refusal as ticket_refusal;

use secrecy::SecretString;

use super::client::Credentials;
use crate::settings::{Connection, OAuthGrant};

/// The credentials that settings mean. `secret` is what is kept apart from them: the account's password, the client
/// secret, or the key of a certificate.
#[must_use]
pub fn credentials(connection: &Connection, user: &str, secret: SecretString) -> Credentials {
    if connection.as_service {
        return Credentials::LoggedOn;
    }
    let Some(oauth) = &connection.oauth else {
        return Credentials::Password {
            user: user.to_owned(),
            password: secret,
            order: connection.auth_order.clone(),
            kdc: connection.kdc.clone(),
        };
    };
    let grant = match oauth.grant {
        OAuthGrant::Secret => oauth::Grant::Secret(secret),
        OAuthGrant::Certificate => oauth::Grant::Certificate {
            certificate: oauth.certificate.clone().unwrap_or_default(),
            key: secret,
            algorithm: oauth::Algorithm::Ps256,
        },
        OAuthGrant::Password => oauth::Grant::Password { user: user.to_owned(), password: secret, client_secret: None },
    };
    Credentials::OAuth(oauth::OAuth {
        authority: oauth.authority.clone(),
        tenant: oauth.tenant.clone(),
        client_id: oauth.client_id.clone(),
        scope: oauth.scope.clone(),
        grant,
        extra_roots: connection.extra_roots.clone(),
    })
}
