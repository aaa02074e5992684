//! `siu-panel --sandbox`: the embedded organisation within this process, and beside it an updater of its own, with its own
//! data and its own pipe. Everything ends and goes when the window is closed.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, OnceLock, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::background::{Background, Task};
use super::start::{self, StartError};
use super::style::sentence;
use crate::pipe::client::{Client, PipeError};
use crate::sandbox::control::ControlError;
use crate::sandbox::organisation::Stored;
use crate::sandbox::{Control, OrganisationError, Sandbox, SandboxError, SandboxOptions};

/// How long the updater may take to finish what is under way.
const STOP_WITHIN: Duration = Duration::from_secs(8);

/// What goes wrong with it, in whole sentences.
#[derive(Debug, thiserror::Error)]
pub enum RehearsalError {
    #[error("No folder for it can be made: {0}.")]
    Folder(#[source] std::io::Error),
    #[error("{}", sentence(&.0.to_string()))]
    Sandbox(#[from] SandboxError),
    #[error("{}", sentence(&.0.to_string()))]
    Seed(#[from] ControlError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("Its updater ended ({status}). It said: {words}")]
    Ended { status: std::process::ExitStatus, words: String },
    #[error("The sample {name} was not accepted. {}", sentence(&.problem.to_string()))]
    Submit { name: String, problem: PipeError },
    #[error("{}", sentence(&.0.to_string()))]
    Sample(#[from] OrganisationError),
}

/// What it tells the window.
#[derive(Debug)]
pub enum News {
    /// The organisation is open; with its name.
    Open(String),
    Failed(RehearsalError),
    /// The system wants this program to end (SIGTERM, Ctrl-C): its updater must not stay behind.
    ToldToEnd,
}

/// What whoever connects to the organisation must know: its control interface and its authority's certificate.
#[derive(Clone)]
pub struct Opened {
    pub control: Control,
    pub ca_pem: String,
}

/// The place where it is; known before anything runs.
pub struct Rehearsal {
    folder: TempDir,
    /// The updater's program; none: the one beside the panel's.
    program: Option<PathBuf>,
    opened: Arc<OnceLock<Opened>>,
    stop: CancellationToken,
}

/// As the panel runs it.
pub struct Running {
    pub news: mpsc::Receiver<News>,
    pub opened: Arc<OnceLock<Opened>>,
    stop: CancellationToken,
    thread: JoinHandle<()>,
}

impl Rehearsal {
    /// # Errors
    /// When there is no place for temporary files.
    pub fn new() -> Result<Self, RehearsalError> {
        let folder = tempfile::Builder::new().prefix("siu-").tempdir().map_err(RehearsalError::Folder)?;
        Ok(Self { folder, program: None, opened: Arc::default(), stop: CancellationToken::new() })
    }

    /// With an updater that is not beside the panel.
    #[must_use]
    pub fn with_program(self, program: PathBuf) -> Self {
        Self { program: Some(program), ..self }
    }

    /// Where everything of it is, until it is closed.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where its updater will listen.
    #[must_use]
    pub fn pipe(&self) -> PathBuf {
        if cfg!(windows) {
            PathBuf::from(format!(r"\\.\pipe\sent-items-update-sandbox-{}", std::process::id()))
        } else {
            self.folder.path().join("updater.sock")
        }
    }

    /// Filled as soon as the organisation is open.
    #[must_use]
    pub fn opened(&self) -> Arc<OnceLock<Opened>> {
        self.opened.clone()
    }

    /// Starts organisation and updater, on a thread of their own.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(self, background: &Background) -> Result<Running, RehearsalError> {
        let (tell, news) = mpsc::channel();
        let (opened, stop, background) = (self.opened.clone(), self.stop.clone(), background.clone());
        let work = move || {
            let wake = background.clone();
            let tell = move |news| {
                // A window that is closed wants to know nothing more.
                let _ = tell.send(news);
                wake.wake();
            };
            if let Err(problem) = background.runtime().block_on(self.play(&tell)) {
                tell(News::Failed(problem));
            }
        };
        let thread =
            std::thread::Builder::new().name("sandbox".to_owned()).spawn(work).map_err(RehearsalError::Folder)?;
        Ok(Running { news, opened, stop, thread })
    }

    async fn play(&self, tell: &impl Fn(News)) -> Result<(), RehearsalError> {
        let sandbox = Sandbox::start(SandboxOptions::new(self.folder.path().join("organisation"))).await?;
        let played = self.with_organisation(&sandbox, tell).await;
        sandbox.stop().await;
        played
    }

    async fn with_organisation(&self, sandbox: &Sandbox, tell: &impl Fn(News)) -> Result<(), RehearsalError> {
        let control = sandbox.control();
        control.seed().await?;
        let (mut updater, mut log) = self.updater()?;
        let name = control.organisation().name.clone();
        let _ = self.opened.set(Opened { control: control.clone(), ca_pem: sandbox.ca_pem().to_owned() });
        tell(News::Open(name));
        let told = async {
            start::told_to_end().await;
            // The window closes first, and with it everything here.
            tell(News::ToldToEnd);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = self.stop.cancelled() => {
                end(&mut updater).await;
                Ok(())
            }
            () = told => Ok(()),
            ended = updater.wait() => match ended {
                Ok(status) => Err(RehearsalError::Ended { status, words: start::last_words(&mut log) }),
                Err(error) => Err(RehearsalError::Folder(error)),
            },
        }
    }

    fn updater(&self) -> Result<(Child, File), RehearsalError> {
        let program = self.program.clone().map_or_else(start::program, Ok)?;
        let log = tempfile::tempfile().map_err(RehearsalError::Folder)?;
        let mut command = Command::new(&program);
        command.arg("run").arg("--data").arg(self.folder.path().join("updater")).arg("--pipe").arg(self.pipe());
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(log.try_clone().map_err(RehearsalError::Folder)?);
        command.kill_on_drop(true);
        start::detach(&mut command);
        let child = command.spawn().map_err(|source| StartError::Run { program, source })?;
        Ok((child, log))
    }
}

/// Asks it to stop, and ends it when it does not in time.
async fn end(updater: &mut Child) {
    start::ask_to_stop(updater);
    if tokio::time::timeout(STOP_WITHIN, updater.wait()).await.is_err() {
        // That it is gone already is just as well.
        let _ = updater.kill().await;
    }
}

impl Running {
    /// Ends everything and waits for it, with a bound. For the end of the program only.
    pub fn close(self) {
        self.stop.cancel();
        let deadline = Instant::now() + STOP_WITHIN + STOP_WITHIN;
        while !self.thread.is_finished() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Hands the sample messages over as the signature program would; clients that are slow store their copies later.
    #[must_use]
    pub fn send_samples(&self, background: &Background, pipe: &Client) -> Option<Task<Result<usize, RehearsalError>>> {
        let (opened, pipe) = (self.opened.get()?.clone(), pipe.clone());
        Some(background.task(async move { send(&opened.control, &pipe).await }))
    }
}

async fn send(control: &Control, pipe: &Client) -> Result<usize, RehearsalError> {
    let organisation = control.organisation();
    let (mut sent, mut later) = (0, JoinSet::new());
    for sample in &organisation.messages {
        for copy in &sample.processed {
            let content = organisation.processed(copy)?;
            match pipe.submit(content).await {
                Ok(_) => sent += 1,
                // One of the samples is of the kind that only doors without a waiting person take.
                Err(PipeError::Refused { .. }) => {}
                Err(problem) => return Err(RehearsalError::Submit { name: sample.name.clone(), problem }),
            }
        }
        if let Stored::After(seconds) = sample.stored {
            let (control, sample) = (control.clone(), sample.clone());
            later.spawn(async move {
                tokio::time::sleep(Duration::from_secs(seconds.into())).await;
                control.organisation().store_original(control.store(), &sample).await
            });
        }
    }
    while let Some(stored) = later.join_next().await {
        match stored {
            Ok(result) => drop(result?),
            Err(broken) => std::panic::resume_unwind(broken.into_panic()),
        }
    }
    Ok(sent)
}
