//! The sandbox that runs with the panel: its administrator signs in by itself (X1).

use std::sync::{Arc, OnceLock};

use futures_util::future::BoxFuture;
use reqwest::Url;

use super::try_out;
use crate::directory::{self, Directory};
use crate::ews::autodiscover;
use crate::panel::sandbox::Opened;
use crate::panel::session::{Connect, Session, SignIn};
use crate::panel::style::sentence;
use crate::pipe::client::Client;
use crate::settings::DirectorySettings;
use crate::setup::{Domain, DomainOptions, Entra, Failure, Person};

/// Connects to it as a domain, over the wire.
pub struct Rehearsed {
    opened: Arc<OnceLock<Opened>>,
}

impl Rehearsed {
    /// It may still be starting.
    #[must_use]
    pub fn new(opened: Arc<OnceLock<Opened>>) -> Self {
        Self { opened }
    }

    async fn sign_in(&self, pipe: Client) -> Result<Session, Failure> {
        let Some(Opened { control, ca_pem }) = self.opened.get() else {
            return Err(Failure {
                what: "The sandbox organisation is still starting.".to_owned(),
                advice: vec!["Try again in a moment.".to_owned()],
                ..Failure::default()
            });
        };
        let upn = control.administrator().to_owned();
        let password = control.password(&upn);
        let settings = DirectorySettings {
            domain: control.organisation().domain.clone(),
            controllers: vec![control.ldaps_url()],
            extra_roots: vec![ca_pem.clone()],
        };
        let sign_in = directory::SignIn::Password { upn: upn.clone(), password: password.clone() };
        let directory = Directory::new(&settings, sign_in)
            .map_err(|error| crate::setup::failures::directory("to sign you in", &error.into()))?;
        try_out(&directory).await?;
        let mut management = Url::parse(&control.management_url()).map_err(|error| broken(&error.to_string()))?;
        let known = Url::parse(&control.autodiscover_url()).map_err(|error| broken(&error.to_string()))?;
        management.set_path("/");
        let autodiscover = autodiscover::Options {
            known: vec![known],
            extra_roots: vec![ca_pem.clone()],
            ..autodiscover::Options::default()
        };
        let organisation = Domain::new(DomainOptions {
            extra_roots: vec![ca_pem.clone()],
            person: Some(Person { upn, password }),
            management: Some(management),
            autodiscover,
            entra: Entra { authority: control.token_authority(), ..Entra::default() },
            ..DomainOptions::new(directory.clone(), settings)
        });
        // Its directory has no access control lists: nothing that updaters share could be protected there.
        Ok(Session { pipe, organisation: Arc::new(organisation), search: Arc::new(directory), administrators: None })
    }
}

impl Connect for Rehearsed {
    fn connect(&self, pipe: Client, _: SignIn) -> BoxFuture<'_, Result<Session, Failure>> {
        Box::pin(self.sign_in(pipe))
    }
}

fn broken(why: &str) -> Failure {
    Failure { what: sentence(why), cause: "The sandbox gave an address that is none.".to_owned(), ..Failure::default() }
}
