use std::path::Path;

use super::*;
use crate::panel::state::{self, State};
use crate::pipe::listener::Access;
use crate::pipe::types::{Outcome, Rule};
use crate::updater::clock::Clock;
use crate::updater::dispatcher::{Attempt, Engine};
use crate::updater::queue::Job;
use crate::updater::service::{Updater, UpdaterOptions};

struct Idle;

impl Engine for Idle {
    async fn attempt(&self, _: &Job) -> Attempt {
        Attempt::Finished(Outcome::new(Rule::UpdatedInPlace, ""))
    }
}

async fn start(folder: &Path) -> Updater {
    let (data, pipe) = (folder.join("data"), folder.join("pipe.sock"));
    let options = UpdaterOptions { data, pipe, access: Access::default(), sandbox: false, clock: Clock::system() };
    Updater::start(options, |_, _| Ok(Idle)).await.unwrap()
}

/// A link with the state that its news lead to.
struct Watched {
    link: Link,
    state: State,
    changes: mpsc::Receiver<()>,
}

impl Watched {
    fn start(pipe: PathBuf) -> Self {
        Self::patient_for(pipe, PATIENCE)
    }

    fn patient_for(pipe: PathBuf, patience: Duration) -> Self {
        let (told, changes) = mpsc::channel();
        let wake = move || {
            let _ = told.send(());
        };
        let link = Link::start_with(&Handle::current(), pipe, wake, patience);
        Self { link, state: State::default(), changes }
    }

    /// Waits until the state is as wanted. Returns how often a repaint was asked for meanwhile.
    async fn shows(&mut self, wanted: impl Fn(&state::Link) -> bool) -> usize {
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut asked = 0;
        loop {
            while let Some(news) = self.link.poll() {
                match news {
                    News::Told(event) => drop(self.state.heard(*event)),
                    News::Lost(why) => self.state.lost(&why),
                }
            }
            asked += self.changes.try_iter().count();
            if wanted(&self.state.link) {
                return asked;
            }
            assert!(Instant::now() < deadline, "it stays at {:?}", self.state.link);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// M2
#[tokio::test(flavor = "multi_thread")]
async fn the_updater_is_found_again_by_itself_however_often_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let mut watched = Watched::start(folder.path().join("pipe.sock"));
    watched.shows(|link| matches!(link, state::Link::NotRunning { .. })).await;
    for _ in 0..2 {
        let updater = start(folder.path()).await;
        watched.link.try_now();
        watched.shows(|link| matches!(link, state::Link::Connected(_))).await;
        let message = "From: a@x\r\nMessage-ID: <1@x>\r\n\r\n";
        Client::new(&folder.path().join("pipe.sock")).unwrap().submit(message).await.unwrap();
        watched.shows(|link| matches!(link, state::Link::Connected(status) if status.counts.waiting == 1)).await;
        updater.stop().await;
        watched.shows(|link| matches!(link, state::Link::NotRunning { .. })).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_updater_is_shown_a_few_times_a_second_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let updater = start(folder.path()).await;
    let mut watched = Watched::start(folder.path().join("pipe.sock"));
    let client = Client::new(&folder.path().join("pipe.sock")).unwrap();
    let began = Instant::now();
    for number in 0..200 {
        client.submit(format!("From: a@x\r\nMessage-ID: <{number}@x>\r\n\r\n")).await.unwrap();
    }
    let counted = |link: &state::Link| matches!(link, state::Link::Connected(status) if status.counts.waiting == 200);
    let shown = watched.shows(counted).await;
    let most = began.elapsed().as_millis() / GATHER.as_millis() + 2;
    assert!(shown as u128 <= most, "shown {shown} times, at most {most} expected");
    updater.stop().await;
}

/// Something that listens where the updater should, and answers each connection with this.
#[cfg(unix)]
fn pretender(path: &Path, answer: &'static str) -> tokio::task::JoinHandle<()> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let door = tokio::net::UnixListener::bind(path).unwrap();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = door.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            open.push(stream);
        }
    })
}

/// M2
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn what_answers_nonsense_or_not_at_all_is_told_in_words() {
    for (answer, words) in [
        ("", "does not answer in time"),
        ("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", "does not answer in time"),
        ("HTTP/1.1 200 OK\r\n\r\ndata: {\"event\":\"party\"}\n\n", "is it of another version"),
        ("HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno", "is it of another version"),
        ("220 mail.example ESMTP\r\n", "broke"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe.sock");
        let pretender = pretender(&path, answer);
        let mut watched = Watched::patient_for(path, Duration::from_millis(300));
        watched.shows(|link| matches!(link, state::Link::Unusable { reason } if reason.contains(words))).await;
        pretender.abort();
    }
}

/// M2
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_trouble_that_stays_the_same_asks_for_one_repaint() {
    let folder = tempfile::tempdir().unwrap();
    let mut watched = Watched::start(folder.path().join("pipe.sock"));
    watched.shows(|link| matches!(link, state::Link::NotRunning { .. })).await;
    let (mut asked, until) = (0, Instant::now() + Duration::from_secs(1));
    while Instant::now() < until {
        watched.link.try_now();
        asked += watched.changes.try_iter().count();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(asked <= 1, "asked {asked} times");
}
