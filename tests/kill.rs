//! SIGKILL at any time: whatever was acknowledged has exactly one outcome, and the mailboxes hold exactly the right
//! items. `SIU_KILL_MESSAGES` says how many messages, 600 without it; `tests/run` takes 1,500.
#![cfg(unix)]

mod process;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use process::organisation::{self, Mail};
use process::{PATIENCE, Place};
use sent_items_update::pipe::client::{Client, PipeError};
use sent_items_update::pipe::types::{Counts, Filter, Rule, State};
use sent_items_update::sandbox::Sandbox;
use sent_items_update::sandbox::control::StoredItem;

const KILLS: usize = 10;

fn messages() -> usize {
    std::env::var("SIU_KILL_MESSAGES").ok().map_or(600, |number| number.parse().expect("SIU_KILL_MESSAGES: a number"))
}

/// U2, U8
#[tokio::test(flavor = "multi_thread")]
async fn killed_ten_times_under_load_every_message_has_one_outcome_and_one_right_item() {
    let all = messages();
    let scene = Scene::play(all, false).await;
    for (mailbox, mails) in &scene.mails_by_sender() {
        let items = organisation::visible(scene.sandbox.control(), mailbox).await;
        assert_eq!(items.len(), mails.len(), "items in the mailbox of {mailbox}");
        let mut by_id: HashMap<_, _> = items.iter().map(|item| (item.message_id.clone().unwrap(), item)).collect();
        for mail in mails {
            let item = by_id.remove(&mail.id()).unwrap_or_else(|| panic!("message {} is gone", mail.number));
            assert_eq!(mail.problem(item), None);
        }
    }
    scene.sandbox.stop().await;
}

/// U5, U8: with *Create a copy of the original message* (T6) a message has two items, not three and not one.
#[tokio::test(flavor = "multi_thread")]
async fn killed_ten_times_in_copy_mode_every_message_has_its_original_and_one_copy() {
    let all = messages() / 4;
    let scene = Scene::play(all, true).await;
    for (mailbox, mails) in &scene.mails_by_sender() {
        let items = organisation::visible(scene.sandbox.control(), mailbox).await;
        for mail in mails {
            let of_mail = items.iter().filter(|item| item.message_id.as_deref() == Some(&mail.id()));
            let (right, rest): (Vec<&StoredItem>, Vec<&StoredItem>) =
                of_mail.partition(|item| mail.problem(item).is_none());
            assert_eq!((right.len(), rest.len()), (1, 1), "items of message {}", mail.number);
            assert_eq!(rest[0].body.trim_end(), format!("Hello {}", mail.number));
        }
        assert_eq!(items.len(), 2 * mails.len(), "items in the mailbox of {mailbox}");
    }
    scene.sandbox.stop().await;
}

struct Scene {
    /// The organisation's mailboxes lie in it.
    _place: Place,
    sandbox: Sandbox,
    people: Vec<String>,
    all: usize,
}

impl Scene {
    /// Submits all messages while the updater is killed again and again, and waits until all have an outcome.
    async fn play(all: usize, copies: bool) -> Self {
        let place = Place::new();
        let sandbox = organisation::open(&place.folder().join("organisation")).await;
        let people = organisation::people(sandbox.control());
        assert!(people.len() >= 3, "the sample organisation has {} mailboxes", people.len());
        // Each fifth copy is stored only after the processed message was handed over.
        let late = |number: usize| number % 5 == 3;
        let early = (0..all).filter(|number| !late(*number)).map(|number| Mail { number });
        organisation::store(sandbox.control(), &people, early).await;

        let updater = place.start().await;
        organisation::connect(&place.client(), &sandbox, |settings| {
            settings.options.create_copy = copies;
            settings.limits.connections = 16;
            settings.schedule.not_found_pauses = vec![1];
            settings.schedule.error_pauses = vec![1];
        })
        .await;
        let began = Instant::now();
        let submitted = AtomicUsize::new(0);
        let submitting = async {
            futures_util::stream::iter(0..all)
                .for_each_concurrent(48, async |number| {
                    let mail = Mail { number };
                    submit(&place.client(), mail, &people).await;
                    submitted.fetch_add(1, Ordering::SeqCst);
                    if late(number) {
                        organisation::store(sandbox.control(), &people, [mail]).await;
                    }
                })
                .await;
        };
        let killing = async {
            let mut updater = updater;
            for kill in 1..=KILLS {
                // Half of them while messages come in, all while some are worked on.
                let at = kill * 2 * all / (KILLS + 1);
                progress(&place, &submitted, at).await;
                updater.kill();
                updater = place.start().await;
            }
            updater
        };
        let ((), updater) = tokio::join!(submitting, killing);
        let counts = ended(&place, all).await;
        assert_eq!(counts, Counts { updated: i64::try_from(all).unwrap(), ..Counts::default() });
        let found_done = one_outcome_each(&place.client(), all).await;
        eprintln!(
            "{all} messages, {KILLS} kills, {:.1} s; {found_done} were found done by a killed updater",
            began.elapsed().as_secs_f64()
        );
        updater.stop().await;
        Self { _place: place, sandbox, people, all }
    }

