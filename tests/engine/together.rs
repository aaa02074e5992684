//! Several messages of one mailbox in shared requests: each keeps an outcome of its own.

use bytes::Bytes;
use secrecy::SecretString;
use sent_items_update::pipe::types::Rule;
use sent_items_update::sandbox::directory::MailboxState;
use sent_items_update::sandbox::faults::{Fault, Rule as FaultRule};
use sent_items_update::settings::Options;
use sent_items_update::updater::dispatcher::{Attempt, Engine as _};
use sent_items_update::updater::engine::MailboxEngine;
use sent_items_update::updater::queue::Job;

use crate::scene::{ANNA, JONAS, LOGO, Mail, Scene, copies, finished, mail, split};

/// The client's copy no. `number`, or the processed message.
fn numbered(number: usize, processed: bool) -> Mail {
    let signature = if processed { "<p>Signature</p>" } else { "" };
    let message_id = format!("offer-{number}@nordwind.example");
    Mail { message_id, ..mail(&format!("<p>Number {number}.</p>{signature}")) }
}

/// A mailbox with so many copies, and the jobs for them.
struct Together {
    scene: Scene,
    engine: MailboxEngine,
    jobs: Vec<Job>,
}

impl Together {
    async fn new(count: usize) -> Self {
        Self::in_scene(Scene::new().await, count).await
    }

    async fn in_scene(mut scene: Scene, count: usize) -> Self {
        let mut jobs = Vec::new();
        for number in 0..count {
            scene.client_stores(ANNA, &numbered(number, false).mime()).await;
            jobs.push(scene.job(&numbered(number, true).mime()));
        }
        Self { engine: scene.engine(), scene, jobs }
    }

    async fn attempt(&self) -> Vec<Option<Attempt>> {
        self.engine.attempt_together(&self.jobs).await
    }

    /// Each by itself, as it is done later with those that are left.
    async fn alone(&self, which: impl IntoIterator<Item = usize>) -> Vec<Rule> {
        let mut rules = Vec::new();
        for at in which {
            rules.push(finished(self.engine.attempt(&self.jobs[at]).await));
        }
        rules
    }

    /// Numbers of those that show the processed message; each item is there once.
    async fn updated(&self) -> Vec<usize> {
        let items = self.scene.sent_items(ANNA).await;
        let number = |id: &str| id.trim_start_matches("<offer-").split('@').next().unwrap().parse::<usize>().unwrap();
        let mut seen: Vec<_> = items.iter().map(|item| number(item.message_id.as_deref().unwrap())).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..self.jobs.len()).collect::<Vec<_>>());
        let done = items.iter().filter(|item| item.body.contains("Signature"));
        let mut done: Vec<_> = done
            .map(|item| {
                let number = number(item.message_id.as_deref().unwrap());
                assert!(item.body.contains(&format!("Number {number}.")), "{}", item.body);
                number
            })
            .collect();
        done.sort_unstable();
        done
    }
}

/// How each ended, in a word.
fn words(ends: &[Option<Attempt>]) -> Vec<String> {
    let word = |end: &Option<Attempt>| match end {
        None => "alone".to_owned(),
        Some(Attempt::Finished(outcome)) => format!("{:?}", outcome.rule),
        Some(Attempt::NotFoundYet { .. }) => "not yet".to_owned(),
        Some(Attempt::Error { .. }) => "error".to_owned(),
        Some(Attempt::LastingError { .. }) => "lasting".to_owned(),
        Some(Attempt::Throttled { back_off, .. }) => format!("throttled {back_off:?}"),
        Some(Attempt::Hold { .. }) => "hold".to_owned(),
        Some(Attempt::Denied { .. }) => "denied".to_owned(),
        Some(Attempt::ScopeUnknown { .. }) => "scope".to_owned(),
    };
    ends.iter().map(word).collect()
}

fn all(word: &str, count: usize) -> Vec<String> {
    vec![word.to_owned(); count]
}

fn refuse(code: &str, back_off: Option<u64>) -> Fault {
    Fault::Refuse { code: code.into(), message: None, back_off_milliseconds: back_off, fault: Some(500) }
}

/// U9
#[tokio::test]
async fn ten_messages_cost_two_requests() {
    let together = Together::new(10).await;
    let requests = together.scene.requests();
    assert_eq!(words(&together.attempt().await), all("UpdatedInPlace", 10));
    assert_eq!(together.scene.requests() - requests, 2, "one search and one update");
    assert_eq!(together.updated().await, (0..10).collect::<Vec<_>>());
    // And one to see that they are done.
    assert_eq!(words(&together.attempt().await), all("AlreadyDone", 10));
    assert_eq!(together.scene.requests() - requests, 3);
}

