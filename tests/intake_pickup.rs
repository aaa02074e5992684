//! What the pickup folder promises to whoever puts files into it.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use sent_items_update::message::ProcessedMessage;
use sent_items_update::settings::PickupSettings;
use sent_items_update::updater::clock::Clock;
use sent_items_update::updater::intake::pickup::{INTERVAL, PickupDoor};
use sent_items_update::updater::intake::{Accept, AcceptError, Receipt, Received, Source, Unusable};
use sent_items_update::updater::spool::Spool;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

/// A gate that remembers what it was given, and refuses what is no message as the real one does.
#[derive(Default)]
struct Gate {
    accepted: Mutex<Vec<String>>,
    /// Errors to answer with, before messages are accepted.
    errors: Mutex<VecDeque<AcceptError>>,
    /// Held back until a permit comes, if there is one of these.
    hold: Option<Semaphore>,
    asked: AtomicUsize,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
}

impl Accept for Gate {
    async fn accept(&self, received: Received) -> Result<Receipt, AcceptError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let at_once = self.at_once.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_at_once.fetch_max(at_once, Ordering::Relaxed);
        if let Some(hold) = &self.hold {
            hold.acquire().await.unwrap().forget();
        }
        tokio::task::yield_now().await;
        self.at_once.fetch_sub(1, Ordering::Relaxed);
        assert_eq!((received.source, received.unusable), (Source::Pickup, Unusable::Refuse));
        if let Some(error) = self.errors.lock().unwrap().pop_front() {
            return Err(error);
        }
        let message = ProcessedMessage::parse(received.content.bytes().unwrap())?;
        let mut accepted = self.accepted.lock().unwrap();
        accepted.push(message.message_id().to_string());
        Ok(Receipt { id: i64::try_from(accepted.len()).unwrap(), duplicate: false })
    }
}

/// An updater that watches a folder.
struct Door {
    gate: Arc<Gate>,
    clock: Clock,
    problem: watch::Receiver<Option<String>>,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<()>,
    _spool: tempfile::TempDir,
}

impl Door {
    fn open(folder: &Path) -> Self {
        Self::with(folder, Gate::default())
    }

    fn with(folder: &Path, gate: Gate) -> Self {
        let spool_folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(spool_folder.path(), 200_000).unwrap();
        let (gate, clock, stop) = (Arc::new(gate), Clock::manual(Timestamp::UNIX_EPOCH), CancellationToken::new());
        let settings = PickupSettings { folder: folder.to_owned() };
        let door = PickupDoor::new(&settings, spool, gate.clone(), clock.clone());
        let problem = door.problem();
        let running = tokio::spawn(door.run(stop.clone()));
        Self { gate, clock, problem, stop, running, _spool: spool_folder }
    }

    /// Lets time pass, look by look, until it is so.
    async fn until(&self, what: &str, condition: impl Fn() -> bool) {
        for _ in 0..5000 {
            if condition() {
                return;
            }
            self.clock.advance(INTERVAL);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!("{what} did not happen; the problem is {:?}", self.problem.borrow());
    }

    fn accepted(&self) -> Vec<String> {
        let mut accepted = self.gate.accepted.lock().unwrap().clone();
        accepted.sort();
        accepted
    }

    fn problem(&self) -> String {
        self.problem.borrow().clone().unwrap_or_default()
    }

    async fn stopped(self) -> Arc<Gate> {
        self.stop.cancel();
        self.running.await.unwrap();
        self.gate
    }
}

/// A pickup folder in a folder of its own.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(folder.path()).unwrap();
        folder
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("pickup")
    }

    fn rejected(&self) -> PathBuf {
        self.0.path().join("pickup-rejected")
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path().join(name), content).unwrap();
    }

    fn names(&self) -> Vec<String> {
        names(&self.path())
    }
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn message(id: &str) -> String {
    format!("From: anna@x.example\r\nMessage-ID: <{id}>\r\nSubject: S\r\n\r\ntext of {id}\r\n")
}

