//! `/v1/organisation`: where the settings come from, and who shares them.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{ConnectInfo, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tracing::info;

use super::{Context, refusal, store_problem};
use crate::pipe::listener::Peer;
use crate::pipe::types::{Join, Leave};
use crate::updater::organisation::ChangeError;
use crate::updater::service::Shared;

pub async fn organisation(State(shared): Context) -> Response {
    report(&shared, Ok(()))
}

pub async fn join(
    State(shared): Context,
    peer: ConnectInfo<Peer>,
    join: Result<Json<Join>, JsonRejection>,
) -> Response {
    let join = match join {
        Ok(Json(join)) => join,
        Err(rejection) => return refusal(rejection.status(), "not-understood", rejection.body_text()),
    };
    info!(peer = peer.0.name, organisation = %join.organisation, "is to join an organisation");
    report(&shared, shared.organisation.join(join, &peer.0.name).await)
}

pub async fn leave(
    State(shared): Context,
    peer: ConnectInfo<Peer>,
    leave: Result<Query<Leave>, QueryRejection>,
) -> Response {
    let leave = match leave {
        Ok(Query(leave)) => leave,
        Err(rejection) => return refusal(rejection.status(), "not-understood", rejection.body_text()),
    };
    info!(peer = peer.0.name, "is to leave its organisation");
    report(&shared, shared.organisation.leave(leave).await)
}

pub async fn publish(State(shared): Context, peer: ConnectInfo<Peer>) -> Response {
    info!(peer = peer.0.name, "is to publish what is in force here");
    report(&shared, shared.organisation.publish_own(&peer.0.name).await)
}

pub async fn seal(State(shared): Context) -> Response {
    shared.organisation.look_at_once().await;
    report(&shared, Ok(()))
}

fn report(shared: &Shared, done: Result<(), ChangeError>) -> Response {
    match done.and_then(|()| shared.organisation.report()) {
        Ok(report) => Json(report).into_response(),
        Err(error) => problem(&error),
    }
}

/// Why settings, or what they are shared in, were not changed.
pub fn problem(error: &ChangeError) -> Response {
    let (status, code) = match error {
        ChangeError::Store(error) => store_problem(error),
        ChangeError::PublishedOnly(_) => (StatusCode::INTERNAL_SERVER_ERROR, "published-only"),
        ChangeError::Directory(_) => (StatusCode::SERVICE_UNAVAILABLE, "directory"),
        ChangeError::Denied(_) => (StatusCode::CONFLICT, "directory-refused"),
        ChangeError::Unknown(_) => (StatusCode::GATEWAY_TIMEOUT, "outcome-unknown"),
        ChangeError::Refused(_) | ChangeError::NotOurs(_) => (StatusCode::CONFLICT, "published-refused"),
        ChangeError::Newer { .. } => (StatusCode::CONFLICT, "published-newer"),
        ChangeError::NotRegistered | ChangeError::OtherKey { .. } => (StatusCode::CONFLICT, "not-registered"),
        ChangeError::NotJoined | ChangeError::JoinedAnother => (StatusCode::CONFLICT, "membership"),
        ChangeError::Document(_) => (StatusCode::UNPROCESSABLE_ENTITY, "settings-wrong"),
        ChangeError::Key(_) | ChangeError::Membership(_) | ChangeError::Broken(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, "organisation")
        }
    };
    refusal(status, code, error.to_string())
}

#[cfg(test)]
mod tests;
