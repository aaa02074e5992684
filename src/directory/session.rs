//! A signed-in connection, and what is asked and changed over it.
//!
//! Referrals are not followed, deliberately: whoever sends us elsewhere would get our sign-in there. Domains are
//! searched one by one instead, each over a connection to its own controllers.

use std::collections::HashSet;
use std::sync::Arc;

use ldap3::asn1::{PL, parse_tag};
use ldap3::controls::{ControlType, PagedResults, RawControl};
use ldap3::{Ldap, LdapError, LdapResult, Mod, Scope, SearchOptions};

use super::connection::{Peer, SignIn, Way, said};
use super::dn;
use super::entry::Entry;
use super::error::{DirectoryError, Limit};

/// Asks a controller to name no other domains beside what it finds (`LDAP_SERVER_DOMAIN_SCOPE_OID`).
const DOMAIN_SCOPE: &str = "1.2.840.113556.1.4.1339";

/// Asks for names with the GUIDs of the objects (`LDAP_SERVER_EXTENDED_DN_OID`).
const EXTENDED_DN: &str = "1.2.840.113556.1.4.529";

/// Which parts of a security descriptor are meant (`LDAP_SERVER_SD_FLAGS_OID`).
const SD_FLAGS: &str = "1.2.840.113556.1.4.801";

/// Where a controller keeps what, as distinguished names.
#[derive(Debug, Clone, Default)]
pub(super) struct Root {
    pub domain: String,
    pub configuration: String,
    pub schema: String,
}

#[derive(Clone)]
pub(crate) struct Session(Arc<Inner>);

struct Inner {
    ldap: Ldap,
    peer: Peer,
    account: String,
    root: Root,
}

/// Where to search.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Base<'a> {
    /// What the controller says about itself.
    Root,
    /// The domain's own objects.
    Domain,
    /// Under this name within the domain: `CN=System`.
    InDomain(&'a str),
    /// Under this name within the configuration of the forest.
    InConfiguration(&'a str),
    Schema,
    Object(&'a str),
}

/// A question.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Search<'a> {
    pub base: Base<'a>,
    pub scope: Scope,
    pub filter: &'a str,
    pub attributes: &'a [&'a str],
    /// Names of objects come with their GUIDs, see [`super::dn::extended`].
    pub extended_names: bool,
    /// `nTSecurityDescriptor` is asked for: of it, who may do what. The rest is for administrators' eyes alone, and asking
    /// for it would get nothing.
    pub rights: bool,
}

impl<'a> Search<'a> {
    pub fn subtree(base: Base<'a>, filter: &'a str, attributes: &'a [&'a str]) -> Self {
        Self { base, scope: Scope::Subtree, filter, attributes, extended_names: false, rights: false }
    }

    pub fn below(base: Base<'a>, filter: &'a str, attributes: &'a [&'a str]) -> Self {
        Self { base, scope: Scope::OneLevel, filter, attributes, extended_names: false, rights: false }
    }

    pub fn object(base: Base<'a>, attributes: &'a [&'a str]) -> Self {
        Self { base, scope: Scope::Base, filter: "(objectClass=*)", attributes, extended_names: false, rights: false }
    }
}

/// Objects on a page when all are wanted; Active Directory gives no more.
pub(super) const FULL_PAGE: u32 = 1000;

