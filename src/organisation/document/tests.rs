use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::settings::{Account, Connection, ScopeEntry, ScopeMode};

fn configured() -> Settings {
    Settings {
        enabled: true,
        connection: Some(Connection::manual("https://mail.corp.example/EWS/Exchange.asmx")),
        account: Some(Account { user: "svc@corp.example".into() }),
        ..Settings::default()
    }
}

fn change(version: u64, settings: Settings) -> Change {
    Change {
        version,
        write: Uuid::from_u128(u128::from(version)),
        changed_by: "CORP\\anna".into(),
        changed_on: "srv1.corp.example".into(),
        changed_at: "2026-11-28T16:00:00Z".parse().unwrap(),
        settings,
        secret: None,
    }
}

fn document() -> Document {
    Document::first(Uuid::from_u128(7), change(17, configured()))
}

fn value() -> Value {
    serde_json::from_str(&document().to_text().unwrap()).unwrap()
}

type Spoil = Box<dyn FnOnce(&mut Value)>;

/// What is wrong with a document to which this was done.
fn problem(spoil: impl FnOnce(&mut Value)) -> String {
    let mut value = value();
    spoil(&mut value);
    Document::parse(&value.to_string()).unwrap_err().to_string()
}

#[test]
fn what_is_published_is_understood_again_on_one_line() {
    let text = document().to_text().unwrap();
    assert!(!text.contains('\n') && text.starts_with('{'), "{text}");
    let read = Document::parse(&text).unwrap();
    assert_eq!(read, document());
    assert_eq!((read.version(), read.changed_by(), read.settings()), (17, "CORP\\anna", &configured()));
}

/// P1: each computer has its own doors.
#[test]
fn the_doors_are_not_published_and_not_taken_over() {
    let mut settings = configured();
    settings.intake.max_message_bytes = 4096;
    let document = Document::first(Uuid::from_u128(7), change(1, settings));
    assert!(!document.to_text().unwrap().contains("intake"));
    let mut value = value();
    value["settings"]["intake"] = json!({"max_message_bytes": 4096, "smtp": "nonsense"});
    assert_eq!(Document::parse(&value.to_string()).unwrap().settings().intake, IntakeSettings::default());
}

#[test]
fn what_a_later_version_wrote_stays_wherever_it_stands() {
    let entry = |id: u128, name: &str| json!({"id": Uuid::from_u128(id), "kind": "user", "name": name, "domain": "corp.example", "colour": name});
    let mut value = value();
    value["later"] = json!({"a": [1, {"b": null}]});
    value["settings"]["later"] = json!("x");
    value["settings"]["connection"]["later"] = json!(true);
    value["settings"]["scope"]["mode"] = json!("only-listed");
    value["settings"]["scope"]["entries"] = json!([entry(1, "anna"), entry(2, "board"), entry(3, "jonas")]);
    value["secret"] =
        json!({"serial": 5, "user": "svc@corp.example", "recipients": {}, "sealed": "-----BEGIN", "later": 1});
    let document = Document::parse(&value.to_string()).unwrap();
    assert_eq!(document.settings().scope.entries.len(), 3);
    assert_eq!(document.secret().unwrap().serial, 5);

    let mut settings = document.settings().clone();
    settings.enabled = false;
    // One goes, one is renamed, and one is new.
    settings.scope.entries.remove(0);
    settings.scope.entries[0].name = "The board".into();
    let new = ScopeEntry { id: Uuid::from_u128(9), name: "dmitri".into(), ..settings.scope.entries[1].clone() };
    settings.scope.entries.insert(0, new);
    let next = document.next(Change { secret: document.secret().cloned(), ..change(18, settings.clone()) });
    let written: Value = serde_json::from_str(&next.to_text().unwrap()).unwrap();
    assert_eq!(written["later"], json!({"a": [1, {"b": null}]}));
    assert_eq!(written["settings"]["later"], json!("x"));
    assert_eq!(written["settings"]["connection"]["later"], json!(true));
    assert_eq!(written["secret"]["later"], json!(1));
    let colours: Vec<_> =
        written["settings"]["scope"]["entries"].as_array().unwrap().iter().map(|entry| entry.get("colour")).collect();
    assert_eq!(colours, [None, Some(&json!("board")), Some(&json!("jonas"))]);
    assert_eq!(Document::parse(&next.to_text().unwrap()).unwrap().settings(), &settings);
}

