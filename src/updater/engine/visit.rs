//! The work in one mailbox.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bytes::Bytes;
use jiff::Timestamp;

use super::attachments::{Difference, Facts};
use super::elsewhere::{self, Elsewhere};
use super::mark::{self, Mark, Mode, Order};
use super::owned;
use super::pace::Pace;
use super::plan::{self, Then, Wanted};
use super::rules;
use crate::ews::{
    AttachmentInfo, AttachmentKind as StoredKind, Change, ConflictResolution, CreateItem, DeleteType,
    DistinguishedPropertySet, ErrorClass, EwsError, ExtendedPropertyUri, FieldUri, FindItem, FolderId, Item, ItemBody,
    ItemId, ItemShape, Mailbox, NewAttachment, NewContent, Property, PropertyPath, PropertyType, Restriction,
    SortDirection, UpdateItem,
};
use crate::message::{Attachment, AttachmentKind, Body, ProcessedMessage};
use crate::pipe::types::{Outcome, Rule};
use crate::settings::Options;
use crate::updater::boundaries::{Boundaries, Operation};

/// The mark, as a property.
pub(super) const MARK: ExtendedPropertyUri =
    ExtendedPropertyUri::named(DistinguishedPropertySet::PublicStrings, mark::PROPERTY, PropertyType::String);

/// Items with one Message-ID that are looked at; more are somebody's experiment.
pub(super) const MOST_ITEMS: u32 = 50;

/// Up to so many bytes, attachments that are alike from outside are compared inside too, in one request. Beyond it
/// name and size are believed: fetching them would cost more than exchanging them.
const COMPARED: usize = 1024 * 1024;

/// Attachments go in requests of about this size; a larger one goes by itself.
const PIECE: usize = 4 * 1024 * 1024;

/// Where in a mailbox it is looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    SentItems,
    /// In every folder where its owner may have moved it.
    Elsewhere,
}

/// One message in one mailbox.
pub(super) struct Visit<'a> {
    pub mailbox: Mailbox,
    pub place: Place,
    pub message: &'a ProcessedMessage,
    pub order: Order,
    pub options: Options,
    /// Tells the items of this attempt from those of others.
    pub token: u64,
    /// An attempt before this one ended in an error, or with its updater: its requests may have taken effect, or
    /// still may.
    pub repeated: bool,
    /// Something was stored that would be there twice if an earlier request were carried out after all.
    pub stored: AtomicBool,
    /// What searches take.
    pub pace: Arc<Pace>,
    pub boundaries: Boundaries,
}

/// How a visit ended that met no trouble.
pub(super) enum Looked {
    NotThere,
    /// All is done as far as can be told now. Requests that are believed lost may still be carried out.
    ToSeeAgain,
    Ended(Outcome),
}

/// An error, and what was being done.
#[derive(Debug)]
pub(super) struct Trouble {
    pub error: EwsError,
    /// It was the first request of the visit.
    pub first: bool,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl From<EwsError> for Trouble {
    fn from(error: EwsError) -> Self {
        Self { error, first: false }
    }
}

impl Visit<'_> {
    pub async fn run(&self) -> Result<Looked, Trouble> {
        let first = |error| Trouble { error, first: true };
        let items = match self.place {
            Place::SentItems => self.find().await.map_err(first)?,
            Place::Elsewhere => {
                match elsewhere::find(&self.mailbox, self.message, &self.boundaries).await.map_err(first)? {
                    Elsewhere::Kept(items) => items,
                    Elsewhere::ThrownAway => return Ok(Looked::Ended(thrown_away())),
                }
            }
        };
        let plan = self.plan(&items);
        self.remove(&items, &plan.remove).await?;
        let outcome = match plan.then {
            Then::Wait => return Ok(Looked::NotThere),
            Then::AlreadyDone => {
                self.verify(&items).await?;
                already_done()
            }
            Then::Superseded => superseded(),
            Then::Update { item, mode } => match left_alone(&items[item]) {
                Some(outcome) => outcome,
                None => self.update(&items[item], mode).await?,
            },
            Then::Add { beside, mode } => match left_alone(&items[beside]) {
                Some(outcome) => outcome,
                None => self.add(&items[beside], mode).await?,
            },
        };
        let to_see_again = self.repeated && self.stored.load(Ordering::Relaxed);
        Ok(if to_see_again { Looked::ToSeeAgain } else { Looked::Ended(outcome) })
    }

    /// Attachments that two attempts added, each without knowing of the other, are there once afterwards.
    async fn verify(&self, items: &[Item]) -> Result<(), Trouble> {
        let is_done = |item: &&Item| {
            item.extended(&MARK).and_then(Mark::read).is_some_and(|mark| mark.digest == *self.message.digest())
        };
        if self.repeated
            && let Some(item) = items.iter().find(is_done)
            && self.may_have_attachments(item)
        {
            self.exchange_attachments(item).await?;
        }
        Ok(())
    }

