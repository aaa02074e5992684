//! Brings the organisation to life: its people into the directory, its mail into their mailboxes.

use super::super::directory::Directory;
use super::super::store::{ItemFilter, Store};
use super::{Organisation, OrganisationError, SampleMessage, Stored};

impl Organisation {
    /// Puts everybody into the directory, and gives the service account its right.
    pub fn populate(&self, directory: &Directory) -> Result<(), OrganisationError> {
        for person in &self.people {
            directory.add_person(person.clone())?;
        }
        for group in &self.groups {
            directory.add_group(group.clone())?;
        }
        directory.grant_impersonation(&self.service_account)?;
        Ok(())
    }

    /// Makes the mailboxes.
    pub async fn add_mailboxes(&self, store: &Store) -> Result<(), OrganisationError> {
        for person in self.people.iter().filter(|person| person.mailbox) {
            store.add_mailbox(&person.upn).await?;
        }
        Ok(())
    }

    /// Stores the copies of all messages that the client stored before the processed copy arrives. What is there
    /// already is left as it is. Returns how many were stored.
    pub async fn seed(&self, store: &Store) -> Result<usize, OrganisationError> {
        let mut stored = 0;
        for message in self.messages.iter().filter(|message| message.stored == Stored::Before) {
            if self.store_original(store, message).await?.is_some() {
                stored += 1;
            }
        }
        Ok(stored)
    }

    /// Stores the client's copy of a message, as the client would. Returns its `ItemId`, or none when it is in
    /// that folder already.
    pub async fn store_original(
        &self,
        store: &Store,
        message: &SampleMessage,
    ) -> Result<Option<String>, OrganisationError> {
        let mime = self.original(message)?;
        let upn = self.owner(message)?;
        let headers = mail_parser::MessageParser::new().parse_headers(mime.as_ref());
        if let Some(id) = headers.as_ref().and_then(mail_parser::Message::message_id) {
            let there = ItemFilter {
                folder: Some(message.folder.clone()),
                message_id: Some(format!("<{id}>")),
                without_content: true,
            };
            if !store.items(upn, &there).await?.is_empty() {
                return Ok(None);
            }
        }
        Ok(Some(store.deliver(upn, &message.folder, mime, message.delivery()).await?))
    }

    /// UPN of the mailbox that holds the client's copy.
    pub fn owner(&self, message: &SampleMessage) -> Result<&str, OrganisationError> {
        let owner = self.people.iter().find(|person| person.addresses().any(|it| it == message.mailbox));
        owner.map(|person| person.upn.as_str()).ok_or_else(|| OrganisationError::Message {
            message: message.name.clone(),
            problem: format!("{} is no mailbox of the organisation", message.mailbox),
        })
    }
}
