//! The store as its users see it.

use super::model::flags;
use super::*;

async fn store(folder: &tempfile::TempDir) -> Store {
    Store::open(&folder.path().join("mailboxes.sqlite")).await.unwrap()
}

fn message(id: &str, subject: &str) -> Bytes {
    let text = format!("From: anna@n.example\r\nSubject: {subject}\r\nMessage-ID: {id}\r\n\r\nHello\r\n");
    Bytes::from(text)
}

/// X1
#[tokio::test]
async fn a_second_sandbox_on_the_same_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let first = store(&folder).await;
    let second = Store::open(&folder.path().join("mailboxes.sqlite")).await;
    assert!(matches!(second, Err(StoreError::InUse { .. })));
    drop(first);
}

/// X1
#[tokio::test]
async fn what_cannot_be_delivered_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let bad =
        StoredProperty { set: String::new(), name: "0x0e07".into(), kind: "Integer".into(), values: vec!["x".into()] };
    let options = Delivery { extended: vec![bad], ..Delivery::default() };
    let refused = store.deliver("anna@n.example", "inbox", message("<1@n>", "x"), options).await;
    assert!(matches!(refused, Err(StoreError::BadProperty(_))));
    assert!(matches!(
        store.deliver("anna@n.example", "inbox", Bytes::new(), Delivery::default()).await,
        Err(StoreError::NotMime)
    ));
    assert!(matches!(
        store.deliver("anna@n.example", "", message("<1@n>", "x"), Delivery::default()).await,
        Err(StoreError::NoSuchFolder { .. })
    ));
    assert!(store.items("anna@n.example", &ItemFilter::default()).await.unwrap().is_empty());
}

/// X1
#[tokio::test]
async fn everything_is_there_again_after_a_stop_and_numbers_are_not_given_twice() {
    let folder = tempfile::tempdir().unwrap();
    let first = store(&folder).await;
    let options = Delivery { read: true, categories: vec!["Blue".into()], ..Delivery::default() };
    first.deliver("Anna@n.example", "sentitems/2024", message("<1@n>", "one"), options).await.unwrap();
    let gone = first.deliver("anna@n.example", "inbox", message("<2@n>", "two"), Delivery::default()).await.unwrap();
    let job = move |tx: &mut Tx<'_>| {
        let Ok(ids::Id { kind: ids::IdKind::Item(number), .. }) = ids::parse(&gone) else { return Err(()) };
        let item = tx.item(number).ok_or(())?;
        tx.remove(&item);
        Ok(gone)
    };
    let gone = first.write(job).await.unwrap().unwrap();
    let before = first.items("anna@n.example", &ItemFilter::default()).await.unwrap();
    first.close().await;
    assert!(matches!(first.add_mailbox("x@n.example").await, Err(StoreError::Closed)));
    drop(first);
    let second = store(&folder).await;
    let after = second.items("anna@n.example", &ItemFilter::default()).await.unwrap();
    assert_eq!(before, after);
    assert_eq!((after[0].folder.as_str(), after[0].read, after[0].body.as_str()), ("2024", true, "Hello\r\n"));
    let new = second.deliver("anna@n.example", "inbox", message("<2@n>", "two"), Delivery::default()).await.unwrap();
    assert_ne!(new, gone);
}

/// X1
#[tokio::test]
async fn moving_takes_the_content_along_and_copying_leaves_it_with_both() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let raw = "Subject: x\r\nMessage-ID: <1@n>\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n\r\nbody\r\n--m\r\n\
               Content-Type: application/octet-stream; name=a.bin\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--m\r\n\
               Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nhello\r\n--m--\r\n";
    store.deliver("anna@n.example", "inbox", raw.into(), Delivery::default()).await.unwrap();
    let job = |tx: &mut Tx<'_>| {
        let mailbox = tx.mailbox_of("anna@n.example").ok_or(())?;
        let inbox = tx.distinguished(mailbox.number, "inbox").ok_or(())?;
        let sent = tx.distinguished(mailbox.number, "sentitems").ok_or(())?;
        let other = tx.ensure_mailbox("bo@n.example");
        let elsewhere = tx.distinguished(other.number, "inbox").ok_or(())?;
        let item = tx.items_in(inbox.number).pop().ok_or(())?;
        let moved = tx.move_item(&item, &sent);
        tx.copy_item(&moved, &inbox);
        let away = tx.copy_item(&moved, &inbox);
        tx.move_item(&away, &elsewhere);
        Ok::<_, ()>(())
    };
    store.write(job).await.unwrap().unwrap();
    for (mailbox, place, count) in
        [("anna@n.example", "inbox", 1), ("anna@n.example", "sentitems", 1), ("bo@n.example", "inbox", 1)]
    {
        let filter = ItemFilter { folder: Some(place.into()), ..ItemFilter::default() };
        let items = store.items(mailbox, &filter).await.unwrap();
        assert_eq!(items.len(), count, "{mailbox} {place}");
        assert!(items[0].body.starts_with("body"));
        let AttachmentContent::File(bytes) = &items[0].attachments[0].content else { panic!() };
        assert_eq!(bytes.as_ref(), [0, 1, 2]);
        let AttachmentContent::Item(inner) = &items[0].attachments[1].content else { panic!() };
        assert_eq!((inner.subject.as_str(), inner.body.as_str()), ("inner", "hello"));
    }
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM content").fetch_one(&store.readers).await.unwrap();
    assert_eq!(rows, 6, "three items and the item in each");
    store.remove_mailbox("anna@n.example").await.unwrap();
    store.remove_mailbox("bo@n.example").await.unwrap();
    for table in ["item", "content", "piece", "folder", "mailbox", "tombstone"] {
        let count = sqlx::query_scalar::<_, i64>(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}")));
        assert_eq!(count.fetch_one(&store.readers).await.unwrap(), 0, "{table}");
    }
}

