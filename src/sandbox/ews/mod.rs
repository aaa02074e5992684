//! Exchange Web Services as the sandbox answers them: a SOAP envelope in, a SOAP envelope out.
//!
//! Listening, signing in, throttling and faults are the business of those around it; [`FaultHook`] is their door.

mod hook;

pub use hook::{FaultHook, NoFaults, Refusal, RequestFacts, Verdict};

use std::sync::Arc;

use bytes::Bytes;

use super::directory::Directory;
use super::store::Store;

/// Who asks, as the listener authenticated it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub upn: String,
}

/// What goes back to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoapAnswer {
    /// HTTP status: 200, or 500 with a SOAP fault.
    pub status: u16,
    /// The envelope, `text/xml; charset=utf-8`.
    pub body: Bytes,
    /// A hook asked for the connection to be cut instead of an answer; `body` is empty.
    pub drop_connection: bool,
}

/// Bounds of the service, with Exchange's defaults.
#[derive(Debug, Clone)]
pub struct ServiceLimits {
    /// Largest request in bytes; more gets `ErrorMessageSizeExceeded`.
    pub max_request: usize,
    /// Items that one FindItem returns at most (`EWSFindCountLimit`).
    pub max_find: u32,
}

impl Default for ServiceLimits {
    fn default() -> Self {
        Self { max_request: 256 * 1024 * 1024, max_find: 1000 }
    }
}

/// Exchange Web Services over a store and a directory. Cheap to clone.
#[derive(Clone)]
pub struct ExchangeService {
    inner: Arc<Inner>,
}

struct Inner {
    _store: Store,
    _directory: Arc<Directory>,
    _limits: ServiceLimits,
}

impl ExchangeService {
    #[must_use]
    pub fn new(store: Store, directory: Arc<Directory>, limits: ServiceLimits) -> Self {
        Self { inner: Arc::new(Inner { _store: store, _directory: directory, _limits: limits }) }
    }

    /// Answers one request. `anchor` is the `X-AnchorMailbox` header; `hook` may intervene before the request is
    /// executed and after it took effect.
    pub async fn answer(
        &self,
        _caller: &Caller,
        _anchor: Option<&str>,
        _body: Bytes,
        _hook: &dyn FaultHook,
    ) -> SoapAnswer {
        let _ = &self.inner;
        unimplemented!()
    }
}
