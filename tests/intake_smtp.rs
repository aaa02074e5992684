//! What the SMTP door promises to whoever hands over messages.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sent_items_update::pipe::types::{Filter, State};
use sent_items_update::settings::SmtpSettings;
use sent_items_update::updater::clock::Clock;
use sent_items_update::updater::intake::smtp::{SmtpDoor, SmtpLimits};
use sent_items_update::updater::intake::{Accept, AcceptError, Receipt, Received, Source, Unusable};
use sent_items_update::updater::queue::{Queue, QueueOptions};
use sent_items_update::updater::spool::Spool;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// A gate that remembers what it was given.
#[derive(Default)]
struct Gate {
    accepted: Mutex<Vec<(Vec<u8>, Source)>>,
    /// Errors to answer with, before messages are accepted.
    errors: Mutex<VecDeque<AcceptError>>,
    /// Held back until a permit comes, if there is one of these.
    hold: Option<Semaphore>,
    asked: AtomicUsize,
}

impl Accept for Gate {
    async fn accept(&self, received: Received) -> Result<Receipt, AcceptError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if let Some(hold) = &self.hold {
            hold.acquire().await.unwrap().forget();
        }
        assert_eq!(received.unusable, Unusable::Record, "a refusal would come back to the sender as a bounce");
        if let Some(error) = self.errors.lock().unwrap().pop_front() {
            return Err(error);
        }
        let mut accepted = self.accepted.lock().unwrap();
        accepted.push((received.content.bytes().unwrap().to_vec(), received.source));
        Ok(Receipt { id: i64::try_from(accepted.len()).unwrap(), duplicate: false })
    }
}

const LIMIT: u64 = 300_000;

struct Door {
    address: SocketAddr,
    gate: Arc<Gate>,
    folder: tempfile::TempDir,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

impl Door {
    async fn open() -> Self {
        Self::with(Gate::default(), SmtpLimits::default()).await
    }

    async fn with(gate: Gate, limits: SmtpLimits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), LIMIT).unwrap();
        let settings = SmtpSettings { listen: "127.0.0.1:0".parse().unwrap(), allow_remote: false };
        let (gate, stop) = (Arc::new(gate), CancellationToken::new());
        let door = SmtpDoor::bind(&settings, spool, gate.clone(), stop.clone()).await.unwrap().with_limits(limits);
        let address = door.local_addr().unwrap();
        Self { address, gate, folder, stop, running: tokio::spawn(door.run()) }
    }

    async fn client(&self) -> Client {
        let mut client = self.stranger().await;
        client.expect("220").await;
        client
    }

    /// A client that has not been greeted.
    async fn stranger(&self) -> Client {
        Client(BufReader::new(TcpStream::connect(self.address).await.unwrap()))
    }

    /// A client that has said EHLO, MAIL and RCPT.
    async fn sender(&self) -> Client {
        let mut client = self.client().await;
        client.say("EHLO client.example\r\n").await;
        client.expect("250").await;
        client.envelope().await;
        client
    }

    fn accepted(&self) -> Vec<(Vec<u8>, Source)> {
        self.gate.accepted.lock().unwrap().clone()
    }

    fn messages(&self) -> Vec<String> {
        self.accepted().into_iter().map(|(content, _)| String::from_utf8(content).unwrap()).collect()
    }

    fn spooled(&self) -> usize {
        std::fs::read_dir(self.folder.path()).unwrap().count()
    }
}

struct Client(BufReader<TcpStream>);

impl Client {
    async fn say(&mut self, text: impl AsRef<[u8]>) {
        self.0.get_mut().write_all(text.as_ref()).await.unwrap();
    }

