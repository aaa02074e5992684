//! One file an operation.

mod convert_id;
mod create_attachment;
mod create_folder;
mod create_item;
mod delete_attachment;
mod delete_folder;
mod delete_item;
mod empty_folder;
mod expand_dl;
mod find_folder;
mod find_item;
mod get_attachment;
mod get_folder;
mod get_item;
mod get_server_time_zones;
mod get_user_configuration;
mod move_copy_item;
mod resolve_names;
mod send_item;
mod sending;
mod sync_folder_hierarchy;
mod sync_folder_items;
mod time_zones;
mod update_item;

use std::ops::Range;

use roxmltree::Node;

use super::SoapAnswer;
use super::answer::Answer;
use super::problem::{Fault, Problem};
use super::schema::Version;
use super::session::{FolderRef, Session};
use super::settings::Reading;

/// What reading a request needs to know.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub version: Version,
    pub reading: Reading<'a>,
}

/// An operation as it was read from a request; the request itself is gone by the time it is executed.
trait Operation: Sized {
    /// Whether it changes mailboxes.
    const WRITES: bool;

    /// Reads the element, which the schema has found right.
    fn read(node: Node<'_, '_>, context: Context<'_>) -> Result<Self, Fault>;

    /// How many response messages its answer has.
    fn parts(&self) -> usize;

    /// Folders that it names, whose mailboxes must be there.
    fn folders(&self) -> Vec<FolderRef> {
        Vec::new()
    }

    /// Refuses some of its parts when it is executed, where it can do so.
    fn refuse(&mut self, _parts: Range<usize>, _problem: &Problem) {}

    /// Does it. What goes wrong with a part is said in the answer, what goes wrong with all in the fault.
    async fn execute(self, session: &Session<'_>, name: &'static str) -> Result<SoapAnswer, Fault>;
}

macro_rules! operations {
    ($($name:ident => $kind:ty,)+) => {
        /// A request, read.
        pub enum Request {
            $($name(Box<$kind>),)+
        }

        impl Request {
            /// Reads the element of an operation; the name is one that the schema knows.
            pub fn read(name: &str, node: Node<'_, '_>, context: Context<'_>) -> Result<Self, Fault> {
                match name {
                    $(stringify!($name) => Ok(Self::$name(Box::new(<$kind>::read(node, context)?))),)+
                    _ => Err(Problem::new("ErrorInvalidOperation", "The operation is not offered here.").into()),
                }
            }

            pub fn writes(&self) -> bool {
                match self {
                    $(Self::$name(_) => <$kind as Operation>::WRITES,)+
                }
            }

            /// How many response messages its answer has.
            pub fn parts(&self) -> usize {
                match self {
                    $(Self::$name(request) => request.parts(),)+
                }
            }

            /// Refuses some of its parts when it is executed, where it can do so.
            pub fn refuse(&mut self, parts: Range<usize>, problem: &Problem) {
                match self {
                    $(Self::$name(request) => request.refuse(parts, problem),)+
                }
            }

            fn folders(&self) -> Vec<FolderRef> {
                match self {
                    $(Self::$name(request) => request.folders(),)+
                }
            }

            async fn run(self, session: &Session<'_>) -> Result<SoapAnswer, Fault> {
                match self {
                    $(Self::$name(request) => request.execute(session, stringify!($name)).await,)+
                }
            }
        }
    };
}

operations! {
    GetFolder => get_folder::GetFolder,
    FindFolder => find_folder::FindFolder,
    CreateFolder => create_folder::CreateFolder,
    DeleteFolder => delete_folder::DeleteFolder,
    EmptyFolder => empty_folder::EmptyFolder,
    FindItem => find_item::FindItem,
    GetItem => get_item::GetItem,
    CreateItem => create_item::CreateItem,
    UpdateItem => update_item::UpdateItem,
    DeleteItem => delete_item::DeleteItem,
    MoveItem => move_copy_item::MoveItem,
    CopyItem => move_copy_item::CopyItem,
    SendItem => send_item::SendItem,
    CreateAttachment => create_attachment::CreateAttachment,
    GetAttachment => get_attachment::GetAttachment,
    DeleteAttachment => delete_attachment::DeleteAttachment,
    SyncFolderItems => sync_folder_items::SyncFolderItems,
    SyncFolderHierarchy => sync_folder_hierarchy::SyncFolderHierarchy,
    ResolveNames => resolve_names::ResolveNames,
    ExpandDL => expand_dl::ExpandDl,
    GetServerTimeZones => get_server_time_zones::GetServerTimeZones,
    ConvertId => convert_id::ConvertId,
    GetUserConfiguration => get_user_configuration::GetUserConfiguration,
}

impl Request {
    pub async fn execute(self, session: &Session<'_>) -> Result<SoapAnswer, Fault> {
        session.prepare(self.folders().iter()).await?;
        self.run(session).await
    }
}

/// The answer that refuses every part for the same reason.
pub fn refuse_all(name: &'static str, parts: usize, problem: &Problem) -> SoapAnswer {
    let mut answer = Answer::new(name);
    for _ in 0..parts.max(1) {
        answer.error(problem);
    }
    answer.finish()
}

/// The children of a child.
fn list<'a, 'input>(node: Node<'a, 'input>, name: &'static str) -> impl Iterator<Item = Node<'a, 'input>> {
    super::settings::children(node)
        .filter(move |child| child.tag_name().name() == name)
        .flat_map(super::settings::children)
}

/// A child by its name.
fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    super::settings::children(node).find(|child| child.tag_name().name() == name)
}

/// An attribute that says yes or no.
fn yes(node: Node<'_, '_>, name: &str) -> bool {
    node.attribute(name).is_some_and(|text| matches!(text.trim(), "true" | "1"))
}

/// An item id and its change key, as requests give them. Occurrences of appointments don't exist here.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ItemRef {
    id: String,
    change_key: Option<String>,
}

fn item_refs(node: Node<'_, '_>, list_name: &'static str) -> Vec<ItemRef> {
    list(node, list_name).map(item_ref).collect()
}

fn item_ref(node: Node<'_, '_>) -> ItemRef {
    let id =
        node.attribute("Id").or_else(|| node.attribute("RecurringMasterId")).or_else(|| node.attribute("OccurrenceId"));
    let change_key = node.attribute("ChangeKey").filter(|key| !key.is_empty());
    ItemRef { id: id.unwrap_or_default().to_owned(), change_key: change_key.map(str::to_owned) }
}
