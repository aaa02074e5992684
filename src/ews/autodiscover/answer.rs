//! What a service answers, whichever protocol it is asked by.

use std::fmt;

use reqwest::Url;
use roxmltree::{Document, Node, ParsingOptions};

use crate::settings::SmtpAddress;

/// More than any answer has.
const MOST_NODES: u32 = 50_000;

/// What a service answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// Addresses of EWS, the inner one first, and the version of the server that has the mailbox.
    Settings(Vec<Url>, Option<Version>),
    /// Ask again with this address.
    RedirectAddress(SmtpAddress),
    /// Ask again there.
    RedirectUrl(Url),
    /// The service has no mailbox for the address.
    NoSuchMailbox(String),
    /// Another error of the service, in its words.
    Error(String),
}

/// As far as Autodiscover tells it: major, minor, build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    pub major: u32,
    pub minor: u32,
    pub build: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.build)
    }
}

/// The document in an answer, if its outermost element has this name.
///
/// # Errors
/// A phrase that says why this is no answer of Autodiscover.
pub(super) fn document<'a>(content: &'a [u8], root: &str) -> Result<Document<'a>, String> {
    let text = std::str::from_utf8(content).map_err(|_| "the answer is not UTF-8".to_owned())?;
    let text = text.trim_start_matches('\u{FEFF}').trim_start();
    if text.is_empty() {
        return Err("the answer is empty".to_owned());
    }
    // A page may have a document type, too; that it is a page says more.
    let beginning: String = text.chars().take(200).collect::<String>().to_ascii_lowercase();
    if beginning.starts_with("<!doctype html") || beginning.starts_with("<html") {
        return Err("a web page answers, not Autodiscover; a login page or portal may be in between".to_owned());
    }
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|error| match error {
        roxmltree::Error::DtdDetected => "the answer has a document type declaration, which can be used to exhaust \
                                          memory, and is not read"
            .to_owned(),
        roxmltree::Error::NodesLimitReached => {
            "the answer is larger than any of Autodiscover and is not read".to_owned()
        }
        other => format!("the answer is not well-formed XML ({other})"),
    })?;
    let found = document.root_element().tag_name().name();
    if found != root {
        return Err(format!("the answer is not one of Autodiscover but begins with an element {found:?}"));
    }
    Ok(document)
}

/// An address that the answer names as EWS; none when it is not encrypted.
///
/// # Errors
/// A phrase.
pub(super) fn ews_url(text: &str) -> Result<Option<Url>, String> {
    let url = Url::parse(text).map_err(|error| format!("the answer names {text:?} as EWS: {error}"))?;
    Ok((url.scheme() == "https").then_some(url))
}

/// # Errors
/// A phrase.
pub(super) fn redirect_address(text: Option<String>) -> Result<Answer, String> {
    let text = text.ok_or("the answer redirects to no address")?;
    let address = SmtpAddress::new(&text).map_err(|error| format!("the answer redirects wrongly: {error}"))?;
    Ok(Answer::RedirectAddress(address))
}

/// # Errors
/// A phrase.
pub(super) fn redirect_url(text: Option<String>) -> Result<Answer, String> {
    let text = text.ok_or("the answer redirects to no place")?;
    let url = Url::parse(&text).map_err(|error| format!("the answer redirects to {text:?}: {error}"))?;
    Ok(Answer::RedirectUrl(url))
}

pub(super) fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|child| child.tag_name().name() == name)
}

pub(super) fn text_of(node: Node<'_, '_>, name: &str) -> Option<String> {
    let text = child(node, name)?.text()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
