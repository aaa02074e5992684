//! The real program on a real screen (Xvfb), with nothing but the keyboard (xdotool): first start, wizard, configured, a
//! message updated. What was to be seen is kept in `target/screens`.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sent_items_update::pipe::client::Client;
use sent_items_update::pipe::types::Activity;
use tokio::runtime::Runtime;

/// The renderer is software, the build is not optimised, and the machine may do other things.
const PATIENCE: Duration = Duration::from_secs(120);

/// Ends with the test, however that ends.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.0.try_wait().is_ok_and(|ended| ended.is_none()) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn until<T>(what: &str, mut so: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(result) = so() {
            return result;
        }
        assert!(Instant::now() < deadline, "it never comes to this: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A screen with a keyboard.
struct Screen {
    display: String,
    /// What it shows, byte by byte: Xvfb keeps it there.
    memory: PathBuf,
    pictures: PathBuf,
    _server: Program,
}

impl Screen {
    fn new(folder: &Path) -> Self {
        let memory = folder.join("screen");
        fs::create_dir(&memory).unwrap();
        let mut server = Command::new("Xvfb");
        server.args(["-displayfd", "1", "-screen", "0", "1280x900x24", "-nolisten", "tcp", "-fbdir"]).arg(&memory);
        let told = folder.join("display");
        server.stdout(fs::File::create(&told).unwrap()).stderr(Stdio::null());
        let server = Program(server.spawn().unwrap());
        let number = until("Xvfb is there", || {
            fs::read_to_string(&told).ok().filter(|text| text.ends_with('\n')).map(|text| text.trim().to_owned())
        });
        let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("screens");
        fs::create_dir_all(&pictures).unwrap();
        Self { display: format!(":{number}"), memory: memory.join("Xvfb_screen0"), pictures, _server: server }
    }

    fn shown(&self) -> Vec<u8> {
        fs::read(&self.memory).unwrap()
    }

    fn xdotool(&self, arguments: &[&str]) -> Option<String> {
        let output = Command::new("xdotool").args(arguments).env("DISPLAY", &self.display).output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    }

    /// Gives the window with this title the keyboard, as soon as it is there.
    fn focus(&self, title: &str) {
        let found = until(title, || self.xdotool(&["search", "--onlyvisible", "--name", title]));
        let window = found.lines().last().unwrap().to_owned();
        until("the window has the keyboard", || self.xdotool(&["windowfocus", "--sync", &window]));
    }

    /// Until nothing moves any more: what was to be drawn is drawn.
    fn still(&self) -> Vec<u8> {
        let mut last = self.shown();
        let mut since = Instant::now();
        until("the screen is still", || {
            let now = self.shown();
            if now != last {
                (last, since) = (now, Instant::now());
            }
            (since.elapsed() > Duration::from_millis(2_000)).then(|| last.clone())
        })
    }

    /// Presses a key, and waits until that has changed something and all of it is drawn.
    fn press(&self, key: &str) {
        let before = self.still();
        self.xdotool(&["key", key]).unwrap();
        until(&format!("{key} does something"), || (self.shown() != before).then_some(()));
        self.still();
    }

    fn picture(&self, name: &str) {
        let path = self.pictures.join(format!("{name}.png"));
        let status = Command::new("import").args(["-window", "root"]).arg(&path).env("DISPLAY", &self.display).status();
        match status {
            Ok(status) => assert!(status.success(), "{name} could not be taken"),
            Err(error) => eprintln!("NOT RUN: the picture {name}, as there is no import (ImageMagick): {error}"),
        }
    }
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// M1, W1–W7, M3, X1
#[test]
fn the_program_is_configured_and_at_work_with_nothing_but_the_keyboard() {
    if !is_there("Xvfb") || !is_there("xdotool") {
        eprintln!("NOT RUN: Xvfb or xdotool is missing");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let screen = Screen::new(folder.path());
    let log = fs::File::create(folder.path().join("log")).unwrap();
    // The panel finds its updater beside itself.
    assert!(Path::new(env!("CARGO_BIN_EXE_siu-updater")).exists());
    let mut panel = Command::new(env!("CARGO_BIN_EXE_siu-panel"));
    panel.arg("--sandbox").env("DISPLAY", &screen.display).env_remove("WAYLAND_DISPLAY");
    for variable in ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "TMPDIR"] {
        panel.env(variable, folder.path());
    }
    let _panel = Program(panel.stdout(Stdio::null()).stderr(log).spawn().unwrap());
    let pipe = until("the updater's pipe", || {
        let folders = fs::read_dir(folder.path()).unwrap().filter_map(Result::ok);
        folders.map(|folder| folder.path().join("updater.sock")).find(|pipe| pipe.exists())
    });
    let (runtime, client) = (Runtime::new().unwrap(), Client::new(&pipe).unwrap());
    let status = || runtime.block_on(client.status()).ok();
    until("the updater answers", || status().filter(|status| status.activity == Activity::NotConfigured));
    screen.focus("Sent Items Update");
    screen.still();
    screen.picture("1-first-start");

    // Settings, Impersonation test, Diagnostics, About, Click to change.
    for _ in 0..5 {
        screen.press("Tab");
    }
    screen.press("space");
    screen.picture("2-wizard");
    for _ in 0..3 {
        screen.press("Return");
    }
    screen.picture("3-summary");
    screen.press("Return");
    until("it is configured", || status().filter(|status| status.activity == Activity::On));
    screen.still();
    screen.picture("4-configured");
    screen.press("Return");
    screen.picture("5-message-box");
    screen.press("Return");

    let sample = sent_items_update::sandbox::Organisation::embedded();
    for copy in sample.messages.iter().flat_map(|message| &message.processed) {
        // One of the samples is of the kind that only doors without a waiting person take.
        let _ = runtime.block_on(client.submit(sample.processed(copy).unwrap()));
    }
    until("the message is updated", || status().filter(|status| status.counts.updated > 0));
    screen.still();
    screen.picture("6-updated");
}
