//! The steps on a real organisation: Active Directory over LDAP, Exchange over EWS, Autodiscover and its administration.
//!
//! The sandbox organisation is reached in the same way; what differs is only where things are ([`DomainOptions`]).

mod account;
mod administration;
mod entra;
mod exchange;
mod locate;
mod mailboxes;
mod probe;

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use reqwest::Url;
use secrecy::SecretString;

pub use entra::Entra;

use super::{
    Access, AccessOutcome, Condition, ConnectionChoice, CreatedAccount, Failure, Granted, Located, Organisation,
};
use crate::directory::Directory;
use crate::ews::autodiscover;
use crate::management::Authorization;
use crate::management::remote_powershell::Authorise;
use crate::settings::{Connection, DirectorySettings, Environment, SmtpAddress};

/// Where things are, and who is asking.
pub struct DomainOptions {
    /// Signed in as the person configuring.
    pub directory: Directory,
    /// How the updater will reach the directory.
    pub settings: DirectorySettings,
    /// Certificate authorities of Exchange to trust beside the system's, as PEM text.
    pub extra_roots: Vec<String>,
    /// The person configuring, where a name and a password are at hand: asks Autodiscover while there is no account yet,
    /// and Exchange's administration.
    pub person: Option<Person>,
    /// The server of Exchange's REST administration; none: remote PowerShell is used.
    pub management: Option<Url>,
    /// Signs in to the REST administration; none: the person's name and password do.
    pub management_authorization: Option<Authorization>,
    /// Exchange's remote PowerShell; none: that of the server that is found.
    pub remote_powershell: Option<Url>,
    /// Signs in to remote PowerShell; none: the person's name and password do.
    pub authorise: Option<Arc<dyn Authorise>>,
    pub autodiscover: autodiscover::Options,
    /// Asked about the account in a hybrid environment.
    pub entra: Entra,
    /// Management scope that limits the right (`CustomRecipientWriteScope`); none: it is granted for all mailboxes.
    pub write_scope: Option<String>,
    /// Whose mailbox Autodiscover is asked for and the right is tried with; none: one that the directory shows.
    pub mailbox: Option<SmtpAddress>,
}

/// Who configures.
#[derive(Debug, Clone)]
pub struct Person {
    pub upn: String,
    pub password: SecretString,
}

impl DomainOptions {
    /// A domain whose servers have certificates that this machine trusts, with nothing known but the directory.
    #[must_use]
    pub fn new(directory: Directory, settings: DirectorySettings) -> Self {
        Self {
            directory,
            settings,
            extra_roots: Vec::new(),
            person: None,
            management: None,
            management_authorization: None,
            remote_powershell: None,
            authorise: None,
            autodiscover: autodiscover::Options::default(),
            entra: Entra::default(),
            write_scope: None,
            mailbox: None,
        }
    }
}

/// A domain with Exchange.
pub struct Domain {
    options: DomainOptions,
    /// The account that the steps were last about: granting must try whether the right is there already.
    account: Mutex<Option<(String, SecretString)>>,
    /// Where Exchange was found: its administration is beside it.
    ews: Mutex<Option<Url>>,
}

impl Domain {
    #[must_use]
    pub fn new(options: DomainOptions) -> Self {
        Self { options, account: Mutex::default(), ews: Mutex::default() }
    }

    fn remember(&self, upn: &str, password: &SecretString) {
        *self.account.lock().unwrap_or_else(PoisonError::into_inner) = Some((upn.to_owned(), password.clone()));
    }

    fn password_of(&self, upn: &str) -> Option<SecretString> {
        let account = self.account.lock().unwrap_or_else(PoisonError::into_inner);
        account.as_ref().filter(|(known, _)| known.eq_ignore_ascii_case(upn)).map(|(_, password)| password.clone())
    }

    fn found(&self) -> Option<Url> {
        self.ews.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How the updater will reach EWS at this address.
    fn connection(&self, ews_url: &Url) -> Connection {
        Connection {
            extra_roots: self.options.extra_roots.clone(),
            kdc: self.kdc(),
            ..Connection::manual(ews_url.as_str())
        }
    }

    /// Every domain controller gives Kerberos tickets. Where one is named, what DNS says is not to be relied on.
    fn kdc(&self) -> Option<String> {
        let controller = self.options.settings.controllers.first()?;
        let url = if controller.contains("://") {
            Url::parse(controller)
        } else {
            Url::parse(&format!("ldap://{controller}"))
        };
        url.ok()?.host_str().map(str::to_owned)
    }
}

impl Organisation for Domain {
    fn domain(&self) -> String {
        self.options.directory.domain().to_owned()
    }

    fn directory(&self) -> Option<DirectorySettings> {
        Some(self.options.settings.clone())
    }

    fn check_administrator(&self) -> BoxFuture<'_, Result<String, Failure>> {
        Box::pin(self.administrator())
    }

    fn locate<'a>(
        &'a self,
        choice: &'a ConnectionChoice,
        account: Option<(&'a str, &'a SecretString)>,
    ) -> BoxFuture<'a, Result<Located, Failure>> {
        Box::pin(async move {
            let located = self.located(choice, account).await?;
            *self.ews.lock().unwrap_or_else(PoisonError::into_inner) = Url::parse(&located.connection.ews_url).ok();
            Ok(located)
        })
    }

    fn create_account<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<CreatedAccount, Failure>> {
        Box::pin(async move {
            let created = self.created(name).await?;
            self.remember(&created.upn, &created.password);
            Ok(created)
        })
    }

    fn verify_account<'a>(
        &'a self,
        upn: &'a str,
        password: &'a SecretString,
        environment: Environment,
    ) -> BoxFuture<'a, Result<Vec<Condition>, Failure>> {
        self.remember(upn, password);
        Box::pin(self.verified(upn, password, environment))
    }

    fn grant<'a>(&'a self, upn: &'a str, located: &'a Located) -> BoxFuture<'a, Result<Granted, Failure>> {
        Box::pin(self.granted(upn, located))
    }

    fn test<'a>(&'a self, access: &'a Access) -> BoxFuture<'a, Result<AccessOutcome, Failure>> {
        Box::pin(self.tested(access))
    }
}
