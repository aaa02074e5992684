//! Answers with their response messages, in the order of what was asked for.

use bytes::Bytes;

use super::SoapAnswer;
use super::problem::Problem;
use super::write::Xml;

const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const MESSAGES: &str = "http://schemas.microsoft.com/exchange/services/2006/messages";
const TYPES: &str = "http://schemas.microsoft.com/exchange/services/2006/types";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
const XSD: &str = "http://www.w3.org/2001/XMLSchema";

/// Build 15.2.2562: Exchange Server SE.
const VERSION: &[(&str, &str)] = &[
    ("MajorVersion", "15"),
    ("MinorVersion", "2"),
    ("MajorBuildNumber", "2562"),
    ("MinorBuildNumber", "17"),
    ("Version", "V2017_07_11"),
    ("xmlns:h", TYPES),
    ("xmlns", TYPES),
    ("xmlns:xsd", XSD),
    ("xmlns:xsi", XSI),
];

/// What an unsuccessful response message ends with: the empty list that its type has.
fn empty_list(operation: &str) -> Option<&'static str> {
    match operation {
        "CreateItem" | "GetItem" | "UpdateItem" | "MoveItem" | "CopyItem" => Some("m:Items"),
        "CreateAttachment" | "GetAttachment" => Some("m:Attachments"),
        "GetFolder" | "CreateFolder" => Some("m:Folders"),
        "GetServerTimeZones" => Some("m:TimeZoneDefinitions"),
        _ => None,
    }
}

/// The answer to an operation in the making.
pub struct Answer {
    xml: Xml,
    operation: &'static str,
    message: String,
}

impl Answer {
    pub fn new(operation: &'static str) -> Self {
        Self::with_capacity(operation, 2048)
    }

    /// For answers whose length can be told.
    pub fn with_capacity(operation: &'static str, bytes: usize) -> Self {
        let mut xml = Xml::with_capacity(bytes + 1024);
        xml.raw("<?xml version=\"1.0\" encoding=\"utf-8\"?>");
        xml.open_with("s:Envelope", &[("xmlns:s", SOAP)]);
        xml.open("s:Header");
        xml.empty("h:ServerVersionInfo", VERSION);
        xml.close("s:Header");
        xml.open_with("s:Body", &[("xmlns:xsi", XSI), ("xmlns:xsd", XSD)]);
        xml.open_with(&format!("m:{operation}Response"), &[("xmlns:m", MESSAGES), ("xmlns:t", TYPES)]);
        xml.open("m:ResponseMessages");
        Self { xml, operation, message: format!("m:{operation}ResponseMessage") }
    }

    /// A response message that tells of success.
    pub fn success(&mut self, content: impl FnOnce(&mut Xml)) {
        self.success_with(&[], content);
    }

    /// The same, with attributes of its own.
    pub fn success_with(&mut self, attributes: &[(&str, &str)], content: impl FnOnce(&mut Xml)) {
        let class = [&[("ResponseClass", "Success")], attributes].concat();
        self.xml.open_with(&self.message, &class);
        self.xml.text("m:ResponseCode", "NoError");
        content(&mut self.xml);
        self.xml.close(&self.message);
    }

    /// A response message that has both a problem and content.
    pub fn warning(&mut self, problem: &Problem, content: impl FnOnce(&mut Xml)) {
        self.xml.open_with(&self.message, &[("ResponseClass", "Warning")]);
        problem.write(&mut self.xml);
        content(&mut self.xml);
        self.xml.close(&self.message);
    }

    pub fn error(&mut self, problem: &Problem) {
        self.xml.open_with(&self.message, &[("ResponseClass", "Error")]);
        problem.write(&mut self.xml);
        if let Some(list) = empty_list(self.operation) {
            self.xml.empty(list, &[]);
        }
        let last = match self.operation {
            "SyncFolderItems" => Some("m:IncludesLastItemInRange"),
            "SyncFolderHierarchy" => Some("m:IncludesLastFolderInRange"),
            _ => None,
        };
        if let Some(last) = last {
            self.xml.empty("m:SyncState", &[]);
            self.xml.plain(last, true);
        }
        self.xml.close(&self.message);
    }

    /// Success or error.
    pub fn outcome<T>(&mut self, outcome: Result<T, Problem>, content: impl FnOnce(&mut Xml, T)) {
        match outcome {
            Ok(done) => self.success(|xml| content(xml, done)),
            Err(problem) => self.error(&problem),
        }
    }

    pub fn finish(mut self) -> SoapAnswer {
        self.xml.close("m:ResponseMessages");
        self.xml.close(&format!("m:{}Response", self.operation));
        self.xml.close("s:Body");
        self.xml.close("s:Envelope");
        SoapAnswer { status: 200, body: Bytes::from(self.xml.finish()), drop_connection: false }
    }
}
