//! Web servers under made-up names, on loopback, that note who was given a password.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::super::{NameOverride, NoServices, Options};

/// Every name that a test speaks of: none may be asked for outside of this machine.
const NAMES: [&str; 8] = [
    "corp.example",
    "autodiscover.corp.example",
    "cas.corp.example",
    "cas.inner.example",
    "evil.example",
    "autodiscover.evil.example",
    "partner.example",
    "autodiscover.partner.example",
];

/// A request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub secure: bool,
    pub host: String,
    pub path: String,
    pub body: String,
    pub authorization: Option<String>,
}

impl Asked {
    pub fn place(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}{}", self.host, self.path)
    }
}

pub enum Reply {
    Answer { status: u16, headers: Vec<String>, body: String },
    Silence,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self::Answer { status, headers: Vec::new(), body: String::new() }
    }

    pub fn with(self, header: &str) -> Self {
        match self {
            Self::Answer { status, mut headers, body } => {
                headers.push(header.to_owned());
                Self::Answer { status, headers, body }
            }
            Self::Silence => Self::Silence,
        }
    }

    pub fn xml(body: impl Into<String>) -> Self {
        Self::Answer { status: 200, headers: Vec::new(), body: body.into() }
    }

    pub fn redirect(status: u16, target: &str) -> Self {
        Self::Answer { status, headers: vec![format!("Location: {target}")], body: String::new() }
    }

    pub fn sign_in(schemes: &[&str]) -> Self {
        let headers = schemes.iter().map(|scheme| format!("WWW-Authenticate: {scheme}")).collect();
        Self::Answer { status: 401, headers, body: String::new() }
    }
}

type Answers = Arc<dyn Fn(&Asked) -> Reply + Send + Sync>;

pub struct World {
    asked: Arc<Mutex<Vec<Asked>>>,
    ca: String,
    https: SocketAddr,
    http: SocketAddr,
    serving: Vec<JoinHandle<()>>,
}

impl World {
    pub async fn new(answers: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let asked = Arc::default();
        let answers: Answers = Arc::new(answers);
        let (ca, acceptor) = certificates();
        let (https, one) = listen(Some(acceptor), &asked, &answers).await;
        let (http, other) = listen(None, &asked, &answers).await;
        Self { asked, ca, https, http, serving: vec![one, other] }
    }

    pub fn options(&self) -> Options {
        let names = NAMES.map(|name| NameOverride { name: name.to_owned(), https: self.https, http: self.http });
        Options {
            names: names.into(),
            extra_roots: vec![self.ca.clone()],
            services: Arc::new(NoServices),
            ..Options::default()
        }
    }

    /// Of an address here, under the name of this machine.
    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.https.port())
    }

    pub fn ca(&self) -> String {
        self.ca.clone()
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The places that were given a password.
    pub fn given_the_password(&self) -> Vec<String> {
        self.asked().iter().filter(|asked| asked.authorization.is_some()).map(Asked::place).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for serving in &self.serving {
            serving.abort();
        }
    }
}

fn certificates() -> (String, TlsAcceptor) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = NAMES.iter().chain(&["localhost"]).map(|&name| name.to_owned()).collect();
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
    (authority.pem(), TlsAcceptor::from(Arc::new(config)))
}

async fn listen(
    tls: Option<TlsAcceptor>,
    asked: &Arc<Mutex<Vec<Asked>>>,
    answers: &Answers,
) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, answers) = (asked.clone(), answers.clone());
    let serving = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (tls, asked, answers) = (tls.clone(), asked.clone(), answers.clone());
            tokio::spawn(async move {
                match tls {
                    None => serve(stream, false, &asked, &answers).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            serve(stream, true, &asked, &answers).await;
                        }
                    }
                }
            });
        }
    });
    (address, serving)
}

/// One request a connection.
async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    secure: bool,
    asked: &Mutex<Vec<Asked>>,
    answers: &Answers,
) {
    let Some(request) = read(&mut stream, secure).await else { return };
    asked.lock().unwrap().push(request.clone());
    let Reply::Answer { status, headers, body } = answers(&request) else {
        // Until the client has gone.
        let _ = stream.read(&mut [0; 1]).await;
        return;
    };
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: text/xml\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}"
    );
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

async fn read(stream: &mut (impl AsyncRead + Unpin), secure: bool) -> Option<Asked> {
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let length = stream.read(&mut piece).await.ok().filter(|length| *length > 0)?;
        bytes.extend_from_slice(&piece[..length]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let header = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(':'));
            lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
        };
        let wanted = header("content-length").map_or(0, |length| length.parse().unwrap());
        if body.len() >= wanted {
            return Some(Asked {
                secure,
                host: header("host").unwrap_or_default(),
                path: head.split_whitespace().nth(1).unwrap_or_default().to_owned(),
                body: body.to_owned(),
                authorization: header("authorization"),
            });
        }
    }
}
