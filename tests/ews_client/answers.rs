//! Recorded answers, and what is read from them.

use bytes::Bytes;
use sent_items_update::ews::*;

use crate::server::{Reply, Server, anna, endpoint, fixture, mailbox};

const ID: &str = "AAMkADI5M2VlZDQ2LWE3YjItNDI0OS1iYjA4LTdhZGFhNGQ2ZGUxOABGAAAAAADJl8oKZbQcRLkR8uAD8G4FBwCVe5n0R6NkS5s\
                  N8VgHHi5PAAAAAAEJAACVe5n0R6NkS5sN8VgHHi5PAAAxk6UnAAA=";
const CHANGE_KEY: &str = "CQAAABYAAACVe5n0R6NkS5sN8VgHHi5PAAAxkXeM";
const NEW_CHANGE_KEY: &str = "CQAAABYAAACVe5n0R6NkS5sN8VgHHi5PAAAxkXeQ";
const MARK: ExtendedPropertyUri =
    ExtendedPropertyUri::named(DistinguishedPropertySet::PublicStrings, "SentItemsUpdate", PropertyType::String);

fn id() -> ItemId {
    ItemId::new(ID, Some(CHANGE_KEY.to_owned()))
}

/// A mailbox whose next request is answered so.
macro_rules! answered {
    ($name:expr, |$mailbox:ident| $call:expr) => {{
        let server = Server::start([Reply::recorded($name)]).await;
        let $mailbox = mailbox(&server);
        $call.await
    }};
}

/// U3
#[tokio::test]
async fn found_items_come_with_the_properties_asked_for_and_the_way_to_the_next_page() {
    let find = FindItem::new(FolderId::SENT_ITEMS);
    let found = answered!("find_item", |mailbox| mailbox.find_item(&find)).unwrap();
    assert_eq!((found.total, found.includes_last, found.next_offset), (Some(7), false, Some(2)));
    let [message, meeting] = &found.items[..] else { panic!("{found:?}") };
    assert_eq!(message.id, id());
    assert_eq!(message.subject.as_deref(), Some("Quarterly figures & outlook"));
    assert_eq!(message.extended(&MARK), Some("9f86d081884c7d65"));
    assert_eq!((message.has_attachments, message.is_read, message.is_draft), (Some(true), Some(true), None));
    assert_eq!(meeting.item_class.as_deref(), Some("IPM.Schedule.Meeting.Request"));
    assert_eq!(meeting.subject.as_deref(), Some(""));

    let nothing = answered!("find_item_nothing", |mailbox| mailbox.find_item(&find)).unwrap();
    assert!(nothing.items.is_empty() && nothing.includes_last);
}

