//! `UpdateItem` (MS-OXWSCORE 3.1.4.9)

use std::ops::Range;
use std::sync::Arc;

use futures_util::future::join_all;
use roxmltree::Node;

use super::create_item::{Disposition, disposition_required, send_stored};
use super::{Context, ItemRef, Operation, item_ref, list};
use crate::sandbox::ews::SoapAnswer;
use crate::sandbox::ews::answer::Answer;
use crate::sandbox::ews::fields::Field;
use crate::sandbox::ews::folders;
use crate::sandbox::ews::mapi::Edit;
use crate::sandbox::ews::paths::Path;
use crate::sandbox::ews::problem::{Fault, Problem};
use crate::sandbox::ews::render;
use crate::sandbox::ews::session::{FolderRef, Found, Session};
use crate::sandbox::ews::settings::{self, Reading, Setting, children};
use crate::sandbox::store::BodyKind;
use crate::sandbox::store::draft;
use crate::sandbox::store::html;
use crate::sandbox::store::ids;
use crate::sandbox::store::model::{Change, Item, ItemNo, flags};
use crate::sandbox::store::property::PropertyName;
use crate::sandbox::store::tx::Tx;

/// What to do when somebody else changed the item meanwhile (`ConflictResolution`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ConflictResolution {
    NeverOverwrite,
    AutoResolve,
    AlwaysOverwrite,
}

pub struct UpdateItem {
    resolution: ConflictResolution,
    disposition: Option<Disposition>,
    folder: Option<FolderRef>,
    changes: Vec<ItemChange>,
}

struct ItemChange {
    item: ItemRef,
    updates: Result<Vec<Update>, Problem>,
}

#[derive(Debug, Clone, PartialEq)]
enum Update {
    Set(Path, Setting),
    Append(Path, Setting),
    Delete(Path),
}

impl Update {
    fn read(node: Node<'_, '_>, reading: Reading<'_>) -> Result<Self, Problem> {
        let path = Path::child(node)?;
        if node.tag_name().name() == "DeleteItemField" {
            return Ok(Self::Delete(path));
        }
        let item = children(node).find(|child| !Path::is(child));
        let mut properties = item.into_iter().flat_map(children);
        let (Some(property), None) = (properties.next(), properties.next()) else {
            return Err(Problem::new(
                "ErrorIncorrectUpdatePropertyCount",
                "An object within a change description must contain one and only one property to modify.",
            ));
        };
        // What can't be set is told by its path, whatever the element has.
        if let Path::Field(field) = &path {
            let known = field.info().is_some_and(|info| info.writable != super::super::fields::Writable::Never);
            if !known {
                return Err(Problem::property_set(&path.xml()));
            }
        }
        let setting = Setting::read(property, reading)?;
        if setting.path() != path {
            return Err(Problem::new(
                "ErrorUpdatePropertyMismatch",
                "The property that is identified in the path does not match the property in the item.",
            )
            .about(&path.xml()));
        }
        match node.tag_name().name() {
            "AppendToItemField" => {
                let appendable =
                    matches!(&path, Path::Field(field) if field.info().is_some_and(|info| info.appendable));
                if !appendable {
                    let problem = Problem::new("ErrorInvalidPropertyAppend", "Append action is invalid for property.");
                    return Err(problem.about(&path.xml()));
                }
                Ok(Self::Append(path, setting))
            }
            _ => Ok(Self::Set(path, setting)),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Set(path, _) | Self::Append(path, _) | Self::Delete(path) => path,
        }
    }

    /// Whether it is about nothing but whether the item has been read.
    fn is_read_state(&self) -> bool {
        match self.path() {
            Path::Field(field) => *field == Field::IsRead,
            Path::Extended(key) => key.name == PropertyName::Tag(0x0e69),
            _ => false,
        }
    }
}

impl Operation for UpdateItem {
    const WRITES: bool = true;

