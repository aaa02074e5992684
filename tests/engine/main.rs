//! The engine against the sandbox organisation: one attempt after another, and what the mailbox shows then.

mod fidelity;
mod moved;
mod scene;
mod together;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use secrecy::SecretString;
use sent_items_update::ews::{
    Change, ExtendedPropertyUri, FieldUri, Flag, FlagStatus as EwsFlagStatus, FolderId, Importance, Item, ItemId,
    ItemShape, Property, PropertyPath, Sensitivity, UpdateItem,
};
use sent_items_update::pipe::types::Rule;
use sent_items_update::sandbox::directory::MailboxState;
use sent_items_update::sandbox::faults::{Fault, Rule as FaultRule};
use sent_items_update::sandbox::store::{AttachmentContent, BodyKind, FlagStatus, StoredItem};
use sent_items_update::settings::{EntryKind, Options, ScopeEntry, ScopeMode, SendersScope};
use sent_items_update::updater::boundaries::{Boundaries, Boundary, Operation, Watch};
use sent_items_update::updater::dispatcher::{Attempt, Engine as _};

use tokio::sync::Semaphore;

use scene::{ANNA, JONAS, LOGO, Mail, OLD_LOGO, Scene, copies, error, finished, mail, split};

/// U3
#[tokio::test]
async fn a_copy_that_the_client_has_not_stored_yet_is_waited_for() {
    let mut scene = Scene::new().await;
    let processed = mail("<p>Hello</p>").mime();
    assert!(matches!(scene.attempt(&processed).await, Attempt::NotFoundYet { .. }));
    scene.client_stores(ANNA, &processed).await;
    assert_eq!(scene.ends(&processed).await, Rule::UpdatedInPlace);
}

/// U4
#[tokio::test]
async fn in_place_body_and_subject_change_and_everything_that_the_owner_gave_it_stays() {
    let mut scene = Scene::new().await;
    scene.client_stores(ANNA, &mail("<p>Hello</p>").mime()).await;
    let before = scene.only_sent_item(ANNA).await;
    let processed = mail("<p>Hello</p><p>Nordwind AG, Kiel</p>").subject("[extern] Offer for the north park").mime();

    let requests = scene.requests();
    assert_eq!(scene.ends(&processed).await, Rule::UpdatedInPlace);
    assert_eq!(scene.requests() - requests, 2, "find and update");

    let after = scene.only_sent_item(ANNA).await;
    assert_eq!(after.subject, "[extern] Offer for the north park");
    assert_eq!(after.body_kind, BodyKind::Html);
    assert!(after.body.contains("Nordwind AG, Kiel"), "{}", after.body);
    assert_ne!(after.change_key, before.change_key);
    let kept = |item: &StoredItem| {
        let item = item.clone();
        (
            (item.item_id, item.folder, item.conversation_id, item.conversation_topic, item.message_id),
            (item.read, item.draft, item.flag, item.categories, item.importance, item.sensitivity),
            (item.sent, item.received, item.created, item.to, item.from),
        )
    };
    assert_eq!(kept(&after), kept(&before));
}

/// U4
#[tokio::test]
async fn an_inline_image_comes_with_the_body_that_refers_to_it() {
    let mut scene = Scene::new().await;
    scene.client_stores(ANNA, &mail("<p>Hello</p>").mime()).await;
    let processed = mail("<p>Hello</p><img src=\"cid:logo@n\">").image("logo@n", LOGO).mime();
    assert_eq!(scene.ends(&processed).await, Rule::UpdatedInPlace);
    let item = scene.only_sent_item(ANNA).await;
    let [image] = &item.attachments[..] else { panic!("{:?}", item.attachments) };
    assert_eq!((image.content_id.as_deref(), image.inline), (Some("logo@n"), true));
    assert_eq!(image.content, AttachmentContent::File(LOGO.into()));
}

