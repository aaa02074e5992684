//! The door through which faults reach a request.

use std::future::Future;
use std::pin::Pin;

use super::SoapAnswer;

/// What is known of a request once its envelope and impersonation have been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestFacts {
    /// Number of the request since the service started, from 1.
    pub number: u64,
    /// Name of the operation: `FindItem`, `UpdateItem`, …
    pub operation: &'static str,
    /// UPN of the caller.
    pub caller: String,
    /// UPN of the one in whose name the request acts: the impersonated person, else the caller.
    pub acting_as: String,
    /// Primary SMTP address of that person; empty when there is none.
    pub mailbox: String,
    /// Whether the request impersonates.
    pub impersonating: bool,
    /// The `X-AnchorMailbox` header.
    pub anchor: Option<String>,
    /// Whether the operation changes the mailbox.
    pub writes: bool,
}

/// What is to become of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Go on as if nothing had been.
    Continue,
    /// Send this answer instead.
    Answer(SoapAnswer),
    /// Refuse in the words of EWS.
    Refuse(Refusal),
    /// Refuse so many parts of an `UpdateItem` from this one on, and execute the others; without a count, refuse this one
    /// and do not come to those that follow.
    RefuseParts { from: usize, count: Option<usize>, refusal: Refusal },
    /// Cut the connection without an answer.
    DropConnection,
}

/// A refusal in the words of EWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Response code, such as `ErrorServerBusy`.
    pub code: String,
    pub message: String,
    /// Named values of `MessageXml`, such as `BackOffMilliseconds`.
    pub values: Vec<(String, String)>,
    /// As a SOAP fault under this HTTP status; none: as the response code of each item asked for, under 200.
    pub fault: Option<u16>,
}

type Intervention<'a> = Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

/// Intervenes in requests. A delay is a future that takes its time.
pub trait FaultHook: Send + Sync {
    /// Before the request is executed. Anything but [`Verdict::Continue`] keeps it, or a part of it, from being executed.
    fn before<'a>(&'a self, _request: &'a RequestFacts) -> Intervention<'a> {
        Box::pin(std::future::ready(Verdict::Continue))
    }

    /// After it took effect and was committed, with the answer that would be sent.
    fn after<'a>(&'a self, _request: &'a RequestFacts, _answer: &'a SoapAnswer) -> Intervention<'a> {
        Box::pin(std::future::ready(Verdict::Continue))
    }
}

/// Lets every request pass.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFaults;

impl FaultHook for NoFaults {}