#[test]
fn what_is_taken_away_takes_along_what_a_later_version_said_of_it() {
    let mut value = value();
    value["settings"]["connection"]["later"] = json!(true);
    let document = Document::parse(&value.to_string()).unwrap();
    let next = document.next(change(18, Settings::default()));
    assert!(!next.to_text().unwrap().contains("later"));
}

#[test]
fn the_place_of_what_is_wrong_is_named() {
    let cases: [(&str, Spoil); 9] = [
        ("settings.scope.mode: unknown variant `some`", Box::new(|v| v["settings"]["scope"]["mode"] = json!("some"))),
        (
            "settings.limits.connections: invalid type",
            Box::new(|v| v["settings"]["limits"]["connections"] = json!("4")),
        ),
        ("settings.scope.refresh_every", Box::new(|v| v["settings"]["scope"]["refresh_every"] = json!(1))),
        ("switched on before", Box::new(|v| v["settings"]["account"] = json!(null))),
        ("version: ", Box::new(|v| v["version"] = json!("17"))),
        ("version: versions count up", Box::new(|v| v["version"] = json!(u64::MAX))),
        ("missing field `organisation`", Box::new(|v| drop(v.as_object_mut().unwrap().remove("organisation")))),
        ("changed_by: it is not a name", Box::new(|v| v["changed_by"] = json!("anna\u{0}"))),
        ("secret.recipients", Box::new(|v| v["secret"] = json!({"serial": 1, "user": "x", "recipients": {"x": 1}}))),
    ];
    for (wanted, spoil) in cases {
        let said = problem(spoil);
        assert!(said.contains(wanted), "{said:?} does not say {wanted:?}");
    }
}

#[test]
fn a_document_of_a_later_form_is_left_alone_whatever_else_is_in_it() {
    let said = problem(|value| *value = json!({"format": 2, "nothing": "known"}));
    assert!(said.contains("later version of the program (format 2") && said.contains("update this updater"), "{said}");
    for format in [json!(null), json!("1"), json!(0), json!(-1), json!(1.5)] {
        let said = problem(|value| value["format"] = format);
        assert!(said.contains("format"), "{said}");
    }
}

#[test]
fn a_name_that_stands_twice_is_refused() {
    let text = document().to_text().unwrap();
    for (text, twice) in [
        (text.replacen('{', "{\"version\":18,", 1), "version"),
        (text.replace("\"enabled\":true", "\"enabled\":true,\"enabled\":false"), "enabled"),
    ] {
        let said = Document::parse(&text).unwrap_err().to_string();
        assert!(said.contains("stands twice") && said.contains(twice), "{said}");
    }
}

#[test]
fn hostile_texts_are_refused_in_words_and_quickly() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_object = "{\"a\":".repeat(50_000);
    let large = format!("{{\"format\":1,\"x\":\"{}\"}}", "x".repeat(1 << 20));
    let many: String = (0..5_000).map(|n| format!("\"x{n}\":{n},")).collect();
    let many = document().to_text().unwrap().replacen('{', &format!("{{{many}"), 1);
    let valid = document().to_text().unwrap();
    for (text, wanted) in [
        (deep.as_str(), "it is not JSON"),
        (&deep_object, "it is not JSON"),
        (&large, "too large"),
        (&many, "not known to this version"),
        ("", "breaks off"),
        ("null", "an object"),
        ("[]", "an object"),
        ("\u{0}", "it is not JSON"),
        (&valid.replace("CORP", "CO\u{0}RP"), "it is not JSON"),
        (&format!("{valid}{valid}"), "it is not JSON"),
        (&format!("\u{feff}{valid}"), "it is not JSON"),
    ] {
        let said = Document::parse(text).unwrap_err().to_string();
        assert!(said.contains(wanted), "{said:?} does not say {wanted:?}");
    }
}

#[test]
fn a_document_that_was_cut_off_is_refused_wherever_it_was() {
    let text = document().to_text().unwrap();
    for end in 0..text.len() {
        if text.is_char_boundary(end) {
            let said = Document::parse(&text[..end]).unwrap_err().to_string();
            assert!(said.contains("breaks off in line 1"), "at {end}: {said}");
        }
    }
}