    /// Reads one reply, all its lines.
    async fn hear(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let start = reply.len();
            let read = tokio::time::timeout(Duration::from_secs(30), self.0.read_line(&mut reply)).await;
            assert_ne!(read.expect("a reply in time").unwrap(), 0, "the door closed after {reply:?}");
            assert!(reply.ends_with("\r\n"), "{reply:?}");
            if reply.as_bytes().get(start + 3) != Some(&b'-') {
                return reply;
            }
        }
    }

    #[track_caller]
    fn expect(&mut self, code: &str) -> impl Future<Output = String> {
        let place = std::panic::Location::caller();
        async move {
            let reply = self.hear().await;
            assert!(reply.starts_with(code), "{place}: expected {code}, heard {reply:?}");
            reply
        }
    }

    async fn envelope(&mut self) {
        self.say("MAIL FROM:<anna@x.example>\r\nRCPT TO:<any@y.example>\r\n").await;
        self.expect("250 2.1.0").await;
        self.expect("250 2.1.5").await;
    }

    async fn data(&mut self, text: impl AsRef<[u8]>) {
        self.say("DATA\r\n").await;
        self.expect("354").await;
        self.say(text).await;
    }

    async fn expect_end(&mut self) {
        let mut rest = String::new();
        let read = tokio::time::timeout(Duration::from_secs(30), self.0.read_to_string(&mut rest)).await;
        // Unread input makes the system reset the connection instead of closing it.
        if read.expect("the door closes the connection").is_ok() {
            assert_eq!(rest, "");
        }
    }
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..3000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} did not happen");
}

/// U2: no acknowledgement before the gate has the message.
#[tokio::test]
async fn a_message_is_acknowledged_only_after_the_gate_has_it() {
    let gate = Gate { hold: Some(Semaphore::new(0)), ..Gate::default() };
    let door = Door::with(gate, SmtpLimits::default()).await;
    let mut client = door.sender().await;
    client.data("text\r\n.\r\n").await;
    let early = tokio::time::timeout(Duration::from_millis(100), client.hear()).await;
    assert!(early.is_err(), "heard {early:?} before the gate answered");
    door.gate.hold.as_ref().unwrap().add_permits(1);
    client.expect("250 2.0.0").await;
    assert_eq!(door.accepted(), [(b"text\r\n".to_vec(), Source::Smtp)]);
}

/// U2, U10: what the gate says decides what the client hears.
#[tokio::test]
async fn errors_of_the_gate_become_the_replies_that_fit() {
    let door = Door::open().await;
    let mut client = door.sender().await;
    let errors = [
        (AcceptError::DiskFull { path: "/queue".to_owned() }, "452 4.3.1"),
        (AcceptError::Storage("broken".to_owned()), "451 4.3.0"),
        (AcceptError::TooLarge { limit: LIMIT }, "552 5.3.4"),
        (AcceptError::Unusable(sent_items_update::message::MessageProblem::NoFrom), "554 5.6.0"),
    ];
    for (error, code) in errors {
        door.gate.errors.lock().unwrap().push_back(error);
        client.data("text\r\n.\r\n").await;
        client.expect(code).await;
        client.envelope().await;
    }
    client.data("text\r\n.\r\n").await;
    client.expect("250 2.0.0").await;
    client.envelope().await;
    door.gate.errors.lock().unwrap().push_back(AcceptError::Stopping);
    client.data("text\r\n.\r\n").await;
    client.expect("421 4.3.2").await;
    client.expect_end().await;
    assert_eq!(door.accepted().len(), 1);
}

