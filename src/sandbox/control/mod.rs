//! The sandbox in the hands of a test or a rehearsal: what goes wrong, who may what, what was asked, what is in a
//! mailbox.
//!
//! [`Control`] is the interface in process; the same stands on a loopback port as HTTP with JSON. A request that
//! fails gets `{"error": "…"}`.
//!
//! | route | what it does |
//! |---|---|
//! | `GET /` | URLs, service account, people and groups |
//! | `GET /ca.pem` | certificate of the authority, for clients to trust |
//! | `GET /statistics`, `DELETE /statistics` | [`Counts`]; start counting from nothing |
//! | `GET /faults`, `DELETE /faults` | rules in force with their counts; remove all |
//! | `POST /faults`, `DELETE /faults/{id}` | add a [`Rule`], answered with `{"id": n}`; remove one |
//! | `GET /limits`, `PUT /limits` | [`Limits`] |
//! | `DELETE /connections` | cut all connections that are open |
//! | `PUT /accounts/{upn}/impersonation`, `DELETE …` | grant or withdraw the right `ApplicationImpersonation` |
//! | `PUT /granting-delay`, `POST /granting` | seconds that granting takes to be in effect, as a JSON number; end the waiting |
//! | `PUT /granting-warning` | what the cmdlet that grants a right warns of: a JSON string, or null |
//! | `PUT /token-lifetime`, `DELETE /tokens` | seconds that new tokens last, as a JSON number; withdraw all tokens |
//! | `GET /accounts/{upn}/cloud`, `PUT …` | what its sign-in to Microsoft Entra meets: `"password"` (it opens), `"federated"`, `"multi-factor"`, `"conditional-access"`, `"other-password"` |
//! | `PUT /accounts/{upn}/password` | set a password: a JSON string |
//! | `GET /mailboxes/{address}/state`, `PUT …` | `"normal"`, `"moving"`, `"full"`, `"unavailable"`, `"gone"`, `"disabled"` |
//! | `GET /mailboxes/{address}/items` | items; query `folder`, `message_id`, `content=true` for attachments in base64 |
//! | `POST /mailboxes/{address}/items` | store the body, a MIME message; query `folder`, `unread`, `draft`, `flag`, `categories` (comma-separated); answered with `{"item_id": "…"}` |
//! | `GET /mime?item_id=…` | an item as a MIME message |
//! | `POST /seed` | store the sample mail that clients stored before, answered with `{"stored": n}` |
//!
//! A rule as JSON, for the third and fourth `UpdateItem` on a mailbox:
//! `{"operation": "UpdateItem", "mailbox": "anna.bergstroem@nordwind.example", "skip": 2, "count": 2,
//! "fault": {"kind": "drop", "executed": true}}`; see [`Fault`](super::faults::Fault) for the kinds.

pub(super) mod listener;
mod routes;
mod view;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use secrecy::SecretString;

pub use super::directory::MailboxState;
pub use super::entra::CloudSignIn;
pub use super::faults::{Fault, Rule, RuleError, RuleStatus};
pub use super::limits::{Budget, Limits};
pub use super::statistics::Counts;
pub use super::store::{Delivery, FlagStatus, ItemFilter, StoredItem};

use super::Addresses;
use super::directory::{Directory, DirectoryError, Person};
use super::kept::Kept;
use super::organisation::{Organisation, OrganisationError};
use super::server::Scissors;
use super::site::Site;
use super::store::{Store, StoreError};

