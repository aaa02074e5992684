//! SOAP envelopes of WS-Management: requests read, answers and faults written.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use roxmltree::{Document, Node};

use super::super::iis;

const RESOURCE: &str = "http://schemas.microsoft.com/powershell/Microsoft.Exchange";
const TRANSFER: &str = "http://schemas.xmlsoap.org/ws/2004/09/transfer/";
const SHELL: &str = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell";
const ADDRESSING: &str = "http://schemas.xmlsoap.org/ws/2004/08/addressing";

/// How long a question is held back at most, and for how many bytes of an answer a client is taken at its word.
const LONGEST: Duration = Duration::from_secs(20);
const SIZES: std::ops::RangeInclusive<usize> = 8 << 10..=512 << 10;

/// Namespaces of all that is written.
const ROOT: &str = "<s:Envelope xml:lang=\"en-US\" xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" \
    xmlns:a=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\" \
    xmlns:x=\"http://schemas.xmlsoap.org/ws/2004/09/transfer\" \
    xmlns:w=\"http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd\" \
    xmlns:p=\"http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd\" \
    xmlns:rsp=\"http://schemas.microsoft.com/wbem/wsman/1/windows/shell\">";

/// A request.
#[derive(Debug)]
pub struct Request {
    /// Its `MessageID`.
    pub message: String,
    pub resource: String,
    pub shell: String,
    pub timeout: Duration,
    most: usize,
    pub asked: Asked,
}

#[derive(Debug)]
pub enum Asked {
    Create { proposed: Option<String>, idle: Option<Duration>, fragments: Vec<u8> },
    Command { id: Option<String>, fragments: Vec<u8> },
    Send { command: Option<String>, fragments: Vec<u8> },
    Receive { command: Option<String> },
    Signal { command: String, code: String },
    Delete,
}

/// What the service says when it refuses.
#[derive(Debug)]
pub struct Fault {
    code: u32,
    message: String,
}

impl Fault {
    pub fn new(code: u32, message: &str) -> Self {
        Self { code, message: message.to_owned() }
    }

    pub fn nothing_yet() -> Self {
        let message = "The WS-Management service cannot complete the operation within the time specified in \
                       OperationTimeout.";
        Self::new(2_150_858_793, message)
    }

    pub fn no_resource(uri: &str) -> Self {
        let message =
            format!("The WS-Management service cannot process the request. The resource URI ({uri}) was not found.");
        Self::new(2_150_858_752, &message)
    }

    pub fn no_shell(id: &str) -> Self {
        let message = format!(
            "The request for the Windows Remote Shell with ShellId {id} failed because the shell was not found on the \
             server. Possible causes are: the specified ShellId is incorrect or the shell no longer exists on the server."
        );
        Self::new(2_150_858_843, &message)
    }

    pub fn no_role(upn: &str) -> Self {
        Self::new(5, &format!("The user \"{upn}\" isn't assigned to any management roles."))
    }

    pub fn too_many_shells(upn: &str, most: usize) -> Self {
        let message = format!(
            "Fail to create a runspace because you have exceeded the maximum number of connections allowed : {most} for \
             the policy party : MaxConcurrency. Please close existing runspace and try again. Policy: \
             CN=GlobalThrottlingPolicy; User: {upn}"
        );
        Self::new(2_150_859_174, &message)
    }

    pub fn bad(problem: &str) -> Self {
        let message = format!("The WS-Management service cannot process the request: {problem}");
        Self::new(2_150_858_817, &message)
    }
}

impl Request {
    pub fn read(body: &[u8]) -> Result<Self, Fault> {
        let unreadable = || Fault::bad("the request is no SOAP envelope.");
        let text = std::str::from_utf8(body).map_err(|_| unreadable())?;
        let document = Document::parse(text.trim_start_matches('\u{FEFF}')).map_err(|_| unreadable())?;
        let envelope = document.root_element();
        let header = child(envelope, "Header").ok_or_else(unreadable)?;
        let body = child(envelope, "Body").ok_or_else(unreadable)?;
        let of_header = |name: &str| child(header, name).map(text_of).unwrap_or_default();
        let seconds = of_header("OperationTimeout");
        let selectors = child(header, "SelectorSet").into_iter().flat_map(|set| set.children());
        let shell = selectors.filter(|node| node.attribute("Name") == Some("ShellId")).map(text_of).next();
        Ok(Self {
            message: of_header("MessageID"),
            resource: of_header("ResourceURI"),
            shell: shell.unwrap_or_default(),
            timeout: duration(&seconds).unwrap_or(LONGEST).min(LONGEST),
            most: of_header("MaxEnvelopeSize").parse().unwrap_or(*SIZES.end()),
            asked: asked(&of_header("Action"), body)?,
        })
    }

