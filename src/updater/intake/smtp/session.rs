//! One session of the SMTP door.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use memchr::memchr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::super::journal::{self, storage};
use super::super::{Accept, AcceptError, Source, Unusable};
use super::Shared;
use super::command::Command;
use super::data::DataReader;
use super::reply::Reply;
use crate::updater::spool::{Content, Spool, SpoolWriter};

/// Bytes read at once; a command line, of 4,096 bytes at the most, must fit in.
const READ: usize = 64 * 1024;
/// RFC 5321 asks for 512 bytes and the extensions for some more; internationalised addresses are the longest.
const LONGEST_LINE: usize = 4096;
/// A client that doesn't take a reply within this time is gone.
const WRITE_TIMEOUT: Duration = Duration::from_mins(1);

pub(super) struct Session<A> {
    stream: TcpStream,
    shared: Arc<Shared<A>>,
    /// What the server calls itself: the address that was connected to (RFC 5321, section 4.1.3).
    name: String,
    peer: String,
    buffer: Box<[u8]>,
    /// What was read and not yet used: `buffer[start..end]`.
    start: usize,
    end: usize,
    /// Replies that are not sent yet: those of pipelined commands go in one write.
    replies: Vec<u8>,
    greeted: bool,
    /// The rest of a line that was too long is being skipped.
    skipping: bool,
    errors: u32,
    transaction: Option<Transaction>,
}

/// From MAIL to the end of the message.
#[derive(Default)]
struct Transaction {
    recipients: usize,
    /// BODY=BINARYMIME: lines may be of any length, so that only BDAT can carry it (RFC 3030).
    binary: bool,
    chunks: Option<Incoming>,
}

/// A message on its way in.
struct Incoming {
    /// None once it has failed: the rest is read without being stored.
    writer: Result<SpoolWriter, AcceptError>,
    spool: Spool,
}

impl Incoming {
    fn new(spool: &Spool) -> Self {
        Self { writer: Ok(spool.writer()), spool: spool.clone() }
    }

    fn write(&mut self, piece: &[u8]) {
        if let Ok(writer) = &mut self.writer
            && let Err(error) = writer.write(piece)
        {
            // The writer goes, and with it what it has stored so far.
            self.writer = Err(storage(&error, &self.spool));
        }
    }

    fn finish(self) -> Result<Content, AcceptError> {
        self.writer.map(SpoolWriter::finish)
    }
}

/// Why a session ends.
enum End {
    Quit,
    Idle,
    Stopping,
    Errors,
    /// The client is gone, or has been told already.
    Silently,
}

impl<A: Accept> Session<A> {
    pub(super) fn new(stream: TcpStream, shared: Arc<Shared<A>>) -> Self {
        let name = stream.local_addr().map_or_else(
            |_| "localhost".to_owned(),
            |address| match address.ip() {
                std::net::IpAddr::V4(ip) => format!("[{ip}]"),
                std::net::IpAddr::V6(ip) => format!("[IPv6:{ip}]"),
            },
        );
        let peer = stream.peer_addr().map_or_else(|_| "a client that is gone".to_owned(), |peer| peer.to_string());
        Self {
            stream,
            shared,
            name,
            peer,
            buffer: vec![0; READ].into(),
            start: 0,
            end: 0,
            replies: Vec::with_capacity(512),
            greeted: false,
            skipping: false,
            errors: 0,
            transaction: None,
        }
    }

    pub(super) async fn run(mut self) {
        let Err(end) = self.dialog().await;
        match end {
            End::Quit => self.say(&Reply::new("221 2.0.0", "goodbye")),
            End::Idle => self.say(&Reply::new("421 4.4.2", "nothing was heard for too long")),
            End::Stopping => self.say(&Reply::new("421 4.3.2", "the updater is stopping; try again when it runs")),
            End::Errors => self.say(&Reply::new("421 4.7.0", "too many errors")),
            End::Silently => {}
        }
        // Whether the client still hears it or not, the session is over.
        if self.flush().await.is_ok() {
            let _ = self.stream.shutdown().await;
        }
    }

