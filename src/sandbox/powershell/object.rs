//! Objects of PowerShell as XML (MS-PSRP 2.2.5): the pipelines that clients send, and what goes back.

use roxmltree::{Document, Node};
use serde_json::{Map, Value};

/// A command of a pipeline.
#[derive(Debug, PartialEq)]
pub struct Command {
    pub name: String,
    pub script: bool,
    pub parameters: Map<String, Value>,
}

/// The commands of a pipeline. None: it can't be read.
pub fn commands(xml: &str) -> Option<Vec<Command>> {
    let document = Document::parse(xml).ok()?;
    let shell = member(document.root_element(), "PowerShell")?;
    let commands = list(member(shell, "Cmds")?).map(command);
    commands.collect()
}

fn command(node: Node<'_, '_>) -> Option<Command> {
    let mut parameters = Map::new();
    for argument in member(node, "Args").into_iter().flat_map(list) {
        let name = member(argument, "N").filter(|name| name.tag_name().name() == "S").map(plain);
        // Without a name it stands for the first parameter, which is the identity for all cmdlets here.
        let name = name.map_or_else(|| "Identity".to_owned(), |name| name.trim_matches(['-', ':']).to_owned());
        parameters.insert(name, member(argument, "V").map_or(Value::Bool(true), value));
    }
    Some(Command {
        name: plain(member(node, "Cmd")?),
        script: member(node, "IsScript").map(plain).as_deref() == Some("true"),
        parameters,
    })
}

fn member<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    let sets = node.children().filter(|child| matches!(child.tag_name().name(), "MS" | "Props"));
    sets.flat_map(|set| set.children()).find(|child| child.attribute("N") == Some(name))
}

fn list<'a, 'i>(node: Node<'a, 'i>) -> impl Iterator<Item = Node<'a, 'i>> {
    let lists = node.children().filter(|child| matches!(child.tag_name().name(), "LST" | "IE"));
    lists.flat_map(|list| list.children()).filter(Node::is_element)
}

fn value(node: Node<'_, '_>) -> Value {
    match node.tag_name().name() {
        // A switch that was set.
        "Nil" => Value::Bool(true),
        "B" => Value::Bool(plain(node) == "true"),
        "I32" | "I64" => plain(node).parse::<i64>().map_or(Value::Null, Value::from),
        "Obj" => match node.children().find(|child| matches!(child.tag_name().name(), "B" | "S" | "I32" | "I64")) {
            Some(inner) => value(inner),
            None => node.children().find(|child| child.tag_name().name() == "ToString").map_or(Value::Null, value),
        },
        _ => Value::String(plain(node)),
    }
}

/// Text with `_xHHHH_` read.
fn plain(node: Node<'_, '_>) -> String {
    let text: String = node.children().filter(Node::is_text).filter_map(|text| text.text()).collect();
    let mut units = Vec::new();
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        let digits = rest.strip_prefix("_x").and_then(|rest| rest.get(..5)).and_then(|it| it.strip_suffix('_'));
        let digits = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        if let Some(unit) = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok()) {
            units.push(unit);
            rest = &rest[7..];
        } else {
            units.extend_from_slice(first.encode_utf16(&mut [0; 2]));
            rest = &rest[first.len_utf8()..];
        }
    }
    String::from_utf16_lossy(&units)
}

/// Text for an element.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    let guarded = text.replace("_x", "_x005F_x");
    for character in guarded.chars() {
        if character.is_control() || u32::from(character) >= 0xFFFE {
            for unit in character.encode_utf16(&mut [0; 2]) {
                escaped.push_str(&format!("_x{unit:04X}_"));
            }
        } else {
            escaped.push(character);
        }
    }
    quick_xml::escape::escape(escaped).into_owned()
}

/// An object that a cmdlet gives.
pub fn output(value: &Value) -> String {
    let empty = Map::new();
    let properties = value.as_object().unwrap_or(&empty);
    let mut id = 1;
    let properties: String = properties.iter().map(|(name, value)| property(name, value, &mut id)).collect();
    let text = value.get("Name").and_then(Value::as_str).unwrap_or_default();
    format!(
        "<Obj RefId=\"0\"><TN RefId=\"0\"><T>Microsoft.Exchange.Data.Directory.ADPresentationObject</T>\
         <T>Microsoft.Exchange.Data.ConfigurableObject</T><T>System.Object</T></TN><ToString>{}</ToString>\
         <Props>{properties}</Props></Obj>",
        escaped(text)
    )
}

fn property(name: &str, value: &Value, id: &mut usize) -> String {
    let name = escaped(name);
    match value {
        Value::Null => format!("<Nil N=\"{name}\" />"),
        Value::Bool(value) => format!("<B N=\"{name}\">{value}</B>"),
        Value::Number(number) => format!("<I64 N=\"{name}\">{number}</I64>"),
        Value::String(text) => format!("<S N=\"{name}\">{}</S>", escaped(text)),
        Value::Array(values) => {
            *id += 1;
            let values: String =
                values.iter().map(|value| format!("<S>{}</S>", escaped(value.as_str().unwrap_or_default()))).collect();
            format!(
                "<Obj N=\"{name}\" RefId=\"{id}\"><TN RefId=\"{id}\"><T>System.Collections.ArrayList</T><T>System.Object</T>\
                 </TN><LST>{values}</LST></Obj>"
            )
        }
        Value::Object(_) => format!("<S N=\"{name}\">{}</S>", escaped(&value.to_string())),
    }
}

