//! Sending.

use crate::organisation::{ANNA, BO, CAI, Organisation, item_id, item_id_with};
use sent_items_update::sandbox::directory::MailboxState;

fn message(from: &str, to: &str) -> String {
    let to = if to.is_empty() {
        String::new()
    } else {
        format!("<t:ToRecipients><t:Mailbox><t:EmailAddress>{to}</t:EmailAddress></t:Mailbox></t:ToRecipients>")
    };
    let bcc =
        "<t:BccRecipients><t:Mailbox><t:EmailAddress>cai@n.example</t:EmailAddress></t:Mailbox></t:BccRecipients>";
    let bcc = if to.is_empty() { "" } else { bcc };
    format!("<t:Message><t:Subject>Hello</t:Subject><t:Body BodyType=\"Text\">text</t:Body>{to}{bcc}{from}</t:Message>")
}

const FROM_BO: &str = "<t:From><t:Mailbox><t:EmailAddress>bo@n.example</t:EmailAddress></t:Mailbox></t:From>";

async fn create(organisation: &Organisation, disposition: &str, items: &str) -> crate::organisation::Reply {
    let disposition = format!("MessageDisposition=\"{disposition}\"");
    let values = [("disposition", disposition.as_str()), ("folder", ""), ("items", items)];
    organisation.anna("create_item", &values).await
}

/// X1
#[tokio::test]
async fn a_message_to_nobody_or_in_anothers_name_is_not_sent() {
    let organisation = Organisation::new().await;
    create(&organisation, "SendAndSaveCopy", &message("", "")).await.is_error("ErrorInvalidRecipients");
    create(&organisation, "SendOnly", &message(FROM_BO, BO)).await.is_error("ErrorSendAsDenied");
    assert!(organisation.items(ANNA, "sentitems").await.is_empty());
    organisation.directory.change_person(BO, |bo| bo.full_access.push(ANNA.into())).unwrap();
    create(&organisation, "SendOnly", &message(FROM_BO, CAI)).await.ok();
    let [item] = organisation.items(CAI, "inbox").await.try_into().unwrap();
    assert_eq!((item.from.unwrap().address.as_str(), item.sender.unwrap().address.as_str()), (BO, ANNA));
}

/// X1
#[tokio::test]
async fn sending_delivers_once_to_everybody_and_keeps_a_copy() {
    let organisation = Organisation::new().await;
    let reply = create(&organisation, "SendAndSaveCopy", &message("", "team@n.example")).await;
    assert!(reply.ok().texts("ItemId").is_empty(), "Exchange does not name the copy");
    let [copy] = organisation.items(ANNA, "sentitems").await.try_into().unwrap();
    assert_eq!((copy.draft, copy.read, copy.bcc.len()), (false, true, 1));
    let id = copy.message_id.clone().unwrap();
    assert!(id.ends_with("@n.example>"), "{id}");
    for mailbox in [BO, CAI] {
        let [received] = organisation.items(mailbox, "inbox").await.try_into().unwrap();
        assert_eq!((received.read, received.bcc.len(), received.message_id.as_deref()), (false, 0, Some(id.as_str())));
        assert_eq!(received.from.unwrap().name, "Anna Berg");
        assert_eq!(received.body, "text");
    }
}

/// X1
#[tokio::test]
async fn a_mailbox_that_takes_nothing_gets_nothing() {
    let organisation = Organisation::new().await;
    organisation.directory.set_state(BO, MailboxState::Full).unwrap();
    create(&organisation, "SendOnly", &message("", BO)).await.ok();
    assert!(organisation.items(BO, "inbox").await.is_empty());
    assert_eq!(organisation.items(CAI, "inbox").await.len(), 1);
    assert!(organisation.items(ANNA, "sentitems").await.is_empty());
}

/// X1
#[tokio::test]
async fn a_draft_is_sent_as_it_was_when_its_sender_looked_and_then_it_is_gone() {
    let organisation = Organisation::new().await;
    let (id, change_key) = organisation.anna("create_draft", &[("subject", "x")]).await.item();
    let send = async |save: &str, ids: &str| organisation.anna("send_item", &[("save", save), ("ids", ids)]).await;
    send("true", &item_id(&id)).await.is_error("ErrorChangeKeyRequired");
    send("true", &item_id_with(&id, "AAAA")).await.is_error("ErrorInvalidChangeKey");
    organisation.anna("create_attachment", &[("id", &id)]).await.ok();
    send("true", &item_id_with(&id, &change_key)).await.is_error("ErrorStaleObject");
    let fresh = organisation.items(ANNA, "drafts").await[0].change_key.clone();
    send("true", &item_id_with(&id, &fresh)).await.ok();
    assert!(organisation.items(ANNA, "drafts").await.is_empty());
    let [copy] = organisation.items(ANNA, "sentitems").await.try_into().unwrap();
    assert_eq!((copy.draft, copy.attachments.len()), (false, 5));
    let [received] = organisation.items(BO, "inbox").await.try_into().unwrap();
    assert_eq!((received.attachments.len(), received.categories.len()), (5, 0));
    send("false", &item_id_with(&id, &fresh)).await.is_error("ErrorItemNotFound");
}

/// X1
#[tokio::test]
async fn a_reply_is_in_the_conversation_of_what_it_answers_in_both_mailboxes() {
    let organisation = Organisation::new().await;
    create(&organisation, "SendAndSaveCopy", &message("", BO)).await.ok();
    let [sent] = organisation.items(ANNA, "sentitems").await.try_into().unwrap();
    let id = sent.message_id.unwrap();
    let reply = format!(
        "From: bo@n.example\nTo: anna@n.example\nSubject: RE: Hello\nIn-Reply-To: {id}\nReferences: {id}\n\nyes\n"
    );
    organisation.deliver(ANNA, "inbox", &reply).await;
    let [received] = organisation.items(ANNA, "inbox").await.try_into().unwrap();
    assert_eq!(received.conversation_id, sent.conversation_id);
    assert_eq!(received.conversation_topic, "Hello");
}
