//! `DeleteAttachment` (MS-OXWSATT 3.1.4.2)

use roxmltree::Node;

use super::{Context, ItemRef, Operation, item_refs};
use crate::sandbox::ews::SoapAnswer;
use crate::sandbox::ews::answer::Answer;
use crate::sandbox::ews::problem::{Fault, Problem};
use crate::sandbox::ews::render;
use crate::sandbox::ews::session::Session;
use crate::sandbox::store::ids;
use crate::sandbox::store::tx::Tx;

pub struct DeleteAttachment {
    attachments: Vec<ItemRef>,
}

impl Operation for DeleteAttachment {
    const WRITES: bool = true;

    fn read(node: Node<'_, '_>, _: Context<'_>) -> Result<Self, Fault> {
        Ok(Self { attachments: item_refs(node, "AttachmentIds") })
    }

    fn parts(&self) -> usize {
        self.attachments.len()
    }

    async fn execute(self, session: &Session<'_>, name: &'static str) -> Result<SoapAnswer, Fault> {
        let mut answer = Answer::new(name);
        for reference in &self.attachments {
            let deleted = delete(session, &reference.id).await;
            answer.outcome(deleted, |xml, (id, change_key)| {
                xml.empty("m:RootItemId", &[("RootItemId", &id), ("RootItemChangeKey", &change_key)]);
            });
        }
        Ok(answer.finish())
    }
}

/// Id and change key of the item that had it.
async fn delete(session: &Session<'_>, id: &str) -> Result<(String, String), Problem> {
    let store = &session.service.store;
    let found = store.read(|state| session.attachment(state, id))?;
    let parent = found.parent.in_folder()?;
    let (item, attachment) = (parent.item.number, found.attachment.number);
    let person = session.person.display_name.clone();
    let job = move |tx: &mut Tx<'_>| {
        let item = tx.item(item).ok_or_else(Problem::item_not_found)?;
        if !item.attachments.iter().any(|known| known.number == attachment) {
            return Err(Problem::item_not_found());
        }
        let mut item = item.as_ref().clone();
        item.modified_by = person;
        Ok(tx.remove_attachment(&item, attachment))
    };
    let item = store.write(job).await??;
    let guid = &parent.mailbox.guid;
    Ok((ids::item_id(guid, item.number), render::change_key(guid, &item)))
}
