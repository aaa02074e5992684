//! The other end of the pipe: what the panel and the command line use.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use reqwest::header::{CONTENT_TYPE, ETAG, IF_MATCH};
use reqwest::{Body, Method, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;

use super::platform;
use super::types::{
    Diagnostics, Event, Filter, ImpersonationResult, ImpersonationTest, Join, Leave, Listed, OrganisationReport,
    Problem, Receipt, Retried, ScopeReport, SentCopy, Series, SeriesQuery, SettingsChange, SettingsDocument, Status,
};

/// What went wrong between us and the updater, in words for the administrator.
#[derive(Debug, thiserror::Error)]
pub enum PipeError {
    #[error("the updater does not run (nothing listens at {})", path.display())]
    NotRunning { path: PathBuf },
    #[error("the pipe can't be trusted: {0}")]
    Untrusted(std::io::Error),
    #[error("the updater does not answer in time")]
    Timeout,
    #[error("the connection to the updater broke: {}", cause(.0))]
    Broken(#[source] reqwest::Error),
    #[error("{}", problem.message)]
    Refused { status: u16, problem: Problem },
    #[error("somebody else changed the settings meanwhile; read them again")]
    Conflict,
    #[error("the updater's answer is not understood; is it of another version? ({0})")]
    NotUnderstood(String),
    #[error("{} can't be read: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
}

impl PipeError {
    fn from_reqwest(error: reqwest::Error) -> Self {
        if error.is_timeout() { Self::Timeout } else { Self::Broken(error) }
    }
}

/// Whether this is what kept us from connecting.
fn in_the_way(error: &(dyn std::error::Error + 'static), what: fn(&std::io::Error) -> bool) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(what)
        || error.source().is_some_and(|source| in_the_way(source, what))
}

/// What lies at the bottom: the layers above it say the same in other words.
fn cause(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), cause)
}

/// Version of the settings that were read, to be given back with a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsVersion(String);

impl SettingsVersion {
    /// A version that was noted down: what its [`Display`](fmt::Display) form said.
    #[must_use]
    pub fn noted(text: &str) -> Self {
        Self(format!("\"{}\"", text.trim_matches('"')))
    }
}

impl fmt::Display for SettingsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.trim_matches('"'))
    }
}

/// A client of the local API. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    path: PathBuf,
}

const TIMEOUT: Duration = Duration::from_secs(30);

/// How long to ask an updater again that has no room for one more.
const PATIENCE: Duration = Duration::from_secs(10);

/// For what the updater has to ask the directory: several requests, each with a time-out of its own.
const DIRECTORY_TIMEOUT: Duration = Duration::from_secs(150);

/// For what the updater has to ask Exchange.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(90);

