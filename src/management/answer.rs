//! Reads answers: objects, warnings, and what a cmdlet says when it fails.

use serde_json::{Map, Value};

use super::error::{Cmdlet, ManagementError};

#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    pub objects: Vec<Map<String, Value>>,
    pub warnings: Vec<String>,
    /// Where the next page is.
    pub next: Option<String>,
}

pub(super) fn read(cmdlet: Cmdlet, status: u16, content: &[u8]) -> Result<Answer, ManagementError> {
    let document: Option<Value> = serde_json::from_slice(content).ok();
    let told = document.as_ref().and_then(|document| document.get("error")).map(of_error);
    match (status, told) {
        (401, told) => Err(ManagementError::SignIn { status, told: told.map(|told| told.message).unwrap_or_default() }),
        (403, told) => {
            Err(ManagementError::NotAllowed { cmdlet, told: told.map(|told| told.message).unwrap_or_default() })
        }
        (_, Some(Told { message, exception })) => {
            Err(ManagementError::Refused { cmdlet, message, exception, also: Vec::new() })
        }
        (200..=299, None) => match document {
            Some(document) => objects(cmdlet, document),
            None => Err(not_understood(cmdlet, "it is not JSON")),
        },
        (300..=399 | 404 | 405, None) => Err(ManagementError::NotThere { status }),
        (_, None) => Err(not_understood(cmdlet, &format!("HTTP status {status} without a reason"))),
    }
}

fn objects(cmdlet: Cmdlet, mut document: Value) -> Result<Answer, ManagementError> {
    let value = document.get_mut("value").map(Value::take);
    let Some(Value::Array(values)) = value else { return Err(not_understood(cmdlet, "it has no value")) };
    let objects = values
        .into_iter()
        .map(|value| match value {
            Value::Object(object) => Ok(object),
            _ => Err(not_understood(cmdlet, "its value has something else than objects in it")),
        })
        .collect::<Result<_, _>>()?;
    let warnings = document.get("@adminapi.warnings").and_then(Value::as_array).cloned().unwrap_or_default();
    let warnings = warnings.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let next = document.get("@odata.nextLink").and_then(Value::as_str).map(str::to_owned);
    Ok(Answer { objects, warnings, next })
}

struct Told {
    message: String,
    exception: Option<String>,
}

/// The words of the cmdlet: those of the first detail, which are `marker|exception|message`, else those of the innermost
/// exception, else the error's own.
fn of_error(error: &Value) -> Told {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(|text| text.trim().to_owned());
    let detail = error.get("details").and_then(|details| details.get(0)).and_then(|detail| text(detail.get("message")));
    let inner = error.get("innererror");
    let innermost = inner.and_then(|inner| inner.get("internalexception")).or(inner);
    let told = detail
        .filter(|text| !text.is_empty())
        .or_else(|| innermost.and_then(|inner| text(inner.get("message"))))
        .filter(|text| !text.is_empty())
        .or_else(|| text(error.get("message")))
        .unwrap_or_default();
    let named = innermost.and_then(|inner| text(inner.get("type")));
    let mut parts = told.splitn(3, '|');
    let marked = match (parts.next(), parts.next(), parts.next()) {
        (Some(marker), Some(exception), Some(message)) if !marker.contains(' ') && !exception.contains(' ') => {
            Some((exception.to_owned(), message.to_owned()))
        }
        _ => None,
    };
    let (exception, message) = match marked {
        Some((exception, message)) => (Some(exception), message),
        None => (named, told),
    };
    // Without its namespace.
    let exception = exception.map(|name| name.rsplit('.').next().unwrap_or_default().to_owned());
    Told { message, exception }
}

fn not_understood(cmdlet: Cmdlet, why: &str) -> ManagementError {
    ManagementError::NotUnderstood { cmdlet, why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CMDLET: Cmdlet = Cmdlet::NewManagementRoleAssignment;

    fn failed(status: u16, body: &str) -> ManagementError {
        read(CMDLET, status, body.as_bytes()).unwrap_err()
    }

    /// W9
    #[test]
    fn what_a_cmdlet_says_is_told_word_for_word() {
        let body = r#"{"error": {"code": "BadRequest", "message": "Error executing cmdlet",
            "details": [{"code": "Context", "target": "", "message":
              "Ex94914C|Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException|The role 'x|y' couldn't be found."}],
            "innererror": {"message": "Error executing cmdlet", "type": "Microsoft.Exchange.Admin.OData.Core.ODataServiceException",
              "internalexception": {"message": "other", "type": "Microsoft.Exchange.X"}}}}"#;
        let error = failed(400, body);
        assert_eq!(error.to_string(), "New-ManagementRoleAssignment failed: The role 'x|y' couldn't be found.");
        assert!(error.is_not_found());

        let body = r#"{"error": {"code": "X", "message": "outer", "innererror": {"message": "inner", "type": "A.B",
            "internalexception": {"message": "Innermost.", "type": "C.D.SomeException"}}}}"#;
        let expected = Some("SomeException".to_owned());
        assert_eq!(
            failed(500, body),
            ManagementError::Refused {
                cmdlet: CMDLET,
                message: "Innermost.".into(),
                exception: expected,
                also: Vec::new()
            }
        );
        assert_eq!(
            failed(400, r#"{"error": {"message": "outer"}}"#).to_string(),
            "New-ManagementRoleAssignment failed: outer"
        );
    }

    /// W9
    #[test]
    fn what_is_no_answer_of_the_administration_is_told_apart() {
        assert!(matches!(failed(401, ""), ManagementError::SignIn { .. }));
        assert!(matches!(failed(403, "<html>"), ManagementError::NotAllowed { .. }));
        assert!(matches!(failed(404, "<html>"), ManagementError::NotThere { status: 404 }));
        assert!(matches!(failed(302, ""), ManagementError::NotThere { .. }));
        assert!(failed(503, "").to_string().contains("503"));
        for body in ["", "<html>sign in</html>", "[]", "{}", "{\"value\": 3}", "{\"value\": [3]}"] {
            assert!(matches!(failed(200, body), ManagementError::NotUnderstood { .. }), "{body}");
        }
    }

    #[test]
    fn objects_warnings_and_the_next_page_are_read() {
        let body = r##"{"@odata.context": "x", "adminapi.warnings@odata.type": "#Collection(String)",
            "@adminapi.warnings": ["Careful."], "@odata.nextLink": "https://x/2", "value": [{"Name": "a"}]}"##;
        let answer = read(CMDLET, 200, body.as_bytes()).unwrap();
        assert_eq!((answer.objects.len(), answer.warnings), (1, vec!["Careful.".to_owned()]));
        assert_eq!(answer.next.as_deref(), Some("https://x/2"));
    }

    proptest! {
        /// W9
        #[test]
        fn whatever_arrives_is_read_or_refused(status in 100..600_u16, content in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Err(error) = read(CMDLET, status, &content) {
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }
}
