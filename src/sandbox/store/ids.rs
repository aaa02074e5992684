//! Identifiers as Exchange writes them: base64 that clients must not look into.
//!
//! The layout follows Exchange's own (a mailbox GUID, then the entry id of MS-OXCDATA 2.2.4), so that length and
//! look are those of the real ones. The counters in them are the numbers of the store.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::model::{AttachmentNo, Change, FolderNo, ItemNo};

/// What an identifier names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Id {
    /// GUID of the mailbox.
    pub mailbox: String,
    pub kind: IdKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdKind {
    Folder(FolderNo),
    Item(ItemNo),
    /// An attachment, or the item in it: the item that has it, and the way down through attached items.
    Attachment(ItemNo, Vec<AttachmentNo>),
    Conversation([u8; 16]),
}

/// The text is no identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdProblem {
    Empty,
    Malformed,
}

const MAILBOX_GUID: u8 = 3;
const CONVERSATION: u8 = 4;
const FOLDER_ENTRY: usize = 46;
const MESSAGE_ENTRY: usize = 70;
const CONVERSATION_ENTRY: usize = 16;
const ATTACHMENT_ENTRY: usize = 18;

#[must_use]
pub fn folder_id(mailbox: &str, folder: FolderNo) -> String {
    let mut bytes = start(MAILBOX_GUID, mailbox, FOLDER_ENTRY);
    entry(&mut bytes, mailbox, 1);
    counter(&mut bytes, mailbox, folder.0);
    STANDARD.encode(bytes)
}

#[must_use]
pub fn item_id(mailbox: &str, item: ItemNo) -> String {
    STANDARD.encode(item_bytes(mailbox, item))
}

/// Identifier of an attachment of `item`, or of one deeper down: `way` leads to it through attached items.
#[must_use]
pub fn attachment_id(mailbox: &str, item: ItemNo, way: &[AttachmentNo]) -> String {
    let mut bytes = item_bytes(mailbox, item);
    bytes.push(u8::try_from(way.len()).unwrap_or(u8::MAX));
    for attachment in way {
        bytes.extend([18, 0, 16, 0]);
        bytes.extend(&guid_bytes(mailbox)[..8]);
        bytes.extend(attachment.0.to_be_bytes());
    }
    STANDARD.encode(bytes)
}

#[must_use]
pub fn conversation_id(mailbox: &str, conversation: [u8; 16]) -> String {
    let mut bytes = start(CONVERSATION, mailbox, CONVERSATION_ENTRY);
    bytes.extend(conversation);
    STANDARD.encode(bytes)
}

/// A change key: what kind of object (`StoreObjectType`), and the change number behind a replica's GUID.
#[must_use]
pub fn change_key(kind: u8, mailbox: &str, change: Change) -> String {
    let mut bytes = vec![kind, 0, 0, 0, 22, 0, 0, 0];
    bytes.extend(guid_bytes(mailbox));
    bytes.extend(&change.to_be_bytes()[2..]);
    STANDARD.encode(bytes)
}

/// The change number in a change key; none when it is not one.
#[must_use]
pub fn parse_change_key(text: &str) -> Option<Change> {
    let bytes = STANDARD.decode(text).ok()?;
    if bytes.len() != 30 || bytes[4..8] != [22, 0, 0, 0] {
        return None;
    }
    Some(number(&bytes[24..30]))
}

/// The `PidTagEntryId` of an item, as StoreEntryId and extended properties show it.
#[must_use]
pub fn entry_id(mailbox: &str, folder: FolderNo, item: ItemNo) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(MESSAGE_ENTRY);
    entry(&mut bytes, mailbox, 7);
    counter(&mut bytes, mailbox, folder.0);
    counter(&mut bytes, mailbox, item.0);
    bytes
}