pub fn warning(text: &str) -> String {
    format!(
        "<Obj RefId=\"0\"><TN RefId=\"0\"><T>System.Management.Automation.WarningRecord</T>\
         <T>System.Management.Automation.InformationalRecord</T><T>System.Object</T></TN><ToString>{0}</ToString><MS>\
         <S N=\"InformationalRecord_Message\">{0}</S><B N=\"InformationalRecord_SerializeInvocationInfo\">false</B></MS></Obj>",
        escaped(text)
    )
}

/// An error of a cmdlet. `exception` is the full name of its type.
pub fn error(name: Option<&str>, cmdlet: &str, exception: &str, message: &str, category: (i32, &str)) -> String {
    let short = exception.rsplit('.').next().unwrap_or_default();
    let named = name.map(|name| format!(" N=\"{name}\"")).unwrap_or_default();
    let id = match short {
        "CommandNotFoundException" => short.to_owned(),
        "ParseException" => "ScriptsNotAllowed".to_owned(),
        "ParameterBindingException" => format!("NamedParameterNotFound,{cmdlet}"),
        _ => format!("[Server=EX01,FailureCategory=Cmdlet-{short}] 5A3B2C1D,{cmdlet}"),
    };
    let (number, category) = category;
    let message = escaped(message);
    format!(
        "<Obj{named} RefId=\"90\"><TN RefId=\"90\"><T>System.Management.Automation.ErrorRecord</T><T>System.Object</T></TN>\
         <ToString>{message}</ToString><MS><Obj N=\"Exception\" RefId=\"91\"><TN RefId=\"91\"><T>{exception}</T>\
         <T>System.Exception</T><T>System.Object</T></TN><ToString>{exception}: {message}</ToString><Props>\
         <S N=\"Message\">{message}</S><Nil N=\"Data\" /><Nil N=\"InnerException\" /><Nil N=\"HelpLink\" />\
         <Nil N=\"Source\" /><Nil N=\"StackTrace\" /><Nil N=\"TargetSite\" /><Nil N=\"HResult\" /></Props></Obj><Nil N=\"TargetObject\" />\
         <S N=\"FullyQualifiedErrorId\">{id}</S><Nil N=\"InvocationInfo\" /><I32 N=\"ErrorCategory_Category\">{number}</I32>\
         <S N=\"ErrorCategory_Activity\">{cmdlet}</S><S N=\"ErrorCategory_Reason\">{short}</S>\
         <S N=\"ErrorCategory_TargetName\"></S><S N=\"ErrorCategory_TargetType\"></S>\
         <S N=\"ErrorCategory_Message\">{category}: (:) [{cmdlet}], {short}</S><B N=\"SerializeExtendedInfo\">false</B></MS></Obj>",
        cmdlet = escaped(cmdlet),
        id = escaped(&id),
    )
}

/// 1 running, 3 stopped, 4 completed, 5 failed; with the error that it failed for.
pub fn pipeline_state(state: i32, failed: &str) -> String {
    format!("<Obj RefId=\"0\"><MS><I32 N=\"PipelineState\">{state}</I32>{failed}</MS></Obj>")
}

pub const RUNSPACE_OPENED: &str = "<Obj RefId=\"0\"><MS><I32 N=\"RunspaceState\">2</I32></MS></Obj>";

pub const CAPABILITY: &str = "<Obj RefId=\"0\"><MS><Version N=\"protocolversion\">2.3</Version>\
    <Version N=\"PSVersion\">2.0</Version><Version N=\"SerializationVersion\">1.1.0.1</Version></MS></Obj>";

pub const PRIVATE_DATA: &str = "<Obj RefId=\"0\"><MS><Obj N=\"ApplicationPrivateData\" RefId=\"1\"><TN RefId=\"0\">\
    <T>System.Management.Automation.PSPrimitiveDictionary</T><T>System.Collections.Hashtable</T><T>System.Object</T></TN>\
    <DCT><En><S N=\"Key\">SupportedVersions</S><S N=\"Value\">15.2.1544.4</S></En></DCT></Obj></MS></Obj>";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// X1
    #[test]
    fn a_pipeline_is_read_with_whatever_its_parameters_are() {
        let xml = "<Obj RefId='0'><MS><Obj N='PowerShell' RefId='1'><MS><Obj N='Cmds' RefId='2'><LST><Obj RefId='3'><MS>\
            <S N='Cmd'>Get-Mailbox</S><B N='IsScript'>false</B><Obj N='Args' RefId='4'><LST>\
            <Obj RefId='5'><MS><S N='N'>-ResultSize:</S><I32 N='V'>5</I32></MS></Obj>\
            <Obj RefId='6'><MS><Nil N='N' /><S N='V'>a_x000A_b</S></MS></Obj>\
            <Obj RefId='7'><MS><S N='N'>Force</S><Nil N='V' /></MS></Obj></LST></Obj></MS></Obj></LST></Obj></MS></Obj></MS></Obj>";
        let expected = json!({ "ResultSize": 5, "Identity": "a\nb", "Force": true });
        let read = commands(xml).unwrap();
        assert_eq!((read.len(), read[0].name.as_str(), read[0].script), (1, "Get-Mailbox", false));
        assert_eq!(Value::Object(read[0].parameters.clone()), expected);
        assert_eq!(commands("<Obj/>"), None);
        assert_eq!(commands("<Obj"), None);
    }
}
