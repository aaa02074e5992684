//! The request and the answers of POX (MS-OXDSCLI 2.2.3 and 2.2.4).

use quick_xml::escape::escape;
use reqwest::Url;
use roxmltree::{Document, Node, ParsingOptions};

use crate::settings::SmtpAddress;

const REQUEST: &str = "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006";
const RESPONSE: &str = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a";

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

impl Version {
    /// 32 bits in hexadecimal: 4 of structure, 6 of the major and 6 of the minor version, a flag, 15 of the build
    /// (MS-OXDSCLI 2.2.4.1.1.2.6.44, `ServerVersion`).
    fn unpack(text: &str) -> Option<Self> {
        let packed = u32::from_str_radix(text, 16).ok().filter(|packed| packed >> 28 == 7)?;
        Some(Self { major: packed >> 22 & 0x3F, minor: packed >> 16 & 0x3F, build: packed & 0x7FFF })
    }
}

pub(super) fn request(address: &SmtpAddress) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Autodiscover xmlns=\"{REQUEST}\"><Request><EMailAddress>{}\
         </EMailAddress><AcceptableResponseSchema>{RESPONSE}</AcceptableResponseSchema></Request></Autodiscover>",
        escape(address.as_str())
    )
}

/// # Errors
/// A phrase that says why this is no answer of Autodiscover.
pub(super) fn read(content: &[u8]) -> Result<Answer, String> {
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
    let root = document.root_element();
    if root.tag_name().name() != "Autodiscover" {
        return Err(format!(
            "the answer is not one of Autodiscover but begins with an element {:?}",
            root.tag_name().name()
        ));
    }
    let response = child(root, "Response").ok_or("the answer has no Response")?;
    if let Some(error) = child(response, "Error") {
        return Ok(of_error(error));
    }
    let account = child(response, "Account").ok_or("the answer has no Account")?;
    match text_of(account, "Action").unwrap_or_default().to_ascii_lowercase().as_str() {
        "settings" => settings(account),
        "redirectaddr" => {
            let address = text_of(account, "RedirectAddr").ok_or("the answer redirects to no address")?;
            let address =
                SmtpAddress::new(&address).map_err(|error| format!("the answer redirects wrongly: {error}"))?;
            Ok(Answer::RedirectAddress(address))
        }
        "redirecturl" => {
            let url = text_of(account, "RedirectUrl").ok_or("the answer redirects to no place")?;
            let url = Url::parse(&url).map_err(|error| format!("the answer redirects to {url:?}: {error}"))?;
            Ok(Answer::RedirectUrl(url))
        }
        other => Err(format!("the answer has the action {other:?}, which is not known")),
    }
}

/// The error codes of Autodiscover (MS-OXDSCLI 2.2.4.1.1.1.1).
fn of_error(error: Node<'_, '_>) -> Answer {
    let code = text_of(error, "ErrorCode").unwrap_or_default();
    let message = text_of(error, "Message").unwrap_or_default();
    let told = format!("error {code}: {message}");
    if code == "500" { Answer::NoSuchMailbox(told) } else { Answer::Error(told) }
}

/// `EXCH` is for clients inside, `EXHTTP` and `EXPR` for those outside.
fn settings(account: Node<'_, '_>) -> Result<Answer, String> {
    let mut urls: Vec<Url> = Vec::new();
    let mut version = None;
    for wanted in ["EXCH", "EXHTTP", "EXPR"] {
        let protocols = account.children().filter(|node| node.tag_name().name() == "Protocol");
        for protocol in protocols.filter(|node| text_of(*node, "Type").is_some_and(|found| found == wanted)) {
            version = version.or_else(|| Version::unpack(&text_of(protocol, "ServerVersion")?));
            let Some(text) = text_of(protocol, "EwsUrl") else { continue };
            let url = Url::parse(&text).map_err(|error| format!("the answer names {text:?} as EWS: {error}"))?;
            if url.scheme() == "https" && !urls.contains(&url) {
                urls.push(url);
            }
        }
    }
    if urls.is_empty() {
        return Err("the answer names no encrypted address of Exchange Web Services".to_owned());
    }
    Ok(Answer::Settings(urls, version))
}

fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|child| child.tag_name().name() == name)
}