/// U4
#[tokio::test]
async fn attachments_become_those_of_the_processed_message_and_equal_ones_are_not_touched() {
    let mut scene = Scene::new().await;
    let original = mail("<img src=\"cid:logo@n\">").image("logo@n", OLD_LOGO);
    let original = original.file("offer.pdf", b"the offer").file("internal.txt", b"margins").mime();
    scene.client_stores(ANNA, &original).await;
    let before = scene.only_sent_item(ANNA).await;
    let kept = before.attachments.iter().find(|attachment| attachment.name == "offer.pdf").unwrap();

    let processed = mail("<img src=\"cid:logo@n\">").image("logo@n", LOGO);
    let processed = processed.file("offer.pdf", b"the offer").file("card.vcf", b"BEGIN:VCARD").mime();
    assert_eq!(scene.ends(&processed).await, Rule::UpdatedInPlace);

    let item = scene.only_sent_item(ANNA).await;
    let mut names: Vec<_> = item.attachments.iter().map(|attachment| attachment.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["card.vcf", "logo@n.png", "offer.pdf"]);
    let of = |name: &str| item.attachments.iter().find(|attachment| attachment.name == name).unwrap();
    assert_eq!(of("offer.pdf").attachment_id, kept.attachment_id);
    // Of the same length: only its content tells.
    assert_eq!(of("logo@n.png").content, AttachmentContent::File(LOGO.into()));
}

/// U8
#[tokio::test]
async fn the_same_message_once_more_changes_nothing_and_costs_one_request() {
    let mut scene = Scene::new().await;
    scene.client_stores(ANNA, &mail("<p>Hello</p>").mime()).await;
    let processed = mail("<p>Hello</p><p>Signature</p>").mime();
    scene.ends(&processed).await;
    let before = scene.only_sent_item(ANNA).await;
    let requests = scene.requests();
    assert_eq!(scene.ends(&processed).await, Rule::AlreadyDone);
    assert_eq!(scene.requests() - requests, 1);
    assert_eq!(scene.only_sent_item(ANNA).await, before);
}

/// U8: every request that writes, with its answer lost on the way back.
#[tokio::test]
async fn a_write_whose_answer_is_lost_is_recognised_at_the_next_attempt() {
    for operation in ["CreateAttachment", "DeleteAttachment", "UpdateItem"] {
        let mut scene = Scene::new().await;
        scene.client_stores(ANNA, &mail("<p>Hello</p>").file("internal.txt", b"margins").mime()).await;
        let processed = mail("<img src=\"cid:logo@n\">").image("logo@n", LOGO).mime();
        scene.fault(FaultRule::every(Fault::Drop { executed: true }).on(operation).times(1));
        error(scene.attempt(&processed).await);
        let rule = scene.ends(&processed).await;
        let expected = if operation == "UpdateItem" { Rule::AlreadyDone } else { Rule::UpdatedInPlace };
        assert_eq!(rule, expected, "{operation}");
        let item = scene.only_sent_item(ANNA).await;
        assert_eq!(item.attachments.len(), 1, "{operation}: {:?}", item.attachments);
        assert!(item.body.contains("cid:logo@n"), "{operation}");
    }
}

fn not_updatable() -> FaultRule {
    let fault = Fault::Refuse {
        code: "ErrorInvalidPropertyUpdateSentMessage".into(),
        message: None,
        back_off_milliseconds: None,
        fault: None,
    };
    FaultRule::every(fault).on("UpdateItem").times(1)
}

/// U4: what Exchange does not let us change is replaced.
#[tokio::test]
async fn an_item_that_can_not_be_changed_is_replaced_with_all_that_its_owner_gave_it() {
    let mut scene = Scene::new().await;
    let original = Mail { bcc: Some("archive@nordwind.example"), ..mail("<p>Hello</p>") }.mime();
    let id = scene.client_stores(ANNA, &original).await;
    let before = scene.only_sent_item(ANNA).await;
    assert_eq!(before.bcc.len(), 1);
    scene.fault(not_updatable());
    let processed = mail("<p>Hello</p><p>Signature</p>").image("logo@n", LOGO).mime();
    assert_eq!(scene.ends(&processed).await, Rule::Replaced);

    let after = scene.only_sent_item(ANNA).await;
    assert_ne!(after.item_id, id);
    assert!(after.body.contains("Signature"));
    assert_eq!((after.read, after.draft, after.flag), (true, false, FlagStatus::Flagged));
    assert_eq!(after.categories, before.categories);
    let bcc = |item: &StoredItem| item.bcc.iter().map(|who| who.address.clone()).collect::<Vec<_>>();
    assert_eq!(bcc(&after), bcc(&before));
    assert_eq!((after.sent, after.received), (before.sent, before.received));
    let gone: Vec<_> = scene.everywhere(ANNA).await.into_iter().filter(|item| item.item_id != after.item_id).collect();
    assert_eq!(gone.len(), 1, "the original can still be recovered");
    assert_ne!(gone[0].folder, "sentitems");
}