    async fn dialog(&mut self) -> Result<Infallible, End> {
        let greeting = format!("{} ESMTP Sent Items Update", self.name);
        self.say(&Reply::new("220", greeting));
        loop {
            while let Some(command) = self.next_command() {
                if self.shared.stop.is_cancelled() {
                    return Err(End::Stopping);
                }
                let done = match command {
                    Ok(command) => self.obey(command).await?,
                    Err(reply) => Err(reply),
                };
                match done {
                    Ok(reply) => self.say(&reply),
                    Err(reply) => {
                        self.say(&reply);
                        self.errors += 1;
                    }
                }
                if self.errors > self.shared.limits.errors {
                    return Err(End::Errors);
                }
            }
            self.fill().await?;
        }
    }

    fn say(&mut self, reply: &Reply) {
        reply.write(&mut self.replies);
    }

    async fn flush(&mut self) -> Result<(), End> {
        if !self.replies.is_empty() {
            let written = timeout(WRITE_TIMEOUT, self.stream.write_all(&self.replies)).await;
            self.replies.clear();
            written.ok().and_then(Result::ok).ok_or(End::Silently)?;
        }
        Ok(())
    }

    /// Sends what is to be sent and reads more. There must be room in the buffer.
    async fn fill(&mut self) -> Result<(), End> {
        self.flush().await?;
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        let read = tokio::select! {
            biased;
            () = self.shared.stop.cancelled() => return Err(End::Stopping),
            read = timeout(self.shared.limits.idle, self.stream.read(&mut self.buffer[self.end..])) => read,
        };
        match read {
            Err(_elapsed) => Err(End::Idle),
            Ok(Ok(0) | Err(_)) => Err(End::Silently),
            Ok(Ok(read)) => {
                self.end += read;
                Ok(())
            }
        }
    }

    /// The next command, if its line is there.
    fn next_command(&mut self) -> Option<Result<Command, Reply>> {
        let held = &self.buffer[self.start..self.end];
        let line_end = memchr(b'\n', held);
        let length = line_end.map_or(held.len(), |at| at + 1);
        let too_long = self.skipping || length > LONGEST_LINE;
        if line_end.is_none() {
            if too_long {
                // An endless line ends the session some time.
                self.errors += u32::from(self.skipping);
                self.skipping = true;
                self.start = self.end;
                if self.errors > self.shared.limits.errors {
                    return Some(Err(Reply::new("500 5.5.2", "the line is too long")));
                }
            }
            return None;
        }
        self.start += length;
        self.skipping = false;
        Some(if too_long {
            Err(Reply::new("500 5.5.2", format!("the line is longer than {LONGEST_LINE} bytes")))
        } else {
            Command::parse(&held[..length])
        })
    }

    /// Does what the client asks for. The inner error is a reply that counts as the client's mistake.
    async fn obey(&mut self, command: Command) -> Result<Result<Reply, Reply>, End> {
        let out_of_order = |text: &str| Ok(Err(Reply::new("503 5.5.1", text)));
        let sequence = self.transaction.as_mut();
        let chunking = sequence.as_ref().is_some_and(|transaction| transaction.chunks.is_some());
        Ok(Ok(match command {
            Command::Hello { extended } => {
                self.greeted = true;
                self.transaction = None;
                if extended { self.extensions() } else { Reply::new("250", self.name.clone()) }
            }
            Command::Mail { .. } if !self.greeted => return out_of_order("say EHLO first"),
            Command::Mail { .. } if sequence.is_some() => return out_of_order("a message is under way; RSET drops it"),
            Command::Mail { size, binary } => {
                let limit = self.shared.spool.max_message_bytes();
                if size > limit {
                    return Ok(Ok(Reply::not_accepted(&AcceptError::TooLarge { limit })));
                }
                self.transaction = Some(Transaction { binary, ..Transaction::default() });
                Reply::new("250 2.1.0", "sender ok")
            }
            Command::Recipient if chunking => return out_of_order("the message has begun"),
            Command::Recipient => match sequence {
                None => return out_of_order("MAIL comes before RCPT"),
                Some(transaction) if transaction.recipients >= self.shared.limits.recipients => {
                    Reply::new("452 4.5.3", "too many recipients; one is enough")
                }
                Some(transaction) => {
                    transaction.recipients += 1;
                    Reply::new("250 2.1.5", "recipient ok")
                }
            },
            Command::Data => match sequence {
                Some(transaction) if transaction.recipients > 0 && !transaction.binary && !chunking => {
                    return self.receive_data().await.map(Ok);
                }
                Some(transaction) if transaction.binary => return out_of_order("BINARYMIME needs BDAT"),
                Some(_) if chunking => return out_of_order("the message has begun with BDAT"),
                _ => return out_of_order("MAIL and RCPT come before DATA"),
            },
            Command::Chunk { length, last } => return self.receive_chunk(length, last).await,
            Command::Reset => {
                self.transaction = None;
                Reply::new("250 2.0.0", "reset")
            }
            Command::Nothing => Reply::new("250 2.0.0", "ok"),
            Command::Verify => Reply::new("252 2.1.5", "any recipient is taken"),
            Command::Help => Reply::new("214 2.0.0", "processed messages and Exchange journal reports are taken here"),
            Command::Quit => return Err(End::Quit),
            Command::NotOffered(name) => return Ok(Err(Reply::new("502 5.5.1", format!("{name} is not offered")))),
        }))
    }