/// U2
#[tokio::test]
async fn a_file_is_accepted_and_then_deleted() {
    let folder = Folder::new();
    let door = Door::open(&folder.path());
    folder.put("a.eml", message("a"));
    folder.put("B.EML", message("b"));
    door.until("the folder is empty", || folder.names().is_empty()).await;
    assert_eq!(door.accepted(), ["<a>", "<b>"]);
    assert_eq!(door.problem(), "");
}

/// U8: a file must not be gone before the message is on disk.
#[tokio::test]
async fn a_file_is_there_as_long_as_it_is_not_accepted() {
    let folder = Folder::new();
    let door = Door::with(&folder.path(), Gate { hold: Some(Semaphore::new(0)), ..Gate::default() });
    folder.put("a.eml", message("a"));
    door.until("the gate is asked", || door.gate.asked.load(Ordering::Relaxed) == 1).await;
    assert_eq!(folder.names().len(), 1);
    door.gate.hold.as_ref().unwrap().add_permits(1);
    door.until("the folder is empty", || folder.names().is_empty()).await;
    assert_eq!(door.accepted(), ["<a>"]);
}

#[tokio::test]
async fn a_file_that_is_still_written_is_left_until_it_is_complete() {
    let folder = Folder::new();
    let door = Door::open(&folder.path());
    let writes = AtomicUsize::new(0);
    let write = || {
        let lines = writes.fetch_add(1, Ordering::Relaxed);
        folder.put("a.eml", message("a") + &"line\r\n".repeat(lines));
    };
    for marker in ["1", "2", "3"] {
        folder.put(&format!("{marker}.eml"), message(marker));
        // Written to between any two looks.
        let accepted = || {
            write();
            door.accepted().last().is_some_and(|last| last.contains(marker))
        };
        door.until("a complete file beside it is accepted", accepted).await;
    }
    assert_eq!(door.accepted(), ["<1>", "<2>", "<3>"]);
    door.until("the folder is empty", || folder.names().is_empty()).await;
    assert_eq!(door.accepted(), ["<1>", "<2>", "<3>", "<a>"]);
}

#[tokio::test]
async fn what_is_no_message_file_stays_untouched() {
    let folder = Folder::new();
    let door = Door::open(&folder.path());
    std::fs::create_dir(folder.path().join("folder.eml")).unwrap();
    folder.put("a.eml.tmp", message("a"));
    folder.put(".hidden.eml", message("b"));
    folder.put("note.txt", "text");
    let before = folder.names();
    folder.put("c.eml", message("c"));
    door.until("the message is accepted", || door.accepted() == ["<c>"] && folder.names() == before).await;
}

#[cfg(unix)]
#[tokio::test]
async fn links_are_not_followed_and_odd_names_are_no_trouble() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = Folder::new();
    let secret = folder.0.path().join("secret.eml");
    std::fs::write(&secret, message("secret")).unwrap();
    std::os::unix::fs::symlink(&secret, folder.path().join("link.eml")).unwrap();
    let door = Door::open(&folder.path());
    for name in [
        &b"\xff\xfe.eml"[..],
        "Grüße .eml".as_bytes(),
        b"new\nline.eml",
        b"-rf .eml",
        &[&[b'n'; 251][..], b".eml"].concat(),
    ] {
        let content = message(&String::from_utf8_lossy(&name[..2]).replace(['\n', '\u{fffd}'], "x"));
        std::fs::write(folder.path().join(std::ffi::OsStr::from_bytes(name)), content).unwrap();
    }
    door.until("only the link is left", || folder.names() == ["link.eml"]).await;
    assert_eq!(door.accepted().len(), 5);
    assert!(secret.exists());
}

