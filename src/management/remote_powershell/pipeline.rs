//! What is said to open a pool of runspaces and to run a cmdlet in it, as objects of PowerShell (MS-PSRP 2.2.2).
//!
//! A pipeline is one command with parameters and never a script: Exchange's runspaces know no language.

use serde_json::{Map, Value};

use super::clixml::escaped;

/// 2.2.2.1
pub const SESSION_CAPABILITY: &str = "<Obj RefId=\"0\"><MS><Version N=\"protocolversion\">2.3</Version>\
    <Version N=\"PSVersion\">2.0</Version><Version N=\"SerializationVersion\">1.1.0.1</Version></MS></Obj>";

/// No host: nobody sits here whom a cmdlet could ask something.
const HOST: &str = "<MS><B N=\"_isHostNull\">true</B><B N=\"_isHostUINull\">true</B>\
    <B N=\"_isHostRawUINull\">true</B><B N=\"_useRunspaceHost\">true</B></MS>";

/// 2.2.2.2: one runspace.
#[must_use]
pub fn init_runspace_pool() -> String {
    format!(
        "<Obj RefId=\"0\"><MS><I32 N=\"MinRunspaces\">1</I32><I32 N=\"MaxRunspaces\">1</I32>{threads}{apartment}\
         <Obj N=\"HostInfo\" RefId=\"3\">{HOST}</Obj>\
         <Obj N=\"ApplicationArguments\" RefId=\"4\"><TN RefId=\"4\"><T>System.Management.Automation.PSPrimitiveDictionary</T>\
         <T>System.Collections.Hashtable</T><T>System.Object</T></TN><DCT /></Obj></MS></Obj>",
        threads =
            enumeration(1, "PSThreadOptions", "System.Management.Automation.Runspaces.PSThreadOptions", 0, "Default"),
        apartment = apartment(2),
    )
}

/// 2.2.2.10
#[must_use]
pub fn create_pipeline(command: &str, parameters: &Map<String, Value>) -> String {
    let mut arguments = String::new();
    for (number, (name, value)) in parameters.iter().enumerate() {
        let value = match value {
            Value::Null => "<Nil N=\"V\" />".to_owned(),
            Value::Bool(value) => format!("<B N=\"V\">{value}</B>"),
            Value::Number(number) if number.is_i64() => format!("<I64 N=\"V\">{number}</I64>"),
            Value::String(text) => format!("<S N=\"V\">{}</S>", escaped(text)),
            other => format!("<S N=\"V\">{}</S>", escaped(&other.to_string())),
        };
        let id = 20 + number;
        arguments.push_str(&format!("<Obj RefId=\"{id}\"><MS><S N=\"N\">{}</S>{value}</MS></Obj>", escaped(name)));
    }
    let merge = |id: usize, name: &str| {
        enumeration(id, name, "System.Management.Automation.Runspaces.PipelineResultTypes", 0, "None")
    };
    let merges: String = [
        "MergeMyResult",
        "MergeToResult",
        "MergePreviousResults",
        "MergeError",
        "MergeWarning",
        "MergeVerbose",
        "MergeDebug",
        "MergeInformation",
    ]
    .iter()
    .zip(10..)
    .map(|(name, id)| merge(id, name))
    .collect();
    format!(
        "<Obj RefId=\"0\"><MS><Obj N=\"PowerShell\" RefId=\"1\"><MS><Obj N=\"Cmds\" RefId=\"2\"><TN RefId=\"0\">{LIST}</TN>\
         <LST><Obj RefId=\"3\"><MS><S N=\"Cmd\">{command}</S><B N=\"IsScript\">false</B><Nil N=\"UseLocalScope\" />{merges}\
         <Obj N=\"Args\" RefId=\"4\"><TNRef RefId=\"0\" /><LST>{arguments}</LST></Obj></MS></Obj></LST></Obj>\
         <B N=\"IsNested\">false</B><Nil N=\"History\" /><B N=\"RedirectShellErrorOutputPipe\">true</B></MS></Obj>\
         <B N=\"NoInput\">true</B>{apartment}{options}<B N=\"AddToHistory\">false</B>\
         <Obj N=\"HostInfo\" RefId=\"8\">{HOST}</Obj><B N=\"IsNested\">false</B></MS></Obj>",
        command = escaped(command),
        apartment = apartment(6),
        options = enumeration(7, "RemoteStreamOptions", "System.Management.Automation.RemoteStreamOptions", 0, "0"),
    )
}

