use std::fmt::Write as _;
use std::path::PathBuf;

use proptest::prelude::*;

use super::text::decoded;
use super::*;

fn fixture(name: &str) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/clixml").join(name);
    read(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// W9
#[test]
fn what_is_no_object_of_powershell_is_refused() {
    for (text, expected) in [
        ("", "its XML is broken"),
        ("<Obj RefId=\"0\"><MS>", "its XML is broken"),
        ("<!DOCTYPE x [<!ENTITY a \"b\">]><S>&a;</S>", "its XML is broken"),
        ("<B>yes</B>", "a truth value in it is none: \"yes\""),
        ("<I32>four</I32>", "a number in it is none: \"four\""),
        ("<Ref RefId=\"7\" />", "refers to an object that is not there"),
        ("<Obj><TNRef RefId=\"7\" /></Obj>", "refers to an object that is not there"),
        // An object in itself has no end.
        ("<Obj RefId=\"0\"><MS><Ref N=\"a\" RefId=\"0\" /></MS></Obj>", "refers to an object that is not there"),
    ] {
        let told = read(text).unwrap_err().to_string();
        assert!(told.contains(expected), "{text}: {told}");
    }
}

/// W9
#[test]
fn nesting_has_a_bound_by_references_as_well() {
    let nested = |levels: usize| format!("{}<Nil/>{}", "<Obj><LST>".repeat(levels), "</LST></Obj>".repeat(levels));
    assert!(read(&nested(10)).is_ok());
    assert_eq!(read(&nested(40)), Err(Unreadable::TooDeep));
    assert_eq!(read(&nested(100_000)), Err(Unreadable::TooDeep));
    // Each object has the one before it in itself: flat as XML, and as deep as it is long.
    let mut chain = "<LST><Obj RefId=\"0\"><MS><I32 N=\"a\">1</I32></MS></Obj>".to_owned();
    for id in 1..50_000 {
        let _ = write!(chain, "<Obj RefId=\"{id}\"><MS><Ref N=\"a\" RefId=\"{}\" /></MS></Obj>", id - 1);
    }
    chain.push_str("</LST>");
    assert_eq!(read(&chain), Err(Unreadable::TooDeep));
}

/// W9
#[test]
fn objects_that_double_by_references_do_not_grow_in_memory_or_in_what_is_made_of_them() {
    let mut text = "<Obj RefId=\"99\"><Props><Obj RefId=\"0\" N=\"p0\"><LST><S>x</S><S>x</S></LST></Obj>".to_owned();
    for id in 1..12 {
        let before = id - 1;
        let _ = write!(
            text,
            "<Obj RefId=\"{id}\" N=\"p{id}\"><LST><Ref RefId=\"{before}\" /><Ref RefId=\"{before}\" /></LST></Obj>"
        );
    }
    text.push_str("</Props></Obj>");
    let flattened = read(&text).unwrap().flattened();
    assert_eq!(flattened["p0"], serde_json::json!(["x", "x"]));
    assert_eq!(flattened["p11"], serde_json::json!([]));
}

/// W6: what Exchange gives for an assignment.
#[test]
fn a_role_assignment_is_read_as_exchange_writes_it() {
    let flattened = fixture("role_assignment.xml").flattened();
    assert_eq!(flattened["Name"], "SentItemsUpdate-CodeTwoSiuAgent");
    assert_eq!(flattened["Enabled"], true);
    assert_eq!(flattened["Role"], "ApplicationImpersonation");
    assert_eq!(flattened["CustomRecipientWriteScope"], serde_json::Value::Null);
    assert_eq!(flattened["RoleAssigneeType"], "User");
    assert_eq!(flattened["ObjectClass"], serde_json::json!(["top", "msExchRoleAssignment"]));
    assert_eq!(flattened["Guid"], "5c3b1a04-6f0d-4d54-8a39-3ce3a1a6b0d7");
}

/// W9: written by psrpcore, another implementation.
#[test]
fn records_of_another_implementation_are_read() {
    let error = fixture("psrpcore_error_record.xml");
    let message = error.get("Exception").and_then(|exception| exception.get("Message")).and_then(Value::as_text);
    assert_eq!(message.as_deref(), Some("The object 'x' couldn't be found"));
    assert_eq!(error.get("Exception").and_then(Value::type_name), Some("Exception"));
    let output = fixture("psrpcore_output.xml").flattened();
    assert_eq!(
        serde_json::Value::Object(output),
        serde_json::json!({
            "Name": "x", "Enabled": true, "Id": "00000000-0000-0000-0000-000000000005", "N": 4, "L": ["1", "a"], "nul": null
        })
    );
    let pipeline = fixture("psrpcore_create_pipeline.xml");
    let Some(Value::Object(commands)) = pipeline.get("PowerShell").and_then(|it| it.get("Cmds")) else { panic!() };
    let Some(Value::List(commands)) = &commands.content else { panic!("{commands:?}") };
    let Some(Value::Object(arguments)) = commands[0].get("Args") else { panic!() };
    // Its type is named by reference to that of another object.
    assert_eq!(arguments.types, ["System.Collections.ArrayList", "System.Object"]);
    let Some(Value::List(arguments)) = &arguments.content else { panic!() };
    assert_eq!(arguments[1].get("V"), Some(&Value::Text("a<b_x000A_\n\u{1F600}".to_owned())));
}

#[test]
fn names_are_found_whatever_their_case_and_lone_halves_of_a_character_do_no_harm() {
    let value = read("<Obj><MS><S N=\"Message\">a_xD83D_b</S></MS></Obj>").unwrap();
    assert_eq!(value.get("message").and_then(Value::as_text).as_deref(), Some("a\u{FFFD}b"));
    assert_eq!(decoded("_x41_ _x00G1_ _x0041"), "_x41_ _x00G1_ _x0041");
    assert_eq!(decoded("é_x0041_"), "éA");
}

proptest! {
    /// W9
    #[test]
    fn a_text_is_read_as_it_was_written(text in any::<String>()) {
        let xml = format!("<Obj><MS><S N=\"a\">{}</S></MS></Obj>", escaped(&text));
        let value = read(&xml).unwrap();
        prop_assert_eq!(value.get("a"), Some(&Value::Text(text)));
    }

    /// W9
    #[test]
    fn texts_that_look_like_escapes_are_read_as_they_were_written(text in "[_xX0-9A-F]{0,40}") {
        prop_assert_eq!(decoded(&escaped(&text)), text);
    }

    /// W9
    #[test]
    fn whatever_arrives_is_read_or_refused(text in "[<>/ObjSMRefLTN IdD=\"0-9a-z]{0,120}") {
        if let Err(unreadable) = read(&text) {
            prop_assert!(!unreadable.to_string().is_empty());
        }
    }
}
