//! Plain old XML: `/autodiscover/autodiscover.xml` (MS-OXDSCLI).

use bytes::Bytes;
use hyper::StatusCode;
use jiff::Zoned;
use quick_xml::escape::escape;

use super::super::directory::Person;
use super::super::iis::{self, Answer};
use super::{Autodiscover, Found, Site, legacy_dn, version};

const RESPONSE: &str = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006";
const OUTLOOK: &str = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a";

pub(super) fn answer(autodiscover: &Autodiscover, body: &Bytes, site: Site<'_>) -> Answer {
    let content = match read(body) {
        None => error(600, "Invalid Request"),
        Some(request) if request.response_schema != OUTLOOK => error(601, "Provider is not available"),
        Some(request) => match autodiscover.find(&request.address) {
            Found::Mailbox(person) => settings(&person, site),
            Found::Redirect(address) => redirect(&address),
            Found::Nobody => error(500, "The email address can't be found."),
        },
    };
    iis::answer(StatusCode::OK, "text/xml; charset=utf-8", content)
}

struct Request {
    address: String,
    response_schema: String,
}

fn read(body: &Bytes) -> Option<Request> {
    let document = roxmltree::Document::parse(std::str::from_utf8(body).ok()?).ok()?;
    let text = |name: &str| {
        let element = document.descendants().find(|node| node.tag_name().name().eq_ignore_ascii_case(name))?;
        let text = element.text()?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    };
    Some(Request { address: text("EMailAddress")?, response_schema: text("AcceptableResponseSchema")? })
}

fn document(response: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<Autodiscover xmlns=\"{RESPONSE}\">{response}</Autodiscover>"
    )
}

fn error(code: u16, message: &str) -> String {
    let time = Zoned::now().strftime("%H:%M:%S%.7f");
    document(&format!(
        "<Response><Error Time=\"{time}\" Id=\"2962311541\"><ErrorCode>{code}</ErrorCode><Message>{}</Message>\
         <DebugData /></Error></Response>",
        escape(message)
    ))
}

fn redirect(address: &str) -> String {
    document(&format!(
        "<Response xmlns=\"{OUTLOOK}\"><Account><Action>redirectAddr</Action><RedirectAddr>{}</RedirectAddr>\
         </Account></Response>",
        escape(address)
    ))
}

fn settings(person: &Person, site: Site<'_>) -> String {
    let ews = site.ews_url();
    let ews = escape(&ews);
    let server_dn =
        "/o=Nordwind/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Configuration/cn=Servers/cn=EX01";
    let urls = format!("<ASUrl>{ews}</ASUrl><EwsUrl>{ews}</EwsUrl><OOFUrl>{ews}</OOFUrl>");
    document(&format!(
        "<Response xmlns=\"{OUTLOOK}\"><User><DisplayName>{name}</DisplayName><LegacyDN>{dn}</LegacyDN>\
         <AutoDiscoverSMTPAddress>{address}</AutoDiscoverSMTPAddress>\
         <DeploymentId>3b1c7f0e-5d2a-4c8e-9b6f-0a4d1e2c7f51</DeploymentId></User>\
         <Account><AccountType>email</AccountType><Action>settings</Action><MicrosoftOnline>False</MicrosoftOnline>\
         <Protocol><Type>EXCH</Type><Server>{server}</Server><ServerDN>{server_dn}</ServerDN>\
         <ServerVersion>{packed}</ServerVersion><MdbDN>{server_dn}/cn=Microsoft Private MDB</MdbDN>{urls}</Protocol>\
         <Protocol><Type>EXPR</Type><Server>{server}</Server><SSL>On</SSL><AuthPackage>Basic</AuthPackage>{urls}\
         </Protocol>\
         <Protocol><Type>WEB</Type><Internal><Protocol><Type>EXCH</Type><ASUrl>{ews}</ASUrl></Protocol></Internal>\
         </Protocol></Account></Response>",
        name = escape(&person.display_name),
        dn = escape(legacy_dn(person)),
        address = escape(&person.primary),
        server = iis::SERVER,
        packed = version::PACKED,
    ))
}
