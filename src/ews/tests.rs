//! Answers as they were recorded, and every way of spoiling them.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use proptest::prelude::*;

use super::error::{At, ErrorClass, EwsError, Malformed, Place, Refusal, Server};
use super::find_item::FoundItems;
use super::get_attachment::AttachmentContent;
use super::get_folder::Folder;
use super::item::Item;
use super::response_code::{NAMED, ResponseCode};
use super::soap::answer::{self, Answer, AnswerBody};
use super::soap::content::Separator;
use super::soap::item::{attachment_kind, read_mailboxes};
use super::soap::read::Ns;

/// The recorded answers by name.
static RECORDED: LazyLock<BTreeMap<String, Vec<u8>>> = LazyLock::new(|| {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/ews/answers");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let answers = files.filter(|path| path.extension().is_some_and(|extension| extension == "xml"));
    answers
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap()))
        .collect()
});

/// Reads an answer as any operation does, whichever it is of; with contents taken out first if it came in chunks.
/// Gives the number of things that were read from it.
fn read(bytes: &[u8], chunk: Option<usize>) -> Result<usize, Malformed> {
    let separated = match chunk {
        None => None,
        Some(chunk) => {
            let mut separator = Separator::default();
            for chunk in bytes.chunks(chunk) {
                separator.push(chunk, None)?;
            }
            Some(separator.finish()?)
        }
    };
    let (text, contents) = match &separated {
        None => (bytes, None),
        Some(separated) => (&separated.text[..], Some(&separated.contents[..])),
    };
    let mut things = 0;
    let read: Answer<()> = answer::read(answer::decoded(text)?, contents, || (), &mut |reader, element, ()| {
        match element.name() {
            (Ns::Messages, "RootFolder") => things += FoundItems::read(reader, element)?.items.len(),
            (Ns::Messages, "Folders") => things += Folder::read_list(reader)?.len(),
            (Ns::Messages, "Items") => reader.children(|reader, _| {
                things += Item::read(reader).map(|_| 1)?;
                Ok(())
            })?,
            (Ns::Messages, "Attachments") => reader.children(|reader, element| {
                if let Some(kind) = attachment_kind(element) {
                    things += AttachmentContent::read(reader, kind).map(|_| 1)?;
                }
                Ok(())
            })?,
            (Ns::Messages, "ResolutionSet") => reader.children(|reader, _| {
                things += read_mailboxes(reader)?.len();
                Ok(())
            })?,
            _ => {}
        }
        Ok(())
    })?;
    match read.body {
        AnswerBody::Messages(messages) => Ok(things + messages.len()),
        AnswerBody::Fault(_) => Ok(1),
    }
}

#[test]
fn every_recorded_answer_is_read_whole_and_in_pieces() {
    assert!(RECORDED.len() > 25);
    for (name, bytes) in &*RECORDED {
        // What CreateAttachment answers has no content of item attachments, which GetAttachment would miss.
        if name.starts_with("create_attachment") || name.starts_with("find_folder") {
            continue;
        }
        let whole = read(bytes, None).unwrap_or_else(|problem| panic!("{name}: {problem}"));
        let pieces = read(bytes, Some(11)).unwrap_or_else(|problem| panic!("{name} in pieces: {problem}"));
        assert_eq!(whole, pieces, "{name}");
    }
}

#[test]
fn an_answer_cut_off_anywhere_is_truncated_and_nothing_else() {
    for name in ["get_item", "find_item", "get_attachment", "fault_server_busy", "get_item_other_form"] {
        let whole = RECORDED[name].trim_ascii_end();
        for end in 0..whole.len() {
            for chunk in [None, Some(64)] {
                let problem = read(&whole[..end], chunk).expect_err(name);
                let nothing_yet = whole[..end].strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&whole[..end]).is_empty();
                let expected = if nothing_yet { Malformed::Empty } else { Malformed::Truncated };
                assert_eq!(problem, expected, "{name} cut off after {end} bytes, {chunk:?}");
            }
        }
    }
}

