//! `FindItem` (MS-OXWSSRCH 3.1.4.2)

use std::cmp::Ordering;
use std::sync::Arc;

use roxmltree::Node;

use super::{Context, Operation, child, list};
use crate::sandbox::ews::SoapAnswer;
use crate::sandbox::ews::answer::Answer;
use crate::sandbox::ews::aqs;
use crate::sandbox::ews::fields::Field;
use crate::sandbox::ews::folders;
use crate::sandbox::ews::mapi::View;
use crate::sandbox::ews::paths::Path;
use crate::sandbox::ews::problem::{Fault, Problem};
use crate::sandbox::ews::query::{self, Kind};
use crate::sandbox::ews::render::Picture;
use crate::sandbox::ews::restriction::Restriction;
use crate::sandbox::ews::session::{FolderRef, Session};
use crate::sandbox::ews::settings::text;
use crate::sandbox::ews::shape::ItemShape;
use crate::sandbox::ews::view::{Page, Part};
use crate::sandbox::store::model::{Folder, Item, flags};
use crate::sandbox::store::property::{BaseType, PropertyName, Scalar};
use crate::sandbox::store::state::State;

pub struct FindItem {
    search: Result<Search, Problem>,
    parents: Vec<FolderRef>,
}

struct Search {
    shape: ItemShape,
    traversal: Traversal,
    page: Page,
    /// What the first item of the page must fulfil (`SeekToConditionPageItemView`).
    seek: Option<Restriction>,
    calendar_view: bool,
    restriction: Option<Restriction>,
    /// Paths, and whether descending.
    order: Vec<(Path, bool)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Traversal {
    Shallow,
    SoftDeleted,
    Associated,
}

/// What was found in one folder.
struct Found {
    folder: Arc<Folder>,
    guid: String,
    items: Vec<Arc<Item>>,
    part: Part,
}

impl Search {
    fn read(node: Node<'_, '_>, context: Context<'_>) -> Result<Self, Problem> {
        if child(node, "GroupBy").or_else(|| child(node, "DistinguishedGroupBy")).is_some() {
            return Err(Problem::new("ErrorInvalidOperation", "Grouped results are not offered here."));
        }
        let shape = child(node, "ItemShape").map(|shape| ItemShape::read(shape, context.version, true));
        let mut restriction = child(node, "Restriction").map(Restriction::read).transpose()?;
        if let Some(query) = child(node, "QueryString").map(text).filter(|query| !query.trim().is_empty()) {
            let query = aqs::read(&query)?;
            restriction = Some(match restriction {
                Some(restriction) => Restriction::And(vec![restriction, query]),
                None => query,
            });
        }
        let order = |field: Node<'_, '_>| {
            let path = Path::child(field)?;
            match Kind::of(&path) {
                Some(_) => Ok((path, field.attribute("Order") == Some("Descending"))),
                None => Err(Problem::new(
                    "ErrorUnsupportedPathForSortGroup",
                    "The path is not supported for sorting and grouping.",
                )
                .about(&path.xml())),
            }
        };
        let traversal = match node.attribute("Traversal") {
            Some("SoftDeleted") => Traversal::SoftDeleted,
            Some("Associated") => Traversal::Associated,
            _ => Traversal::Shallow,
        };
        let seek = child(node, "SeekToConditionPageItemView").and_then(|view| child(view, "Condition"));
        Ok(Self {
            shape: shape.transpose()?.unwrap_or_default(),
            traversal,
            page: Page::read(node)?,
            seek: seek.map(Restriction::read).transpose()?,
            calendar_view: child(node, "CalendarView").is_some(),
            restriction,
            order: list(node, "SortOrder").map(order).collect::<Result<_, _>>()?,
        })
    }

    /// Items of a folder that may match: all that do, when no bodies have to be read.
    fn candidates(&self, state: &State, folder: &Folder, guid: &str) -> Vec<Arc<Item>> {
        let there = |item: &&Arc<Item>| match self.traversal {
            Traversal::Shallow => item.folder() == Some(folder.number) && !item.has(flags::ASSOCIATED),
            Traversal::Associated => item.folder() == Some(folder.number) && item.has(flags::ASSOCIATED),
            Traversal::SoftDeleted => item.deleted_from == Some(folder.number),
        };
        let matches = |item: &&Arc<Item>| match &self.restriction {
            Some(restriction) if !restriction.needs_content() => {
                restriction.matches(View { item, guid, content: None })
            }
            _ => true,
        };
        let wanted = |item: &&Arc<Item>| there(item) && matches(item);
        let dumpster = state.distinguished(folder.mailbox, "recoverableitemsdeletions").map(|folder| folder.number);
        match self.indexed(state, folder) {
            Some(indexed) => indexed.into_iter().filter(wanted).cloned().collect(),
            None if self.traversal == Traversal::SoftDeleted => {
                dumpster.into_iter().flat_map(|dumpster| state.items_in(dumpster)).filter(wanted).cloned().collect()
            }
            None => state.items_in(folder.number).filter(wanted).cloned().collect(),
        }
    }

