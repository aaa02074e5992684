//! `FindFolder` (MS-OXWSFOLD 3.1.4.5): the folders inside a folder.

use super::client::{Mailbox, the_one};
use super::error::EwsError;
use super::find_item::Restriction;
use super::find_item::write_page;
use super::get_folder::Folder;
use super::ids::FolderId;
use super::property::PropertyPath;
use super::property::names;
use super::soap::item::read_page;
use super::soap::read::{Element, Ns, Reader};
use super::transport::Expect;

/// What to look for.
#[derive(Debug, Clone)]
pub struct FindFolder {
    /// At least one.
    pub parents: Vec<FolderId>,
    pub traversal: FolderTraversal,
    /// `None` finds every folder.
    pub restriction: Option<Restriction>,
    pub max_entries: u32,
    pub offset: u32,
}

impl FindFolder {
    /// The folders directly inside this one.
    #[must_use]
    pub fn new(parent: FolderId) -> Self {
        Self {
            parents: vec![parent],
            traversal: FolderTraversal::Shallow,
            restriction: None,
            max_entries: 1000,
            offset: 0,
        }
    }
}

names! {
    /// `t:FolderQueryTraversalType`
    FolderTraversal {
        Shallow = "Shallow",
        Deep = "Deep",
        SoftDeleted = "SoftDeleted",
    }
}

/// A page of what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundFolders {
    pub folders: Vec<Folder>,
    pub total: Option<u32>,
    pub includes_last: bool,
    pub next_offset: Option<u32>,
}

impl Mailbox {
    /// What is in the first of the parents.
    pub async fn find_folder(&self, find: &FindFolder) -> Result<FoundFolders, EwsError> {
        the_one(self.find_folders(find).await?)
    }

    /// One result for each parent, in their order.
    pub async fn find_folders(&self, find: &FindFolder) -> Result<Vec<Result<FoundFolders, EwsError>>, EwsError> {
        let mut request = self.envelope();
        request.start("m:FindFolder").attribute("Traversal", find.traversal.as_str());
        request.start("m:FolderShape").element("t:BaseShape", "Default");
        PropertyPath::write_additional(&Folder::BESIDE_THE_DEFAULT, &mut request);
        request.end();
        write_page("m:IndexedPageFolderView", find.max_entries, find.offset, &mut request);
        Restriction::write_whole(find.restriction.as_ref(), &mut request);
        request.start("m:ParentFolderIds");
        for parent in &find.parents {
            parent.write(&mut request);
        }
        request.end().end();
        let payload = |reader: &mut Reader<'_>, element: &Element<'_>, found: &mut Option<FoundFolders>| {
            if element.name() == (Ns::Messages, "RootFolder") {
                let (total, includes_last, next_offset) = read_page(element)?;
                let mut folders = Vec::new();
                reader.children(|reader, element| {
                    if element.name() == (Ns::Types, "Folders") {
                        folders = Folder::read_list(reader)?;
                    }
                    Ok(())
                })?;
                *found = Some(FoundFolders { folders, total, includes_last, next_offset });
            }
            Ok(())
        };
        self.call("FindFolder", request, find.parents.len(), Expect::Text, || None, payload).await
    }
}
