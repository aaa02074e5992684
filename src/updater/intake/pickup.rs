//! The pickup folder: `*.eml` files that appear in it are taken in.
//!
//! A writer should write under another name and rename the file when it is complete. For those that don't, a
//! file is left alone until it has not changed between two looks. It is then claimed by renaming it within the
//! folder and locked while it is read, so that two updaters, or one that was killed, neither take it twice nor
//! lose it. It is deleted only after the gate has the message on disk; should that come to pass twice, the digest
//! makes the second time harmless. The folder is looked through at intervals, because network folders don't
//! tell of changes.

mod claim;
mod folder;
mod rejected;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::claim::Claim;
use self::folder::Looks;
use super::{Accept, AcceptError, Source, Unusable, journal};
use crate::settings::PickupSettings;
use crate::updater::clock::Clock;
use crate::updater::spool::{Content, Spool};

/// Between two looks at the folder.
pub const INTERVAL: Duration = Duration::from_secs(1);
/// After a trouble that concerns every file.
const BACK_OFF: Duration = Duration::from_secs(10);
/// Files that are read, and messages that are accepted, at the same time: enough for the queue to commit many at
/// once.
const AT_ONCE: usize = 32;

/// The watched folder.
#[derive(Debug)]
pub struct PickupDoor<A> {
    folder: PathBuf,
    gate: Arc<A>,
    spool: Spool,
    clock: Clock,
    looks: Looks,
    problem: watch::Sender<Option<String>>,
}

/// What went wrong with a file or the folder. The file stays and is tried again.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(
        "the pickup folder {} can't be read: {source}; make it available to the updater or change the setting \
         intake.pickup.folder",
        path.display()
    )]
    Folder { path: PathBuf, source: io::Error },
    #[error("the file {} can't be taken in: {source}; check what the updater may do with it and with its folder", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("the file {} was accepted but can't be deleted: {source}; delete it by hand", path.display())]
    Delete { path: PathBuf, source: io::Error },
    #[error("the file {} can't be used ({reason}) and can't be moved to {}: {source}", path.display(), to.display())]
    Reject { path: PathBuf, to: PathBuf, reason: String, source: io::Error },
    #[error("files stay in the pickup folder for now: {0}")]
    Gate(AcceptError),
}

impl Trouble {
    /// Whether the next file would meet the same.
    fn concerns_all(&self) -> bool {
        matches!(self, Self::Folder { .. } | Self::Gate(_))
    }
}

/// A claimed file and the message read from it, or why it could not be read into the spool.
struct Taken {
    claim: Claim,
    content: Result<Content, AcceptError>,
}

impl<A: Accept> PickupDoor<A> {
    #[must_use]
    pub fn new(settings: &PickupSettings, spool: Spool, gate: Arc<A>, clock: Clock) -> Self {
        let problem = watch::Sender::new(None);
        Self { folder: settings.folder.clone(), gate, spool, clock, looks: Looks::default(), problem }
    }

    /// What is wrong with the folder or a file in it at the moment.
    #[must_use]
    pub fn problem(&self) -> watch::Receiver<Option<String>> {
        self.problem.subscribe()
    }