    fn may_have_attachments(&self, item: &Item) -> bool {
        has_attachments(item) || !self.message.attachments().is_empty()
    }

    /// Items with the Message-ID, oldest first.
    async fn find(&self) -> Result<Vec<Item>, EwsError> {
        let began = Instant::now();
        let search = search(std::slice::from_ref(&self.message), MOST_ITEMS);
        let found = self.boundaries.request(Operation::FindItem, self.mailbox.find_item(&search)).await?;
        self.pace.took(began.elapsed());
        Ok(found.items)
    }

    pub(super) fn plan<'i>(&self, items: impl IntoIterator<Item = &'i Item>) -> plan::Plan {
        let found: Vec<plan::Found> = items
            .into_iter()
            .map(|item| plan::Found { id: item.id.id.clone(), mark: item.extended(&MARK).and_then(Mark::read) })
            .collect();
        plan::plan(&found, &Wanted { digest: self.message.digest(), order: self.order, options: self.options })
    }

    /// Deletes items so that a person can still get them back.
    async fn remove(&self, items: &[Item], which: &[usize]) -> Result<(), Trouble> {
        for at in which {
            self.delete(&items[*at].id).await?;
        }
        Ok(())
    }

    async fn delete(&self, id: &ItemId) -> Result<(), EwsError> {
        let request = self.mailbox.delete_item(id, DeleteType::SoftDelete);
        match self.boundaries.request(Operation::DeleteItem, request).await {
            // Somebody was faster; it is gone, and that was wanted.
            Err(error) if error.class() == ErrorClass::ItemGone => Ok(()),
            result => result,
        }
    }

    fn mark(&self, mode: Mode) -> Property {
        let mark = Mark { mode, digest: *self.message.digest(), order: self.order, token: self.token };
        Property::Extended(MARK, mark.to_string())
    }

    /// In place, else by replacement.
    async fn update(&self, item: &Item, mode: Mode) -> Result<Outcome, Trouble> {
        match self.change(item, mode).await {
            Ok(said) => Ok(Outcome::new(Rule::UpdatedInPlace, said)),
            Err(error) if error.class() == ErrorClass::NotUpdatable => {
                let why = error.to_string();
                self.replace(item).await?;
                Ok(Outcome::new(Rule::Replaced, format!("it could not be changed in place ({why})")))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Attachments first; then body, subject and mark together. Returns what was changed, in words.
    async fn change(&self, item: &Item, mode: Mode) -> Result<String, EwsError> {
        let (mut update, subject) = self.update_of(item, mode);
        let mut exchanged = (0, 0);
        if self.may_have_attachments(item) {
            (update.id, exchanged) = self.exchange_attachments(item).await?;
        }
        self.boundaries.request(Operation::UpdateItem, self.mailbox.update_item(&update)).await?;
        Ok(said(subject, exchanged))
    }

    /// Body, subject and mark, and whether the subject is another.
    pub(super) fn update_of(&self, item: &Item, mode: Mode) -> (UpdateItem, bool) {
        let mut changes = Vec::with_capacity(3);
        let subject = item.subject.as_deref().unwrap_or_default() != self.message.subject();
        if subject {
            changes.push(Change::Set(Property::Subject(self.message.subject().to_owned())));
        }
        changes.push(Change::Set(Property::Body(match self.message.body() {
            Body::Html(text) => ItemBody::html(text),
            Body::Plain(text) => ItemBody::text(text),
            Body::Empty => ItemBody::text(""),
        })));
        changes.push(Change::Set(self.mark(mode)));
        let mut update = UpdateItem::new(item.id.clone(), changes);
        if self.options.message_splitting {
            // A request that was believed lost must not bring back an earlier copy when a later one is in place.
            update.conflict = ConflictResolution::NeverOverwrite;
        }
        (update, subject)
    }

    /// Makes the attachments those of the processed message. Returns the item as it is then, how many came and how many
    /// went.
    async fn exchange_attachments(&self, item: &Item) -> Result<(ItemId, (usize, usize)), EwsError> {
        let mut id = item.id.clone();
        let shape = ItemShape::of(vec![FieldUri::Attachments.into()]);
        let present = self.get(&item.id, &shape).await?.attachments;
        // Links to files elsewhere have no form in MIME; they stay.
        let present: Vec<_> = present.into_iter().filter(|info| info.kind != StoredKind::Reference).collect();
        let wanted = self.message.attachments();
        let facts: Vec<_> = wanted.iter().map(|attachment| self.facts_of(attachment)).collect();
        let mut difference = Difference::between(&present.iter().map(facts_of_stored).collect::<Vec<_>>(), &facts);
        let differ = self.compare(&difference.alike, &present, &facts).await?;
        difference.differ(&differ);

        let mut piece = Vec::new();
        let mut bytes = 0;
        for at in &difference.add {
            let new = self.new_attachment(&wanted[*at]);
            let size = match &new.content {
                NewContent::File(content) | NewContent::Message(content) => content.len(),
            };
            if !piece.is_empty() && bytes + size > PIECE {
                id = self.create(&id, std::mem::take(&mut piece)).await?;
                bytes = 0;
            }
            bytes += size;
            piece.push(new);
        }
        if !piece.is_empty() {
            id = self.create(&id, piece).await?;
        }
        if !difference.remove.is_empty() {
            let ids: Vec<_> = difference.remove.iter().map(|at| present[*at].id.clone()).collect();
            let request = self.mailbox.delete_attachment(&ids);
            let change_key = self.boundaries.request(Operation::DeleteAttachment, request).await?;
            id = change_key.map_or(id.clone(), |change_key| id.with_change_key(change_key));
        }
        Ok((id, (difference.add.len(), difference.remove.len())))
    }

    /// Returns the item as it is then.
    async fn create(&self, parent: &ItemId, attachments: Vec<NewAttachment>) -> Result<ItemId, EwsError> {
        let request = self.mailbox.create_attachment(parent, attachments);
        let mut created = self.boundaries.request(Operation::CreateAttachment, request).await?;
        let root = created.root.take();
        created.all()?;
        self.stored.store(true, Ordering::Relaxed);
        Ok(root.unwrap_or_else(|| parent.clone()))
    }

    /// Pairs whose contents differ, of those that are small enough to be fetched.
    async fn compare(
        &self,
        alike: &[(usize, usize)],
        present: &[AttachmentInfo],
        wanted: &[Facts],
    ) -> Result<HashSet<(usize, usize)>, EwsError> {
        let mut room = COMPARED;
        let mut pairs = Vec::new();
        for (stored, processed) in alike {
            let size = wanted[*processed].size.and_then(|size| usize::try_from(size).ok()).unwrap_or(usize::MAX);
            if !wanted[*processed].is_message && size <= room {
                room -= size;
                pairs.push((*stored, *processed));
            }
        }
        if pairs.is_empty() {
            return Ok(HashSet::new());
        }
        let ids: Vec<_> = pairs.iter().map(|(stored, _)| present[*stored].id.clone()).collect();
        let contents = self.boundaries.request(Operation::GetAttachment, self.mailbox.get_attachment(&ids)).await?;
        let mut differ = HashSet::new();
        for (pair, content) in pairs.into_iter().zip(contents) {
            if content?.content != self.content(&self.message.attachments()[pair.1]) {
                differ.insert(pair);
            }
        }
        Ok(differ)
    }

    fn facts_of(&self, attachment: &Attachment) -> Facts {
        Facts {
            name: attachment.name.clone(),
            content_id: attachment.content_id.clone().filter(|_| attachment.inline),
            is_message: attachment.kind == AttachmentKind::Message,
            size: u64::try_from(attachment.decoded_len(self.message)).ok(),
        }
    }

    fn new_attachment(&self, attachment: &Attachment) -> NewAttachment {
        let content = self.content(attachment);
        NewAttachment {
            name: attachment.name.clone(),
            content_type: Some(attachment.content_type.clone()),
            content_id: attachment.content_id.clone(),
            content_location: attachment.content_location.clone(),
            is_inline: attachment.inline,
            content: match attachment.kind {
                AttachmentKind::File => NewContent::File(content),
                AttachmentKind::Message => NewContent::Message(content),
            },
        }
    }

    /// The content, without a copy where it stands in the message as it is.
    fn content(&self, attachment: &Attachment) -> Bytes {
        match attachment.decoded(self.message) {
            Cow::Borrowed(content) => self.message.raw().slice_ref(content),
            Cow::Owned(content) => content.into(),
        }
    }

    /// A new item that takes the place of one that can't be changed, with everything that its owner gave it.
    async fn replace(&self, item: &Item) -> Result<(), EwsError> {
        let owned = self.get(&item.id, &owned::shape()).await?;
        let mut properties = self.stored_as_sent(item);
        properties.push(self.mark(Mode::Replacement { of: item.id.id.clone() }));
        properties.extend(owned::properties(owned));
        self.store(item, properties).await?;
        self.delete(&item.id).await
    }

    /// The processed message as an item of its own beside another.
    async fn add(&self, beside: &Item, mode: Mode) -> Result<Outcome, Trouble> {
        let rule = if mode == Mode::Copy { Rule::CopyAdded } else { Rule::SplitCopyAdded };
        let mut properties = self.stored_as_sent(beside);
        properties.push(self.mark(mode));
        self.store(beside, properties).await?;
        Ok(Outcome::new(rule, ""))
    }

    /// Read, no draft, with the times of the sender's copy.
    fn stored_as_sent(&self, item: &Item) -> Vec<Property> {
        let time = |uri, time: Timestamp| Property::Extended(uri, time.to_string());
        let sent = item.date_time_sent.or(self.message.date());
        let received = item.date_time_received.or(sent);
        let mut properties = vec![Property::Extended(ExtendedPropertyUri::MESSAGE_FLAGS, "1".to_owned())];
        properties.extend(sent.map(|sent| time(ExtendedPropertyUri::CLIENT_SUBMIT_TIME, sent)));
        properties.extend(received.map(|received| time(ExtendedPropertyUri::MESSAGE_DELIVERY_TIME, received)));
        properties
    }

    async fn store(&self, beside: &Item, properties: Vec<Property>) -> Result<(), EwsError> {
        let folder = beside.parent_folder_id.clone().unwrap_or(FolderId::SENT_ITEMS);
        let create = CreateItem { folder, mime_content: Some(self.message.raw().clone()), properties };
        self.boundaries.request(Operation::CreateItem, self.mailbox.create_item(&create)).await?;
        self.stored.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn get(&self, id: &ItemId, shape: &ItemShape) -> Result<Item, EwsError> {
        let request = self.mailbox.get_item(std::slice::from_ref(id), shape);
        let mut items = self.boundaries.request(Operation::GetItem, request).await?;
        items.pop().unwrap_or_else(|| unreachable!("one result for each id"))
    }
}

/// Looks for the copies of messages in Sent Items, oldest first, with all that has to be known of them.
pub(super) fn search(messages: &[&ProcessedMessage], max_entries: u32) -> FindItem {
    let path = PropertyPath::from(FieldUri::InternetMessageId);
    let is =
        |message: &&ProcessedMessage| Restriction::IsEqualTo(path.clone(), message.message_id().as_str().to_owned());
    let mut additional = vec![
        FieldUri::ItemClass.into(),
        FieldUri::Subject.into(),
        FieldUri::HasAttachments.into(),
        ExtendedPropertyUri::HAS_ATTACHMENTS.into(),
        FieldUri::DateTimeSent.into(),
        FieldUri::DateTimeReceived.into(),
        FieldUri::ParentFolderId.into(),
        MARK.into(),
    ];
    let restriction = match messages {
        [one] => is(one),
        several => {
            // By it each item is given to its message.
            additional.push(path.clone());
            Restriction::Or(several.iter().map(is).collect())
        }
    };
    FindItem {
        restriction: Some(restriction),
        additional,
        sort: vec![(FieldUri::DateTimeCreated.into(), SortDirection::Ascending)],
        max_entries,
        ..FindItem::new(FolderId::SENT_ITEMS)
    }
}

pub(super) fn already_done() -> Outcome {
    Outcome::new(Rule::AlreadyDone, "Sent Items shows this message already")
}

pub(super) fn superseded() -> Outcome {
    Outcome::new(Rule::Superseded, "a copy of this message that was processed later is in Sent Items")
}

fn thrown_away() -> Outcome {
    Outcome::new(Rule::ThrownAway, "the sender has moved the copy to Deleted Items; what was thrown away is left alone")
}

pub(super) fn left_alone(item: &Item) -> Option<Outcome> {
    item.item_class.as_deref().and_then(rules::by_item_class)
}

/// Whether the item has attachments, inline ones among them, as far as the server tells.
pub(super) fn has_attachments(item: &Item) -> bool {
    item.has_attachments.unwrap_or(true)
        || item.extended(&ExtendedPropertyUri::HAS_ATTACHMENTS).is_some_and(|any| any != "false")
}

fn facts_of_stored(info: &AttachmentInfo) -> Facts {
    Facts {
        name: info.name.clone().unwrap_or_default(),
        content_id: info.content_id.clone(),
        is_message: info.kind == StoredKind::Item,
        size: info.size,
    }
}

/// What was changed beside the body.
pub(super) fn said(subject: bool, (added, removed): (usize, usize)) -> String {
    let attachments = |count: usize, verb: &str| match count {
        0 => None,
        1 => Some(format!("1 attachment {verb}")),
        _ => Some(format!("{count} attachments {verb}")),
    };
    let parts = [
        Some(if subject { "body and subject changed".to_owned() } else { "body changed".to_owned() }),
        attachments(added, "added"),
        attachments(removed, "removed"),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
