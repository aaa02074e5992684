//! The updater under the service manager of Linux: what it tells the manager (sd_notify(3)), how it logs to the journal,
//! and who may use its local API.
#![cfg(target_os = "linux")]

mod process;

use std::fs::File;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use process::{PATIENCE, PROGRAM, Place, change, is_root, message, not_run, text};

/// A service manager as far as the updater sees it.
struct Manager {
    place: Place,
    socket: UnixDatagram,
    child: Child,
    heard: Vec<String>,
}

impl Manager {
    fn start(extra: &[(&str, &str)]) -> Self {
        let place = Place::new();
        let path = place.folder().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let log = File::create(place.folder().join("log")).unwrap();
        let found = log.metadata().unwrap();
        let child = place
            .command(&["run", "--data", place.data().to_str().unwrap()])
            .env("NOTIFY_SOCKET", &path)
            .env("JOURNAL_STREAM", format!("{}:{}", found.dev(), found.ino()))
            .env("SIU_LOG", "info")
            .envs(extra.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { place, socket, child, heard: Vec::new() }
    }

    /// What the updater tells next: the assignments of one datagram.
    fn next(&mut self) -> Vec<String> {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).unwrap_or_else(|error| {
            panic!("the updater tells no more ({error}) after {:?}:\n{}", self.heard, self.place.log())
        });
        let told: Vec<String> = text(&buffer[..length]).lines().map(str::to_owned).collect();
        self.heard.extend(told.iter().cloned());
        told
    }

    /// Listens until `wanted` is told.
    fn hears(&mut self, wanted: &str) -> Vec<String> {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let told = self.next();
            if told.iter().any(|line| line == wanted) {
                return told;
            }
            assert!(Instant::now() < give_up, "{wanted} is not told: {:?}", self.heard);
        }
    }

    fn tells_to_stop(&self) {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// U1
#[tokio::test]
async fn the_manager_is_told_when_it_takes_messages_in_how_it_is_and_that_it_stops() {
    let mut manager = Manager::start(&[]);
    let told = manager.next();
    assert_eq!(told, ["READY=1", "STATUS=not configured yet; 0 waiting, 0 failed"]);
    let client = manager.place.client();
    // Ready means ready: the first question is answered, and a message taken in.
    client.submit(message(1, "anna@x.example")).await.unwrap();

    change(&client, None, |settings| settings.limits.stop_within = 7).await;
    manager.tells_to_stop();
    let told = manager.hears("STOPPING=1");
    let asks = told.iter().find_map(|line| line.strip_prefix("EXTEND_TIMEOUT_USEC=")).unwrap();
    assert_eq!(asks.parse::<u64>().unwrap(), 67_000_000, "seven seconds of the settings, and a minute for the rest");
    assert!(manager.child.wait().unwrap().success());
}

/// U1
#[test]
fn the_watchdog_hears_of_it_twice_as_often_as_it_must() {
    let mut manager = Manager::start(&[("WATCHDOG_USEC", "400000")]);
    manager.hears("READY=1");
    let start = Instant::now();
    for _ in 0..5 {
        manager.hears("WATCHDOG=1");
    }
    // The first at once, each of the others 200 ms later; SAY_EVERY would take 40 s.
    assert!(start.elapsed() < PATIENCE / 3, "{:?}", start.elapsed());
}

/// A watchdog meant for another process (sd_watchdog_enabled(3)) does not hurry this one.
#[test]
fn a_manager_that_is_not_there_costs_nothing() {
    let mut manager = Manager::start(&[("NOTIFY_SOCKET", "/nowhere/notify"), ("WATCHDOG_PID", "1")]);
    let give_up = Instant::now() + PATIENCE;
    while !manager.place.log().contains("the updater runs") {
        assert!(manager.child.try_wait().unwrap().is_none(), "it ended:\n{}", manager.place.log());
        assert!(Instant::now() < give_up, "{}", manager.place.log());
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    manager.tells_to_stop();
    assert!(manager.child.wait().unwrap().success(), "{}", manager.place.log());
}

/// X6
#[test]
fn the_journal_gets_priorities_and_no_times_of_its_own() {
    let mut manager = Manager::start(&[]);
    manager.hears("READY=1");
    manager.tells_to_stop();
    assert!(manager.child.wait().unwrap().success());
    let log = manager.place.log();
    assert!(log.lines().any(|line| line.starts_with("<6>the updater runs")), "{log}");
    assert!(log.lines().all(|line| line.starts_with('<')), "{log}");
}

/// U1: members of the updater's group use its local API when they may, and others don't. The updater runs as a user of
/// its own, in a folder that root gave it, as the unit has it.
#[test]
fn the_group_may_connect_where_it_was_let_in_and_strangers_are_told_why_not() {
    const WHAT: &str = "members of the updater's group use its local API";
    if !is_root() {
        return not_run(WHAT, "only root can run programs as other users");
    }
    let place = Place::new();
    // Below folders of root's alone, as /run is.
    let run = tempfile::Builder::new().prefix("siu-test-").tempdir_in("/run").unwrap();
    std::fs::set_permissions(run.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::set_permissions(place.folder(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::create_dir(place.data()).unwrap();
    // Where every user finds it.
    let program = run.path().join("siu-updater");
    std::fs::copy(PROGRAM, &program).unwrap();
    let given = run.path().join("given");
    std::fs::create_dir(&given).unwrap();
    std::fs::set_permissions(&given, std::fs::Permissions::from_mode(0o755)).unwrap();
    for folder in [&given, &place.data()] {
        std::os::unix::fs::chown(folder, Some(64_001), Some(64_002)).unwrap();
    }
    let pipe = given.join("updater.sock");
    let as_user = |user: &str, group: &str, groups: &str| {
        let mut command = Command::new("setpriv");
        command.args([&format!("--reuid={user}"), &format!("--regid={group}")]);
        command.arg(if groups.is_empty() { "--clear-groups".to_owned() } else { format!("--groups={groups}") });
        command.arg(&program).env("SIU_PIPE", &pipe).stdin(Stdio::null());
        command
    };
    let path = place.folder().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let log = File::create(place.folder().join("log")).unwrap();
    let mut command = as_user("64001", "64002", "");
    command.args(["run", "--group-may-connect", "--data"]).arg(place.data()).env("NOTIFY_SOCKET", &path);
    let started = command.stderr(log).spawn();
    let mut updater = match started {
        Ok(child) => child,
        Err(error) => return not_run(WHAT, &format!("setpriv: {error}")),
    };
    let mut buffer = [0; 4096];
    let told = socket.recv(&mut buffer).map(|length| text(&buffer[..length]));
    let status = |user: &str, group: &str, groups: &str| as_user(user, group, groups).arg("status").output().unwrap();
    let own = status("64001", "64002", "");
    let root = status("0", "0", "");
    let member = status("64003", "64003", "64002");
    let stranger = status("64003", "64003", "");
    updater.kill().unwrap();
    updater.wait().unwrap();

    assert!(told.as_deref().is_ok_and(|told| told.starts_with("READY=1")), "{told:?}\n{}", place.log());
    for (who, output) in [("the updater's user", own), ("root", root), ("a member", member)] {
        assert!(output.status.success(), "{who}: {}", text(&output.stderr));
    }
    let said = text(&stranger.stderr);
    assert_eq!(stranger.status.code(), Some(4), "{said}");
    assert!(said.contains("you may not use the updater's local API"), "{said}");
}
