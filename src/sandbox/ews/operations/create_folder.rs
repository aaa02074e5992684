//! `CreateFolder` (MS-OXWSFOLD 3.1.4.2)

use roxmltree::Node;

use super::{Context, Operation, list};
use crate::sandbox::ews::SoapAnswer;
use crate::sandbox::ews::answer::Answer;
use crate::sandbox::ews::folders;
use crate::sandbox::ews::problem::{Fault, Problem};
use crate::sandbox::ews::session::{FolderRef, Session};
use crate::sandbox::ews::settings::{children, text};
use crate::sandbox::store::tx::Tx;

pub struct CreateFolder {
    parent: Option<FolderRef>,
    /// Names and classes.
    folders: Vec<(String, String)>,
}

impl Operation for CreateFolder {
    const WRITES: bool = true;

    fn read(node: Node<'_, '_>, _: Context<'_>) -> Result<Self, Fault> {
        let folder = |node: Node<'_, '_>| {
            let part = |name| children(node).find(|child| child.tag_name().name() == name).map(text);
            let usual = match node.tag_name().name() {
                "CalendarFolder" => "IPF.Appointment",
                "ContactsFolder" => "IPF.Contact",
                "TasksFolder" => "IPF.Task",
                _ => "IPF.Note",
            };
            (part("DisplayName").unwrap_or_default(), part("FolderClass").unwrap_or_else(|| usual.to_owned()))
        };
        let parent = folders::one_reference(node, "ParentFolderId");
        Ok(Self { parent, folders: list(node, "Folders").map(folder).collect() })
    }

    fn parts(&self) -> usize {
        self.folders.len()
    }

    fn folders(&self) -> Vec<FolderRef> {
        self.parent.iter().cloned().collect()
    }

    async fn execute(self, session: &Session<'_>, name: &'static str) -> Result<SoapAnswer, Fault> {
        let store = &session.service.store;
        let mut answer = Answer::new(name);
        for (display_name, class) in self.folders {
            let parent = store.read(|state| {
                let reference = self.parent.as_ref().ok_or_else(parent_not_found)?;
                session.folder(state, reference).map_err(|problem| match problem.code.as_ref() {
                    "ErrorFolderNotFound" => parent_not_found(),
                    _ => problem,
                })
            });
            let made = match parent {
                Err(problem) => Err(problem),
                Ok(_) if display_name.trim().is_empty() => {
                    Err(Problem::new("ErrorFolderSave", "A folder needs a display name."))
                }
                Ok(parent) => {
                    let job = move |tx: &mut Tx<'_>| {
                        let parent = tx.folder(parent.number).ok_or_else(parent_not_found)?;
                        if tx.children(parent.number).iter().any(|child| child.name.eq_ignore_ascii_case(&display_name))
                        {
                            return Err(Problem::new(
                                "ErrorFolderExists",
                                "A folder with the specified name already exists., Could not create folder.",
                            )
                            .with_value("FolderName", &display_name));
                        }
                        Ok(tx.new_folder(parent.mailbox, Some(parent.number), None, &display_name, &class))
                    };
                    store.write(job).await?
                }
            };
            answer.outcome(made, |xml, folder| {
                let guid = store.read(|state| state.mailbox(folder.mailbox).map(|mailbox| mailbox.guid.clone()));
                xml.open("m:Folders");
                folders::write_id_only(xml, &guid.unwrap_or_default(), &folder);
                xml.close("m:Folders");
            });
        }
        Ok(answer.finish())
    }
}

fn parent_not_found() -> Problem {
    Problem::new("ErrorParentFolderNotFound", "The parent folder could not be found.")
}
