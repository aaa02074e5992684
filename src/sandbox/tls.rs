//! The certificate authority of the sandbox, and the certificate its HTTPS listener shows.
//!
//! The authority is made at the first start and kept in the sandbox's folder, so that a client that trusts it
//! goes on doing so after a restart. The listener's own certificate is made anew at each start.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use sha2::{Digest as _, Sha256};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

/// File with the authority's certificate, for clients to trust.
pub const CA_FILE: &str = "ca.pem";
const KEY_FILE: &str = "ca.key";

/// No certificate could be had.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("the sandbox's certificate authority in {} can't be kept there: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error(
        "the sandbox's certificate authority in {} can't be used: {source}; delete {CA_FILE} and {KEY_FILE} there, \
         and a new one is made at the next start",
        path.display()
    )]
    Authority { path: PathBuf, source: rcgen::Error },
    #[error("a certificate for the sandbox can't be made: {0}")]
    Certificate(#[from] rcgen::Error),
    #[error("the sandbox's TLS listener can't be set up: {0}")]
    Listener(#[from] rustls::Error),
}

/// The authority of one sandbox folder.
pub struct Authority {
    key: KeyPair,
    pem: String,
}

impl Authority {
    /// Reads the authority kept in `folder`, or makes one and keeps it there.
    pub fn open(folder: &Path) -> Result<Self, TlsError> {
        let at = |source| TlsError::Io { path: folder.to_owned(), source };
        let (certificate, key) = (folder.join(CA_FILE), folder.join(KEY_FILE));
        if certificate.exists() && key.exists() {
            let key = KeyPair::from_pem(&std::fs::read_to_string(&key).map_err(at)?)
                .map_err(|source| TlsError::Authority { path: folder.to_owned(), source })?;
            return Ok(Self { key, pem: std::fs::read_to_string(&certificate).map_err(at)? });
        }
        let made = KeyPair::generate()?;
        let pem = authority_params().self_signed(&made)?.pem();
        super::keep::write(&key, made.serialize_pem().as_bytes()).map_err(at)?;
        super::keep::write(&certificate, pem.as_bytes()).map_err(at)?;
        Ok(Self { key: made, pem })
    }

    /// The authority's certificate.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A TLS listener with a certificate for these DNS names and IP addresses, and the protocol that it offers.
    /// Beside it the digest of the certificate.
    pub fn acceptor(&self, names: &[String], protocol: Option<&[u8]>) -> Result<(TlsAcceptor, Vec<u8>), TlsError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, names.first().map_or("localhost", String::as_str));
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.insert_extended_key_usage(ExtendedKeyUsagePurpose::ServerAuth);
        let (from, to) = validity();
        (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 12, 31));
        let issuer = Issuer::new(authority_params(), &self.key);
        let certificate = params.signed_by(&key, &issuer)?;

        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        config.alpn_protocols = protocol.into_iter().map(<[u8]>::to_vec).collect();
        // It is signed with SHA-256.
        Ok((TlsAcceptor::from(Arc::new(config)), Sha256::digest(certificate.der()).to_vec()))
    }
}

/// The same at each start: the issuer's name and key identifier in the listener's certificate follow from it.
fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Nordwind (sandbox)");
    params.distinguished_name.push(DnType::CommonName, "Sent Items Update sandbox authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2120, 12, 31));
    params
}

/// First and last year in which the listener's certificate is valid; it is made anew at each start.
fn validity() -> (i32, i32) {
    let year = i32::from(jiff::Zoned::now().year());
    (year - 1, year + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// X1
    #[test]
    fn a_restart_keeps_the_authority() {
        let folder = tempfile::tempdir().unwrap();
        let first = Authority::open(folder.path()).unwrap();
        let second = Authority::open(folder.path()).unwrap();
        assert_eq!(first.pem(), second.pem());
        assert!(second.pem().starts_with("-----BEGIN CERTIFICATE-----"));
        assert_eq!(first.key.serialize_der(), second.key.serialize_der());
    }

    /// X1
    #[test]
    fn a_damaged_authority_says_which_files_to_delete() {
        let folder = tempfile::tempdir().unwrap();
        drop(Authority::open(folder.path()).unwrap());
        std::fs::write(folder.path().join(KEY_FILE), "not a key").unwrap();
        let error = Authority::open(folder.path()).err().unwrap().to_string();
        assert!(error.contains("ca.key") && error.contains(&folder.path().display().to_string()), "{error}");
    }
}
