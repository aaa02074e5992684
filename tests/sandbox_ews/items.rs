//! Items: making, reading, deleting, moving, copying.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::organisation::{ANNA, Organisation, Reply, filled, item_id, item_id_with};
use sent_items_update::sandbox::store::{AttachmentContent, FlagStatus, ItemFilter, Store};

const MIME: &str = "From: \"Berg, Anna\" <anna@n.example>\nTo: bo@n.example\nCc: Guest <guest@o.example>\n\
    Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\nMessage-ID: <1@n>\nDate: Thu, 29 Feb 2024 12:00:00 +0000\nX-Header: from MIME\n\
    References: <0@n>\nIn-Reply-To: <0@n>\nImportance: low\nMIME-Version: 1.0\nContent-Type: multipart/related; boundary=r\n\n\
    --r\nContent-Type: text/html; charset=utf-8\n\n<p>Hello <img src=\"cid:logo@n\"></p>\n\
    --r\nContent-Type: image/png; name=logo.png\nContent-ID: <logo@n>\nContent-Transfer-Encoding: base64\n\niVBORw==\n--r--\n";

async fn from_mime(organisation: &Organisation) -> (String, String) {
    let mime = STANDARD.encode(MIME.replace('\n', "\r\n"));
    organisation.anna("create_from_mime", &[("mime", &mime)]).await.item()
}

async fn get(organisation: &Organisation, id: &str, shape: &str, options: &str) -> Reply {
    organisation.anna("get_item", &[("shape", shape), ("options", options), ("ids", &item_id(id))]).await
}

fn create<'a>(disposition: &'a str, folder: &'a str, items: &'a str) -> [(&'static str, &'a str); 3] {
    [("disposition", disposition), ("folder", folder), ("items", items)]
}

/// X1
#[tokio::test]
async fn each_of_several_items_has_its_own_result_in_order() {
    let organisation = Organisation::new().await;
    let (id, _) = from_mime(&organisation).await;
    let gone = organisation.deliver(ANNA, "inbox", "Subject: x\n\nx\n").await;
    organisation.anna("delete_item", &[("how", "HardDelete"), ("ids", &item_id(&gone))]).await.ok();
    let folder = organisation.anna("get_own_folders", &[]).await.attribute("FolderId", "Id");
    let ids = [id.as_str(), &gone, "", "AAA=", &folder, id.as_str()].map(item_id).concat();
    let reply = organisation.anna("get_item", &[("shape", "IdOnly"), ("options", ""), ("ids", &ids)]).await;
    let expected = [
        "NoError",
        "ErrorItemNotFound",
        "ErrorInvalidIdEmpty",
        "ErrorInvalidIdMalformed",
        "ErrorCannotUseFolderIdForItemId",
        "NoError",
    ];
    assert_eq!(reply.codes(), expected);
    assert_eq!(reply.text_of("MessageText"), "The specified object was not found in the store.");
}

/// X1
#[tokio::test]
async fn what_cannot_be_made_is_refused_item_by_item() {
    let organisation = Organisation::new().await;
    let message = |content: &str| format!("<t:Message>{content}</t:Message>");
    let save = "MessageDisposition=\"SaveOnly\"";
    for (content, code) in [
        (message("<t:MimeContent>&amp;&amp;</t:MimeContent>"), "ErrorMimeContentInvalidBase64String"),
        (message("<t:MimeContent></t:MimeContent>"), "ErrorMimeContentInvalid"),
        (message("<t:Size>5</t:Size>"), "ErrorInvalidPropertySet"),
        (message("<t:IsDraft>false</t:IsDraft>"), "ErrorInvalidPropertySet"),
        (
            message(
                "<t:ExtendedProperty><t:ExtendedFieldURI PropertyTag=\"0x8001\" PropertyType=\"String\"/>\
                 <t:Value>x</t:Value></t:ExtendedProperty>",
            ),
            "ErrorInvalidExtendedProperty",
        ),
        (
            message(
                "<t:ExtendedProperty><t:ExtendedFieldURI PropertyTag=\"0x0E07\" PropertyType=\"Integer\"/>\
                 <t:Value>many</t:Value></t:ExtendedProperty>",
            ),
            "ErrorInvalidExtendedPropertyValue",
        ),
        (
            message(
                "<t:ExtendedProperty><t:ExtendedFieldURI DistinguishedPropertySetId=\"PublicStrings\" PropertyName=\"a\" \
                 PropertyType=\"Object\"/><t:Value>x</t:Value></t:ExtendedProperty>",
            ),
            "ErrorUnsupportedMapiPropertyType",
        ),
        ("<t:Contact><t:DisplayName>x</t:DisplayName></t:Contact>".into(), "ErrorInvalidItemForOperationCreateItem"),
    ] {
        let items = format!("{content}{}", message("<t:Subject>good</t:Subject>"));
        let reply = organisation.anna("create_item", &create(save, "", &items)).await;
        assert_eq!(reply.codes(), [code, "NoError"], "{content}");
    }
    assert_eq!(organisation.items(ANNA, "drafts").await.len(), 8);
}