/// A change or a question that can't be carried out.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Rule(#[from] RuleError),
    #[error(transparent)]
    Organisation(#[from] OrganisationError),
    #[error("there is no fault rule {0}")]
    NoSuchRule(u64),
    #[error("{0} has no mailbox")]
    NoMailbox(String),
    #[error("an item can't be shown as JSON: {0}")]
    Show(#[from] serde_json::Error),
    #[error("the change is in force but can't be kept for the next start: {0}")]
    Keep(std::io::Error),
}

/// Commands the sandbox. Cheap to clone.
#[derive(Clone)]
pub struct Control {
    inner: Arc<Inner>,
}

struct Inner {
    site: Arc<Site>,
    store: Store,
    organisation: Arc<Organisation>,
    kept: Arc<Kept>,
    scissors: Arc<Scissors>,
    addresses: Addresses,
}

impl Control {
    pub(super) fn new(
        site: Arc<Site>,
        store: Store,
        organisation: Arc<Organisation>,
        kept: Arc<Kept>,
        scissors: Arc<Scissors>,
        addresses: Addresses,
    ) -> Self {
        Self { inner: Arc::new(Inner { site, store, organisation, kept, scissors, addresses }) }
    }

    /// URL of EWS over HTTPS.
    #[must_use]
    pub fn ews_url(&self) -> String {
        format!("https://{}/EWS/Exchange.asmx", reachable(self.inner.addresses.https))
    }

    /// URL of EWS over plain HTTP.
    #[must_use]
    pub fn http_ews_url(&self) -> String {
        format!("http://{}/EWS/Exchange.asmx", reachable(self.inner.addresses.http))
    }

    /// URL of POX Autodiscover; the SOAP service is beside it as `autodiscover.svc`.
    #[must_use]
    pub fn autodiscover_url(&self) -> String {
        format!("https://{}/autodiscover/autodiscover.xml", reachable(self.inner.addresses.https))
    }

    pub(super) fn https_port(&self) -> u16 {
        self.inner.addresses.https.port()
    }

    /// URL of the directory, encrypted from the first byte.
    #[must_use]
    pub fn ldaps_url(&self) -> String {
        format!("ldaps://{}", reachable(self.inner.addresses.ldaps))
    }

    /// URL of the directory; StartTLS encrypts it.
    #[must_use]
    pub fn ldap_url(&self) -> String {
        format!("ldap://{}", reachable(self.inner.addresses.ldap))
    }

    /// URL that cmdlets are posted to.
    #[must_use]
    pub fn management_url(&self) -> String {
        let domain = &self.inner.organisation.domain;
        format!("https://{}/adminapi/beta/{domain}/InvokeCommand", reachable(self.inner.addresses.https))
    }

    /// URL of remote PowerShell.
    #[must_use]
    pub fn powershell_url(&self) -> String {
        format!("https://{}/PowerShell/", reachable(self.inner.addresses.https))
    }

    /// UPN of the account that belongs to Domain Admins and Organization Management; its password is that of
    /// [`Control::password`]. Empty in an organisation that has none.
    #[must_use]
    pub fn administrator(&self) -> &str {
        &self.inner.organisation.administrator
    }

    /// How long a right that is granted through the management endpoint takes to be in effect; at first, none. Real
    /// servers need minutes.
    pub fn set_granting_delay(&self, delay: Duration) {
        self.inner.site.management.set_delay(delay);
    }

    /// What the cmdlet that grants a right remarks from now on, as a warning; none: nothing.
    pub fn set_granting_warning(&self, warning: Option<String>) {
        self.inner.site.management.set_warning(warning);
    }

    /// The delay of what was granted is over.
    pub fn finish_granting(&self) {
        self.directory().finish_granting();
    }

    /// How long tokens last that the token endpoint issues from now on.
    pub fn set_token_lifetime(&self, lasts: Duration) {
        self.inner.site.tokens.set_lasts(lasts);
    }

    /// All tokens are withdrawn.
    pub fn revoke_tokens(&self) {
        self.inner.site.tokens.revoke();
    }

    /// Where tokens are issued, without the tenant's name.
    #[must_use]
    pub fn token_authority(&self) -> String {
        format!("https://{}", reachable(self.inner.addresses.https))
    }

    #[must_use]
    pub fn organisation(&self) -> &Organisation {
        &self.inner.organisation
    }

    /// Who there is; can be changed beside running requests.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.inner.site.directory
    }

    #[must_use]
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// UPN of the account that may impersonate.
    #[must_use]
    pub fn service_account(&self) -> &str {
        &self.inner.organisation.service_account
    }

    /// Password of an account, the service account's among them.
    #[must_use]
    pub fn password(&self, upn: &str) -> SecretString {
        self.inner.site.sign_in.password(upn)
    }

    /// Changes a password, in force from the next request on.
    pub fn set_password(&self, upn: &str, password: SecretString) -> Result<(), ControlError> {
        let person = self.person(upn)?;
        self.inner.site.sign_in.set_password(&person.upn, password);
        self.inner.kept.note_password(&person.upn);
        self.keep()
    }

    /// What the account's sign-in to Microsoft Entra meets.
    pub fn cloud_sign_in(&self, upn: &str) -> Result<CloudSignIn, ControlError> {
        Ok(self.inner.site.entra.sign_in(&self.person(upn)?.upn))
    }

    /// Sets it, in force from the next request on.
    pub fn set_cloud_sign_in(&self, upn: &str, sign_in: CloudSignIn) -> Result<(), ControlError> {
        self.inner.site.entra.set_sign_in(&self.person(upn)?.upn, sign_in);
        self.keep()
    }

    /// Gives an account the right `ApplicationImpersonation`.
    pub fn grant_impersonation(&self, upn: &str) -> Result<(), ControlError> {
        self.directory().grant_impersonation(upn)?;
        self.keep()
    }

    /// Takes it away.
    pub fn withdraw_impersonation(&self, upn: &str) -> Result<(), ControlError> {
        self.directory().withdraw_impersonation(upn)?;
        self.keep()
    }

    /// Sets the state of a mailbox, named by UPN or any address.
    pub fn set_state(&self, mailbox: &str, state: MailboxState) -> Result<(), ControlError> {
        self.directory().set_state(mailbox, state)?;
        self.keep()
    }

    /// The state of a mailbox, named by UPN or any address.
    pub fn state(&self, mailbox: &str) -> Result<MailboxState, ControlError> {
        Ok(self.person(mailbox)?.state)
    }

    /// Puts a fault rule into force and returns its number.
    pub fn add_fault(&self, rule: Rule) -> Result<u64, ControlError> {
        Ok(self.inner.site.faults.add(rule)?)
    }

    /// Takes a rule out of force.
    pub fn remove_fault(&self, id: u64) -> Result<(), ControlError> {
        if self.inner.site.faults.remove(id) { Ok(()) } else { Err(ControlError::NoSuchRule(id)) }
    }

    pub fn clear_faults(&self) {
        self.inner.site.faults.clear();
    }

    /// The rules in force and how often each struck.
    #[must_use]
    pub fn faults(&self) -> Vec<RuleStatus> {
        self.inner.site.faults.list()
    }

    #[must_use]
    pub fn limits(&self) -> Limits {
        self.inner.site.throttle.limits()
    }

    /// In force from the next request on.
    pub fn set_limits(&self, limits: Limits) {
        self.inner.site.throttle.set_limits(limits);
    }

    #[must_use]
    pub fn statistics(&self) -> Counts {
        self.inner.site.statistics.read()
    }

    pub fn reset_statistics(&self) {
        self.inner.site.statistics.reset();
    }

    /// Cuts all connections that are open, whatever goes on in them.
    pub fn cut_connections(&self) {
        self.inner.scissors.cut();
    }

    /// Reads items of a mailbox back, oldest first. The mailbox is named by UPN or any address.
    pub async fn items(&self, mailbox: &str, filter: &ItemFilter) -> Result<Vec<StoredItem>, ControlError> {
        Ok(self.inner.store.items(&self.mailbox(mailbox)?, filter).await?)
    }

    /// Reads a folder of a mailbox back, oldest first.
    pub async fn folder(&self, mailbox: &str, folder: &str) -> Result<Vec<StoredItem>, ControlError> {
        let filter = ItemFilter { folder: Some(folder.to_owned()), ..ItemFilter::default() };
        self.items(mailbox, &filter).await
    }

    /// How many items a folder of a mailbox holds.
    pub fn count(&self, mailbox: &str, folder: &str) -> Result<u64, ControlError> {
        Ok(self.inner.store.count(&self.mailbox(mailbox)?, folder)?)
    }

    /// Stores a MIME message as a client stores its copy of what it sent. Returns the `ItemId`.
    pub async fn deliver(
        &self,
        mailbox: &str,
        folder: &str,
        mime: Bytes,
        delivery: Delivery,
    ) -> Result<String, ControlError> {
        Ok(self.inner.store.deliver(&self.mailbox(mailbox)?, folder, mime, delivery).await?)
    }

    /// Moves an item as a person would, into a folder that is made if need be. Returns its new id; none: it is not there.
    pub async fn move_item(&self, item_id: &str, folder: &str) -> Result<Option<String>, ControlError> {
        Ok(self.inner.store.move_item(item_id, folder).await?)
    }

    /// An item as a MIME message, made from what it is now.
    pub async fn mime(&self, item_id: &str) -> Result<Option<Bytes>, ControlError> {
        Ok(self.inner.store.mime(item_id).await?)
    }

    /// Stores the sample mail that clients stored before the processed copies come. Returns how many messages
    /// were stored; what is there already is left alone.
    pub async fn seed(&self) -> Result<usize, ControlError> {
        Ok(self.inner.organisation.seed(&self.inner.store).await?)
    }

    fn person(&self, upn_or_address: &str) -> Result<Arc<Person>, ControlError> {
        let found = self.directory().account(upn_or_address);
        Ok(found.ok_or_else(|| DirectoryError::NoSuchPerson(upn_or_address.to_owned()))?)
    }

    /// UPN of whoever owns the mailbox.
    fn mailbox(&self, upn_or_address: &str) -> Result<String, ControlError> {
        let person = self.person(upn_or_address)?;
        if person.mailbox { Ok(person.upn.clone()) } else { Err(ControlError::NoMailbox(upn_or_address.to_owned())) }
    }

    fn keep(&self) -> Result<(), ControlError> {
        self.inner.kept.save().map_err(ControlError::Keep)
    }
}

/// An address that a client on this machine can connect to.
fn reachable(address: std::net::SocketAddr) -> std::net::SocketAddr {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    std::net::SocketAddr::new(ip, address.port())
}
