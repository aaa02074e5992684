//! Autodiscover as the service account, with what the settings say of it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::Url;

use super::ways::Find;
use crate::directory::Directory;
use crate::ews::Credentials;
use crate::ews::autodiscover::{self, Autodiscover, ServiceConnectionPoints};
use crate::settings::{AutodiscoverSettings, Settings, SmtpAddress};
use crate::updater::settings_store::InForce;

/// For all attempts of one search: somebody's message waits meanwhile, and nothing else.
const WITHIN: Duration = Duration::from_secs(30);

/// Finds servers as the configuration did.
pub struct Rediscovery {
    autodiscover: Autodiscover,
    credentials: Credentials,
}

impl Rediscovery {
    /// # Errors
    /// A phrase, when what the settings say can't be worked with.
    pub fn new(in_force: &InForce, how: &AutodiscoverSettings, credentials: Credentials) -> Result<Self, String> {
        let known = how.services.iter().map(|text| Url::parse(text).map_err(|error| format!("{text}: {error}")));
        let connection = in_force.settings.connection.as_ref();
        let options = autodiscover::Options {
            known: known.collect::<Result<_, _>>()?,
            connection_points: directory(&in_force.settings, in_force),
            extra_roots: connection.map(|connection| connection.extra_roots.clone()).unwrap_or_default(),
            trusted: how.trusted.clone(),
            timeout: WITHIN,
            ..autodiscover::Options::default()
        };
        let autodiscover = Autodiscover::new(options).map_err(|error| error.to_string())?;
        Ok(Self { autodiscover, credentials })
    }
}

/// The directory; none where there is none, or no way to sign in to it.
fn directory(settings: &Settings, in_force: &InForce) -> Option<Arc<dyn ServiceConnectionPoints>> {
    let sign_in = in_force.directory_sign_in().ok()?;
    Some(Arc::new(Directory::new(settings.directory.as_ref()?, sign_in).ok()?))
}

impl Find for Rediscovery {
    fn find<'a>(&'a self, mailbox: &'a SmtpAddress) -> BoxFuture<'a, Result<Vec<Url>, String>> {
        Box::pin(async move {
            match self.autodiscover.find(mailbox, Some(&self.credentials)).await {
                Ok(found) => Ok(found.ews_urls),
                Err(told) => Err(told.attempts.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
            }
        })
    }
}
