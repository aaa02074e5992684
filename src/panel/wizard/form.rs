//! What is entered on the pages, and what is wrong with it (W1–W3).

use secrecy::SecretString;

use crate::panel::widgets::TypedPassword;
use crate::settings::{Environment, Settings};
use crate::setup::validate;
use crate::setup::{AccountChoice, Answers, ConnectionChoice, Page};

/// The fields of the wizard's pages as they stand.
#[derive(Debug)]
pub struct Form {
    pub environment: Environment,
    /// *Configure connection manually*
    pub manual: bool,
    pub server: String,
    /// An account that is there already, instead of one that is created.
    pub existing: bool,
    /// Of the account to be created, the part before the `@`.
    pub name: String,
    pub upn: String,
    pub password: TypedPassword,
}

/// A field that can be filled in wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    Server,
    Name,
    Upn,
    Password,
}

impl Form {
    /// As it is proposed: what is in force, or for a first time the simplest way.
    pub fn new(settings: Option<&Settings>) -> Self {
        let mut form = Self {
            environment: Environment::OnPremises,
            manual: false,
            server: String::new(),
            existing: false,
            name: validate::USUAL_ACCOUNT_NAME.to_owned(),
            upn: String::new(),
            password: TypedPassword::default(),
        };
        if let Some(settings) = settings {
            form.environment = settings.environment;
            if let Some(connection) = &settings.connection {
                form.server.clone_from(&connection.ews_url);
            }
            if let Some(account) = &settings.account {
                let name = account.user.split('@').next().unwrap_or_default();
                let automatic = name.eq_ignore_ascii_case(validate::USUAL_ACCOUNT_NAME);
                form.existing = !automatic;
                if !automatic {
                    form.upn.clone_from(&account.user);
                }
            }
        }
        form
    }

    /// Hybrid: the server is found by Autodiscover, whatever was chosen before (W2).
    pub fn is_manual(&self) -> bool {
        self.manual && self.environment == Environment::OnPremises
    }

    /// Hybrid: the account exists already, whatever was chosen before (W3).
    pub fn is_existing(&self) -> bool {
        self.existing || self.environment == Environment::Hybrid
    }

    pub fn answers(&self) -> Answers {
        let connection = if self.is_manual() {
            ConnectionChoice::Manual { server: self.server.trim().to_owned() }
        } else {
            ConnectionChoice::Autodiscover
        };
        let account = if self.is_existing() {
            AccountChoice::Existing { upn: self.upn.trim().to_owned(), password: self.password.secret() }
        } else {
            AccountChoice::Automatic { name: self.name.trim().to_owned() }
        };
        Answers { environment: self.environment, connection, account }
    }

    /// What is wrong with a field, as a sentence to stand beside it.
    pub fn problem(&self, field: Field) -> Option<String> {
        match field {
            Field::Server => validate::server(&self.server).err(),
            Field::Name => validate::account_name(&self.name).err(),
            Field::Upn => validate::upn(&self.upn).err(),
            Field::Password => {
                let password: SecretString = self.password.secret();
                validate::password(&password).err()
            }
        }
    }

    /// The fields that count on a page, as the choices stand.
    pub fn fields(&self, page: Page) -> &'static [Field] {
        match page {
            Page::Connection if self.is_manual() => &[Field::Server],
            Page::Account if self.is_existing() => &[Field::Upn, Field::Password],
            Page::Account => &[Field::Name],
            Page::Environment | Page::Connection | Page::Configure | Page::Result => &[],
        }
    }

    /// The first field of a page that is filled in wrongly.
    pub fn wrong_field(&self, page: Page) -> Option<Field> {
        self.fields(page).iter().copied().find(|field| self.problem(*field).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Account;

    /// W2, W3: what the choice of hybrid rules out is not asked for, and not lost either.
    #[test]
    fn hybrid_means_autodiscover_and_an_existing_account_whatever_was_chosen_before() {
        let mut form = Form::new(None);
        form.manual = true;
        form.server = "mail.corp.example".into();
        assert!(matches!(form.answers().connection, ConnectionChoice::Manual { .. }));
        form.environment = Environment::Hybrid;
        let answers = form.answers();
        assert_eq!(answers.connection, ConnectionChoice::Autodiscover);
        assert!(matches!(answers.account, AccountChoice::Existing { .. }));
        assert_eq!((form.fields(Page::Connection), form.wrong_field(Page::Account)), (&[][..], Some(Field::Upn)));
        form.environment = Environment::OnPremises;
        assert!(form.is_manual() && !form.is_existing());
    }

    /// W3
    #[test]
    fn the_proposed_account_is_created_under_the_usual_name() {
        let form = Form::new(None);
        assert!(matches!(form.answers().account, AccountChoice::Automatic { name } if name == "CodeTwoSiuAgent"));
        assert_eq!([Page::Environment, Page::Connection, Page::Account].map(|page| form.wrong_field(page)), [None; 3]);
    }

    /// T4
    #[test]
    fn what_is_in_force_is_proposed_but_never_its_password() {
        let account = Account { user: "svc@corp.example".into() };
        let settings = Settings { environment: Environment::Hybrid, account: Some(account), ..Settings::default() };
        let form = Form::new(Some(&settings));
        assert_eq!(
            (form.environment, form.upn.as_str(), form.is_existing()),
            (Environment::Hybrid, "svc@corp.example", true)
        );
        assert_eq!(form.wrong_field(Page::Account), Some(Field::Password));
    }

    /// W3
    #[test]
    fn spaces_around_what_was_typed_do_no_harm() {
        let mut form = Form::new(None);
        form.existing = true;
        form.upn = "  svc@corp.example ".into();
        form.password.fill("p");
        assert_eq!(form.wrong_field(Page::Account), None);
        assert!(matches!(form.answers().account, AccountChoice::Existing { upn, .. } if upn == "svc@corp.example"));
    }
}