    /// Watches until it is told to stop; what is being accepted then is finished first.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let trouble = self.look(&stop).await;
            let wait = if trouble.as_ref().is_some_and(Trouble::concerns_all) { BACK_OFF } else { INTERVAL };
            self.tell(trouble);
            let until = self.clock.now_ms() + i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.clock.sleep_until_ms(until) => {}
            }
        }
    }

    fn tell(&self, trouble: Option<Trouble>) {
        let now = trouble.map(|trouble| trouble.to_string());
        self.problem.send_if_modified(|problem| {
            let changed = *problem != now;
            if changed && let Some(now) = &now {
                tracing::warn!("{now}");
            }
            *problem = now;
            changed
        });
    }

    /// Takes every file that is complete. Returns the first trouble, the ones that concern all files before others.
    async fn look(&mut self, stop: &CancellationToken) -> Option<Trouble> {
        let folder = self.folder.clone();
        let listed = tokio::task::spawn_blocking(move || folder::list(&folder)).await;
        let listed = match listed.map_err(io::Error::other).flatten() {
            Ok(listed) => listed,
            Err(source) => return Some(Trouble::Folder { path: self.folder.clone(), source }),
        };
        let complete = self.looks.complete(listed, self.clock.now_ms(), INTERVAL);
        let halted = AtomicBool::new(false);
        let goes_on = || !stop.is_cancelled() && !halted.load(Ordering::Relaxed);
        let this = &*self;
        let mut found: Option<Trouble> = None;
        // Read in order, so that of the copies of a split message the last one also comes last.
        let mut handled = stream::iter(complete)
            .take_while(|_| std::future::ready(goes_on()))
            .map(|name| this.take(name))
            .buffered(AT_ONCE)
            .map(|taken| async {
                match taken {
                    Ok(Some(taken)) => this.hand_over(taken).await,
                    Ok(None) => Ok(()),
                    Err(trouble) => Err(trouble),
                }
            })
            .buffer_unordered(AT_ONCE);
        while let Some(result) = handled.next().await {
            if let Err(trouble) = result {
                if trouble.concerns_all() {
                    halted.store(true, Ordering::Relaxed);
                }
                if found.as_ref().is_none_or(|found| trouble.concerns_all() && !found.concerns_all()) {
                    found = Some(trouble);
                }
            }
        }
        found
    }

    /// Claims a file and reads it. None when another updater has it, or when it is still being written.
    async fn take(&self, name: OsString) -> Result<Option<Taken>, Trouble> {
        let path = self.folder.join(&name);
        let (folder, spool) = (self.folder.clone(), self.spool.clone());
        let taken = tokio::task::spawn_blocking(move || {
            let Some(mut claim) = Claim::take(&folder, &name)? else { return Ok(None) };
            match claim.read(&spool) {
                Ok(Some(content)) => Ok(Some(Taken { claim, content })),
                unread => {
                    claim.release();
                    unread.map(|_| None)
                }
            }
        });
        let taken = taken.await.map_err(io::Error::other).flatten();
        taken.map_err(|source| Trouble::File { path, source })
    }

    async fn hand_over(&self, taken: Taken) -> Result<(), Trouble> {
        let Taken { claim, content } = taken;
        let accepted = match content {
            Ok(content) => {
                let sources = (Source::Pickup, Source::Pickup);
                journal::accept(&*self.gate, &self.spool, content, sources, Unusable::Refuse).await
            }
            Err(error) => Err(error),
        };
        let (path, rejected) = (claim.path().to_owned(), rejected_folder(&self.folder));
        let settled = |work: Box<dyn FnOnce() -> io::Result<()> + Send>| async {
            tokio::task::spawn_blocking(work).await.map_err(io::Error::other).flatten()
        };
        match accepted {
            Ok(_) => settled(Box::new(|| claim.delete())).await.map_err(|source| Trouble::Delete { path, source }),
            Err(error) if error.is_temporary() => {
                let released = tokio::task::spawn_blocking(|| claim.release()).await.map_err(io::Error::other);
                released.map_err(|source| Trouble::File { path, source })?;
                Err(Trouble::Gate(error))
            }
            Err(error) => {
                let reason = error.to_string();
                tracing::warn!(file = %path.display(), %reason, "a file in the pickup folder can't be used");
                let (to, why) = (rejected.clone(), reason.clone());
                let moved = settled(Box::new(move || rejected::reject(claim, &rejected, &why))).await;
                moved.map_err(|source| Trouble::Reject { path, to, reason, source })
            }
        }
    }
}

/// The folder beside, for files that can't be used.
fn rejected_folder(folder: &Path) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push("-rejected");
    folder.with_file_name(name)
}