/// U10: a reason that a person can act on.
#[tokio::test]
async fn a_file_that_can_t_be_used_is_moved_beside_with_the_reason() {
    let folder = Folder::new();
    let door = Door::open(&folder.path());
    for round in 0..2 {
        folder.put("bad.eml", format!("From: anna@x.example\r\n\r\nno id {round}"));
        folder.put("large.eml", "x".repeat(200_001));
        folder.put("empty.eml", "");
        folder.put("good.eml", message(&round.to_string()));
        door.until("the folder is empty", || folder.names().is_empty()).await;
    }
    let expected = ["bad", "empty", "large"].map(|name| {
        [
            format!("{name}-1.eml"),
            format!("{name}-1.eml.reason.txt"),
            format!("{name}.eml"),
            format!("{name}.eml.reason.txt"),
        ]
    });
    assert_eq!(names(&folder.rejected()), expected.concat());
    let read = |name: &str| std::fs::read_to_string(folder.rejected().join(name)).unwrap();
    assert!(read("bad.eml.reason.txt").contains("it has no Message-ID"), "{}", read("bad.eml.reason.txt"));
    assert!(read("large.eml.reason.txt").contains("larger than the limit"), "{}", read("large.eml.reason.txt"));
    assert!(read("empty.eml.reason.txt").contains("it is empty"), "{}", read("empty.eml.reason.txt"));
    assert_eq!(read("bad-1.eml"), "From: anna@x.example\r\n\r\nno id 1");
    assert_eq!(door.accepted(), ["<0>", "<1>"]);
    assert_eq!(door.problem(), "");
}

/// U10: temporary errors lose nothing and are told.
#[tokio::test]
async fn files_wait_while_the_gate_can_t_take_them() {
    let folder = Folder::new();
    let gate = Gate::default();
    for _ in 0..3 {
        gate.errors.lock().unwrap().push_back(AcceptError::DiskFull { path: "/queue".to_owned() });
    }
    for name in ["a", "b", "c"] {
        folder.put(&format!("{name}.eml"), message(name));
    }
    let mut door = Door::with(&folder.path(), gate);
    let seen = door.problem.clone();
    door.until("the problem is told", || seen.borrow().is_some()).await;
    let told = door.problem.borrow_and_update().clone().unwrap();
    assert!(told.contains("the disk with the queue is full"), "{told}");
    assert_eq!(folder.names(), ["a.eml", "b.eml", "c.eml"], "under the names they came under");
    door.until("the folder is empty", || folder.names().is_empty()).await;
    door.until("the problem is over", || seen.borrow().is_none()).await;
    assert_eq!(door.accepted(), ["<a>", "<b>", "<c>"]);
    assert!(!folder.rejected().exists());
}

#[tokio::test]
async fn a_folder_that_vanishes_is_told_and_watched_again_when_it_is_back() {
    let folder = Folder::new();
    let door = Door::open(&folder.path());
    folder.put("a.eml", message("a"));
    door.until("the first file is accepted", || door.accepted().len() == 1 && folder.names().is_empty()).await;
    std::fs::remove_dir(folder.path()).unwrap();
    door.until("the problem is told", || door.problem().contains("can't be read")).await;
    assert!(door.problem().contains(folder.path().to_str().unwrap()), "{}", door.problem());
    std::fs::create_dir(folder.path()).unwrap();
    folder.put("b.eml", message("b"));
    door.until("the second file is accepted", || door.accepted().len() == 2).await;
    door.until("the problem is over", || door.problem().is_empty()).await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_can_t_be_read_is_told_and_holds_up_no_other() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    folder.put("a.eml", message("a"));
    let set = |mode| std::fs::set_permissions(folder.path().join("a.eml"), std::fs::Permissions::from_mode(mode));
    set(0o000).unwrap();
    if std::fs::File::open(folder.path().join("a.eml")).is_ok() {
        eprintln!("NOT RUN: a file that can't be read: the superuser may read every file");
        return;
    }
    folder.put("b.eml", message("b"));
    let door = Door::open(&folder.path());
    door.until("the other file is accepted", || door.accepted() == ["<b>"]).await;
    door.until("the problem is told", || door.problem().contains("a.eml")).await;
    assert_eq!(folder.names(), ["a.eml"]);
    set(0o600).unwrap();
    door.until("the folder is empty", || folder.names().is_empty()).await;
    door.until("the problem is over", || door.problem().is_empty()).await;
}

