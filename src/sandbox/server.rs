//! The listeners: HTTPS and plain HTTP, connection by connection, so that each can be counted and cut.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::ntlm::EndPoint;
use super::seat::Seat;
use super::site::Site;

/// How long a stop waits for requests under way.
pub const STOP_WITHIN: Duration = Duration::from_secs(10);
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// How long an idle connection is kept, as IIS does.
const IDLE: Duration = Duration::from_mins(2);

/// Cuts all connections that are open when asked to.
#[derive(Debug, Default)]
pub struct Scissors {
    token: Mutex<CancellationToken>,
}

impl Scissors {
    /// Cuts what is open now; connections made later are not concerned.
    pub fn cut(&self) {
        let mut token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *token).cancel();
    }

    pub fn token(&self) -> CancellationToken {
        self.token.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// TLS of a listener, and the digest of its certificate, to which sign-ins may be tied.
#[derive(Clone)]
pub struct Encryption {
    pub acceptor: TlsAcceptor,
    pub end_point: EndPoint,
}

/// A listener that runs until it is stopped.
pub struct Listening {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Listening {
    /// Accepts connections; with `tls`, after a handshake.
    pub fn start(listener: TcpListener, tls: Option<Encryption>, site: Arc<Site>, scissors: Arc<Scissors>) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(accept(listener, tls, site, scissors, stop.clone()));
        Self { stop, task }
    }

    /// Takes no more connections, lets requests under way end within a bound, and closes.
    pub async fn stop(self) {
        self.stop.cancel();
        let _ = self.task.await;
    }
}

async fn accept(
    listener: TcpListener,
    tls: Option<Encryption>,
    site: Arc<Site>,
    scissors: Arc<Scissors>,
    stop: CancellationToken,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            () = stop.cancelled() => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of descriptors, mostly: others have to close theirs first.
                tracing::warn!("the sandbox can't accept a connection: {error}");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (site, tls, cut, stop) = (site.clone(), tls.clone(), scissors.token(), stop.clone());
        connections.spawn(async move {
            let _open = site.statistics.connection();
            tokio::select! {
                () = connection(stream, tls, &site, stop) => {}
                () = cut.cancelled() => {}
            }
        });
    }
    drop(listener);
    let all_done = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(STOP_WITHIN, all_done).await;
    connections.shutdown().await;
}

async fn connection(stream: TcpStream, tls: Option<Encryption>, site: &Arc<Site>, stop: CancellationToken) {
    let _ = stream.set_nodelay(true);
    match tls {
        None => serve(stream, Seat::new(None), false, site, stop).await,
        Some(tls) => {
            let handshake = tokio::time::timeout(HANDSHAKE_WITHIN, tls.acceptor.accept(stream));
            let accepted = tokio::select! {
                accepted = handshake => accepted,
                () = stop.cancelled() => return,
            };
            match accepted {
                Ok(Ok(stream)) => serve(stream, Seat::new(tls.end_point), true, site, stop).await,
                Ok(Err(error)) => tracing::debug!("TLS handshake with the sandbox failed: {error}"),
                Err(_) => tracing::debug!("no TLS handshake with the sandbox within {HANDSHAKE_WITHIN:?}"),
            }
        }
    }
}

async fn serve<S>(stream: S, seat: Seat, secure: bool, site: &Arc<Site>, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let seat = &seat;
    let answer = |request| async move { site.answer(request, seat, secure).await };
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .serve_connection(TokioIo::new(stream), service_fn(answer));
    tokio::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!("a connection to the sandbox ended: {error}");
    }
}
