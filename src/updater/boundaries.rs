//! The places between two effects: where a power cut or a kill would leave one done and the next not.
//!
//! Each has a name, and whoever has an effect passes it on the way to the next. In service nobody watches, and passing
//! costs a comparison. The suite of exactly once (`tests/once`, U8) watches, ends the updater dead at each of them in
//! turn, and looks at what the next start makes of it. A new effect between two others gets a name here.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use futures_util::future::BoxFuture;

/// A request to Exchange, by the name of its operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    FindItem,
    FindFolder,
    GetItem,
    GetAttachment,
    CreateAttachment,
    DeleteAttachment,
    UpdateItem,
    CreateItem,
    DeleteItem,
}

impl Operation {
    pub const ALL: [Self; 9] = [
        Self::FindItem,
        Self::FindFolder,
        Self::GetItem,
        Self::GetAttachment,
        Self::CreateAttachment,
        Self::DeleteAttachment,
        Self::UpdateItem,
        Self::CreateItem,
        Self::DeleteItem,
    ];
}

/// A place between two effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Boundary {
    /// The file of a large message is safe on disk; the database does not know it.
    SpoolFileStored,
    /// A transaction has made its changes and is not committed.
    BeforeCommit,
    /// A transaction is committed, and survives a kill but not a power cut. Nobody knows of it.
    Committed,
    /// A transaction is committed and on disk. Nobody knows of it.
    CommittedToDisk,
    /// A message is accepted, and its submitter does not know.
    AcceptanceToReport,
    /// No row names a spooled file any more, and it is still there.
    SpoolFileToRemove,
    SpoolFileRemoved,
    /// What the queue recorded and claimed is known to the dispatcher.
    TurnAnswered,
    /// A group of claimed messages is about to be worked on.
    AttemptBegins,
    /// The work on a group has ended, and only this process knows how.
    AttemptEnded,
    /// Outcomes are about to be recorded.
    OutcomeToRecord,
    RequestToSend(Operation),
    /// A request took effect, and only this process knows.
    AnswerReceived(Operation),
}

impl Boundary {
    /// Every one.
    pub fn all() -> impl Iterator<Item = Self> {
        let alone = [
            Self::SpoolFileStored,
            Self::BeforeCommit,
            Self::Committed,
            Self::CommittedToDisk,
            Self::AcceptanceToReport,
            Self::SpoolFileToRemove,
            Self::SpoolFileRemoved,
            Self::TurnAnswered,
            Self::AttemptBegins,
            Self::AttemptEnded,
            Self::OutcomeToRecord,
        ];
        let of_requests = Operation::ALL
            .into_iter()
            .flat_map(|operation| [Self::RequestToSend(operation), Self::AnswerReceived(operation)]);
        alone.into_iter().chain(of_requests)
    }
}

/// Sees what passes, and may keep it from passing.
pub trait Watch: Send + Sync {
    /// The work goes on when this completes.
    fn passing(&self, at: Boundary) -> BoxFuture<'_, ()>;
}

/// Where boundaries are passed. Cheap to clone; by default nobody watches.
#[derive(Clone, Default)]
pub struct Boundaries(Option<Arc<dyn Watch>>);

impl Boundaries {
    #[must_use]
    pub fn watched(by: Arc<dyn Watch>) -> Self {
        Self(Some(by))
    }

    pub async fn pass(&self, at: Boundary) {
        if let Some(watch) = &self.0 {
            watch.passing(at).await;
        }
    }

    /// Sends a request between its two boundaries.
    pub async fn request<T>(&self, operation: Operation, request: impl Future<Output = T>) -> T {
        self.pass(Boundary::RequestToSend(operation)).await;
        let answer = request.await;
        self.pass(Boundary::AnswerReceived(operation)).await;
        answer
    }
}

impl fmt::Debug for Boundaries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Boundaries(watched)" } else { "Boundaries" })
    }
}
