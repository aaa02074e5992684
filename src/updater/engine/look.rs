//! Looks at the sender's copy without touching it: for the preview.

use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use tokio::time::Instant;

use super::elsewhere::{self, Elsewhere};
use super::mark::Mark;
use super::visit::{MARK, MOST_ITEMS};
use crate::ews::{
    AttachmentInfo, BodyType, ErrorClass, EwsError, FieldUri, FindItem, FolderId, Item, ItemShape, Mailbox,
    PropertyPath, Restriction, SortDirection,
};
use crate::message::ProcessedMessage;
use crate::pipe::types::{MOST_OF_A_BODY, SentAttachment, SentCopy, Shows};
use crate::settings::SmtpAddress;
use crate::updater::boundaries::Boundaries;
use crate::updater::exchange::Ways;

/// Everything that is shown of an item.
static SHOWN: LazyLock<ItemShape> = LazyLock::new(|| {
    let fields =
        [FieldUri::Subject, FieldUri::Body, FieldUri::Attachments, FieldUri::DateTimeSent, FieldUri::LastModifiedTime];
    ItemShape::of(fields.map(PropertyPath::from).to_vec())
});

/// The copy of this message in Sent Items, or another folder, of its author, else of the one who sent it on behalf; none:
/// there is none.
///
/// Of several items with the Message-ID it is the one that was not written here, which the others stand beside. Another
/// server is searched for until then.
pub async fn sent_copy(
    ways: &Arc<Ways>,
    message: &ProcessedMessage,
    until: Instant,
) -> Result<Option<SentCopy>, Arc<EwsError>> {
    let owners = [Some(message.from()), message.sender()].into_iter().flatten();
    let mut looked = false;
    let mut trouble: Option<Arc<EwsError>> = None;
    for owner in owners {
        match of_owner(ways, owner, message, until).await {
            Ok(Some(copy)) => return Ok(Some(copy)),
            Ok(None) => looked = true,
            // That somebody has no mailbox counts only if nobody has one.
            Err(error) if trouble.as_ref().is_none_or(|other| other.class() == ErrorClass::NoMailbox) => {
                trouble = Some(error);
            }
            Err(_) => {}
        }
    }
    match trouble {
        Some(error) if !looked || error.class() != ErrorClass::NoMailbox => Err(error),
        _ => Ok(None),
    }
}

async fn of_owner(
    ways: &Arc<Ways>,
    owner: &SmtpAddress,
    message: &ProcessedMessage,
    until: Instant,
) -> Result<Option<SentCopy>, Arc<EwsError>> {
    let question = |mailbox| of_mailbox(mailbox, message);
    match ways.ask(owner, until, question).await {
        Err(error) => match error.class() {
            ErrorClass::NonPrimaryAddress(primary) => ways.ask(&primary, until, question).await,
            _ => Err(error),
        },
        result => result,
    }
}

async fn of_mailbox(mailbox: Mailbox, message: &ProcessedMessage) -> Result<Option<SentCopy>, EwsError> {
    let message_id = FieldUri::InternetMessageId.into();
    let find = FindItem {
        restriction: Some(Restriction::IsEqualTo(message_id, message.message_id().as_str().to_owned())),
        additional: vec![MARK.into()],
        sort: vec![(FieldUri::DateTimeCreated.into(), SortDirection::Ascending)],
        max_entries: MOST_ITEMS,
        ..FindItem::new(FolderId::SENT_ITEMS)
    };
    let mut items = mailbox.find_item(&find).await?.items;
    if items.is_empty() {
        items = match elsewhere::find(&mailbox, message, &Boundaries::default()).await? {
            Elsewhere::Kept(items) => items,
            Elsewhere::ThrownAway => Vec::new(),
        };
    }
    let others = u32::try_from(items.len().saturating_sub(1)).unwrap_or(u32::MAX);
    let kinds = items.iter().map(|item| shows(item, message));
    let Some((shows, item)) = kinds.zip(&items).min_by_key(|(shows, _)| rank(*shows)) else { return Ok(None) };
    match mailbox.get_item(std::slice::from_ref(&item.id), &SHOWN).await?.pop() {
        Some(Ok(item)) => Ok(Some(described(&mailbox, shows, item, others))),
        // Moved or deleted since a moment ago.
        Some(Err(error)) if error.class() == ErrorClass::ItemGone => Ok(None),
        Some(Err(error)) => Err(error),
        None => unreachable!("one result for each id"),
    }
}

fn shows(item: &Item, message: &ProcessedMessage) -> Shows {
    match item.extended(&MARK).and_then(Mark::read) {
        None => Shows::AsSent,
        Some(mark) if mark.digest == *message.digest() => Shows::Processed,
        Some(_) => Shows::OtherProcessed,
    }
}

fn rank(shows: Shows) -> u8 {
    match shows {
        Shows::AsSent => 0,
        Shows::Processed => 1,
        Shows::OtherProcessed => 2,
    }
}

fn described(mailbox: &Mailbox, shows: Shows, item: Item, others: u32) -> SentCopy {
    let (mut html, mut text, mut cut) = (None, None, false);
    if let Some(mut body) = item.body.filter(|body| !body.content.is_empty()) {
        cut = body.is_truncated || body.content.len() > MOST_OF_A_BODY;
        body.content.truncate(body.content.floor_char_boundary(MOST_OF_A_BODY));
        match body.body_type {
            BodyType::Html => html = Some(body.content),
            BodyType::Text => text = Some(body.content),
        }
    }
    SentCopy {
        mailbox: mailbox.address().to_string(),
        shows,
        subject: item.subject.unwrap_or_default(),
        html,
        text,
        cut,
        attachments: item.attachments.into_iter().map(attachment).collect(),
        sent_at: item.date_time_sent.map(Timestamp::as_millisecond),
        changed_at: item.last_modified_time.map(Timestamp::as_millisecond),
        others,
    }
}

fn attachment(info: AttachmentInfo) -> SentAttachment {
    SentAttachment { name: info.name.unwrap_or_default(), size: info.size, inline: info.is_inline }
}