impl Client {
    /// # Errors
    /// When no HTTP client can be made at all.
    pub fn new(path: &Path) -> Result<Self, PipeError> {
        let http = platform::client_builder(path).no_proxy().build().map_err(PipeError::Broken)?;
        Ok(Self { http, path: path.to_owned() })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub async fn status(&self) -> Result<Status, PipeError> {
        self.json(self.request(Method::GET, "status")).await
    }

    pub async fn settings(&self) -> Result<(SettingsDocument, SettingsVersion), PipeError> {
        let answer = self.send(self.request(Method::GET, "settings").timeout(TIMEOUT)).await?;
        let version = version_of(&answer)?;
        Ok((read(answer).await?, version))
    }

    /// Gives new settings to the updater, provided that those in force are still the ones that were read.
    pub async fn change_settings(
        &self,
        change: &SettingsChange,
        read: &SettingsVersion,
    ) -> Result<SettingsVersion, PipeError> {
        let request = self.request(Method::PUT, "settings").header(IF_MATCH, &read.0).json(change);
        // It may have to be published first.
        let request = request.timeout(DIRECTORY_TIMEOUT);
        match self.send(request).await {
            Ok(answer) => version_of(&answer),
            Err(PipeError::Refused { status, .. }) if status == StatusCode::PRECONDITION_FAILED.as_u16() => {
                Err(PipeError::Conflict)
            }
            Err(error) => Err(error),
        }
    }

    /// Submits a message. When this returns, the updater has it on disk.
    pub async fn submit(&self, message: impl Into<Body>) -> Result<Receipt, PipeError> {
        let request = self.request(Method::POST, "messages").header(CONTENT_TYPE, "message/rfc822").body(message);
        self.json_within(request, Duration::from_secs(600)).await
    }

    /// Submits a file, streamed.
    pub async fn submit_file(&self, path: &Path) -> Result<Receipt, PipeError> {
        let file = tokio::fs::File::open(path).await;
        let file = file.map_err(|source| PipeError::File { path: path.to_owned(), source })?;
        self.submit(file).await
    }

    pub async fn messages(&self, filter: &Filter) -> Result<Vec<Listed>, PipeError> {
        self.json(self.request(Method::GET, "messages").query(filter)).await
    }

    pub async fn message(&self, id: i64) -> Result<Listed, PipeError> {
        self.json(self.request(Method::GET, &format!("messages/{id}"))).await
    }

    pub async fn content(&self, id: i64) -> Result<Bytes, PipeError> {
        let answer = self.send(self.request(Method::GET, &format!("messages/{id}/content"))).await?;
        answer.bytes().await.map_err(PipeError::from_reqwest)
    }

    pub async fn retry(&self, id: i64) -> Result<Retried, PipeError> {
        self.json(self.request(Method::POST, &format!("messages/{id}/retry"))).await
    }

    pub async fn retry_failed(&self) -> Result<Retried, PipeError> {
        self.json(self.request(Method::POST, "messages/retry-failed")).await
    }

    /// How many messages ended when.
    pub async fn series(&self, query: &SeriesQuery) -> Result<Series, PipeError> {
        self.json(self.request(Method::GET, "messages/series").query(query)).await
    }

    /// What Sent Items shows of a message now. The updater asks Exchange, which may take a while.
    pub async fn sent_copy(&self, id: i64) -> Result<SentCopy, PipeError> {
        self.json_within(self.request(Method::GET, &format!("messages/{id}/sent-copy")), EXCHANGE_TIMEOUT).await
    }

    /// Opens Sent Items of a mailbox with the account in force (W10). That it does not work is no error here.
    pub async fn test_impersonation(&self, mailbox: &str) -> Result<ImpersonationResult, PipeError> {
        let test = ImpersonationTest { mailbox: mailbox.to_owned() };
        self.json_within(self.request(Method::POST, "impersonation-test").json(&test), EXCHANGE_TIMEOUT).await
    }

    /// The entries of the senders' scope and what is known of them.
    pub async fn scope(&self) -> Result<ScopeReport, PipeError> {
        self.json(self.request(Method::GET, "scope")).await
    }

    /// Where the settings come from, and who shares them.
    pub async fn organisation(&self) -> Result<OrganisationReport, PipeError> {
        self.json(self.request(Method::GET, "organisation")).await
    }

    /// Joins an organisation, after an administrator has registered the updater that [`Client::organisation`] tells of.
    pub async fn join_organisation(&self, join: &Join) -> Result<OrganisationReport, PipeError> {
        self.json_within(self.request(Method::PUT, "organisation").json(join), DIRECTORY_TIMEOUT).await
    }

    /// Leaves it: the settings are this computer's own again.
    pub async fn leave_organisation(&self, leave: &Leave) -> Result<OrganisationReport, PipeError> {
        self.json_within(self.request(Method::DELETE, "organisation").query(leave), DIRECTORY_TIMEOUT).await
    }

    /// Publishes what is in force at this updater above every version that it has seen.
    pub async fn publish_organisation(&self) -> Result<OrganisationReport, PipeError> {
        self.json_within(self.request(Method::POST, "organisation/publish"), DIRECTORY_TIMEOUT).await
    }

    /// Has the updater look at once, and encrypt the secret to those who were registered meanwhile.
    pub async fn seal_organisation(&self) -> Result<OrganisationReport, PipeError> {
        self.json_within(self.request(Method::POST, "organisation/seal"), DIRECTORY_TIMEOUT).await
    }

    /// One document for those who help, without a secret.
    pub async fn diagnostics(&self) -> Result<Diagnostics, PipeError> {
        self.json(self.request(Method::GET, "diagnostics")).await
    }

    /// What happens from now on. The stream ends when the updater does.
    pub async fn events(&self) -> Result<impl Stream<Item = Result<Event, PipeError>> + Send + use<>, PipeError> {
        let answer = self.send(self.request(Method::GET, "events")).await?;
        let mut pending = Vec::new();
        Ok(answer.bytes_stream().flat_map(move |piece| {
            let events = match piece {
                Ok(piece) => {
                    pending.extend_from_slice(&piece);
                    complete_events(&mut pending)
                }
                Err(error) => vec![Err(PipeError::from_reqwest(error))],
            };
            futures_util::stream::iter(events)
        }))
    }

    fn request(&self, method: Method, route: &str) -> RequestBuilder {
        self.http.request(method, format!("http://siu/v1/{route}"))
    }

    async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, PipeError> {
        self.json_within(request, TIMEOUT).await
    }

    async fn json_within<T: DeserializeOwned>(&self, request: RequestBuilder, time: Duration) -> Result<T, PipeError> {
        read(self.send(request.timeout(time)).await?).await
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, PipeError> {
        let answer = self.sent(request).await?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let body = answer.bytes().await.map_err(PipeError::from_reqwest)?;
        let problem = serde_json::from_slice(&body)
            .map_err(|_| PipeError::NotUnderstood(format!("status {status} without a reason")))?;
        Err(PipeError::Refused { status: status.as_u16(), problem })
    }

    /// What has no room for us now is asked again: it has, as soon as the updater has looked at whoever came before us.
    async fn sent(&self, mut request: RequestBuilder) -> Result<Response, PipeError> {
        let until = Instant::now() + PATIENCE;
        loop {
            self.look_at_owner().await?;
            let again = request.try_clone();
            if again.is_none() && platform::MAY_HAVE_NO_ROOM {
                // What is a stream can't be sent again. It follows on the connection of a question that can.
                Box::pin(self.status()).await?;
            }
            match (request.send().await, again) {
                (Err(error), Some(again)) if in_the_way(&error, platform::no_room) && Instant::now() < until => {
                    request = again;
                }
                (result, _) => return result.map_err(|error| self.not_sent(error)),
            }
        }
    }

    async fn look_at_owner(&self) -> Result<(), PipeError> {
        platform::check_owner(&self.path).await.map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => self.not_running(),
            _ if platform::no_room(&error) => PipeError::Timeout,
            _ => PipeError::Untrusted(error),
        })
    }

