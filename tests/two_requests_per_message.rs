//! What an update costs, counted at the server.
#![cfg(unix)]

mod process;

use std::time::Instant;

use process::organisation::{self, Mail};
use process::{PATIENCE, Place};
use sent_items_update::pipe::client::Client;
use sent_items_update::pipe::types::Counts;

/// Waits until every message has its end.
async fn finished(client: &Client, place: &Place, wanted: Counts) {
    let give_up = Instant::now() + PATIENCE;
    loop {
        let counts = client.status().await.unwrap().counts;
        if counts.waiting + counts.working == 0 {
            assert_eq!(counts, wanted, "{}", place.log());
            return;
        }
        assert!(Instant::now() < give_up, "{counts:?}\n{}", place.log());
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

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
    finished(&client, &place, Counts { updated: ALL.into(), ..Counts::default() }).await;
    let statistics = control.statistics();
    // At most: those that happened to wait together shared some.
    assert!(statistics.of("FindItem") <= ALL.into() && statistics.of("UpdateItem") <= ALL.into(), "{statistics:?}");
    // And one for all, which asks for the ways to sign in.
    assert_eq!(statistics.requests, statistics.of("FindItem") + statistics.of("UpdateItem") + 1, "{statistics:?}");
    for mailbox in &people {
        for item in organisation::visible(control, mailbox).await {
            assert!(item.body.contains("always windy"), "{item:?}");
        }
    }
    updater.stop().await;
    sandbox.stop().await;
}

/// U9: what waits for one mailbox shares its requests.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_waiting_messages_of_one_mailbox_cost_half_a_request_each_at_the_most() {
    const ALL: u32 = 100;
    let place = Place::new();
    let sandbox = organisation::open(&place.folder().join("organisation")).await;
    let control = sandbox.control();
    let people = vec![organisation::people(control).remove(0)];
    let mails = || (0..).map(|number| Mail { number }).filter(|mail| !mail.has_attachment()).take(ALL as usize);
    organisation::store(control, &people, mails()).await;
    let updater = place.start().await;
    let client = place.client();
    organisation::connect(&client, &sandbox, |settings| settings.enabled = false).await;
    for mail in mails() {
        client.submit(mail.processed(&people)).await.unwrap();
    }
    control.reset_statistics();
    process::change(&client, None, |settings| settings.enabled = true).await;
    finished(&client, &place, Counts { updated: ALL.into(), ..Counts::default() }).await;
    let statistics = control.statistics();
    assert!(statistics.requests * 2 <= u64::from(ALL), "{statistics:?}");
    let items = organisation::visible(control, &people[0]).await;
    for mail in mails() {
        let of_mail: Vec<_> = items.iter().filter(|item| item.message_id.as_deref() == Some(&mail.id())).collect();
        assert_eq!(of_mail.len(), 1, "{of_mail:?}");
        assert_eq!(mail.problem(of_mail[0]), None);
    }
    updater.stop().await;
    sandbox.stop().await;
}
