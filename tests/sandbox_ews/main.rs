//! Exchange Web Services of the sandbox, asked in literal SOAP (`fixtures/sandbox`).
//!
//! With `SIU_RECORD` set to a folder, every answer is written there, for validation against Microsoft's schema.

mod attachments;
mod envelope;
mod folders;
mod impersonation;
mod items;
mod names;
mod organisation;
mod search;
mod sending;
mod synchronisation;
mod updates;
