//! Sending: a message goes into the inboxes of those in this organisation that it is addressed to. What is
//! addressed to others leaves the organisation, and nothing comes back.

use std::collections::HashSet;
use std::sync::Arc;

use rand::Rng as _;

use crate::sandbox::directory::{Directory, MailboxState, Person, folded};
use crate::sandbox::ews::problem::Problem;
use crate::sandbox::ews::session::Session;
use crate::sandbox::store::model::{Address, Folder, FollowUp, Item, Reminder, flags};
use crate::sandbox::store::tx::Tx;

/// Mailboxes that get a message: owners, and the address of each.
#[derive(Debug, Clone, Default)]
pub struct Deliveries {
    inboxes: Vec<(String, Address)>,
}

impl Deliveries {
    /// Who gets a message with these recipients. Groups are expanded, and everybody gets it once.
    pub fn to(item: &Item, directory: &Directory) -> Result<Self, Problem> {
        let recipients = item.to.iter().chain(&item.cc).chain(&item.bcc);
        let addresses: Vec<&str> =
            recipients.map(|address| address.address.as_str()).filter(|a| !a.is_empty()).collect();
        if addresses.is_empty() {
            return Err(Problem::new(
                "ErrorInvalidRecipients",
                "At least one recipient isn't valid., A message can't be sent because it contains no recipients.",
            ));
        }
        let mut seen = HashSet::new();
        let people = addresses.into_iter().flat_map(|address| directory.deliverable(address).0);
        let inboxes = people
            .filter(|person| takes_mail(person) && seen.insert(folded(&person.upn)))
            .map(|person| {
                let address = Address { name: person.display_name.clone(), address: person.primary.clone() };
                (folded(&person.upn), address)
            })
            .collect();
        Ok(Self { inboxes })
    }

    /// Puts copies of a stored message into the inboxes.
    pub fn deliver(&self, tx: &mut Tx<'_>, item: &Item) {
        for (owner, address) in &self.inboxes {
            let mailbox = tx.ensure_mailbox(owner);
            if let Some(inbox) = tx.distinguished(mailbox.number, "inbox") {
                let now = tx.now();
                tx.copy_with(item, &inbox, |copy| received(copy, address, now));
            }
        }
    }

    /// The inbox of the first, where a message is stored that nobody keeps a copy of.
    pub fn first(&self, tx: &mut Tx<'_>) -> Option<Arc<Folder>> {
        let (owner, _) = self.inboxes.first()?;
        let mailbox = tx.ensure_mailbox(owner);
        tx.distinguished(mailbox.number, "inbox")
    }

    /// The same message, as the first gets it.
    pub fn as_first(&self, item: &mut Item, now: i64) {
        if let Some((_, address)) = self.inboxes.first() {
            received(item, address, now);
        }
    }

    /// All but the first.
    pub fn rest(&self) -> Self {
        Self { inboxes: self.inboxes.iter().skip(1).cloned().collect() }
    }
}

fn takes_mail(person: &Person) -> bool {
    person.mailbox && !matches!(person.state, MailboxState::Gone | MailboxState::Full)
}

/// What is different about a message that has been received.
fn received(copy: &mut Item, address: &Address, now: i64) {
    copy.set(flags::READ | flags::UNSENT, false);
    // Of what is received it says that one wrote to oneself (MS-OXCMSG 2.2.1.6).
    let from_me = copy.sender.as_ref().is_some_and(|sender| folded(&sender.address) == folded(&address.address));
    copy.set(flags::FROM_ME, from_me);
    copy.bcc.clear();
    copy.categories.clear();
    copy.follow_up = FollowUp::default();
    copy.reminder = Reminder::default();
    copy.received = Some(now);
    copy.received_by = Some(address.clone());
}

/// Makes a draft a sent message of the person who sends it.
pub fn prepare(item: &mut Item, session: &Session<'_>, now: i64) -> Result<(), Problem> {
    let person = &session.person;
    let own = Address { name: person.display_name.clone(), address: person.primary.clone() };
    let from = item.from.get_or_insert_with(|| own.clone());
    if !person.addresses().any(|address| folded(address) == folded(&from.address)) {
        let owner = session.service.directory.account(&from.address);
        let allowed = owner.is_some_and(|owner| owner.full_access.iter().any(|upn| folded(upn) == folded(&person.upn)));
        if !allowed {
            return Err(Problem::new(
                "ErrorSendAsDenied",
                "The user account which was used to submit this request does not have the right to send mail on behalf \
                 of the specified sending account.",
            ));
        }
    }
    item.sender = Some(own);
    item.set(flags::UNSENT, false);
    item.set(flags::READ | flags::FROM_ME, true);
    item.sent = Some(now);
    item.received = Some(now);
    Ok(())
}

/// A Message-ID in the domain of whoever writes.
pub fn new_message_id(person: &Person) -> String {
    let domain = person
        .primary
        .rsplit_once('@')
        .or_else(|| person.upn.rsplit_once('@'))
        .map_or("localhost", |(_, domain)| domain);
    let id: u128 = rand::rng().random();
    format!("<{id:032x}@{domain}>")
}
