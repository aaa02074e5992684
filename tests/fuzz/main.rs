//! Hostile input at every place where bytes of others are read: nothing may panic, hang or take for ever. A kept corpus is
//! replayed, then mutated for a bounded time.
//!
//! `SIU_FUZZ_SECONDS` says for how long each target is tried, 2 without it; `SIU_FUZZ_SEED` repeats a run. What fails is
//! written to `target/fuzz/`; put it into `tests/fixtures/fuzz/TARGET/`, where it is replayed from then on.

mod mutate;

use std::panic;
use std::path::Path;
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use sent_items_update::message::{MessageProblem, ProcessedMessage, journaled};

/// One input may take so long, in a build without optimisation on a busy machine.
const SLOW: Duration = Duration::from_secs(5);

/// What panicked since the last look, in any thread or task.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn panics() -> Vec<String> {
    std::mem::take(&mut PANICS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Panics of the product are noted; those of this test itself are shown as ever.
fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if info.location().is_some_and(|at| at.file().contains("tests/fuzz")) {
                usual(info);
            } else {
                PANICS.lock().unwrap_or_else(PoisonError::into_inner).push(info.to_string());
            }
        }));
    });
}

fn files(folder: &str, endings: &[&str]) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(folder);
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let wanted = |path: &std::path::PathBuf| endings.iter().any(|ending| path.to_string_lossy().ends_with(ending));
    let mut paths: Vec<_> = entries.filter(wanted).collect();
    paths.sort();
    paths.into_iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Targets are tried one at a time, so that a panic is that of the input at hand.
static ALONE: Mutex<()> = Mutex::new(());

fn fuzz(target: &str, mut corpus: Vec<Vec<u8>>, words: &[&[u8]], mut try_it: impl FnMut(&[u8])) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    listen();
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seed = number("SIU_FUZZ_SEED").unwrap_or_else(|| rand::random::<u32>().into());
    let seconds = Duration::from_secs(number("SIU_FUZZ_SECONDS").unwrap_or(2));
    corpus.extend(files(&format!("fuzz/{target}"), &[""]));
    assert!(!corpus.is_empty(), "{target}: the corpus is missing");
    let mut random = StdRng::seed_from_u64(seed);
    let (began, mut tried) = (Instant::now(), 0_usize);
    loop {
        let input = match corpus.get(tried) {
            Some(kept) => kept.clone(),
            None if began.elapsed() > seconds => break,
            None => mutate::mutated(&mut random, &corpus, words),
        };
        let start = Instant::now();
        let broke = panic::catch_unwind(panic::AssertUnwindSafe(|| try_it(&input))).is_err();
        let (took, panics) = (start.elapsed(), panics());
        if broke || !panics.is_empty() || took > SLOW {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/fuzz");
            std::fs::create_dir_all(&folder).unwrap();
            let path = folder.join(format!("{target}-{seed}-{tried}"));
            std::fs::write(&path, &input).unwrap();
            panic!("{target}, SIU_FUZZ_SEED={seed}: {} took {took:?}: {panics:#?}", path.display());
        }
        tried += 1;
    }
    eprintln!("fuzz {target}: {tried} inputs in {:.1} s, SIU_FUZZ_SEED={seed}", began.elapsed().as_secs_f64());
}

const MIME_WORDS: &[&[u8]] = &[
    b"Content-Type: multipart/mixed; boundary=b\r\n",
    b"\r\n\r\n",
    b"\r\n--b\r\n",
    b"\r\n--b--\r\n",
    b"Content-Type: message/rfc822\r\n",
    b"Content-Type: text/html; charset=utf-16\r\n",
    b"charset=iso-2022-jp",
    b"Content-Transfer-Encoding: base64\r\n",
    b"Content-Transfer-Encoding: quoted-printable\r\n",
    b"format=flowed; delsp=yes",
    b"=?utf-8?B?",
    b"=?utf-8?Q?=E2=82?=",
    b"filename*0*=utf-8''%e2%82; filename*1*=%ac",
    b"<meta charset=",
    b"<!--[if mso]>",
    b"<body",
    b"cid:",
    b"(((((((",
    b"X-MS-Journal-Report:\r\n",
    b"-----BEGIN PGP MESSAGE-----",
];

