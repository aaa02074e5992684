//! Joining an organisation, and leaving it.

use tracing::info;

use super::Organisation;
use super::change::to_its_end;
use super::error::ChangeError;
use super::judge::Judged;
use super::look::Work;
use crate::directory::SignIn;
use crate::organisation::registration::JoinedTo;
use crate::pipe::types::{Join, JoinSignIn, Leave};
use crate::updater::settings_store::StoreError;

impl Organisation {
    /// Joins, once an administrator has registered this updater: what is published is in force then. Where nothing is
    /// published yet and this updater is configured, its configuration is the organisation's first.
    pub async fn join(&self, join: Join, peer: &str) -> Result<(), ChangeError> {
        let (organisation, peer) = (self.clone(), peer.to_owned());
        let work = async move {
            let mut work = organisation.0.working.lock().await;
            organisation.join_in(&mut work, join, &peer).await
        };
        to_its_end(work).await
    }

    async fn join_in(&self, work: &mut Work, join: Join, peer: &str) -> Result<(), ChangeError> {
        let Join { organisation, directory, place, sign_in } = join;
        directory.check().map_err(StoreError::Wrong)?;
        let before = self.state().membership()?.clone();
        if before.joined.as_ref().is_some_and(|joined| joined.organisation != organisation) {
            return Err(ChangeError::JoinedAnother);
        }
        let sign_in = match sign_in {
            JoinSignIn::Service => SignIn::LoggedOn,
            JoinSignIn::User { upn, password } => SignIn::Password { upn, password },
        };
        let user = match &sign_in {
            SignIn::Password { upn, .. } => Some(upn.clone()),
            SignIn::LoggedOn => None,
        };
        let (adopted, highest, highest_secret) =
            before.joined.map_or((None, 0, 0), |joined| (joined.adopted, joined.highest, joined.highest_secret));
        let joined = JoinedTo { organisation, directory, place, user, adopted, highest, highest_secret };
        // Nothing is kept before it is known to work.
        let way = (self.0.reach)(&joined, sign_in.clone()).map_err(ChangeError::Directory)?;
        let found = self.read_all(&*way).await?;
        self.notice(&found)?;

        self.0.place.keep_sign_in(&sign_in)?;
        let mut membership = self.state().membership()?.clone();
        membership.joined = Some(joined.clone());
        self.0.place.write(&membership)?;
        self.state().set_membership(membership);
        Self::take_way(work, Some(way.clone()));
        info!(%organisation, place = way.place(), "the updater has joined the organisation");
        if let Judged::Nothing = self.take_in(&joined, &found).await?
            && self.0.settings.get().settings.is_configured()
        {
            self.publish_above(&*way, &joined, &found, joined.highest, peer).await?;
        }
        self.look_in(work).await;
        self.tell();
        self.0.wake.notify_one();
        Ok(())
    }

    /// Leaves: the settings in force are this computer's own from then on. The directory is not asked; the registration is
    /// an administrator's to remove.
    pub async fn leave(&self, leave: Leave) -> Result<(), ChangeError> {
        let organisation = self.clone();
        let work = async move {
            let mut work = organisation.0.working.lock().await;
            organisation.leave_in(&mut work, leave).await
        };
        to_its_end(work).await
    }

    async fn leave_in(&self, work: &mut Work, leave: Leave) -> Result<(), ChangeError> {
        let mut membership = self.state().membership()?.clone();
        let joined = membership.joined.take();
        if joined.is_some() {
            self.0.place.write(&membership)?;
            self.0.place.keep_sign_in(&SignIn::LoggedOn)?;
            info!("the updater has left the organisation; its settings are its own");
        }
        {
            let mut state = self.state();
            state.set_membership(membership);
            state.forget();
        }
        Self::take_way(work, None);
        if leave.forget_secret {
            self.0.settings.forget_password().await?;
        }
        self.tell();
        Ok(())
    }
}
