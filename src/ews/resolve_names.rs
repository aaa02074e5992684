//! `ResolveNames` (MS-OXWSRSLNM 3.1.4.1): who is meant by a name or an address, by the organisation's directory.

use super::client::Mailbox;
use super::error::EwsError;
use super::item::EmailAddress;

impl Mailbox {
    /// Everybody who fits, at most 100; nobody is an empty list.
    pub async fn resolve_names(&self, entry: &str) -> Result<Vec<EmailAddress>, EwsError> {
        todo!()
    }
}
