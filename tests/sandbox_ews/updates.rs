//! UpdateItem.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;

use crate::organisation::{ANNA, Organisation, Reply, filled, item_id, item_id_with};
use sent_items_update::sandbox::store::{BodyKind, Delivery};

const SENT: &str = "From: anna@n.example\nTo: bo@n.example\nSubject: Offer\nMessage-ID: <1@n>\nContent-Type: text/html\n\n<html><body><p>Hello</p></body></html>\n";

async fn sent(organisation: &Organisation) -> (String, String) {
    let options = Delivery { read: true, categories: vec!["Blue".into()], ..Delivery::default() };
    let id = organisation.deliver_with(ANNA, "sentitems", SENT, options).await;
    let change_key = organisation.items(ANNA, "sentitems").await[0].change_key.clone();
    (id, change_key)
}

async fn update(organisation: &Organisation, resolution: &str, id: &str, updates: &str) -> Reply {
    let values = [("resolution", resolution), ("disposition", "SaveOnly"), ("id", id), ("updates", updates)];
    organisation.anna("update_item", &values).await
}

fn set(path: &str, property: &str) -> String {
    format!("<t:SetItemField><t:FieldURI FieldURI=\"{path}\"/><t:Message>{property}</t:Message></t:SetItemField>")
}

fn subject(text: &str) -> String {
    filled("set_subject", &[("subject", text)])
}

/// U8
#[tokio::test]
async fn who_would_overwrite_another_ones_change_is_told_unless_asking_to() {
    let organisation = Organisation::new().await;
    let (id, stale) = sent(&organisation).await;
    update(&organisation, "NeverOverwrite", &item_id(&id), &subject("x"))
        .await
        .is_error("ErrorChangeKeyRequiredForWriteOperations");
    update(&organisation, "AutoResolve", &item_id(&id), &subject("x"))
        .await
        .is_error("ErrorChangeKeyRequiredForWriteOperations");
    let bad = item_id_with(&id, "AAAA");
    update(&organisation, "NeverOverwrite", &bad, &subject("x")).await.is_error("ErrorInvalidChangeKey");
    let mine = item_id_with(&id, &stale);
    let (_, fresh) = update(&organisation, "NeverOverwrite", &mine, &subject("first")).await.item();
    assert_ne!(fresh, stale);
    let refused = update(&organisation, "NeverOverwrite", &mine, &subject("second")).await;
    refused.is_error("ErrorIrresolvableConflict");
    assert!(refused.text_of("MessageText").contains("does not match the current change key"));
    assert_eq!(organisation.items(ANNA, "sentitems").await[0].subject, "first");
    update(&organisation, "AutoResolve", &mine, &subject("third")).await.ok();
    update(&organisation, "AlwaysOverwrite", &item_id(&id), &subject("fourth")).await.ok();
    assert_eq!(organisation.items(ANNA, "sentitems").await[0].subject, "fourth");
}

/// U4
#[tokio::test]
async fn what_a_sent_message_was_sent_with_cannot_be_changed() {
    let organisation = Organisation::new().await;
    let (id, _) = sent(&organisation).await;
    let mailbox = "<t:Mailbox><t:EmailAddress>x@n.example</t:EmailAddress></t:Mailbox>";
    let mime = STANDARD.encode("Subject: x\r\n\r\nx\r\n");
    for (path, property) in [
        ("message:ToRecipients", format!("<t:ToRecipients>{mailbox}</t:ToRecipients>")),
        ("message:CcRecipients", format!("<t:CcRecipients>{mailbox}</t:CcRecipients>")),
        ("message:BccRecipients", format!("<t:BccRecipients>{mailbox}</t:BccRecipients>")),
        ("message:From", format!("<t:From>{mailbox}</t:From>")),
        ("message:Sender", format!("<t:Sender>{mailbox}</t:Sender>")),
        ("message:ReplyTo", format!("<t:ReplyTo>{mailbox}</t:ReplyTo>")),
        ("message:InternetMessageId", "<t:InternetMessageId>&lt;2@n&gt;</t:InternetMessageId>".into()),
        ("message:IsReadReceiptRequested", "<t:IsReadReceiptRequested>true</t:IsReadReceiptRequested>".into()),
        ("item:MimeContent", format!("<t:MimeContent>{mime}</t:MimeContent>")),
    ] {
        let both = format!("{}{}", subject("changed"), set(path, &property));
        let reply = update(&organisation, "AlwaysOverwrite", &item_id(&id), &both).await;
        reply.is_error("ErrorInvalidPropertyUpdateSentMessage");
        assert_eq!(reply.attribute("FieldURI", "FieldURI"), path);
    }
    let deleted = "<t:DeleteItemField><t:FieldURI FieldURI=\"message:ToRecipients\"/></t:DeleteItemField>";
    let reply = update(&organisation, "AlwaysOverwrite", &item_id(&id), deleted).await;
    reply.is_error("ErrorInvalidPropertyUpdateSentMessage");
    assert_eq!(organisation.items(ANNA, "sentitems").await[0].subject, "Offer");
}