    fn read(node: Node<'_, '_>, context: Context<'_>) -> Result<Self, Fault> {
        let change = |change: Node<'_, '_>| {
            let item = children(change).find(|child| child.tag_name().name().ends_with("ItemId"));
            let updates = list(change, "Updates").map(|update| Update::read(update, context.reading));
            let item = item.map_or(ItemRef { id: String::new(), change_key: None }, item_ref);
            ItemChange { item, updates: updates.collect() }
        };
        Ok(Self {
            resolution: match node.attribute("ConflictResolution").map(str::trim) {
                Some("NeverOverwrite") => ConflictResolution::NeverOverwrite,
                Some("AlwaysOverwrite") => ConflictResolution::AlwaysOverwrite,
                _ => ConflictResolution::AutoResolve,
            },
            disposition: Disposition::read(node),
            folder: folders::one_reference(node, "SavedItemFolderId"),
            changes: list(node, "ItemChanges").map(change).collect(),
        })
    }

    fn parts(&self) -> usize {
        self.changes.len()
    }

    fn refuse(&mut self, parts: Range<usize>, problem: &Problem) {
        for change in self.changes.iter_mut().take(parts.end).skip(parts.start) {
            change.updates = Err(problem.clone());
        }
    }

    fn folders(&self) -> Vec<FolderRef> {
        self.folder.iter().cloned().collect()
    }

    async fn execute(self, session: &Session<'_>, name: &'static str) -> Result<SoapAnswer, Fault> {
        let Self { resolution, disposition, folder, changes } = self;
        let folder = folder.as_ref();
        let updated = changes.into_iter().map(|change| async move {
            let updates = change.updates?;
            update(session, &change.item, updates, resolution, disposition, folder).await
        });
        let mut answer = Answer::new(name);
        for updated in join_all(updated).await {
            answer.outcome(updated, |xml, updated| {
                xml.open("m:Items");
                if let Some((guid, item)) = updated {
                    let element = render::element(&item.class);
                    xml.open(element);
                    render::item_id(xml, &ids::item_id(&guid, item.number), &guid, &item);
                    xml.close(element);
                }
                xml.close("m:Items");
                xml.open("m:ConflictResults");
                xml.plain("t:Count", 0);
                xml.close("m:ConflictResults");
            });
        }
        Ok(answer.finish())
    }
}

async fn update(
    session: &Session<'_>,
    reference: &ItemRef,
    updates: Vec<Update>,
    resolution: ConflictResolution,
    disposition: Option<Disposition>,
    folder: Option<&FolderRef>,
) -> Result<Option<(String, Arc<Item>)>, Problem> {
    let store = &session.service.store;
    let found = store.read(|state| session.item(state, &reference.id))?.in_folder()?;
    if disposition.is_none() && render::element(&found.item.class) == "t:Message" {
        return Err(disposition_required());
    }
    session.may_grow(&found.mailbox)?;
    let expected = expected_change(reference, resolution)?;
    let item = changed(session, &found, updates, expected).await?;
    let keep = match disposition {
        None | Some(Disposition::SaveOnly) => return Ok(Some((found.mailbox.guid.clone(), item))),
        Some(Disposition::SendOnly) => None,
        Some(Disposition::SendAndSaveCopy) => {
            let sent = FolderRef::Distinguished("sentitems".into(), None);
            Some(store.read(|state| session.folder(state, folder.unwrap_or(&sent)))?)
        }
    };
    send_stored(session, &item, keep, None).await?;
    Ok(None)
}

/// The change that the item must still have; none when it does not matter.
fn expected_change(reference: &ItemRef, resolution: ConflictResolution) -> Result<Option<Change>, Problem> {
    let parsed = reference.change_key.as_deref().map(|key| {
        ids::parse_change_key(key).ok_or_else(|| Problem::new("ErrorInvalidChangeKey", "The change key is invalid."))
    });
    let parsed = parsed.transpose()?;
    match (resolution, parsed) {
        (ConflictResolution::NeverOverwrite, Some(change)) => Ok(Some(change)),
        (ConflictResolution::NeverOverwrite | ConflictResolution::AutoResolve, None) => {
            Err(Problem::new("ErrorChangeKeyRequiredForWriteOperations", "Change key is required for this operation."))
        }
        // Whatever the other changed, what is set here is set last.
        (ConflictResolution::AutoResolve | ConflictResolution::AlwaysOverwrite, _) => Ok(None),
    }
}

