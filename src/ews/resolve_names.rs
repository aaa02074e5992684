//! `ResolveNames` (MS-OXWSRSLNM 3.1.4.1): who is meant by a name or an address, by the organisation's directory.

use super::client::Mailbox;
use super::error::EwsError;
use super::item::EmailAddress;
use super::response_code::ResponseCode;
use super::soap::item::read_mailboxes;
use super::soap::read::Ns;

impl Mailbox {
    /// Everybody who fits, at most 100; nobody is an empty list.
    pub async fn resolve_names(&self, entry: &str) -> Result<Vec<EmailAddress>, EwsError> {
        let mut request = self.envelope();
        request.start("m:ResolveNames").attribute("ReturnFullContactData", "false");
        request.attribute("SearchScope", "ActiveDirectory").element("m:UnresolvedEntry", entry).end();
        let resolved = self.call_for_one("ResolveNames", request, |reader, element, people| {
            if element.name() == (Ns::Messages, "ResolutionSet") {
                let people = people.get_or_insert_with(Vec::new);
                reader.children(|reader, _| {
                    people.extend(read_mailboxes(reader)?);
                    Ok(())
                })?;
            }
            Ok(())
        });
        match resolved.await {
            Err(EwsError::Response(refusal)) if refusal.code == ResponseCode::ErrorNameResolutionNoResults => {
                Ok(Vec::new())
            }
            result => result,
        }
    }
}
