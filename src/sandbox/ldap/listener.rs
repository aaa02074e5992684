//! The listeners of the directory.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::super::server::Scissors;
use super::{LdapServer, connection};

const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);

/// A listener that runs until it is stopped.
pub struct LdapListening {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl LdapListening {
    /// Accepts connections; with `tls`, encrypted from the first byte.
    pub fn start(listener: TcpListener, tls: bool, server: Arc<LdapServer>, scissors: Arc<Scissors>) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(accept(listener, tls, server, scissors, stop.clone()));
        Self { stop, task }
    }

    /// Takes no more connections and closes those that are open.
    pub async fn stop(self) {
        self.stop.cancel();
        let _ = self.task.await;
    }
}

async fn accept(
    listener: TcpListener,
    tls: bool,
    server: Arc<LdapServer>,
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
                tracing::warn!("the sandbox's directory can't accept a connection: {error}");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Ok(place) = server.places.clone().try_acquire_owned() else {
            tracing::warn!("the sandbox's directory has all the connections that it takes, and closes another one");
            continue;
        };
        let (server, cut, stop) = (server.clone(), scissors.token(), stop.clone());
        connections.spawn(async move {
            let _open = (place, server.site.statistics.connection());
            tokio::select! {
                () = one(stream, tls, &server) => {}
                () = cut.cancelled() => {}
                () = stop.cancelled() => {}
            }
        });
    }
    drop(listener);
    connections.shutdown().await;
}

async fn one(stream: TcpStream, tls: bool, server: &Arc<LdapServer>) {
    let _ = stream.set_nodelay(true);
    let plain = if tls {
        stream
    } else {
        match connection::serve(stream, false, server).await {
            // What follows is the handshake of TLS.
            connection::End::StartTls(stream) => stream,
            connection::End::Closed => return,
        }
    };
    match tokio::time::timeout(HANDSHAKE_WITHIN, server.tls.accept(plain)).await {
        Ok(Ok(stream)) => drop(connection::serve(stream, true, server).await),
        Ok(Err(error)) => tracing::debug!("TLS handshake with the sandbox's directory failed: {error}"),
        Err(_) => tracing::debug!("no TLS handshake with the sandbox's directory within {HANDSHAKE_WITHIN:?}"),
    }
}
