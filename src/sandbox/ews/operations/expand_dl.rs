//! `ExpandDL` (MS-OXWSDLIST 3.1.4.1): the members of a group, one level deep. Who wants to know what is in a
//! group that is a member asks again.

use roxmltree::Node;

use super::{Context, Operation, child};
use crate::sandbox::directory::Recipient;
use crate::sandbox::ews::SoapAnswer;
use crate::sandbox::ews::answer::Answer;
use crate::sandbox::ews::problem::{Fault, Problem};
use crate::sandbox::ews::render;
use crate::sandbox::ews::session::Session;
use crate::sandbox::ews::settings;
use crate::sandbox::store::model::Address;

pub struct ExpandDl {
    list: Result<Address, Problem>,
}

impl Operation for ExpandDl {
    const WRITES: bool = false;

    fn read(node: Node<'_, '_>, context: Context<'_>) -> Result<Self, Fault> {
        let list = child(node, "Mailbox").map(|mailbox| settings::address(mailbox, context.reading.directory));
        Ok(Self { list: list.unwrap_or_else(|| Err(not_found())) })
    }

    fn parts(&self) -> usize {
        1
    }

    async fn execute(self, session: &Session<'_>, name: &'static str) -> Result<SoapAnswer, Fault> {
        let directory = &session.service.directory;
        let group = self.list.and_then(|address| match directory.find(&address.address) {
            Some(Recipient::Group(group)) => Ok(group),
            _ => Err(not_found()),
        });
        let mut answer = Answer::new(name);
        answer.outcome(group, |xml, group| {
            let total = group.members.len().to_string();
            xml.open_with("m:DLExpansion", &[("TotalItemsInView", &total), ("IncludesLastItemInRange", "true")]);
            for member in &group.members {
                let known = directory.find(member);
                let name = known.as_ref().map_or(member.as_str(), Recipient::display_name).to_owned();
                let address = known.as_ref().map_or(member.as_str(), Recipient::primary).to_owned();
                render::mailbox(xml, &Address { name, address }, directory);
            }
            xml.close("m:DLExpansion");
        });
        Ok(answer.finish())
    }
}

fn not_found() -> Problem {
    Problem::new("ErrorNameResolutionNoResults", "No results were found.")
}