/// U4
#[tokio::test]
async fn an_item_is_read_with_everything_that_a_replacement_carries_over() {
    let shape = ItemShape::default();
    let items = answered!("get_item", |mailbox| async move { mailbox.get_item(&[id()], &shape).await }).unwrap();
    let item = items.into_iter().next().unwrap().unwrap();
    assert_eq!(item.id, id());
    assert!(matches!(&item.parent_folder_id, Some(FolderId::Id { change_key: Some(key), .. }) if key == "AQAAAA=="));
    assert_eq!(item.item_class.as_deref(), Some("IPM.Note"));
    assert_eq!(item.subject.as_deref(), Some("Angebot für Müller <dringend>"));
    assert_eq!(item.sensitivity, Some(Sensitivity::Confidential));
    let body = item.body.as_ref().unwrap();
    assert_eq!(body.body_type, BodyType::Html);
    assert_eq!(body.content, "<html><body>Grüße\r\n<img src=\"cid:logo@nordwind\">&nbsp;</body></html>");
    assert!(!body.is_truncated);
    let [logo, enquiry] = &item.attachments[..] else { panic!("{:?}", item.attachments) };
    assert_eq!((logo.name.as_deref(), logo.is_inline, logo.kind), (Some("logo.png"), true, AttachmentKind::File));
    assert_eq!(logo.content_id.as_deref(), Some("logo@nordwind"));
    assert_eq!(logo.content_type.as_deref(), Some("image/png"));
    assert_eq!((enquiry.kind, enquiry.size), (AttachmentKind::Item, Some(20480)));
    assert_eq!(item.categories, ["Kunden", "Rot, dunkel"]);
    assert_eq!(item.importance, Some(Importance::High));
    let flag = item.flag.unwrap();
    assert_eq!(flag.status, FlagStatus::Flagged);
    assert_eq!(flag.due_date.unwrap().to_string(), "2026-11-27T00:00:00Z");
    assert_eq!((item.is_draft, item.is_read, item.is_submitted), (Some(false), Some(true), Some(false)));
    assert_eq!((item.is_from_me, item.is_unmodified), (Some(true), Some(false)));
    assert_eq!(item.date_time_sent.unwrap().to_string(), "2026-11-24T08:15:28Z");
    assert_eq!(item.date_time_received.unwrap().to_string(), "2026-11-24T08:15:30Z");
    assert_eq!(item.date_time_created.unwrap().to_string(), "2026-11-24T08:15:27.25Z");
    assert_eq!(item.internet_message_id.as_deref(), Some("<c0ffee@nordwind.example>"));
    assert_eq!(item.conversation_index.as_deref(), Some("AQHa7A=="));
    assert!(item.conversation_id.is_some() && item.conversation_topic.is_some());
    assert_eq!(item.to_recipients[0].address.as_deref(), Some("karl@mueller.example"));
    assert_eq!(item.from.as_ref().unwrap().routing_type.as_deref(), Some("EX"));
    assert_eq!(item.sender.as_ref().unwrap().name.as_deref(), Some("Anna Berg"));
    assert_eq!(item.extended(&MARK), Some("9f86d081884c7d65"));
    assert_eq!(item.extended(&ExtendedPropertyUri::MESSAGE_FLAGS), Some("1"));
    let keywords: Vec<&str> = item.extended.iter().skip(2).map(|(_, value)| value.as_str()).collect();
    assert_eq!(keywords, ["Kunden", "Rot, dunkel"], "each value of a multi-valued property");
    let by_name_of_its_set =
        ExtendedPropertyUri::named(DistinguishedPropertySet::PublicStrings, "Keywords", PropertyType::StringArray);
    assert_eq!(item.extended(&by_name_of_its_set), Some("Kunden"));
}

#[tokio::test]
async fn other_prefixes_order_and_neighbours_change_nothing() {
    let server = Server::start([Reply::recorded("get_item_other_form")]).await;
    let client = Client::new(endpoint(server.url())).unwrap();
    assert_eq!(client.server_version(), None);
    let mut items = client.mailbox(&anna()).get_item(&[id()], &ItemShape::default()).await.unwrap();
    let item = items.remove(0).unwrap();
    assert_eq!(item.id, id());
    assert_eq!(item.subject.as_deref(), Some("a <b> & c"));
    assert_eq!(item.is_read, Some(true));
    assert_eq!(item.date_time_sent.unwrap().to_string(), "2026-11-24T08:15:28.5Z");
    assert_eq!(item.extended(&MARK), Some("9f86d081884c7d65"));
    assert_eq!(client.server_version().unwrap().to_string(), "15.1.2507.37");
}

/// U9
#[tokio::test]
async fn each_item_of_a_batch_succeeds_or_fails_by_itself() {
    let ids = [id(), ItemId::new("gone", None), ItemId::new("not reached", None)];
    let shape = ItemShape::default();
    let items = answered!("get_item_partly", |mailbox| mailbox.get_item(&ids, &shape)).unwrap();
    let [Ok(item), Err(gone), Err(not_reached)] = &items[..] else { panic!("{items:?}") };
    assert_eq!(item.id, id());
    assert_eq!(gone.class(), ErrorClass::ItemGone);
    assert_eq!(gone.code(), Some(&ResponseCode::ErrorItemNotFound));
    assert_eq!(not_reached.code(), Some(&ResponseCode::ErrorBatchProcessingStopped));
    assert_eq!(not_reached.class(), ErrorClass::MailboxTemporary);
}