/// Applies the updates to the item as it is when its turn comes. What is appended to a body was read before, so
/// that has to be done again when the body changed in between.
async fn changed(
    session: &Session<'_>,
    found: &Found,
    updates: Vec<Update>,
    expected: Option<Change>,
) -> Result<Arc<Item>, Problem> {
    let store = &session.service.store;
    let number = found.item.number;
    let appends = updates.iter().any(|update| matches!(update, Update::Append(_, Setting::Body(..))));
    let updates = Arc::new(updates);
    loop {
        let present = if appends {
            let item = store.read(|state| state.item(number).cloned()).ok_or_else(Problem::item_not_found)?;
            Some((item.content_change, store.content(number).await?.body))
        } else {
            None
        };
        let name = session.person.display_name.clone();
        let updates = updates.clone();
        let job = move |tx: &mut Tx<'_>| run(tx, number, &updates, expected, present, name);
        match store.write(job).await? {
            Ok(item) => return Ok(item),
            Err(Stopped::Again) => {}
            Err(Stopped::Refused(problem)) => return Err(problem),
        }
    }
}

/// Why the updates were not applied.
enum Stopped {
    /// The body changed since it was read.
    Again,
    Refused(Problem),
}

impl From<Problem> for Stopped {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

fn run(
    tx: &mut Tx<'_>,
    number: ItemNo,
    updates: &[Update],
    expected: Option<Change>,
    present: Option<(Change, String)>,
    name: String,
) -> Result<Arc<Item>, Stopped> {
    let item = tx.item(number).ok_or_else(Problem::item_not_found)?;
    if expected.is_some_and(|expected| expected != item.change()) {
        return Err(Problem::conflict().into());
    }
    if present.as_ref().is_some_and(|(change, _)| *change != item.content_change) {
        return Err(Stopped::Again);
    }
    let draft = item.is_draft();
    let mut edit = Edit { item: item.as_ref().clone(), body: None, headers: None, creating: false };
    let mut present = present.map(|(_, body)| (item.body_kind, body));
    for update in updates {
        settings::may_change(update.path(), draft)?;
        match update {
            // What comes before it in the request is overwritten, what comes after it stands.
            Update::Set(_, Setting::Mime(new)) => {
                let mut new = new.as_ref().clone();
                new.complete();
                present = Some((new.item.body_kind, new.body.clone()));
                edit.body = None;
                tx.set_content(&mut edit.item, new);
            }
            Update::Set(_, setting) => setting.clone().apply(&mut edit)?,
            Update::Append(_, Setting::Body(kind, more)) => {
                let whole = edit.body.take().or_else(|| present.take());
                edit.body = Some(appended(whole, *kind, more));
            }
            Update::Append(_, setting) => setting.clone().append(&mut edit)?,
            Update::Delete(path) => settings::delete(path, &mut edit)?,
        }
    }
    let Edit { item: mut new, body, headers, .. } = edit;
    if let Some((kind, body)) = body {
        let body = draft::stored_body(kind, &body);
        new.body_kind = kind;
        new.preview = draft::preview(kind, &body);
        tx.set_body(&mut new, body);
    }
    if let Some(headers) = headers {
        tx.set_headers(&mut new, headers);
    }
    if !updates.is_empty() && updates.iter().all(Update::is_read_state) {
        return Ok(tx.read_changed(new));
    }
    new.modified_by = name;
    // Changing a read state along with other things counts as both.
    let read = new.has(flags::READ) != item.has(flags::READ);
    let changed = tx.changed(new);
    Ok(if read { tx.read_changed(changed.as_ref().clone()) } else { changed })
}

/// A body with more behind it, in the form that it has.
fn appended(whole: Option<(BodyKind, String)>, kind: BodyKind, more: &str) -> (BodyKind, String) {
    match whole {
        None => (kind, more.to_owned()),
        Some((BodyKind::Text, body)) if kind == BodyKind::Text => (kind, body + more),
        Some((BodyKind::Text, body)) => (BodyKind::Html, html::appended(&html::from_text(&body), more)),
        Some((BodyKind::Html, body)) => {
            let more = match kind {
                BodyKind::Html => more.to_owned(),
                BodyKind::Text => {
                    let mut escaped = String::new();
                    html::push_escaped(&mut escaped, more);
                    escaped
                }
            };
            (BodyKind::Html, html::appended(&body, &more))
        }
    }
}
