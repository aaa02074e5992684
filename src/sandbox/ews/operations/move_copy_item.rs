//! `MoveItem` and `CopyItem` (MS-OXWSCORE 3.1.4.7, 3.1.4.1)

use std::sync::Arc;

use futures_util::future::join_all;
use roxmltree::Node;

use super::{Context, ItemRef, Operation, child, item_refs};
use crate::sandbox::ews::SoapAnswer;
use crate::sandbox::ews::answer::Answer;
use crate::sandbox::ews::folders;
use crate::sandbox::ews::problem::{Fault, Problem};
use crate::sandbox::ews::render;
use crate::sandbox::ews::session::{FolderRef, Session};
use crate::sandbox::ews::settings::text;
use crate::sandbox::store::ids;
use crate::sandbox::store::model::{Folder, Item};
use crate::sandbox::store::tx::Tx;

/// What both are made of.
struct Transfer {
    to: Option<FolderRef>,
    items: Vec<ItemRef>,
    return_ids: bool,
}

impl Transfer {
    fn read(node: Node<'_, '_>) -> Self {
        let return_ids = child(node, "ReturnNewItemIds").map(text);
        Self {
            to: folders::one_reference(node, "ToFolderId"),
            items: item_refs(node, "ItemIds"),
            return_ids: return_ids.is_none_or(|text| matches!(text.trim(), "true" | "1")),
        }
    }

    async fn execute(&self, session: &Session<'_>, name: &'static str, copy: bool) -> SoapAnswer {
        let not_found = || Problem::new("ErrorToFolderNotFound", "The destination folder could not be found.");
        let to = session.service.store.read(|state| {
            let reference = self.to.as_ref().ok_or_else(not_found)?;
            session.folder(state, reference).map_err(|problem| match problem.code.as_ref() {
                "ErrorFolderNotFound" => not_found(),
                _ => problem,
            })
        });
        let done = self.items.iter().map(|item| {
            let to = to.clone();
            async move { transfer(session, item, to?, copy).await }
        });
        let mut answer = Answer::new(name);
        for done in join_all(done).await {
            answer.outcome(done, |xml, (guid, item, same_mailbox)| {
                xml.open("m:Items");
                // Exchange does not tell what something is called in another mailbox.
                if self.return_ids && same_mailbox {
                    let element = render::element(&item.class);
                    xml.open(element);
                    render::item_id(xml, &ids::item_id(&guid, item.number), &guid, &item);
                    xml.close(element);
                }
                xml.close("m:Items");
            });
        }
        answer.finish()
    }
}

async fn transfer(
    session: &Session<'_>,
    reference: &ItemRef,
    to: Arc<Folder>,
    copy: bool,
) -> Result<(String, Arc<Item>, bool), Problem> {
    let store = &session.service.store;
    let found = store.read(|state| session.item(state, &reference.id))?.in_folder()?;
    let target = store.read(|state| state.mailbox(to.mailbox).cloned()).ok_or_else(Problem::no_mailbox)?;
    let same_mailbox = found.item.mailbox == to.mailbox;
    if copy || !same_mailbox {
        session.may_grow(&target)?;
    }
    let number = found.item.number;
    let job = move |tx: &mut Tx<'_>| {
        let item = tx.item(number).ok_or_else(Problem::item_not_found)?;
        let to = tx.folder(to.number).ok_or_else(Problem::folder_not_found)?;
        Ok::<_, Problem>(if copy { tx.copy_item(&item, &to) } else { tx.move_item(&item, &to) })
    };
    let item = store.write(job).await??;
    Ok((target.guid.clone(), item, same_mailbox))
}

macro_rules! transfers {
    ($($name:ident copies $copy:literal,)+) => {$(
        pub struct $name(Transfer);

        impl Operation for $name {
            const WRITES: bool = true;

            fn read(node: Node<'_, '_>, _: Context<'_>) -> Result<Self, Fault> {
                Ok(Self(Transfer::read(node)))
            }

            fn parts(&self) -> usize {
                self.0.items.len()
            }

            fn folders(&self) -> Vec<FolderRef> {
                self.0.to.iter().cloned().collect()
            }

            async fn execute(self, session: &Session<'_>, name: &'static str) -> Result<SoapAnswer, Fault> {
                Ok(self.0.execute(session, name, $copy).await)
            }
        }
    )+};
}

transfers! {
    MoveItem copies false,
    CopyItem copies true,
}