/// U8: one that vanishes or is changed between the search and the update.
#[tokio::test]
async fn one_that_can_not_be_changed_does_not_keep_the_others_from_it() {
    for code in ["ErrorItemNotFound", "ErrorIrresolvableConflict", "ErrorItemSave"] {
        let together = Together::new(10).await;
        let fault = Fault::RefuseItems { from: 3, count: Some(1), code: code.into(), back_off_milliseconds: None };
        together.scene.fault(FaultRule::every(fault).on("UpdateItem").times(1));
        let mut expected = all("UpdatedInPlace", 10);
        expected[3] = "error".into();
        assert_eq!(words(&together.attempt().await), expected, "{code}");
        assert_eq!(together.updated().await, [0, 1, 2, 4, 5, 6, 7, 8, 9], "{code}");
        assert_eq!(together.alone([3, 4]).await, [Rule::UpdatedInPlace, Rule::AlreadyDone], "{code}");
        assert_eq!(together.updated().await.len(), 10, "{code}");
    }
}

/// U8: it is not in the mailbox any more when the update comes.
#[tokio::test]
async fn one_that_the_owner_deleted_is_not_there_and_the_others_are_updated() {
    let mut together = Together::new(3).await;
    let gone = numbered(7, true).mime();
    let job = together.scene.job(&gone);
    together.jobs.push(job);
    let mut expected = all("UpdatedInPlace", 3);
    expected.push("not yet".into());
    assert_eq!(words(&together.attempt().await), expected);
}

/// U4: what can't be changed in place is replaced, by an attempt of its own.
#[tokio::test]
async fn one_that_exchange_does_not_let_us_change_is_left_to_be_replaced() {
    let together = Together::new(4).await;
    let code = "ErrorInvalidPropertyUpdateSentMessage";
    let refuse = |from| Fault::RefuseItems { from, count: Some(1), code: code.into(), back_off_milliseconds: None };
    together.scene.fault(FaultRule::every(refuse(1)).on("UpdateItem").times(1));
    let mut expected = all("UpdatedInPlace", 4);
    expected[1] = "alone".into();
    assert_eq!(words(&together.attempt().await), expected);
    together.scene.fault(FaultRule::every(refuse(0)).on("UpdateItem").times(1));
    assert_eq!(together.alone([1]).await, [Rule::Replaced]);
    assert_eq!(together.updated().await.len(), 4);
}

/// U8
#[tokio::test]
async fn when_the_answer_is_lost_or_cut_the_marks_tell_what_was_changed() {
    for (fault, done) in [
        (Fault::Truncate { bytes: None }, 10),
        (Fault::Drop { executed: true }, 10),
        (Fault::Drop { executed: false }, 0),
        (Fault::Garbage { executed: true }, 10),
        (Fault::Status { status: 500, retry_after: None, executed: false }, 0),
    ] {
        let together = Together::new(10).await;
        together.scene.fault(FaultRule::every(fault.clone()).on("UpdateItem").times(1));
        assert_eq!(words(&together.attempt().await), all("error", 10), "{fault:?}");
        assert_eq!(together.updated().await.len(), done, "{fault:?}");
        let rule = if done == 0 { Rule::UpdatedInPlace } else { Rule::AlreadyDone };
        assert_eq!(together.alone(0..10).await, vec![rule; 10], "{fault:?}");
        assert_eq!(together.updated().await.len(), 10, "{fault:?}");
    }
}

/// U8, U10: whoever made the request fail must not make it fail for the others again.
#[tokio::test]
async fn a_message_that_had_trouble_before_shares_no_request() {
    let mut together = Together::new(3).await;
    together.jobs[1].error_tries = 1;
    assert_eq!(words(&together.attempt().await), ["UpdatedInPlace", "alone", "UpdatedInPlace"]);
}

/// U10: a verdict for good is believed only of a message's own request.
#[tokio::test]
async fn when_a_shared_request_is_refused_for_good_each_is_tried_by_itself() {
    for operation in ["FindItem", "UpdateItem"] {
        let together = Together::new(3).await;
        let fault = Fault::Status { status: 400, retry_after: None, executed: false };
        together.scene.fault(FaultRule::every(fault).on(operation).times(1));
        assert_eq!(words(&together.attempt().await), all("alone", 3), "{operation}");
        assert_eq!(together.alone(0..3).await, vec![Rule::UpdatedInPlace; 3], "{operation}");
    }
}

