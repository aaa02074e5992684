//! `ResolveNames` (MS-OXWSRSLNM), from the directory. Contacts of mailboxes are not searched: there are none.

use roxmltree::Node;

use super::{Context, Operation, child, yes};
use crate::sandbox::directory::{Directory, Recipient};
use crate::sandbox::ews::SoapAnswer;
use crate::sandbox::ews::answer::Answer;
use crate::sandbox::ews::problem::{Fault, Problem};
use crate::sandbox::ews::render;
use crate::sandbox::ews::session::Session;
use crate::sandbox::ews::settings::text;
use crate::sandbox::ews::write::Xml;
use crate::sandbox::store::model::Address;

/// Exchange gives no more than so many.
const MOST: usize = 100;

pub struct ResolveNames {
    entry: String,
    full_data: bool,
}

impl Operation for ResolveNames {
    const WRITES: bool = false;

    fn read(node: Node<'_, '_>, _: Context<'_>) -> Result<Self, Fault> {
        let entry = child(node, "UnresolvedEntry").map(text).unwrap_or_default();
        Ok(Self { entry, full_data: yes(node, "ReturnFullContactData") })
    }

    fn parts(&self) -> usize {
        1
    }

    async fn execute(self, session: &Session<'_>, name: &'static str) -> Result<SoapAnswer, Fault> {
        let directory = &session.service.directory;
        let mut found = matching(directory, &self.entry);
        let mut answer = Answer::new(name);
        let complete = found.len() <= MOST;
        found.truncate(MOST);
        let write = |xml: &mut Xml| {
            let total = found.len().to_string();
            let last = complete.to_string();
            xml.open_with("m:ResolutionSet", &[("TotalItemsInView", &total), ("IncludesLastItemInRange", &last)]);
            for recipient in &found {
                xml.open("t:Resolution");
                let address =
                    Address { name: recipient.display_name().to_owned(), address: recipient.primary().to_owned() };
                render::mailbox(xml, &address, directory);
                if self.full_data {
                    contact(xml, recipient);
                }
                xml.close("t:Resolution");
            }
            xml.close("m:ResolutionSet");
        };
        match found.len() {
            0 => answer.error(&Problem::new("ErrorNameResolutionNoResults", "No results were found.")),
            1 => answer.success(write),
            _ => answer
                .warning(&Problem::new("ErrorNameResolutionMultipleResults", "Multiple results were found."), write),
        }
        Ok(answer.finish())
    }
}

/// Ambiguous name resolution: an address as a whole, or the start of an address or of a name.
fn matching(directory: &Directory, entry: &str) -> Vec<Recipient> {
    let entry = entry.trim();
    let bare = entry.get(..5).filter(|start| start.eq_ignore_ascii_case("smtp:")).map_or(entry, |_| &entry[5..]);
    if let Some(exact) = directory.find(bare) {
        return vec![exact];
    }
    let wanted = bare.to_lowercase();
    if wanted.is_empty() {
        return Vec::new();
    }
    let people = directory.people().into_iter().map(Recipient::Person);
    let groups = directory.groups().into_iter().map(Recipient::Group);
    let starts = |text: &str| text.to_lowercase().starts_with(&wanted);
    let name_starts = |name: &str| {
        let name = name.to_lowercase();
        name.starts_with(&wanted) || name.match_indices(' ').any(|(at, _)| name[at + 1..].starts_with(&wanted))
    };
    people
        .chain(groups)
        .filter(|recipient| !recipient.primary().is_empty())
        .filter(|recipient| {
            name_starts(recipient.display_name())
                || recipient.addresses().into_iter().any(starts)
                || match recipient {
                    Recipient::Person(person) => starts(&person.given_name) || starts(&person.surname),
                    Recipient::Group(_) => false,
                }
        })
        .collect()
}

fn contact(xml: &mut Xml, recipient: &Recipient) {
    let alias = recipient.primary().split('@').next().unwrap_or_default();
    let (given, surname) = match recipient {
        Recipient::Person(person) => (person.given_name.as_str(), person.surname.as_str()),
        Recipient::Group(_) => ("", ""),
    };
    xml.open("t:Contact");
    xml.text("t:DisplayName", recipient.display_name());
    if !given.is_empty() {
        xml.text("t:GivenName", given);
    }
    xml.open("t:EmailAddresses");
    for (address, key) in recipient.addresses().into_iter().zip(["EmailAddress1", "EmailAddress2", "EmailAddress3"]) {
        xml.text_with("t:Entry", &[("Key", key)], &format!("SMTP:{address}"));
    }
    xml.close("t:EmailAddresses");
    xml.plain("t:ContactSource", "ActiveDirectory");
    if !surname.is_empty() {
        xml.text("t:Surname", surname);
    }
    xml.text("t:Alias", alias);
    xml.close("t:Contact");
}