    /// Writes all lines of the answer to EHLO but the last, which it returns.
    fn extensions(&mut self) -> Reply {
        let size = self.shared.spool.max_message_bytes();
        let lines = format!(
            "250-{}\r\n250-PIPELINING\r\n250-SIZE {size}\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n\
             250-CHUNKING\r\n250-BINARYMIME\r\n",
            self.name
        );
        self.replies.extend_from_slice(lines.as_bytes());
        Reply::new("250", "HELP")
    }

    async fn receive_data(&mut self) -> Result<Reply, End> {
        self.transaction = None;
        self.say(&Reply::new("354", "end with <CRLF>.<CRLF>"));
        let mut reader = DataReader::new();
        let mut incoming = Incoming::new(&self.shared.spool);
        loop {
            let progress = reader.read(&self.buffer[self.start..self.end], |piece| incoming.write(piece));
            self.start += progress.used;
            if progress.ended {
                return self.hand_over(incoming).await;
            }
            self.fill().await?;
        }
    }

    async fn receive_chunk(&mut self, length: usize, last: bool) -> Result<Result<Reply, Reply>, End> {
        let mut transaction = self.transaction.take().filter(|transaction| transaction.recipients > 0);
        let mut incoming = transaction
            .as_mut()
            .map(|transaction| transaction.chunks.take().unwrap_or_else(|| Incoming::new(&self.shared.spool)));
        let mut left = length;
        while left > 0 {
            if self.start == self.end {
                self.fill().await?;
            }
            let piece = &self.buffer[self.start..self.end.min(self.start.saturating_add(left))];
            if let Some(incoming) = &mut incoming {
                incoming.write(piece);
            }
            left -= piece.len();
            self.start += piece.len();
        }
        let (Some(mut transaction), Some(incoming)) = (transaction, incoming) else {
            return Ok(Err(Reply::new("503 5.5.1", "MAIL and RCPT come before BDAT")));
        };
        if last {
            return self.hand_over(incoming).await.map(Ok);
        }
        let reply = match &incoming.writer {
            Ok(writer) => Reply::new("250 2.0.0", format!("{} bytes so far", writer.written())),
            Err(error) => Reply::not_accepted(error),
        };
        transaction.chunks = Some(incoming);
        self.transaction = Some(transaction);
        Ok(Ok(reply))
    }

    /// Gives the message to the gate. Only when that has answered may the client hear that it is accepted.
    async fn hand_over(&mut self, incoming: Incoming) -> Result<Reply, End> {
        self.flush().await?;
        let sources = (Source::Smtp, Source::Journal);
        let shared = &self.shared;
        let accepted = match incoming.finish() {
            Ok(content) => journal::accept(&*shared.gate, &shared.spool, content, sources, Unusable::Record).await,
            Err(error) => Err(error),
        };
        match accepted {
            Ok(receipts) => {
                let numbers: Vec<String> = receipts.iter().map(|receipt| receipt.id.to_string()).collect();
                Ok(Reply::new("250 2.0.0", format!("accepted as {}", numbers.join(", "))))
            }
            Err(AcceptError::Stopping) => Err(End::Stopping),
            Err(error) => {
                tracing::warn!(peer = self.peer, %error, "a message that came by SMTP was not accepted");
                Ok(Reply::not_accepted(&error))
            }
        }
    }
}
