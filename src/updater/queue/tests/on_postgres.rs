//! The same tests on a shared queue: it makes the same promises.

use super::*;

#[path = "../../../../tests/postgres/mod.rs"]
pub(super) mod server;

/// Where they open it: in a schema of the test's own, on a server that all of them share.
pub(super) mod place {
    use std::path::Path;
    use std::sync::OnceLock;

    use super::server::Server;
    use super::{Clock, Queue, QueueError, QueueOptions, SharedAddress};

    pub fn server() -> Option<&'static Server> {
        static SERVER: OnceLock<Option<Server>> = OnceLock::new();
        SERVER.get_or_init(|| Server::start("the queue in PostgreSQL")).as_ref()
    }

    /// The address of the queue that belongs to a folder.
    pub fn address(server: &Server, folder: &Path, more: &str) -> SharedAddress {
        let path = folder.join("schema");
        let schema = std::fs::read_to_string(&path).unwrap_or_else(|_| {
            let schema = format!("test_{}", uuid::Uuid::new_v4().simple());
            std::fs::write(&path, &schema).unwrap();
            schema
        });
        server.address(&format!("schema={schema}{more}")).parse().unwrap()
    }

    pub async fn open(folder: &Path, clock: Clock, options: QueueOptions) -> Option<Result<Queue, QueueError>> {
        let address = address(server()?, folder, "");
        Some(Queue::open_shared(folder, address, clock, options).await)
    }
}

#[allow(clippy::duplicate_mod, reason = "the same promises, of another queue")]
#[path = "../tests.rs"]
mod tests;

#[path = "shared.rs"]
mod shared;

#[path = "access.rs"]
mod access;

#[path = "trouble.rs"]
mod trouble;