/// U9
#[tokio::test]
async fn throttled_as_a_whole_they_all_wait_as_long_as_asked() {
    for operation in ["FindItem", "UpdateItem"] {
        let together = Together::new(5).await;
        together.scene.fault(FaultRule::every(refuse("ErrorServerBusy", Some(4_000))).on(operation).times(1));
        assert_eq!(words(&together.attempt().await), all("throttled Some(4s)", 5), "{operation}");
        assert!(together.updated().await.is_empty());
        assert_eq!(words(&together.attempt().await), all("UpdatedInPlace", 5), "{operation}");
    }
}

/// U8, U9
#[tokio::test]
async fn throttled_in_the_middle_what_was_changed_is_done_and_the_rest_waits() {
    let together = Together::new(10).await;
    let code = "ErrorServerBusy".into();
    let fault = Fault::RefuseItems { from: 6, count: None, code, back_off_milliseconds: Some(4_000) };
    together.scene.fault(FaultRule::every(fault).on("UpdateItem").times(1));
    let mut expected = all("UpdatedInPlace", 6);
    expected.extend(all("throttled Some(4s)", 4));
    assert_eq!(words(&together.attempt().await), expected);
    assert_eq!(together.updated().await, [0, 1, 2, 3, 4, 5]);
    let mut expected = all("AlreadyDone", 6);
    expected.extend(all("UpdatedInPlace", 4));
    assert_eq!(words(&together.attempt().await), expected);
}

/// U8: where Exchange stops for another reason, what it did not come to has not failed.
#[tokio::test]
async fn what_the_server_did_not_come_to_is_tried_by_itself() {
    let together = Together::new(4).await;
    let code = "ErrorMailboxMoveInProgress".into();
    let fault = Fault::RefuseItems { from: 1, count: None, code, back_off_milliseconds: None };
    together.scene.fault(FaultRule::every(fault).on("UpdateItem").times(1));
    assert_eq!(words(&together.attempt().await), ["UpdatedInPlace", "lasting", "alone", "alone"]);
}

/// U9
#[tokio::test]
async fn a_search_that_is_too_complex_is_made_smaller_and_stays_so() {
    let scene = Scene::on(Options::default(), |sandbox| sandbox.max_restriction = 6).await;
    let together = Together::in_scene(scene, 20).await;
    let before = together.engine.at_once();
    let requests = together.scene.requests();
    assert_eq!(words(&together.attempt().await), all("UpdatedInPlace", 20));
    // 20 and 10 are too many, 5 are not.
    assert_eq!(together.scene.requests() - requests, 2 + 4 * 2);
    assert_eq!((before, together.engine.at_once()), (20, 5));
}

/// U9
#[tokio::test]
async fn an_update_that_is_too_large_for_the_server_is_sent_in_parts() {
    let scene = Scene::on(Options::default(), |sandbox| sandbox.max_request = 8_000).await;
    let together = Together::in_scene(scene, 20).await;
    assert_eq!(words(&together.attempt().await), all("UpdatedInPlace", 20));
    assert_eq!(together.updated().await.len(), 20);
}

/// U3
#[tokio::test]
async fn those_whose_copy_is_not_there_yet_wait_and_the_others_do_not() {
    let mut together = Together::new(2).await;
    for number in [2, 3] {
        let job = together.scene.job(&numbered(number, true).mime());
        together.jobs.push(job);
    }
    assert_eq!(words(&together.attempt().await), ["UpdatedInPlace", "UpdatedInPlace", "not yet", "not yet"]);
    for number in [2, 3] {
        together.scene.client_stores(ANNA, &numbered(number, false).mime()).await;
    }
    assert_eq!(words(&together.attempt().await), ["AlreadyDone", "AlreadyDone", "UpdatedInPlace", "UpdatedInPlace"]);
}

/// U4, U7: only what the common path does is shared.
#[tokio::test]
async fn what_takes_requests_of_its_own_is_left_to_an_attempt_of_its_own() {
    let mut together = Together::new(2).await;
    let with_image = numbered(2, true).image("logo@n", LOGO);
    let on_behalf = Mail { sender: Some(JONAS.into()), ..numbered(3, true) };
    for sent in [with_image, on_behalf] {
        let job = together.scene.job(&sent.mime());
        together.jobs.push(job);
    }
    // The client's copy has a file that the processed message lost.
    together.scene.client_stores(ANNA, &numbered(4, false).file("internal.txt", b"margins").mime()).await;
    let job = together.scene.job(&numbered(4, true).mime());
    together.jobs.push(job);
    let requests = together.scene.requests();
    let ends = together.attempt().await;
    assert_eq!(words(&ends), ["UpdatedInPlace", "UpdatedInPlace", "alone", "alone", "alone"]);
    assert_eq!(together.scene.requests() - requests, 2);
}

