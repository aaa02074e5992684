//! Client of Exchange Web Services, one file an operation.
//!
//! ```text
//! Client ── Mailbox ─┬─ find_item … resolve_names   an operation each: writes its request, reads its answer
//!                    ├─ soap/        envelopes: written into pieces, read as a stream of events
//!                    ├─ auth/        ways to sign in: Negotiate, NTLM, Basic, OAuth 2.0
//!                    └─ transport    HTTP: connections, limits, sign-in, what an HTTP status means
//! ```
//!
//! Operations and properties have the names that they have in the protocol, so that its documentation (MS-OXWS…)
//! applies word for word. Every request is sent once; what to do after an error is for the caller to decide, by
//! [`EwsError::class`].

pub mod auth;
pub mod autodiscover;
mod client;
mod copy_item;
mod create_attachment;
mod create_item;
mod delete_attachment;
mod delete_item;
mod error;
mod explain;
mod find_folder;
mod find_item;
mod get_attachment;
mod get_folder;
mod get_item;
mod ids;
mod item;
mod move_item;
mod property;
mod resolve_names;
mod response_code;
mod soap;
#[cfg(test)]
mod tests;
mod transport;
mod update_item;

pub use crate::tls::TlsProblem;
pub use auth::{KerberosRefusal, SignInProblem, TicketRefusal};
pub use client::{AnswerLimits, Client, ClientError, Credentials, Endpoint, Mailbox};
pub use create_attachment::{CreatedAttachments, NewAttachment, NewContent};
pub use create_item::CreateItem;
pub use delete_item::DeleteType;
pub use error::{At, ConnectProblem, ErrorClass, EwsError, Malformed, Refusal};
pub use explain::{Concern, Explanation};
pub use find_folder::{FindFolder, FolderTraversal, FoundFolders};
pub use find_item::{
    ContainmentComparison, ContainmentMode, FindItem, FoundItems, ItemTraversal, Restriction, SortDirection,
};
pub use get_attachment::AttachmentContent;
pub use get_folder::Folder;
pub use get_item::{BaseShape, BodyTypeResponse, ItemShape};
pub use ids::{AttachmentId, DistinguishedFolder, FolderId, ItemId};
pub use item::{
    AttachmentInfo, AttachmentKind, BodyType, EmailAddress, Flag, FlagStatus, Importance, Item, ItemBody, Sensitivity,
};
pub use property::{
    DistinguishedPropertySet, ExtendedPropertyUri, FieldUri, Property, PropertyPath, PropertySet, PropertyType,
};
pub use response_code::ResponseCode;
pub use soap::ServerVersion;
pub(crate) use transport::failure::in_words;
pub(crate) use transport::trust;
pub use update_item::{Change, ConflictResolution, UpdateItem};
