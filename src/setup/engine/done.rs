//! What earlier runs achieved, each beside the inputs that it depends on (W8).

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use crate::settings::Environment;
use crate::setup::{Access, AccessOutcome, AccountChoice, Answers, ConnectionChoice, CreatedAccount, Located};

#[derive(Default)]
pub(super) struct Done {
    /// Name of the administrator.
    pub administrator: Option<String>,
    located: Option<(Where, Located)>,
    created: Option<(String, CreatedAccount)>,
    verified: Option<(Who, String)>,
    granted: Option<Grant>,
    tested: Option<(Access, AccessOutcome)>,
}

/// What finding the server depends on. Not on the password: a server that was found is there with any.
#[derive(PartialEq, Eq)]
struct Where {
    environment: Environment,
    choice: ConnectionChoice,
    upn: Option<String>,
}

impl Where {
    fn of(answers: &Answers) -> Self {
        let upn = match &answers.account {
            // By name or address the server is the same for everybody.
            _ if answers.connection != ConnectionChoice::Autodiscover => None,
            AccountChoice::Existing { upn, .. } => Some(folded(upn)),
            AccountChoice::Automatic { .. } => None,
        };
        let choice = match &answers.connection {
            ConnectionChoice::Autodiscover => ConnectionChoice::Autodiscover,
            ConnectionChoice::Manual { server } => ConnectionChoice::Manual { server: folded(server) },
        };
        Self { environment: answers.environment, choice, upn }
    }
}

/// What the account's conditions depend on.
struct Who {
    upn: String,
    password: SecretString,
    environment: Environment,
}

impl Who {
    fn is(&self, answers: &Answers) -> bool {
        let AccountChoice::Existing { upn, password } = &answers.account else { return false };
        self.upn == folded(upn) && same(&self.password, password) && self.environment == answers.environment
    }
}

pub(super) struct Grant {
    upn: String,
    located: Located,
    /// When it was granted; none: the account had the right before.
    pub since: Option<Duration>,
}

impl Done {
    pub fn located(&self, answers: &Answers) -> Option<&Located> {
        self.located.as_ref().filter(|(place, _)| *place == Where::of(answers)).map(|(_, located)| located)
    }

    pub fn keep_located(&mut self, answers: &Answers, located: Located) {
        self.located = Some((Where::of(answers), located));
    }

    pub fn created(&self, answers: &Answers) -> Option<&CreatedAccount> {
        let AccountChoice::Automatic { name } = &answers.account else { return None };
        self.created.as_ref().filter(|(created, _)| *created == folded(name)).map(|(_, account)| account)
    }

    pub fn keep_created(&mut self, answers: &Answers, account: CreatedAccount) {
        if let AccountChoice::Automatic { name } = &answers.account {
            self.created = Some((folded(name), account));
        }
    }

    pub fn verified(&self, answers: &Answers) -> Option<&str> {
        self.verified.as_ref().filter(|(who, _)| who.is(answers)).map(|(_, note)| note.as_str())
    }

    pub fn keep_verified(&mut self, answers: &Answers, note: String) {
        if let AccountChoice::Existing { upn, password } = &answers.account {
            let who = Who { upn: folded(upn), password: password.clone(), environment: answers.environment };
            self.verified = Some((who, note));
        }
    }

    pub fn granted(&self, upn: &str, located: &Located) -> Option<&Grant> {
        self.granted.as_ref().filter(|grant| grant.upn == folded(upn) && grant.located == *located)
    }

    pub fn keep_granted(&mut self, upn: &str, located: Located, since: Option<Duration>) {
        self.granted = Some(Grant { upn: folded(upn), located, since });
    }

    pub fn tested(&self, access: &Access) -> Option<&AccessOutcome> {
        let (tested, outcome) = self.tested.as_ref()?;
        let same = tested.connection == access.connection
            && folded(&tested.upn) == folded(&access.upn)
            && same(&tested.password, &access.password)
            && tested.mailbox == access.mailbox;
        same.then_some(outcome)
    }

    pub fn keep_tested(&mut self, access: Access, outcome: AccessOutcome) {
        self.tested = Some((access, outcome));
    }
}

fn folded(text: &str) -> String {
    text.trim().to_lowercase()
}

fn same(one: &SecretString, other: &SecretString) -> bool {
    one.expose_secret() == other.expose_secret()
}
