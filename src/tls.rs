//! What is trusted, and what is wrong with the encryption, or with a server's certificate, as the library that both clients use tells it. What
//! it means for the person in front stands where it is shown: an Exchange server and a domain controller are put right in
//! different ways.

use std::io;
use std::sync::Arc;

use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{self, CertificateError, ClientConfig, InvalidMessage};

/// Trusts the system's certificate authorities, and these.
pub(crate) fn client_config(extra_roots: Vec<CertificateDer<'static>>) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(extra_roots, provider.clone())?;
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

/// What is wrong with the encryption or the server's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsProblem {
    Expired,
    NotYetValid,
    UnknownIssuer,
    /// The certificate is for other names; here as far as they are known.
    WrongName(Vec<String>),
    Revoked,
    /// Not meant for a server, or damaged, or signed in a way that is no longer accepted.
    BadCertificate(String),
    /// Something that speaks no TLS answers on this port.
    NotTls,
    /// No common version or cipher, or the server broke the handshake off.
    NoAgreement(String),
    Other(String),
}

impl TlsProblem {
    pub(crate) fn of(error: &rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidCertificate(certificate) => Self::of_certificate(certificate),
            rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => Self::NotTls,
            rustls::Error::PeerIncompatible(_) | rustls::Error::AlertReceived(_) => {
                Self::NoAgreement(error.to_string())
            }
            other => Self::Other(other.to_string()),
        }
    }

    /// What the error of a handshake means.
    pub(crate) fn of_handshake(error: &io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(error) => Self::of(error),
            // A server without a certificate takes the connection and drops it.
            None if broke(error) => Self::broken_off(),
            None => Self::Other(error.to_string()),
        }
    }

    pub(crate) fn broken_off() -> Self {
        Self::NoAgreement("the server broke the handshake off".to_owned())
    }

    fn of_certificate(error: &CertificateError) -> Self {
        match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::NotYetValid,
            // A bad signature is that of another authority with the name of one that is trusted.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::UnknownIssuer,
            CertificateError::NotValidForName => Self::WrongName(Vec::new()),
            CertificateError::NotValidForNameContext { presented, .. } => Self::WrongName(names(presented)),
            CertificateError::Revoked => Self::Revoked,
            other => Self::BadCertificate(other.to_string()),
        }
    }
}

/// The connection ended where it should not have.
pub(crate) fn broke(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
}

/// The first names of a certificate, without what rustls writes around them: `DnsName("mail.example.com")`.
fn names(presented: &[String]) -> Vec<String> {
    let plain = |name: &String| match name.split_once('"').and_then(|(_, rest)| rest.split_once('"')) {
        Some((name, _)) => name.to_owned(),
        None => name.clone(),
    };
    presented.iter().take(5).map(plain).collect()
}
