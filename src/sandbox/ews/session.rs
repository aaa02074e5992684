//! In whose name a request acts, and what that person may open.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Inner;
use super::envelope::ConnectingSid;
use super::problem::{Fault, Problem};
use super::schema::Version;
use crate::sandbox::directory::{MailboxState, Person, Recipient, folded};
use crate::sandbox::store::ids::{self, IdKind, IdProblem};
use crate::sandbox::store::model::{Attachment, AttachmentKind, AttachmentNo, Folder, Item, ItemNo, Mailbox};
use crate::sandbox::store::state::State;

/// A request under way.
pub struct Session<'a> {
    pub service: &'a Inner,
    pub version: Version,
    /// The impersonated person, else the caller.
    pub person: Arc<Person>,
    pub impersonating: bool,
}

/// A folder as a request names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FolderRef {
    Id(String),
    /// Name in EWS, and the address of somebody else's mailbox.
    Distinguished(String, Option<String>),
}

impl<'a> Session<'a> {
    /// Finds out in whose name the request acts. Whatever is wrong with impersonation refuses the request.
    pub fn begin(
        service: &'a Inner,
        caller: &str,
        impersonation: Option<&ConnectingSid>,
        version: Version,
    ) -> Result<Self, Fault> {
        let caller = service.directory.account(caller);
        let caller = caller.ok_or_else(|| {
            Problem::new(
                "ErrorCallerIsInvalidADAccount",
                "The caller has not assigned a valid Active Directory account.",
            )
        })?;
        let person = match impersonation {
            None => caller.clone(),
            Some(sid) => impersonated(service, &caller, sid)?,
        };
        if person.state == MailboxState::Disabled {
            return Err(Problem::new("ErrorAccountDisabled", "The account is disabled.").into());
        }
        Ok(Self { service, version, person, impersonating: impersonation.is_some() })
    }

    /// Makes the mailboxes that the request may open, where the store has not heard of them yet.
    pub async fn prepare(&self, folders: impl Iterator<Item = &FolderRef>) -> Result<(), Fault> {
        let mut owners: BTreeSet<String> = BTreeSet::new();
        if has_mailbox(&self.person) {
            owners.insert(folded(&self.person.upn));
        }
        for folder in folders {
            if let FolderRef::Distinguished(_, Some(address)) = folder
                && let Some(Recipient::Person(person)) = self.service.directory.find(address)
                && has_mailbox(&person)
            {
                owners.insert(folded(&person.upn));
            }
        }
        for owner in owners {
            self.service.store.add_mailbox(&owner).await?;
        }
        Ok(())
    }

    /// A folder that the person may open.
    pub fn folder(&self, state: &State, folder: &FolderRef) -> Result<Arc<Folder>, Problem> {
        match folder {
            FolderRef::Distinguished(name, address) => {
                let owner = match address {
                    None => self.person.clone(),
                    Some(address) => match self.service.directory.find(address) {
                        Some(Recipient::Person(person)) => person,
                        _ => return Err(Problem::no_mailbox()),
                    },
                };
                self.may_open(&owner)?;
                let mailbox = state.mailbox_of(&folded(&owner.upn)).ok_or_else(Problem::no_mailbox)?;
                state.distinguished(mailbox.number, name).cloned().ok_or_else(Problem::folder_not_found)
            }
            FolderRef::Id(id) => {
                let id = parse(id)?;
                let number = match id.kind {
                    IdKind::Folder(number) => number,
                    IdKind::Item(_) | IdKind::Attachment(..) => {
                        return Err(Problem::new(
                            "ErrorCannotUseItemIdForFolderId",
                            "Item Ids cannot be used to specify a folder.",
                        ));
                    }
                    IdKind::Conversation(_) => return Err(Problem::malformed_id()),
                };
                let mailbox = state.mailbox_by_guid(&id.mailbox).ok_or_else(Problem::folder_not_found)?;
                self.may_open_mailbox(mailbox)?;
                let folder = state.folder(number).filter(|folder| folder.mailbox == mailbox.number);
                folder.cloned().ok_or_else(Problem::folder_not_found)
            }
        }
    }

    /// An item that the person may open, or one attached to it.
    pub fn item(&self, state: &State, id: &str) -> Result<Found, Problem> {
        let id = parse(id)?;
        let (root, way) = match id.kind {
            IdKind::Item(number) => (number, Vec::new()),
            IdKind::Attachment(number, way) => (number, way),
            IdKind::Folder(_) => {
                return Err(Problem::new(
                    "ErrorCannotUseFolderIdForItemId",
                    "Folder Ids cannot be used to specify an item.",
                ));
            }
            IdKind::Conversation(_) => return Err(Problem::malformed_id()),
        };
        let mailbox = state.mailbox_by_guid(&id.mailbox).ok_or_else(Problem::item_not_found)?;
        let hidden = |problem: Problem| match problem.code.as_ref() {
            "ErrorAccessDenied" => Problem::item_not_found(),
            _ => problem,
        };
        self.may_open_mailbox(mailbox).map_err(hidden)?;
        let mut item = state.item(root).filter(|item| item.mailbox == mailbox.number).cloned();
        for step in &way {
            item = item.and_then(|item| attached_item(state, &item, *step));
        }
        item.map(|item| Found { item, root, way, mailbox: mailbox.clone() }).ok_or_else(Problem::item_not_found)
    }

