use jiff::Timestamp;

use super::*;
use crate::pipe::types::State;
use crate::sandbox::control::FlagStatus;
use crate::sandbox::organisation::ProcessedCopy;

fn item(body: &str) -> StoredItem {
    StoredItem {
        item_id: "AAA".into(),
        change_key: "CK".into(),
        folder: "sentitems".into(),
        class: "IPM.Note".into(),
        subject: "Offer".into(),
        body_kind: BodyKind::Html,
        body: body.into(),
        from: None,
        sender: None,
        to: Vec::new(),
        cc: Vec::new(),
        bcc: Vec::new(),
        message_id: Some("<1@x>".into()),
        in_reply_to: None,
        read: true,
        draft: false,
        flag: FlagStatus::Flagged,
        categories: vec!["Blue".into()],
        importance: "Normal".into(),
        sensitivity: "Normal".into(),
        size: 1,
        has_attachments: false,
        attachments: Vec::new(),
        extended: Vec::new(),
        conversation_id: "C".into(),
        conversation_topic: "Offer".into(),
        sent: Some(Timestamp::UNIX_EPOCH),
        received: None,
        created: Timestamp::UNIX_EPOCH,
        modified: Timestamp::UNIX_EPOCH,
    }
}

fn sample(expected: &str) -> SampleMessage {
    SampleMessage {
        name: "offer".into(),
        about: String::new(),
        client: String::new(),
        mailbox: "anna@x".into(),
        folder: "sentitems".into(),
        original: String::new(),
        processed: vec![ProcessedCopy { file: String::new(), expected: expected.into(), or: None }],
        stored: Stored::Before,
        read: true,
        flag: FlagStatus::Flagged,
        categories: vec!["Blue".into()],
    }
}

fn row(rule: Rule) -> Listed {
    Listed {
        id: 1,
        state: State::Updated,
        message_id: "<1@x>".into(),
        sender: "anna@x".into(),
        subject: "Offer".into(),
        size: 1,
        source: "api".into(),
        accepted_at: 0,
        due_at: None,
        finished_at: Some(1),
        rule: Some(rule),
        reason: String::new(),
        tries: 0,
    }
}

/// The problems of a message that ended with `rule`, as was expected, and left these items.
fn problems(rule: Rule, after: &[StoredItem]) -> Vec<String> {
    let (row, sample) = (row(rule), sample(&super::super::report::rule_name(rule)));
    let before = item("<p>Hello</p>");
    let ends = Ends { sample: &sample, rows: &[Some(&row)], before: Some(&before), after };
    ends.problems(&[item("<p>Hello</p><p>Signature</p>")]).concat()
}

fn updated() -> StoredItem {
    StoredItem { change_key: "CK2".into(), ..item("<p>Hello</p><p>Signature</p>") }
}

#[test]
fn what_is_as_it_should_be_is_not_complained_of() {
    assert_eq!(problems(Rule::UpdatedInPlace, &[updated()]), Vec::<String>::new());
    let deleted = StoredItem { folder: "recoverableitemsdeletions".into(), ..item("<p>Hello</p>") };
    assert_eq!(problems(Rule::Replaced, &[deleted, updated()]), Vec::<String>::new());
    assert_eq!(problems(Rule::Tnef, &[item("<p>Hello</p>")]), Vec::<String>::new());
}

#[test]
fn a_body_or_subject_that_recipients_did_not_get_is_noticed() {
    let wrong = StoredItem { body: "<p>Hello</p>".into(), subject: "Other".into(), ..updated() };
    let found = problems(Rule::UpdatedInPlace, &[wrong]);
    assert!(found.len() == 2 && found[0].contains("\"Other\"") && found[1].contains("its body"), "{found:?}");
}

#[test]
fn an_attachment_too_many_or_too_few_is_noticed() {
    let attachment = StoredAttachment {
        attachment_id: "A".into(),
        name: "logo.png".into(),
        content_type: "image/png".into(),
        content_id: None,
        content_location: None,
        inline: false,
        size: 3,
        content: AttachmentContent::File("abc".into()),
    };
    let extra = StoredItem { attachments: vec![attachment.clone()], ..updated() };
    let found = problems(Rule::UpdatedInPlace, &[extra]);
    assert!(found.len() == 1 && found[0].contains("logo.png (image/png, 3 bytes"), "{found:?}");
    let one = StoredItem { attachments: vec![attachment.clone()], ..updated() };
    let two = StoredItem { attachments: vec![attachment.clone(), attachment], ..updated() };
    assert_eq!(shows(&two, &one), ["it has 2 attachments and was to have 1"]);
    assert!(shows(&updated(), &one)[0].contains("is missing"));
}

#[test]
fn whatever_the_sender_made_of_it_and_lost_is_noticed() {
    let lost =
        StoredItem { read: false, flag: FlagStatus::NotFlagged, categories: Vec::new(), draft: true, ..updated() };
    let found = problems(Rule::UpdatedInPlace, &[lost]);
    for what in ["read state", "follow-up flag", "categories", "sent message"] {
        assert!(found.iter().any(|problem| problem.contains(what)), "{what} is not noticed: {found:?}");
    }
}

#[test]
fn a_second_item_or_none_is_noticed() {
    let found = problems(Rule::UpdatedInPlace, &[item("<p>Hello</p>"), updated()]);
    assert_eq!(found, ["the mailbox has 2 items of this message instead of one"]);
    assert_eq!(problems(Rule::UpdatedInPlace, &[]), ["the mailbox has 0 items of this message instead of one"]);
    assert_eq!(problems(Rule::Tnef, &[]).len(), 1);
}

#[test]
fn an_original_that_was_to_stay_as_it_is_and_changed_is_noticed() {
    let touched = StoredItem { change_key: "CK2".into(), ..item("<p>Hello</p>") };
    assert!(problems(Rule::SmimeSigned, &[touched])[0].contains("not to be touched"));
}

#[test]
fn an_outcome_that_was_not_expected_is_told_with_its_reason() {
    let (refused, sample) = (Listed { reason: "too large".into(), ..row(Rule::Refused) }, sample("updated-in-place"));
    let before = item("<p>Hello</p>");
    let problems = |row| {
        let ends = Ends { sample: &sample, rows: &[row], before: Some(&before), after: std::slice::from_ref(&before) };
        ends.problems(&[]).concat()
    };
    let found = problems(Some(&refused));
    assert_eq!(found, ["it ended with refused, and expected was updated-in-place: too large"]);
    assert!(problems(None)[0].contains("nothing of it is recorded"));
}
