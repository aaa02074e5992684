//! A door at work: a task, how to stop it, and what is wrong with it.

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::error;

use super::keeper::News;

pub struct Running {
    task: JoinHandle<()>,
    problem: watch::Receiver<Option<String>>,
    /// Nobody keeps a door open whose keeper is gone.
    stop: DropGuard,
}

impl Running {
    pub fn start(
        problem: watch::Receiver<Option<String>>,
        stop: CancellationToken,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        Self { task: tokio::spawn(work), problem, stop: stop.drop_guard() }
    }

    pub async fn changed(&mut self) -> News {
        tokio::select! {
            Ok(()) = self.problem.changed() => News::Problem(self.problem.borrow_and_update().clone()),
            ended = &mut self.task => News::Broken(match ended {
                Ok(()) => "it closed by itself".to_owned(),
                Err(broken) => {
                    error!(%broken, "a door broke off: this is a defect, please report it with the log");
                    "it broke off; see the log".to_owned()
                }
            }),
        }
    }

    /// Lets nobody in any more, and waits for those who are in.
    pub async fn close(self) {
        self.stop.disarm().cancel();
        if let Err(broken) = self.task.await {
            error!(%broken, "a door broke off while it closed");
        }
    }
}
