//! What is chosen before an updater is registered. No egui and no I/O.

use std::collections::HashSet;

use crate::enrolment::{Choice, reach};
use crate::organisation::administration::{Survey, There, computer_account};
use crate::panel::widgets::TypedPassword;
use crate::pipe::types::OrganisationReport;
use crate::settings::DirectorySettings;
use crate::setup::validate;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// The account that the service runs as.
    Account,
    User,
    Password,
}

#[derive(Debug)]
pub struct Form {
    /// Another account than the service's, with a password.
    pub other: bool,
    pub account: String,
    pub user: String,
    pub password: TypedPassword,
    /// Distinguished name; empty: the usual place.
    pub place: String,
    usual: String,
    touched: HashSet<Field>,
    /// Where the keyboard is to go.
    goes_to: Option<Field>,
}

impl Form {
    /// As the updater has it so far.
    pub fn new(report: &OrganisationReport) -> Self {
        // As the directory shows it.
        let usual = computer_account(&report.own.name).to_uppercase();
        let joined = report.joined.as_ref();
        Self {
            other: report.own.account.is_some(),
            account: usual.clone(),
            user: report.own.account.clone().unwrap_or_default(),
            password: TypedPassword::default(),
            place: joined.and_then(|joined| joined.container.clone()).unwrap_or_default(),
            usual,
            touched: HashSet::new(),
            goes_to: None,
        }
    }

    pub fn touch(&mut self, field: Field) {
        self.touched.insert(field);
    }

    fn wrong(&self, field: Field) -> Option<String> {
        match field {
            Field::Account if self.other => None,
            Field::Account => {
                let name = self.account.trim();
                (name.is_empty() || name == "$").then(|| "Enter the account that the service runs as.".to_owned())
            }
            Field::User | Field::Password if !self.other => None,
            Field::User => validate::upn(&self.user).err(),
            Field::Password => self.password.is_empty().then(|| "Enter the account's password.".to_owned()),
        }
    }

    /// What is wrong with a field, once there is a reason to say so.
    pub fn problem(&self, field: Field) -> Option<String> {
        if self.touched.contains(&field) { self.wrong(field) } else { None }
    }

    /// What was chosen; none while something is wrong, which is shown from then on.
    pub fn choice(&mut self) -> Option<Choice> {
        let fields = [Field::Account, Field::User, Field::Password];
        self.touched.extend(fields);
        self.goes_to = fields.into_iter().find(|field| self.wrong(*field).is_some());
        if self.goes_to.is_some() {
            return None;
        }
        Some(if self.other {
            Choice { account: Some(self.user.trim().to_owned()), password: Some(self.password.secret()) }
        } else {
            // Whoever signed in as a user before is told that it is the computer now.
            let proposed = self.is_computer() && self.user.is_empty();
            Choice { account: (!proposed).then(|| self.account.trim().to_owned()), password: None }
        })
    }

    /// Whether the keyboard is to go to this field: once, after something was found wrong there.
    pub fn takes_keyboard(&mut self, field: Field) -> bool {
        self.goes_to.take_if(|to| *to == field).is_some()
    }

    /// The account that will be given the rights, as far as it is known.
    pub fn granted(&self) -> &str {
        let name = if self.other { self.user.trim() } else { self.account.trim() };
        if name.is_empty() { "the account" } else { name }
    }

    pub fn is_computer(&self) -> bool {
        self.account.trim().eq_ignore_ascii_case(&self.usual)
    }

    pub fn place(&self) -> Option<&str> {
        Some(self.place.trim()).filter(|place| !place.is_empty())
    }
}

/// How the updater is to reach the directory: as whoever registers it has; one that has joined stays in its domain.
pub fn directory(signed_in: DirectorySettings, report: &OrganisationReport) -> DirectorySettings {
    match &report.joined {
        Some(joined) if !joined.directory.domain.eq_ignore_ascii_case(&signed_in.domain) => joined.directory.clone(),
        joined => reach(signed_in, joined.as_ref().map(|joined| &joined.directory)),
    }
}

