//! A signed statement by which an application proves itself with its certificate (RFC 7523).

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use tokio_rustls::rustls;

use super::problem::TokenProblem;

/// How long a statement is good for, in seconds.
const LASTS: i64 = 600;
/// How much the clock of the other side may be behind ours, in seconds.
const BACK_DATED: i64 = 60;

/// How the statement is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256; the certificate is named by its SHA-1 thumbprint.
    Rs256,
    /// RSASSA-PSS with SHA-256; the certificate is named by its SHA-256 thumbprint.
    Ps256,
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
        }
    }

    fn encoding(self) -> &'static dyn RsaEncoding {
        match self {
            Self::Rs256 => &RSA_PKCS1_SHA256,
            Self::Ps256 => &RSA_PSS_SHA256,
        }
    }
}

/// A certificate with its key, ready to sign.
pub(super) struct Signer {
    key: KeyPair,
    header: String,
    algorithm: Algorithm,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

impl Signer {
    /// `certificate` and `key` are PEM text; both may stand in each.
    pub fn new(certificate: &str, key: &SecretString, algorithm: Algorithm) -> Result<Self, TokenProblem> {
        let bad = |problem: String| TokenProblem::Certificate(problem);
        let certificate = CertificateDer::from_pem_slice(certificate.as_bytes())
            .map_err(|error| bad(format!("the certificate is not PEM text ({error})")))?;
        let key = PrivateKeyDer::from_pem_slice(key.expose_secret().as_bytes()).map_err(|error| {
            bad(format!("the key is not PEM text ({error}); a protected one has to be decrypted first"))
        })?;
        let key = match &key {
            PrivateKeyDer::Pkcs8(der) => KeyPair::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => KeyPair::from_der(der.secret_pkcs1_der()),
            _ => return Err(bad("the key is not an RSA key, which Entra wants".to_owned())),
        };
        let key = key.map_err(|error| bad(format!("the key is not an RSA key that can be used ({error})")))?;
        let mut header = json!({ "alg": algorithm.name(), "typ": "JWT" });
        match algorithm {
            Algorithm::Rs256 => header["x5t"] = encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &certificate).as_ref()).into(),
            Algorithm::Ps256 => header["x5t#S256"] = encode(digest(&SHA256, &certificate).as_ref()).into(),
        }
        Ok(Self { key, header: header.to_string(), algorithm })
    }

    /// A statement that `client_id` is who asks `endpoint`, as a JSON Web Token.
    pub fn sign(&self, client_id: &str, endpoint: &str, now: Timestamp) -> Result<String, TokenProblem> {
        let now = now.as_second();
        let claims = json!({
            "aud": endpoint, "iss": client_id, "sub": client_id, "jti": uuid::Uuid::new_v4().to_string(),
            "nbf": now - BACK_DATED, "iat": now, "exp": now + LASTS,
        });
        let mut statement = format!("{}.{}", encode(self.header.as_bytes()), encode(claims.to_string().as_bytes()));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(self.algorithm.encoding(), &SystemRandom::new(), statement.as_bytes(), &mut signature)
            .map_err(|_| TokenProblem::Certificate("the key can't sign".to_owned()))?;
        statement.push('.');
        statement.push_str(&encode(&signature));
        Ok(statement)
    }
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
