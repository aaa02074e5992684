//! A directory as another program sees it: connections of ldap3's own, with nothing of ours between.

use std::sync::Arc;

use ldap3::{Ldap, LdapConnAsync, LdapConnSettings};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// TLS that trusts these certificates alone, PEM text.
pub fn trusting(roots: &str) -> Arc<ClientConfig> {
    let mut trusted = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(roots.as_bytes()) {
        trusted.add(certificate.unwrap()).unwrap();
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap();
    Arc::new(config.with_root_certificates(trusted).with_no_client_auth())
}

/// A connection on which nobody is signed in: encrypted from the start, by StartTLS, or not at all, as the address and
/// `start_tls` say.
pub async fn connect(url: &str, start_tls: bool, roots: &str) -> Ldap {
    let settings = LdapConnSettings::new().set_config(trusting(roots)).set_starttls(start_tls);
    let (connection, ldap) = LdapConnAsync::with_settings(settings, url).await.unwrap();
    ldap3::drive!(connection);
    ldap
}

/// An encrypted connection on which somebody is signed in by name and password.
pub async fn signed_in(url: &str, roots: &str, upn: &str, password: &str) -> Ldap {
    let mut ldap = connect(url, url.starts_with("ldap:"), roots).await;
    ldap.simple_bind(upn, password).await.unwrap().success().unwrap();
    ldap
}
