//! One look at what is published, and all that comes of it.

use std::sync::Arc;

use tracing::{debug, info};

use super::error::{ChangeError, phrase};
use super::judge::Judged;
use super::state::Trouble;
use super::{Organisation, WITHIN};
use crate::organisation::document::Document;
use crate::organisation::registration::{JoinedTo, MembershipError};
use crate::organisation::{Found, Mark, Published, PublishedError, Sighting};
use crate::updater::settings_store::StoreError;

/// Others are told at least so often that this updater lives.
const SIGHTED_EVERY: i64 = 10 * 60 * 1000;

/// What whoever talks to the directory keeps in between.
#[derive(Default)]
pub(super) struct Work {
    way: Option<Arc<dyn Published>>,
    /// Of what was read and dealt with; none: all is to be read.
    mark: Option<Mark>,
    /// When others were told how this updater is, and which version they were told of.
    sighted: Option<(i64, Option<u64>)>,
}

impl Work {
    /// Everything is read anew the next time.
    pub fn read_again(&mut self) {
        self.mark = None;
    }
}

/// How a look ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looked {
    /// There is nothing to look at.
    NotJoined,
    Good,
    /// The directory could not be asked.
    Failed,
}

impl Organisation {
    /// Looks whether anything has changed.
    pub async fn look(&self) -> Looked {
        let mut work = self.0.working.lock().await;
        self.look_in(&mut work).await
    }

    /// Looks at all of it.
    pub async fn look_at_once(&self) -> Looked {
        let mut work = self.0.working.lock().await;
        work.read_again();
        self.look_in(&mut work).await
    }

    pub(super) async fn look_in(&self, work: &mut Work) -> Looked {
        let Some(joined) = self.state().joined().cloned() else { return Looked::NotJoined };
        let before = self.state().words();
        let looked = self.look_further(work, &joined).await;
        if self.state().words() != before {
            self.tell();
        }
        looked
    }

    async fn look_further(&self, work: &mut Work, joined: &JoinedTo) -> Looked {
        let read = async {
            let published = self.way(work, joined)?;
            let found = self.read(&*published, work.mark.as_ref()).await?;
            Ok((published, found))
        };
        let (published, found) = match read.await {
            Ok(read) => read,
            Err(failed) => {
                work.read_again();
                self.away(&failed);
                return Looked::Failed;
            }
        };
        let was_away = self.state().problem.as_ref().is_some_and(|problem| problem.trouble == Trouble::Away);
        self.state().last_look = Some(self.0.clock.now());
        if let Some(found) = found {
            work.read_again();
            match self.deal_with(&*published, joined, &found).await {
                Ok(true) => work.mark = Some(found.mark),
                Ok(false) => {}
                Err(failed) => {
                    self.away(&failed);
                    return Looked::Failed;
                }
            }
            if was_away {
                info!("the organisation's configuration can be looked at again");
            }
        }
        self.be_seen(work, &*published).await;
        Looked::Good
    }

    /// Whether all is done that there was to do.
    async fn deal_with(
        &self,
        published: &dyn Published,
        joined: &JoinedTo,
        found: &Found,
    ) -> Result<bool, ChangeError> {
        match self.take_in(joined, found).await {
            Ok(Judged::InForce { document, text, secret }) => {
                let known = (&*document, text.as_str(), secret.as_ref());
                match self.seal_to_all(published, joined, found, known).await {
                    Ok(()) => Ok(true),
                    Err(error @ (ChangeError::Directory(_) | ChangeError::Denied(_) | ChangeError::Unknown(_))) => {
                        Err(error)
                    }
                    Err(error) => {
                        let words = format!(
                            "The account's password could not be encrypted to all updaters that are registered: {error}."
                        );
                        self.trouble(Trouble::Here, words);
                        Ok(false)
                    }
                }
            }
            Ok(Judged::Nothing | Judged::Refused(_))
            | Err(ChangeError::NotRegistered | ChangeError::OtherKey { .. }) => Ok(true),
            // It was told, and is tried again.
            Err(ChangeError::Store(_) | ChangeError::Membership(MembershipError::Copy { .. })) => Ok(false),
            Err(error) => {
                self.trouble(Trouble::Here, format!("The organisation's configuration: {error}."));
                Ok(false)
            }
        }
    }

