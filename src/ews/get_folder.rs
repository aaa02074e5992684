//! `GetFolder` (MS-OXWSFOLD 3.1.4.6): also the cheapest way to see whether a mailbox can be worked on.

use super::client::Mailbox;
use super::error::EwsError;
use super::error::Malformed;
use super::ids::FolderId;
use super::property::{FieldUri, PropertyPath};
use super::soap::read::{Ns, Reader};

/// A folder as the server shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Always the [`FolderId::Id`] form.
    pub id: FolderId,
    pub parent_folder_id: Option<FolderId>,
    pub folder_class: Option<String>,
    /// In the language of the mailbox.
    pub display_name: Option<String>,
    pub total_count: Option<u32>,
    pub child_folder_count: Option<u32>,
    pub unread_count: Option<u32>,
}

impl Folder {
    /// What the default shape of a folder does not have.
    pub(super) const BESIDE_THE_DEFAULT: [PropertyPath; 2] =
        [PropertyPath::Field(FieldUri::FolderClass), PropertyPath::Field(FieldUri::FolderParentFolderId)];

    /// The folders inside an element, of whatever kind they are.
    pub(super) fn read_list(reader: &mut Reader<'_>) -> Result<Vec<Self>, Malformed> {
        let mut folders = Vec::new();
        reader.children(|reader, _| {
            folders.push(Self::read(reader)?);
            Ok(())
        })?;
        Ok(folders)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut id = None;
        let mut folder = Self {
            id: FolderId::Id { id: String::new(), change_key: None },
            parent_folder_id: None,
            folder_class: None,
            display_name: None,
            total_count: None,
            child_folder_count: None,
            unread_count: None,
        };
        reader.children(|reader, element| {
            match element.name() {
                (Ns::Types, "FolderId") => id = Some(FolderId::read(element)?),
                (Ns::Types, "ParentFolderId") => folder.parent_folder_id = Some(FolderId::read(element)?),
                (Ns::Types, "FolderClass") => folder.folder_class = Some(reader.text()?),
                (Ns::Types, "DisplayName") => folder.display_name = Some(reader.text()?),
                (Ns::Types, "TotalCount") => folder.total_count = Some(reader.parsed("TotalCount")?),
                (Ns::Types, "ChildFolderCount") => {
                    folder.child_folder_count = Some(reader.parsed("ChildFolderCount")?);
                }
                (Ns::Types, "UnreadCount") => folder.unread_count = Some(reader.parsed("UnreadCount")?),
                _ => {}
            }
            Ok(())
        })?;
        folder.id = id.ok_or(Malformed::Lacks("the FolderId of a folder"))?;
        Ok(folder)
    }
}

impl Mailbox {
    pub async fn get_folder(&self, id: &FolderId) -> Result<Folder, EwsError> {
        let mut request = self.envelope();
        request.start("m:GetFolder").start("m:FolderShape").element("t:BaseShape", "Default");
        PropertyPath::write_additional(&Folder::BESIDE_THE_DEFAULT, &mut request);
        request.end().start("m:FolderIds");
        id.write(&mut request);
        request.end().end();
        self.call_for_one("GetFolder", request, |reader, element, folder| {
            if element.name() == (Ns::Messages, "Folders") {
                *folder = Folder::read_list(reader)?.into_iter().next();
            }
            Ok(())
        })
        .await
    }
}
