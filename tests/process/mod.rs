//! Starts the built `siu-updater` and watches it from outside, as an administrator would.
#![allow(dead_code, unused_imports, reason = "each test file uses some of it")]

pub mod organisation;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use sent_items_update::pipe::client::Client;
use sent_items_update::pipe::types::{SettingsChange, Status};
use sent_items_update::settings::Settings;

/// How long anything may take before a test gives up on it.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_siu-updater");

/// A place for an updater: data folder, socket and log. It stays when the updater goes.
pub struct Place {
    folder: tempfile::TempDir,
    queue: Option<String>,
    /// A command that runs the program; none: it is run by itself.
    wrapper: Vec<String>,
    variables: Vec<(String, String)>,
}

impl Place {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), queue: None, wrapper: Vec::new(), variables: Vec::new() }
    }

    /// With a queue that others share.
    pub fn on(queue: &str) -> Self {
        Self { queue: Some(queue.to_owned()), ..Self::new() }
    }

    /// The program, and every command, is run by `wrapper`, which replaces itself by it, with these variables.
    pub fn wrap(&mut self, wrapper: Vec<String>, variables: Vec<(String, String)>) {
        (self.wrapper, self.variables) = (wrapper, variables);
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    pub fn pipe(&self) -> PathBuf {
        self.folder().join("updater.sock")
    }

    pub fn client(&self) -> Client {
        Client::new(&self.pipe()).unwrap()
    }

    /// Everything that all updaters here wrote to their log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder().join("log")).unwrap_or_default()
    }

    /// A command of the program, talking to the updater here.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = match self.wrapper.split_first() {
            None => Command::new(PROGRAM),
            Some((program, words)) => {
                let mut command = Command::new(program);
                command.args(words).arg(PROGRAM);
                command
            }
        };
        command.envs(self.variables.iter().cloned());
        command.args(arguments).env("SIU_PIPE", self.pipe()).env_remove("SIU_DATA").env_remove("SIU_PASSWORD");
        command.env("SIU_LOG", "warn");
        match &self.queue {
            Some(queue) => command.env("SIU_QUEUE", queue),
            None => command.env_remove("SIU_QUEUE"),
        };
        command
    }

    pub fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).stdin(Stdio::null()).output().unwrap()
    }

    /// Runs a command that must succeed, and gives what it printed.
    pub fn prints(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// Starts the updater without waiting for it.
    pub fn spawn(&self) -> Updater<'_> {
        let log = File::options().create(true).append(true).open(self.folder().join("log")).unwrap();
        let child = self
            .command(&["run", "--data", self.data().to_str().unwrap()])
            .env("SIU_LOG", "info")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Updater { place: self, child }
    }

    /// Starts the updater and waits until it answers.
    pub async fn start(&self) -> Updater<'_> {
        let mut updater = self.spawn();
        updater.answers().await;
        updater
    }
}

/// A running updater; killed when dropped.
pub struct Updater<'p> {
    place: &'p Place,
    pub child: Child,
}

impl Updater<'_> {
    /// Waits until it answers.
    pub async fn answers(&mut self) -> Status {
        let (client, give_up) = (self.place.client(), Instant::now() + PATIENCE);
        loop {
            if let Ok(status) = client.status().await
                && status.process == self.child.id()
            {
                return status;
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the updater ended with {status}:\n{}", self.place.log());
            }
            assert!(Instant::now() < give_up, "the updater does not answer:\n{}", self.place.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// SIGKILL: no goodbye.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        let give_up = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < give_up, "the updater does not end:\n{}", self.place.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// SIGTERM, and a good end.
    pub async fn stop(mut self) {
        self.signal("TERM");
        let status = self.ended().await;
        assert!(status.success(), "{status}:\n{}", self.place.log());
    }
}

impl Drop for Updater<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Changes the settings through the local API.
pub async fn change(client: &Client, password: Option<&str>, change: impl FnOnce(&mut Settings)) {
    let (read, version) = client.settings().await.unwrap();
    let mut settings = read.settings;
    change(&mut settings);
    let change = SettingsChange { settings, password: password.map(Into::into) };
    client.change_settings(&change, &version).await.unwrap();
}

/// A small message.
pub fn message(number: usize, from: &str) -> String {
    format!(
        "From: <{from}>\r\nTo: <someone@elsewhere.example>\r\nSubject: Message {number}\r\n\
         Message-ID: <{number}@process.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Date: Mon, 24 Nov 2025 10:00:00 +0100\r\n\r\nBody of message {number}.\r\n"
    )
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Whether the test runs as root, as in a container; some things can only be tried then.
pub fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Says which part could not be tried here, so that nobody takes it for tried.
pub fn not_run(what: &str, why: &str) {
    eprintln!("NOT RUN: {what}: {why}");
}
