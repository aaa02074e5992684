//! The programs under measurement, as processes.

use std::fs::File;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use secrecy::SecretString;
use sent_items_update::pipe::client::Client;
use sent_items_update::pipe::types::SettingsChange;
use sent_items_update::settings::{Account, Connection, Settings};
use serde_json::Value;
use tokio::process::{Child, Command};

pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A `siu-updater` that ends with us, whatever happens.
pub struct Program {
    child: Child,
    log: PathBuf,
}

/// Which processors programs run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cores {
    /// All of them, as the system likes.
    Shared,
    /// Exchange is another computer: the sandbox has one of its own, and whoever talks to it another one.
    OneEach,
}

impl Cores {
    /// What can be had here: `taskset` gives a program its processors (Linux).
    pub fn available() -> &'static [Self] {
        let several = *CORES > 1;
        let has = std::process::Command::new("taskset").arg("--version").stdout(Stdio::null()).status();
        if several && has.is_ok_and(|status| status.success()) {
            &[Self::OneEach, Self::Shared]
        } else {
            &[Self::Shared]
        }
    }

    fn command(self, program: &str, core: &str) -> Command {
        match self {
            Self::Shared => Command::new(program),
            Self::OneEach => {
                let mut command = Command::new("taskset");
                command.args(["--cpu-list", core, program]);
                command
            }
        }
    }

    /// For what this process itself does from now on, and what it starts.
    pub async fn apply(self) -> Result<(), Error> {
        let cores = match self {
            Self::Shared => format!("0-{}", *CORES - 1),
            Self::OneEach => CLIENT.to_owned(),
        };
        let process = std::process::id().to_string();
        let words = ["--all-tasks", "--pid", "--cpu-list", &cores, &process];
        let done = Command::new("taskset").args(words).stdout(Stdio::null()).status().await?;
        if done.success() { Ok(()) } else { Err(format!("taskset {words:?}: {done}").into()) }
    }
}

/// What there was before anything was given to anybody.
static CORES: LazyLock<usize> = LazyLock::new(|| std::thread::available_parallelism().map_or(1, NonZero::get));

const SERVER: &str = "0";
const CLIENT: &str = "1";

impl Program {
    /// With the core that it has if there is one for each.
    fn start(words: &[&str], log: &Path, cores: Cores, core: &str) -> Result<Self, Error> {
        let output = File::create(log)?;
        let child = cores
            .command(env!("CARGO_BIN_EXE_siu-updater"), core)
            .args(words)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self { child, log: log.to_owned() })
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Asks again and again, up to ten minutes.
    pub async fn until(&self, what: &str, mut sign: impl AsyncFnMut() -> bool) -> Result<(), Error> {
        let end = Instant::now() + Duration::from_secs(600);
        while !sign().await {
            if Instant::now() > end {
                return Err(format!("waited in vain for {what}\n{}", self.log()).into());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    fn process(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    pub async fn stop(mut self) -> Result<(), Error> {
        // There is no such signal on Windows, where nothing is lost by killing it either.
        #[cfg(unix)]
        if let Some(process) = self.child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed())) {
            rustix::process::kill_process(process, rustix::process::Signal::TERM)?;
        }
        #[cfg(not(unix))]
        self.child.start_kill()?;
        self.child.wait().await?;
        Ok(())
    }
}

/// Where an updater has its things.
pub struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Result<Self, Error> {
        Ok(Self { folder: tempfile::tempdir()? })
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    pub async fn start(&self) -> Result<Updater, Error> {
        self.start_on(Cores::Shared).await
    }

    pub async fn start_on(&self, cores: Cores) -> Result<Updater, Error> {
        let pipe = self.folder().join("updater.sock");
        let client = Client::new(&pipe)?;
        let (data, pipe) = (self.data(), pipe.to_string_lossy().into_owned());
        let data = data.to_string_lossy();
        let words = ["run", "--data", &data, "--pipe", &pipe];
        let program = Program::start(&words, &self.folder().join("log"), cores, CLIENT)?;
        program.until("the updater to answer", async || client.status().await.is_ok()).await?;
        Ok(Updater { program, client })
    }
}

/// A running updater.
pub struct Updater {
    program: Program,
    pub client: Client,
}

impl Updater {
    /// Points it to the sandbox and switches it on, unless `more` wants something else.
    pub async fn configure(&self, sandbox: &Sandbox, more: impl FnOnce(&mut Settings)) -> Result<(), Error> {
        let (read, version) = self.client.settings().await?;
        let mut settings = Settings {
            connection: Some(Connection {
                extra_roots: vec![sandbox.authority.clone()],
                ..Connection::manual(&sandbox.ews_url)
            }),
            account: Some(Account { user: sandbox.account.clone() }),
            enabled: true,
            ..read.settings
        };
        more(&mut settings);
        let change = SettingsChange { settings, password: Some(sandbox.password.clone()) };
        self.client.change_settings(&change, &version).await?;
        Ok(())
    }

    pub async fn change(&self, change: impl FnOnce(&mut Settings)) -> Result<(), Error> {
        let (read, version) = self.client.settings().await?;
        let mut settings = read.settings;
        change(&mut settings);
        self.client.change_settings(&SettingsChange { settings, password: None }, &version).await?;
        Ok(())
    }

    /// Waits until so many messages are updated, and nothing waits any more.
    pub async fn finishes(&self, messages: usize) -> Result<(), Error> {
        let done =
            async || self.client.status().await.is_ok_and(|status| status.counts.waiting + status.counts.working == 0);
        self.until("all messages to be finished", done).await?;
        let counts = self.client.status().await?.counts;
        if counts.updated != i64::try_from(messages)? {
            let log = self.program.log();
            return Err(format!("{} of {messages} were updated, see {counts:?}\n{log}", counts.updated).into());
        }
        Ok(())
    }

    pub async fn until(&self, what: &str, sign: impl AsyncFnMut() -> bool) -> Result<(), Error> {
        self.program.until(what, sign).await
    }

    pub fn process(&self) -> u32 {
        self.program.process()
    }

    pub async fn stop(self) -> Result<(), Error> {
        self.program.stop().await
    }
}

/// Ticks a second that Linux counts in towards programs, whatever the kernel's own clock does (`USER_HZ`).
const TICKS: u64 = 100;

/// Time that the threads of a process have been running, where the system tells, in steps of 10 ms.
pub fn processor_time(process: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // Behind the program's name, which may contain anything: fields 14 and 15 of proc(5), in ticks. Some kernels keep no
    // finer account.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 1000 / TICKS))
}

/// Memory that a process has at the moment, in bytes, where the system tells.
pub fn resident_memory(process: u32) -> Option<u64> {
    memory(process, "VmRSS:")
}

/// The most that it ever had.
pub fn peak_memory(process: u32) -> Option<u64> {
    memory(process, "VmHWM:")
}

fn memory(process: u32, name: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? * 1024)
}

/// The sandbox organisation, and how to reach it.
pub struct Sandbox {
    program: Program,
    http: reqwest::Client,
    control_url: String,
    pub ews_url: String,
    pub authority: String,
    pub authority_file: PathBuf,
    pub account: String,
    pub password: SecretString,
    /// Primary addresses of the people who have a mailbox.
    pub mailboxes: Vec<String>,
}

impl Sandbox {
    pub async fn start(folder: &Path, record: bool) -> Result<Self, Error> {
        Self::start_on(folder, record, Cores::Shared).await
    }

