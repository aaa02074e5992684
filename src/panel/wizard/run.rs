//! A run of the engine beside the UI thread.

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::panel::background::{Background, Feed, Polled};
use crate::setup::{Answers, Failure, Progress, Report, Setup, Step, StepState};

/// What a run tells.
#[derive(Debug)]
pub enum News {
    Progress(Progress),
    Ended(Report),
}

/// A run that goes on. Dropping it cancels it.
pub struct Running {
    news: Feed<News>,
    cancel: CancellationToken,
    _cancelled_when_dropped: DropGuard,
}

impl Running {
    pub fn start(setup: Arc<Mutex<Setup>>, answers: Answers, background: &Background) -> Self {
        let cancel = CancellationToken::new();
        let (tell, told) = mpsc::unbounded_channel();
        let token = cancel.clone();
        let run = async move {
            let mut setup = setup.lock().await;
            let progress = |progress| drop(tell.send(News::Progress(progress)));
            let report = setup.run(&answers, token, progress).await;
            drop(tell.send(News::Ended(report)));
        };
        let told = stream::unfold(told, |mut told| async { told.recv().await.map(|news| (news, told)) });
        // The run itself gives nothing to the stream, but is polled by it.
        let news = background.feed(stream::select(told, stream::once(run).filter_map(|()| async { None })));
        Self { news, _cancelled_when_dropped: cancel.clone().drop_guard(), cancel }
    }

    /// Stops the step that runs. The report comes all the same.
    pub fn stop(&self) {
        self.cancel.cancel();
    }

    /// The next news, if there is any; never waits.
    pub fn hear(&mut self) -> Option<News> {
        match self.news.poll() {
            Polled::Ready(news) => Some(news),
            Polled::Running => None,
            Polled::Gone => Some(News::Ended(broken_down())),
        }
    }
}

/// The engine broke down: that reaches the screen as every failure does.
fn broken_down() -> Report {
    let failure = Failure {
        what: "The configuration broke down inside the panel.".to_owned(),
        cause: "This is a mistake in the program.".to_owned(),
        advice: vec![
            "Run the configuration again.".to_owned(),
            "If it happens again, please report it with a diagnostic bundle.".to_owned(),
        ],
        ..Failure::default()
    };
    let changes = vec!["It is not known which of the steps took effect.".to_owned()];
    Report { steps: vec![(Step::Save, StepState::Failed(Box::new(failure)))], changes, stays_off: false }
}
