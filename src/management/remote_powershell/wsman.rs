//! WS-Management as remote PowerShell uses it (MS-WSMV): SOAP 1.2 envelopes to create a shell, run a command in it, and
//! send and receive its streams.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use quick_xml::escape::escape;
use reqwest::Url;
use roxmltree::{Document, Node, ParsingOptions};
use uuid::Uuid;

/// What Exchange's remote PowerShell is called.
const RESOURCE: &str = "http://schemas.microsoft.com/powershell/Microsoft.Exchange";

/// Bytes that an answer may have; what a server allows by default.
pub const LARGEST_ENVELOPE: usize = 512_000;

/// How long the server holds a question back while there is nothing to answer.
pub const OPERATION_TIMEOUT: Duration = Duration::from_secs(20);

/// Elements and texts of an answer.
const MOST_NODES: u32 = 20_000;

/// The server had nothing to say within [`OPERATION_TIMEOUT`]; it is asked again.
const NOTHING_YET: i64 = 2_150_858_793;

/// ERROR_ACCESS_DENIED
const ACCESS_DENIED: i64 = 5;

const TRANSFER: &str = "http://schemas.xmlsoap.org/ws/2004/09/transfer";
const SHELL: &str = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell";

/// What is asked of the server.
#[derive(Debug, Clone, Copy)]
pub enum Operation<'a> {
    /// Opens a shell, with the first fragments in it.
    Create {
        shell: Uuid,
        fragments: &'a [u8],
    },
    /// Starts a pipeline with the first fragment of the message that creates it.
    Command {
        pipeline: Uuid,
        fragment: &'a [u8],
    },
    /// Brings a further fragment.
    Send {
        pipeline: Uuid,
        fragment: &'a [u8],
    },
    /// Waits for what the shell, or a pipeline, has to say.
    Receive {
        pipeline: Option<Uuid>,
    },
    /// The pipeline is not needed any more.
    Terminate {
        pipeline: Uuid,
    },
    Delete,
}

impl Operation<'_> {
    fn action(self) -> String {
        match self {
            Self::Create { .. } => format!("{TRANSFER}/Create"),
            Self::Delete => format!("{TRANSFER}/Delete"),
            Self::Command { .. } => format!("{SHELL}/Command"),
            Self::Send { .. } => format!("{SHELL}/Send"),
            Self::Receive { .. } => format!("{SHELL}/Receive"),
            Self::Terminate { .. } => format!("{SHELL}/Signal"),
        }
    }

    fn options(self) -> &'static str {
        match self {
            Self::Create { .. } => {
                "<w:OptionSet s:mustUnderstand=\"true\"><w:Option Name=\"protocolversion\" MustComply=\"true\">2.3\
                 </w:Option></w:OptionSet>"
            }
            Self::Receive { .. } => {
                "<w:OptionSet s:mustUnderstand=\"true\"><w:Option Name=\"WSMAN_CMDSHELL_OPTION_KEEPALIVE\">TRUE\
                 </w:Option></w:OptionSet>"
            }
            _ => "",
        }
    }

    fn body(self) -> String {
        match self {
            Self::Create { shell, fragments } => format!(
                "<rsp:Shell ShellId=\"{}\"><rsp:InputStreams>stdin pr</rsp:InputStreams>\
                 <rsp:OutputStreams>stdout</rsp:OutputStreams><rsp:IdleTimeOut>PT120S</rsp:IdleTimeOut>\
                 <creationXml xmlns=\"http://schemas.microsoft.com/powershell\">{}</creationXml></rsp:Shell>",
                upper(shell),
                STANDARD.encode(fragments)
            ),
            Self::Command { pipeline, fragment } => format!(
                "<rsp:CommandLine CommandId=\"{}\"><rsp:Command/><rsp:Arguments>{}</rsp:Arguments></rsp:CommandLine>",
                upper(pipeline),
                STANDARD.encode(fragment)
            ),
            Self::Send { pipeline, fragment } => format!(
                "<rsp:Send><rsp:Stream Name=\"stdin\" CommandId=\"{}\">{}</rsp:Stream></rsp:Send>",
                upper(pipeline),
                STANDARD.encode(fragment)
            ),
            Self::Receive { pipeline } => {
                let command = pipeline.map(|id| format!(" CommandId=\"{}\"", upper(id))).unwrap_or_default();
                format!("<rsp:Receive><rsp:DesiredStream{command}>stdout</rsp:DesiredStream></rsp:Receive>")
            }
            Self::Terminate { pipeline } => format!(
                "<rsp:Signal CommandId=\"{}\"><rsp:Code>{SHELL}/signal/terminate</rsp:Code></rsp:Signal>",
                upper(pipeline)
            ),
            Self::Delete => String::new(),
        }
    }
}

