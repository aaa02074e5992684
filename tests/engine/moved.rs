//! The sender, or a rule of theirs, has moved the copy out of Sent Items: it is found and updated where it is (U4).

use std::time::Instant;

use bytes::Bytes;
use sent_items_update::pipe::types::Rule;
use sent_items_update::sandbox::faults::{Fault, Rule as FaultRule};
use sent_items_update::sandbox::store::{Delivery, FlagStatus, StoredItem};
use sent_items_update::settings::Options;
use sent_items_update::updater::dispatcher::{Attempt, Engine as _};

use crate::fidelity::{PLACES as HEAD, TABLE};
use crate::scene::{ANNA, JONAS, LOGO, Mail, Scene, copies, error, finished, mail, split};

const PROJECTS: &str = "Projects/North park";

impl Scene {
    /// The client stores its copy, and its owner moves it.
    async fn stored_and_moved(&self, mime: &Bytes, folder: &str) -> StoredItem {
        let id = self.client_stores(ANNA, mime).await;
        self.move_to(&id, folder).await
    }

    async fn move_to(&self, id: &str, folder: &str) -> StoredItem {
        let id = self.sandbox.control().move_item(id, folder).await.unwrap().unwrap();
        self.everywhere(ANNA).await.into_iter().find(|item| item.item_id == id).unwrap()
    }

    /// An attempt that looks into all folders.
    async fn attempt_everywhere(&mut self, mime: &Bytes) -> Attempt {
        let mut job = self.job(mime);
        job.elsewhere = true;
        self.engine().attempt(&job).await
    }

    async fn ends_everywhere(&mut self, mime: &Bytes) -> Rule {
        finished(self.attempt_everywhere(mime).await)
    }

    async fn in_folder(&self, folder: &str) -> Vec<StoredItem> {
        self.sandbox.control().folder(ANNA, folder).await.unwrap()
    }
}

fn signed() -> Bytes {
    mail("<p>Hello</p><p>Signature</p>").mime()
}

/// U4
#[tokio::test]
async fn a_copy_that_was_moved_is_updated_where_it_is_and_keeps_what_its_owner_gave_it() {
    for folder in [PROJECTS, "sentitems/2026", "inbox/Done", "Archive"] {
        let mut scene = Scene::new().await;
        let before = scene.stored_and_moved(&mail("<p>Hello</p>").mime(), folder).await;
        let requests = scene.requests();
        assert_eq!(scene.ends_everywhere(&signed()).await, Rule::UpdatedInPlace, "{folder}");
        // Sent Items, the folders, what is in them; the update.
        assert_eq!(scene.requests() - requests, 4, "{folder}");
        let after = scene.in_folder(folder).await.remove(0);
        assert!(after.body.contains("Signature"), "{folder}");
        let kept = |item: &StoredItem| {
            let item = item.clone();
            (item.item_id, item.conversation_id, item.flag, item.categories, item.read, item.sent, item.received)
        };
        assert_eq!(kept(&after), kept(&before), "{folder}");
        assert!(scene.sent_items(ANNA).await.is_empty(), "{folder}");
        assert_eq!(scene.ends_everywhere(&signed()).await, Rule::AlreadyDone, "{folder}");
    }
}

/// U9: most of those that aren't found have not been stored yet.
#[tokio::test]
async fn without_leave_to_look_elsewhere_one_request_is_made() {
    let mut scene = Scene::new().await;
    scene.stored_and_moved(&mail("<p>Hello</p>").mime(), PROJECTS).await;
    let requests = scene.requests();
    assert!(matches!(scene.attempt(&signed()).await, Attempt::NotFoundYet { .. }));
    assert_eq!(scene.requests() - requests, 1);
    // Nor is anything but Sent Items looked into when the copy is there.
    scene.client_stores(ANNA, &mail("<p>Hello</p>").mime()).await;
    let requests = scene.requests();
    assert_eq!(scene.ends_everywhere(&signed()).await, Rule::UpdatedInPlace);
    assert_eq!(scene.requests() - requests, 2);
}

/// U4
#[tokio::test]
async fn attachments_of_a_moved_copy_become_those_of_the_processed_message() {
    let mut scene = Scene::new().await;
    let original = mail("<p>Hello</p>").file("offer.pdf", b"the offer").file("internal.txt", b"margins").mime();
    scene.stored_and_moved(&original, PROJECTS).await;
    let processed = mail("<img src=\"cid:logo@n\">").image("logo@n", LOGO).file("offer.pdf", b"the offer").mime();
    assert_eq!(scene.ends_everywhere(&processed).await, Rule::UpdatedInPlace);
    let item = scene.in_folder(PROJECTS).await.remove(0);
    let mut names: Vec<_> = item.attachments.iter().map(|attachment| attachment.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["logo@n.png", "offer.pdf"]);
}

