//! Errors as the service writes them: an OData error whose `details` hold what the cmdlet said, as
//! `id|type of exception|message`.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::super::iis;

/// A cmdlet that can't be carried out.
#[derive(Debug)]
pub struct Problem {
    pub status: StatusCode,
    code: &'static str,
    message: String,
    details: Option<String>,
}

/// Name of the domain controller in messages.
const CONTROLLER: &str = "dc01.nordwind.example";

impl Problem {
    fn of_cmdlet(status: StatusCode, code: &'static str, exception: &str, message: &str) -> Self {
        let details = format!("{exception}|{message}");
        Self { status, code, message: "Error executing cmdlet".to_owned(), details: Some(details) }
    }

    fn bad(exception: &str, message: &str) -> Self {
        Self::of_cmdlet(StatusCode::BAD_REQUEST, "BadRequest", exception, message)
    }

    pub fn organisation(name: &str) -> Self {
        let message = format!("The organization '{name}' isn't one of this server.");
        Self { status: StatusCode::NOT_FOUND, code: "NotFound", message, details: None }
    }

    pub fn forbidden(upn: &str) -> Self {
        let message = format!(
            "The role assigned to user {upn} isn't supported in this scenario. Please check online documentation for \
             assigning correct Directory Roles."
        );
        Self { status: StatusCode::FORBIDDEN, code: "Forbidden", message, details: None }
    }

    pub fn unreadable(error: &serde_json::Error) -> Self {
        let message = format!("Invalid JSON in the request's body: {error}");
        Self { status: StatusCode::BAD_REQUEST, code: "BadRequest", message, details: None }
    }

    pub fn unknown_cmdlet(name: &str) -> Self {
        Self::bad(
            "|System.Management.Automation.CommandNotFoundException",
            &format!(
                "The term '{name}' is not recognized as the name of a cmdlet, function, script file, or operable \
                 program. Check the spelling of the name, or if a path was included, verify that the path is correct \
                 and try again."
            ),
        )
    }

    pub fn unknown_parameter(name: &str) -> Self {
        Self::bad(
            "|System.Management.Automation.ParameterBindingException",
            &format!("A parameter cannot be found that matches parameter name '{name}'."),
        )
    }

    pub fn missing_parameter(name: &str) -> Self {
        Self::bad(
            "|System.Management.Automation.ParameterBindingException",
            &format!("Cannot process command because of one or more missing mandatory parameters: {name}."),
        )
    }

    pub fn bad_value(name: &str, value: &Value) -> Self {
        Self::bad(
            "|System.Management.Automation.ParameterBindingException",
            &format!("Cannot process argument transformation on parameter '{name}'. Cannot convert value \"{value}\"."),
        )
    }

    pub fn not_found(object: &str) -> Self {
        Self::of_cmdlet(
            StatusCode::NOT_FOUND,
            "NotFound",
            "Ex6F9304|Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException",
            &format!(
                "The operation couldn't be performed because object '{object}' couldn't be found on '{CONTROLLER}'."
            ),
        )
    }

    pub fn exists(object: &str) -> Self {
        Self::bad(
            "ExB09C0E|Microsoft.Exchange.Data.Directory.ADObjectAlreadyExistsException",
            &format!("Active Directory operation failed on {CONTROLLER}. The object '{object}' already exists."),
        )
    }

    /// The exception's type with its namespace, and the message.
    pub fn told(&self) -> (String, String) {
        let mut parts = self.details.as_deref().unwrap_or_default().splitn(3, '|');
        match (parts.next(), parts.next(), parts.next()) {
            (_, Some(exception), Some(message)) => (exception.to_owned(), message.to_owned()),
            _ => ("System.Exception".to_owned(), self.message.clone()),
        }
    }

    pub fn content(&self) -> Value {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let Some(details) = &self.details {
            error["details"] = json!([{ "code": "Client", "target": "", "message": details }]);
            error["innererror"] = json!({
                "message": self.message,
                "type": "Microsoft.Exchange.Admin.OData.Core.ODataServiceException",
                "stacktrace": format!("   at {}", iis::SERVER),
                "internalexception": {
                    "message": "Exception of type \
                        'Microsoft.Exchange.Management.PSDirectInvoke.DirectInvokeCmdletExecutionException' was thrown.",
                    "type": "Microsoft.Exchange.Management.PSDirectInvoke.DirectInvokeCmdletExecutionException",
                    "stacktrace": "",
                },
            });
            error["adminapi.warnings@odata.type"] = json!("#Collection(String)");
            error["@adminapi.warnings"] = json!([]);
        }
        json!({ "error": error })
    }
}