/// Everything that is read of a message.
fn read_message(raw: &[u8]) {
    let raw = Bytes::copy_from_slice(raw);
    let message = match ProcessedMessage::parse(raw.clone()) {
        Ok(message) => message,
        Err(MessageProblem::JournalReport(_)) => return,
        Err(problem) => {
            assert!(!problem.to_string().is_empty());
            return;
        }
    };
    let _ = (message.body(), message.subject(), message.class(), message.date(), message.sender());
    for attachment in message.attachments() {
        assert_eq!(attachment.decoded(&message).len(), attachment.decoded_len(&message), "{}", attachment.name);
        assert!(!attachment.name.is_empty());
    }
    let again = ProcessedMessage::parse(raw).unwrap();
    assert_eq!((again.digest(), again.body()), (message.digest(), message.body()));
}

#[test]
fn mime() {
    fuzz("mime", files("message", &[".eml"]), MIME_WORDS, read_message);
}

#[test]
fn journal_reports() {
    let reports = files("message", &["journal-report.eml", "journal-report-of-ndr.eml"]);
    fuzz("journal", reports, MIME_WORDS, |raw| {
        if let Some(Ok(messages)) = journaled(&Bytes::copy_from_slice(raw)) {
            for message in messages {
                read_message(&message);
            }
        }
    });
}

mod soap {
    //! Answers of a server that is none, or has lost its mind.

    use sent_items_update::ews::{
        Client, CreateItem, Credentials, DeleteType, Endpoint, FindItem, FolderId, ItemId, ItemShape, Mailbox,
        NewAttachment, NewContent, UpdateItem,
    };
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    const WORDS: &[&[u8]] = &[
        b"<t:Message>",
        b"</t:Message>",
        b"<m:ResponseCode>ErrorServerBusy</m:ResponseCode>",
        b"<t:Value Name=\"BackOffMilliseconds\">",
        b"ResponseClass=\"Error\"",
        b"<![CDATA[",
        b"<!DOCTYPE x [<!ENTITY y \"z\">]>",
        b"&#x0;",
        b"&y;",
        b"<?xml version=\"1.0\" encoding=\"utf-16\"?>",
        b"<s:Fault>",
        b"xmlns:t=\"",
        b"<t:ItemId Id=\"\" ChangeKey=\"\"/>",
        b"</s:Envelope>",
    ];

    type Answer = Arc<Mutex<Bytes>>;

    /// Answers every request with what is in hand.
    async fn serve(listener: TcpListener, answer: Answer) {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(session(stream, answer.clone()));
        }
    }

    async fn session(mut stream: TcpStream, answer: Answer) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut request = Vec::new();
        loop {
            let end = loop {
                let end = request.windows(4).position(|window| window == b"\r\n\r\n");
                let head = String::from_utf8_lossy(&request[..end.unwrap_or(0)]).to_ascii_lowercase();
                let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
                let length: usize = length.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
                match end {
                    Some(end) if request.len() >= end + 4 + length => break end + 4 + length,
                    _ if stream.read_buf(&mut request).await? == 0 => return Ok(()),
                    _ => {}
                }
            };
            request.drain(..end);
            let body = answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all(&[head.as_bytes(), &body].concat()).await?;
        }
    }

    /// Each operation that the engine uses gets the answer for its own.
    async fn ask(mailbox: &Mailbox, operation: usize) {
        let id = ItemId::new("x", None);
        let attachment = || NewAttachment {
            name: "x".into(),
            content_type: None,
            content_id: None,
            content_location: None,
            is_inline: false,
            content: NewContent::File(Bytes::from_static(b"x")),
        };
        let shape = ItemShape::of(Vec::new());
        let create = CreateItem { folder: FolderId::SENT_ITEMS, mime_content: None, properties: Vec::new() };
        match operation {
            0 => drop(mailbox.find_item(&FindItem::new(FolderId::SENT_ITEMS)).await),
            1 => drop(mailbox.get_item(&[id], &shape).await),
            2 => drop(mailbox.update_items(&[UpdateItem::new(id, Vec::new())]).await),
            3 => drop(mailbox.create_item(&create).await),
            4 => drop(mailbox.delete_item(&id, DeleteType::SoftDelete).await),
            5 => drop(mailbox.create_attachment(&id, vec![attachment(), attachment()]).await),
            6 => drop(mailbox.get_attachment(&[]).await),
            _ => drop(mailbox.get_folder(&FolderId::SENT_ITEMS).await),
        }
    }

    #[test]
    fn answers_of_exchange() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answer = Answer::default();
        let mailbox = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}/EWS/Exchange.asmx", listener.local_addr().unwrap()).parse().unwrap();
            tokio::spawn(serve(listener, answer.clone()));
            let credentials = Credentials::Basic { user: "svc@x".into(), password: "x".into() };
            let endpoint = Endpoint { allow_unencrypted: true, ..Endpoint::new(url, credentials) };
            Client::new(endpoint).unwrap().mailbox(&"anna@x.example".parse().unwrap())
        });
        let mut operation = 0;
        fuzz("soap", files("ews/answers", &[".xml"]), WORDS, |raw| {
            *answer.lock().unwrap_or_else(PoisonError::into_inner) = Bytes::copy_from_slice(raw);
            operation += 1;
            runtime.block_on(ask(&mailbox, operation % 8));
        });
    }
}

