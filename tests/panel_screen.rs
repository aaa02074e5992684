//! The real program on a real screen (Xvfb), with nothing but the keyboard (xdotool). What was to be seen is kept in
//! `target/screens`.
#![cfg(target_os = "linux")]

mod screen;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use screen::{Program, Screen, panel, until};
use sent_items_update::pipe::client::Client;
use sent_items_update::pipe::types::{Activity, Filter, State};
use sent_items_update::settings::{EntryKind, ScopeMode};
use tokio::runtime::Runtime;

const TITLE: &str = "Sent Items Update";
const PANEL: &str = env!("CARGO_BIN_EXE_siu-panel");

/// The focus goes round in the main window; the settings open where Sent Items Update is switched on and off.
fn open_settings(screen: &Screen) {
    // Settings, Impersonation test, Diagnostics, About, Click to change.
    screen.press_times(5, "Tab");
    screen.press("space");
}

/// M1, M3, W1–W7, T2, T4, T7, S1, S2, X1
#[test]
fn the_program_is_configured_and_at_work_with_nothing_but_the_keyboard() {
    if !screen::can_be() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let screen = Screen::new(folder.path());
    // The panel finds its updater beside itself.
    assert!(Path::new(env!("CARGO_BIN_EXE_siu-updater")).exists());
    let _panel = panel(PANEL, &screen, folder.path(), &["--sandbox"]);
    let pipe = until("the updater's pipe", || {
        let folders = fs::read_dir(folder.path()).unwrap().filter_map(Result::ok);
        folders.map(|folder| folder.path().join("updater.sock")).find(|pipe| pipe.exists())
    });
    let (runtime, client) = (Runtime::new().unwrap(), Client::new(&pipe).unwrap());
    let status = || runtime.block_on(client.status()).ok();
    let settings = || runtime.block_on(client.settings()).unwrap().0.settings;
    until("the updater answers", || status().filter(|status| status.activity == Activity::NotConfigured));
    screen.focus(TITLE);
    screen.still();
    screen.picture("first-start");

    // The wizard: every answer is there already.
    open_settings(&screen);
    screen.press_times(3, "Return");
    screen.picture("wizard-configure");
    let bar = screen.band(0, 25);
    screen.press("Return");
    until("it is configured", || status().filter(|status| status.activity == Activity::On));
    until("the window knows it", || (screen.band(0, 25) != bar).then_some(()));
    screen.still();
    screen.picture("wizard-result");
    screen.press("Return");
    screen.picture("message-box");
    screen.press("Return");

    // The scope: from OK back over the two options that are not greyed to the scope's button.
    open_settings(&screen);
    screen.press_times(3, "shift+Tab");
    screen.press("space");
    // Only those on the list; then over the third way to Add….
    screen.press("Tab");
    screen.press("space");
    screen.press_times(2, "Tab");
    screen.press("space");
    screen.write("Alle");
    screen.press("Down");
    screen.picture("picker");
    screen.press("Return");
    screen.picture("scope");
    screen.press("Return");
    // The first option: nothing has the keyboard after the scope was closed, so back over Apply, Cancel, OK and the last one.
    screen.press_times(5, "shift+Tab");
    screen.picture("settings-option");
    screen.press("space");
    screen.picture("settings");
    screen.press_times(2, "Tab");
    screen.press("Return");
    let changed = until("the settings are in force", || Some(settings()).filter(|now| now.options.create_copy));
    assert_eq!(changed.scope.mode, ScopeMode::OnlyListed);
    let entries: Vec<_> = changed.scope.entries.iter().map(|entry| (entry.kind, entry.name.as_str())).collect();
    assert_eq!(entries, [(EntryKind::Group, "Alle bei Nordwind")]);

    // A message.
    let empty = screen.band(400, 760);
    let sample = sent_items_update::sandbox::Organisation::embedded();
    for copy in sample.messages.iter().flat_map(|message| &message.processed) {
        // One of the samples is of the kind that only doors without a waiting person take.
        let _ = runtime.block_on(client.submit(sample.processed(copy).unwrap()));
    }
    until("messages are updated", || status().filter(|status| status.counts.updated > 0 && status.counts.working == 0));
    let listed = runtime.block_on(client.messages(&Filter::default())).unwrap();
    assert!(listed.iter().any(|message| message.state == State::Updated));
    until("the table shows them", || (screen.band(400, 760) != empty).then_some(()));
    screen.still();
    screen.picture("main");

    // Off, and on again: from OK back over options, scope and account to the switch; then on to OK.
    for (activity, name) in [(Activity::Off, "off"), (Activity::On, "on")] {
        open_settings(&screen);
        screen.press_times(5, "shift+Tab");
        screen.press("space");
        screen.press_times(5, "Tab");
        screen.press("Return");
        until(name, || status().filter(|status| status.activity == activity));
        screen.still();
        screen.picture(name);
    }
}