/// U4: what Exchange does not let us change is replaced in its folder.
#[tokio::test]
async fn a_moved_copy_is_replaced_in_the_folder_where_it_was() {
    let mut scene = Scene::new().await;
    let before = scene.stored_and_moved(&mail("<p>Hello</p>").mime(), PROJECTS).await;
    scene.fault(crate::not_updatable());
    assert_eq!(scene.ends_everywhere(&signed()).await, Rule::Replaced);
    let [after] = &scene.in_folder(PROJECTS).await[..] else { panic!("not one") };
    assert_ne!(after.item_id, before.item_id);
    assert!(after.body.contains("Signature"));
    assert_eq!((after.flag, &after.categories), (FlagStatus::Flagged, &before.categories));
    assert!(scene.sent_items(ANNA).await.is_empty());
}

/// U8
#[tokio::test]
async fn a_replacement_elsewhere_that_is_interrupted_is_completed_and_leaves_one_item() {
    for (operation, executed) in [("CreateItem", true), ("DeleteItem", false), ("DeleteItem", true)] {
        let mut scene = Scene::new().await;
        scene.stored_and_moved(&mail("<p>Hello</p>").mime(), PROJECTS).await;
        scene.fault(crate::not_updatable());
        scene.fault(FaultRule::every(Fault::Drop { executed }).on(operation).times(1));
        error(scene.attempt_everywhere(&signed()).await);
        scene.ends_everywhere(&signed()).await;
        let [item] = &scene.in_folder(PROJECTS).await[..] else { panic!("{operation}, {executed}: not one") };
        assert!(item.body.contains("Signature"), "{operation}, {executed}");
    }
}

/// T6
#[tokio::test]
async fn in_copy_mode_the_second_item_comes_beside_the_moved_one() {
    let mut scene = Scene::with(copies()).await;
    let before = scene.stored_and_moved(&mail("<p>Hello</p>").mime(), PROJECTS).await;
    assert_eq!(scene.ends_everywhere(&signed()).await, Rule::CopyAdded);
    assert_eq!(scene.ends_everywhere(&signed()).await, Rule::AlreadyDone);
    let items = scene.in_folder(PROJECTS).await;
    assert_eq!(items.len(), 2);
    assert_eq!(items[0], before);
    assert!(items[1].body.contains("Signature"));
}

/// T7, U5
#[tokio::test]
async fn split_copies_of_a_moved_message_are_shown_as_in_sent_items() {
    let of = |whom: &str| mail(&format!("<p>Hello</p><p>for {whom}</p>")).mime();
    let mut scene = Scene::with(split(true)).await;
    scene.stored_and_moved(&mail("<p>Hello</p>").mime(), PROJECTS).await;
    assert_eq!(scene.ends_everywhere(&of("partners")).await, Rule::UpdatedInPlace);
    assert_eq!(scene.ends_everywhere(&of("press")).await, Rule::SplitCopyAdded);
    assert_eq!(scene.in_folder(PROJECTS).await.len(), 2);

    let mut scene = Scene::with(split(false)).await;
    scene.stored_and_moved(&mail("<p>Hello</p>").mime(), PROJECTS).await;
    assert_eq!(scene.ends_everywhere(&of("partners")).await, Rule::UpdatedInPlace);
    assert_eq!(scene.ends_everywhere(&of("press")).await, Rule::UpdatedInPlace);
    let [item] = &scene.in_folder(PROJECTS).await[..] else { panic!("not one") };
    assert!(item.body.contains("for press"));
}

/// U8: moved after an attempt that broke off, with what it did already.
#[tokio::test]
async fn a_copy_that_is_moved_between_two_attempts_is_completed_where_it_is_then() {
    let mut scene = Scene::new().await;
    let id = scene.client_stores(ANNA, &mail("<p>Hello</p>").mime()).await;
    let processed = mail("<img src=\"cid:logo@n\">").image("logo@n", LOGO).mime();
    scene.fault(FaultRule::every(Fault::Drop { executed: false }).on("UpdateItem").times(1));
    error(scene.attempt_everywhere(&processed).await);
    scene.move_to(&id, PROJECTS).await;
    assert_eq!(scene.ends_everywhere(&processed).await, Rule::UpdatedInPlace);
    let [item] = &scene.in_folder(PROJECTS).await[..] else { panic!("not one") };
    assert_eq!(item.attachments.len(), 1, "the image is there once");
    assert!(item.body.contains("cid:logo@n"));
}

