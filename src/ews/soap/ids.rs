//! The wire form of identifiers.

use super::read::{Element, Ns, Reader};
use super::write::Writer;
use crate::ews::error::Malformed;
use crate::ews::ids::{AttachmentId, FolderId, ItemId};

impl ItemId {
    pub fn write(&self, to: &mut Writer) {
        self.write_as("t:ItemId", to);
    }

    pub fn write_as(&self, element: &'static str, to: &mut Writer) {
        to.start(element).attribute("Id", &self.id);
        if let Some(change_key) = &self.change_key {
            to.attribute("ChangeKey", change_key);
        }
        to.end();
    }

    pub fn read(element: &Element<'_>) -> Result<Self, Malformed> {
        let id = element.attribute("Id")?.ok_or(Malformed::Lacks("the Id of an ItemId"))?;
        Ok(Self { id, change_key: element.attribute("ChangeKey")? })
    }

    /// The id of the first item in `m:Items`.
    pub fn read_in_items(reader: &mut Reader<'_>) -> Result<Option<Self>, Malformed> {
        let mut id = None;
        reader.children(|reader, _| {
            reader.children(|_, element| {
                if element.name() == (Ns::Types, "ItemId") && id.is_none() {
                    id = Some(Self::read(element)?);
                }
                Ok(())
            })
        })?;
        Ok(id)
    }

    /// `m:ItemIds`
    pub fn write_list(ids: &[Self], to: &mut Writer) {
        to.start("m:ItemIds");
        for id in ids {
            id.write(to);
        }
        to.end();
    }
}

impl FolderId {
    pub fn write(&self, to: &mut Writer) {
        match self {
            Self::Distinguished { name, mailbox } => {
                to.start("t:DistinguishedFolderId").attribute("Id", name.as_str());
                if let Some(mailbox) = mailbox {
                    to.start("t:Mailbox").element("t:EmailAddress", mailbox.as_str()).end();
                }
            }
            Self::Id { id, change_key } => {
                to.start("t:FolderId").attribute("Id", id);
                if let Some(change_key) = change_key {
                    to.attribute("ChangeKey", change_key);
                }
            }
        }
        to.end();
    }

    pub fn read(element: &Element<'_>) -> Result<Self, Malformed> {
        let id = element.attribute("Id")?.ok_or(Malformed::Lacks("the Id of a FolderId"))?;
        Ok(Self::Id { id, change_key: element.attribute("ChangeKey")? })
    }
}

impl AttachmentId {
    /// `m:AttachmentIds`
    pub fn write_list(ids: &[Self], to: &mut Writer) {
        to.start("m:AttachmentIds");
        for id in ids {
            to.start("t:AttachmentId").attribute("Id", &id.id).end();
        }
        to.end();
    }

    pub fn read(element: &Element<'_>) -> Result<Self, Malformed> {
        let id = element.attribute("Id")?.ok_or(Malformed::Lacks("the Id of an AttachmentId"))?;
        Ok(Self { id })
    }

    /// The item that an `AttachmentId` or a `RootItemId` belongs to, as it is after the operation.
    pub fn read_root(element: &Element<'_>) -> Result<Option<ItemId>, Malformed> {
        let id = element.attribute("RootItemId")?;
        let change_key = element.attribute("RootItemChangeKey")?;
        Ok(id.map(|id| ItemId { id, change_key }))
    }
}
