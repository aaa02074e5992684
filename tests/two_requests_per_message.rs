//! What an update costs, counted at the server.
#![cfg(unix)]

mod process;

use std::time::Instant;

use process::organisation::{self, Mail};
use process::{PATIENCE, Place};

/// U9: the common path is a search and an update.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_copy_is_there_costs_two_requests() {
    const ALL: usize = 60;
    let place = Place::new();
    let sandbox = organisation::open(&place.folder().join("organisation")).await;
    let control = sandbox.control();
    let people = organisation::people(control);
    // Those without attachments: the body is all that a signature program changes in most.
    let mails = || (0..).map(|number| Mail { number }).filter(|mail| !mail.has_attachment()).take(ALL);
    organisation::store(control, &people, mails()).await;
    let updater = place.start().await;
    let client = place.client();
    organisation::connect(&client, &sandbox, |_| {}).await;
    control.reset_statistics();
    for mail in mails() {
        client.submit(mail.processed(&people)).await.unwrap();
    }
    let give_up = Instant::now() + PATIENCE;
    while client.status().await.unwrap().counts.updated < i64::try_from(ALL).unwrap() {
        assert!(Instant::now() < give_up, "{:?}\n{}", client.status().await.unwrap().counts, place.log());
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let statistics = control.statistics();
    assert_eq!((statistics.of("FindItem"), statistics.of("UpdateItem")), (ALL as u64, ALL as u64), "{statistics:?}");
    assert_eq!(statistics.requests, 2 * ALL as u64, "{statistics:?}");
    for mailbox in &people {
        for item in organisation::visible(control, mailbox).await {
            assert!(item.body.contains("always windy"), "{item:?}");
        }
    }
    updater.stop().await;
    sandbox.stop().await;
}
