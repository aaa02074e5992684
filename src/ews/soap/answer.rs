//! What the answers of all operations have in common: the envelope, response messages, faults.

use std::time::Duration;

use bytes::Bytes;

use super::read::{Element, Ns, Reader, is_utf8, shortened};
use crate::ews::error::{At, EwsError, Malformed, Refusal};
use crate::ews::response_code::ResponseCode;

/// `t:ServerVersionInfo`: which Exchange answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerVersion {
    /// 15 is Exchange 2013 and everything newer.
    pub major: u32,
    /// With major version 15: 0 is Exchange 2013, 1 is 2016, 2 is 2019 and SE.
    pub minor: u32,
    pub major_build: u32,
    pub minor_build: u32,
    /// Version of the schema that the server works by, such as `V2017_07_11`.
    pub schema: Option<String>,
}

impl std::fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}.{}", self.major, self.minor, self.major_build, self.minor_build)
    }
}

/// An answer that could be read.
pub struct Answer<T> {
    pub version: Option<ServerVersion>,
    pub body: AnswerBody<T>,
}

pub enum AnswerBody<T> {
    /// One for each thing that was asked for, with what was read of it.
    Messages(Vec<(ResponseMessage, T)>),
    Fault(Details),
}

/// How one part of a request ended.
#[derive(Default)]
pub struct ResponseMessage {
    pub class: ResponseClass,
    pub details: Details,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum ResponseClass {
    Success,
    Warning,
    Error,
    /// Missing, or a word that is not known: the response code decides.
    #[default]
    Unclear,
}

/// What the server says about how it ended.
#[derive(Debug, Default)]
pub struct Details {
    pub code: Option<ResponseCode>,
    pub message: String,
    pub primary_smtp_address: Option<String>,
    pub back_off: Option<Duration>,
    pub property: Option<String>,
    inner_code: Option<ResponseCode>,
    inner_message: Option<String>,
    violation: Option<String>,
}

/// The text of an answer, unless its encoding is not what it should be.
pub fn decoded(bytes: &[u8]) -> Result<&str, Malformed> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Malformed::Empty);
    }
    if bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") || bytes[..bytes.len().min(2)].contains(&0) {
        return Err(Malformed::Encoding("UTF-16".to_owned()));
    }
    std::str::from_utf8(bytes).map_err(|error| match declared_encoding(bytes) {
        Some(encoding) if !is_utf8(&encoding) => Malformed::Encoding(encoding),
        _ if error.error_len().is_none() => Malformed::Truncated,
        _ => Malformed::InvalidUtf8,
    })
}

fn declared_encoding(bytes: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]);
    let declaration = head.strip_prefix("<?xml")?.split("?>").next()?;
    let value = declaration.split("encoding").nth(1)?.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|quote| "\"'".contains(*quote))?;
    value[1..].split(quote).next().map(str::to_owned)
}

/// Reads an answer. `start` is what is known of a part before anything of it was read; `payload` is called for every
/// element of a response message that is not about how it ended.
pub fn read<T>(
    text: &str,
    contents: Option<&[Bytes]>,
    start: fn() -> T,
    payload: &mut impl FnMut(&mut Reader<'_>, &Element<'_>, &mut T) -> Result<(), Malformed>,
) -> Result<Answer<T>, Malformed> {
    let mut reader = Reader::new(text, contents);
    let root = reader.root()?;
    if root.name() != (Ns::Soap, "Envelope") {
        return Err(Malformed::OtherDocument(shortened(root.local())));
    }
    let mut version = None;
    let mut body = None;
    reader.children(|reader, element| match element.name() {
        (Ns::Soap, "Header") => reader.children(|_, element| {
            if element.name() == (Ns::Types, "ServerVersionInfo") {
                version = Some(server_version(element)?);
            }
            Ok(())
        }),
        (Ns::Soap, "Body") => reader.children(|reader, element| {
            match element.name() {
                (Ns::Soap, "Fault") => body = Some(AnswerBody::Fault(fault(reader)?)),
                (Ns::Messages, _) if body.is_none() => {
                    body = response(reader, start, payload)?.map(AnswerBody::Messages);
                }
                _ => {}
            }
            Ok(())
        }),
        _ => Ok(()),
    })?;
    let body = body.ok_or(Malformed::Lacks("response messages, and a fault as well"))?;
    Ok(Answer { version, body })
}

