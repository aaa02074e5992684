//! Sessions of a client that is none.

use std::sync::Arc;

use sent_items_update::settings::SmtpSettings;
use sent_items_update::updater::intake::smtp::SmtpDoor;
use sent_items_update::updater::intake::{Accept, AcceptError, Receipt, Received};
use sent_items_update::updater::spool::Spool;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::{Door, Open, SLOW};

pub const SMTP: Door = Door { name: "smtp", words: WORDS, seeds: || SESSIONS.map(<[u8]>::to_vec).into(), open };

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

fn open() -> Open {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (stop, spool) = (CancellationToken::new(), Spool::open(folder.path(), 100_000).unwrap());
    let settings = SmtpSettings { listen: "127.0.0.1:0".parse().unwrap(), allow_remote: false };
    let door = runtime.block_on(SmtpDoor::bind(&settings, spool, Arc::new(Taken), stop.clone())).unwrap();
    let address = door.local_addr().unwrap();
    runtime.spawn(door.run());
    let try_it = move |said: &[u8]| runtime.block_on(converse(address, said));
    let close = move || {
        stop.cancel();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "something is left in the spool");
    };
    Open { try_it: Box::new(try_it), close: Box::new(close) }
}
