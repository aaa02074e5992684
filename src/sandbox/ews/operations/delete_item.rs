//! `DeleteItem` (MS-OXWSCORE 3.1.4.3)

use futures_util::future::join_all;
use roxmltree::Node;

use super::{Context, ItemRef, Operation, item_refs};
use crate::sandbox::ews::SoapAnswer;
use crate::sandbox::ews::answer::Answer;
use crate::sandbox::ews::problem::{Fault, Problem};
use crate::sandbox::ews::session::Session;
use crate::sandbox::store::tx::Tx;

/// Where what is deleted goes (`DisposalType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeleteType {
    HardDelete,
    /// To Recoverable Items.
    SoftDelete,
    MoveToDeletedItems,
}

impl DeleteType {
    pub fn read(node: Node<'_, '_>) -> Self {
        match node.attribute("DeleteType").map(str::trim) {
            Some("SoftDelete") => Self::SoftDelete,
            Some("MoveToDeletedItems") => Self::MoveToDeletedItems,
            _ => Self::HardDelete,
        }
    }
}

pub struct DeleteItem {
    how: DeleteType,
    items: Vec<ItemRef>,
}

impl Operation for DeleteItem {
    const WRITES: bool = true;

    fn read(node: Node<'_, '_>, _: Context<'_>) -> Result<Self, Fault> {
        Ok(Self { how: DeleteType::read(node), items: item_refs(node, "ItemIds") })
    }

    fn parts(&self) -> usize {
        self.items.len()
    }

    async fn execute(self, session: &Session<'_>, name: &'static str) -> Result<SoapAnswer, Fault> {
        let deleted = self.items.iter().map(|item| delete(session, item, self.how));
        let mut answer = Answer::new(name);
        for deleted in join_all(deleted).await {
            answer.outcome(deleted, |_, ()| {});
        }
        Ok(answer.finish())
    }
}

async fn delete(session: &Session<'_>, reference: &ItemRef, how: DeleteType) -> Result<(), Problem> {
    let store = &session.service.store;
    let found = store.read(|state| session.item(state, &reference.id))?.in_folder()?;
    let number = found.item.number;
    let job = move |tx: &mut Tx<'_>| {
        let item = tx.item(number).ok_or_else(Problem::item_not_found)?;
        let place = |tx: &Tx<'_>, name| tx.distinguished(item.mailbox, name).ok_or_else(Problem::folder_not_found);
        let (bin, dumpster) = (place(tx, "deleteditems")?, place(tx, "recoverableitemsdeletions")?);
        match how {
            // What is in the bin already goes on to where it can be recovered from.
            DeleteType::MoveToDeletedItems if item.folder() != Some(bin.number) => drop(tx.move_item(&item, &bin)),
            DeleteType::HardDelete => tx.remove(&item),
            DeleteType::SoftDelete | DeleteType::MoveToDeletedItems => {
                if item.folder() != Some(dumpster.number) {
                    tx.soft_delete(&item, &dumpster);
                }
            }
        }
        Ok(())
    };
    store.write(job).await?
}
