//! `GetUserConfiguration` (MS-OXWSUSRCFG 3.1.4.3). No program has ever stored one here.

use roxmltree::Node;

use super::{Context, Operation};
use crate::sandbox::ews::SoapAnswer;
use crate::sandbox::ews::folders;
use crate::sandbox::ews::problem::{Fault, Problem};
use crate::sandbox::ews::session::{FolderRef, Session};

pub struct GetUserConfiguration {
    folder: Option<FolderRef>,
}

impl Operation for GetUserConfiguration {
    const WRITES: bool = false;

    fn read(node: Node<'_, '_>, _: Context<'_>) -> Result<Self, Fault> {
        Ok(Self { folder: folders::one_reference(node, "UserConfigurationName") })
    }

    fn parts(&self) -> usize {
        1
    }

    fn folders(&self) -> Vec<FolderRef> {
        self.folder.iter().cloned().collect()
    }

    async fn execute(self, session: &Session<'_>, name: &'static str) -> Result<SoapAnswer, Fault> {
        let found = session.service.store.read(|state| match &self.folder {
            Some(folder) => session.folder(state, folder).map(drop),
            None => Err(Problem::folder_not_found()),
        });
        let missing = Problem::new(
            "ErrorItemNotFound",
            "The specified object was not found in the store., The configuration object was not found.",
        );
        Ok(super::refuse_all(name, 1, &found.err().unwrap_or(missing)))
    }
}
