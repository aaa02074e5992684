//! Plain data: everything an administrator can set. No I/O happens here; the updater owns the file
//! ([`crate::updater::settings_store`]) and everybody else edits a copy.

mod address;

pub use address::{AddressError, SmtpAddress};