/// U4
#[tokio::test]
async fn a_copy_that_was_thrown_away_is_left_alone_and_the_outcome_says_so() {
    for folder in ["deleteditems", "deleteditems/Old project"] {
        let mut scene = Scene::new().await;
        let before = scene.stored_and_moved(&mail("<p>Hello</p>").mime(), folder).await;
        let attempt = scene.attempt_everywhere(&signed()).await;
        let Attempt::Finished(outcome) = attempt else { panic!("{folder}: {attempt:?}") };
        assert_eq!(outcome.rule, Rule::ThrownAway, "{folder}");
        assert!(outcome.reason.contains("Deleted Items"), "{}", outcome.reason);
        assert_eq!(scene.in_folder(folder).await, [before], "{folder}");
        // There is another one that counts.
        scene.stored_and_moved(&mail("<p>Hello</p>").mime(), PROJECTS).await;
        assert_eq!(scene.ends_everywhere(&signed()).await, Rule::UpdatedInPlace, "{folder}");
    }
}

/// U4: who writes to themselves has the message twice, under one Message-ID.
#[tokio::test]
async fn what_somebody_received_from_themselves_is_never_taken_for_the_sent_copy() {
    let mut scene = Scene::new().await;
    let control = scene.sandbox.control();
    let received = control.deliver(ANNA, "inbox", mail("<p>Hello</p>").mime(), Delivery::default()).await.unwrap();
    // A rule of the Inbox put it there.
    let received = scene.move_to(&received, "Notes to myself").await;
    let attempt = scene.attempt_everywhere(&signed()).await;
    let Attempt::NotFoundYet { reason } = attempt else { panic!("{attempt:?}") };
    assert!(reason.contains("nor in another folder"), "{reason}");
    let sent = scene.stored_and_moved(&mail("<p>Hello</p>").mime(), "Notes to myself").await;
    assert_eq!(scene.ends_everywhere(&signed()).await, Rule::UpdatedInPlace);
    let items = scene.in_folder("Notes to myself").await;
    let changed: Vec<_> = items.iter().filter(|item| item.body.contains("Signature")).collect();
    assert_eq!(changed.len(), 1);
    assert_eq!(changed[0].item_id, sent.item_id);
    assert!(items.contains(&received));
}

/// What becomes of a copy, in the words of the table.
const UPDATED: &str = "is updated there";
const THROWN_AWAY: &str = "is left alone: thrown away";
const NO_COPY: &str = "is no sent copy";
const NOT_LOOKED_FOR: &str = "is not looked for there";
const NEVER_TOUCHED: &str = "is never touched";

/// Rows of the second table of `fidelity.md`: where the copy lies, the folder, and what becomes of it.
const PLACES: [(&str, &str, &str); 13] = [
    ("Sent Items", "sentitems", UPDATED),
    ("a folder in Sent Items", "sentitems/2026", UPDATED),
    ("a folder of one's own", "Projects", UPDATED),
    ("a folder in a folder", PROJECTS, UPDATED),
    ("Inbox", "inbox", UPDATED),
    ("Archive", "Archive", UPDATED),
    ("Deleted Items", "deleteditems", THROWN_AWAY),
    ("a folder in Deleted Items", "deleteditems/Old project", THROWN_AWAY),
    ("Drafts", "drafts", NO_COPY),
    ("Outbox", "outbox", NO_COPY),
    ("Sync Issues, kept of a conflict", "syncissues/Conflicts", NO_COPY),
    ("Recoverable Items", "recoverableitemsdeletions", NOT_LOOKED_FOR),
    ("anywhere, received from oneself", "inbox", NEVER_TOUCHED),
];

/// U4: nothing is promised that is not tried, and nothing is tried that is not written.
#[test]
fn the_table_of_places_has_the_rows_that_are_tested() {
    let (_, places) = TABLE.split_once(HEAD).unwrap();
    let written: Vec<Vec<_>> = places
        .lines()
        .filter(|line| line.starts_with("| "))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    assert_eq!(written, PLACES.map(|(place, _, end)| vec![place, end]));
}

