//! Judges the mailboxes against what they should be, without our own reading of a message: the processed message is
//! put into a mailbox of the judge's own, and what the sandbox shows of it there is what the sender's copy must show.

use std::path::Path;

use crate::pipe::types::{Listed, Rule};
use crate::sandbox::control::{Control, ItemFilter, StoredItem};
use crate::sandbox::organisation::{SampleMessage, Stored};
use crate::sandbox::store::{AttachmentContent, BodyKind, Delivery, Store, StoredAttachment};

use super::DemoError;

/// The judge's own mailbox.
pub(super) struct Judge {
    store: Store,
}

const MAILBOX: &str = "judge@demo.example";

impl Judge {
    /// `folder` is made.
    pub async fn open(folder: &Path) -> Result<Self, DemoError> {
        std::fs::create_dir_all(folder).map_err(|source| DemoError::Folder { path: folder.to_owned(), source })?;
        let store =
            Store::open(&folder.join("mailbox.sqlite")).await.map_err(crate::sandbox::control::ControlError::from)?;
        Ok(Self { store })
    }

    /// How Exchange shows each processed copy.
    pub async fn as_exchange_shows(
        &self,
        control: &Control,
        sample: &SampleMessage,
    ) -> Result<Vec<StoredItem>, DemoError> {
        let mut shown = Vec::new();
        for (number, copy) in sample.processed.iter().enumerate() {
            let content = control.organisation().processed(copy)?;
            let folder = format!("inbox/{}-{number}", sample.name);
            let stored = async {
                self.store.deliver(MAILBOX, &folder, content, Delivery::default()).await?;
                let filter = ItemFilter { folder: Some(folder), ..ItemFilter::default() };
                self.store.items(MAILBOX, &filter).await
            };
            let items = stored.await.map_err(crate::sandbox::control::ControlError::from)?;
            shown.extend(items.into_iter().next());
        }
        Ok(shown)
    }
}

/// How a sample message ended.
pub(super) struct Ends<'a> {
    pub sample: &'a SampleMessage,
    /// What the updater recorded of each copy.
    pub rows: &'a [Option<&'a Listed>],
    /// The client's copy before the updater came to it.
    pub before: Option<&'a StoredItem>,
    /// Everything in the mailbox with its Message-ID.
    pub after: &'a [StoredItem],
}

impl Ends<'_> {
    /// What is wrong, for each copy; what concerns the mailbox stands with the last one.
    pub fn problems(&self, expected: &[StoredItem]) -> Vec<Vec<String>> {
        let mut problems: Vec<Vec<String>> =
            self.rows.iter().zip(&self.sample.processed).map(|(row, copy)| outcome(copy, *row)).collect();
        if let Some(last) = problems.last_mut() {
            last.extend(self.mailbox(expected));
        }
        problems
    }

    fn mailbox(&self, expected: &[StoredItem]) -> Vec<String> {
        // What was deleted so that a person can get it back is not in anybody's way.
        let visible: Vec<_> = self.after.iter().filter(|item| !item.folder.starts_with("recoverable")).collect();
        let updated = |row: Option<&Listed>| row.and_then(|row| row.rule).is_some_and(is_update);
        let last_update = self.rows.iter().rposition(|row| updated(*row));
        match (last_update, visible.as_slice()) {
            (Some(last), [item]) => match (self.before, expected.get(last)) {
                (Some(before), Some(expected)) => [shows(item, expected), keeps(item, before)].concat(),
                (None, _) => vec!["it was updated though no client ever stored a copy".to_owned()],
                (_, None) => vec!["the sandbox shows nothing of the processed message".to_owned()],
            },
            (None, [item]) if self.before == Some(item) => Vec::new(),
            (None, [_]) => vec!["the original was not to be touched and is not what it was".to_owned()],
            (None, []) if self.sample.stored == Stored::Never => Vec::new(),
            (_, items) => vec![format!("the mailbox has {} items of this message instead of one", items.len())],
        }
    }
}

fn is_update(rule: Rule) -> bool {
    matches!(rule.kind(), crate::pipe::types::OutcomeKind::Updated)
}