#[tokio::test]
async fn the_extensions_are_offered_and_the_small_commands_answered() {
    let door = Door::open().await;
    let mut client = door.client().await;
    client.say("EHLO client.example\r\n").await;
    let offered = client.expect("250").await;
    for extension in
        ["PIPELINING", "SIZE 300000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "CHUNKING", "BINARYMIME", "HELP"]
    {
        assert!(offered.lines().any(|line| &line[4..] == extension), "{extension} is missing in {offered}");
    }
    assert!(offered.starts_with("250-[127.0.0.1]\r\n"), "{offered}");
    for (command, code) in [
        ("NOOP", "250 2.0.0"),
        ("NOOP hello", "250 2.0.0"),
        ("RSET", "250 2.0.0"),
        ("HELP", "214 2.0.0"),
        ("HELP DATA", "214 2.0.0"),
        ("VRFY anna", "252 2.1.5"),
        ("EXPN list", "502 5.5.1"),
        ("STARTTLS", "502 5.5.1"),
        ("AUTH PLAIN AGEAYg==", "502 5.5.1"),
        ("LHLO x", "502 5.5.1"),
        ("HELO client.example", "250 [127.0.0.1]"),
        ("quit", "221 2.0.0"),
    ] {
        client.say(format!("{command}\r\n")).await;
        client.expect(code).await;
    }
    client.expect_end().await;
}

#[tokio::test]
async fn commands_out_of_order_are_refused() {
    let door = Door::open().await;
    let mut client = door.client().await;
    for (command, code) in [
        ("MAIL FROM:<a@x.example>", "503 5.5.1"),
        ("EHLO client.example", "250"),
        ("RCPT TO:<b@y.example>", "503 5.5.1"),
        ("DATA", "503 5.5.1"),
        ("MAIL FROM:<a@x.example>", "250 2.1.0"),
        ("MAIL FROM:<a@x.example>", "503 5.5.1"),
        ("DATA", "503 5.5.1"),
        ("RCPT TO:<>", "501 5.1.3"),
        ("RCPT TO:<b@y.example>", "250 2.1.5"),
        ("RSET", "250 2.0.0"),
        ("DATA", "503 5.5.1"),
        ("MAIL FROM:<a@x.example> BODY=BINARYMIME", "250 2.1.0"),
        ("RCPT TO:<b@y.example>", "250 2.1.5"),
        ("DATA", "503 5.5.1"),
        ("EHLO client.example", "250"),
        ("RCPT TO:<b@y.example>", "503 5.5.1"),
    ] {
        client.say(format!("{command}\r\n")).await;
        client.expect(code).await;
    }
}

#[tokio::test]
async fn what_can_t_be_understood_is_answered_and_too_much_of_it_ends_the_session() {
    let door = Door::open().await;
    let mut client = door.client().await;
    client.say("EHLO client.example\r\n").await;
    client.expect("250").await;
    let nonsense = [
        ("NONSENSE", "500 5.5.1"),
        ("\0\u{1}", "500 5.5.1"),
        ("", "500 5.5.1"),
        ("MAIL", "501 5.5.4"),
        ("MAIL FROM:anna@x.example", "501 5.5.4"),
        ("MAIL FROM:<anna@x.example> SIZE=abc", "501 5.5.4"),
        ("MAIL FROM:<anna@x.example> NOSUCH=1", "555 5.5.4"),
        ("MAIL FROM:<anna@@x>", "501 5.1.7"),
        ("BDAT", "501 5.5.4"),
    ];
    for (command, code) in nonsense {
        client.say(format!("{command}\r\n")).await;
        client.expect(code).await;
    }
    client.say(format!("NOOP {}\r\nNOOP\r\n", "x".repeat(100_000))).await;
    client.expect("500 5.5.2").await;
    client.expect("250 2.0.0").await;
    for _ in nonsense.len() + 1..21 {
        client.say("NONSENSE\r\n").await;
        client.expect("500 5.5.1").await;
    }
    client.expect("421 4.7.0").await;
    client.expect_end().await;
}

/// Whom a message is from and to doesn't matter, so that addresses of every form will do.
#[tokio::test]
async fn addresses_of_every_form_are_taken() {
    let door = Door::open().await;
    let mut client = door.client().await;
    client.say("EHLO client.example\r\n").await;
    client.expect("250").await;
    for address in
        ["", "a@[127.0.0.1]", "\"a b\"@x.example", "a+b=c@x.example", "jörg@bücher.example", "SRS0=x=y=z=a@x.example"]
    {
        client.say(format!("MAIL FROM:<{address}>\r\nRSET\r\n")).await;
        client.expect("250 2.1.0").await;
        client.expect("250 2.0.0").await;
    }
    client.say("mail from: <a@x.example> ret=hdrs envid=1\r\n").await;
    client.expect("250 2.1.0").await;
    for address in ["b@y.example", "postmaster", "\"a b\"@x.example", "b@[IPv6:::1]"] {
        client.say(format!("RCPT TO:<{address}> NOTIFY=NEVER ORCPT=rfc822;b@y.example\r\n")).await;
        client.expect("250 2.1.5").await;
    }
}

#[tokio::test]
async fn an_endless_line_ends_the_session() {
    let door = Door::open().await;
    let mut client = door.client().await;
    let flood = async {
        let mut stream = TcpStream::connect(door.address).await.unwrap();
        while stream.write_all(&[b'x'; 10_000]).await.is_ok() {}
    };
    tokio::time::timeout(Duration::from_secs(30), flood).await.expect("the door hangs up");
    client.say("NOOP\r\n").await;
    client.expect("250 2.0.0").await;
}

/// Every command of a message in one write, and the next message behind it.
#[tokio::test]
async fn pipelined_commands_are_obeyed_in_order() {
    let door = Door::open().await;
    let mut client = door.client().await;
    let envelope = "MAIL FROM:<> SIZE=100 BODY=8BITMIME SMTPUTF8\r\nRCPT TO:<jörg@bücher.example>\r\n";
    client.say(format!("EHLO c\r\n{envelope}DATA\r\nfirst\r\n.\r\n{envelope}BDAT 8 LAST\r\nsecond\r\nQUIT\r\n")).await;
    for code in ["250-", "250 2.1.0", "250 2.1.5", "354", "250 2.0.0", "250 2.1.0", "250 2.1.5", "250 2.0.0", "221"] {
        client.expect(code).await;
    }
    client.expect_end().await;
    assert_eq!(door.messages(), ["first\r\n", "second\r\n"]);
}

#[tokio::test]
async fn dots_are_unstuffed_whatever_the_packets_are() {
    let door = Door::open().await;
    let mut client = door.sender().await;
    client.say("DATA\r\n").await;
    client.expect("354").await;
    for byte in b"..dot\r\n.\r\n" {
        client.say([*byte]).await;
        client.0.get_mut().flush().await.unwrap();
        tokio::task::yield_now().await;
    }
    client.expect("250 2.0.0").await;
    assert_eq!(door.messages(), [".dot\r\n"]);
}

/// Whatever another server takes for a line end, no second message slips in.
#[tokio::test]
async fn nothing_but_crlf_dot_crlf_ends_a_message() {
    let door = Door::open().await;
    let mut client = door.sender().await;
    let smuggled = "a\n.\nMAIL FROM:<b@x>\n\r.\r\nc\r\n.\nd\r\n.\r\r\ne\n.\r\nQUIT\r\n";
    client.data(format!("{smuggled}.\r\n")).await;
    client.expect("250 2.0.0").await;
    client.say("NOOP\r\n").await;
    client.expect("250 2.0.0").await;
    let expected = smuggled.replace("\r\n.", "\r\n");
    assert_eq!(door.messages(), [expected]);
}

#[tokio::test]
async fn an_empty_message_is_handed_over_like_any_other() {
    let door = Door::open().await;
    let mut client = door.sender().await;
    client.data(".\r\n").await;
    client.expect("250 2.0.0").await;
    assert_eq!(door.messages(), [""]);
}

#[tokio::test]
async fn an_announced_size_above_the_limit_is_refused_at_once() {
    let door = Door::open().await;
    let mut client = door.client().await;
    client.say(format!("EHLO c\r\nMAIL FROM:<a@x.example> SIZE={}\r\nRSET\r\n", LIMIT + 1)).await;
    client.expect("250").await;
    client.expect("552 5.3.4").await;
    client.expect("250 2.0.0").await;
    client.say(format!("MAIL FROM:<a@x.example> SIZE={LIMIT}\r\n")).await;
    client.expect("250 2.1.0").await;
}

#[tokio::test]
async fn a_message_that_gets_too_large_is_read_to_its_end_and_not_kept() {
    let door = Door::open().await;
    let mut client = door.sender().await;
    let line = format!("{}\r\n", "x".repeat(998));
    client.data(format!("{}.\r\n", line.repeat(1000))).await;
    client.expect("552 5.3.4").await;
    assert_eq!(door.spooled(), 0);
    client.envelope().await;
    client.say(format!("BDAT 400000\r\n{}", "y".repeat(400_000))).await;
    client.expect("552 5.3.4").await;
    client.say("BDAT 1 LAST\r\nz").await;
    client.expect("552 5.3.4").await;
    assert_eq!(door.spooled(), 0);
    client.envelope().await;
    client.data("small\r\n.\r\n").await;
    client.expect("250 2.0.0").await;
    assert_eq!(door.messages(), ["small\r\n"]);
}

#[tokio::test]
async fn a_large_message_goes_through_the_spool_byte_for_byte() {
    let door = Door::open().await;
    let mut client = door.sender().await;
    let lines: Vec<String> = (0..12_000).map(|n| format!("line {n} of many\r\n")).collect();
    let message = lines.concat();
    client.data(format!("{message}.\r\n")).await;
    client.expect("250 2.0.0").await;
    assert_eq!(door.messages(), [message]);
}

#[tokio::test]
async fn chunks_are_joined_and_may_contain_anything() {
    let door = Door::open().await;
    let mut client = door.client().await;
    client.say("EHLO c\r\nMAIL FROM:<a@x.example> BODY=BINARYMIME\r\nRCPT TO:<b@y.example>\r\n").await;
    for _ in 0..3 {
        client.expect("250").await;
    }
    client.say(b"BDAT 7\r\na\r\n.\r\n\0").await;
    client.expect("250 2.0.0").await;
    client.say("RCPT TO:<c@y.example>\r\nDATA\r\n").await;
    client.expect("503 5.5.1").await;
    client.expect("503 5.5.1").await;
    client.say("BDAT 0\r\nBDAT 4\r\nQUITBDAT 0 LAST\r\n").await;
    for _ in 0..3 {
        client.expect("250 2.0.0").await;
    }
    assert_eq!(door.messages(), ["a\r\n.\r\n\0QUIT"]);
    client.say("BDAT 4 LAST\r\nQUITNOOP\r\n").await;
    client.expect("503 5.5.1").await;
    client.expect("250 2.0.0").await;
}

#[tokio::test]
async fn recipients_do_not_matter_but_are_not_without_number() {
    let door = Door::with(Gate::default(), SmtpLimits { recipients: 3, ..SmtpLimits::default() }).await;
    let mut client = door.sender().await;
    client.say("RCPT TO:<b@y.example>\r\nRCPT TO:<c@y.example>\r\nRCPT TO:<d@y.example>\r\n").await;
    for code in ["250 2.1.5", "250 2.1.5", "452 4.5.3"] {
        client.expect(code).await;
    }
    client.data("text\r\n.\r\n").await;
    client.expect("250 2.0.0").await;
}

#[tokio::test]
async fn a_client_that_goes_away_in_the_middle_leaves_nothing_behind() {
    let door = Door::open().await;
    for start in ["DATA\r\n", "BDAT 290000 LAST\r\n"] {
        let mut client = door.sender().await;
        client.say(format!("{start}{}", "x".repeat(200_000))).await;
        until("the start of the message is spooled", || door.spooled() == 1).await;
        drop(client);
        until("the spool is empty again", || door.spooled() == 0).await;
    }
    assert_eq!(door.accepted(), []);
}

#[tokio::test]
async fn a_silent_client_is_sent_away() {
    let limits = SmtpLimits { idle: Duration::from_millis(50), ..SmtpLimits::default() };
    let door = Door::with(Gate::default(), limits).await;
    let mut client = door.client().await;
    client.expect("421 4.4.2").await;
    client.expect_end().await;
    let mut client = door.sender().await;
    client.data("half a message").await;
    client.expect("421 4.4.2").await;
    client.expect_end().await;
    assert_eq!(door.accepted(), []);
}

#[tokio::test]
async fn more_sessions_than_allowed_are_told_to_come_back() {
    let door = Door::with(Gate::default(), SmtpLimits { sessions: 2, ..SmtpLimits::default() }).await;
    let (first, _second) = (door.client().await, door.client().await);
    let mut third = door.stranger().await;
    third.expect("421 4.3.2").await;
    third.expect_end().await;
    drop(first);
    loop {
        if door.stranger().await.hear().await.starts_with("220") {
            break;
        }
    }
}

/// U8: a stop loses no message that was acknowledged, and cuts none that is being accepted.
#[tokio::test]
async fn a_stop_sends_idle_clients_away_and_lets_an_acceptance_finish() {
    let gate = Gate { hold: Some(Semaphore::new(0)), ..Gate::default() };
    let door = Door::with(gate, SmtpLimits::default()).await;
    let (mut idle, mut busy) = (door.client().await, door.sender().await);
    let mut halfway = door.sender().await;
    halfway.data("half a message").await;
    busy.data("text\r\n.\r\n").await;
    until("the gate is asked", || door.gate.asked.load(Ordering::Relaxed) == 1).await;
    door.stop.cancel();
    idle.expect("421 4.3.2").await;
    idle.expect_end().await;
    halfway.expect("421 4.3.2").await;
    halfway.expect_end().await;
    assert!(!door.running.is_finished(), "a message is still being accepted");
    door.gate.hold.as_ref().unwrap().add_permits(1);
    busy.expect("250 2.0.0").await;
    busy.expect("421 4.3.2").await;
    busy.expect_end().await;
    assert_eq!(door.messages(), ["text\r\n"]);
    let Door { running, address, .. } = door;
    running.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "the door is closed");
}