#[test]
fn a_document_that_would_be_too_large_is_not_published() {
    let mut settings = configured();
    settings.scope.list = (0..20_000).map(|n| format!("sender{n}@corp.example").parse().unwrap()).collect();
    let problem = Document::first(Uuid::nil(), change(1, settings)).to_text().unwrap_err();
    assert!(matches!(problem, DocumentProblem::TooLarge { .. }), "{problem}");
}

#[test]
fn the_version_is_found_in_what_is_left_of_a_document() {
    let text = document().to_text().unwrap();
    assert_eq!(version_in_ruins(&text), Some(17));
    assert_eq!(version_in_ruins(&text[..text.find("\"version\"").unwrap() + 13]), Some(17));
    for nothing in ["", "\"version\"", "\"version\":", "\"version\":\"17\"", "\"version\":99999999999999999999"] {
        assert_eq!(version_in_ruins(nothing), None, "{nothing}");
    }
}

/// P3
#[test]
fn fields_that_differ_are_named_and_the_doors_are_not_among_them() {
    let mut other = configured();
    assert_eq!(differences(&configured(), &other), Vec::<String>::new());
    other.scope.mode = ScopeMode::OnlyListed;
    other.connection = None;
    other.intake.max_message_bytes = 4096;
    assert_eq!(differences(&configured(), &other), ["connection", "scope.mode"]);
}

/// Any JSON, not too deep.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Every object within a value, as pointers to them.
fn objects(value: &Value, at: &str, found: &mut Vec<String>) {
    if let Value::Object(object) = value {
        found.push(at.to_owned());
        object.iter().for_each(|(name, value)| objects(value, &format!("{at}/{name}"), found));
    }
}

proptest! {
    /// Nothing unknown is lost, wherever it stands and whatever it is, and nothing known changes by it.
    #[test]
    fn unknown_fields_survive_a_change(extra in any_json(), place in any::<prop::sample::Index>(), enabled: bool) {
        let mut value = value();
        let mut places = Vec::new();
        objects(&value, "", &mut places);
        let place = place.get(&places).clone();
        value.pointer_mut(&place).unwrap()["x-later"] = extra.clone();
        let document = Document::parse(&value.to_string()).unwrap();
        prop_assert_eq!(document.settings(), &configured());
        let settings = Settings { enabled, ..configured() };
        let next = document.next(change(18, settings.clone())).to_text().unwrap();
        let written: Value = serde_json::from_str(&next).unwrap();
        prop_assert_eq!(written.pointer(&format!("{place}/x-later")), Some(&extra));
        let again = Document::parse(&next).unwrap();
        prop_assert_eq!((again.version(), again.settings()), (18, &settings));
    }

    /// Whatever stands in a field, it is understood or refused in words.
    #[test]
    fn any_value_in_any_place_is_understood_or_refused(extra in any_json(), place in any::<prop::sample::Index>(), field in any::<prop::sample::Index>()) {
        let mut value = value();
        let mut places = Vec::new();
        objects(&value, "", &mut places);
        let object = value.pointer_mut(place.get::<String>(&places)).unwrap().as_object_mut().unwrap();
        if !object.is_empty() {
            let name = field.get(&object.keys().cloned().collect::<Vec<_>>()).clone();
            object.insert(name, extra);
        }
        match Document::parse(&value.to_string()) {
            Ok(document) => prop_assert!(document.settings().check().is_ok()),
            Err(problem) => prop_assert!(!problem.to_string().is_empty()),
        }
    }

    #[test]
    fn any_text_is_refused_without_harm(text in "\\PC{0,200}") {
        prop_assert!(Document::parse(&text).is_err());
    }

    /// A byte that was lost or changed on the way.
    #[test]
    fn a_damaged_document_is_never_more_than_what_it_says(at in any::<prop::sample::Index>(), new in any::<char>()) {
        let mut letters: Vec<char> = document().to_text().unwrap().chars().collect();
        let at = at.index(letters.len());
        letters[at] = new;
        if let Ok(document) = Document::parse(&letters.into_iter().collect::<String>()) {
            prop_assert!(document.settings().check().is_ok());
        }
    }
}