fn outcome(copy: &crate::sandbox::organisation::ProcessedCopy, row: Option<&Listed>) -> Vec<String> {
    let expected = match &copy.or {
        Some(or) => format!("{} or {or}", copy.expected),
        None => copy.expected.clone(),
    };
    match row {
        None => vec![format!("nothing of it is recorded; expected was {expected}")],
        Some(row) => match row.rule.map(super::report::rule_name) {
            None => vec![format!("it has not ended ({}); expected was {expected}", row.reason)],
            Some(rule) if copy.is_expected(&rule) => Vec::new(),
            Some(rule) => vec![format!("it ended with {rule}, and expected was {expected}: {}", row.reason)],
        },
    }
}

/// What the recipients got.
fn shows(item: &StoredItem, expected: &StoredItem) -> Vec<String> {
    let mut problems = Vec::new();
    if item.subject != expected.subject {
        problems.push(format!("its subject is {:?} and was to be {:?}", item.subject, expected.subject));
    }
    if !same_body(item, expected) {
        problems.push("its body is not that of the processed message".to_owned());
    }
    let (found, wanted) = (attachments(item), attachments(expected));
    for missing in wanted.iter().filter(|one| !found.contains(one)) {
        problems.push(format!("the attachment {missing} is missing"));
    }
    for extra in found.iter().filter(|one| !wanted.contains(one)) {
        problems.push(format!("there is an attachment {extra} that the processed message does not have"));
    }
    if problems.is_empty() && found.len() != wanted.len() {
        problems.push(format!("it has {} attachments and was to have {}", found.len(), wanted.len()));
    }
    problems
}

fn same_body(item: &StoredItem, expected: &StoredItem) -> bool {
    item.body_kind == expected.body_kind
        && match item.body_kind {
            BodyKind::Html => lines(&item.body) == lines(&expected.body),
            // Where the lines of a flowed text break (RFC 3676) is the reader's business.
            BodyKind::Text => item.body.split_whitespace().eq(expected.body.split_whitespace()),
        }
}

/// What the sender made of it, and what makes it a sent message.
fn keeps(item: &StoredItem, before: &StoredItem) -> Vec<String> {
    let kept = [
        ("folder", item.folder == before.folder),
        ("read state", item.read == before.read),
        ("state as a sent message", !item.draft),
        ("follow-up flag", item.flag == before.flag),
        ("categories", item.categories == before.categories),
        ("importance", item.importance == before.importance),
        ("sensitivity", item.sensitivity == before.sensitivity),
        ("conversation", item.conversation_id == before.conversation_id),
        ("sent time", item.sent == before.sent),
        ("From", item.from == before.from),
        ("recipients", (&item.to, &item.cc, &item.bcc) == (&before.to, &before.cc, &before.bcc)),
    ];
    let lost = kept.iter().filter(|(_, kept)| !kept);
    lost.map(|(what, _)| format!("its {what} changed, which was to stay")).collect()
}

/// Lines, whatever ends them: XML makes one of all kinds.
fn lines(text: &str) -> Vec<&str> {
    text.trim_end().lines().map(str::trim_end).collect()
}

/// Attachments in a form to compare and to name.
fn attachments(item: &StoredItem) -> Vec<String> {
    item.attachments.iter().map(attachment).collect()
}

fn attachment(attachment: &StoredAttachment) -> String {
    let content = match &attachment.content {
        AttachmentContent::File(bytes) => {
            use sha2::Digest as _;
            let digest = sha2::Sha256::digest(bytes);
            let [a, b, c, d, ..] = digest[..] else { return String::new() };
            format!("{} bytes, SHA-256 {:08x}…", bytes.len(), u32::from_be_bytes([a, b, c, d]))
        }
        AttachmentContent::Item(item) => format!("message {:?} of {} lines", item.subject, lines(&item.body).len()),
        AttachmentContent::LeftOut => "content not read".to_owned(),
    };
    let id = attachment.content_id.as_ref().map_or_else(String::new, |id| format!(", Content-ID {id}"));
    let inline = if attachment.inline { ", inline" } else { "" };
    format!("{} ({}, {content}{id}{inline})", attachment.name, attachment.content_type)
}

#[cfg(test)]
mod tests;
