//! Every kind of request that the client can make is pinned under `tests/fixtures/ews/requests`, where Microsoft's
//! schema can be held against it. `SIU_BLESS=1` writes them anew.

use bytes::Bytes;
use jiff::Timestamp;
use sent_items_update::ews::*;

use crate::server::{Recorded, Reply, Server, endpoint, mailbox, mailbox_of, recorded};

const MARK: ExtendedPropertyUri =
    ExtendedPropertyUri::named(DistinguishedPropertySet::PublicStrings, "SentItemsUpdate", PropertyType::String);

fn id() -> ItemId {
    ItemId::new("AAMkADI5\"<&>=", Some("CQAAABYAAAC=".to_owned()))
}

fn folder() -> FolderId {
    FolderId::Id { id: "AAMkFolder=".to_owned(), change_key: Some("AQAAAA==".to_owned()) }
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Compares what arrived with what was recorded.
fn check(name: &str, request: &Recorded) {
    let path = format!("{}/tests/fixtures/ews/requests/{name}.xml", env!("CARGO_MANIFEST_DIR"));
    let sent = format!("{}\n", request.body());
    if std::env::var_os("SIU_BLESS").is_some_and(|bless| bless == "1") {
        std::fs::write(&path, &sent).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert!(sent == expected, "{name} is not as it was recorded:\n{sent}\ninstead of\n{expected}");
}

/// Makes a request of an operation whose answer is of no interest here, and compares it.
macro_rules! pinned {
    ($name:literal, $answer:literal, |$mailbox:ident| $call:expr) => {{
        let server = Server::start([Reply::recorded($answer)]).await;
        let $mailbox = mailbox(&server);
        $call.await.unwrap();
        check($name, &server.request());
    }};
}

#[tokio::test]
async fn requests_of_find_item_are_as_recorded() {
    let find = FindItem {
        restriction: Some(Restriction::IsEqualTo(
            FieldUri::InternetMessageId.into(),
            "<c0ffee&@nordwind.example>".to_owned(),
        )),
        additional: vec![FieldUri::Subject.into(), MARK.into()],
        max_entries: 5,
        ..FindItem::new(FolderId::SENT_ITEMS)
    };
    pinned!("find_item", "find_item", |mailbox| mailbox.find_item(&find));

    let find = FindItem { traversal: ItemTraversal::Associated, max_entries: 0, ..FindItem::new(folder()) };
    pinned!("find_item_everything", "find_item_nothing", |mailbox| mailbox.find_item(&find));

    let path = PropertyPath::Field(FieldUri::DateTimeSent);
    let at = "2026-11-24T08:00:00Z".to_owned();
    let every_restriction = Restriction::And(vec![
        Restriction::Or(vec![
            Restriction::Exists(MARK.into()),
            Restriction::Not(Box::new(Restriction::IsNotEqualTo(path.clone(), at.clone()))),
        ]),
        Restriction::IsGreaterThan(path.clone(), at.clone()),
        Restriction::IsGreaterThanOrEqualTo(path.clone(), at.clone()),
        Restriction::IsLessThan(path.clone(), at.clone()),
        Restriction::IsLessThanOrEqualTo(path.clone(), at),
        Restriction::Contains {
            path: PropertyPath::Header("X-Mailer".into()),
            value: "Outlook".to_owned(),
            mode: ContainmentMode::Substring,
            comparison: ContainmentComparison::IgnoreCase,
        },
        Restriction::Excludes { path: ExtendedPropertyUri::MESSAGE_FLAGS.into(), bitmask: 8 },
    ]);
    let find = FindItem {
        restriction: Some(every_restriction),
        sort: vec![(path, SortDirection::Descending), (FieldUri::Subject.into(), SortDirection::Ascending)],
        offset: 1000,
        folders: vec![FolderId::Distinguished {
            name: DistinguishedFolder::SentItems,
            mailbox: Some("team@nordwind.example".parse().unwrap()),
        }],
        ..FindItem::new(FolderId::SENT_ITEMS)
    };
    pinned!("find_item_every_restriction", "find_item_nothing", |mailbox| mailbox.find_item(&find));
}

#[tokio::test]
async fn requests_of_get_item_are_as_recorded() {
    pinned!("get_item", "get_item", |mailbox| {
        let shape = ItemShape {
            body_type: Some(BodyTypeResponse::Html),
            ..ItemShape::of(vec![FieldUri::Subject.into(), FieldUri::Body.into(), MARK.into()])
        };
        async move { mailbox.get_item(&[id()], &shape).await }
    });
    pinned!("get_item_mime", "get_item_mime", |mailbox| {
        let shape = ItemShape {
            base: BaseShape::AllProperties,
            include_mime_content: true,
            filter_html_content: Some(false),
            convert_html_code_page_to_utf8: Some(true),
            ..ItemShape::default()
        };
        async move { mailbox.get_item(&[id()], &shape).await }
    });
    // Every name that we know is one that the server knows.
    let every_form = [
        ExtendedPropertyUri::CLIENT_SUBMIT_TIME,
        ExtendedPropertyUri::MESSAGE_DELIVERY_TIME,
        ExtendedPropertyUri::Named {
            set: PropertySet::Guid("00020329-0000-0000-c000-000000000046".into()),
            name: "Keywords".into(),
            property_type: PropertyType::StringArray,
        },
        ExtendedPropertyUri::Id {
            set: PropertySet::Distinguished(DistinguishedPropertySet::Common),
            id: 0x8503,
            property_type: PropertyType::Boolean,
        },
    ];
    let properties = FieldUri::ALL.iter().filter(|uri| !uri.as_str().starts_with("folder:"));
    let properties = properties.map(|uri| (*uri).into()).chain(every_form.map(PropertyPath::from)).collect();
    pinned!("get_item_every_property", "get_item", |mailbox| {
        let shape = ItemShape::of(properties);
        async move { mailbox.get_item(&[ItemId::new("AAMk=", None)], &shape).await }
    });
    let server = Server::start([]).await;
    assert!(mailbox(&server).get_item(&[], &ItemShape::default()).await.unwrap().is_empty());
    assert!(server.requests().is_empty(), "nothing to ask for");
}

/// U4: what a replacement carries over.
#[tokio::test]
async fn requests_of_create_item_are_as_recorded() {
    let properties = vec![
        Property::IsRead(true),
        Property::Extended(MARK, "9f86d081884c7d65".to_owned()),
        Property::Extended(ExtendedPropertyUri::MESSAGE_FLAGS, "1".to_owned()),
        Property::Extended(ExtendedPropertyUri::CLIENT_SUBMIT_TIME, "2026-11-24T08:15:28Z".to_owned()),
        Property::Extended(ExtendedPropertyUri::MESSAGE_DELIVERY_TIME, "2026-11-24T08:15:30Z".to_owned()),
        Property::Flag(Flag {
            start_date: Some(time("2026-11-25T00:00:00Z")),
            due_date: Some(time("2026-11-27T00:00:00Z")),
            ..Flag::new(FlagStatus::Flagged)
        }),
        Property::Importance(Importance::High),
        Property::Categories(vec!["Kunden".to_owned(), "Rot, dunkel".to_owned()]),
        Property::Sensitivity(Sensitivity::Confidential),
        Property::ReminderMinutesBeforeStart(15),
        Property::ReminderIsSet(true),
        Property::ReminderDueBy(time("2026-11-26T08:30:00Z")),
        Property::Extended(ExtendedPropertyUri::FLAG_REQUEST, "Call back".to_owned()),
        Property::Extended(ExtendedPropertyUri::CONVERSATION_INDEX, "AQHa7A==".to_owned()),
    ];
    let create = CreateItem {
        folder: FolderId::SENT_ITEMS,
        mime_content: Some(Bytes::from_static(b"From: a@b\r\nSubject: Hi\r\n\r\nHello\r\n")),
        properties,
    };
    pinned!("create_item_mime", "create_item", |mailbox| mailbox.create_item(&create));

    let karl = || EmailAddress::smtp(Some("Müller, Karl".to_owned()), "karl@mueller.example");
    let create = CreateItem {
        folder: folder(),
        mime_content: None,
        properties: vec![
            Property::ReplyTo(vec![karl()]),
            Property::References("<1@x> <2@x>".to_owned()),
            Property::InternetMessageId("<c0ffee@nordwind.example>".to_owned()),
            Property::From(karl()),
            Property::IsDeliveryReceiptRequested(false),
            Property::IsReadReceiptRequested(true),
            Property::BccRecipients(vec![karl()]),
            Property::CcRecipients(vec![karl(), EmailAddress::smtp(None, "x@y")]),
            Property::ToRecipients(vec![EmailAddress { routing_type: Some("SMTP".to_owned()), ..karl() }]),
            Property::Sender(karl()),
            Property::InReplyTo("<2@x>".to_owned()),
            Property::Body(ItemBody::text("a\r\nb \u{b}c")),
            Property::Subject("Grüße & <mehr>".to_owned()),
            Property::ItemClass("IPM.Note".to_owned()),
        ],
    };
    pinned!("create_item_properties", "create_item", |mailbox| mailbox.create_item(&create));
}

/// U4
#[tokio::test]
async fn requests_of_update_item_are_as_recorded() {
    let changes = vec![
        Change::Set(Property::Body(ItemBody::html("<html><body>Grüße&nbsp;<b>Anna</b></body></html>"))),
        Change::Set(Property::Subject("Angebot".to_owned())),
        Change::Set(Property::Extended(MARK, "9f86d081884c7d65".to_owned())),
    ];
    let update = UpdateItem::new(id(), changes);
    pinned!("update_item", "update_item", |mailbox| mailbox.update_item(&update));

    let update = UpdateItem {
        id: id(),
        changes: vec![
            Change::Append(Property::Body(ItemBody::text(" appended"))),
            Change::Delete(FieldUri::Categories.into()),
            Change::Delete(MARK.into()),
            Change::Set(Property::Flag(Flag {
                complete_date: Some(time("2026-11-28T00:00:00Z")),
                ..Flag::new(FlagStatus::Complete)
            })),
            Change::Set(Property::Categories(vec!["Kunden".to_owned()])),
            Change::Set(Property::IsRead(false)),
        ],
        conflict: ConflictResolution::NeverOverwrite,
        suppress_read_receipts: false,
    };
    pinned!("update_item_every_change", "update_item", |mailbox| mailbox.update_item(&update));
}

#[tokio::test]
async fn requests_that_delete_move_and_copy_are_as_recorded() {
    pinned!("delete_item", "delete_item", |mailbox| {
        let id = id();
        async move { mailbox.delete_item(&id, DeleteType::HardDelete).await }
    });
    pinned!("move_item", "move_item", |mailbox| {
        let id = id();
        async move { mailbox.move_item(&id, &DistinguishedFolder::DeletedItems.into()).await }
    });
    pinned!("copy_item", "copy_item", |mailbox| {
        let id = id();
        async move { mailbox.copy_item(&id, &folder()).await }
    });
}

#[tokio::test]
async fn requests_about_folders_and_names_are_as_recorded() {
    pinned!("get_folder", "get_folder", |mailbox| mailbox.get_folder(&FolderId::SENT_ITEMS));
    pinned!("find_folder", "find_folder", |mailbox| {
        let find = FindFolder {
            traversal: FolderTraversal::Deep,
            restriction: Some(Restriction::IsEqualTo(FieldUri::FolderDisplayName.into(), "Archiv".to_owned())),
            ..FindFolder::new(DistinguishedFolder::MsgFolderRoot.into())
        };
        async move { mailbox.find_folder(&find).await }
    });
    pinned!("find_folder_several", "find_folder_several", |mailbox| {
        let find = FindFolder {
            parents: vec![DistinguishedFolder::MsgFolderRoot.into(), DistinguishedFolder::SyncIssues.into()],
            traversal: FolderTraversal::Deep,
            ..FindFolder::new(folder())
        };
        async move { mailbox.find_folders(&find).await }
    });
    pinned!("find_item_several", "find_item_several", |mailbox| {
        let folders = vec![folder(), DistinguishedFolder::DeletedItems.into()];
        let find = FindItem { folders, ..FindItem::new(folder()) };
        async move { mailbox.find_items(&find).await }
    });
    pinned!("resolve_names", "resolve_names", |mailbox| mailbox.resolve_names("Anna & Co"));
    for name in DistinguishedFolder::ALL {
        let server = Server::start([Reply::recorded("get_folder")]).await;
        mailbox(&server).get_folder(&(*name).into()).await.unwrap();
        assert!(server.request().body().contains(&format!("<t:DistinguishedFolderId Id=\"{}\"/>", name.as_str())));
    }
}

fn attachments() -> Vec<NewAttachment> {
    vec![
        NewAttachment {
            name: "logo.png".to_owned(),
            content_type: Some("image/png".to_owned()),
            content_id: Some("logo@nordwind".to_owned()),
            content_location: Some("logo.png".to_owned()),
            is_inline: true,
            content: NewContent::File(Bytes::from_static(b"\x89PNG")),
        },
        NewAttachment {
            name: "Anfrage".to_owned(),
            content_type: None,
            content_id: None,
            content_location: None,
            is_inline: false,
            content: NewContent::Message(Bytes::from_static(b"Subject: Anfrage\r\n\r\n")),
        },
    ]
}

#[tokio::test]
async fn requests_about_attachments_are_as_recorded() {
    pinned!("create_attachment", "create_attachment", |mailbox| {
        let id = id();
        async move { mailbox.create_attachment(&id, attachments()).await }
    });
    let ids = ["AAMk1=", "AAMk2=", "AAMk3="].map(AttachmentId::new);
    pinned!("get_attachment", "get_attachment", |mailbox| mailbox.get_attachment(&ids));
    pinned!("delete_attachment", "delete_attachment", |mailbox| mailbox.delete_attachment(&ids[..2]));

    let server = Server::start([]).await;
    let mailbox = mailbox(&server);
    assert!(mailbox.create_attachment(&id(), Vec::new()).await.unwrap().attachments.is_empty());
    assert!(mailbox.get_attachment(&[]).await.unwrap().is_empty());
    assert_eq!(mailbox.delete_attachment(&[]).await.unwrap(), None);
    assert!(server.requests().is_empty(), "nothing to ask for");
}

/// A large content is sent piece by piece, and is the same base64 in the end.
#[tokio::test]
async fn large_content_is_announced_with_its_length_and_arrives_whole() {
    let content: Vec<u8> = (0..3_000_001u32).map(|n| n.to_le_bytes()[1]).collect();
    let server = Server::start([Reply::recorded("create_item")]).await;
    let mime_content = Some(content.clone().into());
    let create = CreateItem { folder: FolderId::SENT_ITEMS, mime_content, properties: Vec::new() };
    mailbox(&server).create_item(&create).await.unwrap();
    let request = server.request();
    assert!(!request.headers.contains_key("transfer-encoding"));
    assert_eq!(request.headers["content-length"], request.body.len().to_string());
    let sent = request.body().split_once("CharacterSet=\"UTF-8\">").unwrap().1.split('<').next().unwrap();
    let decoded = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, sent).unwrap();
    assert!(decoded == content);
}

/// U9, U11
#[tokio::test]
async fn a_request_says_who_asks_and_whose_mailbox_it_is_about() {
    let server = Server::start([Reply::recorded("get_folder"), Reply::recorded("get_folder")]).await;
    let mailbox = mailbox(&server);
    mailbox.get_folder(&FolderId::SENT_ITEMS).await.unwrap();
    mailbox.get_folder(&FolderId::SENT_ITEMS).await.unwrap();
    let requests = server.requests();
    let headers = &requests[0].headers;
    assert_eq!(requests[0].line, "POST /EWS/Exchange.asmx HTTP/1.1");
    assert_eq!(headers["x-anchormailbox"], "Anna.Berg@nordwind.example");
    // svc-siu@nordwind.example:pässwort: geheim
    assert_eq!(headers["authorization"], "Basic c3ZjLXNpdUBub3Jkd2luZC5leGFtcGxlOnDDpHNzd29ydDogZ2VoZWlt");
    assert_eq!(headers["content-type"], "text/xml; charset=utf-8");
    assert_eq!(headers["user-agent"], concat!("SentItemsUpdate/", env!("CARGO_PKG_VERSION")));
    assert_eq!(headers["accept-encoding"], "gzip");
    assert_eq!(headers["return-client-request-id"], "true");
    assert_eq!(headers["client-request-id"].len(), 36);
    assert_ne!(headers["client-request-id"], requests[1].headers["client-request-id"]);
    assert_eq!(requests[0].connection, requests[1].connection, "the connection is kept");
}

#[tokio::test]
async fn an_address_that_a_header_can_not_hold_is_in_the_envelope_alone() {
    let server = Server::start([Reply::recorded("get_folder")]).await;
    let client = Client::new(endpoint(server.url())).unwrap();
    client.mailbox(&"jürgen@nordwind.example".parse().unwrap()).get_folder(&FolderId::SENT_ITEMS).await.unwrap();
    let request = server.request();
    assert!(!request.headers.contains_key("x-anchormailbox"));
    assert!(request.body().contains("<t:PrimarySmtpAddress>jürgen@nordwind.example</t:PrimarySmtpAddress>"));
}

/// U9
#[tokio::test]
async fn no_more_requests_are_under_way_than_the_endpoint_allows() {
    let permits = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let reply = Reply::AnswerWhenAllowed(permits.clone(), recorded("get_folder"));
    let server = Server::start(vec![reply; 5]).await;
    let mailbox = mailbox_of(Endpoint { connections: 2, ..endpoint(server.url()) });
    let tasks: Vec<_> = (0..5)
        .map(|_| {
            let mailbox = mailbox.clone();
            tokio::spawn(async move { mailbox.get_folder(&FolderId::SENT_ITEMS).await })
        })
        .collect();
    server.until_under_way(2).await;
    assert_eq!(server.requests().len(), 2);
    permits.add_permits(5);
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let requests = server.requests();
    assert_eq!(requests.len(), 5);
    assert!(requests.iter().all(|request| request.connection < 2));
}
