//! Which messages belong together (MS-OXOMSG 2.2.1.2, 2.2.1.3).

use sha2::{Digest as _, Sha256};

use super::model::Item;

/// The subject without the prefix of a reply or a forwarded message: up to three letters and a colon.
#[must_use]
pub fn normalised_topic(subject: &str) -> &str {
    let mut topic = subject.trim();
    while let Some((prefix, rest)) = topic.split_once(':') {
        let letters = prefix.chars().count();
        if !(1..=3).contains(&letters) || !prefix.chars().all(char::is_alphabetic) || !rest.starts_with(' ') {
            break;
        }
        topic = rest.trim_start();
    }
    topic
}

/// The reply prefix of a subject with its colon and space; empty when there is none.
#[must_use]
pub fn prefix(subject: &str) -> &str {
    let topic = normalised_topic(subject);
    &subject[..subject.len() - topic.len().min(subject.len())]
}

/// A conversation index for a message that brought none: all that refer to the same first message get the same
/// GUID in it, whichever mailbox they are in.
#[must_use]
pub fn index(item: &Item) -> Vec<u8> {
    let references: Vec<&str> = item.references.as_deref().unwrap_or_default().split_whitespace().collect();
    let own = item.message_id.as_deref();
    let first = references.first().copied().or(item.in_reply_to.as_deref()).or(own);
    let root = match first {
        Some(id) => Sha256::digest(id.trim().as_bytes()),
        // Nothing to go by: a conversation of its own.
        None => Sha256::digest(rand::random::<[u8; 16]>()),
    };
    let time = item.sent.unwrap_or(item.created);
    // 100 nanoseconds since 1601, without the lowest and, always being 1, the highest byte.
    let ticks = u64::try_from(time).unwrap_or_default() * 10_000 + 116_444_736_000_000_000;
    let mut index = Vec::with_capacity(27);
    index.push(1);
    index.extend(&ticks.to_be_bytes()[1..6]);
    index.extend(&root[..16]);
    let replies = if references.is_empty() { usize::from(item.in_reply_to.is_some()) } else { references.len() };
    for _ in 0..replies.min(100) {
        index.extend(&ticks.to_be_bytes()[2..7]);
    }
    index
}

#[cfg(test)]
mod tests {
    use super::super::draft::NewItem;
    use super::*;

    /// X1
    #[test]
    fn a_topic_is_the_subject_without_reply_prefixes_and_nothing_else() {
        assert_eq!(normalised_topic("AW: RE: Angebot"), "Angebot");
        assert_eq!(normalised_topic("Invoice: 2024"), "Invoice: 2024");
        assert_eq!(normalised_topic("12: x"), "12: x");
        assert_eq!(prefix("RE: Angebot"), "RE: ");
        assert_eq!(prefix("Angebot"), "");
    }

    /// X1
    #[test]
    fn a_reply_is_in_the_conversation_of_what_it_answers() {
        let message = |id: &str, references: Option<&str>| {
            let mut new = NewItem::blank("IPM.Note", 1_700_000_000_000);
            new.item.message_id = Some(id.into());
            new.item.references = references.map(str::to_owned);
            new.complete();
            new.item
        };
        let first = message("<1@n>", None);
        let reply = message("<2@n>", Some("<1@n>"));
        let other = message("<3@n>", None);
        assert_eq!(first.conversation_id(), reply.conversation_id());
        assert_ne!(first.conversation_id(), other.conversation_id());
        assert_eq!(reply.conversation_index.len(), first.conversation_index.len() + 5);
    }
}
