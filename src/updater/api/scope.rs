//! `GET /v1/scope`

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::Context;

pub async fn scope(State(shared): Context) -> Response {
    Json(shared.scope.report()).into_response()
}
