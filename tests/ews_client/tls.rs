//! TLS: whom we trust, and what is said when we don't (U11).

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use sent_items_update::ews::*;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::server::{Reply, Server, endpoint, mailbox_of};

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// What a server with a certificate for this name needs.
    fn server(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Arc<ServerConfig> {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key);
        Arc::new(config.unwrap())
    }
}

async fn get_folder(server: &Server, extra_roots: Vec<String>) -> Result<Folder, EwsError> {
    let url = format!("https://localhost:{}/EWS/Exchange.asmx", server.address.port()).parse().unwrap();
    let mailbox = mailbox_of(Endpoint { extra_roots, allow_unencrypted: false, ..endpoint(url) });
    mailbox.get_folder(&FolderId::SENT_ITEMS).await
}

/// The problem with such a server. Nothing reached it.
async fn problem(config: Arc<ServerConfig>, extra_roots: Vec<String>) -> (TlsProblem, String) {
    let server = Server::start_with_tls([Reply::recorded("get_folder")], config).await;
    let error = get_folder(&server, extra_roots).await.unwrap_err();
    assert!(server.requests().is_empty());
    assert_eq!((error.class(), error.may_have_taken_effect()), (ErrorClass::Hold, false));
    let text = error.to_string();
    match error {
        EwsError::Tls { problem, .. } => (problem, text),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_own_authority_is_trusted_when_it_is_given() {
    let authority = Authority::new();
    let server = Server::start_with_tls([Reply::recorded("get_folder")], authority.server("localhost", |_| {})).await;
    get_folder(&server, vec![authority.pem()]).await.unwrap();
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn certificates_that_can_not_be_trusted_are_explained() {
    let authority = Authority::new();
    let roots = || vec![authority.pem()];

    let (problem_of, text) = problem(authority.server("localhost", |_| {}), vec![Authority::new().pem()]).await;
    assert_eq!(problem_of, TlsProblem::UnknownIssuer);
    assert!(text.contains("connection.extra_roots"), "{text}");

    let (problem_of, text) = problem(authority.server("mail.nordwind.example", |_| {}), roots()).await;
    assert_eq!(problem_of, TlsProblem::WrongName(vec!["mail.nordwind.example".to_owned()]));
    assert!(text.contains("mail.nordwind.example") && text.contains("localhost"), "{text}");

    let expired = authority.server("localhost", |params| {
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
    });
    let (problem_of, text) = problem(expired, roots()).await;
    assert_eq!(problem_of, TlsProblem::Expired);
    assert!(text.contains("expired"), "{text}");

    let future = authority.server("localhost", |params| {
        params.not_before = date_time_ymd(2900, 1, 1);
        params.not_after = date_time_ymd(2901, 1, 1);
    });
    let (problem_of, text) = problem(future, roots()).await;
    assert_eq!(problem_of, TlsProblem::NotYetValid);
    assert!(text.contains("clock"), "{text}");
}

#[tokio::test]
async fn a_port_without_tls_is_said_to_be_one() {
    let authority = Authority::new();
    for raw in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b""] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut hello = [0; 1024];
            assert!(stream.read(&mut hello).await.unwrap() > 0);
            stream.write_all(raw).await.unwrap();
            stream.shutdown().await.unwrap();
        });
        let url = format!("https://localhost:{port}/EWS/Exchange.asmx").parse().unwrap();
        let mailbox = mailbox_of(Endpoint { extra_roots: vec![authority.pem()], ..endpoint(url) });
        let error = mailbox.get_folder(&FolderId::SENT_ITEMS).await.unwrap_err();
        let EwsError::Tls { problem, .. } = &error else { panic!("{error:?}") };
        match raw {
            b"" => assert!(matches!(problem, TlsProblem::NoAgreement(_)), "{error:?}"),
            _ => assert_eq!(*problem, TlsProblem::NotTls),
        }
        task.await.unwrap();
    }
}

/// U10
#[tokio::test]
async fn a_server_that_is_there_and_does_not_react_is_given_up_before_anything_was_sent() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/EWS/Exchange.asmx", listener.local_addr().unwrap().port()).parse().unwrap();
    let request_timeout = std::time::Duration::from_millis(400);
    let extra_roots = vec![Authority::new().pem()];
    let mailbox = mailbox_of(Endpoint { extra_roots, request_timeout, ..endpoint(url) });
    let error = mailbox.get_folder(&FolderId::SENT_ITEMS).await.unwrap_err();
    assert!(matches!(error, EwsError::Connect { problem: ConnectProblem::Timeout, .. }), "{error:?}");
    assert_eq!((error.class(), error.may_have_taken_effect()), (ErrorClass::Hold, false));
}
