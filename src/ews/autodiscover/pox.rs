//! The request and the answers of POX (MS-OXDSCLI 2.2.3 and 2.2.4).

use quick_xml::escape::escape;
use reqwest::Url;
use roxmltree::Node;

use super::answer::{self, Answer, Version, child, text_of};
use crate::settings::SmtpAddress;

const REQUEST: &str = "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006";
const RESPONSE: &str = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a";

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
    let document = answer::document(content, "Autodiscover")?;
    let root = document.root_element();
    let response = child(root, "Response").ok_or("the answer has no Response")?;
    if let Some(error) = child(response, "Error") {
        return Ok(of_error(error));
    }
    let account = child(response, "Account").ok_or("the answer has no Account")?;
    match text_of(account, "Action").unwrap_or_default().to_ascii_lowercase().as_str() {
        "settings" => settings(account),
        "redirectaddr" => answer::redirect_address(text_of(account, "RedirectAddr")),
        "redirecturl" => answer::redirect_url(text_of(account, "RedirectUrl")),
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
            if let Some(url) = answer::ews_url(&text)?.filter(|url| !urls.contains(url)) {
                urls.push(url);
            }
        }
    }
    if urls.is_empty() {
        return Err("the answer names no encrypted address of Exchange Web Services".to_owned());
    }
    Ok(Answer::Settings(urls, version))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use roxmltree::Document;

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
