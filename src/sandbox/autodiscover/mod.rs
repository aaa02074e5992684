//! The Autodiscover service: where a user's mailbox is reached (MS-OXDSCLI, MS-OXWSADISC).
//!
//! Addresses of the organisation's first domain get settings; an address of a further accepted domain that
//! belongs to a mailbox is redirected to the mailbox's primary address.

mod pox;
mod soap;

use std::sync::Arc;

use bytes::Bytes;
use hyper::Method;

use super::directory::{Directory, MailboxState, Person, Recipient, folded};
use super::iis::Answer;

/// The organisation as Autodiscover sees it.
pub struct Autodiscover {
    directory: Arc<Directory>,
    domain: String,
    /// Accepted domains whose addresses are redirected to primary ones.
    further_domains: Vec<String>,
}

/// Where the client reached the sandbox, and is to find it again.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    pub host: &'a str,
    pub port: u16,
}

impl Site<'_> {
    fn ews_url(&self) -> String {
        format!("https://{}:{}/EWS/Exchange.asmx", self.host, self.port)
    }
}

/// What an address leads to.
enum Found {
    Mailbox(Arc<Person>),
    /// Ask again with this address.
    Redirect(String),
    /// Nobody with a mailbox has it.
    Nobody,
}

impl Autodiscover {
    #[must_use]
    pub fn new(directory: Arc<Directory>, domain: &str, further_domains: &[String]) -> Self {
        let further_domains = further_domains.iter().map(|domain| folded(domain)).collect();
        Self { directory, domain: folded(domain), further_domains }
    }

    /// Whether the domain is one of the organisation's.
    fn accepts(&self, domain: &str) -> bool {
        let domain = folded(domain);
        domain == self.domain || self.further_domains.contains(&domain)
    }

    /// Answers a request of somebody who is signed in. `path` is in lower case.
    #[must_use]
    pub fn answer(&self, method: &Method, path: &str, body: &Bytes, site: Site<'_>) -> Answer {
        if path.trim_end_matches('/').strip_suffix(".svc").is_some() {
            soap::answer(self, method, body, site)
        } else {
            pox::answer(self, body, site)
        }
    }

    fn find(&self, address: &str) -> Found {
        let Some(Recipient::Person(person)) = self.directory.find(address) else { return Found::Nobody };
        if !person.mailbox || matches!(person.state, MailboxState::Gone | MailboxState::Disabled) {
            return Found::Nobody;
        }
        let domain = folded(address).rsplit_once('@').map(|(_, domain)| domain.to_owned()).unwrap_or_default();
        if self.further_domains.contains(&domain) && folded(address) != folded(&person.primary) {
            return Found::Redirect(person.primary.clone());
        }
        Found::Mailbox(person)
    }
}

/// `legacyExchangeDN` of a mailbox.
fn legacy_dn(person: &Person) -> String {
    let name = person.upn.split('@').next().unwrap_or_default();
    format!("/o=Nordwind/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn={name}")
}

/// Version of the server that is played: Exchange Server Subscription Edition.
mod version {
    pub const MAJOR: u32 = 15;
    pub const MINOR: u32 = 2;
    pub const MAJOR_BUILD: u32 = 2562;
    pub const MINOR_BUILD: u32 = 17;
    /// As POX packs it: structure 7, then 15, 2, a flag and 2562 in 6, 6, 1 and 15 bits (MS-OXDSCLI, `ServerVersion`).
    pub const PACKED: &str = "73C28A02";
    pub const SCHEMAS: &str = "Exchange2007, Exchange2007_SP1, Exchange2010, Exchange2010_SP1, Exchange2010_SP2, Exchange2013, Exchange2013_SP1, Exchange2015";
}
