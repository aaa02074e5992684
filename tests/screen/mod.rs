//! A screen of one's own (Xvfb) with a keyboard (xdotool), for the real program.
#![allow(dead_code)] // each of those who use it uses another part

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The renderer is software, the build is not optimised, and the machine may do other things.
const PATIENCE: Duration = Duration::from_secs(120);

/// Ends with the test, however that ends.
pub struct Program(pub Child);

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

pub fn until<T>(what: &str, mut so: impl FnMut() -> Option<T>) -> T {
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
pub struct Screen {
    pub display: String,
    /// What it shows, byte by byte: Xvfb keeps it there.
    memory: PathBuf,
    pictures: PathBuf,
    server: Program,
    /// Process of the program that draws on it.
    program: Cell<u32>,
}

impl Screen {
    pub fn new(folder: &Path) -> Self {
        let memory = folder.join("screen");
        fs::create_dir(&memory).unwrap();
        let mut server = Command::new("Xvfb");
        server.args(["-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp", "-fbdir"]).arg(&memory);
        let told = folder.join("display");
        server.stdout(fs::File::create(&told).unwrap()).stderr(Stdio::null());
        let server = Program(server.spawn().unwrap());
        let number = until("Xvfb is there", || {
            fs::read_to_string(&told).ok().filter(|text| text.ends_with('\n')).map(|text| text.trim().to_owned())
        });
        let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("screens");
        fs::create_dir_all(&pictures).unwrap();
        Self {
            display: format!(":{number}"),
            memory: memory.join("Xvfb_screen0"),
            pictures,
            server,
            program: Cell::new(0),
        }
    }

    pub fn shown(&self) -> Vec<u8> {
        fs::read(&self.memory).unwrap()
    }

    /// The lines of the screen between two heights.
    pub fn band(&self, from: usize, to: usize) -> Vec<u8> {
        let shown = self.shown();
        let number = |at: usize| u32::from_be_bytes(shown[at * 4..at * 4 + 4].try_into().unwrap()) as usize;
        // The header of a window dump (XWD): its own size, the bytes of a line, the entries of the colour table.
        let (header, line, colours) = (number(0), number(12), number(19));
        let pixels = &shown[header + colours * 12..];
        pixels[from * line..to * line].to_vec()
    }

    /// Whether nothing darkens this place: a dialog darkens what is behind it.
    pub fn is_light(&self, x: usize, y: usize) -> bool {
        let line = self.band(y, y + 1);
        // Blue, green, red, and nothing.
        line[x * 4..x * 4 + 3].iter().all(|part| *part > 0xf0)
    }

    fn xdotool(&self, arguments: &[&str]) -> Option<String> {
        let output = Command::new("xdotool").args(arguments).env("DISPLAY", &self.display).output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    }

    /// Gives the window with this title the whole screen and the keyboard, as soon as it is there.
    pub fn focus(&self, title: &str) {
        let found = until(title, || self.xdotool(&["search", "--onlyvisible", "--name", title]));
        let window = found.lines().last().unwrap().to_owned();
        self.xdotool(&["windowmove", &window, "0", "0"]).unwrap();
        self.xdotool(&["windowsize", &window, "100%", "100%"]).unwrap();
        until("the window has the keyboard", || self.xdotool(&["windowfocus", "--sync", &window]));
    }

    /// Until nothing moves any more and the program waits for something to do: what was to be drawn is drawn, however
    /// busy the machine is.
    pub fn still(&self) -> Vec<u8> {
        let mut last = self.shown();
        let mut since = Instant::now();
        until("the screen is still", || {
            let now = self.shown();
            if now != last || is_busy(self.program.get()) || is_busy(self.server.0.id()) {
                (last, since) = (now, Instant::now());
            }
            (since.elapsed() > Duration::from_millis(400)).then(|| last.clone())
        })
    }

    /// Presses a key, and waits until that has changed something and all of it is drawn.
    pub fn press(&self, key: &str) {
        let before = self.still();
        self.xdotool(&["key", key]).unwrap();
        until(&format!("{key} does something"), || (self.shown() != before).then_some(()));
        self.still();
    }

    /// The same key several times.
    pub fn press_times(&self, times: usize, key: &str) {
        for _ in 0..times {
            self.press(key);
        }
    }

    pub fn write(&self, text: &str) {
        let before = self.still();
        self.xdotool(&["type", "--delay", "30", text]).unwrap();
        until("the text is there", || (self.shown() != before).then_some(()));
        self.still();
    }

    pub fn picture(&self, name: &str) {
        let path = self.pictures.join(format!("{name}.png"));
        let status = Command::new("import").args(["-window", "root"]).arg(&path).env("DISPLAY", &self.display).status();
        match status {
            Ok(status) => assert!(status.success(), "{name} could not be taken"),
            Err(error) => eprintln!("NOT RUN: the picture {name}, as there is no import (ImageMagick): {error}"),
        }
    }
}

/// Whether there is all that a screen of one's own needs; says what is missing.
pub fn can_be() -> bool {
    if std::env::var_os("SIU_SCREEN_LATER").is_some() {
        eprintln!("NOT RUN: no screen in this part; `tests/run screen` is the one for it");
        return false;
    }
    let missing: Vec<_> = ["Xvfb", "xdotool"].into_iter().filter(|program| !is_there(program)).collect();
    if !missing.is_empty() {
        eprintln!("NOT RUN: no screen, as there is no {} here (Debian: xvfb, xdotool)", missing.join(" and no "));
    }
    missing.is_empty()
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// Whether a thread of this process has something to do at this moment: it runs, or waits for a processor or a disk.
fn is_busy(process: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { return false };
    threads.filter_map(Result::ok).any(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        // Behind the name, which may hold anything.
        stat.rfind(')').is_some_and(|end| matches!(stat.as_bytes().get(end + 2), Some(b'R' | b'D')))
    })
}

/// The panel on this screen, with a folder for everything that it would keep at home.
pub fn panel(program: &str, screen: &Screen, folder: &Path, arguments: &[&str]) -> Program {
    let log = fs::File::create(folder.join("log")).unwrap();
    let mut panel = Command::new(program);
    panel.args(arguments).env("DISPLAY", &screen.display);
    for variable in ["WAYLAND_DISPLAY", "SIU_PIPE"] {
        panel.env_remove(variable);
    }
    for variable in ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "TMPDIR"] {
        panel.env(variable, folder);
    }
    let panel = Program(panel.stdout(Stdio::null()).stderr(log).spawn().unwrap());
    screen.program.set(panel.0.id());
    panel
}
