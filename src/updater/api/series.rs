//! `GET /v1/messages/series`

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;

use super::{Context, answer, refusal};
use crate::pipe::types::SeriesQuery;

pub async fn series(State(shared): Context, query: Result<Query<SeriesQuery>, QueryRejection>) -> Response {
    match query {
        Ok(Query(query)) => answer(shared.queue.series(&query).await),
        Err(rejection) => refusal(rejection.status(), "not-understood", rejection.body_text()),
    }
}
