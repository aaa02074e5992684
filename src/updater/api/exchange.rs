//! What a person asks of Exchange in between: the sender's copy of a message, and the impersonation test.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;
use tracing::info;

use super::{Context, queue_problem, refusal};
use crate::ews::{Concern, ErrorClass, EwsError, Explanation, FolderId, Mailbox};
use crate::message::ProcessedMessage;
use crate::pipe::types::{ImpersonationResult, ImpersonationTest, TestConcern, TestFailure};
use crate::settings::SmtpAddress;
use crate::updater::engine;
use crate::updater::exchange::{NoWay, PATIENCE};

/// `GET /v1/messages/{id}/sent-copy`
pub async fn sent_copy(State(shared): Context, Path(id): Path<i64>) -> Response {
    let bytes = match shared.queue.content(id).await {
        Ok(bytes) => bytes,
        Err(error) => {
            // A message that is not there has no content either; say the former.
            let error = shared.queue.get(id).await.err().unwrap_or(error);
            return queue_problem(&error);
        }
    };
    // A large message takes long enough to hold up others on the same thread.
    let message = match tokio::task::spawn_blocking(move || ProcessedMessage::parse(bytes)).await {
        Ok(Ok(message)) => message,
        Ok(Err(problem)) => {
            return refusal(StatusCode::UNPROCESSABLE_ENTITY, "unusable", problem.to_string());
        }
        Err(error) => return refusal(StatusCode::INTERNAL_SERVER_ERROR, "broke-off", error.to_string()),
    };
    let in_force = shared.settings.get();
    let ways = match shared.exchange.ways(&in_force) {
        Ok(ways) => ways,
        Err(problem) => return no_way(&problem),
    };
    match engine::sent_copy(&ways, &message, Instant::now() + PATIENCE).await {
        Ok(Some(copy)) => Json(copy).into_response(),
        Ok(None) => refusal(
            StatusCode::NOT_FOUND,
            "no-copy",
            format!("there is no copy of this message in Sent Items of {}", message.from()),
        ),
        Err(error) => {
            let account = in_force.settings.account.as_ref().map_or("", |account| &account.user);
            of_exchange(&error, account)
        }
    }
}

/// `POST /v1/impersonation-test`
pub async fn test_impersonation(
    State(shared): Context,
    test: Result<Json<ImpersonationTest>, JsonRejection>,
) -> Response {
    let test = match test {
        Ok(Json(test)) => test,
        Err(rejection) => return refusal(rejection.status(), "not-understood", rejection.body_text()),
    };
    let mailbox: SmtpAddress = match test.mailbox.parse() {
        Ok(mailbox) => mailbox,
        Err(problem) => return refusal(StatusCode::UNPROCESSABLE_ENTITY, "not-an-address", format!("{problem}")),
    };
    let in_force = shared.settings.get();
    let account = in_force.settings.account.as_ref().map_or("", |account| &account.user);
    let result = match shared.exchange.ways(&in_force) {
        Ok(ways) => {
            let open = |mailbox: Mailbox| async move { mailbox.get_folder(&FolderId::SENT_ITEMS).await };
            ways.ask(&mailbox, Instant::now() + PATIENCE, open).await
        }
        Err(NoWay::Client(problem)) => return failed(&mailbox, problem.explain()),
        Err(problem) => return no_way(&problem),
    };
    match result {
        Ok(folder) => {
            info!(%mailbox, account, "the impersonation test opened Sent Items");
            let items = folder.total_count.unwrap_or_default();
            Json(ImpersonationResult::Opened { mailbox: mailbox.to_string(), items }).into_response()
        }
        Err(problem) => {
            info!(%mailbox, account, %problem, "the impersonation test failed");
            failed(&mailbox, problem.explain(account))
        }
    }
}

fn failed(mailbox: &SmtpAddress, told: Explanation) -> Response {
    let Explanation { concern, what, cause, advice, details } = told;
    let mailbox = mailbox.to_string();
    let concern = match concern {
        Concern::Server => TestConcern::Server,
        Concern::Account => TestConcern::Account,
        Concern::Right => TestConcern::Right,
        Concern::Mailbox => TestConcern::Mailbox,
        Concern::Moment => TestConcern::Moment,
    };
    Json(ImpersonationResult::Failed(TestFailure { mailbox, concern, what, cause, advice, details })).into_response()
}

fn no_way(problem: &NoWay) -> Response {
    let code = match problem {
        NoWay::NotConfigured => "not-configured",
        NoWay::NoPassword { .. } => "no-password",
        NoWay::Address { .. } | NoWay::Client(_) => "connection-wrong",
    };
    refusal(StatusCode::CONFLICT, code, problem.to_string())
}

/// Exchange could not be asked, or did not want to answer.
fn of_exchange(error: &EwsError, account: &str) -> Response {
    let told = error.explain(account);
    let advice = told.advice.first().map_or_else(String::new, |advice| format!(" {advice}"));
    let message = format!("{} {}{advice}", told.what, told.cause);
    let (status, code) = match error.class() {
        ErrorClass::NoMailbox => (StatusCode::NOT_FOUND, "no-mailbox"),
        ErrorClass::Throttled { .. } | ErrorClass::MailboxTemporary => (StatusCode::SERVICE_UNAVAILABLE, "exchange"),
        _ => (StatusCode::BAD_GATEWAY, "exchange"),
    };
    refusal(status, code, message)
}
