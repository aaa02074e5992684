//! `GetAttachment` (MS-OXWSATT 3.1.4.3)

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use roxmltree::Node;

use super::{Context, ItemRef, Operation, child, get_item, item_refs};
use crate::sandbox::ews::SoapAnswer;
use crate::sandbox::ews::answer::Answer;
use crate::sandbox::ews::fields::{Field, FieldSet, Shape};
use crate::sandbox::ews::problem::{Fault, Problem};
use crate::sandbox::ews::render;
use crate::sandbox::ews::session::{Found, FoundAttachment, Session};
use crate::sandbox::ews::shape::ItemShape;
use crate::sandbox::ews::write::Xml;
use crate::sandbox::store::model::AttachmentKind;

pub struct GetAttachment {
    shape: Result<ItemShape, Problem>,
    attachments: Vec<ItemRef>,
}

impl Operation for GetAttachment {
    const WRITES: bool = false;

    fn read(node: Node<'_, '_>, context: Context<'_>) -> Result<Self, Fault> {
        let asked = child(node, "AttachmentShape").map(|shape| ItemShape::read(shape, context.version, false));
        let shape = asked.unwrap_or_else(|| Ok(ItemShape::default())).map(|mut shape| {
            // Of an attached item everything is shown, and what is asked for besides.
            let mut fields = FieldSet::of_shape(Shape::All, context.version, false);
            if shape.needs_mime() {
                fields.insert(Field::MimeContent);
            }
            shape.fields = fields;
            shape
        });
        Ok(Self { shape, attachments: item_refs(node, "AttachmentIds") })
    }

    fn parts(&self) -> usize {
        self.attachments.len()
    }

    async fn execute(self, session: &Session<'_>, name: &'static str) -> Result<SoapAnswer, Fault> {
        let store = &session.service.store;
        let shape = match &self.shape {
            Ok(shape) => shape,
            Err(problem) => return Ok(super::refuse_all(name, self.attachments.len(), problem)),
        };
        let found: Vec<Result<FoundAttachment, Problem>> = store
            .read(|state| self.attachments.iter().map(|reference| session.attachment(state, &reference.id)).collect());
        let size: u64 = found.iter().flatten().map(|found| found.attachment.size).sum();
        let mut answer = Answer::with_capacity(name, usize::try_from(size).unwrap_or_default() / 3 * 4);
        for found in found {
            let found = match found {
                Ok(found) => found,
                Err(problem) => {
                    answer.error(&problem);
                    continue;
                }
            };
            match found.attachment.kind {
                AttachmentKind::File => {
                    let content = store.attachment_content(&found.attachment).await?;
                    answer.success(|xml| {
                        write(xml, &found, |xml| {
                            xml.plain("t:IsContactPhoto", false);
                            xml.open("t:Content");
                            STANDARD.encode_string(&content, xml.buffer());
                            xml.close("t:Content");
                        });
                    });
                }
                AttachmentKind::Item(number) => {
                    let item = store.read(|state| state.item(number).cloned());
                    let written = match item {
                        Some(item) => {
                            let mut inner = Found { item, ..found.parent.clone() };
                            inner.way.push(found.attachment.number);
                            let mut xml = Xml::default();
                            get_item::write(&mut xml, session, &inner, shape).await.map(|()| xml)
                        }
                        None => Err(Problem::item_not_found()),
                    };
                    answer.outcome(written, |xml, item| write(xml, &found, |xml| xml.raw(&item.finish())));
                }
            }
        }
        Ok(answer.finish())
    }
}

fn write(xml: &mut Xml, found: &FoundAttachment, content: impl FnOnce(&mut Xml)) {
    let element = render::attachment_element(&found.attachment);
    xml.open("m:Attachments");
    xml.open(element);
    render::attachment_head(xml, &found.attachment, &[("Id", &found.id())]);
    content(xml);
    xml.close(element);
    xml.close("m:Attachments");
}
