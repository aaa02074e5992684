//! `SyncFolderHierarchy` (MS-OXWSSYNC 3.1.4.1)

use std::collections::HashSet;
use std::sync::Arc;

use roxmltree::Node;

use super::sync_folder_items::SyncState;
use super::{Context, Operation, child};
use crate::sandbox::ews::SoapAnswer;
use crate::sandbox::ews::answer::Answer;
use crate::sandbox::ews::folders::{self, FolderShape};
use crate::sandbox::ews::problem::{Fault, Problem};
use crate::sandbox::ews::session::{FolderRef, Session};
use crate::sandbox::ews::settings::text;
use crate::sandbox::store::ids;
use crate::sandbox::store::model::{Folder, FolderNo};
use crate::sandbox::store::state::State;

pub struct SyncFolderHierarchy {
    shape: Result<FolderShape, Problem>,
    /// None: the whole tree that users see.
    folder: FolderRef,
    state: String,
}

/// What changed below the folder: folders made, folders changed, folders gone.
struct Changes {
    created: Vec<Arc<Folder>>,
    updated: Vec<Arc<Folder>>,
    deleted: Vec<FolderNo>,
    guid: String,
    next: SyncState,
}

impl Operation for SyncFolderHierarchy {
    const WRITES: bool = false;

    fn read(node: Node<'_, '_>, context: Context<'_>) -> Result<Self, Fault> {
        let shape = child(node, "FolderShape").map(|shape| FolderShape::read(shape, context.version));
        let top = || FolderRef::Distinguished("msgfolderroot".to_owned(), None);
        Ok(Self {
            shape: shape.unwrap_or_else(|| Ok(FolderShape::default())),
            folder: folders::one_reference(node, "SyncFolderId").unwrap_or_else(top),
            state: child(node, "SyncState").map(text).unwrap_or_default(),
        })
    }

    fn parts(&self) -> usize {
        1
    }

    fn folders(&self) -> Vec<FolderRef> {
        vec![self.folder.clone()]
    }

    async fn execute(self, session: &Session<'_>, name: &'static str) -> Result<SoapAnswer, Fault> {
        let mut answer = Answer::new(name);
        session.service.store.read(|state| {
            let found = self
                .shape
                .as_ref()
                .map_err(Clone::clone)
                .and_then(|shape| self.changes(session, state).map(|changes| (shape, changes)));
            answer.outcome(found, |xml, (shape, changes)| {
                xml.text("m:SyncState", &changes.next.write());
                xml.plain("m:IncludesLastFolderInRange", true);
                xml.open("m:Changes");
                for (name, list) in [("t:Create", &changes.created), ("t:Update", &changes.updated)] {
                    for folder in list {
                        xml.open(name);
                        folders::write(xml, state, folder, shape, session.version);
                        xml.close(name);
                    }
                }
                for folder in &changes.deleted {
                    xml.open("t:Delete");
                    xml.empty("t:FolderId", &[("Id", &ids::folder_id(&changes.guid, *folder))]);
                    xml.close("t:Delete");
                }
                xml.close("m:Changes");
            });
        });
        Ok(answer.finish())
    }
}

impl SyncFolderHierarchy {
    fn changes(&self, session: &Session<'_>, state: &State) -> Result<Changes, Problem> {
        let top = session.folder(state, &self.folder).map_err(|problem| match problem.code.as_ref() {
            "ErrorFolderNotFound" => {
                Problem::new("ErrorSyncFolderNotFound", "The folder to be synchronized could not be found.")
            }
            _ => problem,
        })?;
        let since = SyncState::read(&self.state, top.number)?.change;
        // Folders come in the order of their numbers, each after the one it is in unless it was moved.
        let mut below: HashSet<FolderNo> = HashSet::from([top.number]);
        let all = state.folders_of(top.mailbox);
        let mut size = 0;
        while size != below.len() {
            size = below.len();
            below.extend(
                all.iter()
                    .filter(|f| f.parent.is_some_and(|p| below.contains(&p)))
                    .map(|f| f.number)
                    .collect::<Vec<_>>(),
            );
        }
        let changed =
            all.into_iter().filter(|f| below.contains(&f.number) && f.number != top.number && f.change > since);
        let (created, updated) = changed.partition(|folder| folder.created_change > since);
        let graves = state.tombstones(top.mailbox).iter();
        let gone = graves.filter(|grave| grave.item.is_none() && grave.change > since && grave.born <= since);
        Ok(Changes {
            created,
            updated,
            deleted: gone.map(|grave| grave.folder).collect(),
            guid: state.mailbox(top.mailbox).map(|mailbox| mailbox.guid.clone()).unwrap_or_default(),
            next: SyncState { folder: top.number, change: state.change() },
        })
    }
}
