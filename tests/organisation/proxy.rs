//! A wire to the controller that can be cut at the worst moment.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What happens to a request of more than 64 KB, which is a document being published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Passes,
    /// The controller gets it; then the wire is cut before the answer is through.
    CutsAfter,
    /// The wire is cut before the controller has all of it.
    CutsBefore,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    manner: Manner,
    /// New connections come about.
    open: bool,
    /// After a cut, too.
    stays_open: bool,
}

pub struct Proxy {
    /// As a setting: the certificate of the controller is good for it.
    pub address: String,
    state: Arc<watch::Sender<State>>,
    task: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Longer than any question, shorter than any document of these tests.
const LARGE: usize = 64 * 1024;

impl Proxy {
    /// On a free port of the controller's own address.
    pub async fn start(controller: &str) -> Self {
        let listener = TcpListener::bind((controller, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let target: SocketAddr = format!("{controller}:636").parse().unwrap();
        let state = Arc::new(watch::Sender::new(State { manner: Manner::Passes, open: true, stays_open: true }));
        let shared = state.clone();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let state = shared.clone();
                tokio::spawn(async move {
                    if state.subscribe().wait_for(|state| state.open).await.is_err() {
                        return;
                    }
                    if let Ok(server) = TcpStream::connect(target).await {
                        carry(client, server, &state).await;
                    }
                });
            }
        });
        Self { address: format!("ldaps://{address}"), state, task }
    }

    /// What happens to the next document. `stays_open`: whether the wire can be used again after a cut.
    pub fn set(&self, manner: Manner, stays_open: bool) {
        self.state.send_replace(State { manner, open: true, stays_open });
    }

    /// Lets new connections come about again.
    pub fn reopen(&self) {
        self.state.send_modify(|state| state.open = true);
    }

    /// Waits until the wire was cut.
    pub async fn cut(&self) {
        self.state.subscribe().wait_for(|state| state.manner == Manner::Passes).await.unwrap();
    }
}

/// From then on everything passes, unless the wire is to stay away.
fn note_cut(state: &watch::Sender<State>) {
    state.send_modify(|state| {
        state.manner = Manner::Passes;
        state.open = state.stays_open;
    });
}

async fn carry(client: TcpStream, server: TcpStream, state: &watch::Sender<State>) {
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let (mut up, mut down) = (vec![0; 32 * 1024], vec![0; 32 * 1024]);
    // Of the request under way.
    let mut sent = 0;
    loop {
        tokio::select! {
            read = from_client.read(&mut up) => {
                let Ok(length @ 1..) = read else { return };
                sent += length;
                if sent > LARGE && state.borrow().manner == Manner::CutsBefore {
                    return note_cut(state);
                }
                if to_server.write_all(&up[..length]).await.is_err() {
                    return;
                }
            }
            read = from_server.read(&mut down) => {
                let Ok(length @ 1..) = read else { return };
                if sent > LARGE && state.borrow().manner == Manner::CutsAfter {
                    return note_cut(state);
                }
                sent = 0;
                if to_client.write_all(&down[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}