/// X1
#[tokio::test]
async fn a_job_that_fails_has_done_nothing_and_those_beside_it_have() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    store.add_mailbox("anna@n.example").await.unwrap();
    let job = |fail: bool| {
        move |tx: &mut Tx<'_>| {
            let mailbox = tx.mailbox_of("anna@n.example").ok_or(())?;
            let inbox = tx.distinguished(mailbox.number, "inbox").ok_or(())?;
            let new = NewItem::blank("IPM.Note", tx.now());
            tx.insert(new, mailbox.number, Place::Folder(inbox.number));
            if fail { Err(()) } else { Ok(tx.items_in(inbox.number).len()) }
        }
    };
    let (a, b, c) = tokio::join!(store.write(job(false)), store.write(job(true)), store.write(job(false)));
    assert_eq!((a.unwrap(), b.unwrap(), c.unwrap()), (Ok(1), Err(()), Ok(2)));
    assert_eq!(store.count("anna@n.example", "inbox").unwrap(), 2);
}

/// X1
#[tokio::test]
async fn counts_and_indices_follow_every_change() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    store.deliver("anna@n.example", "inbox", message("<A@n>", "x"), Delivery::default()).await.unwrap();
    let counts = |store: &Store| {
        store.read(|state| {
            let mailbox = state.mailbox_of("anna@n.example").unwrap().number;
            let inbox = state.distinguished(mailbox, "inbox").unwrap().number;
            (state.counts(inbox), state.with_message_id(mailbox, "<a@N>").count())
        })
    };
    assert_eq!((counts(&store).0.unread, counts(&store).1), (1, 1));
    let job = |tx: &mut Tx<'_>| {
        let mailbox = tx.mailbox_of("anna@n.example").ok_or(())?;
        let inbox = tx.distinguished(mailbox.number, "inbox").ok_or(())?;
        let mut item = tx.items_in(inbox.number).pop().ok_or(())?.as_ref().clone();
        item.set(flags::READ, true);
        item.message_id = Some("<b@n>".into());
        tx.changed(item);
        Ok::<_, ()>(())
    };
    store.write(job).await.unwrap().unwrap();
    let (folder, with_id) = counts(&store);
    assert_eq!((folder.total, folder.unread, with_id), (1, 0, 0));
}

/// X1
#[tokio::test]
async fn a_large_attachment_is_stored_in_pieces_and_comes_back_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let content: Vec<u8> = (0..5_000_000_u32).map(|number| number.to_le_bytes()[1]).collect();
    let expected = content.clone();
    let job = move |tx: &mut Tx<'_>| {
        let mailbox = tx.ensure_mailbox("anna@n.example");
        let inbox = tx.distinguished(mailbox.number, "inbox").ok_or(())?;
        let mut new = NewItem::blank("IPM.Note", tx.now());
        new.attachments.push(draft::NewAttachment::file("big".into(), content.into(), tx.now()));
        tx.insert(new, mailbox.number, Place::Folder(inbox.number));
        Ok::<_, ()>(())
    };
    store.write(job).await.unwrap().unwrap();
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM piece").fetch_one(&store.readers).await.unwrap();
    assert_eq!(rows, 3);
    let items = store.items("anna@n.example", &ItemFilter::default()).await.unwrap();
    let AttachmentContent::File(read) = &items[0].attachments[0].content else { panic!() };
    assert!(*read == expected);
    assert!(items[0].size > 5_000_000);
}

/// A file that nobody names here would never be applied.
#[test]
fn every_migration_of_the_folder_is_applied() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("resources/migrations/sandbox");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let applied: Vec<String> =
        migrations().iter().map(|step| format!("{:04}_{}.sql", step.version, step.description)).collect();
    assert_eq!(applied, files.collect::<Vec<_>>());
}
