//! `DeleteFolder` (MS-OXWSFOLD 3.1.4.4)

use roxmltree::Node;

use super::delete_item::DeleteType;
use super::{Context, Operation, child};
use crate::sandbox::ews::SoapAnswer;
use crate::sandbox::ews::answer::Answer;
use crate::sandbox::ews::folders;
use crate::sandbox::ews::problem::{Fault, Problem};
use crate::sandbox::ews::session::{FolderRef, Session};
use crate::sandbox::store::model::Folder;
use crate::sandbox::store::tx::Tx;

pub struct DeleteFolder {
    how: DeleteType,
    folders: Vec<FolderRef>,
}

impl Operation for DeleteFolder {
    const WRITES: bool = true;

    fn read(node: Node<'_, '_>, _: Context<'_>) -> Result<Self, Fault> {
        let folders = child(node, "FolderIds").map(folders::references).unwrap_or_default();
        Ok(Self { how: DeleteType::read(node), folders })
    }

    fn parts(&self) -> usize {
        self.folders.len()
    }

    fn folders(&self) -> Vec<FolderRef> {
        self.folders.clone()
    }

    async fn execute(self, session: &Session<'_>, name: &'static str) -> Result<SoapAnswer, Fault> {
        let store = &session.service.store;
        let how = self.how;
        let mut answer = Answer::new(name);
        for reference in &self.folders {
            let done = match store.read(|state| session.folder(state, reference)) {
                Ok(folder) => store.write(move |tx| delete(tx, &folder, how)).await?,
                Err(problem) => Err(problem),
            };
            answer.outcome(done, |_, ()| {});
        }
        Ok(answer.finish())
    }
}

fn delete(tx: &mut Tx<'_>, folder: &Folder, how: DeleteType) -> Result<(), Problem> {
    let folder = tx.folder(folder.number).ok_or_else(Problem::folder_not_found)?;
    if folder.distinguished.is_some() {
        return Err(Problem::new("ErrorDeleteDistinguishedFolder", "Distinguished folders cannot be deleted."));
    }
    match how {
        DeleteType::MoveToDeletedItems => {
            let bin = tx.distinguished(folder.mailbox, "deleteditems").ok_or_else(Problem::folder_not_found)?;
            tx.put_folder(Folder { parent: Some(bin.number), ..folder.as_ref().clone() });
        }
        DeleteType::SoftDelete => {
            keep_items(tx, &folder)?;
            tx.remove_folder(&folder);
        }
        DeleteType::HardDelete => tx.remove_folder(&folder),
    }
    Ok(())
}

/// Puts what is in a folder, and in those below, where it can be recovered from.
pub fn keep_items(tx: &mut Tx<'_>, folder: &Folder) -> Result<(), Problem> {
    let dumpster =
        tx.distinguished(folder.mailbox, "recoverableitemsdeletions").ok_or_else(Problem::folder_not_found)?;
    for item in tx.items_in(folder.number) {
        tx.soft_delete(&item, &dumpster);
    }
    for child in tx.children(folder.number) {
        keep_items(tx, &child)?;
    }
    Ok(())
}