    /// An attachment that the person may open.
    pub fn attachment(&self, state: &State, id: &str) -> Result<FoundAttachment, Problem> {
        let invalid = || Problem::new("ErrorInvalidAttachmentId", "The attachment Id is invalid.");
        let parsed = parse(id)?;
        let IdKind::Attachment(root, mut way) = parsed.kind else { return Err(invalid()) };
        let last = way.pop().ok_or_else(invalid)?;
        let parent = if way.is_empty() {
            ids::item_id(&parsed.mailbox, root)
        } else {
            ids::attachment_id(&parsed.mailbox, root, &way)
        };
        let parent = self.item(state, &parent)?;
        let found = parent.item.attachments.iter().find(|attachment| attachment.number == last).cloned();
        match found {
            Some(attachment) => Ok(FoundAttachment { parent, attachment }),
            None => Err(Problem::item_not_found()),
        }
    }

    /// Whether the mailbox that something is to be written to takes it.
    pub fn may_grow(&self, mailbox: &Mailbox) -> Result<(), Problem> {
        let full = self.service.directory.person(&mailbox.owner).is_some_and(|owner| owner.state == MailboxState::Full);
        if full { Err(Problem::quota()) } else { Ok(()) }
    }

    fn may_open_mailbox(&self, mailbox: &Mailbox) -> Result<(), Problem> {
        let owner = self.service.directory.person(&mailbox.owner).ok_or_else(Problem::no_mailbox)?;
        self.may_open(&owner)
    }

    fn may_open(&self, owner: &Person) -> Result<(), Problem> {
        let own = folded(&owner.upn) == folded(&self.person.upn);
        if !own && !owner.full_access.iter().any(|other| folded(other) == folded(&self.person.upn)) {
            return Err(Problem::access_denied());
        }
        match owner.state {
            _ if !has_mailbox(owner) => Err(Problem::no_mailbox()),
            MailboxState::Moving => Err(Problem::new(
                "ErrorMailboxMoveInProgress",
                "Mailbox move in progress. Try again later., Cannot open mailbox.",
            )),
            MailboxState::Unavailable => Err(Problem::new(
                "ErrorMailboxStoreUnavailable",
                "The mailbox database is temporarily unavailable., Cannot open mailbox.",
            )),
            MailboxState::Disabled => Err(Problem::new("ErrorAccountDisabled", "The account is disabled.")),
            MailboxState::Normal | MailboxState::Full | MailboxState::Gone => Ok(()),
        }
    }
}

/// An item and the way to it.
#[derive(Debug, Clone)]
pub struct Found {
    pub item: Arc<Item>,
    /// The item in a folder that it is, or is attached to.
    pub root: ItemNo,
    pub way: Vec<AttachmentNo>,
    pub mailbox: Arc<Mailbox>,
}

impl Found {
    /// Only what is in a folder can be changed, moved or deleted by its item id.
    pub fn in_folder(self) -> Result<Self, Problem> {
        if self.way.is_empty() { Ok(self) } else { Err(Problem::item_not_found()) }
    }
}

#[derive(Debug, Clone)]
pub struct FoundAttachment {
    pub parent: Found,
    pub attachment: Attachment,
}

impl FoundAttachment {
    /// Identifier of the attachment.
    pub fn id(&self) -> String {
        let way: Vec<AttachmentNo> = self.parent.way.iter().copied().chain([self.attachment.number]).collect();
        ids::attachment_id(&self.parent.mailbox.guid, self.parent.root, &way)
    }
}

fn attached_item(state: &State, item: &Item, step: AttachmentNo) -> Option<Arc<Item>> {
    let attachment = item.attachments.iter().find(|attachment| attachment.number == step)?;
    match attachment.kind {
        AttachmentKind::Item(number) => state.item(number).cloned(),
        AttachmentKind::File => None,
    }
}

fn parse(id: &str) -> Result<ids::Id, Problem> {
    ids::parse(id).map_err(|problem| match problem {
        IdProblem::Empty => Problem::empty_id(),
        IdProblem::Malformed => Problem::malformed_id(),
    })
}

fn has_mailbox(person: &Person) -> bool {
    person.mailbox && person.state != MailboxState::Gone
}

fn impersonated(service: &Inner, caller: &Person, sid: &ConnectingSid) -> Result<Arc<Person>, Problem> {
    let directory = &service.directory;
    if !directory.may_impersonate(&caller.upn) {
        return Err(Problem::new(
            "ErrorImpersonateUserDenied",
            "The account does not have permission to impersonate the requested user.",
        ));
    }
    let by_address = |address: &str| match directory.find(address) {
        Some(Recipient::Person(person)) => Ok(person),
        _ => Err(Problem::no_mailbox()),
    };
    let person = match sid {
        ConnectingSid::PrincipalName(upn) => directory.person(upn).ok_or_else(|| {
            Problem::new("ErrorInvalidUserPrincipalName", "The user principal name (UPN) is invalid.")
        })?,
        ConnectingSid::Sid(sid) => directory
            .person_by_sid(sid)
            .ok_or_else(|| Problem::new("ErrorInvalidUserSid", "The user SID is invalid."))?,
        ConnectingSid::SmtpAddress(address) => by_address(address)?,
        ConnectingSid::PrimarySmtpAddress(address) => {
            let person = by_address(address)?;
            if folded(address) != folded(&person.primary) {
                return Err(Problem::new(
                    "ErrorNonPrimarySmtpAddress",
                    "The primary SMTP address must be specified when referencing a mailbox.",
                )
                .with_value("Primary", &person.primary));
            }
            person
        }
    };
    if has_mailbox(&person) { Ok(person) } else { Err(Problem::no_mailbox()) }
}
