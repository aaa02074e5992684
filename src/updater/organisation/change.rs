//! A change of the settings at this updater: published first, if there is where to, and then in force here.

use std::sync::Arc;

use tracing::info;
use uuid::Uuid;

use super::error::ChangeError;
use super::judge::Judged;
use super::look::Work;
use super::{Organisation, who};
use crate::organisation::document::{Change, Document, DocumentProblem, Sealed, shared, version_in_ruins};
use crate::organisation::registration::{Adopted, JoinedTo};
use crate::organisation::{Found, Published};
use crate::pipe::types::SettingsChange;
use crate::updater::settings_store::{InForce, Prepared, StoreError};

/// Somebody may be faster so many times by what does not touch the settings, such as encrypting the secret to a newcomer.
const TURNS: usize = 5;

impl Organisation {
    /// Takes a change over as a whole, if `based_on` is still in force, here and in the organisation. It is published, and
    /// on disk, when this returns. When somebody else has published meanwhile, that is in force afterwards and this is
    /// refused as a conflict.
    ///
    /// It goes on to its end even if nobody waits for it any more.
    pub async fn change(
        &self,
        change: SettingsChange,
        based_on: &str,
        peer: &str,
    ) -> Result<Arc<InForce>, ChangeError> {
        let (organisation, based_on, peer) = (self.clone(), based_on.to_owned(), peer.to_owned());
        let work = async move {
            let mut work = organisation.0.working.lock().await;
            organisation.change_in(&mut work, &change, &based_on, &peer).await
        };
        to_its_end(work).await
    }

