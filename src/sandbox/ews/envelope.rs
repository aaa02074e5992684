//! The SOAP envelope of a request.

use roxmltree::{Document, Node, ParsingOptions};

use super::problem::{Fault, Problem};
use super::schema::{self, Version};

const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const TYPES: &str = "http://schemas.microsoft.com/exchange/services/2006/types";

/// More elements, attributes and texts than any honest request has.
const NODES: u32 = 2_000_000;

/// In whose name a request is to act (`ConnectingSID`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectingSid {
    PrincipalName(String),
    Sid(String),
    PrimarySmtpAddress(String),
    SmtpAddress(String),
}

/// What the header of a request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub version: Version,
    pub impersonation: Option<ConnectingSid>,
}

/// Reads the XML of a request: bounded, and without a document type definition.
pub fn parse(text: &str) -> Result<Document<'_>, Fault> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|error| {
        let position = error.pos();
        match error {
            roxmltree::Error::DtdDetected => Fault::schema(
                position.row,
                position.col,
                "For security reasons DTD is prohibited in this XML document. To enable DTD processing set the \
                 DtdProcessing property on XmlReaderSettings to Parse and pass the settings into XmlReader.Create method.",
            ),
            other => Fault::schema(position.row, position.col, &format!("The XML can't be read: {other}.")),
        }
    })
}

/// The header and the element of the operation.
pub fn open<'a, 'input>(document: &'a Document<'input>) -> Result<(Header, Node<'a, 'input>), Fault> {
    let root = document.root_element();
    if !root.has_tag_name((SOAP, "Envelope")) {
        return Err(invalid("The request is no SOAP 1.1 envelope."));
    }
    let part = |name| root.children().find(|node| node.has_tag_name((SOAP, name)));
    let header = match part("Header") {
        Some(header) => read_header(header)?,
        None => Header { version: Version::FIRST, impersonation: None },
    };
    let body = part("Body").ok_or_else(|| invalid("The SOAP envelope has no body."))?;
    let operation = body.first_element_child().ok_or_else(|| invalid("The body of the SOAP envelope is empty."))?;
    Ok((header, operation))
}

fn read_header(header: Node<'_, '_>) -> Result<Header, Fault> {
    let part = |name| header.children().find(|node| node.has_tag_name((TYPES, name)));
    let version = match part("RequestServerVersion").map(|node| node.attribute("Version").unwrap_or_default()) {
        // Who does not say which version is meant is taken for a client of the first one.
        None => Version::FIRST,
        Some(name) => Version::parse(name)
            .ok_or_else(|| Problem::new("ErrorInvalidServerVersion", "The specified server version is invalid."))?,
    };
    let impersonation = match part("ExchangeImpersonation") {
        None => None,
        Some(node) => Some(connecting_sid(node, version)?),
    };
    Ok(Header { version, impersonation })
}

fn connecting_sid(node: Node<'_, '_>, version: Version) -> Result<ConnectingSid, Fault> {
    let sid = node.children().find(|node| node.has_tag_name((TYPES, "ConnectingSID")));
    let sid = sid.ok_or_else(|| invalid("ExchangeImpersonation has no ConnectingSID."))?;
    schema::check_connecting_sid(sid, version)?;
    let child = sid.first_element_child().ok_or_else(|| invalid("ConnectingSID names nobody."))?;
    let value = child.text().unwrap_or_default().trim().to_owned();
    Ok(match child.tag_name().name() {
        "PrincipalName" => ConnectingSid::PrincipalName(value),
        "SID" => ConnectingSid::Sid(value),
        "PrimarySmtpAddress" => ConnectingSid::PrimarySmtpAddress(value),
        _ => ConnectingSid::SmtpAddress(value),
    })
}

fn invalid(message: &'static str) -> Fault {
    Problem::new("ErrorInvalidRequest", message).into()
}
