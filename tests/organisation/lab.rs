//! A place in Samba's domain for one test, who may do what there, and changes by other programs.

use std::net::SocketAddr;
use std::time::Duration;

use jiff::Timestamp;
use ldap3::{Ldap, Mod, Scope, SearchEntry};
use secrecy::{ExposeSecret as _, SecretString};
use sent_items_update::directory::{Directory, Options, SignIn, Timeouts};
use sent_items_update::organisation::administration::{Administration, Newcomer, Registered};
use sent_items_update::organisation::in_directory::InDirectory;
use sent_items_update::organisation::{Found, Published as _, Sighting};
use sent_items_update::settings::DirectorySettings;
use uuid::Uuid;

use crate::by_hand;

/// Why the tests don't run.
pub const WITHOUT: &str = "Samba: SIU_AD_DOMAIN is not set; `tests/run active-directory` starts one and sets it";

/// Attribute that holds the document.
pub const TEXT: &str = "serviceBindingInformation";

pub struct Lab {
    pub domain: String,
    pub controller: String,
    pub ca: String,
    pub ca_file: String,
    /// File for libkrb5.
    pub kerberos: String,
    pub name_server: SocketAddr,
    pub administrator: String,
    pub administrator_password: SecretString,
    /// Of everybody else.
    pub password: SecretString,
    /// The unit that this test has for itself.
    pub unit: String,
}

impl Lab {
    pub async fn open() -> Option<Self> {
        let get = |name: &str| std::env::var(format!("SIU_AD_{name}")).ok();
        let domain = get("DOMAIN")?;
        let must = |name: &str| get(name).unwrap_or_else(|| panic!("SIU_AD_{name} is not set"));
        let base = domain.split('.').map(|label| format!("DC={label}")).collect::<Vec<_>>().join(",");
        let lab = Self {
            controller: must("CONTROLLER"),
            ca_file: must("CA"),
            kerberos: must("KRB5_CONFIG"),
            ca: std::fs::read_to_string(must("CA")).expect("SIU_AD_CA"),
            name_server: must("NAME_SERVER").parse().expect("SIU_AD_NAME_SERVER"),
            administrator: must("ADMINISTRATOR"),
            administrator_password: must("ADMINISTRATOR_PASSWORD").into(),
            password: must("PASSWORD").into(),
            unit: format!("OU=Test {},{base}", Uuid::new_v4()),
            domain,
        };
        let unit = [("objectClass".to_owned(), ["organizationalUnit".to_owned()].into())];
        lab.ldap().await.add(&lab.unit, unit.to_vec()).await.unwrap().success().unwrap();
        Some(lab)
    }

    /// Leaves nothing behind.
    pub async fn close(self) {
        delete_tree(&mut self.ldap().await, &self.unit).await;
    }

    pub fn container(&self) -> String {
        format!("CN=Sent Items Update,{}", self.unit)
    }

    pub fn configuration(&self) -> String {
        format!("CN=Configuration,{}", self.container())
    }

    pub fn settings(&self) -> DirectorySettings {
        self.settings_at(&self.controller)
    }

    pub fn settings_at(&self, controller: &str) -> DirectorySettings {
        DirectorySettings {
            domain: self.domain.clone(),
            controllers: vec![controller.to_owned()],
            extra_roots: vec![self.ca.clone()],
        }
    }

    pub fn options(&self) -> Options {
        // The machine may have other things to do.
        let patience = Duration::from_secs(60);
        let timeouts = Timeouts { connect: patience, bind: patience, operation: patience };
        Options { name_server: Some(self.name_server), timeouts, ..Options::default() }
    }

    /// An account by its name before the @: a person, or a computer (`SRV1$`).
    pub fn upn(&self, account: &str) -> String {
        format!("{account}@{}", self.domain)
    }

    pub fn sign_in(&self, account: &str) -> SignIn {
        SignIn::Password { upn: self.upn(account), password: self.password.clone() }
    }

    pub fn directory(&self, account: &str) -> Directory {
        Directory::with_options(&self.settings(), self.sign_in(account), &self.options()).unwrap()
    }

