//! Exchange Web Services as the sandbox answers them: a SOAP envelope in, a SOAP envelope out.
//!
//! Listening, signing in, throttling and faults are the business of those around it; [`FaultHook`] is their door.

mod answer;
mod aqs;
mod envelope;
mod fields;
mod folders;
mod hook;
mod mapi;
mod operations;
mod paths;
mod problem;
mod query;
mod render;
mod restriction;
mod schema;
mod session;
mod settings;
mod shape;
mod view;
mod write;

pub use hook::{FaultHook, NoFaults, Refusal, RequestFacts, Verdict};

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::directory::Directory;
use super::store::Store;
use envelope::Header;
use operations::{Context, Request};
use problem::{Fault, Problem};
use session::Session;
use settings::Reading;

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

/// Our assumption: Exchange refuses restrictions that are too complex and documents no number.
pub const MAX_RESTRICTION: usize = 255;

/// Bounds of the service, with Exchange's defaults.
#[derive(Debug, Clone)]
pub struct ServiceLimits {
    /// Largest request in bytes; more gets `ErrorMessageSizeExceeded`.
    pub max_request: usize,
    /// Items that one FindItem returns at most (`EWSFindCountLimit`).
    pub max_find: u32,
    /// Conditions, and combinations of them, that a restriction may have; more gets `ErrorRestrictionTooComplex`.
    pub max_restriction: usize,
}

impl Default for ServiceLimits {
    fn default() -> Self {
        Self { max_request: 256 * 1024 * 1024, max_find: 1000, max_restriction: MAX_RESTRICTION }
    }
}

/// Exchange Web Services over a store and a directory. Cheap to clone.
#[derive(Clone)]
pub struct ExchangeService {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    directory: Arc<Directory>,
    limits: ServiceLimits,
    requests: AtomicU64,
}

/// A request after its XML has been read.
struct Read {
    header: Header,
    operation: &'static str,
    request: Request,
}

/// Requests of more bytes are read on a thread of their own, so that they hold up no others.
const LARGE: usize = 256 * 1024;

impl Inner {
    async fn read(self: &Arc<Self>, body: Bytes) -> Result<Read, Fault> {
        if body.len() > self.limits.max_request {
            let problem = Problem::new("ErrorMessageSizeExceeded", "The message exceeds the maximum supported size.");
            return Err(problem.into());
        }
        if body.len() < LARGE {
            return self.parse(&body);
        }
        let inner = self.clone();
        let failed = |_| Problem::new("ErrorInternalServerError", "An internal server error occurred.").into();
        tokio::task::spawn_blocking(move || inner.parse(&body)).await.unwrap_or_else(|error| Err(failed(error)))
    }

    fn parse(&self, body: &[u8]) -> Result<Read, Fault> {
        let text = std::str::from_utf8(body)
            .map_err(|_| Fault::schema(1, 1, "Invalid character in the given encoding. Line 1, position 1."))?;
        let document = envelope::parse(text.trim_start_matches('\u{feff}'))?;
        let (header, element) = envelope::open(&document)?;
        let operation = match schema::operation(element, header.version) {
            Some(operation) => operation,
            None if schema::is_message(element) => {
                let name = element.tag_name().name();
                let message = format!("The sandbox organisation does not offer the operation {name}.");
                return Err(Problem::new("ErrorInvalidOperation", message).into());
            }
            None => "",
        };
        schema::check(element, header.version)?;
        let reading = Reading { directory: &self.directory, now: jiff::Timestamp::now().as_millisecond() };
        let request = Request::read(operation, element, Context { version: header.version, reading })?;
        Ok(Read { header, operation, request })
    }
}

/// What a hook's verdict puts in the place of an answer.
fn instead(verdict: Verdict, operation: &'static str, parts: usize) -> Option<SoapAnswer> {
    match verdict {
        Verdict::Continue | Verdict::RefuseParts { .. } => None,
        Verdict::Answer(answer) => Some(answer),
        Verdict::DropConnection => Some(SoapAnswer { status: 500, body: Bytes::new(), drop_connection: true }),
        Verdict::Refuse(refusal) => {
            let problem = Problem::from(&refusal);
            Some(match refusal.fault {
                Some(status) => Fault { problem, status }.answer(),
                None => operations::refuse_all(operation, parts, &problem),
            })
        }
    }
}

impl ExchangeService {
    #[must_use]
    pub fn new(store: Store, directory: Arc<Directory>, limits: ServiceLimits) -> Self {
        Self { inner: Arc::new(Inner { store, directory, limits, requests: AtomicU64::new(0) }) }
    }

    /// Answers one request. `anchor` is the `X-AnchorMailbox` header; `hook` may intervene before the request is
    /// executed and after it took effect.
    pub async fn answer(&self, caller: &Caller, anchor: Option<&str>, body: Bytes, hook: &dyn FaultHook) -> SoapAnswer {
        let number = self.inner.requests.fetch_add(1, Ordering::Relaxed) + 1;
        // The bytes are gone from here on: the request is known by what was read from them.
        let Read { header, operation, mut request } = match self.inner.read(body).await {
            Ok(read) => read,
            Err(fault) => return fault.answer(),
        };
        let session = match Session::begin(&self.inner, &caller.upn, header.impersonation.as_ref(), header.version) {
            Ok(session) => session,
            Err(fault) => return fault.answer(),
        };
        let facts = RequestFacts {
            number,
            operation,
            caller: caller.upn.clone(),
            acting_as: session.person.upn.clone(),
            mailbox: session.person.primary.clone(),
            impersonating: session.impersonating,
            anchor: anchor.map(str::to_owned),
            writes: request.writes(),
        };
        let parts = request.parts();
        match hook.before(&facts).await {
            Verdict::RefuseParts { from, count, refusal } => {
                let behind = from.saturating_add(count.unwrap_or(1));
                request.refuse(from..behind, &Problem::from(&refusal));
                if count.is_none() {
                    let message = "Batch processing stopped because of an error that concerns the whole batch.";
                    request.refuse(behind..usize::MAX, &Problem::new("ErrorBatchProcessingStopped", message));
                }
            }
            verdict => {
                if let Some(instead) = instead(verdict, operation, parts) {
                    return instead;
                }
            }
        }
        let answer = request.execute(&session).await.unwrap_or_else(|fault| fault.answer());
        instead(hook.after(&facts, &answer).await, operation, parts).unwrap_or(answer)
    }
}