    fn not_sent(&self, error: reqwest::Error) -> PipeError {
        if !error.is_connect() {
            return PipeError::from_reqwest(error);
        }
        match error {
            error if in_the_way(&error, |error| error.kind() == std::io::ErrorKind::PermissionDenied) => {
                self.not_permitted()
            }
            error if in_the_way(&error, platform::no_room) => PipeError::Timeout,
            _ => self.not_running(),
        }
    }

    fn not_permitted(&self) -> PipeError {
        let message = format!(
            "you may not use the updater's local API at {}; administrators may, and who belongs to the group of that file",
            self.path.display()
        );
        let problem = Problem { code: "not-permitted".to_owned(), message, temporary: false };
        PipeError::Refused { status: StatusCode::FORBIDDEN.as_u16(), problem }
    }

    fn not_running(&self) -> PipeError {
        PipeError::NotRunning { path: self.path.clone() }
    }
}

async fn read<T: DeserializeOwned>(answer: Response) -> Result<T, PipeError> {
    let body = answer.bytes().await.map_err(PipeError::from_reqwest)?;
    serde_json::from_slice(&body).map_err(|error| PipeError::NotUnderstood(error.to_string()))
}

fn version_of(answer: &Response) -> Result<SettingsVersion, PipeError> {
    answer
        .headers()
        .get(ETAG)
        .and_then(|value| value.to_str().ok())
        .map(|value| SettingsVersion(value.to_owned()))
        .ok_or_else(|| PipeError::NotUnderstood("settings without a version".to_owned()))
}

/// Takes the complete events out of a Server-Sent Events stream. We write one `data:` line an event, and
/// comments to keep the connection alive.
fn complete_events(pending: &mut Vec<u8>) -> Vec<Result<Event, PipeError>> {
    let mut events = Vec::new();
    while let Some(end) = pending.windows(2).position(|pair| pair == b"\n\n") {
        let block: Vec<u8> = pending.drain(..end + 2).collect();
        for line in block.split(|byte| *byte == b'\n') {
            if let Some(data) = line.strip_prefix(b"data:") {
                let event = serde_json::from_slice(data);
                events.push(event.map_err(|error| PipeError::NotUnderstood(error.to_string())));
            }
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_that_arrive_in_pieces_are_put_together() {
        let mut pending = b": hello\n\ndata: {\"event\":\"missed\",\"eve".to_vec();
        assert!(complete_events(&mut pending).is_empty());
        pending.extend_from_slice(b"nts\":3}\n\ndata: nonsense\n\n");
        let events = complete_events(&mut pending);
        assert!(matches!(&events[..], [Ok(Event::Missed { events: 3 }), Err(PipeError::NotUnderstood(_))]));
        assert!(pending.is_empty());
    }

    #[tokio::test]
    async fn an_updater_that_is_not_there_is_said_to_be_so() {
        let client = Client::new(Path::new("/nonexistent/updater.sock")).unwrap();
        assert!(matches!(client.status().await, Err(PipeError::NotRunning { .. })));
    }
}
