//! `SyncFolderItems` (MS-OXWSSYNC 3.1.4.2)

use std::collections::HashSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use roxmltree::Node;

use super::{Context, Operation, child, get_item, item_refs};
use crate::sandbox::ews::SoapAnswer;
use crate::sandbox::ews::answer::Answer;
use crate::sandbox::ews::folders;
use crate::sandbox::ews::problem::{Fault, Problem};
use crate::sandbox::ews::render;
use crate::sandbox::ews::session::{self, FolderRef, Session};
use crate::sandbox::ews::settings::text;
use crate::sandbox::ews::shape::ItemShape;
use crate::sandbox::ews::write::Xml;
use crate::sandbox::store::ids;
use crate::sandbox::store::model::{Change, FolderNo, Item, ItemNo, Mailbox, flags};
use crate::sandbox::store::state::State;

pub struct SyncFolderItems {
    shape: Result<ItemShape, Problem>,
    folder: Option<FolderRef>,
    state: String,
    ignore: HashSet<String>,
    max: usize,
    with_associated: bool,
}

/// Something that happened to an item.
enum Event {
    Create(Arc<Item>),
    Update(Arc<Item>),
    ReadFlagChange(Arc<Item>),
    Delete(ItemNo),
}

/// Where a client stands: a folder, and the last change that it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncState {
    pub folder: FolderNo,
    pub change: Change,
}

impl SyncState {
    /// Reads a state; an empty one is that of a client that knows nothing.
    pub fn read(text: &str, folder: FolderNo) -> Result<Self, Problem> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self { folder, change: 0 });
        }
        let invalid = || {
            Problem::new("ErrorInvalidSyncStateData", "The synchronization state data is corrupt or otherwise invalid.")
        };
        let bytes: [u8; 17] = STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok()).ok_or_else(invalid)?;
        let number = |at: usize| bytes[at..at + 8].iter().fold(0_i64, |value, byte| value << 8 | i64::from(*byte));
        if bytes[0] != 1 || number(1) != folder.0 {
            return Err(invalid());
        }
        Ok(Self { folder, change: number(9) })
    }

    pub fn write(self) -> String {
        let mut bytes = vec![1];
        bytes.extend(self.folder.0.to_be_bytes());
        bytes.extend(self.change.to_be_bytes());
        STANDARD.encode(bytes)
    }
}

impl Operation for SyncFolderItems {
    const WRITES: bool = false;

    fn read(node: Node<'_, '_>, context: Context<'_>) -> Result<Self, Fault> {
        let shape = child(node, "ItemShape").map(|shape| ItemShape::read(shape, context.version, false));
        let value = |name| child(node, name).map(text).unwrap_or_default();
        Ok(Self {
            shape: shape.unwrap_or_else(|| Ok(ItemShape::default())),
            folder: folders::one_reference(node, "SyncFolderId"),
            state: value("SyncState"),
            ignore: item_refs(node, "Ignore").into_iter().map(|item| item.id).collect(),
            max: value("MaxChangesReturned").trim().parse().unwrap_or(512),
            with_associated: value("SyncScope").trim() == "NormalAndAssociatedItems",
        })
    }

    fn parts(&self) -> usize {
        1
    }

    fn folders(&self) -> Vec<FolderRef> {
        self.folder.iter().cloned().collect()
    }

    async fn execute(self, session: &Session<'_>, name: &'static str) -> Result<SoapAnswer, Fault> {
        let mut answer = Answer::new(name);
        let found = session.service.store.read(|state| self.changes(session, state));
        let written = match found {
            Ok(found) => self.write_all(session, &found).await.map(|changes| (changes, found.next, found.last)),
            Err(problem) => Err(problem),
        };
        answer.outcome(written, |xml, (changes, next, last)| {
            xml.text("m:SyncState", &next.write());
            xml.plain("m:IncludesLastItemInRange", last);
            xml.open("m:Changes");
            xml.raw(&changes.finish());
            xml.close("m:Changes");
        });
        Ok(answer.finish())
    }
}