    fn mails_by_sender(&self) -> HashMap<&str, Vec<Mail>> {
        let mut mails: HashMap<&str, Vec<Mail>> = HashMap::new();
        for number in 0..self.all {
            mails.entry(Mail { number }.sender(&self.people)).or_default().push(Mail { number });
        }
        mails
    }
}

/// Hands a message over until it is acknowledged, as a signature program does.
async fn submit(client: &Client, mail: Mail, people: &[String]) {
    let give_up = Instant::now() + PATIENCE;
    loop {
        match client.submit(mail.processed(people)).await {
            Ok(_) => return,
            // Not there, gone in the middle, or not ready: it does not say whether the message was taken.
            Err(
                PipeError::NotRunning { .. } | PipeError::Broken(_) | PipeError::Timeout | PipeError::NotUnderstood(_),
            ) => {}
            Err(PipeError::Refused { problem, .. }) if problem.temporary => {}
            Err(other) => panic!("message {}: {other}", mail.number),
        }
        assert!(Instant::now() < give_up, "message {} is not acknowledged", mail.number);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until submitting and updating together have come so far.
async fn progress(place: &Place, submitted: &AtomicUsize, at: usize) {
    let (client, give_up) = (place.client(), Instant::now() + 3 * PATIENCE);
    loop {
        let counts = client.status().await.unwrap().counts;
        let finished = usize::try_from(counts.updated + counts.skipped + counts.failed).unwrap();
        if submitted.load(Ordering::SeqCst) + finished >= at {
            return;
        }
        assert!(Instant::now() < give_up, "it stays at {counts:?}:\n{}", place.log());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits until every message has an outcome.
async fn ended(place: &Place, all: usize) -> Counts {
    let (client, give_up) = (place.client(), Instant::now() + 4 * PATIENCE);
    loop {
        let counts = client.status().await.unwrap().counts;
        let finished = usize::try_from(counts.updated + counts.skipped + counts.failed).unwrap();
        if finished >= all && counts.waiting + counts.working == 0 {
            return counts;
        }
        assert!(Instant::now() < give_up, "it stays at {counts:?}:\n{}", place.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Returns how many were done already when the updater that recorded the outcome came to them.
async fn one_outcome_each(client: &Client, all: usize) -> usize {
    let mut found_done = 0;
    let mut seen: HashMap<String, State> = HashMap::new();
    let mut before = None;
    loop {
        let filter = Filter { before, limit: Some(1000), ..Filter::default() };
        let page = client.messages(&filter).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        for row in page {
            assert_eq!(
                seen.insert(row.message_id.clone(), row.state),
                None,
                "{} is in the queue twice",
                row.message_id
            );
            found_done += usize::from(row.rule == Some(Rule::AlreadyDone));
            assert_eq!(row.state, State::Updated, "{}: {}", row.message_id, row.reason);
        }
    }
    for number in 0..all {
        assert!(seen.contains_key(&Mail { number }.id()), "message {number} is not in the queue");
    }
    assert_eq!(seen.len(), all);
    found_done
}
