//! `GetFolder` (MS-OXWSFOLD 3.1.4.6)

use roxmltree::Node;

use super::{Context, Operation, child};
use crate::sandbox::ews::SoapAnswer;
use crate::sandbox::ews::answer::Answer;
use crate::sandbox::ews::folders::{self, FolderShape};
use crate::sandbox::ews::problem::{Fault, Problem};
use crate::sandbox::ews::session::{FolderRef, Session};

pub struct GetFolder {
    shape: Result<FolderShape, Problem>,
    folders: Vec<FolderRef>,
}

impl Operation for GetFolder {
    const WRITES: bool = false;

    fn read(node: Node<'_, '_>, context: Context<'_>) -> Result<Self, Fault> {
        let shape = child(node, "FolderShape").map(|shape| FolderShape::read(shape, context.version));
        let folders = child(node, "FolderIds").map(folders::references);
        Ok(Self { shape: shape.unwrap_or_else(|| Ok(FolderShape::default())), folders: folders.unwrap_or_default() })
    }

    fn parts(&self) -> usize {
        self.folders.len()
    }

    fn folders(&self) -> Vec<FolderRef> {
        self.folders.clone()
    }

    async fn execute(self, session: &Session<'_>, name: &'static str) -> Result<SoapAnswer, Fault> {
        let mut answer = Answer::new(name);
        session.service.store.read(|state| {
            for reference in &self.folders {
                let found = self
                    .shape
                    .as_ref()
                    .map_err(Clone::clone)
                    .and_then(|shape| session.folder(state, reference).map(|folder| (shape, folder)));
                answer.outcome(found, |xml, (shape, folder)| {
                    xml.open("m:Folders");
                    folders::write(xml, state, &folder, shape, session.version);
                    xml.close("m:Folders");
                });
            }
        });
        Ok(answer.finish())
    }
}