mod smtp {
    //! Sessions of a client that is none.

    use sent_items_update::settings::SmtpSettings;
    use sent_items_update::updater::intake::smtp::SmtpDoor;
    use sent_items_update::updater::intake::{Accept, AcceptError, Receipt, Received};
    use sent_items_update::updater::spool::Spool;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;
    use tokio_util::sync::CancellationToken;

    use super::*;

    const SESSIONS: [&[u8]; 4] = [
        b"EHLO x\r\nMAIL FROM:<a@x> SIZE=100 BODY=8BITMIME\r\nRCPT TO:<b@x>\r\nDATA\r\nFrom: a@x\r\nMessage-ID: <1@x>\r\n\r\n..Hi\r\n.\r\nQUIT\r\n",
        b"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<b@x>\r\nRSET\r\nNOOP\r\nVRFY b\r\nHELP\r\nSTARTTLS\r\nQUIT\r\n",
        b"EHLO [127.0.0.1]\r\nMAIL FROM:<a@x> SMTPUTF8\r\nRCPT TO:<\xc3\xbc@x> NOTIFY=NEVER\r\nBDAT 10\r\n0123456789BDAT 0 LAST\r\nQUIT\r\n",
        b"EHLO x\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\nX-MS-Journal-Report:\r\nFrom: a@x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: a@x\r\nMessage-ID: <1@x>\r\n\r\nHi\r\n--b--\r\n.\r\nQUIT\r\n",
    ];
    const WORDS: &[&[u8]] = &[
        b"\r\n.\r\n",
        b"\n.\n",
        b"\r.\r",
        b"\r\n..\r\n",
        b"DATA\r\n",
        b"BDAT 5 LAST\r\n",
        b"RSET\r\n",
        b"MAIL FROM:<",
        b"RCPT TO:<",
        b" SIZE=",
        b"EHLO ",
        b"AUTH PLAIN AGEAYg==\r\n",
        b"X-MS-Journal-Report:\r\n",
        b"\"",
        b"@[IPv6:",
    ];

    struct Taken;

    impl Accept for Taken {
        async fn accept(&self, _: Received) -> Result<Receipt, AcceptError> {
            Ok(Receipt { id: 1, duplicate: false })
        }
    }

    /// Says all at once, and listens to the end.
    async fn converse(address: std::net::SocketAddr, said: &[u8]) {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let (mut from, mut to) = stream.split();
        let (mut heard, say) = (Vec::new(), async {
            // The door may close it before all is said.
            let _ = to.write_all(said).await;
            let _ = to.shutdown().await;
        });
        let listen = tokio::time::timeout(2 * SLOW, from.read_to_end(&mut heard));
        let ((), ended) = tokio::join!(say, listen);
        assert!(ended.is_ok(), "the door does not close");
    }

    #[test]
    fn sessions() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (stop, spool) = (CancellationToken::new(), Spool::open(folder.path(), 100_000).unwrap());
        let settings = SmtpSettings { listen: "127.0.0.1:0".parse().unwrap(), allow_remote: false };
        let door = runtime.block_on(SmtpDoor::bind(&settings, spool, Arc::new(Taken), stop.clone())).unwrap();
        let address = door.local_addr().unwrap();
        runtime.spawn(door.run());
        fuzz("smtp", SESSIONS.map(<[u8]>::to_vec).into(), WORDS, |said| runtime.block_on(converse(address, said)));
        stop.cancel();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "something is left in the spool");
    }
}

