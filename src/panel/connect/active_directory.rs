//! A domain: Active Directory over LDAP, Exchange over EWS.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::remembered::Remembered;
use super::try_out;
use crate::directory::{self, Directory};
use crate::enrolment::SignedIn;
use crate::ews::autodiscover;
use crate::panel::session::{Connect, Credentials, Prefilled, Session, SignIn};
use crate::pipe::client::Client;
use crate::settings::DirectorySettings;
use crate::setup::{Domain, DomainOptions, Failure, Person};

/// The domain of this computer, or the one that is named when signing in.
pub struct ActiveDirectory {
    remembered: Option<Remembered>,
}

impl ActiveDirectory {
    /// Knows where the person signed in the last time, but never the password.
    #[must_use]
    pub fn new() -> Self {
        Self { remembered: Remembered::read() }
    }

    async fn sign_in(&self, pipe: Client, sign_in: SignIn) -> Result<Session, Failure> {
        let in_force = pipe.settings().await.ok().map(|(document, _)| document.settings);
        let known = in_force.as_ref().and_then(|settings| settings.directory.clone());
        let (mut settings, sign_in, person) = match sign_in {
            SignIn::LoggedOn => (self.own_domain(known).ok_or_else(nowhere)?, directory::SignIn::LoggedOn, None),
            SignIn::As(credentials) => {
                let Credentials { domain, controller, user, password, extra_roots } = *credentials;
                let settings = DirectorySettings { domain, controllers: controller.into_iter().collect(), extra_roots };
                let person = Person { upn: user.clone(), password: password.clone() };
                (settings, directory::SignIn::Password { upn: user, password }, Some(person))
            }
        };
        // Whoever gave an authority at the first configuration need not give it again.
        let mut exchange_roots = settings.extra_roots.clone();
        if let Some(in_force) = in_force {
            exchange_roots.extend(in_force.connection.into_iter().flat_map(|connection| connection.extra_roots));
            if settings.extra_roots.is_empty() {
                settings.extra_roots.extend(in_force.directory.into_iter().flat_map(|known| known.extra_roots));
            }
            exchange_roots.dedup();
        }
        let directory = Directory::new(&settings, sign_in).map_err(|error| wrong(&error))?;
        try_out(&directory).await?;
        if let Some(person) = &person {
            Remembered::of(&settings, &person.upn).keep().await;
        }
        let autodiscover = autodiscover::Options {
            connection_points: Some(Arc::new(directory.clone())),
            extra_roots: exchange_roots.clone(),
            ..autodiscover::Options::default()
        };
        let organisation = Domain::new(DomainOptions {
            extra_roots: exchange_roots,
            person,
            autodiscover,
            ..DomainOptions::new(directory.clone(), settings.clone())
        });
        let administrators = Arc::new(SignedIn::new(directory.clone(), settings));
        Ok(Session {
            pipe,
            organisation: Arc::new(organisation),
            search: Arc::new(directory),
            administrators: Some(administrators),
        })
    }

    /// Where the person logged on is at home.
    fn own_domain(&self, known: Option<DirectorySettings>) -> Option<DirectorySettings> {
        let of_windows = std::env::var("USERDNSDOMAIN").ok().filter(|domain| !domain.trim().is_empty());
        if let Some(domain) = of_windows {
            let same = known.filter(|known| known.domain.eq_ignore_ascii_case(&domain));
            return Some(same.unwrap_or(DirectorySettings { domain, ..DirectorySettings::default() }));
        }
        known.or_else(|| self.remembered.as_ref().map(Remembered::settings))
    }
}

impl Default for ActiveDirectory {
    fn default() -> Self {
        Self::new()
    }
}

impl Connect for ActiveDirectory {
    fn connect(&self, pipe: Client, sign_in: SignIn) -> BoxFuture<'_, Result<Session, Failure>> {
        Box::pin(self.sign_in(pipe, sign_in))
    }

    fn prefilled(&self) -> Option<Prefilled> {
        self.remembered.as_ref().map(Remembered::prefilled)
    }
}

fn wrong(error: &directory::DirectoryError) -> Failure {
    crate::setup::failures::directory("to sign you in", &error.clone().into())
}

fn nowhere() -> Failure {
    Failure {
        what: "This computer does not say to which domain you are signed in.".to_owned(),
        advice: vec!["Sign in with the user name and password of a domain administrator.".to_owned()],
        ..Failure::default()
    }
}