/// What will happen, a sentence a step. `configured`: the updater has settings that could be published.
pub fn sentences(report: &OrganisationReport, form: &Form, survey: &Survey, configured: bool) -> Vec<String> {
    let name = &report.own.name;
    let again = report.joined.as_ref().is_some_and(|joined| joined.registered);
    let mut sentences = Vec::new();
    if survey.there == There::Nothing {
        sentences.push(format!("The place for it is made in Active Directory: {}.", survey.container));
    }
    sentences.push(if again {
        format!("The registration of {name} is renewed.")
    } else {
        format!("{name} is registered, with its public key for secrets.")
    });
    sentences
        .push(format!("{} may read and change the organisation's configuration, and nothing else.", form.granted()));
    let shared = report.joined.as_ref().is_some_and(|joined| joined.configuration.is_some());
    let copy =
        "except the doors for messages. A copy of them is kept in the data folder of the updater, without the password";
    sentences.push(match &survey.there {
        _ if shared => "The configuration in force stays the organisation's, in its newest version.".to_owned(),
        There::Published(document) if configured => format!(
            "Version {} of the organisation's configuration, by {} on {}, takes the place of this computer's own settings, \
             {copy}.",
            document.version, document.changed_by, document.changed_on
        ),
        There::Published(document) => format!(
            "Version {} of the organisation's configuration, by {} on {}, is in force here.",
            document.version, document.changed_by, document.changed_on
        ),
        There::Nothing | There::Empty if configured => {
            "No configuration is published yet: that of this computer becomes the organisation's.".to_owned()
        }
        There::Nothing | There::Empty => {
            "No configuration is published yet: the one that is made next, here or at another registered updater, becomes \
             the organisation's."
                .to_owned()
        }
        There::Unclear => {
            "What is published can't be read, and is not put in force: this computer's settings stay until somebody \
             publishes what is right."
                .to_owned()
        }
        There::Hidden => format!(
            "If a configuration is published, it takes the place of this computer's own settings, {copy}. If none is, that \
             of this computer becomes the organisation's."
        ),
    });
    sentences
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::pipe::types::{OwnUpdater, Source};

    fn form(account: Option<&str>) -> Form {
        let own = OwnUpdater {
            id: Uuid::from_u128(1),
            name: "srv1.corp.example".into(),
            key: "age1q".into(),
            account: account.map(str::to_owned),
        };
        Form::new(&OrganisationReport { source: Source::File, own, joined: None, kept: None })
    }

    /// P2
    #[test]
    fn the_computers_account_is_proposed_and_another_takes_its_password() {
        let mut form = self::form(None);
        assert_eq!((form.granted(), form.is_computer()), ("SRV1$", true));
        let choice = form.choice().unwrap();
        assert!(choice.account.is_none() && choice.password.is_none(), "the updater's default");
        form.account = "gmsa-siu$".into();
        assert_eq!(form.choice().unwrap().account.as_deref(), Some("gmsa-siu$"));
        form.other = true;
        assert!(form.choice().is_none());
        assert!(form.problem(Field::User).is_some() && form.problem(Field::Password).is_some());
        form.user = " siu@corp.example ".into();
        form.password.fill("Zebra-7");
        let choice = form.choice().unwrap();
        assert!(choice.account.as_deref() == Some("siu@corp.example") && choice.password.is_some());
        assert!(!format!("{form:?} {choice:?}").contains("Zebra"));
    }

    #[test]
    fn who_signed_in_with_a_user_before_is_proposed_that_one() {
        let mut form = self::form(Some("siu@corp.example"));
        assert_eq!((form.other, form.granted()), (true, "siu@corp.example"));
        form.other = false;
        assert_eq!(form.choice().unwrap().account.as_deref(), Some("SRV1$"), "not that user any more");
    }

    #[test]
    fn without_a_name_nothing_is_registered() {
        let mut form = self::form(None);
        form.account = " ".into();
        assert!(form.choice().is_none() && form.problem(Field::Account).is_some());
    }
}
