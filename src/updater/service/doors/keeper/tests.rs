use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;

use super::*;
use crate::settings::{PickupSettings, Settings};
use crate::updater::service::tests::{change, shared};

/// A door at the place that the pickup folder's settings name. What it does, a test decides by the place.
struct Fake {
    news: mpsc::UnboundedReceiver<News>,
    place: String,
}

/// Doors that were opened, newest last, and closed.
static OPENED: Mutex<Vec<(String, mpsc::UnboundedSender<News>)>> = Mutex::new(Vec::new());
static CLOSED: Mutex<Vec<String>> = Mutex::new(Vec::new());
static STUCK: AtomicUsize = AtomicUsize::new(0);

impl Door for Fake {
    type Settings = PickupSettings;

    fn wanted(intake: &IntakeSettings) -> Option<PickupSettings> {
        intake.pickup.clone()
    }

    fn place(settings: &PickupSettings) -> String {
        settings.folder.display().to_string()
    }

    async fn open(settings: &PickupSettings, _: &Arc<Shared>) -> Result<Self, String> {
        let place = Self::place(settings);
        if place.ends_with("stuck") && STUCK.fetch_add(1, Ordering::SeqCst) < 2 {
            return Err("it is stuck".to_owned());
        }
        let (sender, news) = mpsc::unbounded_channel();
        OPENED.lock().unwrap().push((place.clone(), sender));
        Ok(Self { news, place })
    }

    async fn changed(&mut self) -> News {
        match self.news.recv().await {
            Some(news) => news,
            None => std::future::pending().await,
        }
    }

    async fn close(self) {
        CLOSED.lock().unwrap().push(self.place);
    }
}

fn with_door(place: &str) -> Settings {
    let pickup = Some(PickupSettings { folder: place.into() });
    Settings { intake: IntakeSettings { pickup, ..IntakeSettings::default() }, ..Settings::default() }
}

async fn shows(shared: &Shared, place: Option<&str>, problem: Option<&str>) {
    let wanted = place.map(|place| DoorStatus { place: place.into(), problem: problem.map(str::to_owned) });
    let mut doors = shared.doors.subscribe();
    let reached = tokio::time::timeout(Duration::from_secs(10), doors.wait_for(|doors| doors.pickup == wanted)).await;
    assert!(reached.is_ok(), "the door shows {:?} and was to show {wanted:?}", shared.doors.borrow().pickup);
}

fn opened(place: &str) -> Option<mpsc::UnboundedSender<News>> {
    let doors = OPENED.lock().unwrap();
    doors.iter().rfind(|(opened, _)| opened == place).map(|(_, news)| news.clone())
}

#[tokio::test]
async fn a_door_is_opened_closed_and_opened_anew_as_the_settings_say() {
    let (_folder, shared) = shared().await;
    let keeper = tokio::spawn(Keeper::<Fake>::new(shared.clone(), |doors| &mut doors.pickup).run());
    for place in ["/a/first", "/a/second"] {
        change(&shared, with_door(place)).await;
        shows(&shared, Some(place), None).await;
        assert!(opened(place).is_some());
    }
    assert_eq!(CLOSED.lock().unwrap().iter().filter(|place| place.starts_with("/a/")).count(), 1);
    change(&shared, Settings::default()).await;
    shows(&shared, None, None).await;
    assert!(CLOSED.lock().unwrap().contains(&"/a/second".to_owned()));
    shared.stop.cancel();
    keeper.await.unwrap();
}

#[tokio::test]
async fn a_door_that_can_not_be_opened_is_a_problem_in_the_status_and_is_tried_again() {
    let (_folder, shared) = shared().await;
    tokio::spawn(Keeper::<Fake>::new(shared.clone(), |doors| &mut doors.pickup).run());
    change(&shared, with_door("/b/stuck")).await;
    shows(&shared, Some("/b/stuck"), Some("it is stuck")).await;
    shared.queue.clock().advance(Duration::from_secs(1));
    while STUCK.load(Ordering::SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
    // The second pause is longer than the first.
    shared.queue.clock().advance(Duration::from_secs(5));
    shows(&shared, Some("/b/stuck"), None).await;
}

#[tokio::test]
async fn a_door_that_breaks_is_opened_anew_and_one_with_a_problem_stays_open() {
    let (_folder, shared) = shared().await;
    tokio::spawn(Keeper::<Fake>::new(shared.clone(), |doors| &mut doors.pickup).run());
    change(&shared, with_door("/c")).await;
    shows(&shared, Some("/c"), None).await;
    let first = opened("/c").unwrap();
    first.send(News::Problem(Some("a file can't be read".into()))).unwrap();
    shows(&shared, Some("/c"), Some("a file can't be read")).await;
    first.send(News::Broken("it fell off".into())).unwrap();
    shows(&shared, Some("/c"), Some("it fell off")).await;
    shared.queue.clock().advance(Duration::from_secs(1));
    shows(&shared, Some("/c"), None).await;
}