    /// What an index has for conditions of which every match fulfils one.
    fn indexed<'a>(&self, state: &'a State, folder: &Folder) -> Option<Vec<&'a Arc<Item>>> {
        let mut keys = self.restriction.as_ref()?.keys().into_iter();
        let mut items = Self::indexed_by(state, folder, keys.next()?)?;
        for key in keys {
            items.extend(Self::indexed_by(state, folder, key)?);
        }
        // One that fulfils two of them is one item.
        items.sort_unstable_by_key(|item| item.number);
        items.dedup_by_key(|item| item.number);
        Some(items)
    }

    fn indexed_by<'a>(state: &'a State, folder: &Folder, (path, text): (&Path, &str)) -> Option<Vec<&'a Arc<Item>>> {
        match path {
            Path::Field(Field::InternetMessageId) => Some(state.with_message_id(folder.mailbox, text).collect()),
            Path::Extended(key) => match (&key.name, key.kind.base) {
                (PropertyName::Tag(0x1035), BaseType::String) => {
                    Some(state.with_message_id(folder.mailbox, text).collect())
                }
                (name @ (PropertyName::Named(..) | PropertyName::Id(..)), BaseType::String) if !key.kind.array => {
                    state.with_named(folder.mailbox, name, text)
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// Puts the items in order: as asked for, else newest first.
    fn sort(&self, items: &mut [Arc<Item>], guid: &str) {
        if self.order.is_empty() {
            items.sort_by_key(|item| std::cmp::Reverse((item.received.unwrap_or(item.created), item.number)));
            return;
        }
        let first =
            |item: &Item, path: &Path| query::values(View { item, guid, content: None }, path).into_iter().next();
        items.sort_by(|left, right| {
            let orders = self.order.iter().map(|(path, descending)| {
                let order = compare(first(left, path).as_ref(), first(right, path).as_ref());
                if *descending { order.reverse() } else { order }
            });
            orders.fold(Ordering::Equal, Ordering::then).then(left.number.cmp(&right.number))
        });
    }

    async fn find(&self, session: &Session<'_>, reference: &FolderRef) -> Result<Found, Problem> {
        let store = &session.service.store;
        let (folder, guid, mut items) = store.read(|state| {
            let folder = session.folder(state, reference)?;
            let guid = state.mailbox(folder.mailbox).map(|mailbox| mailbox.guid.clone()).unwrap_or_default();
            let items = self.candidates(state, &folder, &guid);
            Ok::<_, Problem>((folder, guid, items))
        })?;
        let most = session.service.limits.max_restriction;
        if self.restriction.as_ref().is_some_and(|restriction| restriction.nodes() > most) {
            return Err(Problem::new("ErrorRestrictionTooComplex", "The restriction is too complex."));
        }
        if self.calendar_view && !folder.class.starts_with("IPF.Appointment") {
            return Err(Problem::new(
                "ErrorCalendarFolderIsInvalidForCalendarView",
                "Calendar views can be used with calendar folders only.",
            ));
        }
        if let Some(restriction) = self.restriction.as_ref().filter(|restriction| restriction.needs_content()) {
            let mut matching = Vec::new();
            for item in items {
                let content = store.content(item.number).await?;
                if restriction.matches(View { item: &item, guid: &guid, content: Some(&content) }) {
                    matching.push(item);
                }
            }
            items = matching;
        }
        self.sort(&mut items, &guid);
        let limit = usize::try_from(session.service.limits.max_find).unwrap_or(usize::MAX);
        if !self.page.is_bounded() && items.len() > limit {
            return Err(Problem::new(
                "ErrorExceededFindCountLimit",
                "Exceeded the maximum number of items that a Find operation returns. Use a paged view.",
            )
            .with_value("PolicyLimit", &limit.to_string()));
        }
        let mut page = self.page;
        if let Some(seek) = &self.seek {
            let at = items.iter().position(|item| seek.matches(View { item, guid: &guid, content: None }));
            if let Page::Indexed { offset, .. } = &mut page {
                *offset = at.unwrap_or(items.len());
            }
        }
        let part = page.of(items.len(), limit);
        items = items.get(part.range.clone()).map(<[_]>::to_vec).unwrap_or_default();
        Ok(Found { folder, guid, items, part })
    }
}

/// What has no value comes first.
fn compare(left: Option<&Scalar>, right: Option<&Scalar>) -> Ordering {
    match (left, right) {
        (Some(left), Some(right)) => query::compare(left, right).unwrap_or(Ordering::Equal),
        (left, right) => left.is_some().cmp(&right.is_some()),
    }
}

impl Operation for FindItem {
    const WRITES: bool = false;

    fn read(node: Node<'_, '_>, context: Context<'_>) -> Result<Self, Fault> {
        let parents = child(node, "ParentFolderIds").map(folders::references).unwrap_or_default();
        Ok(Self { search: Search::read(node, context), parents })
    }

    fn parts(&self) -> usize {
        self.parents.len()
    }

    fn folders(&self) -> Vec<FolderRef> {
        self.parents.clone()
    }

    async fn execute(self, session: &Session<'_>, name: &'static str) -> Result<SoapAnswer, Fault> {
        let search = match &self.search {
            Ok(search) => search,
            Err(problem) => return Ok(super::refuse_all(name, self.parents.len(), problem)),
        };
        let mut answer = Answer::new(name);
        for reference in &self.parents {
            let found = match search.find(session, reference).await {
                Ok(found) => found,
                Err(problem) => {
                    answer.error(&problem);
                    continue;
                }
            };
            let mut contents = Vec::new();
            if search.shape.needs_content() {
                for item in &found.items {
                    contents.push(session.service.store.content(item.number).await?);
                }
            }
            answer.success(|xml| {
                let attributes: Vec<_> =
                    found.part.attributes.iter().map(|(name, value)| (*name, value.as_str())).collect();
                xml.open_with("m:RootFolder", &attributes);
                xml.open("t:Items");
                for (at, item) in found.items.iter().enumerate() {
                    let picture = Picture {
                        view: View { item, guid: &found.guid, content: contents.get(at) },
                        directory: &session.service.directory,
                        version: session.version,
                        shape: &search.shape,
                        parent: Some(&found.folder),
                        root: item.number,
                        way: &[],
                        mime: None,
                    };
                    picture.write(xml);
                }
                xml.close("t:Items");
                xml.close("m:RootFolder");
            });
        }
        Ok(answer.finish())
    }
}
