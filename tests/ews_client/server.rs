//! A web server that does what a test's script says, down to cutting a connection in the middle.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sent_items_update::ews::{Client, Credentials, Endpoint, Mailbox};
use sent_items_update::settings::SmtpAddress;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// What the server does with a request.
#[derive(Clone)]
pub enum Reply {
    /// Answers.
    Answer { status: u16, headers: Vec<(&'static str, String)>, body: Vec<u8> },
    /// Writes these bytes and closes the connection.
    Raw(Vec<u8>),
    /// Reads the head of the request, answers at once, and closes the connection with the rest unread.
    AnswerBeforeTheBody { status: u16 },
    /// Answers, and closes the connection although it said nothing about that.
    AnswerAndClose { body: Vec<u8> },
    /// Reads the whole request and closes the connection.
    CloseAfterTheRequest,
    /// Reads only this many bytes of the body and closes the connection.
    CloseWithinTheRequest(usize),
    /// Never answers.
    Silence,
    /// Answers when the test allows it, one request a permit.
    AnswerWhenAllowed(Arc<tokio::sync::Semaphore>, Vec<u8>),
}

impl Reply {
    pub fn status(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self::Answer { status, headers: vec![("Content-Type", content_type.to_owned())], body: body.into() }
    }

    pub fn soap(body: impl Into<Vec<u8>>) -> Self {
        Self::status(200, "text/xml; charset=utf-8", body)
    }

    /// A recorded answer.
    pub fn recorded(name: &str) -> Self {
        Self::soap(recorded(name))
    }

    pub fn with(self, name: &'static str, value: impl Into<String>) -> Self {
        match self {
            Self::Answer { status, mut headers, body } => {
                headers.push((name, value.into()));
                Self::Answer { status, headers, body }
            }
            other => other,
        }
    }
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Which connection it came by, in their order.
    pub connection: usize,
    pub line: String,
    /// By name in lower case.
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Recorded {
    pub fn body(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

pub struct Server {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<Recorded>>>,
    under_way: tokio::sync::watch::Receiver<usize>,
    task: tokio::task::JoinHandle<()>,
}

struct Script {
    replies: Mutex<std::vec::IntoIter<Reply>>,
    requests: Arc<Mutex<Vec<Recorded>>>,
    under_way: tokio::sync::watch::Sender<usize>,
}

impl Server {
    /// Follows the script; what comes after its end is answered with status 599.
    pub async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::listen(replies, None).await
    }

    pub async fn start_with_tls(
        replies: impl IntoIterator<Item = Reply>,
        config: Arc<tokio_rustls::rustls::ServerConfig>,
    ) -> Self {
        Self::listen(replies, Some(config)).await
    }

    async fn listen(
        replies: impl IntoIterator<Item = Reply>,
        tls: Option<Arc<tokio_rustls::rustls::ServerConfig>>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::<Mutex<Vec<Recorded>>>::default();
        let (sender, under_way) = tokio::sync::watch::channel(0);
        let replies = Mutex::new(replies.into_iter().collect::<Vec<_>>().into_iter());
        let script = Arc::new(Script { replies, requests: requests.clone(), under_way: sender });
        let task = tokio::spawn(async move {
            for connection in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let script = script.clone();
                let tls = tls.clone();
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, connection, &script).await,
                        Some(config) => {
                            if let Ok(stream) = tokio_rustls::TlsAcceptor::from(config).accept(stream).await {
                                serve(stream, connection, &script).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, requests, under_way, task }
    }

    pub fn url(&self) -> reqwest::Url {
        format!("http://{}/EWS/Exchange.asmx", self.address).parse().unwrap()
    }

    pub fn requests(&self) -> Vec<Recorded> {
        self.requests.lock().unwrap().clone()
    }

    /// The one request there was.
    pub fn request(&self) -> Recorded {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "exactly one request was expected");
        requests.remove(0)
    }

    /// Waits until so many requests are under way at once.
    pub async fn until_under_way(&self, count: usize) {
        let mut under_way = self.under_way.clone();
        let reached = under_way.wait_for(|now| *now == count);
        tokio::time::timeout(Duration::from_secs(20), reached).await.expect("not that many requests came").unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, connection: usize, script: &Script) {
    let mut pending = Vec::new();
    loop {
        let Some((line, headers)) = read_head(&mut stream, &mut pending).await else { return };
        let reply =
            script.replies.lock().unwrap().next().unwrap_or_else(|| Reply::status(599, "text/plain", "the end"));
        let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        let wanted = match reply {
            Reply::AnswerBeforeTheBody { .. } => 0,
            Reply::CloseWithinTheRequest(bytes) => bytes,
            _ => length,
        };
        while pending.len() < wanted {
            if stream.read_buf(&mut pending).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let rest = pending.split_off(wanted.min(pending.len()));
        let body = std::mem::replace(&mut pending, rest);
        script.requests.lock().unwrap().push(Recorded { connection, line, headers, body });
        script.under_way.send_modify(|count| *count += 1);
        let goes_on = answer(&mut stream, reply).await;
        script.under_way.send_modify(|count| *count -= 1);
        if !goes_on {
            let _ = stream.shutdown().await;
            return;
        }
    }
}

async fn read_head(
    stream: &mut (impl AsyncRead + Unpin),
    pending: &mut Vec<u8>,
) -> Option<(String, HashMap<String, String>)> {
    let end = loop {
        if let Some(end) = pending.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(pending).await.unwrap_or(0) == 0 {
            return None;
        }
    };
    let rest = pending.split_off(end + 4);
    let head = String::from_utf8(std::mem::replace(pending, rest)).unwrap();
    let mut lines = head.lines();
    let line = lines.next().unwrap().to_owned();
    let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    Some((line, lines.filter_map(header).collect()))
}

/// Whether the connection stays.
async fn answer(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), reply: Reply) -> bool {
    match reply {
        Reply::Answer { status, headers, body } => {
            let mut head = format!("HTTP/1.1 {status} Whatever\r\nContent-Length: {}\r\n", body.len());
            for (name, value) in headers {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            head.push_str("\r\n");
            let mut bytes = head.into_bytes();
            bytes.extend_from_slice(&body);
            stream.write_all(&bytes).await.is_ok()
        }
        Reply::Raw(bytes) => {
            let _ = stream.write_all(&bytes).await;
            false
        }
        Reply::AnswerBeforeTheBody { status } => {
            let head = format!("HTTP/1.1 {status} Whatever\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(head.as_bytes()).await;
            false
        }
        Reply::AnswerAndClose { body } => {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nContent-Type: text/xml\r\n\r\n", body.len());
            let mut bytes = head.into_bytes();
            bytes.extend_from_slice(&body);
            let _ = stream.write_all(&bytes).await;
            false
        }
        Reply::CloseAfterTheRequest | Reply::CloseWithinTheRequest(_) => false,
        Reply::Silence => {
            let _ = stream.read_u8().await;
            false
        }
        Reply::AnswerWhenAllowed(permits, body) => {
            permits.acquire().await.unwrap().forget();
            Box::pin(answer(stream, Reply::soap(body))).await
        }
    }
}

/// A recorded answer under `tests/fixtures/ews/answers`.
pub fn recorded(name: &str) -> Vec<u8> {
    fixture(&format!("answers/{name}.xml"))
}

pub fn fixture(path: &str) -> Vec<u8> {
    let path = format!("{}/tests/fixtures/ews/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// An endpoint that may be talked to without TLS.
pub fn endpoint(url: reqwest::Url) -> Endpoint {
    let credentials =
        Credentials::Basic { user: "svc-siu@nordwind.example".to_owned(), password: "pässwort: geheim".into() };
    Endpoint { allow_unencrypted: true, request_timeout: Duration::from_secs(20), ..Endpoint::new(url, credentials) }
}

pub fn anna() -> SmtpAddress {
    "Anna.Berg@nordwind.example".parse().unwrap()
}

/// Anna's mailbox on this server.
pub fn mailbox(server: &Server) -> Mailbox {
    mailbox_of(endpoint(server.url()))
}

pub fn mailbox_of(endpoint: Endpoint) -> Mailbox {
    Client::new(endpoint).unwrap().mailbox(&anna())
}