/// U4: row by row of what belongs to the owner. What the item is told by, when it was made and who changed it last are its
/// own.
#[tokio::test]
async fn a_replacement_has_everything_that_the_owner_gave_the_copy_and_stays_in_its_conversation() {
    let mut scene = Scene::new().await;
    let original = Mail { bcc: Some("archive@nordwind.example"), ..mail("<p>Hello</p>") }.mime();
    let id = scene.client_stores(ANNA, &original).await;
    let flag = Flag {
        start_date: Some("2026-12-01T00:00:00Z".parse().unwrap()),
        due_date: Some("2026-12-03T00:00:00Z".parse().unwrap()),
        ..Flag::new(EwsFlagStatus::Flagged)
    };
    let given = vec![
        Property::Categories(vec!["Customers".into(), "North".into()]),
        Property::Importance(Importance::High),
        Property::Sensitivity(Sensitivity::Private),
        Property::Flag(flag),
        Property::Extended(ExtendedPropertyUri::FLAG_REQUEST, "Call back".into()),
        Property::ReminderIsSet(true),
        Property::ReminderDueBy("2026-12-02T08:30:00Z".parse().unwrap()),
        Property::ReminderMinutesBeforeStart(15),
        Property::IsRead(false),
    ];
    let mailbox = scene.mailbox(ANNA);
    let update = UpdateItem::new(ItemId::new(id, None), given.into_iter().map(Change::Set).collect());
    mailbox.update_item(&update).await.unwrap();
    // Another subject would begin another conversation.
    let processed = mail("<p>Hello</p><p>Signature</p>").subject("[extern] Offer for the north park").mime();
    let job = scene.job(&processed);
    let seen = async || {
        let item = scene.only_sent_item(ANNA).await;
        let fields = [
            FieldUri::ParentFolderId,
            FieldUri::ConversationId,
            FieldUri::ConversationTopic,
            FieldUri::ConversationIndex,
            FieldUri::Categories,
            FieldUri::Importance,
            FieldUri::Sensitivity,
            FieldUri::Flag,
            FieldUri::ReminderIsSet,
            FieldUri::ReminderDueBy,
            FieldUri::ReminderMinutesBeforeStart,
            FieldUri::IsRead,
            FieldUri::IsDraft,
            FieldUri::DateTimeSent,
            FieldUri::DateTimeReceived,
            FieldUri::BccRecipients,
            FieldUri::InternetMessageId,
        ];
        let mut shape = ItemShape::of(fields.map(PropertyPath::from).to_vec());
        shape.additional.push(ExtendedPropertyUri::FLAG_REQUEST.into());
        let id = ItemId::new(item.item_id, None);
        let item = mailbox.get_item(std::slice::from_ref(&id), &shape).await.unwrap().remove(0).unwrap();
        let folder = match item.parent_folder_id {
            Some(FolderId::Id { id, .. }) => id,
            other => panic!("{other:?}"),
        };
        (
            item.id.id.clone(),
            Item {
                id: ItemId::new("", None),
                parent_folder_id: Some(FolderId::Id { id: folder, change_key: None }),
                ..item
            },
        )
    };
    let (id, before) = seen().await;
    assert!(
        before.reminder_is_set == Some(true) && before.conversation_index.is_some() && before.is_read == Some(false)
    );

    scene.fault(not_updatable());
    assert_eq!(finished(scene.engine().attempt(&job).await), Rule::Replaced);
    let (id_after, after) = seen().await;
    assert_ne!(id_after, id);
    assert_eq!(after, before);
}

/// U8
#[tokio::test]
async fn a_replacement_that_is_interrupted_anywhere_is_completed_and_leaves_one_item() {
    for (operation, executed) in
        [("CreateItem", false), ("CreateItem", true), ("DeleteItem", false), ("DeleteItem", true)]
    {
        let mut scene = Scene::new().await;
        scene.client_stores(ANNA, &mail("<p>Hello</p>").mime()).await;
        scene.fault(not_updatable());
        scene.fault(FaultRule::every(Fault::Drop { executed }).on(operation).times(1));
        let processed = mail("<p>Hello</p><p>Signature</p>").mime();
        error(scene.attempt(&processed).await);
        let items = scene.sent_items(ANNA).await;
        assert!(!items.is_empty(), "{operation}, {executed}: nothing goes before its replacement is stored");
        scene.ends(&processed).await;
        let item = scene.only_sent_item(ANNA).await;
        assert!(item.body.contains("Signature"), "{operation}, {executed}");
    }
}