/// U4
#[tokio::test]
async fn wherever_the_copy_lies_becomes_of_it_what_the_table_says() {
    for (place, folder, end) in PLACES {
        let mut scene = Scene::new().await;
        let original = mail("<p>Hello</p>").mime();
        let before = if end == NEVER_TOUCHED {
            let id = scene.sandbox.control().deliver(ANNA, folder, original, Delivery::default()).await.unwrap();
            scene.everywhere(ANNA).await.into_iter().find(|item| item.item_id == id).unwrap()
        } else {
            scene.stored_and_moved(&original, folder).await
        };
        let attempt = scene.attempt_everywhere(&signed()).await;
        let [after] = &scene.in_folder(folder).await[..] else { panic!("{place}: not one") };
        match end {
            UPDATED => {
                assert_eq!(finished(attempt), Rule::UpdatedInPlace, "{place}");
                assert!(after.item_id == before.item_id && after.body.contains("Signature"), "{place}");
            }
            THROWN_AWAY => assert_eq!(finished(attempt), Rule::ThrownAway, "{place}"),
            _ => assert!(matches!(attempt, Attempt::NotFoundYet { .. }), "{place}: {attempt:?}"),
        }
        assert!(end == UPDATED || *after == before, "{place}");
    }
}

/// U3: both mailboxes' Sent Items come first.
#[tokio::test]
async fn of_a_message_on_behalf_neither_mailbox_is_searched_through_before_sent_items_of_both() {
    let mut scene = Scene::new().await;
    let sent = Mail { sender: Some(JONAS.into()), ..mail("<p>Hello</p>") }.mime();
    let id = scene.client_stores(JONAS, &sent).await;
    let processed = Mail { sender: Some(JONAS.into()), ..mail("<p>Hello</p><p>Signature</p>") }.mime();
    let requests = scene.requests();
    assert_eq!(scene.ends_everywhere(&processed).await, Rule::UpdatedInPlace);
    assert_eq!(scene.requests() - requests, 3, "two searches, and the update");

    let mut scene = Scene::new().await;
    let id_of_other = scene.client_stores(JONAS, &sent).await;
    scene.sandbox.control().move_item(&id_of_other, PROJECTS).await.unwrap();
    assert_eq!(scene.ends_everywhere(&processed).await, Rule::UpdatedInPlace);
    assert!(scene.sandbox.control().folder(JONAS, PROJECTS).await.unwrap()[0].body.contains("Signature"));
    assert_ne!(id, id_of_other);
}

/// U9: many folders are searched in few requests, and empty ones not at all.
#[tokio::test]
async fn a_mailbox_with_many_folders_takes_few_requests() {
    let mut scene = Scene::new().await;
    for number in 0..120 {
        let other = Mail { message_id: format!("other-{number}@nordwind.example"), ..mail("<p>Other</p>") }.mime();
        scene.stored_and_moved(&other, &format!("Projects/Number {number}")).await;
    }
    scene.stored_and_moved(&mail("<p>Hello</p>").mime(), "Projects/Number 77").await;
    let (requests, began) = (scene.requests(), Instant::now());
    assert_eq!(scene.ends_everywhere(&signed()).await, Rule::UpdatedInPlace);
    let made = scene.requests() - requests;
    assert_eq!(made, 1 + 1 + 3 + 1, "in {:?}", began.elapsed());
}

/// U9: a group shares its search; only what isn't found there goes on alone.
#[tokio::test]
async fn of_several_messages_those_that_were_moved_are_found_too() {
    let mut scene = Scene::with(Options::default()).await;
    let id = |number: u32| format!("offer-{number}@nordwind.example");
    let of = |number, text: &str| Mail { message_id: id(number), ..mail(text) }.mime();
    let mut jobs = Vec::new();
    for number in 0..4 {
        let item = scene.client_stores(ANNA, &of(number, "<p>Hello</p>")).await;
        if number == 2 {
            scene.move_to(&item, PROJECTS).await;
        }
        let mut job = scene.job(&of(number, "<p>Hello</p><p>Signature</p>"));
        job.elsewhere = true;
        jobs.push(job);
    }
    let ends = scene.engine().attempt_together(&jobs).await;
    let alone: Vec<_> = ends.iter().map(Option::is_none).collect();
    assert_eq!(alone, [false, false, true, false]);
    assert_eq!(finished(scene.engine().attempt(&jobs[2]).await), Rule::UpdatedInPlace);
    assert!(scene.in_folder(PROJECTS).await[0].body.contains("Signature"));
}
