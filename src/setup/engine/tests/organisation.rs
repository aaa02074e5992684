//! An organisation that does what a test tells it.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::{Mutex, MutexGuard};

use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Notify;

use crate::settings::{Connection, DirectorySettings, Environment};
use crate::setup::{
    Access, AccessOutcome, Condition, ConnectionChoice, CreatedAccount, Failure, Granted, Located, Organisation, Step,
    Verdict,
};

pub const DOMAIN: &str = "corp.example";

#[derive(Default)]
pub struct Script {
    /// What was asked for, in order.
    pub calls: Vec<String>,
    /// These fail each time.
    pub failing: Vec<(Step, Failure)>,
    /// This one never comes to an end.
    pub stuck: Option<Step>,
    pub taken_over: bool,
    /// The account has the right already.
    pub granted_before: bool,
    /// What Exchange remarks when it grants the right.
    pub warnings: Vec<String>,
    /// What the next tests fail with.
    pub tests: VecDeque<Failure>,
    pub conditions: Vec<Condition>,
}

#[derive(Default)]
pub struct Scripted {
    script: Mutex<Script>,
    reached: Notify,
}

impl Scripted {
    pub fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }

    /// The names of what was asked for since the last time.
    pub fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.script().calls)
    }

    /// Waits until the step that never ends has begun.
    pub async fn is_stuck(&self) {
        self.reached.notified().await;
    }

    async fn play(&self, step: Step, call: String) -> Result<(), Failure> {
        let stuck = {
            let mut script = self.script();
            script.calls.push(call);
            if let Some((_, failure)) = script.failing.iter().find(|(failing, _)| *failing == step) {
                return Err(failure.clone());
            }
            script.stuck == Some(step)
        };
        if stuck {
            self.reached.notify_one();
            pending::<()>().await;
        }
        Ok(())
    }
}

pub fn failure(what: &str) -> Failure {
    Failure { what: what.to_owned(), ..Failure::default() }
}

pub fn denied() -> Failure {
    Failure { code: Some("ErrorImpersonateUserDenied".to_owned()), ..failure("Not allowed.") }
}

impl Organisation for Scripted {
    fn domain(&self) -> String {
        DOMAIN.to_owned()
    }

    fn directory(&self) -> Option<DirectorySettings> {
        Some(DirectorySettings { domain: DOMAIN.to_owned(), ..DirectorySettings::default() })
    }

    fn check_administrator(&self) -> BoxFuture<'_, Result<String, Failure>> {
        Box::pin(async {
            self.play(Step::CheckAdministrator, "check".to_owned()).await?;
            Ok("admin@corp.example".to_owned())
        })
    }

    fn locate<'a>(
        &'a self,
        choice: &'a ConnectionChoice,
        account: Option<(&'a str, &'a SecretString)>,
    ) -> BoxFuture<'a, Result<Located, Failure>> {
        Box::pin(async move {
            let who = account.map_or("nobody", |(upn, _)| upn);
            self.play(Step::LocateServer, format!("locate as {who}")).await?;
            let host = match choice {
                ConnectionChoice::Autodiscover => "found.corp.example",
                ConnectionChoice::Manual { server } => server,
            };
            let connection = Connection::manual(&format!("https://{host}/EWS/Exchange.asmx"));
            Ok(Located { connection, version: "Exchange Server 2019".to_owned() })
        })
    }

    fn create_account<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<CreatedAccount, Failure>> {
        Box::pin(async move {
            self.play(Step::CreateAccount, format!("create {name}")).await?;
            let taken_over = self.script().taken_over;
            Ok(CreatedAccount { upn: format!("{name}@{DOMAIN}"), password: "made up".into(), taken_over })
        })
    }

    fn verify_account<'a>(
        &'a self,
        upn: &'a str,
        password: &'a SecretString,
        environment: Environment,
    ) -> BoxFuture<'a, Result<Vec<Condition>, Failure>> {
        Box::pin(async move {
            let password = password.expose_secret();
            self.play(Step::VerifyAccount, format!("verify {upn} {password} {environment:?}")).await?;
            let mut conditions = self.script().conditions.clone();
            conditions.push(Condition { name: "enabled account".to_owned(), verdict: Verdict::Met });
            Ok(conditions)
        })
    }

    fn grant<'a>(&'a self, upn: &'a str, _: &'a Located) -> BoxFuture<'a, Result<Granted, Failure>> {
        Box::pin(async move {
            self.play(Step::GrantRights, format!("grant {upn}")).await?;
            let warnings = self.script().warnings.clone();
            Ok(if self.script().granted_before { Granted::Before } else { Granted::Now { warnings } })
        })
    }

    fn test<'a>(&'a self, access: &'a Access) -> BoxFuture<'a, Result<AccessOutcome, Failure>> {
        Box::pin(async move {
            self.play(Step::TestRights, format!("test {}", access.upn)).await?;
            match self.script().tests.pop_front() {
                Some(failure) => Err(failure),
                None => Ok(AccessOutcome {
                    mailbox: "anna@corp.example".parse().unwrap(),
                    items: 3,
                    version: "Exchange Server 2019".to_owned(),
                }),
            }
        })
    }
}
