//! Finding the server (W2): by Autodiscover, or where the administrator says. What is found is accepted only after EWS
//! was seen there.

use futures_util::future::BoxFuture;
use reqwest::Url;
use secrecy::SecretString;

use super::Domain;
use super::exchange::{failure, product_told};
use super::probe::{Asker, probe, trust_advice};
use crate::directory::Directory;
use crate::ews::Credentials;
use crate::ews::autodiscover::{Attempt, Autodiscover, Found, NotFound, Points, ServiceConnectionPoints};
use crate::settings::{AuthScheme, AutodiscoverSettings, Connection, SmtpAddress};
use crate::setup::validate::{self, EWS_PATH};
use crate::setup::{ConnectionChoice, Failure, Located, Page, failures};

/// Addresses that Autodiscover is asked for; each may take its whole time.
const MOST_ADDRESSES: usize = 3;

type Account<'a> = Option<(&'a str, &'a SecretString)>;

impl Domain {
    pub(super) async fn located(&self, choice: &ConnectionChoice, account: Account<'_>) -> Result<Located, Failure> {
        // The person configuring stands in where there is no account yet.
        let person = self.options.person.as_ref().map(|person| (person.upn.as_str(), &person.password));
        let asker = account.or(person);
        match choice {
            ConnectionChoice::Manual { server } => {
                let server = validate::server(server).map_err(|why| failures::wrong_answer(Page::Connection, &why))?;
                let mailbox = self.addresses(asker).await.into_iter().next();
                self.accept(server.ews_url(), asker, mailbox.as_ref()).await
            }
            ConnectionChoice::Autodiscover => {
                let located = self.discovered(asker).await?;
                // The updater asks again when the server is gone.
                let options = &self.options.autodiscover;
                let autodiscover = AutodiscoverSettings {
                    services: options.known.iter().map(ToString::to_string).collect(),
                    trusted: options.trusted.clone(),
                };
                let connection = Connection { autodiscover: Some(autodiscover), ..located.connection };
                Ok(Located { connection, ..located })
            }
        }
    }

    /// Accepts an address if EWS is there.
    async fn accept(
        &self,
        ews_url: &Url,
        asker: Account<'_>,
        mailbox: Option<&SmtpAddress>,
    ) -> Result<Located, Failure> {
        let connection = self.connection(ews_url);
        let asker = asker.zip(mailbox).map(|((upn, password), mailbox)| Asker { upn, password, mailbox });
        let version = probe(&connection, asker).await?;
        Ok(Located { connection, version })
    }

    /// Addresses that have a mailbox, as far as that can be known: those that the directory shows, and the account's.
    async fn addresses(&self, asker: Account<'_>) -> Vec<SmtpAddress> {
        // A directory that can't be searched is no reason to give up: the account may have a mailbox.
        let mut addresses = self.some_mailboxes().await.unwrap_or_default();
        addresses.truncate(MOST_ADDRESSES - 1);
        let own = asker.and_then(|(upn, _)| SmtpAddress::new(upn).ok());
        if let Some(own) = own.filter(|own| !addresses.contains(own)) {
            addresses.push(own);
        }
        addresses
    }

    async fn discovered(&self, asker: Account<'_>) -> Result<Located, Failure> {
        let mut options = self.options.autodiscover.clone();
        options.extra_roots.extend(self.options.extra_roots.iter().cloned());
        let autodiscover = Autodiscover::new(options).map_err(|error| failure(error.explain(), None))?;
        let credentials = asker.map(|(upn, password)| Credentials::Password {
            user: upn.to_owned(),
            password: password.clone(),
            order: AuthScheme::USUAL_ORDER.to_vec(),
            kdc: self.kdc(),
        });
        let mut addresses = self.addresses(asker).await;
        if addresses.is_empty() {
            // Where the service is depends on the domain alone.
            addresses.extend(SmtpAddress::new(&format!("administrator@{}", self.options.directory.domain())).ok());
        }
        let mut tried: Vec<Attempt> = Vec::new();
        let mut last: Option<(SmtpAddress, NotFound)> = None;
        for address in addresses {
            match autodiscover.find(&address, credentials.as_ref()).await {
                Ok(found) => {
                    tried.extend(found.attempts.iter().cloned());
                    return self.first_usable(&found, asker, &tried).await;
                }
                Err(told) => {
                    tried.extend(told.attempts.iter().cloned());
                    // Another address helps only where a service knew no mailbox of this one.
                    let goes_on = told.no_such_mailbox && !told.password_refused;
                    last = Some((address, told));
                    if !goes_on {
                        break;
                    }
                }
            }
        }
        let Some((address, told)) = last else {
            return Err(failures::server_not_found(self.options.directory.domain(), Vec::new()));
        };
        // Autodiscover is on the servers that have EWS; that EWS is there is seen before it is believed. Whose password
        // was refused learns in the next step what is wrong with the account.
        for service in &told.closed {
            let Ok(ews_url) = service.join(EWS_PATH) else { continue };
            match self.accept(&ews_url, None, None).await {
                Ok(located) => return Ok(located),
                Err(why) => tried.push(Attempt { place: ews_url.to_string(), outcome: why.cause }),
            }
        }
        Err(not_found(&address, &told, &tried))
    }

    /// The first of the addresses that were found at which EWS is.
    async fn first_usable(&self, found: &Found, asker: Account<'_>, tried: &[Attempt]) -> Result<Located, Failure> {
        let mut failed = None;
        for ews_url in &found.ews_urls {
            match self.accept(ews_url, asker, Some(&found.address)).await {
                Ok(located) => {
                    // EWS tells its version only to whom it lets in.
                    let told = found.version.filter(|_| located.version.is_empty()).map(product_told);
                    return Ok(Located { version: told.unwrap_or(located.version), ..located });
                }
                Err(failure) => {
                    failed.get_or_insert(failure);
                }
            }
        }
        let mut failure = failed.unwrap_or_else(|| failures::server_not_found(found.address.as_str(), Vec::new()));
        failure.details.extend(tried.iter().map(ToString::to_string));
        Err(failure)
    }
}

fn not_found(address: &SmtpAddress, told: &NotFound, tried: &[Attempt]) -> Failure {
    let failure = failures::server_not_found(address.as_str(), tried.iter().map(ToString::to_string).collect());
    let ahead = |advice: Vec<String>| [advice, failure.advice.clone()].concat();
    if told.password_refused {
        let cause = "Autodiscover is there, and does not accept the name and password that it was given.";
        let advice = ahead(vec!["Check the account and its password.".to_owned()]);
        return Failure { cause: cause.to_owned(), advice, page: Some(Page::Account), ..failure };
    }
    if told.no_such_mailbox {
        let cause = "Autodiscover is there, and knows no mailbox with this address.";
        return Failure { cause: cause.to_owned(), ..failure };
    }
    if let Some(host) = &told.untrusted {
        let cause = format!("The certificate of {host} was issued by an authority that this computer does not trust.");
        return Failure { cause, advice: ahead(trust_advice(true)), ..failure };
    }
    failure
}

/// The service connection points of Exchange.
impl ServiceConnectionPoints for Directory {
    fn of<'a>(&'a self, domain: &'a str) -> BoxFuture<'a, Result<Points, String>> {
        Box::pin(async move {
            let found = self.autodiscover_services(domain).await.map_err(|error| error.to_string())?;
            let attempt = |(pointer, outcome)| Attempt { place: format!("the pointer {pointer}"), outcome };
            Ok(Points { urls: found.urls, pointers: found.pointers.into_iter().map(attempt).collect() })
        })
    }
}