    pub async fn start_on(folder: &Path, record: bool, cores: Cores) -> Result<Self, Error> {
        let (data, recorded) = (folder.join("sandbox"), folder.join("recorded"));
        let (data_text, recorded_text) = (data.to_string_lossy(), recorded.to_string_lossy());
        let any = "127.0.0.1:0";
        let mut words = vec![
            "sandbox",
            "--empty",
            "--folder",
            &data_text,
            "--https",
            any,
            "--http",
            any,
            "--control",
            any,
            "--ldaps",
            any,
            "--ldap",
            any,
        ];
        if record {
            words.extend(["--record", &recorded_text]);
        }
        let program = Program::start(&words, &folder.join("sandbox.log"), cores, SERVER)?;
        let said = |name: &str| {
            let log = program.log();
            let line = log.lines().find_map(|line| line.trim().strip_prefix(name).map(str::trim));
            line.map(str::to_owned)
        };
        program.until("the sandbox to greet", async || said("CA certificate").is_some()).await?;
        let missing = || format!("the sandbox's greeting is not understood\n{}", program.log());
        let control_url = said("Control").ok_or_else(missing)?;
        let password = said("Its password").ok_or_else(missing)?;
        let http = reqwest::Client::builder().no_proxy().build()?;
        let about: Value = http.get(&control_url).send().await?.error_for_status()?.json().await?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let usable = |person: &&Value| person["mailbox"] == true && person["state"] == "normal";
        let people = about["people"].as_array().into_iter().flatten();
        let authority_file = data.join("ca.pem");
        Ok(Self {
            authority: std::fs::read_to_string(&authority_file)?,
            authority_file,
            ews_url: text(&about["ews_url"]),
            account: text(&about["service_account"]),
            mailboxes: people.filter(usable).map(|person| text(&person["primary"])).collect(),
            password: password.into(),
            control_url,
            http,
            program,
        })
    }

    /// Stores a message in Sent Items as a client does.
    pub async fn store(&self, mailbox: &str, message: String) -> Result<(), Error> {
        let url = format!("{}/mailboxes/{mailbox}/items", self.control_url);
        self.http.post(url).body(message).send().await?.error_for_status()?;
        Ok(())
    }

    pub async fn reset_statistics(&self) -> Result<(), Error> {
        self.http.delete(format!("{}/statistics", self.control_url)).send().await?.error_for_status()?;
        Ok(())
    }

    /// Requests of EWS since the statistics were reset.
    pub async fn ews_requests(&self) -> Result<u64, Error> {
        let url = format!("{}/statistics", self.control_url);
        let counts: Value = self.http.get(url).send().await?.error_for_status()?.json().await?;
        let operations = counts["operations"].as_object().into_iter().flatten();
        Ok(operations.filter_map(|(_, count)| count.as_u64()).sum())
    }

    pub async fn stop(self) -> Result<(), Error> {
        self.program.stop().await
    }
}