#[tokio::test]
async fn an_answer_with_too_few_parts_is_not_taken_for_complete() {
    let ids = [id(), id()];
    let shape = ItemShape::default();
    let error = answered!("get_item", |mailbox| mailbox.get_item(&ids, &shape)).unwrap_err();
    assert!(matches!(error, EwsError::Malformed { problem: Malformed::Lacks(_), .. }), "{error}");
    // An error that stands alone speaks for the whole.
    let error = answered!("update_item_quota", |mailbox| mailbox.get_item(&ids, &shape)).unwrap_err();
    assert_eq!(error.class(), ErrorClass::QuotaExceeded);
}

#[tokio::test]
async fn mime_content_is_decoded_whether_it_was_expected_or_not() {
    for include_mime_content in [true, false] {
        let shape = ItemShape { include_mime_content, ..ItemShape::default() };
        let items = answered!("get_item_mime", |mailbox| async move { mailbox.get_item(&[id()], &shape).await });
        let item = items.unwrap().remove(0).unwrap();
        assert_eq!(item.mime_content.unwrap(), "From: a@b\r\nSubject: Hi\r\n\r\nHello\r\n");
    }
}

#[tokio::test]
async fn writes_give_the_new_id_and_change_key() {
    let update = UpdateItem::new(id(), vec![Change::Delete(FieldUri::Categories.into())]);
    let updated = answered!("update_item", |mailbox| mailbox.update_item(&update)).unwrap();
    assert_eq!(updated, id().with_change_key(NEW_CHANGE_KEY));

    let create = CreateItem { folder: FolderId::SENT_ITEMS, mime_content: None, properties: Vec::new() };
    let created = answered!("create_item", |mailbox| mailbox.create_item(&create)).unwrap();
    assert_eq!(created.change_key.as_deref(), Some(CHANGE_KEY));

    let (id, folder) = (id(), FolderId::SENT_ITEMS);
    answered!("delete_item", |mailbox| mailbox.delete_item(&id, DeleteType::SoftDelete)).unwrap();
    assert!(answered!("move_item", |mailbox| mailbox.move_item(&id, &folder)).unwrap().is_some());
    assert!(answered!("copy_item", |mailbox| mailbox.copy_item(&id, &folder)).unwrap().is_some());
    assert_eq!(answered!("move_item_elsewhere", |mailbox| mailbox.move_item(&id, &folder)).unwrap(), None);
}

/// U4: each of several folders has a result of its own.
#[tokio::test]
async fn items_of_several_folders_come_with_a_result_for_each() {
    let folders = vec![FolderId::SENT_ITEMS, DistinguishedFolder::DeletedItems.into()];
    let find = FindItem { folders, ..FindItem::new(FolderId::SENT_ITEMS) };
    let found = answered!("find_item_several", |mailbox| mailbox.find_items(&find)).unwrap();
    assert_eq!(found.len(), 2);
    let received = found[0].as_ref().unwrap().items[0].extended(&ExtendedPropertyUri::RECEIVED_BY).map(str::to_owned);
    assert_eq!(received.as_deref(), Some("AAAAANynQMjAQhAatLkIACsv4YIBAAAAAAAAAC9vPXgA"));
    assert_eq!(found[1].as_ref().unwrap_err().class(), ErrorClass::ItemGone);
}

