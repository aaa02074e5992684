//! The request and the answers of SOAP: `GetUserSettings` (MS-OXWSADISC).

use quick_xml::escape::escape;
use reqwest::Url;
use roxmltree::Node;

use super::answer::{self, Answer, Version, child, text_of};
use crate::settings::SmtpAddress;

const NAMESPACE: &str = "http://schemas.microsoft.com/exchange/2010/Autodiscover";
const ENVELOPE: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const ADDRESSING: &str = "http://www.w3.org/2005/08/addressing";

/// What is asked for, the address for clients inside first.
const SETTINGS: [&str; 2] = ["InternalEwsUrl", "ExternalEwsUrl"];

pub(super) fn request(address: &SmtpAddress, service: &Url) -> String {
    let settings: String = SETTINGS.iter().map(|name| format!("<a:Setting>{name}</a:Setting>")).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<s:Envelope xmlns:s=\"{ENVELOPE}\" xmlns:a=\"{NAMESPACE}\" \
         xmlns:w=\"{ADDRESSING}\"><s:Header><a:RequestedServerVersion>Exchange2013</a:RequestedServerVersion>\
         <w:Action>{NAMESPACE}/Autodiscover/GetUserSettings</w:Action><w:To>{to}</w:To></s:Header><s:Body>\
         <a:GetUserSettingsRequestMessage><a:Request><a:Users><a:User><a:Mailbox>{mailbox}</a:Mailbox></a:User>\
         </a:Users><a:RequestedSettings>{settings}</a:RequestedSettings></a:Request>\
         </a:GetUserSettingsRequestMessage></s:Body></s:Envelope>",
        to = escape(service.as_str()),
        mailbox = escape(address.as_str()),
    )
}

/// # Errors
/// A phrase that says why this is no answer of Autodiscover.
pub(super) fn read(content: &[u8]) -> Result<Answer, String> {
    let document = answer::document(content, "Envelope")?;
    let envelope = document.root_element();
    let body = child(envelope, "Body").ok_or("the answer has no Body")?;
    if let Some(fault) = child(body, "Fault") {
        let told = text_of(fault, "faultstring").unwrap_or_else(|| "it does not say which".to_owned());
        return Ok(Answer::Error(format!("a fault: {told}")));
    }
    let response = child(body, "GetUserSettingsResponseMessage").and_then(|message| child(message, "Response"));
    let response = response.ok_or("the answer has no Response")?;
    if let Some(error) = error_of(response) {
        return Ok(Answer::Error(error.1));
    }
    let user = child(response, "UserResponses").and_then(|all| child(all, "UserResponse"));
    let user = user.ok_or("the answer says nothing of the address")?;
    let target = || text_of(user, "RedirectTarget");
    match error_of(user) {
        None => settings(user, child(envelope, "Header").and_then(version)),
        Some((code, told)) => match code.as_str() {
            "RedirectAddress" => answer::redirect_address(target()),
            "RedirectUrl" => answer::redirect_url(target()),
            "InvalidUser" => Ok(Answer::NoSuchMailbox(told)),
            _ => Ok(Answer::Error(told)),
        },
    }
}

/// The code of an error, and the same in the words of the service.
fn error_of(node: Node<'_, '_>) -> Option<(String, String)> {
    let code = text_of(node, "ErrorCode").filter(|code| code != "NoError")?;
    let message = text_of(node, "ErrorMessage").unwrap_or_default();
    let told = format!("error {code}: {message}");
    Some((code, told))
}

fn settings(user: Node<'_, '_>, version: Option<Version>) -> Result<Answer, String> {
    let given = child(user, "UserSettings");
    let value = |wanted: &str| {
        let mut settings = given?.children().filter(|node| node.tag_name().name() == "UserSetting");
        text_of(settings.find(|setting| text_of(*setting, "Name").is_some_and(|name| name == wanted))?, "Value")
    };
    let mut urls: Vec<Url> = Vec::new();
    for text in SETTINGS.into_iter().filter_map(value) {
        if let Some(url) = answer::ews_url(&text)?.filter(|url| !urls.contains(url)) {
            urls.push(url);
        }
    }
    if urls.is_empty() {
        return Err("the answer names no encrypted address of Exchange Web Services".to_owned());
    }
    Ok(Answer::Settings(urls, version))
}

