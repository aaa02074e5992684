//! `CreateItem` (MS-OXWSCORE 3.1.4.2)

use std::sync::Arc;

use futures_util::future::join_all;
use roxmltree::Node;

use super::sending::{self, Deliveries};
use super::{Context, Operation, list};
use crate::sandbox::ews::SoapAnswer;
use crate::sandbox::ews::answer::Answer;
use crate::sandbox::ews::folders;
use crate::sandbox::ews::problem::{Fault, Problem};
use crate::sandbox::ews::render;
use crate::sandbox::ews::session::{FolderRef, Session};
use crate::sandbox::ews::settings;
use crate::sandbox::ews::write::Xml;
use crate::sandbox::store::StoreError;
use crate::sandbox::store::draft::NewItem;
use crate::sandbox::store::ids;
use crate::sandbox::store::mime_out;
use crate::sandbox::store::model::{Folder, Item, Place, flags};
use crate::sandbox::store::tx::Tx;

/// What becomes of a message (`MessageDisposition`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    SaveOnly,
    SendOnly,
    SendAndSaveCopy,
}

impl Disposition {
    pub fn read(node: Node<'_, '_>) -> Option<Self> {
        match node.attribute("MessageDisposition")?.trim() {
            "SendOnly" => Some(Self::SendOnly),
            "SendAndSaveCopy" => Some(Self::SendAndSaveCopy),
            _ => Some(Self::SaveOnly),
        }
    }
}

pub fn disposition_required() -> Problem {
    Problem::new("ErrorMessageDispositionRequired", "Message Disposition is required for this operation.")
}

pub struct CreateItem {
    disposition: Option<Disposition>,
    folder: Option<FolderRef>,
    items: Vec<Result<NewItem, Problem>>,
}

impl Operation for CreateItem {
    const WRITES: bool = true;

    fn read(node: Node<'_, '_>, context: Context<'_>) -> Result<Self, Fault> {
        Ok(Self {
            disposition: Disposition::read(node),
            folder: folders::one_reference(node, "SavedItemFolderId"),
            items: list(node, "Items").map(|item| settings::new_item(item, context.reading)).collect(),
        })
    }

    fn parts(&self) -> usize {
        self.items.len()
    }

    fn folders(&self) -> Vec<FolderRef> {
        self.folder.iter().cloned().collect()
    }

    async fn execute(self, session: &Session<'_>, name: &'static str) -> Result<SoapAnswer, Fault> {
        let Self { disposition, folder, items } = self;
        let usual = match disposition {
            Some(Disposition::SendOnly | Disposition::SendAndSaveCopy) => "sentitems",
            _ => "drafts",
        };
        let reference = folder.unwrap_or_else(|| FolderRef::Distinguished(usual.to_owned(), None));
        let saved_in = session.service.store.read(|state| session.folder(state, &reference)).map_err(|problem| {
            match problem.code.as_ref() {
                "ErrorFolderNotFound" => Problem::new(
                    "ErrorSavedItemFolderNotFound",
                    "The folder specified for saving the item could not be found.",
                ),
                _ => problem,
            }
        });
        let made = items.into_iter().map(|item| {
            let saved_in = saved_in.clone();
            async move { create(session, item?, disposition, saved_in?).await }
        });
        let mut answer = Answer::new(name);
        for made in join_all(made).await {
            answer.outcome(made, |xml, made| {
                xml.open("m:Items");
                if let Some((guid, item)) = made {
                    let element = render::element(&item.class);
                    xml.open(element);
                    render::item_id(xml, &ids::item_id(&guid, item.number), &guid, &item);
                    write_attachment_ids(xml, &guid, &item);
                    xml.close(element);
                }
                xml.close("m:Items");
            });
        }
        Ok(answer.finish())
    }
}