fn upper(id: Uuid) -> String {
    id.hyphenated().to_string().to_uppercase()
}

/// Writes the envelope. `shell` is what the server calls the shell, once there is one.
#[must_use]
pub fn envelope(operation: Operation<'_>, to: &Url, session: Uuid, message: Uuid, shell: Option<&str>) -> String {
    let selector = shell
        .map(|id| format!("<w:SelectorSet><w:Selector Name=\"ShellId\">{}</w:Selector></w:SelectorSet>", escape(id)));
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
         <s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" \
         xmlns:a=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\" \
         xmlns:w=\"http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd\" \
         xmlns:p=\"http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd\" xmlns:rsp=\"{SHELL}\"><s:Header>\
         <a:To>{to}</a:To><a:ReplyTo><a:Address s:mustUnderstand=\"true\">\
         http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:Address></a:ReplyTo>\
         <a:Action s:mustUnderstand=\"true\">{action}</a:Action><a:MessageID>uuid:{message}</a:MessageID>\
         <w:ResourceURI s:mustUnderstand=\"true\">{RESOURCE}</w:ResourceURI>\
         <w:MaxEnvelopeSize s:mustUnderstand=\"true\">{LARGEST_ENVELOPE}</w:MaxEnvelopeSize>\
         <w:Locale xml:lang=\"en-US\" s:mustUnderstand=\"false\"/>\
         <p:DataLocale xml:lang=\"en-US\" s:mustUnderstand=\"false\"/>\
         <p:SessionId s:mustUnderstand=\"false\">uuid:{session}</p:SessionId>{options}\
         <w:OperationTimeout>PT{seconds}S</w:OperationTimeout>{selector}</s:Header><s:Body>{body}</s:Body></s:Envelope>",
        to = escape(to.as_str()),
        action = operation.action(),
        message = upper(message),
        session = upper(session),
        options = operation.options(),
        seconds = OPERATION_TIMEOUT.as_secs(),
        selector = selector.unwrap_or_default(),
        body = operation.body(),
    )
}

/// What an answer brings.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// What the server calls the shell that it created.
    pub shell: Option<String>,
    /// Bytes of the stream.
    pub stream: Vec<u8>,
    /// The pipeline is over; nothing more comes.
    pub done: bool,
}

/// What the server says instead of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The code of Windows, or of WS-Management.
    pub code: Option<i64>,
    /// Word for word.
    pub message: String,
}

impl Fault {
    /// It had nothing to say in time, and can be asked again.
    #[must_use]
    pub fn is_nothing_yet(&self) -> bool {
        self.code == Some(NOTHING_YET)
    }

    #[must_use]
    pub fn is_access_denied(&self) -> bool {
        self.code == Some(ACCESS_DENIED)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, self.message.as_str()) {
            (Some(code), "") => write!(f, "error {code}"),
            (Some(code), message) => write!(f, "{message} (error {code})"),
            (None, "") => f.write_str("an error without a word about it"),
            (None, message) => f.write_str(message),
        }
    }
}

/// What came of an operation.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    Answer(Answer),
    Fault(Fault),
}

/// Why an answer is none, as a phrase.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    #[error("it is no SOAP envelope")]
    NoEnvelope,
    #[error("its XML is broken: {0}")]
    Xml(String),
    #[error("it answers another question")]
    NotOurs,
    #[error("a stream in it is not in Base64")]
    Base64,
}

