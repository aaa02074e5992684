//! Whom rights can be given to: an account by any of its names.

use super::super::client::Directory;
use super::super::entry::Entry;
use super::super::error::DirectoryError;
use super::super::session::{Base, Search};
use super::super::sid::Sid;
use super::super::{dn, filter};

/// An account of a user, a computer or a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KnownAccount {
    /// As people and sign-ins name it: the user principal name, else `NAME$@domain`.
    pub name: String,
    pub sid: Sid,
    pub disabled: bool,
}

impl Directory {
    /// The accounts of this name: `name@domain`, `DOMAIN\\name` of the own domain, or `name`, which for a computer may end
    /// with `$`. Looked for in the own domain, and in that of a user principal name when it is another.
    pub(crate) async fn accounts_named(&self, name: &str) -> Result<Vec<KnownAccount>, DirectoryError> {
        let name = name.trim();
        let plain = name.rsplit_once('\\').map_or(name, |(_, name)| name);
        let (before, suffix) = plain.rsplit_once('@').unwrap_or((plain, ""));
        let here = suffix.is_empty() || suffix.eq_ignore_ascii_case(self.domain());
        let named = |name: &str, of_domain: bool| {
            let upn = filter::equals("userPrincipalName", name);
            let account = of_domain.then(|| filter::equals("sAMAccountName", before));
            format!("(&(objectClass=user){})", filter::any(std::iter::once(upn).chain(account)))
        };
        let attributes = ["sAMAccountName", "userPrincipalName", "objectSid", "userAccountControl"];
        let looked = named(plain, here);
        let mut found = self.own().all(&Search::subtree(Base::Domain, &looked, &attributes)).await?;
        if found.is_empty() && !here && self.is_location(suffix).await? {
            let looked = named(plain, true);
            found = self.of(suffix).all(&Search::subtree(Base::Domain, &looked, &attributes)).await?;
        }
        Ok(found.iter().filter_map(known).collect())
    }

    /// Whose SID it is, as people are told; the SID itself when nobody in the own domain has it.
    pub(crate) async fn name_of_sid(&self, sid: &Sid) -> Result<String, DirectoryError> {
        let known = [("S-1-1-0", "Everyone"), ("S-1-5-11", "Authenticated Users"), ("S-1-5-18", "SYSTEM")];
        let text = sid.to_string();
        if let Some((_, name)) = known.iter().find(|(known, _)| *known == text) {
            return Ok((*name).to_owned());
        }
        let filter = format!("(objectSid={})", sid.filter());
        let found = self.own().all(&Search::subtree(Base::Domain, &filter, &["sAMAccountName"])).await?;
        Ok(found.first().and_then(|entry| entry.text("sAMAccountName")).unwrap_or(text))
    }

    /// The SID of the own domain.
    pub(crate) async fn domain_sid(&self) -> Result<Sid, DirectoryError> {
        let domain = self.own().object(Base::Domain, &["objectSid"]).await?;
        let unreadable = || DirectoryError::NoSuchObject { name: format!("{} with its SID", self.domain()) };
        domain.and_then(|domain| domain.sid()).ok_or_else(unreadable)
    }
}

fn known(entry: &Entry) -> Option<KnownAccount> {
    /// `ACCOUNTDISABLE`
    const DISABLED: i64 = 0x2;
    let account = || Some(format!("{}@{}", entry.text("sAMAccountName")?, dn::domain(&entry.dn)));
    Some(KnownAccount {
        name: entry.text("userPrincipalName").or_else(account)?,
        sid: entry.sid()?,
        disabled: entry.number("userAccountControl").unwrap_or(0) & DISABLED != 0,
    })
}