/// A way of spoiling bytes.
#[derive(Debug, Clone)]
enum Damage {
    Replace(prop::sample::Index, u8),
    Remove(prop::sample::Index, usize),
    Insert(prop::sample::Index, Vec<u8>),
    Repeat(prop::sample::Index, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let index = any::<prop::sample::Index>;
    let markup =
        "[<>/!?'\"=&;#x0:a \\-\\[\\]]{1,6}|</?[mts]:[A-Z][a-z]{1,6}>|&#x?[0-9a-f]{1,9};|<!DOCTYPE a \\[|<!\\[CDATA\\[";
    prop_oneof![
        (index(), any::<u8>()).prop_map(|(at, byte)| Damage::Replace(at, byte)),
        (index(), 1usize..60).prop_map(|(at, length)| Damage::Remove(at, length)),
        (index(), markup).prop_map(|(at, text)| Damage::Insert(at, text.into_bytes())),
        (index(), 1usize..400).prop_map(|(at, length)| Damage::Repeat(at, length)),
    ]
}

fn spoil(bytes: &mut Vec<u8>, damage: &Damage) {
    if bytes.is_empty() {
        return;
    }
    match damage {
        Damage::Replace(at, byte) => {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        Damage::Remove(at, length) => {
            let at = at.index(bytes.len());
            let end = bytes.len().min(at + length);
            bytes.drain(at..end);
        }
        Damage::Insert(at, more) => {
            let at = at.index(bytes.len());
            bytes.splice(at..at, more.iter().copied());
        }
        Damage::Repeat(at, length) => {
            let at = at.index(bytes.len());
            let end = bytes.len().min(at + length);
            let again = bytes[at..end].to_vec();
            bytes.splice(at..at, again);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_damaged_answer_never_makes_us_panic(
        which in any::<prop::sample::Index>(),
        damages in prop::collection::vec(damage(), 1..5),
        chunk in prop::option::of(1usize..300),
    ) {
        let mut bytes = RECORDED.values().nth(which.index(RECORDED.len())).unwrap().clone();
        for damage in &damages {
            spoil(&mut bytes, damage);
        }
        let _ = read(&bytes, chunk);
    }

    #[test]
    fn no_bytes_at_all_make_us_panic(bytes: Vec<u8>, chunk in prop::option::of(1usize..50)) {
        let _ = read(&bytes, chunk);
    }
}

pub(super) fn at() -> At {
    let server =
        Server { host: "mail.nordwind.example".to_owned(), url: "https://mail.nordwind.example/EWS".to_owned() };
    let place = Place { server: Arc::new(server), mailbox: "anna.berg@nordwind.example".parse().unwrap() };
    At { operation: "UpdateItem", place: Arc::new(place) }
}

fn refused(code: ResponseCode) -> EwsError {
    EwsError::Response(Box::new(Refusal {
        code,
        message: "The server's own words.".to_owned(),
        primary_smtp_address: Some("anna@nordwind.example".to_owned()),
        back_off: Some(Duration::from_secs(3)),
        property: None,
        at: at(),
    }))
}

#[test]
fn a_response_code_is_known_by_its_name() {
    for code in NAMED {
        assert_eq!(&ResponseCode::from_word(code.as_str()), code);
    }
    let unknown = ResponseCode::from_word("ErrorOfTheYear2031");
    assert_eq!(
        (unknown.to_string().as_str(), &unknown),
        ("ErrorOfTheYear2031", &ResponseCode::Other("ErrorOfTheYear2031".into()))
    );
}

/// U9, U10
#[test]
fn response_codes_are_sorted_by_what_they_ask_us_to_do() {
    let back_off = Some(Duration::from_secs(3));
    let sorted = |class: ErrorClass, codes: &[&str]| {
        for code in codes {
            assert_eq!(refused(ResponseCode::from_word(code)).class(), class, "{code}");
        }
    };
    sorted(ErrorClass::Denied, &["ErrorImpersonateUserDenied", "ErrorImpersonationFailed", "ErrorAccessDenied"]);
    sorted(ErrorClass::NoMailbox, &["ErrorNonExistentMailbox", "ErrorAccountDisabled"]);
    let primary = "anna@nordwind.example".parse().unwrap();
    sorted(ErrorClass::NonPrimaryAddress(primary), &["ErrorNonPrimarySmtpAddress"]);
    sorted(
        ErrorClass::Throttled { back_off },
        &["ErrorServerBusy", "ErrorTooManyObjectsOpened", "ErrorExceededConnectionCount"],
    );
    sorted(
        ErrorClass::MailboxTemporary,
        &[
            "ErrorTimeoutExpired",
            "ErrorMailboxMoveInProgress",
            "ErrorMailboxStoreUnavailable",
            "ErrorInternalServerTransientError",
            "ErrorInternalServerError",
            "ErrorNoRespondingCASInDestinationSite",
            "ErrorProxyRequestProcessingFailed",
            "ErrorADUnavailable",
            "ErrorConnectionFailed",
        ],
    );
    sorted(ErrorClass::ItemGone, &["ErrorItemNotFound", "ErrorFolderNotFound"]);
    sorted(ErrorClass::Conflict, &["ErrorIrresolvableConflict", "ErrorChangeKeyRequired"]);
    sorted(ErrorClass::NotUpdatable, &["ErrorInvalidPropertyUpdateSentMessage", "ErrorInvalidPropertySet"]);
    sorted(ErrorClass::QuotaExceeded, &["ErrorQuotaExceeded"]);
    sorted(ErrorClass::Refused, &["ErrorMessageSizeExceeded", "ErrorSchemaValidation", "ErrorVirusDetected", "What"]);
    sorted(ErrorClass::Hold, &["ErrorPasswordExpired", "ErrorInvalidServerVersion"]);
}

/// U8
#[test]
fn a_refusal_is_certain_unless_the_server_lost_track_itself() {
    assert!(!refused(ResponseCode::ErrorQuotaExceeded).may_have_taken_effect());
    assert!(!refused(ResponseCode::ErrorServerBusy).may_have_taken_effect());
    assert!(refused(ResponseCode::ErrorTimeoutExpired).may_have_taken_effect());
    assert!(refused(ResponseCode::ErrorInternalServerError).may_have_taken_effect());
}

#[test]
fn a_refusal_says_what_where_and_what_to_do() {
    let text = refused(ResponseCode::ErrorImpersonateUserDenied).to_string();
    assert_eq!(
        text,
        "UpdateItem for anna.berg@nordwind.example on mail.nordwind.example: Exchange answers \
         ErrorImpersonateUserDenied: The server's own words (the primary address is anna@nordwind.example) (to be left \
         alone for 3000 ms); the account needs the role ApplicationImpersonation for this mailbox; a new assignment \
         takes some minutes to have an effect"
    );
}
