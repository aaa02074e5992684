//! Whether the person configuring is in Domain Admins (W12).

use super::super::client::{Directory, SignIn};
use super::super::error::DirectoryError;
use super::super::filter;
use super::super::session::{Base, Search};
use super::super::sid::Sid;

/// Relative number of the group Domain Admins in every domain.
pub(crate) const DOMAIN_ADMINS: u32 = 512;

impl Directory {
    /// The name of whoever is signed in, and whether Domain Admins is among the groups that this user belongs to,
    /// directly or through others (W12).
    pub async fn is_domain_admin(&self) -> Result<(String, bool), DirectoryError> {
        let own = self.own();
        let admins = self.domain_sid().await?.with(DOMAIN_ADMINS);
        // What the controller itself goes by for this connection: the user, then all groups with nested ones.
        let token = own.object(Base::Root, &["tokenGroups"]).await?;
        let token: Vec<Sid> =
            token.iter().flat_map(|root| root.values("tokenGroups")).filter_map(|sid| Sid::read(sid)).collect();
        if let Some(user) = token.first() {
            let name = self.name_of(&format!("(objectSid={})", user.filter())).await?;
            return Ok((name.unwrap_or_else(|| self.sign_in().name().to_owned()), token.contains(&admins)));
        }
        let SignIn::Password { upn, .. } = self.sign_in() else {
            return Err(DirectoryError::NoSuchObject { name: "of the logged-on user".to_owned() });
        };
        let name = self.name_of(&filter::equals("userPrincipalName", upn)).await?.unwrap_or_else(|| upn.clone());
        Ok((name, self.is_member(upn, &admins).await?))
    }

    async fn name_of(&self, filter: &str) -> Result<Option<String>, DirectoryError> {
        let search = Search::subtree(Base::Domain, filter, &["userPrincipalName", "sAMAccountName"]);
        let found = self.own().all(&search).await?;
        let name = |entry: &super::super::entry::Entry| {
            entry
                .text("userPrincipalName")
                .or_else(|| entry.text("sAMAccountName").map(|name| format!("{name}@{}", self.domain())))
        };
        Ok(found.first().and_then(name))
    }

    /// By the rule, and by the primary group, where the controller tells no token.
    async fn is_member(&self, upn: &str, group: &Sid) -> Result<bool, DirectoryError> {
        let own = self.own();
        let filter = format!("(&(objectCategory=group)(objectSid={}))", group.filter());
        let found = own.all(&Search::subtree(Base::Domain, &filter, &["objectSid"])).await?;
        let Some(group) = found.first() else { return Ok(false) };
        let below = filter::members_of(&group.dn);
        let nested =
            own.all(&Search::subtree(Base::Domain, &format!("(&{}{below})", filter::GROUPS), &["objectSid"])).await?;
        let numbers = found.iter().chain(&nested).filter_map(|group| group.sid()?.relative_in_domain());
        let primary: String = numbers.map(|number| format!("(primaryGroupID={number})")).collect();
        let user = filter::equals("userPrincipalName", upn);
        let filter = format!("(&{}{user}(|{below}{primary}))", filter::USERS);
        Ok(!own.all(&Search::subtree(Base::Domain, &filter, &["objectGUID"])).await?.is_empty())
    }
}