fn journal_report(filler: usize) -> String {
    let report = std::fs::read_to_string("tests/fixtures/message/journal-report.eml").unwrap();
    report.replace("--_000_inner_--", &format!("{}\r\n--_000_inner_--", "filler\r\n".repeat(filler)))
}

/// U2: of a journal report the message that it reports is taken.
#[tokio::test]
async fn journal_reports_are_unpacked() {
    let door = Door::open().await;
    let mut client = door.sender().await;
    // Small ones are in memory, large ones in files.
    for filler in [0, 20_000] {
        let report = journal_report(filler);
        client.data(format!("{report}.\r\n")).await;
        client.expect("250 2.0.0").await;
        client.envelope().await;
        let (content, source) = door.accepted().pop().unwrap();
        let message = String::from_utf8(content).unwrap();
        assert_eq!(source, Source::Journal);
        assert!(message.starts_with("Received: from NWEX01") && message.contains("<journaled-1@nordwind.example>"));
        assert!(message.ends_with("--_000_inner_--\r\n"), "{}", &message[message.len() - 100..]);
        assert!(report.contains(&message), "it is byte for byte what the report has");
        assert_eq!(door.spooled(), 0, "neither file is left behind");
    }
}

#[tokio::test]
async fn a_report_of_several_messages_is_acknowledged_when_all_are_accepted() {
    let door = Door::open().await;
    let mut client = door.sender().await;
    let one =
        |id: u32| format!("Content-Type: message/rfc822\r\n\r\nMessage-ID: <{id}@x>\r\nFrom: a@x.example\r\n\r\n{id}");
    let report = format!(
        "X-MS-Journal-Report:\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSender: a\r\n--b\r\n{}\r\n--b\r\n{}\r\n--b--\r\n",
        one(1),
        one(2)
    );
    client.data(format!("{report}.\r\n")).await;
    assert_eq!(client.expect("250 2.0.0").await, "250 2.0.0 accepted as 1, 2\r\n");
    client.envelope().await;
    door.gate.errors.lock().unwrap().push_back(AcceptError::Storage("x".to_owned()));
    client.data(format!("{report}.\r\n")).await;
    client.expect("451 4.3.0").await;
}

