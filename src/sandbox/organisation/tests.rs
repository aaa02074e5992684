use std::collections::BTreeSet;

use mail_parser::{MessageParser, MimeHeaders as _};

use super::*;
use crate::sandbox::directory::{Directory, MailboxState, Recipient};

fn parsed(raw: &[u8]) -> mail_parser::Message<'_> {
    MessageParser::new().parse(raw).unwrap()
}

/// X1
#[test]
fn the_embedded_organisation_is_complete() {
    let organisation = Organisation::embedded();
    assert_eq!(organisation.people.iter().filter(|person| person.mailbox).count(), 14);
    assert!((24..=40).contains(&organisation.messages.len()));
    let used = organisation.messages.iter().flat_map(SampleMessage::files).collect::<BTreeSet<_>>();
    let there: BTreeSet<_> = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/resources/sandbox/mail"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != ".gitattributes")
        .collect();
    assert_eq!(used, there.iter().map(String::as_str).collect());
}

/// X1
#[test]
fn everybody_gets_into_the_directory_and_the_service_account_its_right() {
    let organisation = Organisation::embedded();
    let directory = Directory::new();
    organisation.populate(&directory).unwrap();
    assert_eq!(directory.impersonators(), ["svc-siu@nordwind.example"]);
    assert_eq!(directory.person("renate.vogel@nordwind.example").unwrap().state, MailboxState::Disabled);
    assert!(!directory.person("kofi.mensah@nordwind.example").unwrap().mailbox);
    assert!(matches!(directory.find("vertrieb@nordlicht.example"), Some(Recipient::Group(_))));
    let (people, outside) = directory.deliverable("alle@nordwind.example");
    assert_eq!((people.len(), outside.len()), (13, 1));
    let (cycle, _) = directory.deliverable("schicht@nordwind.example");
    assert_eq!(cycle.len(), 2);
}

/// U3
#[test]
fn a_processed_copy_has_the_message_id_and_sender_of_its_original() {
    let organisation = Organisation::embedded();
    let mut ids = BTreeSet::new();
    for message in &organisation.messages {
        let original = organisation.original(message).unwrap();
        let original = parsed(&original);
        let id = original.message_id().unwrap().to_owned();
        assert!(ids.insert(id.clone()), "{}: its Message-ID is another's, too", message.name);
        for copy in &message.processed {
            let processed = organisation.processed(copy).unwrap();
            let processed = parsed(&processed);
            assert_eq!(processed.message_id(), Some(id.as_str()), "{}", copy.file);
            assert_eq!(processed.from(), original.from(), "{}", copy.file);
            assert_eq!(processed.date(), original.date(), "{}", copy.file);
            assert!(processed.header_raw("X-Blaurand-Processed").is_some(), "{}", copy.file);
        }
    }
}

/// U4
#[test]
fn a_processed_copy_that_is_to_change_something_differs_from_its_original() {
    let organisation = Organisation::embedded();
    for message in &organisation.messages {
        let original = organisation.original(message).unwrap();
        let original = parsed(&original);
        for copy in message.processed.iter().filter(|copy| copy.expected == "updated-in-place") {
            let processed = organisation.processed(copy).unwrap();
            let processed = parsed(&processed);
            let shown = |message: &mail_parser::Message<'_>| message.body_html(0).map(std::borrow::Cow::into_owned);
            assert_ne!(shown(&processed), shown(&original), "{}", copy.file);
        }
    }
}

/// U7
#[test]
fn a_signed_message_keeps_what_was_signed() {
    let organisation = Organisation::embedded();
    let message = organisation.message("smime-clear-signed").unwrap();
    let original = organisation.original(message).unwrap();
    let processed = organisation.processed(&message.processed[0]).unwrap();
    assert!(processed.ends_with(&original[..]), "only header lines were added at the top");
}

/// U4
#[test]
fn the_large_attachment_is_generated_and_the_same_before_and_after() {
    let organisation = Organisation::embedded();
    let message = organisation.message("outlook-large").unwrap();
    let content = |raw: &[u8]| {
        let message = parsed(raw);
        let large = message.attachments().find(|part| part.attachment_name() == Some("Messdaten_2026-04.zip")).unwrap();
        large.contents().to_vec()
    };
    let before = content(&organisation.original(message).unwrap());
    assert_eq!(before.len(), 12_600_000);
    assert!(before == content(&organisation.processed(&message.processed[0]).unwrap()));
}

/// X1
#[test]
fn all_expected_ends_are_rules_that_exist() {
    let rules = [
        "updated-in-place",
        "replaced",
        "copy-added",
        "superseded",
        "no-mailbox",
        "smime-signed",
        "smime-encrypted",
        "rights-protected",
        "tnef",
        "calendar",
        "report",
        "not-found",
    ];
    for message in Organisation::embedded().messages {
        for copy in message.processed {
            for rule in std::iter::once(&copy.expected).chain(&copy.or) {
                assert!(rules.contains(&rule.as_str()), "{}: {rule}", message.name);
            }
        }
    }
}

fn folder(description: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("mail")).unwrap();
    std::fs::write(folder.path().join("mail/a.eml"), "From: a@o.example\r\nMessage-ID: <a@o>\r\n\r\nHi\r\n").unwrap();
    let head = "name = \"O\"\ndomain = \"o.example\"\nservice_account = \"svc@o.example\"\nservice_password = \"s\"\n\
                people_password = \"p\"\n[[people]]\nupn = \"a@o.example\"\nprimary = \"a@o.example\"\nmailbox = true\n";
    std::fs::write(folder.path().join("organisation.toml"), format!("{head}{description}")).unwrap();
    folder
}

fn one_message(mailbox: &str, file: &str) -> String {
    format!(
        "[[messages]]\nname = \"m\"\nabout = \"\"\nclient = \"\"\nmailbox = \"{mailbox}\"\noriginal = \"a.eml\"\n\
         stored = 7\nprocessed = [{{ file = \"{file}\", expected = \"updated-in-place\", or = \"superseded\" }}]\n"
    )
}

/// X1
#[test]
fn an_organisation_of_ones_own_is_loaded_from_a_folder() {
    let folder = folder(&one_message("a@o.example", "a.eml"));
    let organisation = Organisation::load(folder.path()).unwrap();
    let message = organisation.message("m").unwrap();
    assert_eq!((message.stored, message.folder.as_str(), message.read), (Stored::After(7), "sentitems", true));
    assert!(message.processed[0].is_expected("superseded") && !message.processed[0].is_expected("not-found"));
    assert!(organisation.original(message).unwrap().starts_with(b"From: a@"));
}

/// X1
#[test]
fn what_is_missing_in_an_organisation_is_named() {
    let error = |description: &str| Organisation::load(folder(description).path()).unwrap_err().to_string();
    assert!(error(&one_message("b@o.example", "a.eml")).contains("b@o.example is no mailbox"));
    assert!(error(&one_message("a@o.example", "b.eml")).contains("mail/b.eml"));
    let twice = one_message("a@o.example", "a.eml").repeat(2);
    assert!(error(&twice).contains("two of this name"));
    assert!(error("[[colours]]\n").contains("colours"));
    assert!(error(&one_message("a@o.example", "a.eml").replace('7', "\"later\"")).contains("later"));
}