/// U8: whatever an updater that was killed had claimed is taken by the next one.
#[tokio::test]
async fn files_that_a_killed_updater_had_claimed_are_taken() {
    let folder = Folder::new();
    let door = Door::with(&folder.path(), Gate { hold: Some(Semaphore::new(0)), ..Gate::default() });
    folder.put("a.eml", message("a"));
    folder.put("bad.eml", "no message");
    door.until("the gate is asked", || door.gate.asked.load(Ordering::Relaxed) == 2).await;
    // Killed: nothing of it runs on.
    door.running.abort();
    let _ = door.running.await;
    assert!(folder.names().iter().all(|name| name.ends_with(".claimed")), "{:?}", folder.names());
    let next = Door::open(&folder.path());
    next.until("the folder is empty", || folder.names().is_empty()).await;
    assert_eq!(next.accepted(), ["<a>"]);
    assert_eq!(names(&folder.rejected()), ["bad.eml", "bad.eml.reason.txt"], "under the name it came under");
}

/// U8: two updaters may watch one folder.
#[tokio::test]
async fn two_updaters_share_the_files_of_a_folder() {
    let folder = Folder::new();
    for number in 0..300 {
        folder.put(&format!("{number}.eml"), message(&number.to_string()));
    }
    let (one, two) = (Door::open(&folder.path()), Door::open(&folder.path()));
    one.until("the folder is empty", || {
        two.clock.advance(INTERVAL);
        folder.names().is_empty()
    })
    .await;
    let mut accepted = [one.accepted(), two.accepted()].concat();
    assert_eq!(accepted.len(), 300, "none is taken twice");
    accepted.sort();
    accepted.dedup();
    assert_eq!(accepted.len(), 300, "none is lost");
    assert_eq!((one.problem(), two.problem()), (String::new(), String::new()));
}

/// U8
#[tokio::test]
async fn a_stop_lets_an_acceptance_finish_and_leaves_the_other_files() {
    let folder = Folder::new();
    for number in 0..200 {
        folder.put(&format!("{number}.eml"), message(&number.to_string()));
    }
    let door = Door::with(&folder.path(), Gate { hold: Some(Semaphore::new(0)), ..Gate::default() });
    door.until("the gate is asked", || door.gate.asked.load(Ordering::Relaxed) > 0).await;
    door.stop.cancel();
    door.gate.hold.as_ref().unwrap().add_permits(1000);
    let gate = door.stopped().await;
    let accepted = gate.accepted.lock().unwrap().len();
    assert!(accepted > 0 && accepted < 200, "{accepted}");
    assert_eq!(folder.names().len(), 200 - accepted);
}

/// Several at a time, so that the queue can commit them together, but not all at once.
#[tokio::test]
async fn ten_thousand_files_are_taken_with_bounded_effort() {
    let folder = Folder::new();
    for number in 0..10_000 {
        folder.put(&format!("{number}.eml"), message(&number.to_string()));
    }
    let door = Door::open(&folder.path());
    door.until("the folder is empty", || folder.names().is_empty()).await;
    let mut accepted = door.accepted();
    accepted.dedup();
    assert_eq!(accepted.len(), 10_000);
    let most = door.gate.most_at_once.load(Ordering::Relaxed);
    assert!((2..=64).contains(&most), "{most} at once");
}

/// U2: archives of journaled messages can be dropped here as well.
#[tokio::test]
async fn journal_reports_are_unpacked() {
    let folder = Folder::new();
    std::fs::copy("tests/fixtures/message/journal-report.eml", folder.path().join("report.eml")).unwrap();
    folder.put("broken.eml", "X-MS-Journal-Report:\r\nFrom: a@x.example\r\nMessage-ID: <1@x>\r\n\r\n");
    let door = Door::open(&folder.path());
    door.until("the folder is empty", || folder.names().is_empty()).await;
    assert_eq!(door.accepted(), ["<journaled-1@nordwind.example>"]);
    let reason = std::fs::read_to_string(folder.rejected().join("broken.eml.reason.txt")).unwrap();
    assert!(reason.contains("not attached"), "{reason}");
}
