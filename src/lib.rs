//! Sent Items Update brings the sender's copy of a message in *Sent Items* up to date with the message as
//! the server processed it.
//!
//! The rooms, from the ground floor up. `ARCHITECTURE.md` draws who may import whom.
//!
//! | module | what it is for |
//! |---|---|
//! | [`settings`] | plain data: what an administrator can set. No I/O. |
//! | [`message`] | the processed message: parse, identify, classify. No I/O. |
//! | [`ews`] | client of Exchange Web Services, one file an operation |
//! | [`directory`] | Active Directory over LDAP |
//! | [`management`] | Exchange's administration: role assignments and role groups |
//! | [`enrolment`] | an updater gets its share in the organisation's configuration, and loses it |
//! | [`setup`] | the wizard's engine: answers → steps → report |
//! | [`updater`] | the service: intake, queue, engine, schedule |
//! | [`pipe`] | the local API that both programs share |
//! | [`sandbox`] | an embedded Exchange-like organisation; knows nothing of our client |
//! | [`secret`] | the account's password at rest |
//! | [`service`] | the updater as a service of the system: Windows' service manager, systemd |
//! | `rights` | who may reach what is the updater's |
//! | `name_service`, `tls` | how names are asked for, and what is wrong with a certificate: for all clients |
//! | [`cli`] | the command line of `siu-updater`, one file a command |
//! | [`demo`] | the whole product on sample mail, in one go |
//! | `panel` | the Administration Panel (feature `panel`) |

pub mod cli;
pub mod demo;
pub mod directory;
pub mod enrolment;
pub mod ews;
pub mod management;
pub mod message;
mod name_service;
pub mod organisation;
#[cfg(feature = "panel")]
pub mod panel;
pub mod pipe;
mod rights;
pub mod sandbox;
pub mod secret;
#[cfg(test)]
mod security_page;
pub mod service;
pub mod settings;
pub mod setup;
mod tls;
pub mod updater;
