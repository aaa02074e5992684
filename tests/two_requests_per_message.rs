//! What an update costs, counted at the server.
#![cfg(unix)]

mod process;

use std::time::Instant;

use process::organisation::{self, Mail};
use process::{PATIENCE, Place};
use sent_items_update::pipe::types::Counts;

/// U9: the common path is a search and an update.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_copy_is_there_costs_two_requests() {
    const ALL: u32 = 60;
    let place = Place::new();
    let sandbox = organisation::open(&place.folder().join("organisation")).await;
    let control = sandbox.control();
    let people = organisation::people(control);
    // Those without attachments: the body is all that a signature program changes in most.
    let mails = || (0..).map(|number| Mail { number }).filter(|mail| !mail.has_attachment()).take(ALL as usize);
    organisation::store(control, &people, mails()).await;
    let updater = place.start().await;
    let client = place.client();
    organisation::connect(&client, &sandbox, |_| {}).await;
    control.reset_statistics();
    for mail in mails() {
        client.submit(mail.processed(&people)).await.unwrap();
    }
    let give_up = Instant::now() + PATIENCE;
    loop {
        let counts = client.status().await.unwrap().counts;
        if counts.waiting + counts.working == 0 {
            assert_eq!(counts, Counts { updated: ALL.into(), ..Counts::default() }, "{}", place.log());
            break;
        }
        assert!(Instant::now() < give_up, "{counts:?}\n{}", place.log());
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let statistics = control.statistics();
    assert_eq!((statistics.of("FindItem"), statistics.of("UpdateItem")), (ALL.into(), ALL.into()), "{statistics:?}");
    assert_eq!(statistics.requests, u64::from(2 * ALL), "{statistics:?}");
    for mailbox in &people {
        for item in organisation::visible(control, mailbox).await {
            assert!(item.body.contains("always windy"), "{item:?}");
        }
    }
    updater.stop().await;
    sandbox.stop().await;
}