/// T6: a copy is a request that stores it.
#[tokio::test]
async fn in_copy_mode_nothing_is_shared() {
    let scene = Scene::with(copies()).await;
    assert_eq!(scene.engine().at_once(), 1);
}

/// U5, T7
#[tokio::test]
async fn a_split_copy_that_is_to_come_beside_another_is_left_to_an_attempt_of_its_own() {
    let mut together = Together::in_scene(Scene::with(split(true)).await, 2).await;
    assert_eq!(together.alone([0]).await, [Rule::UpdatedInPlace]);
    let other = String::from_utf8(numbered(0, true).mime().to_vec()).unwrap().replace("Number 0.", "Number 0. For you");
    together.jobs[0] = together.scene.job(&Bytes::from(other));
    assert_eq!(words(&together.attempt().await), ["alone", "UpdatedInPlace"]);
}

/// U5: the one processed last wins, among several of other messages, too.
#[tokio::test]
async fn an_older_split_copy_is_superseded_in_a_shared_request_as_well() {
    let mut together = Together::in_scene(Scene::with(split(false)).await, 2).await;
    let newer = String::from_utf8(numbered(0, true).mime().to_vec()).unwrap().replace("Signature", "Signature, newer");
    let newer = together.scene.job(&Bytes::from(newer));
    assert_eq!(finished(together.engine.attempt(&newer).await), Rule::UpdatedInPlace);
    assert_eq!(words(&together.attempt().await), ["Superseded", "UpdatedInPlace"]);
    let items = together.scene.sent_items(ANNA).await;
    assert_eq!(items.iter().filter(|item| item.body.contains("newer")).count(), 1);
}

/// Exchange compares Message-IDs without regard to case: an item could be that of either.
#[tokio::test]
async fn of_two_whose_ids_differ_in_case_alone_one_is_left_to_an_attempt_of_its_own() {
    let mut together = Together::new(1).await;
    let shouted = Mail { message_id: "OFFER-0@nordwind.example".into(), ..numbered(0, true) };
    let job = together.scene.job(&shouted.mime());
    together.jobs.push(job);
    assert_eq!(words(&together.attempt().await), ["UpdatedInPlace", "alone"]);
}

/// A person may send from any address that the mailbox has.
#[tokio::test]
async fn a_secondary_address_leads_them_all_to_the_mailbox() {
    let mut together = Together::new(0).await;
    for number in 0..3 {
        let sent = |processed| numbered(number, processed).from("a.bergstroem@nordwind.example").mime();
        together.scene.client_stores(ANNA, &sent(false)).await;
        let job = together.scene.job(&sent(true));
        together.jobs.push(job);
    }
    let requests = together.scene.requests();
    assert_eq!(words(&together.attempt().await), all("UpdatedInPlace", 3));
    assert_eq!(together.scene.requests() - requests, 3);
}

/// U6, U10
#[tokio::test]
async fn trouble_with_the_mailbox_the_account_or_the_server_is_the_same_for_all() {
    let mut together = Together::new(3).await;
    let account = together.scene.sandbox.control().service_account().to_owned();
    together.scene.sandbox.control().withdraw_impersonation(&account).unwrap();
    assert_eq!(words(&together.attempt().await), all("denied", 3));
    together.scene.sandbox.control().grant_impersonation(&account).unwrap();

    together.scene.sandbox.control().set_state(ANNA, MailboxState::Moving).unwrap();
    assert_eq!(words(&together.attempt().await), all("lasting", 3));
    together.scene.sandbox.control().set_state(ANNA, MailboxState::Normal).unwrap();

    together.scene.password = SecretString::from("wrong");
    together.engine = together.scene.engine();
    assert_eq!(words(&together.attempt().await), all("hold", 3));

    let nobody = |number| numbered(number, true).from("nobody@nordwind.example").mime();
    together.scene.password = together.scene.sandbox.control().password(&account);
    together.engine = together.scene.engine();
    together.jobs = vec![together.scene.job(&nobody(0)), together.scene.job(&nobody(1))];
    assert_eq!(words(&together.attempt().await), all("NoMailbox", 2));
}

/// U9: once the server has answered, it is not held responsible for one request.
#[tokio::test]
async fn a_shared_update_that_a_proxy_dislikes_holds_nobody_up() {
    let together = Together::new(2).await;
    let fault = Fault::Status { status: 403, retry_after: None, executed: false };
    together.scene.fault(FaultRule::every(fault).on("UpdateItem").times(1));
    assert_eq!(words(&together.attempt().await), all("error", 2));
}