    async fn change_in(
        &self,
        work: &mut Work,
        change: &SettingsChange,
        based_on: &str,
        peer: &str,
    ) -> Result<Arc<InForce>, ChangeError> {
        let store = &self.0.settings;
        let prepared = store.prepare(change, based_on)?;
        let Some(joined) = self.state().membership()?.joined.clone() else { return Ok(store.commit(prepared).await?) };
        if !prepared.new_password && shared(prepared.settings.clone()) == shared(store.get().settings.clone()) {
            // The doors are this computer's own.
            return Ok(store.commit(prepared).await?);
        }
        let published = self.way(work, &joined)?;
        work.read_again();
        for _ in 0..TURNS {
            let found = self.read_all(&*published).await?;
            let base = match self.take_in(&joined, &found).await? {
                Judged::InForce { document, .. } => Some(*document),
                Judged::Nothing => None,
                Judged::Refused(why) => return Err(ChangeError::Refused(why)),
            };
            let joined = self.state().membership()?.joined.clone().ok_or(ChangeError::NotJoined)?;
            // What was taken over just now may be what the change is not based on.
            let prepared = store.prepare(change, based_on)?;
            let version = joined.highest.max(base.as_ref().map_or(0, Document::version)) + 1;
            let secret = Self::secret_of(&joined, version, &prepared, base.as_ref(), &found)?;
            let change = self.change_of(version, prepared.settings.clone(), secret, peer);
            let next = match (&base, last_good(&joined)) {
                (Some(base), _) => base.next(change),
                (None, Some(last)) => last.next(change),
                (None, None) => Document::first(joined.organisation, change),
            };
            match self.publish(&*published, found.configuration.as_deref(), &next).await {
                Ok(text) => return self.published(&next, &text, prepared).await,
                Err(ChangeError::Store(StoreError::Conflict)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Puts what was just published in force here.
    async fn published(&self, next: &Document, text: &str, prepared: Prepared) -> Result<Arc<InForce>, ChangeError> {
        info!(version = next.version(), by = next.changed_by(), "the organisation's configuration was published");
        let now = self.0.settings.commit(prepared).await.map_err(ChangeError::PublishedOnly)?;
        {
            let mut state = self.state();
            state.seen.recipients = next.secret().map(|secret| secret.recipients.clone());
            state.secret_problem = None;
            state.set_problem(None, self.0.clock.now_ms());
        }
        self.remember(Adopted::new(next, text, true))?;
        self.0.wake.notify_one();
        Ok(now)
    }

    fn change_of(
        &self,
        version: u64,
        settings: crate::settings::Settings,
        secret: Option<Sealed>,
        peer: &str,
    ) -> Change {
        Change {
            version,
            write: Uuid::new_v4(),
            changed_by: who::name(peer),
            changed_on: self.0.name.clone(),
            changed_at: self.0.clock.now(),
            settings,
            secret,
        }
    }

    /// What is to be published of the account's password.
    fn secret_of(
        joined: &JoinedTo,
        version: u64,
        prepared: &Prepared,
        base: Option<&Document>,
        found: &Found,
    ) -> Result<Option<Sealed>, ChangeError> {
        let Some(account) = &prepared.settings.account else { return Ok(None) };
        let before = base.and_then(Document::secret).filter(|secret| secret.user == account.user);
        let wanted = Self::wanted(found, before);
        match (&prepared.password, before) {
            (Some(_), Some(before)) if !prepared.new_password && before.recipients == wanted => {
                Ok(Some(before.clone()))
            }
            (Some(password), _) => {
                Self::sealed(joined.organisation, version, &account.user, password, wanted).map(Some)
            }
            (None, before) => Ok(before.cloned()),
        }
    }

    /// Publishes what is in force here above every version seen, whatever is there now: the way out when an older state
    /// was put back, or a document was damaged. What is good and new is not overwritten but taken over.
    pub async fn publish_own(&self, peer: &str) -> Result<(), ChangeError> {
        let (organisation, peer) = (self.clone(), peer.to_owned());
        let work = async move {
            let mut work = organisation.0.working.lock().await;
            organisation.publish_in(&mut work, &peer).await
        };
        to_its_end(work).await
    }

    async fn publish_in(&self, work: &mut Work, peer: &str) -> Result<(), ChangeError> {
        let joined = self.state().membership()?.joined.clone().ok_or(ChangeError::NotJoined)?;
        let published = self.way(work, &joined)?;
        work.read_again();
        let found = self.read_all(&*published).await?;
        self.notice(&found)?;
        let highest = self.highest(&joined, &found).await?;
        self.publish_above(&*published, &joined, &found, highest, peer).await
    }

    /// The highest version that was ever seen, if nothing speaks against going above it.
    async fn highest(&self, joined: &JoinedTo, found: &Found) -> Result<u64, ChangeError> {
        let elsewhere = found.sightings.values().filter_map(|sighting| sighting.configuration).max();
        let highest = joined.highest.max(elsewhere.unwrap_or(0));
        let Some(text) = &found.configuration else { return Ok(highest) };
        match Document::parse(text) {
            Ok(document) if document.organisation() != joined.organisation => {
                Err(ChangeError::NotOurs("that of another organisation".to_owned()))
            }
            Ok(document) if document.version() > joined.highest => {
                let newer =
                    ChangeError::Newer { version: document.version(), changed_by: document.changed_by().to_owned() };
                self.take_in(joined, found).await?;
                Err(newer)
            }
            Ok(document) => Ok(highest.max(document.version())),
            Err(problem @ DocumentProblem::Later { .. }) => Err(ChangeError::Refused(problem.to_string())),
            Err(_) => Ok(highest.max(version_in_ruins(text).unwrap_or(0))),
        }
    }

    /// Publishes what is in force here in place of what was found.
    pub(super) async fn publish_above(
        &self,
        published: &dyn Published,
        joined: &JoinedTo,
        found: &Found,
        highest: u64,
        peer: &str,
    ) -> Result<(), ChangeError> {
        let store = &self.0.settings;
        let in_force = store.get();
        let change = SettingsChange { settings: in_force.settings.clone(), password: None };
        let mut prepared = store.prepare(&change, &in_force.version)?;
        prepared.password.clone_from(&in_force.password);
        let last = last_good(joined);
        let secret = Self::secret_of(joined, highest + 1, &prepared, last.as_ref(), found)?;
        let change = self.change_of(highest + 1, in_force.settings.clone(), secret, peer);
        let next = match &last {
            Some(last) => last.next(change),
            None => Document::first(joined.organisation, change),
        };
        let text = self.publish(published, found.configuration.as_deref(), &next).await?;
        self.published(&next, &text, prepared).await.map(drop)
    }
}

/// The document that is in force, with what only a later version of the program knows.
fn last_good(joined: &JoinedTo) -> Option<Document> {
    joined.adopted.as_ref().and_then(|adopted| Document::parse(&adopted.document).ok())
}

/// Whoever asked may go away: what was begun is not left half done.
pub(super) async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, ChangeError>> + Send + 'static,
) -> Result<T, ChangeError> {
    match tokio::spawn(work).await {
        Ok(result) => result,
        Err(broken) => Err(ChangeError::Broken(format!("the change broke off ({broken})"))),
    }
}