fn server_version(element: &Element<'_>) -> Result<ServerVersion, Malformed> {
    let number = |name| Ok(element.parsed("ServerVersionInfo", name)?.unwrap_or(0));
    Ok(ServerVersion {
        major: number("MajorVersion")?,
        minor: number("MinorVersion")?,
        major_build: number("MajorBuildNumber")?,
        minor_build: number("MinorBuildNumber")?,
        schema: element.attribute("Version")?,
    })
}

type Messages<T> = Vec<(ResponseMessage, T)>;

fn response<T>(
    reader: &mut Reader<'_>,
    start: fn() -> T,
    payload: &mut impl FnMut(&mut Reader<'_>, &Element<'_>, &mut T) -> Result<(), Malformed>,
) -> Result<Option<Messages<T>>, Malformed> {
    let mut messages = None;
    reader.children(|reader, element| {
        if element.name() != (Ns::Messages, "ResponseMessages") {
            return Ok(());
        }
        let messages = messages.get_or_insert_with(Vec::new);
        reader.children(|reader, element| {
            if element.ns == Ns::Messages {
                messages.push(response_message(reader, element, start(), payload)?);
            }
            Ok(())
        })
    })?;
    Ok(messages)
}

fn response_message<T>(
    reader: &mut Reader<'_>,
    element: &Element<'_>,
    mut read: T,
    payload: &mut impl FnMut(&mut Reader<'_>, &Element<'_>, &mut T) -> Result<(), Malformed>,
) -> Result<(ResponseMessage, T), Malformed> {
    let class = match element.attribute("ResponseClass")?.as_deref() {
        Some("Success") => ResponseClass::Success,
        Some("Warning") => ResponseClass::Warning,
        Some("Error") => ResponseClass::Error,
        _ => ResponseClass::Unclear,
    };
    let mut details = Details::default();
    reader.children(|reader, element| match element.name() {
        (Ns::Messages, "ResponseCode") => {
            details.code = Some(code(&reader.text()?));
            Ok(())
        }
        (Ns::Messages, "MessageText") => {
            reader.text()?.trim().clone_into(&mut details.message);
            Ok(())
        }
        (Ns::Messages, "MessageXml") => details.read_message_xml(reader),
        (Ns::Messages, "DescriptiveLinkKey") => Ok(()),
        _ => payload(reader, element, &mut read),
    })?;
    Ok((ResponseMessage { class, details }, read))
}

/// A SOAP 1.1 fault. Exchange puts its response code into the detail, and at times only into the fault code.
fn fault(reader: &mut Reader<'_>) -> Result<Details, Malformed> {
    let mut details = Details::default();
    let mut fault_code = None;
    let mut fault_string = String::new();
    reader.children(|reader, element| match element.local() {
        "faultcode" => {
            let text = reader.text()?;
            fault_code = text.trim().rsplit(':').next().map(code);
            Ok(())
        }
        "faultstring" => {
            reader.text()?.trim().clone_into(&mut fault_string);
            Ok(())
        }
        "detail" => reader.children(|reader, element| match element.local() {
            "ResponseCode" => {
                details.code = Some(code(&reader.text()?));
                Ok(())
            }
            "Message" => {
                reader.text()?.trim().clone_into(&mut details.message);
                Ok(())
            }
            "MessageXml" => details.read_message_xml(reader),
            _ => Ok(()),
        }),
        _ => Ok(()),
    })?;
    details.code = details.code.or(fault_code);
    if details.message.is_empty() || fault_string.starts_with(&details.message) {
        details.message = fault_string;
    }
    Ok(details)
}

fn code(word: &str) -> ResponseCode {
    ResponseCode::from_word(word.trim())
}