/// Keeps an attempt from going on.
struct Held {
    at: Boundary,
    is_there: Semaphore,
    go: Semaphore,
}

impl Watch for Held {
    fn passing(&self, at: Boundary) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if at == self.at {
                self.is_there.add_permits(1);
                self.go.acquire().await.unwrap().forget();
            }
        })
    }
}

/// U8: the last request of an updater that was killed is carried out after the next one has looked.
#[tokio::test]
async fn what_is_stored_after_an_attempt_that_broke_off_is_looked_at_once_more() {
    let original = mail("<p>Hello</p>").mime();
    let processed = mail("<img src=\"cid:logo@n\">").image("logo@n", LOGO).mime();
    for (options, operation) in [(copies(), Operation::CreateItem), (Options::default(), Operation::CreateAttachment)] {
        let mut scene = Scene::with(options).await;
        scene.client_stores(ANNA, &original).await;
        let mut job = scene.job(&processed);
        let held = Arc::new(Held {
            at: Boundary::RequestToSend(operation),
            is_there: Semaphore::new(0),
            go: Semaphore::new(0),
        });
        let (first, of_first) = (scene.engine().watched(Boundaries::watched(held.clone())), job.clone());
        let first = tokio::spawn(async move { first.attempt(&of_first).await });
        held.is_there.acquire().await.unwrap().forget();
        job.error_tries = 1;
        let reason = error(scene.engine().attempt(&job).await);
        assert!(reason.contains("looked at once more"), "{reason}");
        // Nobody hears of it any more.
        held.go.add_permits(1);
        first.await.unwrap();
        let shown = async |scene: &Scene| {
            let items = scene.sent_items(ANNA).await;
            (items.len(), items.iter().map(|item| item.attachments.len()).sum::<usize>())
        };
        let twice = if operation == Operation::CreateItem { (3, 2) } else { (1, 2) };
        assert_eq!(shown(&scene).await, twice, "{operation:?} was carried out late");
        assert_eq!(finished(scene.engine().attempt(&job).await), Rule::AlreadyDone);
        let once = if operation == Operation::CreateItem { (2, 1) } else { (1, 1) };
        assert_eq!(shown(&scene).await, once, "{operation:?}");
    }
}

/// T6
#[tokio::test]
async fn in_copy_mode_the_original_stays_and_the_processed_message_is_a_second_item() {
    let mut scene = Scene::with(copies()).await;
    let id = scene.client_stores(ANNA, &mail("<p>Hello</p>").mime()).await;
    let before = scene.only_sent_item(ANNA).await;
    let processed = mail("<p>Hello</p><p>Signature</p>").mime();
    let requests = scene.requests();
    assert_eq!(scene.ends(&processed).await, Rule::CopyAdded);
    assert_eq!(scene.requests() - requests, 2, "find and create");
    assert_eq!(scene.ends(&processed).await, Rule::AlreadyDone);

    let items = scene.sent_items(ANNA).await;
    let (original, copy): (Vec<_>, Vec<_>) = items.into_iter().partition(|item| item.item_id == id);
    assert_eq!(original, std::slice::from_ref(&before));
    let [copy] = &copy[..] else { panic!("{copy:#?}") };
    assert!(copy.body.contains("Signature"));
    assert_eq!((copy.read, copy.draft, copy.sent), (true, false, before.sent));
}

/// U5: with splitting on and T7 off the copy processed last wins, whichever is worked on last.
#[tokio::test]
async fn of_several_split_copies_the_one_processed_last_is_shown() {
    let mut scene = Scene::with(split(false)).await;
    scene.client_stores(ANNA, &mail("<p>Hello</p>").mime()).await;
    let first = mail("<p>Hello</p><p>for partners</p>").mime();
    let second = mail("<p>Hello</p><p>for customers</p>").mime();
    let (first, second) = (scene.job(&first), scene.job(&second));
    assert_eq!(finished(scene.engine().attempt(&second).await), Rule::UpdatedInPlace);
    assert_eq!(finished(scene.engine().attempt(&first).await), Rule::Superseded);
    assert!(scene.only_sent_item(ANNA).await.body.contains("for customers"));
}

