//! Lets people in, or sends them away with the reason.

use std::io;
use std::path::Path;
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tracing::warn;

use super::platform;
use super::types::Problem;

/// Who is at the other end, as the system says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    pub name: String,
}

/// Whether somebody may use the pipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Welcome(Peer),
    /// With the name of who tried.
    Refused(String),
}

/// Who may use the pipe, beside the account that the updater runs as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Access {
    #[default]
    Administrators,
    /// Members of the group that the updater runs as, too. On Unix; the same as `Administrators` on Windows.
    Group,
}

/// The updater's end of the pipe, ready for [`axum::serve`].
pub struct Listener(platform::Listener);

impl Listener {
    /// # Errors
    /// When another updater listens there, or the place can't be used.
    pub async fn bind(path: &Path, access: Access) -> io::Result<Self> {
        #[cfg_attr(not(unix), expect(unused_mut, reason = "Windows knows no such groups"))]
        let mut listener = platform::Listener::bind(path).await?;
        #[cfg(unix)]
        if access == Access::Group {
            listener.open_to_group()?;
        }
        #[cfg(not(unix))]
        let _ = access;
        Ok(Self(listener))
    }
}

impl axum::serve::Listener for Listener {
    type Io = platform::Stream;
    type Addr = Peer;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            match self.0.accept().await {
                Ok((stream, Verdict::Welcome(peer))) => return (stream, peer),
                Ok((stream, Verdict::Refused(who))) => {
                    warn!(who, "refused to use the local API");
                    tokio::spawn(refuse(stream));
                }
                Err(error) => {
                    // Out of file handles, mostly: goes by when connections end.
                    warn!(%error, "the pipe could not take a connection");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(Peer { name: "updater".to_owned() })
    }
}

impl Connected<IncomingStream<'_, Listener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Listener>) -> Self {
        stream.remote_addr().clone()
    }
}

/// Answers without parsing: whoever is refused gets no further than this. What they send is thrown away unseen: an
/// answer before the question is taken for a fault, and a socket that is closed with something unread takes the answer
/// back. Not for long, and not for much.
async fn refuse(mut stream: platform::Stream) {
    let problem = Problem {
        code: "not-permitted".to_owned(),
        message: "only administrators and the account that the updater runs as may use the updater's local API"
            .to_owned(),
        temporary: false,
    };
    let body = serde_json::to_string(&problem).unwrap_or_default();
    let answer = format!(
        "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = tokio::time::timeout(Duration::from_secs(2), async {
        let _ = stream.read(&mut [0; 4096]).await?;
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        tokio::io::copy(&mut (&mut stream).take(64 * 1024), &mut tokio::io::sink()).await
    })
    .await;
}
