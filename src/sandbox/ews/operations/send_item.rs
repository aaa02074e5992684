//! `SendItem` (MS-OXWSCORE 3.1.4.8)

use roxmltree::Node;

use super::create_item::send_stored;
use super::{Context, ItemRef, Operation, item_refs, yes};
use crate::sandbox::ews::SoapAnswer;
use crate::sandbox::ews::answer::Answer;
use crate::sandbox::ews::folders;
use crate::sandbox::ews::problem::{Fault, Problem};
use crate::sandbox::ews::render;
use crate::sandbox::ews::session::{FolderRef, Session};
use crate::sandbox::store::ids;

pub struct SendItem {
    save: bool,
    folder: Option<FolderRef>,
    items: Vec<ItemRef>,
}

impl Operation for SendItem {
    const WRITES: bool = true;

    fn read(node: Node<'_, '_>, _: Context<'_>) -> Result<Self, Fault> {
        let folder = folders::one_reference(node, "SavedItemFolderId");
        Ok(Self { save: yes(node, "SaveItemToFolder"), folder, items: item_refs(node, "ItemIds") })
    }

    fn parts(&self) -> usize {
        self.items.len()
    }

    fn folders(&self) -> Vec<FolderRef> {
        self.folder.iter().cloned().collect()
    }

    async fn execute(self, session: &Session<'_>, name: &'static str) -> Result<SoapAnswer, Fault> {
        let mut answer = Answer::new(name);
        for reference in &self.items {
            let sent = self.send(session, reference).await;
            answer.outcome(sent, |_, ()| {});
        }
        Ok(answer.finish())
    }
}

impl SendItem {
    async fn send(&self, session: &Session<'_>, reference: &ItemRef) -> Result<(), Problem> {
        let store = &session.service.store;
        let found = store.read(|state| session.item(state, &reference.id))?.in_folder()?;
        let expected = match &reference.change_key {
            None => {
                return Err(Problem::new("ErrorChangeKeyRequired", "Change key is required for this operation."));
            }
            Some(key) => ids::parse_change_key(key)
                .ok_or_else(|| Problem::new("ErrorInvalidChangeKey", "The change key is invalid."))?,
        };
        if found.item.change() != expected {
            return Err(Problem::new(
                "ErrorStaleObject",
                "The change key passed in the request does not match the current change key for the item.",
            ));
        }
        if render::element(&found.item.class) != "t:Message" {
            return Err(Problem::new("ErrorInvalidItemForOperationSendItem", "Only messages can be sent."));
        }
        if !self.save && self.folder.is_some() {
            return Err(Problem::new(
                "ErrorInvalidSendItemSaveSettings",
                "A folder to save to can be given only when the item is to be saved.",
            ));
        }
        let keep_in = if self.save {
            let sent = FolderRef::Distinguished("sentitems".into(), None);
            let reference = self.folder.as_ref().unwrap_or(&sent);
            Some(store.read(|state| session.folder(state, reference))?)
        } else {
            None
        };
        send_stored(session, &found.item, keep_in, Some(expected)).await
    }
}
