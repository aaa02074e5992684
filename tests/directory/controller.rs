//! A controller that does as it is told, over TLS with a certificate as wanted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{SinkExt as _, StreamExt as _};
use ldap3_proto::LdapCodec;
use ldap3_proto::proto::{
    LdapBindResponse, LdapMsg, LdapOp, LdapPartialAttribute, LdapResult, LdapResultCode, LdapSearchResultEntry,
};
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_util::codec::Framed;

/// How it behaves once somebody has signed in and asked who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Answers with one user, on one page.
    Serves,
    /// Takes a question and never answers.
    Hangs,
    /// Closes the connection at the first question, and serves on the connections after it.
    ClosesOnce,
    /// Answers with this result.
    Says(i32),
    /// Answers with bytes that are no LDAP.
    Babbles,
    /// Says who it is, but is of another domain.
    OfOther,
    /// Refuses every sign-in like this: `data 52e`.
    Refuses(&'static str),
    /// Says nothing at all, not even for TLS.
    Silent,
}

pub struct Controller {
    pub address: String,
    /// Binds that it saw.
    pub binds: Arc<AtomicUsize>,
    /// Questions that it saw after that of who it is.
    pub questions: Arc<AtomicUsize>,
    /// Questions that nobody waited for any more.
    pub abandoned: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An authority for certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(rcgen::DnType::CommonName, uuid::Uuid::new_v4().to_string());
        Self(CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for this name or address, changed as wanted.
    pub fn certificate(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        change(&mut parameters);
        let certificate = parameters.signed_by(&key, &self.0).unwrap();
        let chain = vec![CertificateDer::from(certificate.der().to_vec())];
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key);
        Arc::new(config.unwrap())
    }
}

impl Controller {
    pub async fn start(tls: Arc<ServerConfig>, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("ldaps://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let [binds, questions, abandoned] = [(); 3].map(|()| Arc::<AtomicUsize>::default());
        let counts = (binds.clone(), questions.clone(), abandoned.clone());
        let task = tokio::spawn(async move {
            let acceptor = TlsAcceptor::from(tls);
            let mut silent = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                if manner == Manner::Silent {
                    silent.push(stream);
                    continue;
                }
                let (acceptor, counts) = (acceptor.clone(), counts.clone());
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        converse(stream, manner, &counts.0, &counts.1, &counts.2).await;
                    }
                });
            }
        });
        Self { address, binds, questions, abandoned, task }
    }

    pub fn bound(&self) -> usize {
        self.binds.load(Ordering::SeqCst)
    }

    pub fn asked(&self) -> usize {
        self.questions.load(Ordering::SeqCst)
    }
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    manner: Manner,
    binds: &AtomicUsize,
    questions: &AtomicUsize,
    abandoned: &AtomicUsize,
) {
    let mut ldap = Framed::new(stream, LdapCodec::default());
    while let Some(Ok(message)) = ldap.next().await {
        let id = message.msgid;
        match message.op {
            LdapOp::BindRequest(_) => {
                binds.fetch_add(1, Ordering::SeqCst);
                let res = match manner {
                    Manner::Refuses(said) => result(49, &format!("80090308: LdapErr: DSID-0, comment: x, {said}, v1")),
                    _ => result(0, ""),
                };
                let _ =
                    ldap.send(LdapMsg::new(id, LdapOp::BindResponse(LdapBindResponse { res, saslcreds: None }))).await;
            }
            LdapOp::SearchRequest(search) if search.base.is_empty() => {
                let domain = if manner == Manner::OfOther { "DC=other,DC=test" } else { "DC=corp,DC=test" };
                let root = entry("", &[("defaultNamingContext", domain), ("schemaNamingContext", "CN=Schema")]);
                let _ = ldap.send(LdapMsg::new(id, root)).await;
                done(&mut ldap, id, 0).await;
            }
            LdapOp::SearchRequest(_) => {
                let number = questions.fetch_add(1, Ordering::SeqCst);
                match manner {
                    Manner::Hangs => {}
                    Manner::ClosesOnce if number == 0 => return,
                    Manner::Says(code) => done(&mut ldap, id, code).await,
                    Manner::Babbles => {
                        let _ = ldap.get_mut().write_all(b"\x30\x03\x02\x01\x05HTTP").await;
                    }
                    _ => {
                        let user = [("objectClass", "user"), ("cn", "Una"), ("objectGUID", "0123456789abcdef")];
                        let _ = ldap.send(LdapMsg::new(id, entry("CN=Una,DC=corp,DC=test", &user))).await;
                        done(&mut ldap, id, 0).await;
                    }
                }
            }
            LdapOp::AbandonRequest(_) => drop(abandoned.fetch_add(1, Ordering::SeqCst)),
            _ => {}
        }
    }
}

async fn done<S: AsyncRead + AsyncWrite + Unpin>(ldap: &mut Framed<S, LdapCodec>, id: i32, code: i32) {
    let _ = ldap.send(LdapMsg::new(id, LdapOp::SearchResultDone(result(code, "so it is")))).await;
}

fn result(code: i32, message: &str) -> LdapResult {
    let code = match code {
        0 => LdapResultCode::Success,
        3 => LdapResultCode::TimeLimitExceeded,
        4 => LdapResultCode::SizeLimitExceeded,
        10 => LdapResultCode::Referral,
        11 => LdapResultCode::AdminLimitExceeded,
        49 => LdapResultCode::InvalidCredentials,
        51 => LdapResultCode::Busy,
        other => panic!("LDAP result {other}"),
    };
    let referral = match code {
        LdapResultCode::Referral => vec!["ldap://elsewhere.test/DC=corp,DC=test".to_owned()],
        _ => Vec::new(),
    };
    LdapResult { code, matcheddn: String::new(), message: message.to_owned(), referral }
}

fn entry(dn: &str, attributes: &[(&str, &str)]) -> LdapOp {
    let attribute = |(name, value): &(&str, &str)| LdapPartialAttribute {
        atype: (*name).to_owned(),
        vals: vec![value.as_bytes().to_vec()],
    };
    let attributes = attributes.iter().map(attribute).collect();
    LdapOp::SearchResultEntry(LdapSearchResultEntry { dn: dn.to_owned(), attributes })
}
