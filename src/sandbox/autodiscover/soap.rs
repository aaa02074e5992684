//! SOAP: `/autodiscover/autodiscover.svc` with `GetUserSettings` and `GetDomainSettings` (MS-OXWSADISC).

use std::fmt::Write as _;

use bytes::Bytes;
use hyper::{Method, StatusCode};
use quick_xml::escape::escape;
use roxmltree::{Document, Node};

use super::super::directory::Person;
use super::super::iis::{self, Answer};
use super::{Autodiscover, Found, Site, legacy_dn, version};

const NAMESPACE: &str = "http://schemas.microsoft.com/exchange/2010/Autodiscover";
const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const ACTIONS: &str = "http://schemas.microsoft.com/exchange/2010/Autodiscover/Autodiscover";
/// Users or domains in one request.
const MOST: usize = 100;

pub(super) fn answer(autodiscover: &Autodiscover, method: &Method, body: &Bytes, site: Site<'_>) -> Answer {
    if method != Method::POST {
        return iis::answer(
            StatusCode::OK,
            "text/html; charset=UTF-8",
            "<HTML><BODY><P>AutodiscoverService</P></BODY></HTML>",
        );
    }
    let Some(document) = std::str::from_utf8(body).ok().and_then(|text| Document::parse(text).ok()) else {
        return iis::status_page(StatusCode::BAD_REQUEST);
    };
    let request = document
        .root_element()
        .children()
        .find(|node| node.has_tag_name((SOAP, "Body")))
        .and_then(|body| body.first_element_child());
    let (status, content) = match request.map(|request| (request.tag_name().name(), request)) {
        Some(("GetUserSettingsRequestMessage", request)) => {
            (StatusCode::OK, envelope("GetUserSettings", &user_settings(autodiscover, request, site)))
        }
        Some(("GetDomainSettingsRequestMessage", request)) => {
            (StatusCode::OK, envelope("GetDomainSettings", &domain_settings(autodiscover, request, site)))
        }
        _ => (StatusCode::INTERNAL_SERVER_ERROR, not_supported()),
    };
    iis::answer(status, "text/xml; charset=utf-8", content)
}

fn envelope(operation: &str, response: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"{SOAP}\" xmlns:a=\"http://www.w3.org/2005/08/addressing\"><s:Header>\
         <a:Action s:mustUnderstand=\"1\">{ACTIONS}/{operation}Response</a:Action>\
         <h:ServerVersionInfo xmlns:h=\"{NAMESPACE}\" xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\">\
         <h:MajorVersion>{}</h:MajorVersion><h:MinorVersion>{}</h:MinorVersion>\
         <h:MajorBuildNumber>{}</h:MajorBuildNumber><h:MinorBuildNumber>{}</h:MinorBuildNumber>\
         <h:Version>Exchange2015</h:Version></h:ServerVersionInfo></s:Header>\
         <s:Body><{operation}ResponseMessage xmlns=\"{NAMESPACE}\">\
         <Response xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\">{response}</Response>\
         </{operation}ResponseMessage></s:Body></s:Envelope>",
        version::MAJOR,
        version::MINOR,
        version::MAJOR_BUILD,
        version::MINOR_BUILD,
    )
}

fn not_supported() -> String {
    format!(
        "<s:Envelope xmlns:s=\"{SOAP}\"><s:Body><s:Fault>\
         <faultcode xmlns:a=\"http://schemas.microsoft.com/ws/2005/05/addressing/none\">a:ActionNotSupported</faultcode>\
         <faultstring xml:lang=\"en-US\">The message cannot be processed at the receiver, due to a contract mismatch \
         between sender and receiver.</faultstring></s:Fault></s:Body></s:Envelope>"
    )
}

/// Text of all elements with this name below `node`.
fn texts<'a>(node: Node<'a, '_>, name: &'static str) -> Vec<&'a str> {
    node.descendants()
        .filter(|element| element.has_tag_name((NAMESPACE, name)))
        .map(|element| element.text().unwrap_or_default().trim())
        .collect()
}

/// An error of the request as a whole.
fn refused(code: &str, message: &str) -> String {
    format!("<ErrorCode>{code}</ErrorCode><ErrorMessage>{}</ErrorMessage>", escape(message))
}

fn user_settings(autodiscover: &Autodiscover, request: Node<'_, '_>, site: Site<'_>) -> String {
    let (users, settings) = (texts(request, "Mailbox"), texts(request, "Setting"));
    if users.is_empty() {
        return refused("InvalidRequest", "At least one user must be provided.") + "<UserResponses />";
    }
    if users.len() > MOST {
        return refused("InvalidRequest", "Too many users were provided.") + "<UserResponses />";
    }
    if settings.is_empty() {
        return refused("InvalidRequest", "At least one setting must be provided.") + "<UserResponses />";
    }
    let mut answers = String::new();
    for user in users {
        answers.push_str("<UserResponse>");
        match autodiscover.find(user) {
            Found::Mailbox(person) => answers.push_str(&one_user(&person, &settings, site)),
            Found::Redirect(address) => {
                let _ = write!(
                    answers,
                    "<ErrorCode>RedirectAddress</ErrorCode><ErrorMessage>Redirection address.</ErrorMessage>\
                     <RedirectTarget>{}</RedirectTarget><UserSettingErrors /><UserSettings />",
                    escape(&address)
                );
            }
            Found::Nobody => {
                let message = format!("Invalid user: '{user}'");
                let _ = write!(
                    answers,
                    "<ErrorCode>InvalidUser</ErrorCode><ErrorMessage>{}</ErrorMessage>\
                     <RedirectTarget i:nil=\"true\" /><UserSettingErrors /><UserSettings />",
                    escape(&message)
                );
            }
        }
        answers.push_str("</UserResponse>");
    }
    format!("<ErrorCode>NoError</ErrorCode><ErrorMessage /><UserResponses>{answers}</UserResponses>")
}

