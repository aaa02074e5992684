//! `GetItem` (MS-OXWSCORE 3.1.4.4)

use roxmltree::Node;

use super::{Context, ItemRef, Operation, child, item_refs};
use crate::sandbox::ews::SoapAnswer;
use crate::sandbox::ews::answer::Answer;
use crate::sandbox::ews::mapi::View;
use crate::sandbox::ews::problem::{Fault, Problem};
use crate::sandbox::ews::render::Picture;
use crate::sandbox::ews::session::{Found, Session};
use crate::sandbox::ews::shape::ItemShape;
use crate::sandbox::ews::write::Xml;

pub struct GetItem {
    shape: Result<ItemShape, Problem>,
    items: Vec<ItemRef>,
}

impl Operation for GetItem {
    const WRITES: bool = false;

    fn read(node: Node<'_, '_>, context: Context<'_>) -> Result<Self, Fault> {
        let shape = child(node, "ItemShape").map(|shape| ItemShape::read(shape, context.version, false));
        let shape = shape.unwrap_or_else(|| Ok(ItemShape::default()));
        Ok(Self { shape, items: item_refs(node, "ItemIds") })
    }

    fn parts(&self) -> usize {
        self.items.len()
    }

    async fn execute(self, session: &Session<'_>, name: &'static str) -> Result<SoapAnswer, Fault> {
        let shape = match &self.shape {
            Ok(shape) => shape,
            Err(problem) => return Ok(super::refuse_all(name, self.items.len(), problem)),
        };
        let mut answer = Answer::new(name);
        for reference in &self.items {
            let written = match session.service.store.read(|state| session.item(state, &reference.id)) {
                Ok(found) => {
                    let mut xml = Xml::default();
                    write(&mut xml, session, &found, shape).await.map(|()| xml)
                }
                Err(problem) => Err(problem),
            };
            answer.outcome(written, |xml, item| {
                xml.open("m:Items");
                xml.raw(&item.finish());
                xml.close("m:Items");
            });
        }
        Ok(answer.finish())
    }
}

/// Writes an item as it is now, with whatever the shape wants of its content.
pub async fn write(xml: &mut Xml, session: &Session<'_>, found: &Found, shape: &ItemShape) -> Result<(), Problem> {
    let store = &session.service.store;
    let item = &found.item;
    let content = if shape.needs_content() { Some(store.content(item.number).await?) } else { None };
    let mime = if shape.needs_mime() { Some(store.mime_of(item).await?) } else { None };
    let parent = item.folder().and_then(|folder| store.read(|state| state.folder(folder).cloned()));
    Picture {
        view: View { item, guid: &found.mailbox.guid, content: content.as_ref() },
        directory: &session.service.directory,
        version: session.version,
        shape,
        parent: parent.as_deref(),
        root: found.root,
        way: &found.way,
        mime: mime.as_deref(),
    }
    .write(xml);
    Ok(())
}