/// # Errors
/// Says why it is no answer to this message.
pub fn read(text: &str, message: Uuid) -> Result<Outcome, NoAnswer> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|error| NoAnswer::Xml(error.to_string()))?;
    let envelope = document.root_element();
    let body = child(envelope, "Body").filter(|_| is(envelope, "Envelope"));
    let body = body.ok_or(NoAnswer::NoEnvelope)?;
    if let Some(fault) = child(body, "Fault") {
        return Ok(Outcome::Fault(of_fault(fault)));
    }
    let related = child(envelope, "Header").and_then(|header| child(header, "RelatesTo")).map(all_text);
    let ours = format!("uuid:{message}");
    if related.is_some_and(|related| !related.trim().eq_ignore_ascii_case(&ours)) {
        return Err(NoAnswer::NotOurs);
    }
    let mut answer = Answer::default();
    for node in body.descendants().filter(Node::is_element) {
        match node.tag_name().name() {
            "ShellId" => answer.shell = Some(all_text(node).trim().to_owned()),
            "Selector" if node.attribute("Name") == Some("ShellId") => {
                answer.shell = Some(all_text(node).trim().to_owned());
            }
            "Stream" if node.attribute("Name") == Some("stdout") => {
                let base64: String = all_text(node).split_whitespace().collect();
                answer.stream.extend(STANDARD.decode(base64).map_err(|_| NoAnswer::Base64)?);
            }
            "CommandState" => answer.done |= node.attribute("State").is_some_and(|state| state.ends_with("/Done")),
            _ => {}
        }
    }
    Ok(Outcome::Answer(answer))
}

/// The innermost words say most: those of the provider, which is Exchange; then those of WS-Management, of SOAP.
fn of_fault(fault: Node<'_, '_>) -> Fault {
    let of_windows = fault.descendants().find(|node| is(*node, "WSManFault"));
    let code = of_windows.and_then(|node| node.attribute("Code")).and_then(|code| code.trim().parse::<i64>().ok());
    // Some write the code as a signed number.
    let code = code.map(|code| if code < 0 { code + (1 << 32) } else { code });
    let words = |node: Node<'_, '_>| {
        let words = all_text(node);
        let words: Vec<_> = words.split_whitespace().collect();
        Some(words.join(" ")).filter(|words| !words.is_empty())
    };
    let message = of_windows
        .and_then(|node| child(node, "Message"))
        .and_then(words)
        .or_else(|| fault.descendants().find(|node| is(*node, "Text")).and_then(words))
        .unwrap_or_default();
    Fault { code, message }
}

fn is(node: Node<'_, '_>, name: &str) -> bool {
    node.is_element() && node.tag_name().name() == name
}

fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|child| is(*child, name))
}