/// T7
#[tokio::test]
async fn every_split_copy_is_shown_once_when_that_is_wanted() {
    let mut scene = Scene::with(split(true)).await;
    scene.client_stores(ANNA, &mail("<p>Hello</p>").mime()).await;
    let processed: Vec<_> =
        ["partners", "customers", "press"].map(|whom| mail(&format!("<p>Hello</p><p>for {whom}</p>")).mime()).into();
    let mut rules = Vec::new();
    for mime in processed.iter().chain(&processed) {
        rules.push(scene.ends(mime).await);
    }
    let (update, add, done) = (Rule::UpdatedInPlace, Rule::SplitCopyAdded, Rule::AlreadyDone);
    assert_eq!(rules, [update, add, add, done, done, done]);
    let bodies: Vec<_> = scene.sent_items(ANNA).await.into_iter().map(|item| item.body).collect();
    assert_eq!(bodies.len(), 3);
    for whom in ["partners", "customers", "press"] {
        assert_eq!(bodies.iter().filter(|body| body.contains(whom)).count(), 1, "{whom}");
    }
}

/// U6
#[tokio::test]
async fn a_sender_without_a_mailbox_is_reported_after_one_request() {
    let mut scene = Scene::new().await;
    let requests = scene.requests();
    assert_eq!(scene.ends(&mail("x").from("nobody@nordwind.example").mime()).await, Rule::NoMailbox);
    assert_eq!(scene.requests() - requests, 1);
}

/// A person may send from any address that the mailbox has.
#[tokio::test]
async fn a_secondary_address_leads_to_the_mailbox_and_is_remembered() {
    let mut scene = Scene::new().await;
    let sent = mail("<p>Hello</p>").from("a.bergstroem@nordwind.example").mime();
    scene.client_stores(ANNA, &sent).await;
    let engine = scene.engine();
    let (first, second) = (scene.job(&sent), scene.job(&sent));
    assert_eq!(finished(engine.attempt(&first).await), Rule::UpdatedInPlace);
    let requests = scene.requests();
    assert_eq!(finished(engine.attempt(&second).await), Rule::AlreadyDone);
    assert_eq!(scene.requests() - requests, 1, "the primary address is asked at once");
}

/// U3: send on behalf keeps the copy with the one who sent.
#[tokio::test]
async fn a_message_sent_on_behalf_is_found_with_the_sender_when_the_author_has_no_copy() {
    let mut scene = Scene::new().await;
    let sent = Mail { sender: Some(JONAS.into()), ..mail("<p>Hello</p>") }.mime();
    assert!(matches!(scene.attempt(&sent).await, Attempt::NotFoundYet { .. }));
    scene.client_stores(JONAS, &sent).await;
    assert_eq!(scene.ends(&sent).await, Rule::UpdatedInPlace);
    assert_eq!(scene.sent_items(JONAS).await.len(), 1);
}

/// U3: From's mailbox is the first to be asked; what it has is the copy.
#[tokio::test]
async fn of_a_message_on_behalf_the_authors_copy_comes_first_and_the_senders_stays_unless_both_are_wanted() {
    let sent = || Mail { sender: Some(JONAS.into()), ..mail("<p>Hello</p>") }.mime();
    let processed = || Mail { sender: Some(JONAS.into()), ..mail("<p>Hello</p><p>Signature</p>") }.mime();
    for both_copies in [false, true] {
        let mut scene = Scene::with(Options { both_copies, ..Options::default() }).await;
        scene.client_stores(ANNA, &sent()).await;
        scene.client_stores(JONAS, &sent()).await;
        let requests = scene.requests();
        assert_eq!(scene.ends(&processed()).await, Rule::UpdatedInPlace);
        assert_eq!(scene.requests() - requests, if both_copies { 4 } else { 2 });
        assert!(scene.only_sent_item(ANNA).await.body.contains("Signature"));
        assert_eq!(scene.only_sent_item(JONAS).await.body.contains("Signature"), both_copies);
        assert_eq!(scene.ends(&processed()).await, Rule::AlreadyDone);
    }
}