/// Type of a list.
const LIST: &str = "<T>System.Collections.ArrayList</T><T>System.Object</T>";

fn apartment(id: usize) -> String {
    enumeration(id, "ApartmentState", "System.Threading.ApartmentState", 2, "Unknown")
}

fn enumeration(id: usize, name: &str, kind: &str, value: i32, text: &str) -> String {
    format!(
        "<Obj N=\"{name}\" RefId=\"{id}\"><TN RefId=\"{types}\"><T>{kind}</T><T>System.Enum</T><T>System.ValueType</T>\
         <T>System.Object</T></TN><ToString>{text}</ToString><I32>{value}</I32></Obj>",
        types = id + 100,
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::clixml::{Value as Clixml, read};
    use super::*;

    #[test]
    fn a_cmdlet_and_its_parameters_are_data_and_never_a_script() {
        let name = "a\"; Remove-Mailbox 'b' <&> _x0041_ \u{1F600}\n";
        let Value::Object(parameters) = json!({ "User": name, "GetEffectiveUsers": false, "Number": 7 }) else {
            panic!()
        };
        let written = read(&create_pipeline("Get-ManagementRoleAssignment", &parameters)).unwrap();
        let Some(Clixml::Object(commands)) = written.get("PowerShell").and_then(|it| it.get("Cmds")) else { panic!() };
        let Some(Clixml::List(commands)) = &commands.content else { panic!("{commands:?}") };
        assert_eq!(commands.len(), 1);
        assert_eq!(commands[0].get("Cmd"), Some(&Clixml::Text("Get-ManagementRoleAssignment".to_owned())));
        assert_eq!(commands[0].get("IsScript"), Some(&Clixml::Bool(false)));
        let Some(Clixml::Object(arguments)) = commands[0].get("Args") else { panic!() };
        let Some(Clixml::List(arguments)) = &arguments.content else { panic!() };
        let given = |wanted: &str| {
            let argument = arguments.iter().find(|it| it.get("N") == Some(&Clixml::Text(wanted.to_owned()))).unwrap();
            argument.get("V").unwrap().clone()
        };
        assert_eq!(given("User"), Clixml::Text(name.to_owned()));
        assert_eq!(given("GetEffectiveUsers"), Clixml::Bool(false));
        assert_eq!(given("Number"), Clixml::Int(7));
    }

    /// What goes over the wire, byte for byte.
    #[test]
    fn messages_are_those_that_another_implementation_was_seen_to_understand() {
        let Value::Object(parameters) = json!({ "GetEffectiveUsers": false, "Name": "SIU <1>" }) else { panic!() };
        for (name, written) in [
            ("session_capability.xml", SESSION_CAPABILITY.to_owned()),
            ("init_runspace_pool.xml", init_runspace_pool()),
            ("create_pipeline.xml", create_pipeline("New-ManagementRoleAssignment", &parameters)),
        ] {
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/clixml").join(name);
            let golden = std::fs::read_to_string(path).unwrap();
            assert_eq!(written, golden.trim_end(), "{name}");
        }
    }

    #[test]
    fn what_opens_a_session_is_well_formed() {
        let capability = read(SESSION_CAPABILITY).unwrap();
        assert_eq!(capability.get("protocolversion"), Some(&Clixml::Text("2.3".to_owned())));
        let pool = read(&init_runspace_pool()).unwrap();
        assert_eq!(pool.get("MaxRunspaces"), Some(&Clixml::Int(1)));
        assert_eq!(pool.get("ApartmentState").and_then(Clixml::as_int), Some(2));
    }
}