/// A broken report goes to the gate as it is: reading it as a message says what is wrong with it.
#[tokio::test]
async fn a_broken_journal_report_is_handed_over_whole() {
    let door = Door::open().await;
    let mut client = door.sender().await;
    let report = "X-MS-Journal-Report:\r\nFrom: a@x.example\r\nMessage-ID: <1@x>\r\n\r\nnothing attached\r\n";
    client.data(format!("{report}.\r\n")).await;
    client.expect("250 2.0.0").await;
    assert_eq!(door.accepted(), [(report.as_bytes().to_vec(), Source::Smtp)]);
    let problem = sent_items_update::message::ProcessedMessage::parse(report.as_bytes().into()).unwrap_err();
    assert!(problem.to_string().contains("the message that it reports is not attached"), "{problem}");
}

#[tokio::test]
async fn many_clients_are_served_at_once() {
    let door = Door::open().await;
    let clients = (0..50).map(|client| {
        let address = door.address;
        tokio::spawn(async move {
            let mut stream = Client(BufReader::new(TcpStream::connect(address).await.unwrap()));
            stream.expect("220").await;
            stream.say("EHLO c\r\n").await;
            stream.expect("250").await;
            for message in 0..20 {
                stream.envelope().await;
                stream.data(format!("{client}-{message}\r\n.\r\n")).await;
                stream.expect("250 2.0.0").await;
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    let mut messages = door.messages();
    messages.sort();
    messages.dedup();
    assert_eq!(messages.len(), 1000);
}

/// U2, U10: through the door into the real queue: once each, and with a reason where it can't be used.
#[tokio::test]
async fn messages_reach_the_queue_once_and_broken_ones_with_their_reason() {
    let folder = tempfile::tempdir().unwrap();
    let options = QueueOptions { max_message_bytes: LIMIT, max_pages: None };
    let queue = Queue::open(folder.path(), Clock::system(), options).await.unwrap();
    let stop = CancellationToken::new();
    let settings = SmtpSettings { listen: "127.0.0.1:0".parse().unwrap(), allow_remote: false };
    let gate = Arc::new(sent_items_update::updater::gate::Gate::new(queue.clone()));
    let door = SmtpDoor::bind(&settings, queue.spool().clone(), gate, stop.clone()).await.unwrap();
    let mut client = Client(BufReader::new(TcpStream::connect(door.local_addr().unwrap()).await.unwrap()));
    let running = tokio::spawn(door.run());
    client.expect("220").await;
    client.say("EHLO c\r\n").await;
    client.expect("250").await;
    let report = journal_report(0);
    let broken = "X-MS-Journal-Report:\r\nFrom: a@x.example\r\nMessage-ID: <1@x>\r\n\r\nnothing attached\r\n";
    for text in [report.clone(), format!("Received: again\r\n{report}"), journal_report(20_000), broken.to_owned()] {
        client.envelope().await;
        client.data(format!("{text}.\r\n")).await;
        client.expect("250 2.0.0").await;
    }
    let mut listed = queue.list(&Filter::default()).await.unwrap();
    listed.reverse();
    let [first, large, unusable] = listed.as_slice() else { panic!("{listed:?}") };
    for message in [first, large] {
        assert_eq!((message.state, message.source.as_str()), (State::Waiting, "journal"));
        assert_eq!(message.message_id, "<journaled-1@nordwind.example>");
        assert_eq!(message.sender, "Anna.Berg@nordwind.example");
        assert_eq!(message.subject, "Angebot für Jörg");
    }
    assert!(queue.content(large.id).await.unwrap().ends_with(b"--_000_inner_--\r\n"));
    assert_eq!((unusable.state, unusable.source.as_str()), (State::Failed, "smtp"));
    let reason = format!("{unusable:?}");
    assert!(reason.contains("the message that it reports is not attached"), "{reason}");
    stop.cancel();
    running.await.unwrap();
    queue.close().await;
}