/// What a client has not heard of yet.
struct Found {
    mailbox: Arc<Mailbox>,
    events: Vec<Event>,
    next: SyncState,
    last: bool,
}

impl SyncFolderItems {
    fn changes(&self, session: &Session<'_>, state: &State) -> Result<Found, Problem> {
        self.shape.as_ref().map_err(Clone::clone)?;
        let not_found = || Problem::new("ErrorSyncFolderNotFound", "The folder to be synchronized could not be found.");
        let reference = self.folder.as_ref().ok_or_else(not_found)?;
        let folder = session.folder(state, reference).map_err(|problem| match problem.code.as_ref() {
            "ErrorFolderNotFound" => not_found(),
            _ => problem,
        })?;
        let since = SyncState::read(&self.state, folder.number)?;
        let mailbox = state.mailbox(folder.mailbox).cloned().ok_or_else(Problem::no_mailbox)?;
        let mut events: Vec<(Change, Event)> = Vec::new();
        for item in state.items_in(folder.number).filter(|item| item.change() > since.change) {
            let event = match () {
                () if item.created_change > since.change => Event::Create(item.clone()),
                () if item.content_change > since.change => Event::Update(item.clone()),
                () => Event::ReadFlagChange(item.clone()),
            };
            if self.with_associated || !item.has(flags::ASSOCIATED) {
                events.push((item.change(), event));
            }
        }
        for grave in state.tombstones(folder.mailbox) {
            if let Some(item) = grave.item.filter(|_| grave.folder == folder.number)
                && grave.change > since.change
                && grave.born <= since.change
            {
                events.push((grave.change, Event::Delete(item)));
            }
        }
        events.sort_by_key(|(change, _)| *change);
        let last = events.len() <= self.max;
        events.truncate(self.max);
        let reached = if last { state.change() } else { events.last().map_or(since.change, |(change, _)| *change) };
        let next = SyncState { folder: folder.number, change: reached };
        let wanted = |event: &Event| !self.ignore.contains(&ids::item_id(&mailbox.guid, event.item()));
        let events = events.into_iter().map(|(_, event)| event).filter(wanted).collect();
        Ok(Found { mailbox, events, next, last })
    }

    async fn write_all(&self, session: &Session<'_>, found: &Found) -> Result<Xml, Problem> {
        let shape = self.shape.as_ref().map_err(Clone::clone)?;
        let mailbox = &found.mailbox;
        let mut xml = Xml::default();
        for event in &found.events {
            match event {
                Event::Create(item) | Event::Update(item) => {
                    let name = if matches!(event, Event::Create(_)) { "t:Create" } else { "t:Update" };
                    let one = session::Found {
                        item: item.clone(),
                        root: item.number,
                        way: Vec::new(),
                        mailbox: mailbox.clone(),
                    };
                    xml.open(name);
                    get_item::write(&mut xml, session, &one, shape).await?;
                    xml.close(name);
                }
                Event::ReadFlagChange(item) => {
                    xml.open("t:ReadFlagChange");
                    render::item_id(&mut xml, &ids::item_id(&mailbox.guid, item.number), &mailbox.guid, item);
                    xml.plain("t:IsRead", item.has(flags::READ));
                    xml.close("t:ReadFlagChange");
                }
                Event::Delete(item) => {
                    xml.open("t:Delete");
                    xml.empty("t:ItemId", &[("Id", &ids::item_id(&mailbox.guid, *item))]);
                    xml.close("t:Delete");
                }
            }
        }
        Ok(xml)
    }
}

impl Event {
    fn item(&self) -> ItemNo {
        match self {
            Self::Create(item) | Self::Update(item) | Self::ReadFlagChange(item) => item.number,
            Self::Delete(item) => *item,
        }
    }
}