/// X1
#[tokio::test]
async fn a_message_needs_a_disposition_and_a_folder_that_is_there() {
    let organisation = Organisation::new().await;
    let message = "<t:Message><t:Subject>x</t:Subject></t:Message>";
    organisation.anna("create_item", &create("", "", message)).await.is_error("ErrorMessageDispositionRequired");
    let nowhere = "<m:SavedItemFolderId><t:DistinguishedFolderId Id=\"archiveroot\"/></m:SavedItemFolderId>";
    let reply = organisation.anna("create_item", &create("MessageDisposition=\"SaveOnly\"", nowhere, message)).await;
    reply.is_error("ErrorSavedItemFolderNotFound");
    assert!(organisation.items(ANNA, "drafts").await.is_empty());
}

/// U4
#[tokio::test]
async fn mime_saved_with_message_flags_is_a_sent_message_with_its_times() {
    let organisation = Organisation::new().await;
    let (id, _) = from_mime(&organisation).await;
    let [item] = organisation.items(ANNA, "sentitems").await.try_into().unwrap();
    assert_eq!((item.draft, item.read, item.has_attachments), (false, true, false));
    assert_eq!(item.sent.unwrap().to_string(), "2024-03-01T09:00:00Z");
    assert_eq!(item.received.unwrap().to_string(), "2024-03-01T09:00:05Z");
    assert_eq!((item.subject.as_str(), item.message_id.as_deref()), ("Grüße", Some("<1@n>")));
    assert_eq!((item.importance.as_str(), item.categories.as_slice()), ("Low", &["Green".to_owned()][..]));
    assert_eq!(item.attachments[0].content, AttachmentContent::File(b"\x89PNG"[..].into()));
    assert!(item.attachments[0].inline);
    let reply = get(&organisation, &id, "AllProperties", &filled("all_additional_properties", &[])).await;
    reply.ok();
    assert_eq!((reply.text_of("IsDraft").as_str(), reply.text_of("HasAttachments").as_str()), ("false", "false"));
    assert_eq!(reply.text_of("DateTimeSent"), "2024-03-01T09:00:00Z");
    assert_eq!(reply.text_of("DisplayTo"), "bo@n.example");
    assert_eq!(reply.text_of("InReplyTo"), "<0@n>");
    assert_eq!(reply.text_of("From").trim(), "");
    assert!(reply.texts("InternetMessageHeader").contains(&"from MIME".to_owned()));
    // In the order asked for; the calendar's property has no value on a message.
    let values = reply.texts("Value");
    // Read, and with an attachment: those that are shown in the text count here.
    assert_eq!(values[0..2], ["17", "2024-03-01T09:00:00Z"]);
    assert!(values.contains(&"digest-1".to_owned()) && values.contains(&"2.5".to_owned()), "{values:?}");
}

/// X1
#[tokio::test]
async fn mime_without_message_flags_is_a_draft() {
    let organisation = Organisation::new().await;
    let mime = STANDARD.encode("Subject: x\r\n\r\nx\r\n");
    let message = format!("<t:Message><t:MimeContent>{mime}</t:MimeContent></t:Message>");
    organisation.anna("create_item", &create("MessageDisposition=\"SaveOnly\"", "", &message)).await.ok();
    assert!(organisation.items(ANNA, "drafts").await[0].draft);
}

