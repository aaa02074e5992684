//! The management endpoint: cmdlets of Exchange as JSON over HTTPS.
//!
//! The form is that of Exchange Online's admin API, `POST /adminapi/beta/{organisation}/InvokeCommand`, through which
//! the Exchange Online module runs its cmdlets. A bearer token signs in, as there, or Basic, of an account that belongs
//! to Organization Management. Remote PowerShell (`sandbox::powershell`) runs the same cmdlets.
//!
//! Known are the role ApplicationImpersonation and the cmdlets in [`cmdlets`]. There are no management scopes, so that
//! a scope that is asked for is not found.

mod assignments;
mod cmdlets;
mod problem;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub use assignments::{Assignment, Assignments};

use super::directory::Directory;
use super::ews::Caller;
use super::iis::{self, Answer};
use super::kept::Kept;
pub use problem::Problem;

/// Who may run cmdlets.
const ADMINISTRATORS: &str = "Organization Management";

pub struct Management {
    directory: Arc<Directory>,
    assignments: Arc<Assignments>,
    kept: Arc<Kept>,
    /// Accepted domains, the first one first.
    domains: Vec<String>,
    /// How long a right that was granted takes to be in effect.
    delay: Mutex<Duration>,
    /// What it remarks when it grants a right.
    warning: Mutex<Option<String>>,
}

#[derive(Deserialize)]
struct Request {
    #[serde(rename = "CmdletInput")]
    input: Input,
}

#[derive(Deserialize)]
struct Input {
    #[serde(rename = "CmdletName")]
    name: String,
    #[serde(rename = "Parameters", default)]
    parameters: Map<String, Value>,
}

/// What a cmdlet gives back.
#[derive(Default)]
pub struct Output {
    pub values: Vec<Value>,
    pub warnings: Vec<String>,
}

impl Management {
    pub fn new(
        directory: Arc<Directory>,
        assignments: Arc<Assignments>,
        kept: Arc<Kept>,
        domains: impl IntoIterator<Item = String>,
    ) -> Self {
        let domains = domains.into_iter().map(|domain| domain.to_lowercase()).collect();
        Self { directory, assignments, kept, domains, delay: Mutex::default(), warning: Mutex::default() }
    }

    /// Whether the path, in lower case, is one of this endpoint.
    pub fn has(path: &str) -> bool {
        path.starts_with("/adminapi/")
    }

    pub fn set_delay(&self, delay: Duration) {
        *self.delay.lock().unwrap_or_else(PoisonError::into_inner) = delay;
    }

    pub fn set_warning(&self, warning: Option<String>) {
        *self.warning.lock().unwrap_or_else(PoisonError::into_inner) = warning;
    }

    fn warnings(&self) -> Vec<String> {
        self.warning.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn delay(&self) -> Duration {
        *self.delay.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers somebody who is signed in. `path` is in lower case.
    pub fn answer(&self, caller: &Caller, method: &Method, path: &str, body: &Bytes) -> Answer {
        let mut steps = path.trim_matches('/').split('/');
        let (Some("adminapi"), Some("beta" | "v1.0" | "v2.0"), Some(organisation), Some("invokecommand"), None) =
            (steps.next(), steps.next(), steps.next(), steps.next(), steps.next())
        else {
            return iis::status_page(StatusCode::NOT_FOUND);
        };
        if method != Method::POST {
            return iis::status_page(StatusCode::METHOD_NOT_ALLOWED);
        }
        let answered = self.run(caller, organisation, body);
        let (status, content) = match answered {
            Ok(output) => (StatusCode::OK, self.success(&output)),
            Err(problem) => (problem.status, problem.content()),
        };
        iis::answer(status, "application/json; odata.metadata=minimal; odata.streaming=true", content.to_string())
    }

    fn run(&self, caller: &Caller, organisation: &str, body: &Bytes) -> Result<Output, Problem> {
        if !self.domains.iter().any(|domain| domain == organisation) {
            return Err(Problem::organisation(organisation));
        }
        if !self.may_administer(&caller.upn) {
            return Err(Problem::forbidden(&caller.upn));
        }
        let request: Request = serde_json::from_slice(body).map_err(|error| Problem::unreadable(&error))?;
        let output = cmdlets::run(self, &request.input.name, &request.input.parameters)?;
        Ok(output)
    }

    /// Whether somebody may run cmdlets.
    pub fn may_administer(&self, upn: &str) -> bool {
        self.directory.is_member(upn, ADMINISTRATORS)
    }

    /// Runs a cmdlet for somebody who may.
    pub fn invoke(&self, name: &str, parameters: &Map<String, Value>) -> Result<Output, Problem> {
        cmdlets::run(self, name, parameters)
    }

    /// Writes down what has changed, for the next start.
    fn keep(&self) {
        if let Err(error) = self.kept.save() {
            tracing::warn!("a right that was changed in the sandbox is in force but can't be kept: {error}");
        }
    }

    fn success(&self, output: &Output) -> Value {
        let organisation = self.domains.first().map_or("", String::as_str);
        json!({
            "@odata.context": format!(
                "https://{}/adminapi/beta/{organisation}/$metadata#Collection(Exchange.GenericHashTable)",
                iis::SERVER
            ),
            "adminapi.warnings@odata.type": "#Collection(String)",
            "@adminapi.warnings": output.warnings,
            "value": output.values,
        })
    }
}
