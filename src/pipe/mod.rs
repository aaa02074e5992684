//! The local API that both programs share: HTTP/1.1 with JSON over a Unix-domain socket, or a named pipe on
//! Windows. Any tool can speak it: `curl --unix-socket PATH http://siu/v1/status`.
//!
//! | route | what |
//! |---|---|
//! | `GET /v1/status` | [`types::Status`] |
//! | `GET /v1/settings` | [`types::SettingsDocument`], with its version as `ETag` |
//! | `PUT /v1/settings` | [`types::SettingsChange`]; `If-Match` with the version that was read is required |
//! | `POST /v1/messages` | a processed message as `message/rfc822`; 201 with [`types::Receipt`] once it is on disk |
//! | `GET /v1/messages` | [`types::Listed`], newest first; query as in [`types::Filter`] |
//! | `GET /v1/messages/series` | [`types::Series`]: how many ended when; query as in [`types::SeriesQuery`] |
//! | `GET /v1/messages/{id}` | one [`types::Listed`] |
//! | `GET /v1/messages/{id}/content` | the processed message |
//! | `GET /v1/messages/{id}/sent-copy` | [`types::SentCopy`]: what Sent Items shows of it now, asked of Exchange |
//! | `POST /v1/messages/{id}/retry` | tries a finished one again: [`types::Retried`] |
//! | `POST /v1/messages/retry-failed` | tries all that failed again: [`types::Retried`] |
//! | `GET /v1/scope` | [`types::ScopeReport`]: the entries of the senders' scope and what is known of them |
//! | `GET /v1/organisation` | [`types::OrganisationReport`]: where the settings come from, and who shares them |
//! | `PUT /v1/organisation` | [`types::Join`]: joins an organisation, once an administrator has registered the updater |
//! | `DELETE /v1/organisation` | leaves it; query as in [`types::Leave`] |
//! | `POST /v1/organisation/publish` | publishes what is in force here above every version seen |
//! | `POST /v1/organisation/seal` | looks at once, and encrypts the secret to whom it concerns; these four give the report, too |
//! | `POST /v1/impersonation-test` | [`types::ImpersonationTest`] with the account in force: [`types::ImpersonationResult`] |
//! | `GET /v1/diagnostics` | [`types::Diagnostics`]: one document for those who help, without a secret |
//! | `GET /v1/events` | Server-Sent Events, each a [`types::Event`] |
//!
//! Every refusal is a [`types::Problem`] in JSON. Who may connect is decided in [`listener`], before a byte is
//! read.

pub mod client;
pub mod listener;
pub mod types;

#[cfg(unix)]
#[path = "unix.rs"]
mod platform;
#[cfg(windows)]
#[path = "windows.rs"]
mod platform;

use std::path::PathBuf;

/// Where the updater listens unless told otherwise: `SIU_PIPE`, else the place of the service, else (on Unix, for
/// a user other than root) a place of the user's own.
#[must_use]
pub fn default_path() -> PathBuf {
    chosen().unwrap_or_else(platform::default_path)
}

/// Where clients look unless told otherwise. A user other than root with no updater running looks at the service's.
#[must_use]
pub fn client_path() -> PathBuf {
    #[cfg(unix)]
    let place = platform::client_path;
    #[cfg(windows)]
    let place = platform::default_path;
    chosen().unwrap_or_else(place)
}

fn chosen() -> Option<PathBuf> {
    std::env::var_os("SIU_PIPE").filter(|path| !path.is_empty()).map(PathBuf::from)
}