/// X1
#[tokio::test]
async fn a_change_that_makes_no_sense_is_refused_by_what_is_wrong_with_it() {
    let organisation = Organisation::new().await;
    let (id, _) = sent(&organisation).await;
    let append = |path: &str, property: &str| {
        format!(
            "<t:AppendToItemField><t:FieldURI FieldURI=\"{path}\"/><t:Message>{property}</t:Message></t:AppendToItemField>"
        )
    };
    for (change, code) in [
        (set("item:Size", "<t:Size>1</t:Size>"), "ErrorInvalidPropertySet"),
        (set("item:HasAttachments", "<t:HasAttachments>true</t:HasAttachments>"), "ErrorInvalidPropertySet"),
        (set("item:IsDraft", "<t:IsDraft>true</t:IsDraft>"), "ErrorInvalidPropertySet"),
        (set("item:DateTimeSent", "<t:DateTimeSent>2024-01-01T00:00:00Z</t:DateTimeSent>"), "ErrorInvalidPropertySet"),
        (set("item:Subject", "<t:Importance>Low</t:Importance>"), "ErrorUpdatePropertyMismatch"),
        (set("item:Subject", ""), "ErrorIncorrectUpdatePropertyCount"),
        (
            set("item:Subject", "<t:Subject>a</t:Subject><t:Importance>Low</t:Importance>"),
            "ErrorIncorrectUpdatePropertyCount",
        ),
        (append("item:Subject", "<t:Subject>a</t:Subject>"), "ErrorInvalidPropertyAppend"),
        (
            "<t:DeleteItemField><t:FieldURI FieldURI=\"item:ItemClass\"/></t:DeleteItemField>".to_owned(),
            "ErrorInvalidPropertyDelete",
        ),
    ] {
        update(&organisation, "AlwaysOverwrite", &item_id(&id), &change).await.is_error(code);
    }
    let gone = "<t:ItemId Id=\"\"/>";
    update(&organisation, "AlwaysOverwrite", gone, &subject("x")).await.is_error("ErrorInvalidIdEmpty");
}

/// U4
#[tokio::test]
async fn subject_body_and_mark_are_changed_in_one_go_and_the_rest_stays() {
    let organisation = Organisation::new().await;
    let (id, change_key) = sent(&organisation).await;
    let before = organisation.items(ANNA, "sentitems").await.remove(0);
    let body =
        filled("set_body", &[("type", "HTML"), ("body", "&lt;p&gt;Hello&lt;/p&gt;&lt;p&gt;Nordwind GmbH&lt;/p&gt;")]);
    let changes = format!("{}{body}{}", subject("Offer [signed]"), filled("set_mark", &[("mark", "digest")]));
    let (same, fresh) = update(&organisation, "AlwaysOverwrite", &item_id(&id), &changes).await.item();
    assert_eq!(same, id);
    assert_ne!(fresh, change_key);
    let after = organisation.items(ANNA, "sentitems").await.remove(0);
    assert_eq!(after.subject, "Offer [signed]");
    assert!(after.body.contains("Nordwind GmbH") && after.body.contains("charset=utf-8"), "{}", after.body);
    assert_eq!((after.extended[0].name.as_str(), after.extended[0].values[0].as_str()), ("SentItemsUpdate", "digest"));
    assert_eq!(
        (after.read, after.draft, &after.categories, after.sent, after.received, &after.conversation_id),
        (before.read, before.draft, &before.categories, before.sent, before.received, &before.conversation_id)
    );
    assert_eq!(after.conversation_topic, "Offer");
    let mime = organisation.store.mime(&id).await.unwrap().unwrap();
    let mime = String::from_utf8_lossy(&mime);
    assert!(mime.contains("Subject: Offer [signed]") && mime.contains("Nordwind GmbH"), "{mime}");
}

/// X1
#[tokio::test]
async fn text_is_appended_inside_the_body_that_is_there() {
    let organisation = Organisation::new().await;
    let (id, _) = sent(&organisation).await;
    let append = |kind: &str, body: &str| filled("append_body", &[("type", kind), ("body", body)]);
    let html = append("HTML", "&lt;p&gt;footer&lt;/p&gt;");
    update(&organisation, "AlwaysOverwrite", &item_id(&id), &html).await.ok();
    update(&organisation, "AlwaysOverwrite", &item_id(&id), &append("Text", "1 &lt; 2")).await.ok();
    let item = organisation.items(ANNA, "sentitems").await.remove(0);
    assert!(item.body.contains("<p>Hello</p><p>footer</p>1 &lt; 2</body>"), "{}", item.body);
    let text = filled("set_body", &[("type", "Text"), ("body", "one")]);
    let both = format!("{text}{}", append("Text", " two"));
    update(&organisation, "AlwaysOverwrite", &item_id(&id), &both).await.ok();
    let item = organisation.items(ANNA, "sentitems").await.remove(0);
    assert_eq!((item.body_kind, item.body.as_str()), (BodyKind::Text, "one two"));
}

