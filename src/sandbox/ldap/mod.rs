//! The directory over LDAP, as Active Directory answers: LDAPS, and plain LDAP with StartTLS.
//!
//! It is a view on [`super::directory`]: what is written here counts for Exchange at once, and the other way round.
//!
//! | inside | what it is for |
//! |---|---|
//! | `connection`, `wire` | messages on a connection, one after the other; searches beside each other |
//! | `bind` | who may come in, and in which words others are refused |
//! | `search`, `filter`, `root` | finding objects |
//! | `write`, `change` | making, changing and deleting accounts |
//! | `tree`, `account`, `surroundings` | the objects that there are |
//! | `schema`, `dn`, `value` | attributes, names and values |
//! | `problem` | refusals, word for word |
//!
//! What a domain controller has and this one lacks: Kerberos and NTLM, the schema's own objects, deleted objects,
//! security descriptors, and replication.

mod account;
mod bind;
mod change;
mod connection;
mod dn;
mod filter;
mod listener;
mod problem;
mod root;
mod schema;
mod search;
mod surroundings;
mod tree;
mod value;
mod wire;
mod write;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use super::kept::Kept;
use super::site::Site;

pub(super) use listener::LdapListening;
pub(super) use tree::World;
pub use tree::{CONTROLLER, ConnectionPoint, Subnet, Trust};

use tree::Tree;

/// What the directory allows at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LdapLimits {
    /// Open connections; further ones are closed at once (`MaxConnections`).
    pub connections: usize,
    /// Bytes of a message (`MaxReceiveBuffer`).
    pub message: usize,
    /// Bytes of a message from somebody who has not signed in.
    pub message_of_strangers: usize,
}

impl Default for LdapLimits {
    fn default() -> Self {
        Self { connections: 5000, message: 10 * 1024 * 1024, message_of_strangers: 64 * 1024 }
    }
}

/// Everything that answering needs.
pub(super) struct LdapServer {
    pub world: World,
    pub site: Arc<Site>,
    pub kept: Arc<Kept>,
    pub limits: LdapLimits,
    pub tls: TlsAcceptor,
    /// Places for connections.
    places: Arc<Semaphore>,
    /// The objects as they were at a revision of the directory.
    cache: Mutex<Option<(u64, Arc<Tree>)>>,
    /// One write after the other.
    writing: Mutex<()>,
}

impl LdapServer {
    pub fn new(world: World, site: Arc<Site>, kept: Arc<Kept>, limits: LdapLimits, tls: TlsAcceptor) -> Self {
        let places = Arc::new(Semaphore::new(limits.connections));
        Self { world, site, kept, limits, tls, places, cache: Mutex::default(), writing: Mutex::default() }
    }

    /// All objects as they are now.
    fn tree(&self) -> Arc<Tree> {
        // Read before the objects are: at worst a tree is made twice.
        let revision = self.site.directory.revision();
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        match &*cache {
            Some((known, tree)) if *known == revision => tree.clone(),
            _ => {
                let failures = |upn: &str| self.site.sign_in.failures(upn);
                let tree = Arc::new(Tree::build(&self.world, &self.site.directory, &failures));
                *cache = Some((revision, tree.clone()));
                tree
            }
        }
    }

    /// Something that the revision doesn't count has changed.
    fn forget_tree(&self) {
        *self.cache.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Writes down what has changed, for the next start.
    fn keep(&self) {
        if let Err(error) = self.kept.save() {
            tracing::warn!("a change in the sandbox's directory is in force but can't be kept: {error}");
        }
    }
}