impl Session {
    /// Connects, signs in, and asks the controller who it is.
    pub(super) async fn open(way: &Way<'_>, sign_in: &SignIn, domain: &str) -> Result<Self, DirectoryError> {
        let (ldap, peer) = way.sign_in(sign_in).await?;
        let account = sign_in.name().to_owned();
        let mut inner = Inner { ldap, peer, account, root: Root::default() };
        let attributes = ["defaultNamingContext", "configurationNamingContext", "schemaNamingContext"];
        let found = Self::page_of(&inner, &Search::object(Base::Root, &attributes), None).await?.0;
        let text = |name: &str| found.first().and_then(|root| root.text(name));
        let domain_dn = text("defaultNamingContext")
            .ok_or_else(|| inner.peer.malformed("who are you", "it is no controller of a domain"))?;
        let own = dn::domain(&domain_dn);
        if !own.eq_ignore_ascii_case(domain) {
            return Err(DirectoryError::Settings(format!(
                "{} is a domain controller of {own}, not of {domain}",
                inner.peer.controller
            )));
        }
        inner.root = Root {
            configuration: text("configurationNamingContext")
                .unwrap_or_else(|| format!("CN=Configuration,{domain_dn}")),
            schema: text("schemaNamingContext").unwrap_or_default(),
            domain: domain_dn,
        };
        Ok(Self(Arc::new(inner)))
    }

    pub fn is_open(&self) -> bool {
        !self.0.ldap.clone().is_closed()
    }

    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub fn controller(&self) -> &str {
        &self.0.peer.controller
    }

    /// All that is found, page by page.
    pub async fn all(&self, search: &Search<'_>) -> Result<Vec<Entry>, DirectoryError> {
        if search.scope == Scope::Base {
            return Ok(Self::page_of(&self.0, search, None).await?.0);
        }
        let (mut all, mut cookie) = (Vec::new(), Vec::new());
        loop {
            let (page, next) = self.page(search, FULL_PAGE, cookie).await?;
            all.extend(page);
            cookie = next;
            if cookie.is_empty() {
                return Ok(all);
            }
        }
    }

    /// A page, and the cookie that leads to the next; an empty one begins and ends.
    pub async fn page(
        &self,
        search: &Search<'_>,
        size: u32,
        cookie: Vec<u8>,
    ) -> Result<(Vec<Entry>, Vec<u8>), DirectoryError> {
        Self::page_of(&self.0, search, Some((size, cookie))).await
    }

    async fn page_of(
        inner: &Inner,
        search: &Search<'_>,
        paging: Option<(u32, Vec<u8>)>,
    ) -> Result<(Vec<Entry>, Vec<u8>), DirectoryError> {
        const DOING: &str = "searching";
        let root = &inner.root;
        let base = match search.base {
            Base::Root => String::new(),
            Base::Domain => root.domain.clone(),
            Base::InDomain(name) => format!("{name},{}", root.domain),
            Base::InConfiguration(name) => format!("{name},{}", root.configuration),
            Base::Schema => root.schema.clone(),
            Base::Object(dn) => dn.to_owned(),
        };
        let within = inner.peer.timeouts.operation;
        let mut ldap = inner.ldap.clone();
        let mut controls = Vec::new();
        if !matches!(search.base, Base::Root) {
            controls.push(RawControl { ctype: DOMAIN_SCOPE.to_owned(), crit: false, val: None });
        }
        if search.extended_names {
            // SEQUENCE { flag INTEGER 1 }: GUIDs and SIDs as text
            let val = Some(vec![0x30, 3, 2, 1, 1]);
            controls.push(RawControl { ctype: EXTENDED_DN.to_owned(), crit: false, val });
        }
        if search.rights {
            controls.push(rights_only());
        }
        if let Some((size, cookie)) = paging {
            controls.push(PagedResults { size: i32::try_from(size).unwrap_or(i32::MAX), cookie }.into());
        }
        ldap.with_controls(controls);
        // The controller, too, shall stop by then.
        let seconds = i32::try_from(within.as_secs()).unwrap_or(i32::MAX).max(1);
        ldap.with_search_options(SearchOptions::new().timelimit(seconds));
        let asking = async {
            let mut stream = ldap.streaming_search(&base, search.scope, search.filter, search.attributes).await?;
            let mut unanswered = AbandonOnDrop::new(&inner.ldap, stream.ldap_handle().last_id());
            let mut found = Vec::new();
            while let Some(entry) = stream.next().await? {
                // References to other domains are not followed.
                if !entry.is_ref() && !entry.is_intermediate() {
                    found.push(entry);
                }
            }
            unanswered.answered();
            Ok::<_, LdapError>((found, stream.finish().await))
        };
        let (found, result) = inner.peer.answer(DOING, within, asking).await?;
        if let Some(error) = trouble(inner, DOING, &base, &result) {
            return Err(error);
        }
        let entries: Option<Vec<Entry>> = found.into_iter().map(Entry::read).collect();
        let entries = entries.ok_or_else(|| inner.peer.malformed(DOING, "an entry can't be read"))?;
        let cookie = cookie(&result).ok_or_else(|| inner.peer.malformed(DOING, "the paging can't be read"))?;
        Ok((entries, cookie))
    }

