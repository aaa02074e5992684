//! An organisation whose steps go as a test says, and the way to connect to it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use secrecy::SecretString;
use tokio::sync::watch;

use super::Directory;
use crate::enrolment::Administrators;
use crate::panel::session::{Connect, Prefilled, Session, SignIn};
use crate::pipe::client::Client;
use crate::settings::{Connection, DirectorySettings, Environment};
use crate::setup::{
    self, Access, AccessOutcome, Condition, ConnectionChoice, CreatedAccount, Failure, Granted, Located, Verdict,
};

/// A failure with something in every place of the failure window.
pub fn failure(what: &str) -> Failure {
    Failure {
        what: what.to_owned(),
        cause: "The server said no.".to_owned(),
        advice: vec!["Ask it again.".to_owned(), "Ask somebody else.".to_owned()],
        ..Failure::default()
    }
}

/// Everything goes well until a test says otherwise. Steps are named as the methods are.
pub struct Organisation {
    failures: Mutex<HashMap<&'static str, Failure>>,
    held: watch::Sender<HashSet<&'static str>>,
    /// What Exchange remarks when it grants the right.
    pub warnings: Mutex<Vec<String>>,
    /// What was called, with what.
    calls: Mutex<Vec<String>>,
}

impl Organisation {
    pub fn new() -> Self {
        Self {
            failures: Mutex::default(),
            held: watch::Sender::new(HashSet::new()),
            warnings: Mutex::default(),
            calls: Mutex::default(),
        }
    }

    pub fn fail(&self, step: &'static str, failure: Failure) {
        self.failures.lock().unwrap().insert(step, failure);
    }

    pub fn mend(&self, step: &'static str) {
        self.failures.lock().unwrap().remove(step);
    }

    /// From now on this step does not end.
    pub fn hold(&self, step: &'static str) {
        self.held.send_modify(|held| {
            held.insert(step);
        });
    }

    pub fn release(&self, step: &'static str) {
        self.held.send_modify(|held| {
            held.remove(step);
        });
    }

    pub fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    async fn does(&self, step: &'static str, with: &str) -> Result<(), Failure> {
        self.calls.lock().unwrap().push(format!("{step} {with}").trim().to_owned());
        let mut held = self.held.subscribe();
        held.wait_for(|held| !held.contains(step)).await.unwrap();
        self.failures.lock().unwrap().get(step).cloned().map_or(Ok(()), Err)
    }
}

impl setup::Organisation for Organisation {
    fn domain(&self) -> String {
        "corp.example".to_owned()
    }

    fn directory(&self) -> Option<DirectorySettings> {
        None
    }

    fn check_administrator(&self) -> BoxFuture<'_, Result<String, Failure>> {
        Box::pin(async {
            self.does("check_administrator", "").await?;
            Ok("CORP\\anna".to_owned())
        })
    }

    fn locate<'a>(
        &'a self,
        choice: &'a ConnectionChoice,
        _: Option<(&'a str, &'a SecretString)>,
    ) -> BoxFuture<'a, Result<Located, Failure>> {
        Box::pin(async move {
            let server = match choice {
                ConnectionChoice::Autodiscover => "mail.corp.example",
                ConnectionChoice::Manual { server } => server,
            };
            self.does("locate", server).await?;
            let connection = Connection::manual(&format!("https://{server}/EWS/Exchange.asmx"));
            Ok(Located { connection, version: "Exchange Server 2019".to_owned() })
        })
    }

    fn create_account<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<CreatedAccount, Failure>> {
        Box::pin(async move {
            self.does("create_account", name).await?;
            let (upn, password) = (format!("{name}@corp.example"), SecretString::from("generated"));
            Ok(CreatedAccount { upn, password, taken_over: false })
        })
    }

    fn verify_account<'a>(
        &'a self,
        upn: &'a str,
        _: &'a SecretString,
        _: Environment,
    ) -> BoxFuture<'a, Result<Vec<Condition>, Failure>> {
        Box::pin(async move {
            self.does("verify_account", upn).await?;
            let met = |name: &str| Condition { name: name.to_owned(), verdict: Verdict::Met };
            Ok(vec![met("valid user principal name"), met("member of Domain Users"), met("enabled")])
        })
    }

    fn grant<'a>(&'a self, upn: &'a str, _: &'a Located) -> BoxFuture<'a, Result<Granted, Failure>> {
        Box::pin(async move {
            self.does("grant", upn).await?;
            Ok(Granted::Now { warnings: self.warnings.lock().unwrap().clone() })
        })
    }

    fn test<'a>(&'a self, access: &'a Access) -> BoxFuture<'a, Result<AccessOutcome, Failure>> {
        Box::pin(async move {
            self.does("test", access.mailbox.as_ref().map_or("", |mailbox| mailbox.as_str())).await?;
            let mailbox = access.mailbox.clone();
            Ok(AccessOutcome {
                mailbox: mailbox.unwrap_or("ben@corp.example".parse().unwrap()),
                items: 128,
                version: String::new(),
            })
        })
    }
}

/// Connects to the scripted organisation, as a test says.
pub struct Connecting {
    pub organisation: Arc<Organisation>,
    pub directory: Arc<Directory>,
    /// Why the person logged on can't be used; none: they can.
    pub not_logged_on: Mutex<Option<Failure>>,
    /// The password that is right.
    pub password: &'static str,
    pub prefilled: Option<Prefilled>,
    pub sign_ins: Mutex<Vec<SignIn>>,
    pub administrators: Option<Arc<dyn Administrators>>,
}

impl Connecting {
    pub fn to(organisation: Arc<Organisation>, directory: Arc<Directory>) -> Self {
        Self {
            organisation,
            directory,
            not_logged_on: Mutex::default(),
            password: "right",
            prefilled: None,
            sign_ins: Mutex::default(),
            administrators: None,
        }
    }
}

impl Connect for Connecting {
    fn connect(&self, pipe: Client, sign_in: SignIn) -> BoxFuture<'_, Result<Session, Failure>> {
        Box::pin(async move {
            let refused = match &sign_in {
                SignIn::LoggedOn => self.not_logged_on.lock().unwrap().clone(),
                SignIn::As(credentials) => {
                    let password = secrecy::ExposeSecret::expose_secret(&credentials.password);
                    (password != self.password).then(|| failure("The password is wrong."))
                }
            };
            self.sign_ins.lock().unwrap().push(sign_in);
            match refused {
                Some(failure) => Err(failure),
                None => Ok(Session {
                    pipe,
                    organisation: self.organisation.clone(),
                    search: self.directory.clone(),
                    administrators: self.administrators.clone(),
                }),
            }
        })
    }

    fn prefilled(&self) -> Option<Prefilled> {
        self.prefilled.clone()
    }
}
