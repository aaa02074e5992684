//! Attachments.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::organisation::{ANNA, Organisation, attachment_id, item_id};

async fn message(organisation: &Organisation) -> (String, String) {
    let id = organisation.deliver(ANNA, "sentitems", "Subject: x\nMessage-ID: <1@n>\n\nx\n").await;
    (id, organisation.items(ANNA, "sentitems").await[0].change_key.clone())
}

/// X1
#[tokio::test]
async fn attachments_that_are_not_there_are_refused_one_by_one() {
    let organisation = Organisation::new().await;
    let (id, _) = message(&organisation).await;
    let attached = organisation.anna("create_attachment", &[("id", &id)]).await;
    let attached = attached.ok().attributes("AttachmentId", "Id");
    organisation.anna("delete_attachment", &[("ids", &attachment_id(&attached[1]))]).await.ok();
    let ids = [attached[0].as_str(), &attached[1], &id, "AAA=", ""].map(attachment_id).concat();
    let reply = organisation.anna("get_attachment", &[("ids", &ids)]).await;
    let expected =
        ["NoError", "ErrorItemNotFound", "ErrorInvalidAttachmentId", "ErrorInvalidIdMalformed", "ErrorInvalidIdEmpty"];
    assert_eq!(reply.codes(), expected);
    let again = organisation.anna("delete_attachment", &[("ids", &attachment_id(&attached[1]))]).await;
    again.is_error("ErrorItemNotFound");
    organisation.anna("delete_item", &[("how", "HardDelete"), ("ids", &item_id(&id))]).await.ok();
    organisation.anna("create_attachment", &[("id", &id)]).await.is_error("ErrorItemNotFound");
}

/// U4
#[tokio::test]
async fn several_attachments_are_added_in_one_request_that_changes_the_item_once() {
    let organisation = Organisation::new().await;
    let (id, before) = message(&organisation).await;
    let size = organisation.items(ANNA, "sentitems").await[0].size;
    let reply = organisation.anna("create_attachment", &[("id", &id)]).await;
    assert_eq!(reply.codes(), ["NoError"; 3]);
    assert_eq!(reply.attributes("AttachmentId", "RootItemId"), vec![id.clone(); 3]);
    let keys = reply.attributes("AttachmentId", "RootItemChangeKey");
    let [item] = organisation.items(ANNA, "sentitems").await.try_into().unwrap();
    assert_eq!(keys, vec![item.change_key.clone(); 3]);
    assert_ne!(item.change_key, before);
    assert!(item.size > size && item.has_attachments);
    let names: Vec<_> = item.attachments.iter().map(|a| (a.name.as_str(), a.inline, a.content_type.as_str())).collect();
    let expected = [("logo.png", true, "image/png"), ("offer.pdf", false, "application/pdf"), ("inner", false, "")];
    assert_eq!(names, expected);
}

/// U4
#[tokio::test]
async fn inline_images_alone_do_not_count_as_attachments() {
    let organisation = Organisation::new().await;
    let (id, _) = message(&organisation).await;
    let attached = organisation.anna("create_attachment", &[("id", &id)]).await.attributes("AttachmentId", "Id");
    let ids = attached[1..].iter().map(|id| attachment_id(id)).collect::<String>();
    let reply = organisation.anna("delete_attachment", &[("ids", &ids)]).await;
    assert_eq!(reply.ok().attributes("RootItemId", "RootItemId"), vec![id; 2]);
    let [item] = organisation.items(ANNA, "sentitems").await.try_into().unwrap();
    assert_eq!(reply.attributes("RootItemId", "RootItemChangeKey")[1], item.change_key);
    assert!(!item.has_attachments);
    assert_eq!(item.attachments.len(), 1);
}

/// X1
#[tokio::test]
async fn contents_come_back_and_attached_items_with_all_they_have() {
    let organisation = Organisation::new().await;
    let outer = "Subject: outer\nMessage-ID: <o@n>\nContent-Type: multipart/mixed; boundary=m\n\n--m\n\nx\n--m\n\
        Content-Type: message/rfc822\n\nSubject: inner\nMessage-ID: <i@n>\nContent-Type: multipart/mixed; boundary=i\n\n\
        --i\n\ninner text\n--i\nContent-Type: application/pdf; name=deep.pdf\nContent-Transfer-Encoding: base64\n\nJVBERg==\n--i--\n--m--\n";
    let id = organisation.deliver(ANNA, "inbox", outer).await;
    let values = [("shape", "Default"), ("options", ""), ("ids", &item_id(&id))];
    let inner = organisation.anna("get_item", &values).await.ok().attribute("AttachmentId", "Id");
    let reply = organisation.anna("get_attachment", &[("ids", &attachment_id(&inner))]).await;
    assert_eq!(reply.ok().text_of("Subject"), "inner");
    assert_eq!(reply.attribute("Body", "BodyType"), "HTML");
    let mime = String::from_utf8(STANDARD.decode(reply.text_of("MimeContent")).unwrap()).unwrap();
    assert!(mime.contains("Message-ID: <i@n>") && mime.contains("deep.pdf"), "{mime}");
    // The attachment inside the attached item, by its own id.
    let deep = reply.attributes("AttachmentId", "Id")[1].clone();
    let reply = organisation.anna("get_attachment", &[("ids", &attachment_id(&deep))]).await;
    assert_eq!((reply.ok().text_of("Name").as_str(), reply.text_of("Content").as_str()), ("deep.pdf", "JVBERg=="));
    let attach = organisation.anna("create_attachment", &[("id", &inner)]).await;
    attach.is_error("ErrorInvalidItemForOperationCreateItemAttachment");
}

/// X1
#[tokio::test]
async fn a_large_attachment_goes_in_and_comes_out_unchanged() {
    let organisation = Organisation::new().await;
    let (id, _) = message(&organisation).await;
    let content: Vec<u8> = (0..3_000_000_u32).map(|number| (number * 7).to_le_bytes()[1]).collect();
    let base64 = STANDARD.encode(&content);
    let request = crate::organisation::filled("create_attachment", &[("id", &id)]).replace("JVBERg==", &base64);
    let envelope = crate::organisation::filled(
        "envelope",
        &[("version", "Exchange2013"), ("impersonation", ""), ("body", &request)],
    );
    let reply = organisation.send(ANNA, envelope, &sent_items_update::sandbox::ews::NoFaults).await;
    let attached = reply.ok().attributes("AttachmentId", "Id");
    let reply = organisation.anna("get_attachment", &[("ids", &attachment_id(&attached[1]))]).await;
    assert!(reply.ok().text_of("Content") == base64);
}