/// X1
#[tokio::test]
async fn a_draft_from_properties_has_them_all() {
    let organisation = Organisation::new().await;
    let (id, change_key) = organisation.anna("create_draft", &[("subject", "Draft")]).await.item();
    let [item] = organisation.items(ANNA, "drafts").await.try_into().unwrap();
    assert_eq!((item.item_id.as_str(), item.change_key.as_str()), (id.as_str(), change_key.as_str()));
    assert_eq!((item.draft, item.read, item.has_attachments), (true, true, true));
    assert_eq!(
        (item.flag, item.sensitivity.as_str(), item.importance.as_str()),
        (FlagStatus::Flagged, "Private", "High")
    );
    assert_eq!(item.to[0].name, "Bo Carlsson");
    assert!(item.body.contains("charset=utf-8") && item.body.contains("<p>Hello</p>"), "{}", item.body);
    let AttachmentContent::Item(inner) = &item.attachments[1].content else { panic!() };
    assert_eq!(inner.body, "inner text");
    let options = filled("all_additional_properties", &[]);
    let reply = get(&organisation, &id, "AllProperties", &options).await;
    reply.ok();
    assert_eq!(reply.text_of("TextBody"), "Hello\r\n");
    assert_eq!(reply.text_of("Preview"), "Hello");
    assert_eq!(reply.text_of("Culture"), "de-DE");
    assert_eq!(reply.text_of("ReminderNextTime"), "2030-01-01T09:45:00Z");
    assert_eq!(reply.text_of("DueDate"), "2030-01-02T00:00:00Z");
    assert_eq!(reply.texts("MailboxType"), ["Mailbox", "OneOff", "PublicDL"]);
    let mime = String::from_utf8(STANDARD.decode(reply.text_of("MimeContent")).unwrap()).unwrap();
    assert!(mime.contains("x-header: from a property\r\n"), "{mime}");
    assert!(mime.contains("Content-Type: message/rfc822"), "{mime}");
}

/// X1
#[tokio::test]
async fn bodies_come_as_html_or_text_whatever_they_were_stored_as() {
    let organisation = Organisation::new().await;
    let html = organisation.deliver(ANNA, "inbox", "Subject: h\nContent-Type: text/html\n\n<p>1 &lt; 2</p>\n").await;
    let text = organisation.deliver(ANNA, "inbox", "Subject: t\n\n1 < 2\nsecond line\n").await;
    let body = async |id: &str, kind: &str| {
        let reply = get(&organisation, id, "Default", &format!("<t:BodyType>{kind}</t:BodyType>")).await;
        (reply.attribute("Body", "BodyType"), reply.text_of("Body"))
    };
    assert_eq!(body(&html, "Text").await, ("Text".into(), "1 < 2\r\n".into()));
    assert_eq!(body(&text, "Best").await, ("Text".into(), "1 < 2\r\nsecond line\r\n".into()));
    let (kind, converted) = body(&text, "HTML").await;
    assert_eq!(kind, "HTML");
    assert!(converted.contains("<!-- converted from text -->") && converted.contains("1 &lt; 2<br>"), "{converted}");
    assert!(body(&html, "HTML").await.1.contains("<p>1 &lt; 2</p>"));
}

/// X1
#[tokio::test]
async fn a_shape_shows_what_it_is_for() {
    let organisation = Organisation::new().await;
    let (id, _) = from_mime(&organisation).await;
    let ids = get(&organisation, &id, "IdOnly", "").await;
    assert!(ids.texts("Subject").is_empty() && !ids.texts("ItemId").is_empty());
    let usual = get(&organisation, &id, "Default", "").await;
    assert!(!usual.texts("Body").is_empty() && usual.texts("InternetMessageId").is_empty());
    let bad = "<t:AdditionalProperties><t:FieldURI FieldURI=\"folder:DisplayName\"/></t:AdditionalProperties>";
    let refused = get(&organisation, &id, "IdOnly", bad).await;
    refused.is_error("ErrorInvalidPropertyRequest");
    assert_eq!(refused.attribute("FieldURI", "FieldURI"), "folder:DisplayName");
}

/// X1
#[tokio::test]
async fn deleting_takes_an_item_away_in_three_ways() {
    let organisation = Organisation::new().await;
    let deliver = || organisation.deliver(ANNA, "inbox", "Subject: x\n\nx\n");
    for (how, folder, count) in [
        ("HardDelete", "recoverableitemsdeletions", 0),
        ("SoftDelete", "recoverableitemsdeletions", 1),
        ("MoveToDeletedItems", "deleteditems", 1),
    ] {
        let ids = item_id(&deliver().await);
        organisation.anna("delete_item", &[("how", how), ("ids", &ids)]).await.ok();
        assert_eq!(organisation.items(ANNA, folder).await.len(), count, "{how}");
        let again = organisation.anna("delete_item", &[("how", how), ("ids", &ids)]).await;
        again.is_error("ErrorItemNotFound");
    }
    assert!(organisation.items(ANNA, "inbox").await.is_empty());
}