    fn away(&self, failed: &ChangeError) {
        let (trouble, why) = match failed {
            ChangeError::Directory(why) | ChangeError::Unknown(why) => (Trouble::Away, why.clone()),
            ChangeError::Denied(why) => (Trouble::Published, why.clone()),
            other => (Trouble::Here, other.to_string()),
        };
        let words =
            format!("The organisation's configuration can't be looked at, and what was in force stays so: {why}.");
        self.trouble(trouble, words);
    }

    /// The way to what is published.
    pub(super) fn way(&self, work: &mut Work, joined: &JoinedTo) -> Result<Arc<dyn Published>, ChangeError> {
        if let Some(way) = &work.way {
            return Ok(way.clone());
        }
        let sign_in = self.0.place.sign_in(joined)?;
        let way = (self.0.reach)(joined, sign_in).map_err(ChangeError::Directory)?;
        work.way = Some(way.clone());
        Ok(way)
    }

    pub(super) fn take_way(work: &mut Work, way: Option<Arc<dyn Published>>) {
        *work = Work { way, ..Work::default() };
    }

    pub(super) async fn read(
        &self,
        published: &dyn Published,
        mark: Option<&Mark>,
    ) -> Result<Option<Found>, ChangeError> {
        match self.within(published.read(mark)).await {
            Some(Ok(found)) => Ok(found),
            Some(Err(error)) => Err(error.into()),
            None => Err(ChangeError::Directory(no_answer())),
        }
    }

    /// All that is published.
    pub(super) async fn read_all(&self, published: &dyn Published) -> Result<Found, ChangeError> {
        let found = self.read(published, None).await?;
        found.ok_or_else(|| ChangeError::Directory("the directory did not say what is published".to_owned()))
    }

    /// Publishes a document in the place of what was read. Its text is what is published then.
    pub(super) async fn publish(
        &self,
        published: &dyn Published,
        replacing: Option<&str>,
        document: &Document,
    ) -> Result<String, ChangeError> {
        let text = document.to_text()?;
        match self.within(published.publish(replacing, &text, document.version())).await {
            Some(Ok(())) => Ok(text),
            Some(Err(PublishedError::Conflict)) => Err(ChangeError::Store(StoreError::Conflict)),
            Some(Err(error)) => Err(error.into()),
            None => Err(ChangeError::Unknown(format!(
                "whether the configuration was published is not known: {}; it is seen as soon as the directory answers \
                 again",
                no_answer()
            ))),
        }
    }

    /// Tells others how this updater is, when it is time.
    async fn be_seen(&self, work: &mut Work, published: &dyn Published) {
        let now = self.now();
        let (version, registered, problem) = {
            let state = self.state();
            let version = state.joined().and_then(|joined| joined.adopted.as_ref()).map(|adopted| adopted.version);
            (version, state.registered, state.words())
        };
        let due = work.sighted.is_none_or(|(at, told)| told != version || now >= at + SIGHTED_EVERY);
        let Ok(id) = self.id() else { return };
        if !registered || !due {
            return;
        }
        let sighting = Sighting {
            format: 1,
            at: self.0.clock.now(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
            configuration: version,
            backlog: (self.0.backlog)(),
            problem,
        };
        match self.within(published.sighted(id, &sighting)).await {
            Some(Ok(())) => {
                self.state().seen.sightings.insert(id, sighting);
            }
            Some(Err(error)) => debug!(error = phrase(&error), "others could not be told how this updater is"),
            None => debug!("others could not be told how this updater is, in time"),
        }
        // When it did not work, it is as good again later.
        work.sighted = Some((now, version));
    }
}

fn no_answer() -> String {
    format!("the directory gave no answer within {} seconds", WITHIN.as_secs())
}