/// The entry id in an identifier of a folder or an item.
#[must_use]
pub fn entry_of(id: &Id) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(MESSAGE_ENTRY);
    match id.kind {
        IdKind::Folder(folder) => {
            entry(&mut bytes, &id.mailbox, 1);
            counter(&mut bytes, &id.mailbox, folder.0);
        }
        IdKind::Item(item) => {
            entry(&mut bytes, &id.mailbox, 7);
            counter(&mut bytes, &id.mailbox, 0);
            counter(&mut bytes, &id.mailbox, item.0);
        }
        IdKind::Attachment(..) | IdKind::Conversation(_) => return None,
    }
    Some(bytes)
}

/// What an entry id names.
#[must_use]
pub fn from_entry(bytes: &[u8]) -> Option<Id> {
    let guid: String = bytes.get(4..20)?.iter().map(|byte| format!("{byte:02x}")).collect();
    let mailbox = format!("{}-{}-{}-{}-{}", &guid[..8], &guid[8..12], &guid[12..16], &guid[16..20], &guid[20..]);
    let kind = match (bytes.len(), *bytes.get(20)?) {
        (FOLDER_ENTRY, 1) => IdKind::Folder(FolderNo(number(&bytes[38..44]))),
        (MESSAGE_ENTRY, 7) => IdKind::Item(ItemNo(number(&bytes[62..68]))),
        _ => return None,
    };
    Some(Id { mailbox, kind })
}

/// Reads any identifier.
pub fn parse(text: &str) -> Result<Id, IdProblem> {
    if text.is_empty() {
        return Err(IdProblem::Empty);
    }
    let bytes = STANDARD.decode(text).map_err(|_| IdProblem::Malformed)?;
    read(&bytes).ok_or(IdProblem::Malformed)
}

fn read(bytes: &[u8]) -> Option<Id> {
    let (head, rest) = bytes.split_at_checked(43)?;
    let [0, kind, 36, 0, guid @ .., 0, low, high] = head else { return None };
    let mailbox = super::property::guid(std::str::from_utf8(guid).ok()?)?;
    let (entry, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes([*low, *high])))?;
    let kind = match (*kind, entry.len()) {
        (MAILBOX_GUID, FOLDER_ENTRY) if rest.is_empty() && entry[20] == 1 => {
            IdKind::Folder(FolderNo(number(&entry[38..44])))
        }
        (MAILBOX_GUID, MESSAGE_ENTRY) if entry[20] == 7 => {
            let item = ItemNo(number(&entry[62..68]));
            match rest.split_first() {
                None => IdKind::Item(item),
                Some((&count, levels)) => IdKind::Attachment(item, attachments(count, levels)?),
            }
        }
        (CONVERSATION, CONVERSATION_ENTRY) if rest.is_empty() => IdKind::Conversation(entry.try_into().ok()?),
        _ => return None,
    };
    Some(Id { mailbox, kind })
}

fn attachments(count: u8, levels: &[u8]) -> Option<Vec<AttachmentNo>> {
    if count == 0 || levels.len() != usize::from(count) * (ATTACHMENT_ENTRY + 2) {
        return None;
    }
    let level = |bytes: &[u8]| (bytes[..4] == [18, 0, 16, 0]).then(|| AttachmentNo(number(&bytes[12..])));
    levels.chunks(ATTACHMENT_ENTRY + 2).map(level).collect()
}

/// No compression, how the mailbox is named, its GUID, no instruction, and the length of what follows.
fn start(kind: u8, mailbox: &str, entry: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(43 + entry);
    bytes.extend([0, kind, 36, 0]);
    bytes.extend(mailbox.as_bytes());
    bytes.push(0);
    bytes.extend(u16::try_from(entry).unwrap_or(u16::MAX).to_le_bytes());
    bytes
}

fn item_bytes(mailbox: &str, item: ItemNo) -> Vec<u8> {
    let mut bytes = start(MAILBOX_GUID, mailbox, MESSAGE_ENTRY);
    entry(&mut bytes, mailbox, 7);
    counter(&mut bytes, mailbox, 0);
    counter(&mut bytes, mailbox, item.0);
    bytes
}