#[cfg(unix)]
mod api {
    //! Requests to the local API by a program that has lost its mind.

    use sent_items_update::pipe::listener::Access;
    use sent_items_update::pipe::types::{Outcome, Rule};
    use sent_items_update::updater::clock::Clock;
    use sent_items_update::updater::dispatcher::{Attempt, Engine};
    use sent_items_update::updater::queue::Job;
    use sent_items_update::updater::scope::Scope;
    use sent_items_update::updater::service::{Updater, UpdaterOptions};
    use sent_items_update::updater::settings_store::InForce;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::UnixStream;

    use super::*;

    const WORDS: &[&[u8]] = &[
        b"GET /",
        b"POST /",
        b"PUT /",
        b"/messages",
        b"/settings",
        b"/status",
        b"/messages/1",
        b"?limit=",
        b"&before=",
        b"\r\nContent-Length: 10\r\n",
        b"\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"\r\nIf-Match: \"",
        b"%00",
        b"{\"",
        b"null",
        b"[[[[[[[[[[",
        b"\r\n\r\n",
    ];

    struct Idle;

    impl Engine for Idle {
        async fn attempt(&self, _: &Job) -> Attempt {
            Attempt::Finished(Outcome::new(Rule::UpdatedInPlace, ""))
        }
    }

    fn requests() -> Vec<Vec<u8>> {
        let of = |line: &str, more: &str, body: &str| {
            format!(
                "{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}Content-Length: {}\r\n\r\n{body}",
                body.len()
            )
        };
        let json = "Content-Type: application/json\r\n";
        let message = "From: a@x\r\nMessage-ID: <1@x>\r\n\r\nHi\r\n";
        let all = [
            of("GET /v1/status", "", ""),
            of("GET /v1/settings", "", ""),
            of(
                "PUT /v1/settings",
                &format!("{json}If-Match: \"0\"\r\n"),
                "{\"settings\":{\"enabled\":true},\"password\":null}",
            ),
            of("GET /v1/messages?state=failed&search=a&limit=10&before=5", "", ""),
            of("GET /v1/messages/1", "", ""),
            of("GET /v1/messages/1/content", "", ""),
            of("POST /v1/messages", "Content-Type: message/rfc822\r\n", message),
            of("POST /v1/messages/retry-failed", json, ""),
            of("POST /v1/messages/1/retry", "", ""),
            of("POST /v1/impersonation-test", json, "{\"mailbox\":\"a@x\"}"),
            of("GET /v1/diagnostics", "", ""),
            of("GET /v1/messages/series?from=0&to=100&step=10", "", ""),
        ];
        all.into_iter().map(String::into_bytes).collect()
    }

    async fn request(socket: &Path, bytes: &[u8]) {
        let mut stream = UnixStream::connect(socket).await.unwrap();
        let (mut from, mut to) = stream.split();
        let (mut heard, say) = (Vec::new(), async {
            let _ = to.write_all(bytes).await;
            let _ = to.shutdown().await;
        });
        let listen = tokio::time::timeout(2 * SLOW, from.read_to_end(&mut heard));
        let ((), ended) = tokio::join!(say, listen);
        assert!(ended.is_ok(), "the API does not close the connection: {:?}", String::from_utf8_lossy(bytes));
    }

    #[test]
    fn requests_to_the_local_api() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe.sock");
        let options = UpdaterOptions {
            data: folder.path().join("data"),
            pipe: pipe.clone(),
            access: Access::default(),
            sandbox: true,
            clock: Clock::system(),
        };
        let make = |_: &InForce, _: &Scope| Ok(Idle);
        let updater = runtime.block_on(Updater::start(options, make)).unwrap();
        let (stop, told) = tokio::sync::oneshot::channel::<()>();
        let running = runtime.spawn(updater.run(async { drop(told.await) }));
        fuzz("api", requests(), WORDS, |bytes| runtime.block_on(request(&pipe, bytes)));
        stop.send(()).unwrap();
        runtime.block_on(running).unwrap().unwrap();
    }
}
