//! Requests to the local API by a program that has lost its mind.

use std::path::Path;
use std::rc::Rc;

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

use super::{Door, Open, SLOW};

pub const API: Door = Door { name: "api", words: WORDS, seeds: requests, open };

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
        format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}Content-Length: {}\r\n\r\n{body}", body.len())
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

fn open() -> Open {
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
    let runtime = Rc::new(runtime);
    let at_work = runtime.clone();
    let try_it = move |bytes: &[u8]| at_work.block_on(request(&pipe, bytes));
    let close = move || {
        stop.send(()).unwrap();
        runtime.block_on(running).unwrap().unwrap();
        drop(folder);
    };
    Open { try_it: Box::new(try_it), close: Box::new(close) }
}
