//! The updater's side of the local API: the routes that [`crate::pipe`] lists.

mod diagnostics;
mod exchange;
mod organisation;
mod scope;
mod series;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{ConnectInfo, DefaultBodyLimit, Path, Query, State};
use axum::http::header::{CONTENT_TYPE, ETAG, IF_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, middleware};
use futures_util::{Stream, StreamExt as _};
use tokio::sync::broadcast::error::RecvError;
use tracing::{debug, info};

use super::gate::Gate;
use super::intake::{Accept as _, AcceptError, Received, Source, Unusable};
use super::queue::{QueueError, Retry};
use super::service::Shared;
use super::settings_store::StoreError;
use super::spool::SpoolError;
use crate::pipe::listener::Peer;
use crate::pipe::types::{Event, Filter, Problem, Receipt, Retried, SettingsChange, SettingsDocument};

/// How long the rest of a message that is refused is read and thrown away.
const DRAIN_WITHIN: Duration = Duration::from_mins(1);

/// How often listeners are told of notices that changed.
const NOTICES_EVERY: Duration = Duration::from_secs(15);

type Context = State<Arc<Shared>>;

pub fn routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/settings", get(settings).put(change_settings))
        .route("/v1/messages", get(list).post(submit))
        .route("/v1/messages/retry-failed", post(retry_failed))
        .route("/v1/messages/series", get(series::series))
        .route("/v1/messages/{id}", get(message))
        .route("/v1/messages/{id}/content", get(content))
        .route("/v1/messages/{id}/sent-copy", get(exchange::sent_copy))
        .route("/v1/messages/{id}/retry", post(retry))
        .route("/v1/organisation", get(organisation::organisation).put(organisation::join).delete(organisation::leave))
        .route("/v1/organisation/publish", post(organisation::publish))
        .route("/v1/organisation/seal", post(organisation::seal))
        .route("/v1/scope", get(scope::scope))
        .route("/v1/impersonation-test", post(exchange::test_impersonation))
        .route("/v1/diagnostics", get(diagnostics::diagnostics))
        .route("/v1/events", get(events))
        .fallback(async || refusal(StatusCode::NOT_FOUND, "no-such-route", "the local API has no such route"))
        .method_not_allowed_fallback(async || {
            refusal(StatusCode::METHOD_NOT_ALLOWED, "method", "the local API does not take this method here")
        })
        // Settings are bounded by this; messages are streamed and bounded by their own setting.
        .layer(DefaultBodyLimit::max(4 * 1024 * 1024))
        .layer(middleware::from_fn(log))
        .with_state(shared)
}

async fn log(peer: ConnectInfo<Peer>, request: axum::extract::Request, next: middleware::Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let answer = next.run(request).await;
    debug!(peer = peer.0.name, %method, path, status = answer.status().as_u16(), "local API");
    answer
}

fn refusal(status: StatusCode, code: &str, message: impl Into<String>) -> Response {
    let temporary = matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::INSUFFICIENT_STORAGE);
    (status, Json(Problem { code: code.to_owned(), message: message.into(), temporary })).into_response()
}

async fn status(State(shared): Context) -> Response {
    Json(shared.status()).into_response()
}

async fn settings(State(shared): Context) -> Response {
    let in_force = shared.settings.get();
    let document =
        SettingsDocument { settings: in_force.settings.clone(), password_stored: in_force.password.is_some() };
    ([(ETAG, quoted(&in_force.version))], Json(document)).into_response()
}

fn quoted(version: &str) -> String {
    format!("\"{version}\"")
}

