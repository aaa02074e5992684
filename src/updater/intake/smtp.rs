//! The SMTP door (RFC 5321): takes processed copies as a relay, a mail gateway or Exchange's journaling sends
//! them. It delivers to nobody; any recipient will do.
//!
//! A message is acknowledged only after the gate has it on disk. A client that hears nothing tries again, and
//! the digest makes the second acceptance harmless.

mod command;
mod data;
mod reply;
mod session;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::reply::Reply;
use self::session::Session;
use super::Accept;
use crate::settings::SmtpSettings;
use crate::updater::spool::Spool;

/// What a client may ask of the door.
#[derive(Debug, Clone)]
pub struct SmtpLimits {
    /// Sessions at the same time; a further client is told to come back.
    pub sessions: usize,
    /// How long a client may say nothing. RFC 5321, section 4.5.3.2.7, asks for five minutes.
    pub idle: Duration,
    /// Recipients of one message.
    pub recipients: usize,
    /// Mistakes before the session is closed.
    pub errors: u32,
}

impl Default for SmtpLimits {
    fn default() -> Self {
        Self { sessions: 200, idle: Duration::from_mins(5), recipients: 1000, errors: 20 }
    }
}

/// The open SMTP door.
#[derive(Debug)]
pub struct SmtpDoor<A> {
    listener: TcpListener,
    gate: Arc<A>,
    spool: Spool,
    limits: SmtpLimits,
    stop: CancellationToken,
    problem: watch::Sender<Option<String>>,
}

/// What all sessions share.
struct Shared<A> {
    gate: Arc<A>,
    spool: Spool,
    limits: SmtpLimits,
    stop: CancellationToken,
}

impl<A: Accept> SmtpDoor<A> {
    /// Opens the door; nobody is let in before [`SmtpDoor::run`].
    ///
    /// # Errors
    /// When the address can't be listened on.
    pub async fn bind(
        settings: &SmtpSettings,
        spool: Spool,
        gate: Arc<A>,
        stop: CancellationToken,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(settings.listen).await?;
        Ok(Self { listener, gate, spool, limits: SmtpLimits::default(), stop, problem: watch::Sender::new(None) })
    }

    /// With other limits than the usual ones.
    #[must_use]
    pub fn with_limits(mut self, limits: SmtpLimits) -> Self {
        self.limits = limits;
        self
    }

    /// # Errors
    /// When the system can't tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What is wrong with the door at the moment.
    #[must_use]
    pub fn problem(&self) -> watch::Receiver<Option<String>> {
        self.problem.subscribe()
    }

    /// Serves clients until it is told to stop. Returns when the last session has ended: idle ones at once, those
    /// whose message is being accepted after that.
    pub async fn run(self) {
        let Self { listener, gate, spool, limits, stop, problem } = self;
        let room = Arc::new(Semaphore::new(limits.sessions));
        let shared = Arc::new(Shared { gate, spool, limits, stop: stop.clone() });
        let sessions = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            let mut stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) if concerns_one_client(&error) => continue,
                Err(error) => {
                    tracing::error!(%error, "the SMTP door can't let anybody in");
                    problem.send_replace(Some(format!("no connection can be accepted: {error}")));
                    tokio::select! {
                        () = stop.cancelled() => break,
                        () = tokio::time::sleep(Duration::from_secs(1)) => continue,
                    }
                }
            };
            problem.send_if_modified(|problem| problem.take().is_some());
            // Replies are small and complete; waiting for more to send only delays them.
            let _ = stream.set_nodelay(true);
            let Ok(place) = room.clone().try_acquire_owned() else {
                sessions.spawn(async move {
                    let mut farewell = Vec::new();
                    Reply::new("421 4.3.2", "too many sessions; try again later").write(&mut farewell);
                    let said = tokio::io::AsyncWriteExt::write_all(&mut stream, &farewell);
                    // Nothing is lost if the client doesn't hear it.
                    let _ = timeout(Duration::from_secs(5), said).await;
                });
                continue;
            };
            let session = Session::new(stream, shared.clone());
            sessions.spawn(async move {
                session.run().await;
                drop(place);
            });
        }
        drop(listener);
        sessions.close();
        sessions.wait().await;
    }
}

/// Errors of `accept` that say something about the client, not about this door.
fn concerns_one_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
