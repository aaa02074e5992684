//! What a pipeline says: output, warnings, errors, and how it ended.

use super::clixml::{Unreadable, Value, read};
use super::message::{Kind, Message};
use crate::management::{Cmdlet, ManagementError, Output};

/// Objects, warnings and errors of one cmdlet that are kept.
const MOST_RECORDS: usize = 100_000;

/// What a pipeline has said so far.
#[derive(Debug, Default)]
pub struct Said {
    output: Output,
    /// In their order; that of a pipeline that failed comes last.
    errors: Vec<Told>,
    state: Option<State>,
    records: usize,
}

/// How a pipeline stands when it is over (MS-PSRP 2.2.3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Stopped,
    Completed,
    Failed,
}

/// An error in the server's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub message: String,
    /// The exception's type without its namespace.
    pub exception: Option<String>,
}

/// What was said can't be worked with.
#[derive(Debug, PartialEq)]
pub enum Trouble {
    Unreadable(Unreadable),
    TooMuch,
    Asks(String),
}

impl Said {
    /// # Errors
    /// When the message can't be read, or asks something.
    pub fn hear(&mut self, message: &Message) -> Result<(), Trouble> {
        match message.kind {
            Kind::PipelineOutput => {
                let value = self.record(message)?;
                if value != Value::Nil {
                    self.output.objects.push(value.flattened());
                }
            }
            Kind::WarningRecord => {
                let value = self.record(message)?;
                let told = value.get("InformationalRecord_Message").or_else(|| value.get("Message"));
                self.output.warnings.extend(told.unwrap_or(&value).as_text());
            }
            Kind::ErrorRecord => {
                let told = error(&self.record(message)?);
                self.errors.push(told);
            }
            Kind::PipelineState => {
                let value = self.record(message)?;
                self.state = match value.get("PipelineState").and_then(Value::as_int) {
                    Some(3) => Some(State::Stopped),
                    Some(4) => Some(State::Completed),
                    Some(5) => Some(State::Failed),
                    _ => self.state,
                };
                if let Some(record) = value.get("ExceptionAsErrorRecord").filter(|record| **record != Value::Nil) {
                    let told = error(record);
                    if !self.errors.contains(&told) {
                        self.errors.push(told);
                    }
                }
            }
            Kind::PipelineHostCall | Kind::RunspacePoolHostCall => {
                if let Some(question) = question(&self.record(message)?) {
                    return Err(Trouble::Asks(question));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn record(&mut self, message: &Message) -> Result<Value, Trouble> {
        self.records += 1;
        if self.records > MOST_RECORDS {
            return Err(Trouble::TooMuch);
        }
        if message.data.trim().is_empty() {
            return Ok(Value::Nil);
        }
        read(&message.data).map_err(Trouble::Unreadable)
    }

    /// It is over, one way or another.
    pub fn is_over(&self) -> bool {
        self.state.is_some()
    }

    /// What came of it.
    ///
    /// # Errors
    /// With the first error of the cmdlet, and everything else it said beside it.
    pub fn conclude(self, cmdlet: Cmdlet) -> Result<Output, ManagementError> {
        let Some(state) = self.state else {
            let why = "it ended without saying how".to_owned();
            return Err(ManagementError::NotUnderstood { cmdlet, why });
        };
        let mut errors = self.errors.into_iter();
        let first = match (errors.next(), state) {
            (None, State::Completed) => return Ok(self.output),
            (Some(first), _) => first,
            (None, State::Stopped) => Told { message: "The pipeline has been stopped.".to_owned(), exception: None },
            (None, State::Failed) => Told { message: "it gives no reason".to_owned(), exception: None },
        };
        let mut also: Vec<_> = errors.map(|told| told.message).collect();
        also.extend(self.output.warnings.iter().map(|warning| format!("WARNING: {warning}")));
        Err(ManagementError::Refused { cmdlet, message: first.message, exception: first.exception, also })
    }
}

/// An error record (MS-PSRP 2.2.3.15) as a person and a program read it.
#[must_use]
pub fn error(record: &Value) -> Told {
    let exception = record.get("Exception");
    let message = record
        .get("ErrorDetails_Message")
        .and_then(Value::as_text)
        .or_else(|| exception.and_then(|exception| exception.get("Message")).and_then(Value::as_text))
        .or_else(|| record.as_text())
        .or_else(|| exception.and_then(Value::as_text))
        .unwrap_or_else(|| "an error without a word about it".to_owned());
    let reason = record.get("ErrorCategory_Reason").and_then(Value::as_text);
    let kind = || exception.and_then(Value::type_name).map(str::to_owned);
    Told { message: message.trim().to_owned(), exception: reason.or_else(kind) }
}

/// A call to the host that wants an answer (MS-PSRP 2.2.3.17): what it asks. Lines to be written and progress want none.
fn question(call: &Value) -> Option<String> {
    const ASKING: [(i64, &str); 9] = [
        (11, "it wants a line to be typed"),
        (12, "it wants a password to be typed"),
        (23, "it asks for values"),
        (24, "it asks for credentials"),
        (25, "it asks for credentials"),
        (26, "it asks for a decision"),
        (46, "it waits for a key"),
        (47, "it waits for a key"),
        (56, "it asks for decisions"),
    ];
    let method = call.get("mi").and_then(Value::as_int)?;
    let (_, kind) = ASKING.iter().find(|(number, _)| *number == method)?;
    let words: Vec<_> = match call.get("mp") {
        Some(Value::Object(parameters)) => match &parameters.content {
            Some(Value::List(values)) => values.iter().filter_map(Value::as_text).collect(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    };
    let words: Vec<_> = words.iter().flat_map(|text| text.split_whitespace()).collect();
    Some(if words.is_empty() { (*kind).to_owned() } else { format!("{kind}: {}", words.join(" ")) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CMDLET: Cmdlet = Cmdlet::NewManagementRoleAssignment;

    fn message(kind: Kind, data: &str) -> Message {
        Message { kind, data: data.to_owned() }
    }

    fn state(number: i32) -> Message {
        message(
            Kind::PipelineState,
            &format!("<Obj RefId=\"0\"><MS><I32 N=\"PipelineState\">{number}</I32></MS></Obj>"),
        )
    }

    fn record(text: &str, reason: &str) -> String {
        format!(
            "<Obj RefId=\"0\"><ToString>{text}</ToString><MS><Obj N=\"Exception\" RefId=\"1\"><TN RefId=\"0\"><T>A.B.{reason}\
             </T></TN><Props><S N=\"Message\">{text}</S></Props></Obj></MS></Obj>"
        )
    }

    /// W9
    #[test]
    fn errors_and_warnings_reach_the_administrator_word_for_word() {
        let mut said = Said::default();
        let warning = "<Obj RefId=\"0\"><MS><S N=\"InformationalRecord_Message\">Careful.</S></MS></Obj>";
        said.hear(&message(Kind::WarningRecord, warning)).unwrap();
        said.hear(&message(Kind::ErrorRecord, &record("It's there.", "ADObjectAlreadyExistsException"))).unwrap();
        said.hear(&message(Kind::ErrorRecord, &record("And more.", "X"))).unwrap();
        assert!(!said.is_over());
        said.hear(&state(2)).unwrap();
        assert!(!said.is_over());
        said.hear(&state(4)).unwrap();
        assert!(said.is_over());
        let error = said.conclude(CMDLET).unwrap_err();
        assert_eq!(
            error.details(),
            ["New-ManagementRoleAssignment failed: It's there.", "And more.", "WARNING: Careful."]
        );
        assert!(matches!(error, ManagementError::Refused { exception: Some(name), .. }
            if name == "ADObjectAlreadyExistsException"));
    }

    /// W9
    #[test]
    fn a_pipeline_that_fails_or_is_stopped_is_no_success_even_without_a_reason() {
        for (number, words) in [(5, "it gives no reason"), (3, "has been stopped")] {
            let mut said = Said::default();
            said.hear(&state(number)).unwrap();
            assert!(said.conclude(CMDLET).unwrap_err().to_string().contains(words));
        }
        let unfinished = Said::default().conclude(CMDLET).unwrap_err();
        assert!(unfinished.to_string().contains("without saying how"), "{unfinished}");
        let mut said = Said::default();
        let failed = format!(
            "<Obj RefId=\"9\"><MS><I32 N=\"PipelineState\">5</I32>{}</MS></Obj>",
            record("The syntax is not supported by this runspace.", "ParseException").replacen(
                "<Obj",
                "<Obj N=\"ExceptionAsErrorRecord\"",
                1
            )
        );
        said.hear(&message(Kind::PipelineState, &failed)).unwrap();
        let error = said.conclude(CMDLET).unwrap_err();
        assert!(error.to_string().contains("The syntax is not supported"), "{error}");
    }

    /// W9
    #[test]
    fn a_cmdlet_that_asks_is_not_waited_for() {
        let call = |method: i32| {
            format!(
                "<Obj RefId=\"0\"><MS><I64 N=\"ci\">1</I64><Obj N=\"mi\" RefId=\"1\"><I32>{method}</I32><ToString>x</ToString>\
                 </Obj><Obj N=\"mp\" RefId=\"2\"><LST><S>Confirm</S><S>Are you sure?</S><I32>0</I32></LST></Obj></MS></Obj>"
            )
        };
        let mut said = Said::default();
        assert_eq!(said.hear(&message(Kind::PipelineHostCall, &call(16))), Ok(()));
        let asks = said.hear(&message(Kind::PipelineHostCall, &call(26)));
        assert_eq!(asks, Err(Trouble::Asks("it asks for a decision: Confirm Are you sure? 0".to_owned())));
    }

    /// W9
    #[test]
    fn what_can_not_be_read_is_told() {
        let mut said = Said::default();
        assert!(matches!(said.hear(&message(Kind::PipelineOutput, "<Obj")), Err(Trouble::Unreadable(_))));
        // What nobody looks at need not be readable.
        assert_eq!(said.hear(&message(Kind::Other(0x0004_1010), "<Obj")), Ok(()));
    }
}