fn all_text(node: Node<'_, '_>) -> String {
    node.descendants().filter(Node::is_text).filter_map(|text| text.text()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: Uuid = Uuid::from_u128(0xA1);

    fn answer(header: &str, body: &str) -> String {
        format!(
            "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" xmlns:a=\"urn:a\" xmlns:r=\"{SHELL}\">\
             <s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
        )
    }

    /// W9
    #[test]
    fn what_is_no_answer_to_the_question_is_refused() {
        assert!(matches!(read("<html><body>Sign in</body></html>", MESSAGE), Err(NoAnswer::NoEnvelope)));
        assert!(matches!(read("HTTP error", MESSAGE), Err(NoAnswer::Xml(_))));
        let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaa\">]><s:Envelope xmlns:s=\"x\"><s:Body>&a;</s:Body></s:Envelope>";
        assert!(matches!(read(bomb, MESSAGE), Err(NoAnswer::Xml(_))));
        let other = answer("<a:RelatesTo>uuid:00000000-0000-0000-0000-0000000000A2</a:RelatesTo>", "");
        assert_eq!(read(&other, MESSAGE), Err(NoAnswer::NotOurs));
        let broken = answer("", "<r:ReceiveResponse><r:Stream Name=\"stdout\">%%%</r:Stream></r:ReceiveResponse>");
        assert_eq!(read(&broken, MESSAGE), Err(NoAnswer::Base64));
        let crowd = answer("", &"<r:x/>".repeat(30_000));
        assert!(matches!(read(&crowd, MESSAGE), Err(NoAnswer::Xml(_))));
    }

    /// W9
    #[test]
    fn a_fault_is_told_by_the_innermost_words_there_are() {
        let fault = |detail: &str| {
            let fault = format!(
                "<s:Fault><s:Code><s:Value>s:Sender</s:Value></s:Code><s:Reason><s:Text xml:lang=\"en-US\">Outer \
                 words. </s:Text></s:Reason><s:Detail>{detail}</s:Detail></s:Fault>"
            );
            match read(&answer("", &fault), MESSAGE).unwrap() {
                Outcome::Fault(fault) => fault,
                Outcome::Answer(answer) => panic!("{answer:?}"),
            }
        };
        let denied = fault(
            "<f:WSManFault xmlns:f=\"http://schemas.microsoft.com/wbem/wsman/1/wsmanfault\" Code=\"5\" Machine=\"EX01\">\
             <f:Message><f:ProviderFault provider=\"Microsoft.Exchange\" path=\"x\">The user \"CORP\\anna\" isn't \
             assigned to any management roles.</f:ProviderFault></f:Message></f:WSManFault>",
        );
        assert!(denied.is_access_denied() && denied.message.starts_with("The user \"CORP\\anna\""), "{denied}");
        let waiting = "<f:WSManFault xmlns:f=\"urn:f\" Code=\"2150858793\"><f:Message/></f:WSManFault>";
        let waiting = fault(waiting);
        assert!(waiting.is_nothing_yet());
        assert_eq!(waiting.message, "Outer words.");
        assert!(fault("<f:WSManFault xmlns:f=\"urn:f\" Code=\"-2144108503\"/>").is_nothing_yet());
        assert_eq!(fault("").to_string(), "Outer words.");
    }

    #[test]
    fn streams_states_and_the_shells_name_are_read() {
        let received = answer(
            "<a:RelatesTo>uuid:00000000-0000-0000-0000-0000000000a1</a:RelatesTo>",
            "<r:ReceiveResponse><r:Stream Name=\"stdout\">YW\nJj</r:Stream><r:Stream Name=\"stdout\">ZA==</r:Stream>\
             <r:Stream Name=\"stderr\">eHg=</r:Stream><r:CommandState CommandId=\"1\" \
             State=\"http://schemas.microsoft.com/wbem/wsman/1/windows/shell/CommandState/Done\"/></r:ReceiveResponse>",
        );
        let expected = Answer { shell: None, stream: b"abcd".to_vec(), done: true };
        assert_eq!(read(&received, MESSAGE), Ok(Outcome::Answer(expected)));
        let created = answer("", "<r:Shell><r:ShellId>S1</r:ShellId></r:Shell>");
        let Ok(Outcome::Answer(created)) = read(&created, MESSAGE) else { panic!() };
        assert_eq!(created.shell.as_deref(), Some("S1"));
    }

    #[test]
    fn an_envelope_names_exchange_its_shell_and_its_bounds() {
        let to = "https://exchange.corp.example/PowerShell/?a=1&b=2".parse().unwrap();
        let receive = Operation::Receive { pipeline: Some(Uuid::nil()) };
        let text = envelope(receive, &to, Uuid::nil(), MESSAGE, Some("a<b"));
        let document = Document::parse(&text).unwrap();
        let find = |name: &str| {
            let node = document.descendants().find(|node| is(*node, name)).unwrap();
            (all_text(node), node.attribute("CommandId").map(str::to_owned))
        };
        assert_eq!(find("To").0, "https://exchange.corp.example/PowerShell/?a=1&b=2");
        assert_eq!(find("ResourceURI").0, RESOURCE);
        assert_eq!(find("Selector").0, "a<b");
        assert_eq!(find("MaxEnvelopeSize").0, "512000");
        assert_eq!(find("OperationTimeout").0, "PT20S");
        assert_eq!(find("DesiredStream").1.unwrap(), "00000000-0000-0000-0000-000000000000");
    }
}
