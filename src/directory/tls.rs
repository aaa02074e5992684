//! How a controller proves who it is.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls;

use super::error::DirectoryError;
use crate::tls::{self, TlsProblem};

/// Trusts the system's certificate authorities, and these.
pub(super) fn config(extra_roots: &[String]) -> Result<Arc<ClientConfig>, DirectoryError> {
    let mut roots = Vec::new();
    for (index, pem) in extra_roots.iter().enumerate() {
        let number = index + 1;
        let unreadable = |why: String| {
            DirectoryError::Settings(format!(
                "the certificate authority no. {number} of directory.extra_roots can't be read: {why}"
            ))
        };
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            roots.push(certificate.map_err(|error| unreadable(error.to_string()))?);
        }
        if roots.len() == before {
            return Err(unreadable("it holds no certificate in PEM format".to_owned()));
        }
    }
    let unusable = |error: rustls::Error| {
        DirectoryError::Settings(format!("the certificate authorities to trust can't be used: {error}"))
    };
    let config = tls::client_config(roots).map_err(unusable)?;
    Ok(Arc::new(config))
}

impl TlsProblem {
    pub(super) fn meaning_of(&self, controller: &str) -> String {
        match self {
            Self::Expired => format!("the certificate of {controller} has expired"),
            Self::NotYetValid => format!("the certificate of {controller} is not valid yet"),
            Self::UnknownIssuer => {
                format!("the certificate of {controller} was issued by an authority that this machine does not trust")
            }
            Self::WrongName(names) if names.is_empty() => {
                format!("the certificate of {controller} is for another name")
            }
            Self::WrongName(names) => {
                format!("the certificate is not for {controller} but for {}", names.join(", "))
            }
            Self::Revoked => format!("the certificate of {controller} was revoked by its issuer"),
            Self::BadCertificate(why) => format!("the certificate of {controller} can't be used ({why})"),
            Self::NotTls => format!("what listens on {controller} does not speak TLS"),
            Self::NoAgreement(why) => {
                format!("{controller} and this machine could not agree on how to encrypt ({why})")
            }
            Self::Other(why) => format!("no encrypted connection to {controller} came about ({why})"),
        }
    }

    pub(super) fn advice(&self) -> String {
        match self {
            Self::Expired | Self::Revoked | Self::BadCertificate(_) => {
                "Renew the certificate on the domain controller.".to_owned()
            }
            Self::NotYetValid => "Check the clock of this machine and that of the domain controller.".to_owned(),
            Self::UnknownIssuer => "Install the certificate of that authority on this machine, or add it to \
                                    directory.extra_roots."
                .to_owned(),
            Self::WrongName(_) => {
                "Name the domain controller as it is named in its certificate, usually by its full DNS name.".to_owned()
            }
            Self::NotTls => "Check the port: LDAPS listens on 636; port 389 is ldap://.".to_owned(),
            Self::NoAgreement(_) | Self::Other(_) => {
                "Check that the domain controller has a certificate and offers TLS 1.2 or 1.3.".to_owned()
            }
        }
    }
}