fn text_of(node: Node<'_, '_>, name: &str) -> Option<String> {
    let text = child(node, name)?.text()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn document(response: &str) -> Vec<u8> {
        format!(
            "\u{FEFF}<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<Autodiscover xmlns=\"http://schemas.microsoft.com/\
             exchange/autodiscover/responseschema/2006\">{response}</Autodiscover>"
        )
        .into_bytes()
    }

    fn account(inside: &str) -> Vec<u8> {
        document(&format!("<Response xmlns=\"{RESPONSE}\"><Account>{inside}</Account></Response>"))
    }

    /// W8
    #[test]
    fn what_is_no_answer_of_autodiscover_says_what_it_is() {
        let bomb = "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;\">]>\
                    <Autodiscover>&b;</Autodiscover>";
        let deep = format!("<Autodiscover>{}", "<a>".repeat(60_000));
        for (bad, why) in [
            (&b""[..], "empty"),
            (b"\xff\xfe<", "UTF-8"),
            (b"<!DOCTYPE html><html><title>Sign in</title></html>", "web page"),
            (b"<HTML><body>hotel network</body></HTML>", "web page"),
            (b"{\"error\": 1}", "well-formed"),
            (bomb.as_bytes(), "document type"),
            (deep.as_bytes(), "larger than any"),
            (b"<Envelope/>", "\"Envelope\""),
            (b"<Autodiscover/>", "no Response"),
            (&account("<Action>dance</Action>"), "\"dance\""),
            (&account("<Action>settings</Action>"), "names no encrypted"),
            (&account("<Action>redirectAddr</Action><RedirectAddr>nobody</RedirectAddr>"), "no @"),
            (&account("<Action>redirectUrl</Action><RedirectUrl>nowhere</RedirectUrl>"), "nowhere"),
            (
                &account("<Action>settings</Action><Protocol><Type>EXCH</Type><EwsUrl>http://a/</EwsUrl></Protocol>"),
                "names no encrypted",
            ),
        ] {
            let problem = read(bad).expect_err(why);
            assert!(problem.contains(why), "{why}: {problem}");
        }
    }

    /// W6
    #[test]
    fn the_inner_address_comes_before_the_outer_one_and_each_is_named_once() {
        let protocol =
            |kind: &str, url: &str| format!("<Protocol><Type>{kind}</Type><EwsUrl>{url}</EwsUrl></Protocol>");
        let (inner, outer) =
            ("https://cas.corp.example/EWS/Exchange.asmx", "https://mail.corp.example/EWS/Exchange.asmx");
        let all = [
            "<Action>settings</Action>".to_owned(),
            protocol("EXPR", outer),
            protocol("WEB", "https://owa.corp.example/"),
            protocol("EXCH", inner),
            protocol("EXHTTP", inner),
        ];
        let expected = [inner, outer].map(|url| url.parse().unwrap()).to_vec();
        assert_eq!(read(&account(&all.concat())), Ok(Answer::Settings(expected, None)));
    }

    /// W6
    #[test]
    fn the_version_is_unpacked_and_nonsense_is_none() {
        let version = |major, minor, build| Some(Version { major, minor, build });
        assert_eq!(Version::unpack("73C28A02"), version(15, 2, 2562));
        assert_eq!(Version::unpack("738180DA"), version(14, 1, 218));
        for odd in ["", "3C28A02", "zzzzzzzz", "173C28A02"] {
            assert_eq!(Version::unpack(odd), None, "{odd}");
        }
    }

    #[test]
    fn redirections_and_errors_are_told_apart() {
        let answer = read(&account("<Action>redirectAddr</Action><RedirectAddr>a@b.example</RedirectAddr>"));
        assert_eq!(answer, Ok(Answer::RedirectAddress("a@b.example".parse().unwrap())));
        let answer = read(&account("<Action>redirectUrl</Action><RedirectUrl>https://b.example/x</RedirectUrl>"));
        assert_eq!(answer, Ok(Answer::RedirectUrl("https://b.example/x".parse().unwrap())));
        let error = |code: u32| {
            let inside = format!("<Error><ErrorCode>{code}</ErrorCode><Message>It is not there.</Message></Error>");
            read(&document(&format!("<Response>{inside}</Response>"))).unwrap()
        };
        assert_eq!(error(500), Answer::NoSuchMailbox("error 500: It is not there.".to_owned()));
        assert_eq!(error(600), Answer::Error("error 600: It is not there.".to_owned()));
    }

    #[test]
    fn an_address_with_characters_of_xml_is_asked_for_as_it_is() {
        let address: SmtpAddress = "a&b'c@corp.example".parse().unwrap();
        let request = request(&address);
        let document = Document::parse(&request).unwrap();
        let found = document.descendants().find(|node| node.has_tag_name((REQUEST, "EMailAddress"))).unwrap();
        assert_eq!(found.text(), Some("a&b'c@corp.example"));
    }

    proptest! {
        /// W8
        #[test]
        fn whatever_arrives_is_read_or_refused(content in proptest::collection::vec(any::<u8>(), 0..500)) {
            if let Err(problem) = read(&content) {
                prop_assert!(!problem.is_empty());
            }
        }
    }
}
