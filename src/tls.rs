//! What is trusted, and what is wrong with the encryption, or with a server's certificate, as the library that both clients use tells it. What
//! it means for the person in front stands where it is shown: an Exchange server and a domain controller are put right in
//! different ways.

use std::io;
use std::sync::Arc;

use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    self, CertificateError, ClientConfig, DigitallySignedStruct, InvalidMessage, RootCertStore, SignatureScheme,
};

/// Trusts the system's certificate authorities, and these.
pub(crate) fn client_config(extra_roots: Vec<CertificateDer<'static>>) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let system = rustls_platform_verifier::Verifier::new(provider.clone())?;
    let verifier: Arc<dyn ServerCertVerifier> = if extra_roots.is_empty() {
        Arc::new(system)
    } else {
        let mut roots = RootCertStore::empty();
        for root in extra_roots {
            roots.add(root)?;
        }
        let own = WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone())
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        Arc::new(OwnThenSystem { own, system })
    };
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth())
}

/// Authorities that were named to us, and those of the system. Not handed to the system together: how it deals with roots that
/// are not its own differs from one to the other, and some have no way at all.
#[derive(Debug)]
struct OwnThenSystem {
    own: Arc<WebPkiServerVerifier>,
    system: rustls_platform_verifier::Verifier,
}

impl ServerCertVerifier for OwnThenSystem {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let own = self.own.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let Err(refused) = own else { return own };
        self.system.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now).map_err(|error| {
            // Of an authority that was named to us, what is wrong with it says more than that the system knows no such one.
            match refused {
                rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => error,
                refused => refused,
            }
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.own.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.own.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.own.supported_verify_schemes()
    }
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