/// M2
#[test]
fn the_start_button_starts_the_updater_beside_the_panel_which_then_connects() {
    if !screen::can_be() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let screen = Screen::new(folder.path());
    let pipe = folder.path().join("own.sock");
    let _panel = panel(PANEL, &screen, folder.path(), &["--pipe", pipe.to_str().unwrap()]);
    screen.focus(TITLE);
    screen.still();
    let absent = screen.band(0, 60);
    screen.picture("not-running");
    // Diagnostics, About (the others are greyed), Start the updater.
    screen.press_times(3, "Tab");
    screen.press("space");
    let (runtime, client) = (Runtime::new().unwrap(), Client::new(&pipe).unwrap());
    let process = until("the updater answers", || runtime.block_on(client.status()).ok()).process;
    let _updater = Ends(process);
    let started = fs::read_link(format!("/proc/{process}/exe")).unwrap();
    assert_eq!(started, fs::canonicalize(env!("CARGO_BIN_EXE_siu-updater")).unwrap());
    let words = fs::read(format!("/proc/{process}/cmdline")).unwrap();
    assert!(words.split(|byte| *byte == 0).any(|word| word == b"run"));
    until("the panel is connected", || (screen.band(0, 60) != absent).then_some(()));
    screen.still();
    screen.picture("started");
}

/// A process that is not a child of this one.
struct Ends(u32);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = std::process::Command::new("kill").arg(self.0.to_string()).status();
        let deadline = Instant::now() + Duration::from_secs(30);
        while fs::read_link(format!("/proc/{}/exe", self.0)).is_ok() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Ticks of the processor that a process has had, a hundred a second.
fn ticks(process: &Program) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.0.id())).unwrap();
    // After the name, which may hold anything.
    let fields: Vec<_> = stat[stat.rfind(')').unwrap() + 2..].split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// Issue 3, idle and load
#[test]
fn without_an_updater_the_first_window_is_there_soon_and_an_idle_panel_takes_no_time() {
    if !screen::can_be() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let screen = Screen::new(folder.path());
    let nothing = screen.shown();
    let began = Instant::now();
    let pipe = folder.path().join("nobody.sock");
    let panel = panel(PANEL, &screen, folder.path(), &["--pipe", pipe.to_str().unwrap()]);
    let first = loop {
        if screen.shown() != nothing {
            break began.elapsed();
        }
        assert!(began.elapsed() < Duration::from_secs(120), "there is no window");
        std::thread::sleep(Duration::from_millis(2));
    };
    println!("first window {first:.2?} after the start, with the updater down");
    screen.focus(TITLE);
    screen.still();
    let (before, since) = (ticks(&panel), Instant::now());
    // The time over which it is measured.
    std::thread::sleep(Duration::from_secs(10));
    #[allow(clippy::cast_precision_loss)]
    let share = (ticks(&panel) - before) as f64 / since.elapsed().as_secs_f64();
    println!("idle: {share:.2} % of a processor");
    // An unoptimised build says little about time, and nothing is quick on a busy machine.
    if !cfg!(debug_assertions) {
        assert!(first < Duration::from_millis(500) && share < 1.0, "{first:?}, {share} %");
    }
}
