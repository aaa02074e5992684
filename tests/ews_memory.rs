//! A large message is not held several times over: what is sent is encoded piece by piece, what arrives is decoded
//! piece by piece. Measured at the allocator.
#![allow(unsafe_code)] // an allocator that counts can't be written without

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use sent_items_update::ews::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn grown(by: usize) {
    let now = NOW.fetch_add(by, Ordering::Relaxed) + by;
    PEAK.fetch_max(now, Ordering::Relaxed);
}

// SAFETY: everything is left to the system's allocator; only sizes are noted beside.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        // SAFETY: the caller's promises are passed on unchanged.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if new_size > layout.size() {
            grown(new_size - layout.size());
        } else {
            NOW.fetch_sub(layout.size() - new_size, Ordering::Relaxed);
        }
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One measurement at a time.
static MEASURING: Mutex<()> = Mutex::const_new(());

/// The most that was allocated at once while this ran, beyond what was there before.
async fn peak_of<T>(work: impl Future<Output = T>) -> (T, usize) {
    let before = NOW.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let result = work.await;
    (result, PEAK.load(Ordering::Relaxed) - before)
}

const CONTENT: usize = 50_000_000;
const MIB: usize = 1 << 20;

/// Reads one request without keeping it. Gives its body's length.
async fn read_request(stream: &mut BufReader<TcpStream>) -> usize {
    let mut length = 0;
    let mut line = Vec::new();
    loop {
        line.push(stream.read_u8().await.unwrap());
        if line.ends_with(b"\r\n") {
            let text = String::from_utf8(std::mem::take(&mut line)).unwrap().to_lowercase();
            if let Some(value) = text.strip_prefix("content-length: ") {
                length = value.trim().parse().unwrap();
            }
            if text == "\r\n" {
                break;
            }
        }
    }
    let mut body = (&mut *stream).take(length);
    let mut buffer = vec![0; 16 << 10];
    let mut read = 0;
    while let Ok(1..) = body.read(&mut buffer).await.inspect(|bytes| read += bytes) {}
    read
}

fn recorded(name: &str) -> String {
    let path = format!("{}/tests/fixtures/ews/answers/{name}.xml", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

fn mailbox(listener: &TcpListener) -> Mailbox {
    let url = format!("http://{}/EWS/Exchange.asmx", listener.local_addr().unwrap()).parse().unwrap();
    let credentials = Credentials::Basic { user: "svc@x".to_owned(), password: "x".into() };
    let endpoint = Endpoint {
        allow_unencrypted: true,
        request_timeout: Duration::from_secs(60),
        ..Endpoint::new(url, credentials)
    };
    Client::new(endpoint).unwrap().mailbox(&"anna@x".parse().unwrap())
}

async fn uploaded<T>(answer: &'static str, upload: impl AsyncFnOnce(Mailbox, Bytes) -> Result<T, EwsError>) -> usize {
    let _alone = MEASURING.lock().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mailbox = mailbox(&listener);
    let server = tokio::spawn(async move {
        let mut stream = BufReader::new(listener.accept().await.unwrap().0);
        let length = read_request(&mut stream).await;
        let body = recorded(answer);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all((head + &body).as_bytes()).await.unwrap();
        length
    });
    let content = Bytes::from(vec![0x5A; CONTENT]);
    let (result, peak) = peak_of(upload(mailbox, content)).await;
    result.unwrap();
    assert!(server.await.unwrap() > CONTENT / 3 * 4);
    peak
}

#[tokio::test]
async fn sending_50_mb_takes_no_memory_to_speak_of() {
    let peak = uploaded("create_item", async |mailbox, content| {
        let create = CreateItem { folder: FolderId::SENT_ITEMS, mime_content: Some(content), properties: Vec::new() };
        mailbox.create_item(&create).await
    })
    .await;
    assert!(peak < 4 * MIB, "a message took {peak} bytes beside itself");

    let peak = uploaded("create_attachment_one", async |mailbox, content| {
        let attachment = NewAttachment {
            name: "large.bin".to_owned(),
            content_type: None,
            content_id: None,
            content_location: None,
            is_inline: false,
            content: NewContent::File(content),
        };
        mailbox.create_attachment(&ItemId::new("AAMk=", None), vec![attachment]).await?.all()
    })
    .await;
    assert!(peak < 4 * MIB, "an attachment took {peak} bytes beside itself");
}

/// Peak of receiving an attachment of 50 MB.
async fn downloaded(announced: bool) -> usize {
    let _alone = MEASURING.lock().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mailbox = mailbox(&listener);
    let server = tokio::spawn(async move {
        let mut stream = BufReader::new(listener.accept().await.unwrap().0);
        read_request(&mut stream).await;
        let answer = recorded("get_attachment_one");
        let (before, after) = answer.split_once("SGVsbG8sIFdvcmxkIQ==").unwrap();
        let groups = CONTENT / 3;
        let length = before.len() + groups * 4 + after.len();
        let end = if announced { format!("Content-Length: {length}") } else { "Connection: close".to_owned() };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n{end}\r\n\r\n{before}");
        stream.write_all(head.as_bytes()).await.unwrap();
        let thousand = b"WlpZ".repeat(1000);
        for _ in 0..groups / 1000 {
            stream.write_all(&thousand).await.unwrap();
        }
        stream.write_all(&thousand[..groups % 1000 * 4]).await.unwrap();
        stream.write_all(after.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
    });
    let ids = [AttachmentId::new("AAMk=")];
    let (read, peak) = peak_of(mailbox.get_attachment(&ids)).await;
    server.await.unwrap();
    let content = &read.unwrap().remove(0).unwrap().content;
    assert_eq!(content.len(), CONTENT / 3 * 3);
    assert!(content.chunks(3).all(|group| group == b"ZZY"));
    peak
}

#[tokio::test]
async fn receiving_50_mb_takes_room_for_them_once() {
    let peak = downloaded(true).await;
    assert!(peak < CONTENT + 4 * MIB, "{peak} bytes with an announced length");
    // Room that grows by a quarter.
    let peak = downloaded(false).await;
    assert!(peak < CONTENT / 4 * 5 + 4 * MIB, "{peak} bytes without an announced length");
}