    /// A `nTSecurityDescriptor` among the attributes says who may do what, and leaves the owner to the controller.
    pub async fn add(&self, dn: &str, attributes: Vec<(&str, Vec<u8>)>) -> Result<(), ChangeError> {
        // ldap3 wants several values of one attribute together.
        let mut sorted: Vec<(Vec<u8>, HashSet<Vec<u8>>)> = Vec::new();
        for (name, value) in attributes {
            match sorted.iter_mut().find(|(known, _)| known == name.as_bytes()) {
                Some((_, values)) => drop(values.insert(value)),
                None => sorted.push((name.as_bytes().to_vec(), HashSet::from([value]))),
            }
        }
        let mut ldap = self.0.ldap.clone();
        if sorted.iter().any(|(name, _)| name == RIGHTS.as_bytes()) {
            ldap.with_controls(rights_only());
        }
        self.change("creating", dn, ldap.add(dn, sorted)).await
    }

    /// All of these or nothing, in this order.
    pub async fn modify(&self, dn: &str, changes: Vec<Change<'_>>) -> Result<(), ChangeError> {
        let changes = changes.into_iter().map(|change| match change {
            Change::Add(name, values) => Mod::Add(name.as_bytes().to_vec(), values.into_iter().collect()),
            Change::Remove(name, values) => Mod::Delete(name.as_bytes().to_vec(), values.into_iter().collect()),
            Change::Replace(name, values) => Mod::Replace(name.as_bytes().to_vec(), values.into_iter().collect()),
        });
        let mut ldap = self.0.ldap.clone();
        self.change("changing", dn, ldap.modify(dn, changes.collect())).await
    }

    /// Replaces who may do what with an object.
    pub async fn set_rights(&self, dn: &str, rights: Vec<u8>) -> Result<(), ChangeError> {
        let mut ldap = self.0.ldap.clone();
        ldap.with_controls(rights_only());
        let change = Mod::Replace(RIGHTS.as_bytes().to_vec(), HashSet::from([rights]));
        self.change("changing who may do what", dn, ldap.modify(dn, vec![change])).await
    }

    pub async fn delete(&self, dn: &str) -> Result<(), ChangeError> {
        let mut ldap = self.0.ldap.clone();
        self.change("deleting", dn, ldap.delete(dn)).await
    }

    pub async fn replace(&self, dn: &str, attributes: Vec<(&str, Vec<u8>)>) -> Result<(), ChangeError> {
        let changes =
            attributes.into_iter().map(|(name, value)| Mod::Replace(name.as_bytes().to_vec(), HashSet::from([value])));
        let mut ldap = self.0.ldap.clone();
        self.change("changing", dn, ldap.modify(dn, changes.collect())).await
    }

    async fn change(
        &self,
        doing: &'static str,
        dn: &str,
        change: impl Future<Output = Result<LdapResult, LdapError>>,
    ) -> Result<(), ChangeError> {
        let within = self.0.peer.timeouts.operation;
        let result = self.0.peer.answer(doing, within, change).await?;
        match (result.rc, trouble(&self.0, doing, dn, &result)) {
            (_, None) => Ok(()),
            // constraintViolation and unwillingToPerform: the password is not what the policy wants.
            (19 | 53, Some(error)) if said(&result).contains("0000052D") => Err(ChangeError::Policy(error)),
            (19, Some(error)) if said(&result).contains("000021C8") => Err(ChangeError::Exists(error)),
            (16, Some(error)) => Err(ChangeError::Different(error)),
            (20 | 68, Some(error)) => Err(ChangeError::Exists(error)),
            (_, Some(error)) => Err(ChangeError::Other(error)),
        }
    }
}