/// Of the server that answers, which is not always the one that has the mailbox.
fn version(header: Node<'_, '_>) -> Option<Version> {
    let told = child(header, "ServerVersionInfo")?;
    let number = |name: &str| text_of(told, name)?.parse().ok();
    Some(Version { major: number("MajorVersion")?, minor: number("MinorVersion")?, build: number("MajorBuildNumber")? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use roxmltree::Document;

    use super::*;

    fn envelope(body: &str) -> Vec<u8> {
        format!(
            "<s:Envelope xmlns:s=\"{ENVELOPE}\"><s:Header><h:ServerVersionInfo xmlns:h=\"{NAMESPACE}\">\
             <h:MajorVersion>15</h:MajorVersion><h:MinorVersion>2</h:MinorVersion>\
             <h:MajorBuildNumber>1544</h:MajorBuildNumber><h:MinorBuildNumber>4</h:MinorBuildNumber>\
             </h:ServerVersionInfo></s:Header><s:Body>{body}</s:Body></s:Envelope>"
        )
        .into_bytes()
    }

    fn response(inside: &str) -> Vec<u8> {
        envelope(&format!(
            "<GetUserSettingsResponseMessage xmlns=\"{NAMESPACE}\"><Response>{inside}</Response>\
             </GetUserSettingsResponseMessage>"
        ))
    }

    fn user(code: &str, inside: &str) -> Vec<u8> {
        response(&format!(
            "<ErrorCode>NoError</ErrorCode><ErrorMessage /><UserResponses><UserResponse><ErrorCode>{code}</ErrorCode>\
             <ErrorMessage>In its words.</ErrorMessage>{inside}</UserResponse></UserResponses>"
        ))
    }

    fn setting(name: &str, value: &str) -> String {
        format!("<UserSetting><Name>{name}</Name><Value>{value}</Value></UserSetting>")
    }

    /// W8
    #[test]
    fn what_is_no_answer_of_get_user_settings_says_what_it_is() {
        let bomb = "<!DOCTYPE a [<!ENTITY a \"aaaa\">]><Envelope>&a;</Envelope>";
        for (bad, why) in [
            (&b""[..], "empty"),
            (b"<!DOCTYPE html><html/>", "web page"),
            (bomb.as_bytes(), "document type"),
            (b"<Autodiscover/>", "\"Autodiscover\""),
            (b"<Envelope/>", "no Body"),
            (&envelope("<Other/>"), "no Response"),
            (&response("<ErrorCode>NoError</ErrorCode>"), "nothing of the address"),
            (&user("NoError", ""), "names no encrypted"),
            (&user("NoError", "<UserSettings/>"), "names no encrypted"),
            (&user("RedirectAddress", "<RedirectTarget>nobody</RedirectTarget>"), "no @"),
            (&user("RedirectUrl", "<RedirectTarget>nowhere</RedirectTarget>"), "nowhere"),
            (&user("RedirectUrl", ""), "to no place"),
        ] {
            let problem = read(bad).expect_err(why);
            assert!(problem.contains(why), "{why}: {problem}");
        }
    }

    /// W6
    #[test]
    fn the_inner_address_comes_first_whatever_the_order_of_the_answer() {
        let (inner, outer) =
            ("https://cas.corp.example/EWS/Exchange.asmx", "https://mail.corp.example/EWS/Exchange.asmx");
        let settings = format!(
            "<UserSettings>{}{}{}</UserSettings>",
            setting("ExternalEwsUrl", outer),
            setting("UserDN", "/o=x"),
            setting("InternalEwsUrl", inner)
        );
        let version = Some(Version { major: 15, minor: 2, build: 1544 });
        let expected = [inner, outer].map(|url| url.parse().unwrap()).to_vec();
        assert_eq!(read(&user("NoError", &settings)), Ok(Answer::Settings(expected, version)));
        let plain = format!("<UserSettings>{}</UserSettings>", setting("InternalEwsUrl", "http://cas/EWS"));
        assert!(read(&user("NoError", &plain)).unwrap_err().contains("no encrypted address"));
    }

    /// W8
    #[test]
    fn redirections_and_errors_are_told_apart() {
        let target = |target: &str| format!("<RedirectTarget>{target}</RedirectTarget>");
        assert_eq!(
            read(&user("RedirectAddress", &target("a@b.example"))),
            Ok(Answer::RedirectAddress("a@b.example".parse().unwrap()))
        );
        assert_eq!(
            read(&user("RedirectUrl", &target("https://b.example/x"))),
            Ok(Answer::RedirectUrl("https://b.example/x".parse().unwrap()))
        );
        let told = |code: &str| format!("error {code}: In its words.");
        assert_eq!(read(&user("InvalidUser", "")), Ok(Answer::NoSuchMailbox(told("InvalidUser"))));
        assert_eq!(read(&user("ServerBusy", "")), Ok(Answer::Error(told("ServerBusy"))));
        let whole = response("<ErrorCode>InvalidRequest</ErrorCode><ErrorMessage>No.</ErrorMessage>");
        assert_eq!(read(&whole), Ok(Answer::Error("error InvalidRequest: No.".to_owned())));
        let fault = envelope("<s:Fault><faultcode>a:X</faultcode><faultstring>Not here.</faultstring></s:Fault>");
        assert_eq!(read(&fault), Ok(Answer::Error("a fault: Not here.".to_owned())));
    }

    #[test]
    fn an_address_with_characters_of_xml_is_asked_for_as_it_is() {
        let url = "https://corp.example/autodiscover/autodiscover.svc?a=1&b=2".parse().unwrap();
        let request = request(&"a&b'c@corp.example".parse().unwrap(), &url);
        let document = Document::parse(&request).unwrap();
        let text = |name: &str| {
            document.descendants().find(|node| node.tag_name().name() == name).and_then(|node| node.text()).unwrap()
        };
        assert_eq!((text("Mailbox"), text("To")), ("a&b'c@corp.example", url.as_str()));
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