/// Ids of the attachments that came with the item.
fn write_attachment_ids(xml: &mut Xml, guid: &str, item: &Item) {
    if item.attachments.is_empty() {
        return;
    }
    xml.open("t:Attachments");
    for attachment in &item.attachments {
        let element = render::attachment_element(attachment);
        xml.open(element);
        xml.empty("t:AttachmentId", &[("Id", &ids::attachment_id(guid, item.number, &[attachment.number]))]);
        xml.close(element);
    }
    xml.close("t:Attachments");
}

type Made = Option<(String, Arc<Item>)>;

async fn create(
    session: &Session<'_>,
    mut new: NewItem,
    disposition: Option<Disposition>,
    saved_in: Arc<Folder>,
) -> Result<Made, Problem> {
    let message = render::element(&new.item.class) == "t:Message";
    let disposition = match disposition {
        Some(disposition) => disposition,
        None if message => return Err(disposition_required()),
        None => Disposition::SaveOnly,
    };
    let store = &session.service.store;
    let mailbox = store.read(|state| state.mailbox(saved_in.mailbox).cloned()).ok_or_else(Problem::no_mailbox)?;
    session.may_grow(&mailbox)?;
    session.person.display_name.clone_into(&mut new.item.modified_by);
    if message && new.item.message_id.is_none() {
        new.item.message_id = Some(sending::new_message_id(&session.person));
    }
    let deliveries = match disposition {
        Disposition::SaveOnly => None,
        _ if !message => {
            return Err(Problem::new("ErrorInvalidItemForOperationSendItem", "Only messages can be sent."));
        }
        _ => {
            let now = new.item.created;
            sending::prepare(&mut new.item, session, now)?;
            new.complete();
            if new.headers.is_empty() {
                new.headers = mime_out::transport_headers(&new.item);
            }
            Some(Deliveries::to(&new.item, &session.service.directory)?)
        }
    };
    new.complete();
    let job = move |tx: &mut Tx<'_>| -> Result<Made, Problem> {
        let Some(deliveries) = deliveries else {
            let item = tx.insert(new, saved_in.mailbox, Place::Folder(saved_in.number));
            return Ok(Some((mailbox.guid.clone(), item)));
        };
        if disposition == Disposition::SendAndSaveCopy {
            let item = tx.insert(new, saved_in.mailbox, Place::Folder(saved_in.number));
            deliveries.deliver(tx, &item);
        } else if let Some(inbox) = deliveries.first(tx) {
            let now = tx.now();
            deliveries.as_first(&mut new.item, now);
            let item = tx.insert(new, inbox.mailbox, Place::Folder(inbox.number));
            deliveries.rest().deliver(tx, &item);
        }
        Ok(None)
    };
    store.write(job).await?
}

/// Sends a stored draft: it is gone from where it was, and a copy may be kept.
pub async fn send_stored(
    session: &Session<'_>,
    item: &Item,
    keep_in: Option<Arc<Folder>>,
    expected: Option<i64>,
) -> Result<(), Problem> {
    let number = item.number;
    let mut sent = item.clone();
    sending::prepare(&mut sent, session, jiff::Timestamp::now().as_millisecond())?;
    let deliveries = Deliveries::to(&sent, &session.service.directory)?;
    let headers = mime_out::transport_headers(&sent);
    let job = move |tx: &mut Tx<'_>| {
        let item = tx.item(number).ok_or_else(Problem::item_not_found)?;
        if expected.is_some_and(|expected| item.change() != expected) {
            return Err(Problem::conflict());
        }
        let mut ready = item.as_ref().clone();
        (ready.from, ready.sender) = (sent.from, sent.sender);
        (ready.sent, ready.received) = (sent.sent, sent.received);
        ready.set(flags::UNSENT, false);
        ready.set(flags::READ | flags::FROM_ME, true);
        tx.set_headers(&mut ready, headers);
        let ready = tx.changed(ready);
        deliveries.deliver(tx, &ready);
        match keep_in {
            Some(folder) => drop(tx.move_item(&ready, &folder)),
            None => tx.remove(&ready),
        }
        Ok::<_, Problem>(())
    };
    session.service.store.write(job).await.map_err(|error: StoreError| Problem::internal(&error))?
}