/// The attribute that holds who may do what with an object.
pub(crate) const RIGHTS: &str = "nTSecurityDescriptor";

/// `DACL_SECURITY_INFORMATION`: SEQUENCE { flags INTEGER 4 }
fn rights_only() -> RawControl {
    RawControl { ctype: SD_FLAGS.to_owned(), crit: true, val: Some(vec![0x30, 3, 2, 1, 4]) }
}

/// A change of one attribute.
#[derive(Debug, Clone)]
pub(crate) enum Change<'a> {
    /// Values that are not there.
    Add(&'a str, Vec<Vec<u8>>),
    /// Values that are there: that is what the change depends on.
    Remove(&'a str, Vec<Vec<u8>>),
    /// Whatever is there.
    Replace(&'a str, Vec<Vec<u8>>),
}

/// Why a change did not come about.
#[derive(Debug)]
pub(crate) enum ChangeError {
    /// An object of this name, or with this UPN in the forest, or the value is there already.
    Exists(DirectoryError),
    /// A value that was to be removed is not there.
    Different(DirectoryError),
    /// The password does not meet the domain's policy.
    Policy(DirectoryError),
    Other(DirectoryError),
}

impl ChangeError {
    /// The same, told without its meaning.
    pub fn plain(self) -> DirectoryError {
        match self {
            Self::Exists(error) | Self::Different(error) | Self::Policy(error) | Self::Other(error) => error,
        }
    }
}

impl From<DirectoryError> for ChangeError {
    fn from(error: DirectoryError) -> Self {
        Self::Other(error)
    }
}

fn trouble(inner: &Inner, doing: &'static str, object: &str, result: &LdapResult) -> Option<DirectoryError> {
    let controller = inner.peer.controller.clone();
    let limit = |limit| DirectoryError::Limit { controller: controller.clone(), limit };
    Some(match result.rc {
        0 => return None,
        3 => limit(Limit::Time),
        4 => limit(Limit::Size),
        11 => limit(Limit::Administrative),
        10 => DirectoryError::Referral { controller, to: result.refs.first().cloned().unwrap_or_default() },
        32 => DirectoryError::NoSuchObject { name: object.to_owned() },
        50 => DirectoryError::Denied { account: inner.account.clone(), doing, said: said(result) },
        51 | 52 => DirectoryError::Busy { controller, said: said(result) },
        code => DirectoryError::Refused { controller, doing, code, said: said(result) },
    })
}

/// The cookie in a result; empty when there is none. ldap3's own reader panics over a malformed one.
fn cookie(result: &LdapResult) -> Option<Vec<u8>> {
    let Some(control) = result.ctrls.iter().find(|control| matches!(control.0, Some(ControlType::PagedResults))) else {
        return Some(Vec::new());
    };
    let (_, tag) = parse_tag(control.1.val.as_deref()?).ok()?;
    match tag.expect_constructed()?.into_iter().nth(1)?.payload {
        PL::P(cookie) => Some(cookie),
        PL::C(_) => None,
    }
}

/// Tells the controller to stop when nobody waits for the answer any more.
struct AbandonOnDrop {
    search: Option<(Ldap, i32)>,
}

impl AbandonOnDrop {
    fn new(ldap: &Ldap, id: i32) -> Self {
        Self { search: Some((ldap.clone(), id)) }
    }

    fn answered(&mut self) {
        self.search = None;
    }
}

impl Drop for AbandonOnDrop {
    fn drop(&mut self) {
        if let Some((mut ldap, id)) = self.search.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            // An error means that the connection is gone, and the search with it.
            runtime.spawn(async move { ldap.abandon(id).await });
        }
    }
}