async fn change_settings(
    State(shared): Context,
    peer: ConnectInfo<Peer>,
    headers: HeaderMap,
    change: Result<Json<SettingsChange>, JsonRejection>,
) -> Response {
    let Some(based_on) = headers.get(IF_MATCH).and_then(|value| value.to_str().ok()) else {
        return refusal(
            StatusCode::PRECONDITION_REQUIRED,
            "version-required",
            "say in If-Match which version of the settings the change is based on",
        );
    };
    let change = match change {
        Ok(Json(change)) => change,
        Err(rejection) => return refusal(rejection.status(), "not-understood", rejection.body_text()),
    };
    match shared.organisation.change(change, based_on.trim_matches('"'), &peer.0.name).await {
        Ok(now) => {
            info!(peer = peer.0.name, version = now.version, "the settings were changed");
            (StatusCode::NO_CONTENT, [(ETAG, quoted(&now.version))]).into_response()
        }
        Err(error) => organisation::problem(&error),
    }
}

fn store_problem(error: &StoreError) -> (StatusCode, &'static str) {
    match error {
        StoreError::Conflict => (StatusCode::PRECONDITION_FAILED, "changed-meanwhile"),
        StoreError::Wrong(_) | StoreError::NoPassword { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "settings-wrong"),
        StoreError::File { .. } | StoreError::NotUnderstood { .. } | StoreError::Secret(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, "settings-not-stored")
        }
    }
}

async fn submit(State(shared): Context, body: Body) -> Response {
    let mut pieces = body.into_data_stream();
    match take(&shared, &mut pieces).await {
        Ok(receipt) => (StatusCode::CREATED, Json(receipt)).into_response(),
        Err(refusal) => {
            // A client that is still sending would see a broken connection instead of the reason.
            let rest = async { while pieces.next().await.is_some_and(|piece| piece.is_ok()) {} };
            let _ = tokio::time::timeout(DRAIN_WITHIN, rest).await;
            refusal
        }
    }
}

/// Takes an arriving message in, or says why not.
async fn take(shared: &Shared, pieces: &mut BodyDataStream) -> Result<Receipt, Response> {
    if shared.stop.is_cancelled() {
        return Err(not_accepted(&AcceptError::Stopping));
    }
    let mut writer = shared.queue.spool().writer();
    while let Some(piece) = pieces.next().await {
        let piece =
            piece.map_err(|error| refusal(StatusCode::BAD_REQUEST, "incomplete", format!("it broke off: {error}")))?;
        writer.write(&piece).map_err(|error| {
            let (status, code) = match &error {
                SpoolError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too-large"),
                error if error.is_disk_full() => (StatusCode::INSUFFICIENT_STORAGE, "disk-full"),
                SpoolError::Io { .. } => (StatusCode::SERVICE_UNAVAILABLE, "storage"),
            };
            refusal(status, code, error.to_string())
        })?;
    }
    let received = Received { content: writer.finish(), source: Source::Api, unusable: Unusable::Refuse };
    Gate::new(shared.queue.clone()).accept(received).await.map_err(|error| not_accepted(&error))
}

fn not_accepted(error: &AcceptError) -> Response {
    let (status, code) = match error {
        AcceptError::Unusable(_) => (StatusCode::UNPROCESSABLE_ENTITY, "unusable"),
        AcceptError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too-large"),
        AcceptError::DiskFull { .. } => (StatusCode::INSUFFICIENT_STORAGE, "disk-full"),
        AcceptError::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
        AcceptError::Storage(_) => (StatusCode::SERVICE_UNAVAILABLE, "storage"),
    };
    refusal(status, code, error.to_string())
}

async fn list(State(shared): Context, filter: Result<Query<Filter>, QueryRejection>) -> Response {
    match filter {
        Ok(Query(filter)) => answer(shared.queue.list(&filter).await),
        Err(rejection) => refusal(rejection.status(), "not-understood", rejection.body_text()),
    }
}

async fn message(State(shared): Context, Path(id): Path<i64>) -> Response {
    answer(shared.queue.get(id).await)
}

async fn content(State(shared): Context, Path(id): Path<i64>) -> Response {
    match shared.queue.content(id).await {
        Ok(bytes) => ([(CONTENT_TYPE, "message/rfc822")], bytes).into_response(),
        Err(error) => queue_problem(&error),
    }
}