/// X1
#[tokio::test]
async fn values_are_taken_away_and_recipients_of_a_draft_are_added() {
    let organisation = Organisation::new().await;
    let (id, _) = organisation.anna("create_draft", &[("subject", "x")]).await.item();
    let delete = |path: &str| format!("<t:DeleteItemField>{path}</t:DeleteItemField>");
    let changes = [
        delete("<t:FieldURI FieldURI=\"item:Categories\"/>"),
        delete("<t:FieldURI FieldURI=\"item:Flag\"/>"),
        delete("<t:FieldURI FieldURI=\"message:BccRecipients\"/>"),
        delete(
            "<t:ExtendedFieldURI DistinguishedPropertySetId=\"InternetHeaders\" PropertyName=\"x-HEADER\" PropertyType=\"String\"/>",
        ),
        "<t:AppendToItemField><t:FieldURI FieldURI=\"message:ToRecipients\"/><t:Message><t:ToRecipients><t:Mailbox>\
         <t:EmailAddress>cai@n.example</t:EmailAddress></t:Mailbox></t:ToRecipients></t:Message></t:AppendToItemField>"
            .to_owned(),
    ];
    update(&organisation, "AlwaysOverwrite", &item_id(&id), &changes.concat()).await.ok();
    let item = organisation.items(ANNA, "drafts").await.remove(0);
    assert!(item.categories.is_empty() && item.bcc.is_empty() && item.extended.is_empty(), "{item:?}");
    let to: Vec<_> = item.to.iter().map(|to| to.address.as_str()).collect();
    assert_eq!(to, ["bo@n.example", "cai@n.example"]);
}

/// X1
#[tokio::test]
async fn mime_of_a_draft_replaces_what_it_had() {
    let organisation = Organisation::new().await;
    let (id, _) = organisation.anna("create_draft", &[("subject", "old")]).await.item();
    let mime = STANDARD.encode("Subject: new\r\nMessage-ID: <2@n>\r\n\r\nnew body\r\n");
    let changes = format!(
        "{}{}",
        set("item:MimeContent", &format!("<t:MimeContent>{mime}</t:MimeContent>")),
        set("item:Categories", "<t:Categories><t:String>Red</t:String></t:Categories>")
    );
    update(&organisation, "AlwaysOverwrite", &item_id(&id), &changes).await.ok();
    let item = organisation.items(ANNA, "drafts").await.remove(0);
    assert_eq!((item.subject.as_str(), item.body.as_str(), item.attachments.len()), ("new", "new body\r\n", 0));
    assert_eq!((item.categories.as_slice(), item.draft), (&["Red".to_owned()][..], true));
}

/// X1
#[tokio::test]
async fn a_message_needs_a_disposition_to_be_updated() {
    let organisation = Organisation::new().await;
    let (id, _) = sent(&organisation).await;
    let request = filled("update_item", &[("resolution", "AlwaysOverwrite"), ("disposition", "SaveOnly")])
        .replace(" MessageDisposition=\"SaveOnly\"", "");
    assert!(!request.contains("MessageDisposition"));
    let body = request.replace("{id}", &item_id(&id)).replace("{updates}", &subject("x"));
    let envelope = filled("envelope", &[("version", "Exchange2013"), ("impersonation", ""), ("body", &body)]);
    let reply = organisation.send(ANNA, envelope, &sent_items_update::sandbox::ews::NoFaults).await;
    reply.is_error("ErrorMessageDispositionRequired");
}

/// U9
#[tokio::test]
async fn many_writers_at_once_each_have_their_effect() {
    let organisation = Organisation::new().await;
    let (id, _) = sent(&organisation).await;
    let writers = (0..50).map(|number| {
        let append = filled("append_body", &[("type", "HTML"), ("body", &format!("[{number}]"))]);
        let id = item_id(&id);
        let organisation = &organisation;
        async move { update(organisation, "AlwaysOverwrite", &id, &append).await.item().1 }
    });
    let mut keys = join_all(writers).await;
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 50, "every write has a change key of its own");
    let body = organisation.items(ANNA, "sentitems").await.remove(0).body;
    assert!((0..50).all(|number| body.contains(&format!("[{number}]"))), "{body}");
}