    pub fn is_for_exchange(&self) -> bool {
        self.resource.eq_ignore_ascii_case(RESOURCE)
    }

    /// Bytes of a stream that an answer may bring: Base64 makes four of three, and there is an envelope around it.
    pub fn most_bytes(&self) -> usize {
        (self.most.clamp(*SIZES.start(), *SIZES.end()) - 4096) / 4 * 3
    }

    fn action(&self) -> String {
        match self.asked {
            Asked::Create { .. } => format!("{TRANSFER}CreateResponse"),
            Asked::Delete => format!("{TRANSFER}DeleteResponse"),
            Asked::Command { .. } => format!("{SHELL}/CommandResponse"),
            Asked::Send { .. } => format!("{SHELL}/SendResponse"),
            Asked::Receive { .. } => format!("{SHELL}/ReceiveResponse"),
            Asked::Signal { .. } => format!("{SHELL}/SignalResponse"),
        }
    }
}

fn asked(action: &str, body: Node<'_, '_>) -> Result<Asked, Fault> {
    let content = |name: &str| child(body, name).ok_or_else(|| Fault::bad(&format!("there is no {name} in it.")));
    let decoded = |node: Option<Node<'_, '_>>| {
        let text: String = node.map(text_of).unwrap_or_default().split_whitespace().collect();
        STANDARD.decode(text).map_err(|_| Fault::bad("what should be Base64 is not."))
    };
    let command = |node: Node<'_, '_>| node.attribute("CommandId").map(str::to_owned);
    let name = action.rsplit('/').next().unwrap_or_default();
    Ok(match (name, action.starts_with(TRANSFER)) {
        ("Create", true) => {
            let shell = content("Shell")?;
            Asked::Create {
                proposed: shell.attribute("ShellId").map(str::to_owned),
                idle: child(shell, "IdleTimeOut").and_then(|node| duration(&text_of(node))),
                fragments: decoded(child(shell, "creationXml"))?,
            }
        }
        ("Delete", true) => Asked::Delete,
        ("Command", false) => {
            let line = content("CommandLine")?;
            Asked::Command { id: command(line), fragments: decoded(child(line, "Arguments"))? }
        }
        ("Send", false) => {
            let stream = child(content("Send")?, "Stream");
            Asked::Send { command: stream.and_then(command), fragments: decoded(stream)? }
        }
        ("Receive", false) => Asked::Receive { command: child(content("Receive")?, "DesiredStream").and_then(command) },
        ("Signal", false) => {
            let signal = content("Signal")?;
            let code = child(signal, "Code").map(text_of).unwrap_or_default();
            Asked::Signal { command: command(signal).unwrap_or_default(), code }
        }
        _ => return Err(Fault::bad(&format!("the action {action} is not known."))),
    })
}

/// The last part of the action, for whoever needs no more.
pub fn action(body: &[u8]) -> Option<String> {
    let document = Document::parse(std::str::from_utf8(body).ok()?.trim_start_matches('\u{FEFF}')).ok()?;
    let header = child(document.root_element(), "Header")?;
    let action = text_of(child(header, "Action")?);
    action.rsplit('/').next().filter(|name| name.chars().all(char::is_alphanumeric)).map(str::to_owned)
}

/// `PT20S`, `PT1M`, `PT20.000S`; of those with more in them, what comes first.
fn duration(text: &str) -> Option<Duration> {
    let text = text.trim().strip_prefix("PT")?;
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic())?);
    let number: f64 = number.parse().ok().filter(|number: &f64| (0.0..1e6).contains(number))?;
    Some(Duration::from_secs_f64(match unit.as_bytes()[0] {
        b'H' => number * 3600.0,
        b'M' => number * 60.0,
        b'S' => number,
        _ => return None,
    }))
}

fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|child| child.is_element() && child.tag_name().name() == name)
}

fn text_of(node: Node<'_, '_>) -> String {
    node.descendants().filter(Node::is_text).filter_map(|text| text.text()).collect::<String>().trim().to_owned()
}

fn escaped(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}

/// A new one, in capitals.
pub fn guid() -> String {
    uuid::Uuid::new_v4().hyphenated().to_string().to_uppercase()
}

pub fn answer(request: &Request, content: &str) -> String {
    enveloped(&request.action(), &request.message, content)
}

fn enveloped(action: &str, related: &str, content: &str) -> String {
    let related =
        if related.is_empty() { String::new() } else { format!("<a:RelatesTo>{}</a:RelatesTo>", escaped(related)) };
    format!(
        "{ROOT}<s:Header><a:Action>{action}</a:Action><a:MessageID>uuid:{}</a:MessageID>\
         <a:To>{ADDRESSING}/role/anonymous</a:To>{related}</s:Header><s:Body>{content}</s:Body></s:Envelope>",
        guid()
    )
}

pub fn fault(related: &str, fault: &Fault) -> String {
    let message = escaped(&fault.message);
    let content = format!(
        "<s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>w:InternalError</s:Value></s:Subcode></s:Code>\
         <s:Reason><s:Text xml:lang=\"en-US\">{message}</s:Text></s:Reason><s:Detail><f:WSManFault \
         xmlns:f=\"http://schemas.microsoft.com/wbem/wsman/1/wsmanfault\" Code=\"{}\" Machine=\"{}\"><f:Message>{message}\
         </f:Message></f:WSManFault></s:Detail></s:Fault>",
        fault.code,
        iis::SERVER
    );
    enveloped("http://schemas.dmtf.org/wbem/wsman/1/wsman/fault", related, &content)
}

pub fn created(id: &str, owner: &str) -> String {
    format!(
        "<x:ResourceCreated><a:Address>https://{}/PowerShell/</a:Address><a:ReferenceParameters><w:ResourceURI>{RESOURCE}\
         </w:ResourceURI><w:SelectorSet><w:Selector Name=\"ShellId\">{id}</w:Selector></w:SelectorSet>\
         </a:ReferenceParameters></x:ResourceCreated><rsp:Shell><rsp:ShellId>{id}</rsp:ShellId><rsp:ResourceUri>{RESOURCE}\
         </rsp:ResourceUri><rsp:Owner>{}</rsp:Owner><rsp:InputStreams>stdin pr</rsp:InputStreams>\
         <rsp:OutputStreams>stdout</rsp:OutputStreams></rsp:Shell>",
        iis::SERVER,
        escaped(owner)
    )
}

pub fn started(id: &str) -> String {
    format!("<rsp:CommandResponse><rsp:CommandId>{id}</rsp:CommandId></rsp:CommandResponse>")
}

pub fn received(command: Option<&str>, stream: &[u8], done: bool) -> String {
    let id = command.map(|id| format!(" CommandId=\"{}\"", escaped(id))).unwrap_or_default();
    let state =
        if done { format!("<rsp:CommandState{id} State=\"{SHELL}/CommandState/Done\"/>") } else { String::new() };
    format!(
        "<rsp:ReceiveResponse><rsp:Stream Name=\"stdout\"{id}>{}</rsp:Stream>{state}</rsp:ReceiveResponse>",
        STANDARD.encode(stream)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// X1
    #[test]
    fn what_is_no_request_is_refused_in_words() {
        for body in [&b""[..], b"<x/>", b"\xff", b"<s:Envelope xmlns:s='x'><s:Header/><s:Body/></s:Envelope>"] {
            let fault = Request::read(body).unwrap_err();
            assert!(fault.message.contains("cannot process the request"), "{fault:?}");
        }
    }

    /// X1
    #[test]
    fn durations_are_read_as_clients_write_them() {
        assert_eq!(duration("PT20S"), Some(Duration::from_secs(20)));
        assert_eq!(duration("PT180.500S"), Some(Duration::from_millis(180_500)));
        assert_eq!(duration("PT15M"), Some(Duration::from_secs(900)));
        for wrong in ["", "20", "PT", "PTS", "PT-3S", "PT9e99S"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }
}
