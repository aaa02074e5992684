//! `EmptyFolder` (MS-OXWSFOLD 3.1.4.5)

use roxmltree::Node;

use super::delete_folder::keep_items;
use super::delete_item::DeleteType;
use super::{Context, Operation, child, yes};
use crate::sandbox::ews::SoapAnswer;
use crate::sandbox::ews::answer::Answer;
use crate::sandbox::ews::folders;
use crate::sandbox::ews::problem::{Fault, Problem};
use crate::sandbox::ews::session::{FolderRef, Session};
use crate::sandbox::store::model::Folder;
use crate::sandbox::store::tx::Tx;

pub struct EmptyFolder {
    how: DeleteType,
    with_subfolders: bool,
    folders: Vec<FolderRef>,
}

impl Operation for EmptyFolder {
    const WRITES: bool = true;

    fn read(node: Node<'_, '_>, _: Context<'_>) -> Result<Self, Fault> {
        let folders = child(node, "FolderIds").map(folders::references).unwrap_or_default();
        Ok(Self { how: DeleteType::read(node), with_subfolders: yes(node, "DeleteSubFolders"), folders })
    }

    fn parts(&self) -> usize {
        self.folders.len()
    }

    fn folders(&self) -> Vec<FolderRef> {
        self.folders.clone()
    }

    async fn execute(self, session: &Session<'_>, name: &'static str) -> Result<SoapAnswer, Fault> {
        let store = &session.service.store;
        let (how, with_subfolders) = (self.how, self.with_subfolders);
        let mut answer = Answer::new(name);
        for reference in &self.folders {
            let done = match store.read(|state| session.folder(state, reference)) {
                Ok(folder) => store.write(move |tx| empty(tx, &folder, how, with_subfolders)).await?,
                Err(problem) => Err(problem),
            };
            answer.outcome(done, |_, ()| {});
        }
        Ok(answer.finish())
    }
}

fn empty(tx: &mut Tx<'_>, folder: &Folder, how: DeleteType, with_subfolders: bool) -> Result<(), Problem> {
    if matches!(folder.distinguished.as_deref(), Some("root" | "msgfolderroot")) {
        return Err(Problem::new("ErrorCannotEmptyFolder", "The folder cannot be emptied."));
    }
    let place = |tx: &Tx<'_>, name| tx.distinguished(folder.mailbox, name).ok_or_else(Problem::folder_not_found);
    let (bin, dumpster) = (place(tx, "deleteditems")?, place(tx, "recoverableitemsdeletions")?);
    for item in tx.items_in(folder.number) {
        match how {
            DeleteType::HardDelete => tx.remove(&item),
            DeleteType::SoftDelete => drop(tx.soft_delete(&item, &dumpster)),
            DeleteType::MoveToDeletedItems => drop(tx.move_item(&item, &bin)),
        }
    }
    if with_subfolders {
        for child in tx.children(folder.number).into_iter().filter(|child| child.distinguished.is_none()) {
            if how != DeleteType::HardDelete {
                keep_items(tx, &child)?;
            }
            tx.remove_folder(&child);
        }
    }
    Ok(())
}
