//! The control interface's own listener, on loopback.

use std::future::IntoFuture as _;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Control;
use super::routes;

pub struct ControlListener {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl ControlListener {
    pub async fn start(address: SocketAddr, control: Control, ca_pem: &str) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let served = axum::serve(listener, routes::router(control, ca_pem.to_owned()))
            .with_graceful_shutdown(async move { stopped.cancelled().await });
        let task = tokio::spawn(async move {
            if let Err(error) = served.into_future().await {
                tracing::warn!("the sandbox's control interface ended: {error}");
            }
        });
        Ok(Self { address, stop, task })
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A client that keeps its connection open doesn't hold up the stop for long.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if tokio::time::timeout(Duration::from_secs(2), &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}
