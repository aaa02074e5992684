//! A directory to test on: where it is, and who plays which part in it.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt as _;
use ldap3::{Ldap, Scope, SearchEntry};
use secrecy::{ExposeSecret as _, SecretString};
use sent_items_update::directory::{
    Directory, DirectoryObject, DirectorySearch as _, Kinds, Nesting, Options, Query, SignIn, Timeouts,
};
use sent_items_update::settings::DirectorySettings;

use crate::by_hand;
use crate::sandboxes::Sandboxes;

/// Why the tests on Samba don't run.
pub const WITHOUT: &str = "Samba: SIU_AD_DOMAIN is not set; `tests/run active-directory` starts one and sets it";

pub const BOTH: Kinds = Kinds { users: true, groups: true };
pub const USERS: Kinds = Kinds { users: true, groups: false };
pub const GROUPS: Kinds = Kinds { users: false, groups: true };

pub struct Fixture {
    pub domain: String,
    pub controllers: Vec<String>,
    /// URL of a controller that offers StartTLS.
    pub start_tls: String,
    pub ca: String,
    pub name_server: Option<SocketAddr>,
    pub administrator: String,
    pub administrator_password: SecretString,
    /// Of everybody but the administrator.
    pub password: SecretString,
    /// A domain that is trusted and can be searched, with somebody called Liv in it.
    pub trusted: String,
    pub bulk: usize,
    /// Full name of the controller, as Kerberos and a certificate know it.
    pub controller_name: String,
    /// File for libkrb5; none where there is no Kerberos.
    pub kerberos: Option<String>,
    pub ca_file: String,
    /// Where the directory is one.
    pub sandboxes: Option<Sandboxes>,
}

impl Fixture {
    /// The one that the environment names.
    #[expect(clippy::unused_async, reason = "a sandbox is waited for")]
    pub async fn samba() -> Option<Self> {
        let get = |name: &str| std::env::var(format!("SIU_AD_{name}")).ok();
        let domain = get("DOMAIN")?;
        let must = |name: &str| get(name).unwrap_or_else(|| panic!("SIU_AD_{name} is not set"));
        Some(Self {
            domain,
            controllers: vec![must("CONTROLLER")],
            start_tls: format!("ldap://{}", must("CONTROLLER")),
            ca: std::fs::read_to_string(must("CA")).expect("SIU_AD_CA"),
            ca_file: must("CA"),
            name_server: Some(must("NAME_SERVER").parse().expect("SIU_AD_NAME_SERVER")),
            administrator: must("ADMINISTRATOR"),
            administrator_password: must("ADMINISTRATOR_PASSWORD").into(),
            password: must("PASSWORD").into(),
            trusted: must("TRUSTED"),
            bulk: must("BULK").parse().expect("SIU_AD_BULK"),
            controller_name: must("CONTROLLER_NAME"),
            kerberos: Some(must("KRB5_CONFIG")),
            sandboxes: None,
        })
    }

    /// What was started for it ends.
    pub async fn stop(self) {
        if let Some(sandboxes) = self.sandboxes {
            sandboxes.stop().await;
        }
    }

    /// UPN of who plays this part.
    pub fn user(&self, role: &str) -> String {
        let account = match role {
            "service" => "svc-siu",
            "expired password" => "pw-expired",
            "account expired" => "gone-by",
            "nested admin" => "nadia",
            // disabled, locked, must-change, no-upn, outsider, and people by their first name
            other => other,
        };
        format!("{account}@{}", self.domain)
    }

    pub fn settings(&self) -> DirectorySettings {
        DirectorySettings {
            domain: self.domain.clone(),
            controllers: self.controllers.clone(),
            extra_roots: vec![self.ca.clone()],
        }
    }

    pub fn options(&self) -> Options {
        // The machine may have other things to do.
        let patience = Duration::from_secs(60);
        let timeouts = Timeouts { connect: patience, bind: patience, operation: patience };
        Options { name_server: self.name_server, timeouts, nesting: Nesting::MatchingRule }
    }

    pub fn sign_in(&self, role: &str) -> SignIn {
        SignIn::Password { upn: self.user(role), password: self.password.clone() }
    }

    /// An ordinary account that reads.
    pub fn reader(&self) -> Directory {
        self.as_user("service")
    }

    pub fn as_user(&self, role: &str) -> Directory {
        Directory::with_options(&self.settings(), self.sign_in(role), &self.options()).unwrap()
    }

    pub fn as_administrator(&self) -> Directory {
        let (upn, password) = (self.administrator.clone(), self.administrator_password.clone());
        Directory::with_options(&self.settings(), SignIn::Password { upn, password }, &self.options()).unwrap()
    }

    /// Name of a group that plays this part.
    #[expect(clippy::unused_self, reason = "another directory may have other names")]
    pub fn group(&self, role: &str) -> &'static str {
        match role {
            "nested in a cycle" => "Sales",
            "inside of it" => "Sales East",
            "distribution" => "Newsletter",
            "odd" => "(Ops), \"Team\" + Žižka",
            "empty" => "Empty",
            "primary" => "Crew",
            "large" => "Large",
            "everybody" => "Domain Users",
            other => panic!("no group is {other}"),
        }
    }

    /// The object of exactly this name.
    pub async fn named(&self, directory: &Directory, name: &str) -> DirectoryObject {
        let found = all(directory, query(name, BOTH)).await;
        found.into_iter().find(|object| object.name == name).unwrap_or_else(|| panic!("{name} is not found"))
    }
}

pub fn query(text: &str, kinds: Kinds) -> Query {
    Query { text: text.to_owned(), kinds, domain: None, page_size: 200 }
}

/// Everything that is found.
pub async fn all(directory: &Directory, query: Query) -> Vec<DirectoryObject> {
    let mut pages = directory.search(query);
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        found.extend(page.unwrap());
    }
    found
}

pub fn names(objects: &[DirectoryObject]) -> Vec<&str> {
    let mut names: Vec<_> = objects.iter().map(|object| object.name.as_str()).collect();
    names.sort_unstable();
    names
}

/// Changes by another program, as an administrator makes them.
impl Fixture {
    pub async fn delete(&self, account: &str) {
        let mut ldap = self.ldap().await;
        let dn = self.dn_of(&mut ldap, account).await;
        ldap.delete(&dn).await.unwrap().success().unwrap();
    }

    pub async fn rename(&self, account: &str, name: &str) {
        let mut ldap = self.ldap().await;
        let dn = self.dn_of(&mut ldap, account).await;
        let rdn = format!("CN={}", ldap3::dn_escape(name));
        ldap.modifydn(&dn, &rdn, true, None).await.unwrap().success().unwrap();
    }

    async fn dn_of(&self, ldap: &mut Ldap, account: &str) -> String {
        let base = format!("DC={}", self.domain.replace('.', ",DC="));
        let filter = format!("(sAMAccountName={account})");
        let found = ldap.search(&base, Scope::Subtree, &filter, ["1.1"]).await.unwrap().success().unwrap().0;
        // References to other partitions stand among them.
        let mut entries = found.into_iter().filter(|entry| !entry.is_ref()).map(SearchEntry::construct);
        entries.next().unwrap_or_else(|| panic!("{account} is not found")).dn
    }

    /// A connection on which the administrator is signed in.
    async fn ldap(&self) -> Ldap {
        let password = self.administrator_password.expose_secret();
        by_hand::signed_in(&self.start_tls, &self.ca, &self.administrator, password).await
    }
}
