//! Why something could not be done, in the words of EWS: response codes on items, and SOAP faults.

use std::borrow::Cow;

use bytes::Bytes;

use super::SoapAnswer;
use super::hook::Refusal;
use super::schema::Violation;
use super::write::Xml;
use crate::sandbox::store::StoreError;

/// A refusal with its response code, as it stands on an item of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub code: Cow<'static, str>,
    pub message: Cow<'static, str>,
    /// Content of `MessageXml`, escaped.
    pub detail: String,
}

impl Problem {
    pub fn new(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code: code.into(), message: message.into(), detail: String::new() }
    }

    /// With the path of the property that it is about.
    pub fn about(mut self, path: &str) -> Self {
        self.detail.push_str(path);
        self
    }

    /// With a named value.
    pub fn with_value(mut self, name: &str, value: &str) -> Self {
        let mut xml = Xml::default();
        xml.text_with("t:Value", &[("Name", name)], value);
        self.detail.push_str(&xml.finish());
        self
    }

    pub fn item_not_found() -> Self {
        Self::new("ErrorItemNotFound", "The specified object was not found in the store.")
    }

    pub fn folder_not_found() -> Self {
        Self::new("ErrorFolderNotFound", "The specified folder could not be found in the store.")
    }

    pub fn malformed_id() -> Self {
        Self::new("ErrorInvalidIdMalformed", "Id is malformed.")
    }

    pub fn empty_id() -> Self {
        Self::new("ErrorInvalidIdEmpty", "Id must be non-empty.")
    }

    pub fn access_denied() -> Self {
        Self::new("ErrorAccessDenied", "Access is denied. Check credentials and try again.")
    }

    pub fn no_mailbox() -> Self {
        Self::new("ErrorNonExistentMailbox", "The SMTP address has no mailbox associated with it.")
    }

    pub fn quota() -> Self {
        Self::new("ErrorQuotaExceeded", "The mailbox has exceeded its storage quota. The operation can't be completed.")
    }

    pub fn conflict() -> Self {
        Self::new(
            "ErrorIrresolvableConflict",
            "The send or update operation could not be performed because the change key passed in the request does not \
             match the current change key for the item.",
        )
    }

    pub fn property_request(path: &str) -> Self {
        Self::new("ErrorInvalidPropertyRequest", "The property can not be used with this type of request.").about(path)
    }

    pub fn property_set(path: &str) -> Self {
        Self::new("ErrorInvalidPropertySet", "Set action is invalid for property.").about(path)
    }

    pub fn sent_message(path: &str) -> Self {
        Self::new(
            "ErrorInvalidPropertyUpdateSentMessage",
            "Update operation is invalid for property of a sent message.",
        )
        .about(path)
    }

    /// The sandbox itself failed.
    pub fn internal(error: &StoreError) -> Self {
        tracing::error!(%error, "an EWS request failed in the sandbox's store");
        Self::new("ErrorInternalServerError", "An internal server error occurred. The operation failed.")
            .with_value("ExceptionMessage", &error.to_string())
    }

    /// Writes what an unsuccessful response message starts with.
    pub fn write(&self, xml: &mut Xml) {
        xml.text("m:MessageText", &self.message);
        xml.text("m:ResponseCode", &self.code);
        xml.plain("m:DescriptiveLinkKey", 0);
        if !self.detail.is_empty() {
            xml.open("m:MessageXml");
            xml.raw(&self.detail);
            xml.close("m:MessageXml");
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::internal(&error)
    }
}

impl From<&Refusal> for Problem {
    fn from(refusal: &Refusal) -> Self {
        let problem =
            Self { code: refusal.code.clone().into(), message: refusal.message.clone().into(), detail: String::new() };
        refusal.values.iter().fold(problem, |problem, (name, value)| problem.with_value(name, value))
    }
}

/// A refusal of a whole request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub problem: Problem,
    pub status: u16,
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self { problem, status: 500 }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Problem::internal(&error).into()
    }
}

impl From<Violation> for Fault {
    fn from(violation: Violation) -> Self {
        Self::schema(violation.line, violation.position, &violation.message)
    }
}

impl Fault {
    /// `ErrorSchemaValidation`, with the place of the violation.
    pub fn schema(line: u32, position: u32, message: &str) -> Self {
        let mut detail = Xml::default();
        detail.plain("t:LineNumber", line);
        detail.plain("t:LinePosition", position);
        detail.text("t:Violation", message);
        let problem = Problem {
            code: "ErrorSchemaValidation".into(),
            message: format!("The request failed schema validation: {message}").into(),
            detail: detail.finish(),
        };
        Self { problem, status: 500 }
    }

    pub fn answer(&self) -> SoapAnswer {
        const ERRORS: (&str, &str) = ("xmlns:e", "http://schemas.microsoft.com/exchange/services/2006/errors");
        const TYPES: &str = "http://schemas.microsoft.com/exchange/services/2006/types";
        let mut xml = Xml::with_capacity(1024);
        xml.raw("<?xml version=\"1.0\" encoding=\"utf-8\"?>");
        xml.open_with("s:Envelope", &[("xmlns:s", "http://schemas.xmlsoap.org/soap/envelope/")]);
        xml.open("s:Body");
        xml.open("s:Fault");
        xml.text_with("faultcode", &[("xmlns:a", TYPES)], &format!("a:{}", self.problem.code));
        xml.text_with("faultstring", &[("xml:lang", "en-US")], &self.problem.message);
        xml.open("detail");
        xml.text_with("e:ResponseCode", &[ERRORS], &self.problem.code);
        // The short form here, as Exchange has it; the long one is in the fault string.
        let short = match self.problem.code.as_ref() {
            "ErrorSchemaValidation" => "The request failed schema validation.",
            _ => &self.problem.message,
        };
        xml.text_with("e:Message", &[ERRORS], short);
        if !self.problem.detail.is_empty() {
            xml.open_with("t:MessageXml", &[("xmlns:t", TYPES)]);
            xml.raw(&self.problem.detail);
            xml.close("t:MessageXml");
        }
        for name in ["detail", "s:Fault", "s:Body", "s:Envelope"] {
            xml.close(name);
        }
        SoapAnswer { status: self.status, body: Bytes::from(xml.finish()), drop_connection: false }
    }
}