    pub fn administrator_directory(&self) -> Directory {
        let (upn, password) = (self.administrator.clone(), self.administrator_password.clone());
        let sign_in = SignIn::Password { upn, password };
        Directory::with_options(&self.settings(), sign_in, &self.options()).unwrap()
    }

    /// With the rights of Domain Admins.
    pub fn administration(&self) -> Administration {
        Administration::new(self.administrator_directory(), Some(&self.unit)).unwrap()
    }

    /// With the rights of this account.
    pub fn administration_as(&self, account: &str) -> Administration {
        Administration::new(self.directory(account), Some(&self.unit)).unwrap()
    }

    /// What an updater sees that signs in like this.
    pub fn published(&self, account: &str) -> InDirectory {
        InDirectory::new(self.directory(account), Some(&self.unit)).unwrap()
    }

    pub fn published_at(&self, controller: &str, account: &str, options: &Options) -> InDirectory {
        let directory = Directory::with_options(&self.settings_at(controller), self.sign_in(account), options).unwrap();
        InDirectory::new(directory, Some(&self.unit)).unwrap()
    }

    /// Registers a computer of the domain.
    pub async fn register(&self, computer: &str) -> Registered {
        self.administration().register(&newcomer(computer), Uuid::new_v4()).await.unwrap()
    }

    /// Another program, on which the administrator is signed in.
    pub async fn ldap(&self) -> Ldap {
        self.ldap_as(&self.administrator, &self.administrator_password).await
    }

    pub async fn ldap_of(&self, account: &str) -> Ldap {
        self.ldap_as(&self.upn(account), &self.password).await
    }

    async fn ldap_as(&self, upn: &str, password: &SecretString) -> Ldap {
        by_hand::signed_in(&format!("ldaps://{}", self.controller), &self.ca, upn, password.expose_secret()).await
    }

    /// Replaces the document by hand.
    pub async fn edit(&self, values: &[&str]) {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        let change = vec![Mod::Replace(TEXT.to_owned(), values)];
        self.ldap().await.modify(&self.configuration(), change).await.unwrap().success().unwrap();
    }
}

/// What the domain lets this connection see below (and at) a name.
pub async fn seen(ldap: &mut Ldap, base: &str) -> Vec<SearchEntry> {
    let found = ldap.search(base, Scope::Subtree, "(objectClass=*)", ["*"]).await.unwrap();
    // 32: not even that.
    if found.1.rc == 32 {
        return Vec::new();
    }
    let found = found.success().unwrap().0;
    found.into_iter().filter(|entry| !entry.is_ref()).map(SearchEntry::construct).collect()
}

pub async fn delete_tree(ldap: &mut Ldap, base: &str) {
    let mut names: Vec<_> = seen(ldap, base).await.into_iter().map(|entry| entry.dn).collect();
    names.sort_by_key(|dn| std::cmp::Reverse(dn.len()));
    for dn in names {
        ldap.delete(&dn).await.unwrap().success().unwrap();
    }
}

/// An updater on this computer, which the domain knows as `NAME$`.
pub fn newcomer(computer: &str) -> Newcomer {
    Newcomer {
        id: Uuid::new_v4(),
        name: format!("{}.corp.example.test", computer.to_lowercase()),
        key: format!("age1{}", Uuid::new_v4().simple()),
        account: None,
    }
}

/// A document as an updater makes it, with a number of its own.
pub fn document(version: u64, says: &str) -> String {
    format!(r#"{{"format":1,"version":{version},"write":"{}","changed_by":"anna","says":"{says}"}}"#, Uuid::new_v4())
}

pub fn sighting(backlog: u64) -> Sighting {
    Sighting {
        format: 1,
        at: Timestamp::from_second(1_764_345_600).unwrap(),
        program: "0.1.0".to_owned(),
        configuration: Some(1),
        backlog,
        problem: None,
    }
}

/// All that is published, as this one sees it.
pub async fn read(published: &InDirectory) -> Found {
    published.read(None).await.unwrap().unwrap()
}