impl Details {
    fn read_message_xml(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        reader.children(|reader, element| {
            match element.local() {
                "Value" => {
                    let name = element.attribute("Name")?.unwrap_or_default();
                    self.value(&name, reader.text()?.trim());
                }
                "FieldURI" => self.property = element.attribute("FieldURI")?,
                "IndexedFieldURI" => {
                    let index = element.attribute("FieldIndex")?.unwrap_or_default();
                    self.property = element.attribute("FieldURI")?.map(|uri| format!("{uri} ({index})"));
                }
                "ExtendedFieldURI" => {
                    let name = element.attribute("PropertyName")?;
                    let name = name.or(element.attribute("PropertyTag")?).or(element.attribute("PropertyId")?);
                    self.property = name.map(|name| format!("the extended property {name}"));
                }
                "Violation" => self.violation = Some(reader.text()?.trim().to_owned()),
                _ => {}
            }
            Ok(())
        })
    }

    fn value(&mut self, name: &str, value: &str) {
        match name {
            "BackOffMilliseconds" => self.back_off = value.parse().ok().map(Duration::from_millis),
            // Exchange itself says `Primary`.
            "Primary" | "PrimarySmtpAddress" => self.primary_smtp_address = Some(value.to_owned()),
            "InnerErrorResponseCode" => self.inner_code = Some(code(value)),
            "InnerErrorMessageText" => self.inner_message = Some(value.to_owned()),
            _ => {}
        }
    }

    /// The code that says most: behind an `ErrorInternalServerError` there may be a cause with a name.
    fn telling_code(&self) -> Option<ResponseCode> {
        match &self.code {
            Some(ResponseCode::ErrorInternalServerError) | None => {
                self.inner_code.clone().or_else(|| self.code.clone())
            }
            Some(code) => Some(code.clone()),
        }
    }

    /// The message, with all that is said beside it.
    fn telling_message(&self) -> String {
        let mut message = self.message.clone();
        for more in [&self.violation, &self.inner_message].into_iter().flatten() {
            if !message.contains(more.as_str()) {
                message = format!("{message} {more}");
            }
        }
        message.trim().to_owned()
    }

    /// `retry_after` is what HTTP says beside it.
    pub fn into_refusal(self, retry_after: Option<Duration>, at: &At) -> Box<Refusal> {
        Box::new(Refusal {
            code: self.telling_code().unwrap_or_else(|| ResponseCode::Other("no response code".to_owned())),
            message: self.telling_message(),
            primary_smtp_address: self.primary_smtp_address,
            back_off: self.back_off.or(retry_after),
            property: self.property,
            at: at.clone(),
        })
    }
}

/// One result for each of the parts that a request asked for.
pub fn results<T>(
    messages: Vec<(ResponseMessage, Option<T>)>,
    parts: usize,
    at: &At,
) -> Result<Vec<Result<T, EwsError>>, EwsError> {
    let mut results: Vec<_> = messages.into_iter().map(|(message, read)| message.into_result(read, at)).collect();
    if results.len() == parts {
        return Ok(results);
    }
    // A server that gives up on the whole may say so once.
    match results.iter().position(Result::is_err) {
        Some(error) => match results.swap_remove(error) {
            Err(error) => Err(error),
            Ok(_) => unreachable!("the position of an error"),
        },
        None => Err(lacks("a response message for each part of the request", at)),
    }
}

impl ResponseMessage {
    fn into_result<T>(self, read: Option<T>, at: &At) -> Result<T, EwsError> {
        let no_error = matches!(self.details.code, None | Some(ResponseCode::NoError));
        let refused = match self.class {
            ResponseClass::Success => false,
            // A warning comes with what was asked for; this one says that it was never looked at.
            ResponseClass::Warning => self.details.code == Some(ResponseCode::ErrorBatchProcessingStopped),
            ResponseClass::Error => true,
            ResponseClass::Unclear => !no_error,
        };
        match read {
            Some(read) if !refused => Ok(read),
            None if !refused && no_error => Err(lacks("what was asked for", at)),
            _ => Err(EwsError::Response(self.details.into_refusal(None, at))),
        }
    }
}

fn lacks(what: &'static str, at: &At) -> EwsError {
    EwsError::Malformed { problem: Malformed::Lacks(what), at: at.clone() }
}
