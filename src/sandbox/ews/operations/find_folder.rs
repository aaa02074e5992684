//! `FindFolder` (MS-OXWSSRCH 3.1.4.1)

use std::sync::Arc;

use roxmltree::Node;

use super::{Context, Operation, child};
use crate::sandbox::ews::SoapAnswer;
use crate::sandbox::ews::answer::Answer;
use crate::sandbox::ews::folders::{self, FolderShape};
use crate::sandbox::ews::problem::{Fault, Problem};
use crate::sandbox::ews::restriction::Restriction;
use crate::sandbox::ews::session::{FolderRef, Session};
use crate::sandbox::ews::view::Page;
use crate::sandbox::store::model::{Folder, FolderNo};
use crate::sandbox::store::state::State;

pub struct FindFolder {
    search: Result<Search, Problem>,
    parents: Vec<FolderRef>,
}

struct Search {
    shape: FolderShape,
    traversal: Traversal,
    page: Page,
    restriction: Option<Restriction>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Traversal {
    Shallow,
    Deep,
    SoftDeleted,
}

impl Search {
    fn read(node: Node<'_, '_>, context: Context<'_>) -> Result<Self, Problem> {
        let shape = child(node, "FolderShape").map(|shape| FolderShape::read(shape, context.version));
        let traversal = match node.attribute("Traversal") {
            Some("Deep") => Traversal::Deep,
            Some("SoftDeleted") => Traversal::SoftDeleted,
            _ => Traversal::Shallow,
        };
        Ok(Self {
            shape: shape.transpose()?.unwrap_or_default(),
            traversal,
            page: Page::read(node)?,
            restriction: child(node, "Restriction").map(Restriction::read).transpose()?,
        })
    }

    fn found(&self, state: &State, parent: &Folder) -> Vec<Arc<Folder>> {
        let mut found = Vec::new();
        match self.traversal {
            Traversal::Shallow => found.extend(state.children(parent.number).cloned()),
            Traversal::Deep => below(state, parent.number, &mut found),
            // Deleted folders are not kept: their items are, in Recoverable Items.
            Traversal::SoftDeleted => {}
        }
        if let Some(restriction) = &self.restriction {
            found.retain(|folder| restriction.holds(&|path| folders::values(state, folder, path)));
        }
        found
    }
}

/// Everything below a folder, each parent before its children.
fn below(state: &State, parent: FolderNo, found: &mut Vec<Arc<Folder>>) {
    for folder in state.children(parent) {
        found.push(folder.clone());
        below(state, folder.number, found);
    }
}

impl Operation for FindFolder {
    const WRITES: bool = false;

    fn read(node: Node<'_, '_>, context: Context<'_>) -> Result<Self, Fault> {
        let parents = child(node, "ParentFolderIds").map(folders::references).unwrap_or_default();
        Ok(Self { search: Search::read(node, context), parents })
    }

    fn parts(&self) -> usize {
        self.parents.len()
    }

    fn folders(&self) -> Vec<FolderRef> {
        self.parents.clone()
    }

    async fn execute(self, session: &Session<'_>, name: &'static str) -> Result<SoapAnswer, Fault> {
        let mut answer = Answer::new(name);
        let limit = usize::try_from(session.service.limits.max_find).unwrap_or(usize::MAX);
        session.service.store.read(|state| {
            for reference in &self.parents {
                let found = self.search.as_ref().map_err(Clone::clone).and_then(|search| {
                    session.folder(state, reference).map(|parent| (search, search.found(state, &parent)))
                });
                answer.outcome(found, |xml, (search, found)| {
                    let part = search.page.of(found.len(), limit);
                    let attributes: Vec<_> =
                        part.attributes.iter().map(|(name, value)| (*name, value.as_str())).collect();
                    xml.open_with("m:RootFolder", &attributes);
                    xml.open("t:Folders");
                    for folder in &found[part.range.clone()] {
                        folders::write(xml, state, folder, &search.shape, session.version);
                    }
                    xml.close("t:Folders");
                    xml.close("m:RootFolder");
                });
            }
        });
        Ok(answer.finish())
    }
}