/// X1
#[tokio::test]
async fn moving_and_copying_give_new_ids_and_keep_what_the_item_has() {
    let organisation = Organisation::new().await;
    let (id, _) = from_mime(&organisation).await;
    let transfer = async |operation: &str, to: &str, ids: &str| {
        organisation.anna("move_copy_item", &[("operation", operation), ("to", to), ("ids", ids)]).await
    };
    transfer("MoveItem", "archiveroot", &item_id(&id)).await.is_error("ErrorToFolderNotFound");
    let (copy, _) = transfer("CopyItem", "inbox", &item_id(&id)).await.item();
    let (moved, _) = transfer("MoveItem", "drafts", &item_id(&id)).await.item();
    transfer("MoveItem", "drafts", &item_id(&id)).await.is_error("ErrorItemNotFound");
    assert!(copy != id && moved != id && moved != copy);
    for folder in ["inbox", "drafts"] {
        let [item] = organisation.items(ANNA, folder).await.try_into().unwrap();
        assert_eq!((item.subject.as_str(), item.extended.len(), item.attachments.len()), ("Grüße", 2, 1));
        assert_eq!(item.attachments[0].content, AttachmentContent::File(b"\x89PNG"[..].into()));
    }
    assert!(organisation.items(ANNA, "sentitems").await.is_empty());
}

/// X1
#[tokio::test]
async fn everything_answered_is_there_after_the_process_was_killed() {
    let organisation = Organisation::new().await;
    let (id, change_key) = from_mime(&organisation).await;
    // What a killed process leaves: the files as they are, write-ahead log included.
    let copy = tempfile::tempdir().unwrap();
    for name in ["mailboxes.sqlite", "mailboxes.sqlite-wal"] {
        std::fs::copy(organisation.folder.path().join(name), copy.path().join(name)).unwrap();
    }
    let store = Store::open(&copy.path().join("mailboxes.sqlite")).await.unwrap();
    let [item] = store.items(ANNA, &ItemFilter::default()).await.unwrap().try_into().unwrap();
    assert_eq!((item.item_id, item.change_key), (id, change_key));
    assert!(item.body.contains("cid:logo@n"));
}

/// U7
#[tokio::test]
async fn meeting_requests_and_signed_messages_are_shown_as_what_they_are() {
    let organisation = Organisation::new().await;
    let meeting = "Subject: m\nMIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=a\n\n--a\n\
        Content-Type: text/html\n\n<p>x</p>\n--a\nContent-Type: text/calendar; method=REQUEST; charset=utf-8\n\n\
        BEGIN:VCALENDAR\nMETHOD:REQUEST\nEND:VCALENDAR\n--a--\n";
    let id = organisation.deliver(ANNA, "sentitems", meeting).await;
    let reply = get(&organisation, &id, "AllProperties", &filled("all_additional_properties", &[])).await;
    assert_eq!(reply.ok().texts("MeetingRequest").len(), 1);
    let mime = STANDARD.decode(reply.text_of("MimeContent")).unwrap();
    assert!(String::from_utf8_lossy(&mime).contains("BEGIN:VCALENDAR"));
    let signed = "Subject: s\nMIME-Version: 1.0\nContent-Type: multipart/signed; micalg=sha-256; \
        protocol=\"application/pkcs7-signature\"; boundary=s\n\n--s\nContent-Type: text/plain\n\nsigned\n--s\n\
        Content-Type: application/pkcs7-signature; name=smime.p7s\n\nSIG\n--s--\n";
    let id = organisation.deliver(ANNA, "sentitems", signed).await;
    let reply = get(&organisation, &id, "AllProperties", "<t:IncludeMimeContent>true</t:IncludeMimeContent>").await;
    assert_eq!(reply.ok().text_of("ItemClass"), "IPM.Note.SMIME.MultipartSigned");
    assert_eq!(reply.text_of("Name"), "smime.p7m");
    let mime = String::from_utf8(STANDARD.decode(reply.text_of("MimeContent")).unwrap()).unwrap();
    assert!(mime.ends_with(&signed.replace('\n', "\r\n").split_once("\r\n\r\n").unwrap().1));
}

/// X1
#[tokio::test]
async fn a_change_key_is_not_needed_to_read_or_delete_and_a_stale_one_does_not_matter() {
    let organisation = Organisation::new().await;
    let (id, change_key) = from_mime(&organisation).await;
    organisation.anna("create_attachment", &[("id", &id)]).await.ok();
    let stale = item_id_with(&id, &change_key);
    organisation.anna("get_item", &[("shape", "IdOnly"), ("options", ""), ("ids", &stale)]).await.ok();
    organisation.anna("delete_item", &[("how", "HardDelete"), ("ids", &stale)]).await.ok();
}