fn one_user(person: &Person, settings: &[&str], site: Site<'_>) -> String {
    let (mut errors, mut values) = (String::new(), String::new());
    for &name in settings {
        match value(person, name, site) {
            Some(value) => {
                let _ = write!(
                    values,
                    "<UserSetting i:type=\"StringSetting\"><Name>{}</Name><Value>{}</Value></UserSetting>",
                    escape(name),
                    escape(&value)
                );
            }
            None => setting_error(&mut errors, "UserSettingError", name),
        }
    }
    format!(
        "<ErrorCode>NoError</ErrorCode><ErrorMessage>No error.</ErrorMessage><RedirectTarget i:nil=\"true\" />\
         <UserSettingErrors>{errors}</UserSettingErrors><UserSettings>{values}</UserSettings>"
    )
}

fn setting_error(errors: &mut String, element: &str, name: &str) {
    let (code, what) = if KNOWN.contains(&name) {
        ("SettingIsNotAvailable", "The setting is not available.")
    } else {
        ("InvalidSetting", "The setting is invalid.")
    };
    let _ = write!(
        errors,
        "<{element}><ErrorCode>{code}</ErrorCode><ErrorMessage>{what}</ErrorMessage>\
         <SettingName>{}</SettingName></{element}>",
        escape(name)
    );
}

fn value(person: &Person, setting: &str, site: Site<'_>) -> Option<String> {
    Some(match setting {
        "InternalEwsUrl" | "ExternalEwsUrl" => site.ews_url(),
        "EwsSupportedSchemas" => version::SCHEMAS.to_owned(),
        "CasVersion" | "ExternalEwsVersion" => cas_version(),
        "UserDisplayName" => person.display_name.clone(),
        "UserDN" => legacy_dn(person),
        "AutoDiscoverSMTPAddress" => person.primary.clone(),
        "UserDeploymentId" => "3b1c7f0e-5d2a-4c8e-9b6f-0a4d1e2c7f51".to_owned(),
        "InternalMailboxServer" | "ActiveDirectoryServer" => iis::SERVER.to_owned(),
        "MapiHttpEnabled" | "UserMSOnline" => "False".to_owned(),
        _ => return None,
    })
}

fn cas_version() -> String {
    format!("{}.{:02}.{:04}.{:03}", version::MAJOR, version::MINOR, version::MAJOR_BUILD, version::MINOR_BUILD)
}

/// Settings that the protocol knows and this server does not have.
const KNOWN: &[&str] = &[
    "InternalRpcClientServer",
    "InternalMailboxServerDN",
    "InternalEcpUrl",
    "InternalOABUrl",
    "InternalUMUrl",
    "InternalWebClientUrls",
    "MailboxDN",
    "PublicFolderServer",
    "ExternalMailboxServer",
    "ExternalMailboxServerRequiresSSL",
    "ExternalMailboxServerAuthenticationMethods",
    "ExternalEcpUrl",
    "ExternalOABUrl",
    "ExternalUMUrl",
    "ExternalWebClientUrls",
    "CrossOrganizationSharingEnabled",
    "AlternateMailboxes",
    "InternalPop3Connections",
    "ExternalPop3Connections",
    "InternalImap4Connections",
    "ExternalImap4Connections",
    "InternalSmtpConnections",
    "ExternalSmtpConnections",
    "InternalServerExclusiveConnect",
    "ExternalServerExclusiveConnect",
    "ExchangeRpcUrl",
    "ShowGalAsDefaultView",
    "GroupingInformation",
    "InteropExternalEwsUrl",
    "InteropExternalEwsVersion",
    "MobileMailboxPolicyInterop",
];

fn domain_settings(autodiscover: &Autodiscover, request: Node<'_, '_>, site: Site<'_>) -> String {
    let (domains, settings) = (texts(request, "Domain"), texts(request, "Setting"));
    if domains.is_empty() || domains.len() > MOST || settings.is_empty() {
        let message = "Between one and 100 domains and at least one setting must be provided.";
        return refused("InvalidRequest", message) + "<DomainResponses />";
    }
    let mut answers = String::new();
    for domain in domains {
        answers.push_str("<DomainResponse>");
        if autodiscover.accepts(domain) {
            let (mut errors, mut values) = (String::new(), String::new());
            for &name in &settings {
                let value = match name {
                    "ExternalEwsUrl" => site.ews_url(),
                    "ExternalEwsVersion" => cas_version(),
                    _ => {
                        setting_error(&mut errors, "DomainSettingError", name);
                        continue;
                    }
                };
                let _ = write!(
                    values,
                    "<DomainSetting i:type=\"DomainStringSetting\"><Name>{name}</Name><Value>{}</Value></DomainSetting>",
                    escape(&value)
                );
            }
            let _ = write!(
                answers,
                "<ErrorCode>NoError</ErrorCode><ErrorMessage /><DomainSettingErrors>{errors}</DomainSettingErrors>\
                 <DomainSettings>{values}</DomainSettings><RedirectTarget i:nil=\"true\" />"
            );
        } else {
            answers.push_str(
                "<ErrorCode>InvalidDomain</ErrorCode><ErrorMessage>The domain is invalid.</ErrorMessage>\
                 <DomainSettingErrors /><DomainSettings /><RedirectTarget i:nil=\"true\" />",
            );
        }
        answers.push_str("</DomainResponse>");
    }
    format!("<ErrorCode>NoError</ErrorCode><ErrorMessage /><DomainResponses>{answers}</DomainResponses>")
}
