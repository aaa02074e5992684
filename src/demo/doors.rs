//! Hands processed messages over as signature programs and mail servers do.

use std::fmt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::pipe::client::Client;

/// A way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    Api,
    Pickup,
    Smtp,
    /// SMTP with the message in an Exchange journal report.
    Journal,
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Api => "local API",
            Self::Pickup => "pickup folder",
            Self::Smtp => "SMTP",
            Self::Journal => "journal report",
        })
    }
}

impl Door {
    /// As the updater's lists name where a message came from.
    pub fn source(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Pickup => "pickup",
            Self::Smtp => "smtp",
            Self::Journal => "journal",
        }
    }
}

/// Where the doors are.
pub struct Doors {
    pub client: Client,
    pub smtp: String,
    pub pickup: PathBuf,
}

impl Doors {
    /// Hands a message over. Returns its number in the queue if this door tells it.
    pub async fn hand_over(&self, door: Door, name: &str, message: Bytes) -> Result<Option<i64>, String> {
        let words = |error: std::io::Error| error.to_string();
        match door {
            Door::Api => {
                self.client.submit(message).await.map(|receipt| Some(receipt.id)).map_err(|error| error.to_string())
            }
            Door::Pickup => put(&self.pickup, name, &message).await.map_err(words).map(|()| None),
            Door::Smtp => send(&self.smtp, &message).await.map_err(words).map(|()| None),
            Door::Journal => send(&self.smtp, &journal_report(&message)).await.map_err(words).map(|()| None),
        }
    }
}

/// Written under another name first, so that nobody takes half of it.
async fn put(folder: &Path, name: &str, message: &[u8]) -> std::io::Result<()> {
    let unfinished = folder.join(format!("{name}.tmp"));
    tokio::fs::write(&unfinished, message).await?;
    tokio::fs::rename(unfinished, folder.join(format!("{name}.eml"))).await
}

/// Sends a message by SMTP (RFC 5321).
async fn send(server: &str, message: &[u8]) -> std::io::Result<()> {
    let mut session = Session { stream: BufReader::new(TcpStream::connect(server).await?) };
    session.expect("2").await?;
    session.say(b"EHLO signature.nordwind.example\r\n", "2").await?;
    session.say(b"MAIL FROM:<> BODY=8BITMIME\r\n", "2").await?;
    session.say(b"RCPT TO:<siu@localhost>\r\n", "2").await?;
    session.say(b"DATA\r\n", "3").await?;
    session.say(&data(message), "2").await?;
    session.say(b"QUIT\r\n", "2").await
}

struct Session {
    stream: BufReader<TcpStream>,
}

impl Session {
    async fn say(&mut self, text: &[u8], wanted: &str) -> std::io::Result<()> {
        self.stream.get_mut().write_all(text).await?;
        self.expect(wanted).await
    }

    /// Reads a reply, of one line or several, that must begin so.
    async fn expect(&mut self, wanted: &str) -> std::io::Result<()> {
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line).await? == 0 {
                return Err(std::io::Error::other("the server closed the connection"));
            }
            if !line.starts_with(wanted) {
                return Err(std::io::Error::other(format!("the server said {:?}", line.trim_end())));
            }
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(());
            }
        }
    }
}

/// The message as `DATA` wants it: lines end with CRLF, a dot at a line's beginning is doubled, a lone dot ends it.
fn data(message: &[u8]) -> Vec<u8> {
    let mut data = Vec::with_capacity(message.len() + 16);
    for line in message.strip_suffix(b"\n").unwrap_or(message).split(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            data.push(b'.');
        }
        data.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        data.extend_from_slice(b"\r\n");
    }
    data.extend_from_slice(b".\r\n");
    data
}

/// Wraps a message as Exchange's journaling does: the recipients in a text part, the message attached.
fn journal_report(message: &[u8]) -> Vec<u8> {
    const BOUNDARY: &str = "_journal_of_the_demo_";
    let head = format!(
        "X-MS-Journal-Report:\r\n\
         From: \"Microsoft Exchange\" <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@nordwind.example>\r\n\
         To: <siu@localhost>\r\n\
         Subject: Journal report\r\n\
         Message-ID: <journal-report@journal.report.generator>\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"{BOUNDARY}\"\r\n\
         \r\n\
         --{BOUNDARY}\r\n\
         Content-Type: text/plain; charset=\"utf-8\"\r\n\
         \r\n\
         Recipient: someone@elsewhere.example\r\n\
         \r\n\
         --{BOUNDARY}\r\n\
         Content-Type: message/rfc822\r\n\
         \r\n"
    );
    [head.as_bytes(), message, format!("\r\n--{BOUNDARY}--\r\n").as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_has_whole_lines_and_no_dot_that_ends_it_early() {
        assert_eq!(data(b"a\n.\n..b\r\nc"), b"a\r\n..\r\n...b\r\nc\r\n.\r\n");
        assert_eq!(data(b"a\r\n"), b"a\r\n.\r\n");
    }

    #[test]
    fn a_journal_report_holds_the_message_byte_for_byte() {
        let message = b"From: a@x\r\nMessage-ID: <1@x>\r\n\r\nHello\r\n";
        let report = Bytes::from(journal_report(message));
        let unpacked = crate::message::journaled(&report).unwrap().unwrap();
        assert_eq!(unpacked, [&message[..]]);
    }
}
