//! `CreateAttachment` (MS-OXWSATT 3.1.4.1)

use roxmltree::Node;

use super::{Context, ItemRef, Operation, child, item_ref, list};
use crate::sandbox::ews::SoapAnswer;
use crate::sandbox::ews::answer::Answer;
use crate::sandbox::ews::problem::{Fault, Problem};
use crate::sandbox::ews::render;
use crate::sandbox::ews::session::Session;
use crate::sandbox::ews::settings;
use crate::sandbox::ews::write::Xml;
use crate::sandbox::store::draft::NewAttachment;
use crate::sandbox::store::ids;
use crate::sandbox::store::model::{Attachment, ItemNo};
use crate::sandbox::store::object_kind;
use crate::sandbox::store::tx::Tx;

pub struct CreateAttachment {
    parent: ItemRef,
    attachments: Vec<Result<NewAttachment, Problem>>,
}

impl Operation for CreateAttachment {
    const WRITES: bool = true;

    fn read(node: Node<'_, '_>, context: Context<'_>) -> Result<Self, Fault> {
        let parent = child(node, "ParentItemId").map_or(ItemRef { id: String::new(), change_key: None }, item_ref);
        let attachments = list(node, "Attachments").map(|one| settings::new_attachment(one, context.reading)).collect();
        Ok(Self { parent, attachments })
    }

    fn parts(&self) -> usize {
        self.attachments.len()
    }

    async fn execute(self, session: &Session<'_>, name: &'static str) -> Result<SoapAnswer, Fault> {
        let store = &session.service.store;
        let parts = self.attachments.len();
        let parent = store.read(|state| session.item(state, &self.parent.id)).and_then(|parent| {
            session.may_grow(&parent.mailbox)?;
            if parent.way.is_empty() {
                Ok(parent)
            } else {
                // Attached items are as they were attached.
                Err(Problem::new(
                    "ErrorInvalidItemForOperationCreateItemAttachment",
                    "Attachments cannot be added to an attached item.",
                ))
            }
        });
        let parent = match parent {
            Ok(parent) => parent,
            Err(problem) => return Ok(super::refuse_all(name, parts, &problem)),
        };
        let (number, person) = (parent.item.number, session.person.display_name.clone());
        let mut problems = Vec::with_capacity(parts);
        let mut good = Vec::with_capacity(parts);
        for attachment in self.attachments {
            match attachment {
                Ok(attachment) => {
                    problems.push(None);
                    good.push(attachment);
                }
                Err(problem) => problems.push(Some(problem)),
            }
        }
        // All in one write: the change key of each is that of the item with all of them.
        let job = move |tx: &mut Tx<'_>| {
            let item = tx.item(number).ok_or_else(Problem::item_not_found)?;
            let before = item.attachments.len();
            let mut item = item.as_ref().clone();
            item.modified_by = person;
            let item = tx.add_attachments(&item, good);
            Ok::<_, Problem>((item.change(), item.attachments[before..].to_vec()))
        };
        let (change, created) = match store.write(job).await? {
            Ok(created) => created,
            Err(problem) => return Ok(super::refuse_all(name, parts, &problem)),
        };
        let root = Root {
            guid: &parent.mailbox.guid,
            id: ids::item_id(&parent.mailbox.guid, number),
            change_key: ids::change_key(object_kind(&parent.item.class), &parent.mailbox.guid, change),
        };
        let mut created = created.into_iter();
        let mut answer = Answer::new(name);
        for problem in problems {
            match problem {
                Some(problem) => answer.error(&problem),
                None => {
                    if let Some(attachment) = created.next() {
                        answer.success(|xml| root.write(xml, &attachment, number));
                    }
                }
            }
        }
        Ok(answer.finish())
    }
}

/// The item that got the attachments, as it is named in the answer.
struct Root<'a> {
    guid: &'a str,
    id: String,
    change_key: String,
}

impl Root<'_> {
    fn write(&self, xml: &mut Xml, attachment: &Attachment, item: ItemNo) {
        let element = render::attachment_element(attachment);
        xml.open("m:Attachments");
        xml.open(element);
        xml.empty(
            "t:AttachmentId",
            &[
                ("Id", &ids::attachment_id(self.guid, item, &[attachment.number])),
                ("RootItemId", &self.id),
                ("RootItemChangeKey", &self.change_key),
            ],
        );
        xml.close(element);
        xml.close("m:Attachments");
    }
}