fn entry(bytes: &mut Vec<u8>, mailbox: &str, kind: u8) {
    bytes.extend([0; 4]);
    bytes.extend(guid_bytes(mailbox));
    bytes.extend([kind, 0]);
}

fn counter(bytes: &mut Vec<u8>, mailbox: &str, value: i64) {
    let mut replica = guid_bytes(mailbox);
    replica.reverse();
    bytes.extend(replica);
    bytes.extend(&value.to_be_bytes()[2..]);
    bytes.extend([0, 0]);
}

/// The 16 bytes of a GUID; its text is one that [`super::property::guid`] accepted or the store made.
fn guid_bytes(guid: &str) -> [u8; 16] {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let digits: Vec<u8> = guid.bytes().filter_map(digit).collect();
    let mut bytes = [0; 16];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        *byte = pair.iter().fold(0, |value, digit| value << 4 | digit);
    }
    bytes
}

/// A number in big-endian bytes, eight at the most.
fn number(bytes: &[u8]) -> i64 {
    bytes.iter().fold(0, |value, byte| value << 8 | i64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MAILBOX: &str = "4b0d4c5e-1f6a-4a52-8f50-3c4d1d9f7a01";

    /// X1
    #[test]
    fn what_is_not_an_identifier_is_told_from_an_empty_one() {
        assert_eq!(parse(""), Err(IdProblem::Empty));
        for text in ["AAA=", "not base64!", "AAMkAD", &STANDARD.encode([0_u8; 113])] {
            assert_eq!(parse(text), Err(IdProblem::Malformed), "{text}");
        }
        let cut = STANDARD.encode(&item_bytes(MAILBOX, ItemNo(7))[..100]);
        assert_eq!(parse(&cut), Err(IdProblem::Malformed));
        assert_eq!(parse_change_key("CQAAAA=="), None);
    }

    /// X1
    #[test]
    fn identifiers_have_the_length_and_the_look_of_exchange() {
        assert_eq!(item_id(MAILBOX, ItemNo(1)).len(), 152);
        assert_eq!(folder_id(MAILBOX, FolderNo(1)).len(), 120);
        assert!(item_id(MAILBOX, ItemNo(1)).starts_with("AAMkA"));
        assert!(conversation_id(MAILBOX, [1; 16]).starts_with("AAQkA"));
        assert!(change_key(9, MAILBOX, 1).starts_with("CQAAABYAAA"));
    }

    proptest! {
        /// X1
        #[test]
        fn every_identifier_leads_back_to_what_it_was_made_of(a in 0..1_i64 << 40, b in 0..1_i64 << 40, c in 0..1_i64 << 40) {
            let kind = |text: String| parse(&text).unwrap().kind;
            prop_assert_eq!(kind(item_id(MAILBOX, ItemNo(a))), IdKind::Item(ItemNo(a)));
            prop_assert_eq!(kind(folder_id(MAILBOX, FolderNo(a))), IdKind::Folder(FolderNo(a)));
            let item = parse(&item_id(MAILBOX, ItemNo(a))).unwrap();
            prop_assert_eq!(from_entry(&entry_of(&item).unwrap()), Some(item));
            let folder = parse(&folder_id(MAILBOX, FolderNo(a))).unwrap();
            prop_assert_eq!(from_entry(&entry_of(&folder).unwrap()), Some(folder));
            let way = vec![AttachmentNo(b), AttachmentNo(c)];
            prop_assert_eq!(kind(attachment_id(MAILBOX, ItemNo(a), &way)), IdKind::Attachment(ItemNo(a), way));
            prop_assert_eq!(parse_change_key(&change_key(9, MAILBOX, a)), Some(a));
        }

        /// X1
        #[test]
        fn no_text_at_all_upsets_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&STANDARD.encode(&bytes));
            let _ = from_entry(&bytes);
        }
    }
}
