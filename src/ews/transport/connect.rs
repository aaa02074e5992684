//! Connections of our own, for ways to sign in that belong to a connection.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{Either, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use reqwest::Url;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};

use super::failure;
use crate::ews::auth;
use crate::ews::client::ClientError;
use crate::ews::error::{At, ConnectProblem, EwsError};
use crate::ews::soap::body::RequestBody;
use crate::{name_service, tls};

/// A request, or an empty one that only brings a token.
pub(super) type Body = Either<Empty<Bytes>, RequestBody>;

/// How to get to a server.
pub(super) struct Dialer {
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    lookup: Lookup,
    timeout: Duration,
}

/// Who knows where a host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lookup {
    System,
    /// The name server at this address.
    By(SocketAddr),
    /// The host is known to be here.
    Known(SocketAddr),
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dialer({}:{})", self.host, self.port)
    }
}

/// An open connection.
pub(super) struct Opened {
    pub sender: SendRequest<Body>,
    /// What ties a sign-in to it.
    pub bindings: Option<Vec<u8>>,
}

impl Dialer {
    pub fn new(url: &Url, extra_roots: Vec<CertificateDer<'static>>, timeout: Duration) -> Result<Self, ClientError> {
        let unusable = || ClientError::Address(url.to_string());
        let host = url.host_str().ok_or_else(unusable)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = url.port_or_known_default().ok_or_else(unusable)?;
        let tls = if url.scheme() == "https" {
            let name = ServerName::try_from(host.clone()).map_err(|_| unusable())?;
            let mut config = tls::client_config(extra_roots).map_err(ClientError::Tls)?;
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            Some((TlsConnector::from(Arc::new(config)), name))
        } else {
            None
        };
        Ok(Self { host, port, tls, lookup: Lookup::System, timeout })
    }

    pub fn looking_up(self, lookup: Lookup) -> Self {
        Self { lookup, ..self }
    }

    pub fn host(&self) -> &str {
        &self.host
    }

    pub fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }

    pub async fn dial(&self, at: &At) -> Result<Opened, EwsError> {
        match tokio::time::timeout(self.timeout, self.open(at)).await {
            Ok(opened) => opened,
            Err(_) => Err(failure::of_dialing(ConnectProblem::Timeout, io::ErrorKind::TimedOut.into(), at)),
        }
    }

    async fn open(&self, at: &At) -> Result<Opened, EwsError> {
        let stream = self.tcp(at).await?;
        let Some((connector, name)) = &self.tls else {
            return Ok(Opened { sender: speak(stream, at).await?, bindings: None });
        };
        let stream = connector.connect(name.clone(), stream).await.map_err(|error| failure::of_handshake(error, at))?;
        let certificates = stream.get_ref().1.peer_certificates();
        let bindings = certificates.and_then(<[_]>::first).and_then(|shown| auth::channel_bindings(shown));
        Ok(Opened { sender: speak(stream, at).await?, bindings })
    }

    async fn tcp(&self, at: &At) -> Result<TcpStream, EwsError> {
        let addresses = self.addresses().await.map_err(|error| failure::of_dialing(ConnectProblem::Name, error, at))?;
        let mut failed = io::Error::from(io::ErrorKind::NotFound);
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    // Requests and their tokens are written whole; nothing is won by waiting for more.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Err(error) => failed = error,
            }
        }
        let problem = match failed.kind() {
            io::ErrorKind::NotFound => ConnectProblem::Name,
            _ => failure::of_tcp(&failed),
        };
        Err(failure::of_dialing(problem, failed, at))
    }
}

impl Dialer {
    async fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        match self.lookup {
            Lookup::Known(address) => Ok(vec![address]),
            Lookup::System => Ok(tokio::net::lookup_host((self.host.as_str(), self.port)).await?.collect()),
            Lookup::By(server) => {
                let resolver = name_service::resolver(Some(server), 1).map_err(io::Error::other)?;
                // The final dot: no search domains are tried behind it.
                let found = resolver.lookup_ip(format!("{}.", self.host)).await.map_err(io::Error::other)?;
                Ok(found.iter().map(|address| SocketAddr::new(address, self.port)).collect())
            }
        }
    }
}

async fn speak<S>(stream: S, at: &At) -> Result<SendRequest<Body>, EwsError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| failure::of_dialing(ConnectProblem::Other, io::Error::other(error), at))?;
    // Ends when the sender is dropped, or the connection breaks, which the sender notices.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!("a connection to EWS ended: {error}");
        }
    });
    Ok(sender)
}