/// U3, U8: where Exchange keeps one copy only, the message ends all the same.
#[tokio::test]
async fn a_second_copy_that_comes_late_is_updated_and_one_that_never_comes_is_not_waited_for_long() {
    let sent = || Mail { sender: Some(JONAS.into()), ..mail("<p>Hello</p>") }.mime();
    let processed = Mail { sender: Some(JONAS.into()), ..mail("<p>Hello</p><p>Signature</p>") }.mime();
    let mut scene = Scene::with(Options { both_copies: true, ..Options::default() }).await;
    scene.client_stores(JONAS, &sent()).await;
    let mut job = scene.job(&processed);
    let attempt = scene.engine().attempt(&job).await;
    let Attempt::NotFoundYet { reason } = attempt else { panic!("{attempt:?}") };
    assert!(reason.contains(ANNA) && reason.contains("the other mailbox is dealt with"), "{reason}");
    assert!(scene.only_sent_item(JONAS).await.body.contains("Signature"));
    job.not_found_tries = 7;
    assert_eq!(finished(scene.engine().attempt(&job).await), Rule::AlreadyDone);
    job.not_found_tries = 1;
    scene.client_stores(ANNA, &sent()).await;
    assert_eq!(finished(scene.engine().attempt(&job).await), Rule::UpdatedInPlace);
    assert!(scene.only_sent_item(ANNA).await.body.contains("Signature"));
    // Trouble with one of them is not forgotten over the other.
    scene.sandbox.control().set_state(ANNA, MailboxState::Moving).unwrap();
    error(scene.engine().attempt(&job).await);
    scene.sandbox.control().set_state(ANNA, MailboxState::Gone).unwrap();
    assert_eq!(finished(scene.engine().attempt(&job).await), Rule::AlreadyDone);
}

/// S1
#[tokio::test]
async fn who_is_not_in_scope_is_left_alone_without_a_request() {
    let mut scene = Scene::new().await;
    scene.settings.scope =
        SendersScope { mode: ScopeMode::AllExceptListed, list: vec![ANNA.parse().unwrap()], ..SendersScope::default() };
    let requests = scene.requests();
    assert_eq!(scene.ends(&mail("x").mime()).await, Rule::OutOfScope);
    assert_eq!(scene.requests(), requests);
}

/// S3
#[tokio::test]
async fn who_may_be_in_scope_or_not_waits_and_nothing_is_updated_on_a_guess() {
    let mut scene = Scene::new().await;
    let sent = mail("<p>Hello</p>").mime();
    scene.client_stores(ANNA, &sent).await;
    let before = scene.only_sent_item(ANNA).await;
    let sales = ScopeEntry {
        id: uuid::Uuid::from_u128(1),
        kind: EntryKind::Group,
        name: "Sales".into(),
        domain: "nordwind.example".into(),
        address: None,
    };
    let requests = scene.requests();
    for mode in [ScopeMode::OnlyListed, ScopeMode::AllExceptListed] {
        scene.settings.scope = SendersScope { mode, entries: vec![sales.clone()], ..SendersScope::default() };
        let unknown = |attempt| match attempt {
            Attempt::ScopeUnknown { reason } => reason,
            other => panic!("it is not known: {other:?}"),
        };
        let reason = unknown(scene.attempt(&sent).await);
        assert!(reason.contains("Sales") && reason.contains("not known yet"), "{reason}");
        // Neither for the one who is known while it is not known of the other.
        scene.settings.scope.list = vec![JONAS.parse().unwrap()];
        let on_behalf = Mail { sender: Some(JONAS.into()), ..mail("<p>Hello</p>") }.mime();
        unknown(scene.attempt(&on_behalf).await);
    }
    assert_eq!(scene.requests(), requests);
    assert_eq!(scene.only_sent_item(ANNA).await, before);
}

/// U7
#[tokio::test]
async fn a_signed_copy_in_the_mailbox_is_not_damaged_even_if_the_processed_one_is_plain() {
    let mut scene = Scene::new().await;
    let signed = "From: anna.bergstroem@nordwind.example\r\nTo: customer@kunde.example\r\nSubject: Signed\r\n\
         Message-ID: <offer-1@nordwind.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/signed; \
         protocol=\"application/pkcs7-signature\"; micalg=sha-256; boundary=s\r\n\r\n--s\r\n\
         Content-Type: text/plain\r\n\r\nHello\r\n--s\r\nContent-Type: application/pkcs7-signature; name=smime.p7s\r\n\
         Content-Transfer-Encoding: base64\r\n\r\nMIIB\r\n--s--\r\n";
    scene.client_stores(ANNA, &Bytes::from_static(signed.as_bytes())).await;
    let before = scene.only_sent_item(ANNA).await;
    assert_eq!(scene.ends(&mail("<p>Hello</p><p>Signature</p>").mime()).await, Rule::SmimeSigned);
    assert_eq!(scene.only_sent_item(ANNA).await, before);
}

