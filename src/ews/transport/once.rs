//! One request to a service beside EWS, over a connection that is signed in for it.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Response, Url};

use super::bound::Bound;
use super::connect::{Dialer, Lookup};
use super::root_certificates;
use crate::ews::auth::Who;
use crate::ews::client::ClientError;
use crate::ews::error::{At, EwsError};
use crate::ews::soap::body::{Piece, RequestBody};
use crate::settings::AuthScheme;

/// A service, and how to get to it.
pub struct Once<'a> {
    pub url: &'a Url,
    pub lookup: Lookup,
    /// Certificate authorities to trust beside the system's, as PEM text.
    pub extra_roots: &'a [String],
    pub connect_timeout: Duration,
}

/// As whom, and how.
pub struct As {
    pub scheme: AuthScheme,
    pub who: Who,
    /// Negotiate may go over to NTLM.
    pub ntlm: bool,
    pub kdc: Option<String>,
}

impl Once<'_> {
    /// With the answer comes what has to be kept until it was read.
    pub async fn post(
        self,
        sign_in: As,
        headers: &HeaderMap,
        body: String,
        at: &At,
    ) -> Result<Result<(Response, impl Send + use<>), EwsError>, ClientError> {
        let dialer = Dialer::new(self.url, root_certificates(self.extra_roots)?, self.connect_timeout)?;
        let dialer = dialer.looking_up(self.lookup);
        let bound = Bound::new(self.url, at.host(), dialer, sign_in.who, sign_in.ntlm, sign_in.kdc);
        let body = RequestBody::new(vec![Piece::Text(Bytes::from(body))]);
        Ok(bound.exchange(sign_in.scheme, headers, &body, at).await)
    }
}
