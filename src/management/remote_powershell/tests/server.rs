//! A server over TLS that answers as a test says, and notes what it was asked.

use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::Url;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::super::fragment::cut;

/// A question as it arrived.
#[derive(Debug, Clone)]
pub struct Asked {
    pub host: String,
    /// The last part of its action: `Create`, `Receive`, …
    pub action: String,
    pub message: String,
    /// Of a pipeline, if it is about one.
    pub command: Option<String>,
    pub authorization: Option<String>,
    pub body: String,
}

pub enum Reply {
    Answer {
        status: u16,
        headers: Vec<String>,
        body: String,
    },
    /// These bytes, and the connection is cut.
    Cut(Vec<u8>),
    Silence,
}

impl Reply {
    pub fn page(status: u16, body: &str) -> Self {
        Self::Answer { status, headers: vec!["Content-Type: text/html".to_owned()], body: body.to_owned() }
    }

    pub fn status(status: u16, headers: &[&str]) -> Self {
        Self::Answer { status, headers: headers.iter().map(|&it| it.to_owned()).collect(), body: String::new() }
    }

    pub fn soap(asked: &Asked, content: &str) -> Self {
        let body = format!(
            "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" xmlns:a=\"urn:a\" xmlns:r=\"urn:r\"><s:Header>\
             <a:RelatesTo>{}</a:RelatesTo></s:Header><s:Body>{content}</s:Body></s:Envelope>",
            asked.message
        );
        Self::Answer { status: 200, headers: Vec::new(), body }
    }

    pub fn fault(asked: &Asked, code: u32, message: &str) -> Self {
        let content = format!(
            "<s:Fault><s:Reason><s:Text>{message}</s:Text></s:Reason><s:Detail><f:WSManFault xmlns:f=\"urn:f\" \
             Code=\"{code}\"><f:Message>{message}</f:Message></f:WSManFault></s:Detail></s:Fault>"
        );
        match Self::soap(asked, &content) {
            Self::Answer { headers, body, .. } => Self::Answer { status: 500, headers, body },
            other => other,
        }
    }

    /// A part of a stream.
    pub fn stream(asked: &Asked, bytes: &[u8], done: bool) -> Self {
        use base64::Engine as _;
        let base64 = base64::engine::general_purpose::STANDARD.encode(bytes);
        let state = if done { "<r:CommandState State=\"urn:CommandState/Done\"/>" } else { "" };
        let content =
            format!("<r:ReceiveResponse><r:Stream Name=\"stdout\">{base64}</r:Stream>{state}</r:ReceiveResponse>");
        Self::soap(asked, &content)
    }
}

/// A message to a client, in fragments.
pub fn message(object: u64, kind: u32, data: &str) -> Vec<u8> {
    let message = [&[1, 0, 0, 0][..], &kind.to_le_bytes(), &[0; 32], b"\xEF\xBB\xBF", data.as_bytes()].concat();
    cut(object, &message).concat()
}

pub const OUTPUT: u32 = 0x0004_1004;
pub const STATE: u32 = 0x0004_1006;

pub fn completed(object: u64) -> Vec<u8> {
    message(object, STATE, "<Obj RefId=\"0\"><MS><I32 N=\"PipelineState\">4</I32></MS></Obj>")
}

/// What a server that is well does with a question; `stream` is what the pipeline says.
pub fn well(asked: &Asked, stream: &[u8]) -> Reply {
    match (asked.action.as_str(), &asked.command) {
        ("Create", _) => Reply::soap(asked, "<r:Shell><r:ShellId>S-1</r:ShellId></r:Shell>"),
        ("Receive", None) => {
            let capability = "<Obj RefId=\"0\"><MS><Version N=\"protocolversion\">2.3</Version></MS></Obj>";
            let opened = "<Obj RefId=\"0\"><MS><I32 N=\"RunspaceState\">2</I32></MS></Obj>";
            let said = [message(1, 0x0001_0002, capability), message(2, 0x0002_1005, opened)].concat();
            Reply::stream(asked, &said, false)
        }
        ("Receive", Some(_)) => Reply::stream(asked, stream, true),
        _ => Reply::soap(asked, ""),
    }
}

type Answers = Arc<dyn Fn(&Asked) -> Reply + Send + Sync>;

pub struct Server {
    pub ca: String,
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    serving: JoinHandle<()>,
}

impl Server {
    pub async fn start(answers: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let (ca, acceptor) = certificates();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let (notes, answers): (_, Answers) = (asked.clone(), Arc::new(answers));
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, notes, answers) = (acceptor.clone(), notes.clone(), answers.clone());
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        serve(stream, &notes, &answers).await;
                    }
                });
            }
        });
        Self { ca, port, asked, serving }
    }

    pub fn url(&self) -> Url {
        format!("https://127.0.0.1:{}/PowerShell/", self.port).parse().unwrap()
    }

    /// Under another name.
    pub fn url_by_name(&self) -> String {
        format!("https://localhost:{}/PowerShell/?a=1", self.port)
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub fn actions(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.action).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn certificates() -> (String, TlsAcceptor) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
    (authority.pem(), TlsAcceptor::from(Arc::new(config)))
}

/// One request a connection.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, notes: &Mutex<Vec<Asked>>, answers: &Answers) {
    let Some(asked) = read(&mut stream).await else { return };
    notes.lock().unwrap().push(asked.clone());
    let answer = match answers(&asked) {
        Reply::Silence => {
            // Until the client has gone.
            let _ = stream.read(&mut [0; 1]).await;
            return;
        }
        Reply::Cut(bytes) => bytes,
        Reply::Answer { status, headers, body } => {
            let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
            let length = body.len();
            format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}")
                .into_bytes()
        }
    };
    let _ = stream.write_all(&answer).await;
    let _ = stream.shutdown().await;
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Asked> {
    let mut bytes = Vec::new();
    loop {
        let mut piece = vec![0; 16384];
        let length = stream.read(&mut piece).await.ok().filter(|length| *length > 0)?;
        bytes.extend_from_slice(&piece[..length]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let header = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(':'));
            lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
        };
        let announced: usize = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        if bytes.len() < end + 4 + announced {
            continue;
        }
        let body = String::from_utf8_lossy(&bytes[end + 4..]).into_owned();
        let between = |from: &str, to: &str| {
            let (_, rest) = body.split_once(from)?;
            rest.split_once(to).map(|(found, _)| found.to_owned())
        };
        let action = between("<a:Action s:mustUnderstand=\"true\">", "<").unwrap_or_default();
        return Some(Asked {
            host: header("host").unwrap_or_default(),
            action: action.rsplit('/').next().unwrap_or_default().to_owned(),
            message: between("<a:MessageID>", "<").unwrap_or_default(),
            command: between("CommandId=\"", "\""),
            authorization: header("authorization"),
            body,
        });
    }
}
