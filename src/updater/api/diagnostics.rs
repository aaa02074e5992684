//! `GET /v1/diagnostics`

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::{Context, queue_problem};
use crate::pipe::types::{self, Diagnostics, FAILED, Filter, Machine};

pub async fn diagnostics(State(shared): Context) -> Response {
    let filter = Filter { state: Some(types::State::Failed), limit: Some(FAILED), ..Filter::default() };
    let mut failed = match shared.queue.list(&filter).await {
        Ok(failed) => failed,
        Err(error) => return queue_problem(&error),
    };
    for message in &mut failed {
        message.subject.clear();
    }
    let in_force = shared.settings.get();
    let diagnostics = Diagnostics {
        made_at: shared.queue.clock().now(),
        status: shared.status(),
        settings: in_force.settings.clone(),
        password_stored: in_force.password.is_some(),
        organisation: shared.organisation.report().ok(),
        scope: shared.scope.report(),
        failed,
        exchange: shared.exchange.version(),
        machine: machine(),
    };
    Json(diagnostics).into_response()
}

fn machine() -> Machine {
    Machine {
        system: std::env::consts::OS.to_owned(),
        version: version(),
        architecture: std::env::consts::ARCH.to_owned(),
        processors: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
    }
}

/// As the system names itself, where a file says so.
fn version() -> String {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let parts = [name.unwrap_or_default().trim_matches('"'), kernel.trim()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", kernel ")
}
