//! A message of 100 MB costs address space, not memory.
//!
//! The only test in its program: the allocator counts for the whole process.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{BufWriter, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};

use sent_items_update::message::{AttachmentKind, Body, ProcessedMessage};
use sent_items_update::updater::spool::map;

/// Counts what is allocated at the moment, and the most that ever was.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

#[allow(unsafe_code, reason = "an allocator can't be written without; it only counts and passes on")]
// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(now, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MB: usize = 1024 * 1024;

/// The most that was allocated during some work, beyond what was before it.
fn most_during<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = NOW.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    let result = work();
    (result, MOST.load(Ordering::Relaxed) - before)
}

/// Bad input: a message of any size is read within a few megabytes.
#[test]
fn a_message_of_100_mb_is_read_without_being_copied() {
    let mut file = BufWriter::new(tempfile::tempfile().unwrap());
    let base64_line = format!("{}\r\n", "QUJD".repeat(19));
    write!(
        file,
        "From: anna@x.example\r\nMessage-ID: <1@x>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/html\r\n\r\n<body><img src=\"cid:logo\"></body>\r\n"
    )
    .unwrap();
    for part in 0..4 {
        write!(
            file,
            "--b\r\nContent-Type: application/zip; name={part}.zip\r\nContent-ID: <logo>\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n"
        )
        .unwrap();
        for _ in 0..20 * MB / base64_line.len() {
            file.write_all(base64_line.as_bytes()).unwrap();
        }
    }
    write!(file, "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\n").unwrap();
    for _ in 0..20 * MB / 80 {
        file.write_all(&[b'x'; 78]).unwrap();
        file.write_all(b"\r\n").unwrap();
    }
    write!(file, "--b--\r\n").unwrap();
    let file = file.into_inner().unwrap();
    let raw = map(&file).unwrap();
    assert!(raw.len() > 100 * 1000 * 1000, "{} bytes", raw.len());

    let (message, most) = most_during(|| ProcessedMessage::parse(raw.clone()).unwrap());
    assert!(most < MB, "reading took {most} bytes");
    let (names, most) = most_during(|| {
        assert_eq!(message.body(), Body::Html("<body><img src=\"cid:logo\"></body>".to_owned()));
        let attachments = message.attachments();
        let lengths: Vec<usize> = attachments.iter().map(|attachment| attachment.decoded_len(&message)).collect();
        assert!(lengths.iter().all(|length| *length > 15_000_000), "{lengths:?}");
        attachments.iter().map(|attachment| (attachment.name.clone(), attachment.kind)).collect::<Vec<_>>()
    });
    assert!(most < MB, "looking took {most} bytes");
    assert_eq!(names.last(), Some(&("inner".to_owned(), AttachmentKind::Message)));

    let inner = message.attachments().last().unwrap();
    let (length, most) = most_during(|| inner.decoded(&message).len());
    assert_eq!(length, inner.decoded_len(&message));
    assert!(most < MB, "an attached message is not copied, but took {most} bytes");
    let (_, most) = most_during(|| message.attachments()[0].decoded(&message).len());
    assert!(most < 17 * MB, "one attachment decoded took {most} bytes");
}