#[tokio::test]
async fn folders_and_names_are_read() {
    let folder = FolderId::SENT_ITEMS;
    let folder = answered!("get_folder", |mailbox| mailbox.get_folder(&folder)).unwrap();
    assert_eq!(folder.display_name.as_deref(), Some("Gesendete Elemente"));
    assert_eq!((folder.total_count, folder.child_folder_count, folder.unread_count), (Some(42), Some(0), Some(3)));
    assert!(matches!(folder.id, FolderId::Id { .. }) && folder.parent_folder_id.is_some());

    let find = FindFolder::new(DistinguishedFolder::MsgFolderRoot.into());
    let found = answered!("find_folder", |mailbox| mailbox.find_folder(&find)).unwrap();
    assert_eq!((found.folders.len(), found.total, found.includes_last), (1, Some(1), true));
    assert_eq!(found.folders[0], folder);

    let several = FindFolder {
        parents: vec![DistinguishedFolder::MsgFolderRoot.into(), DistinguishedFolder::SyncIssues.into()],
        ..FindFolder::new(FolderId::SENT_ITEMS)
    };
    let found = answered!("find_folder_several", |mailbox| mailbox.find_folders(&several)).unwrap();
    assert_eq!(found[0].as_ref().unwrap().folders, [folder]);
    assert_eq!(found[1].as_ref().unwrap_err().class(), ErrorClass::ItemGone);

    let people = answered!("resolve_names", |mailbox| mailbox.resolve_names("Ann")).unwrap();
    assert_eq!(people.len(), 2);
    assert_eq!(people[1].mailbox_type.as_deref(), Some("PublicDL"));
    assert!(answered!("resolve_names_nobody", |mailbox| mailbox.resolve_names("Zz")).unwrap().is_empty());
}

fn attachment(name: &str) -> NewAttachment {
    NewAttachment {
        name: name.to_owned(),
        content_type: None,
        content_id: None,
        content_location: None,
        is_inline: false,
        content: NewContent::File(Bytes::from_static(b"x")),
    }
}

#[tokio::test]
async fn attachments_are_created_read_and_deleted() {
    let two = || vec![attachment("a"), attachment("b")];
    let parent = id();
    let created = answered!("create_attachment", |mailbox| mailbox.create_attachment(&parent, two())).unwrap();
    assert_eq!(created.root, Some(id().with_change_key(NEW_CHANGE_KEY)), "the item as the last one left it");
    assert_eq!(created.all().unwrap().len(), 2);

    let partly = answered!("create_attachment_partly", |mailbox| mailbox.create_attachment(&parent, two())).unwrap();
    assert!(partly.attachments[0].is_ok() && partly.root.is_some());
    let error = partly.all().unwrap_err();
    assert_eq!((error.class(), error.may_have_taken_effect()), (ErrorClass::Refused, false));

    let ids = ["1", "2", "3"].map(AttachmentId::new);
    let read = answered!("get_attachment", |mailbox| mailbox.get_attachment(&ids)).unwrap();
    let read: Vec<AttachmentContent> = read.into_iter().map(Result::unwrap).collect();
    assert_eq!(read[0].content, "Hello, World!");
    assert_eq!(read[0].info.content_id.as_deref(), Some("note@nordwind"), "without angle brackets");
    assert_eq!((read[1].info.kind, &read[1].content[..]), (AttachmentKind::Item, &b"Subject: Anfrage\r\n\r\n"[..]));
    assert_eq!(read[2].content, "");

    let key = answered!("delete_attachment", |mailbox| mailbox.delete_attachment(&ids[..2])).unwrap();
    assert_eq!(key.as_deref(), Some(NEW_CHANGE_KEY));
}

#[tokio::test]
async fn a_compressed_answer_in_small_chunks_is_read_like_any_other() {
    let body = fixture("answers/get_attachment.xml.gz");
    let mut raw =
        b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
            .to_vec();
    for chunk in body.chunks(7) {
        raw.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        raw.extend_from_slice(chunk);
        raw.extend_from_slice(b"\r\n");
    }
    raw.extend_from_slice(b"0\r\n\r\n");
    let server = Server::start([Reply::Raw(raw)]).await;
    let ids = ["1", "2", "3"].map(AttachmentId::new);
    let read = mailbox(&server).get_attachment(&ids).await.unwrap();
    assert_eq!(read[0].as_ref().unwrap().content, "Hello, World!");
}