/// U10
#[tokio::test]
async fn each_trouble_has_its_reaction() {
    let mut scene = Scene::new().await;
    let sent = mail("<p>Hello</p>").mime();
    scene.client_stores(ANNA, &sent).await;
    let account = scene.sandbox.control().service_account().to_owned();

    scene.sandbox.control().withdraw_impersonation(&account).unwrap();
    assert!(matches!(scene.attempt(&sent).await, Attempt::Denied { .. }));
    scene.sandbox.control().grant_impersonation(&account).unwrap();

    scene.sandbox.control().set_state(ANNA, MailboxState::Moving).unwrap();
    error(scene.attempt(&sent).await);
    scene.sandbox.control().set_state(ANNA, MailboxState::Normal).unwrap();

    let busy = Fault::Refuse {
        code: "ErrorServerBusy".into(),
        message: None,
        back_off_milliseconds: Some(4_000),
        fault: Some(500),
    };
    scene.fault(FaultRule::every(busy).times(1));
    let throttled = scene.attempt(&sent).await;
    let Attempt::Throttled { back_off, .. } = throttled else { panic!("{throttled:?}") };
    assert_eq!(back_off, Some(Duration::from_secs(4)));

    let right = std::mem::replace(&mut scene.password, SecretString::from("wrong"));
    assert!(matches!(scene.attempt(&sent).await, Attempt::Hold { .. }));
    scene.password = right;

    scene.fault(FaultRule::every(Fault::Html { executed: false }).times(1));
    assert!(matches!(scene.attempt(&sent).await, Attempt::Hold { .. }));

    assert_eq!(scene.ends(&sent).await, Rule::UpdatedInPlace);
}

/// U9: one message that a proxy dislikes must not stop the others.
#[tokio::test]
async fn a_server_that_answered_before_is_not_held_responsible_for_one_request() {
    let mut scene = Scene::new().await;
    let sent = mail("<p>Hello</p>").mime();
    scene.client_stores(ANNA, &sent).await;
    scene.fault(
        FaultRule::every(Fault::Status { status: 403, retry_after: None, executed: false }).on("UpdateItem").times(1),
    );
    error(scene.attempt(&sent).await);
}

/// U10
#[tokio::test]
async fn a_server_that_is_gone_holds_everything_with_the_reason() {
    let mut scene = Scene::new().await;
    let sent = mail("<p>Hello</p>").mime();
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    scene.settings.connection.as_mut().unwrap().ews_url = format!("https://{unused}/EWS/Exchange.asmx");
    let attempt = scene.attempt(&sent).await;
    let Attempt::Hold { reason } = attempt else { panic!("{attempt:?}") };
    assert!(reason.contains("127.0.0.1"), "{reason}");
}

/// A message is only ever read by one engine at a time, but engines of several settings may live side by side.
#[tokio::test]
async fn many_messages_at_once_each_find_their_own_item() {
    let mut scene = Scene::new().await;
    let mut jobs = Vec::new();
    for number in 0..40 {
        let text = String::from_utf8(mail(&format!("<p>Number {number}.</p>")).mime().to_vec()).unwrap();
        let sent = Bytes::from(text.replace("offer-1@", &format!("offer-{number}@")));
        let processed = String::from_utf8(sent.to_vec()).unwrap().replace("</body>", "<p>Signature</p></body>");
        scene.client_stores(ANNA, &sent).await;
        jobs.push(scene.job(&processed.into()));
    }
    let engine = Arc::new(scene.engine());
    let mut tasks = tokio::task::JoinSet::new();
    for job in jobs {
        let engine = engine.clone();
        tasks.spawn(async move { finished(engine.attempt(&job).await) });
    }
    while let Some(rule) = tasks.join_next().await {
        assert_eq!(rule.unwrap(), Rule::UpdatedInPlace);
    }
    let items = scene.sent_items(ANNA).await;
    assert_eq!(items.len(), 40);
    for item in items {
        let number = item.message_id.unwrap().trim_start_matches("<offer-").split('@').next().unwrap().to_owned();
        assert!(item.body.contains(&format!("Number {number}.")) && item.body.contains("Signature"), "{}", item.body);
    }
}
