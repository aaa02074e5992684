//! SOAP envelopes: written as pieces that are sent one by one, read as a stream of events in one pass. No tree is
//! built of either.
//!
//! | file | what |
//! |---|---|
//! | `write` | elements, attributes and escaped text, into one buffer |
//! | `body` | a written envelope as the body of an HTTP request, base64 being made while it is sent |
//! | `content` | takes large base64 contents out of an answer while it arrives |
//! | `read` | elements by namespace and local name; refuses what an answer of EWS never has |
//! | `answer` | envelope, response messages, faults |
//! | `ids`, `item`, `property` | the wire form of what operations have in common |

pub(super) mod answer;
pub(super) mod body;
pub(super) mod content;
pub(super) mod ids;
pub(super) mod item;
pub(super) mod property;
pub(super) mod read;
pub(super) mod write;

pub use answer::ServerVersion;

pub(super) const ENVELOPE: &str = "http://schemas.xmlsoap.org/soap/envelope/";
pub(super) const MESSAGES: &str = "http://schemas.microsoft.com/exchange/services/2006/messages";
pub(super) const TYPES: &str = "http://schemas.microsoft.com/exchange/services/2006/types";
pub(super) const ERRORS: &str = "http://schemas.microsoft.com/exchange/services/2006/errors";