async fn retry(State(shared): Context, Path(id): Path<i64>) -> Response {
    if let Err(error) = shared.queue.get(id).await {
        return queue_problem(&error);
    }
    answer(shared.queue.retry(Retry::One(id)).await.map(|messages| Retried { messages }))
}

async fn retry_failed(State(shared): Context) -> Response {
    answer(shared.queue.retry(Retry::AllFailed).await.map(|messages| Retried { messages }))
}

fn answer<T: serde::Serialize>(result: Result<T, QueueError>) -> Response {
    match result {
        Ok(value) => Json(value).into_response(),
        Err(error) => queue_problem(&error),
    }
}

fn queue_problem(error: &QueueError) -> Response {
    let (status, code) = match error {
        QueueError::NoSuchMessage { .. } => (StatusCode::NOT_FOUND, "no-such-message"),
        QueueError::ContentGone { .. } => (StatusCode::GONE, "content-gone"),
        QueueError::Series(_) => (StatusCode::BAD_REQUEST, "bad-range"),
        QueueError::DiskFull => (StatusCode::INSUFFICIENT_STORAGE, "disk-full"),
        QueueError::Closed => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
        QueueError::Shared(_) => (StatusCode::SERVICE_UNAVAILABLE, "queue"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "queue"),
    };
    refusal(status, code, error.to_string())
}

/// The status at once, then everything that changes.
async fn events(State(shared): Context) -> impl IntoResponse {
    Sse::new(stream(shared)).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}

fn stream(shared: Arc<Shared>) -> impl Stream<Item = Result<SseEvent, Infallible>> + Send {
    let (sender, receiver) = tokio::sync::mpsc::channel(64);
    tokio::spawn(async move {
        let mut messages = shared.queue.watch_messages();
        let mut counts = shared.queue.watch_counts();
        let mut activity = shared.activity.subscribe();
        let mut settings = shared.settings.watch();
        let mut organisation = shared.organisation.watch();
        let mut doors = shared.doors.subscribe();
        let status = shared.status();
        // Notices can come and go by themselves, as the room on a disk does.
        let mut notices = status.notices.clone();
        let mut look = tokio::time::interval(NOTICES_EVERY);
        let mut next = vec![Event::Status(status)];
        // Sending ends when the listener has gone or the updater stops.
        loop {
            for event in next.drain(..) {
                let Ok(text) = serde_json::to_string(&event) else { continue };
                if sender.send(Ok(SseEvent::default().data(text))).await.is_err() {
                    return;
                }
            }
            tokio::select! {
                () = sender.closed() => return,
                () = shared.stop.cancelled() => return,
                changed = messages.recv() => match changed {
                    Ok(ids) => match shared.queue.get_all(&ids).await {
                        Ok(rows) => next.extend(rows.into_iter().map(Event::Message)),
                        Err(_) => return,
                    },
                    Err(RecvError::Lagged(events)) => next.push(Event::Missed { events }),
                    Err(RecvError::Closed) => return,
                },
                Ok(()) = counts.changed() => next.push(Event::Counts(*counts.borrow_and_update())),
                Ok(()) = activity.changed() => {
                    activity.mark_unchanged();
                    next.push(Event::Status(shared.status()));
                }
                Ok(()) = settings.changed() => {
                    settings.mark_unchanged();
                    next.push(Event::Status(shared.status()));
                }
                Ok(()) = organisation.changed() => {
                    organisation.mark_unchanged();
                    next.push(Event::Status(shared.status()));
                }
                _ = look.tick() => {
                    let status = shared.status();
                    if status.notices != notices {
                        notices.clone_from(&status.notices);
                        next.push(Event::Status(status));
                    }
                }
                Ok(()) = doors.changed() => {
                    doors.mark_unchanged();
                    next.push(Event::Status(shared.status()));
                }
            }
        }
    });
    futures_util::stream::unfold(receiver, async |mut receiver| receiver.recv().await.map(|event| (event, receiver)))
}
