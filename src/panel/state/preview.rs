//! One message in detail: what was processed, and what Sent Items shows of it.

use bytes::Bytes;

use crate::message::{Body, ProcessedMessage};
use crate::panel::style::sentence;
use crate::pipe::types::SentCopy;

/// More letters of a body are not shown.
const LONGEST: usize = 20_000;

/// The two sides of an update.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Side {
    /// The message as it was processed: what the recipients got.
    #[default]
    Processed,
    /// The sender's copy in Sent Items, now.
    SentCopy,
}

/// Something that is being fetched, or was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched<T> {
    /// Nobody asked for it.
    Not,
    Underway,
    There(T),
    /// Why not, in whole sentences.
    Failed(String),
}

/// The selected message's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    pub id: i64,
    pub side: Side,
    pub processed: Fetched<Shown>,
    pub copy: Fetched<Shown>,
}

/// A message as it is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// Which copy it is, as a sentence; empty when that goes without saying.
    pub what: String,
    pub subject: String,
    pub body: String,
    /// Something of the body is not shown.
    pub cut: bool,
    pub attachments: Vec<ShownAttachment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownAttachment {
    pub name: String,
    pub size: Option<u64>,
    pub inline: bool,
}

impl Preview {
    #[must_use]
    pub fn new(id: i64) -> Self {
        Self { id, side: Side::default(), processed: Fetched::Underway, copy: Fetched::Not }
    }

    /// The side that is looked at.
    #[must_use]
    pub fn shown(&self) -> &Fetched<Shown> {
        match self.side {
            Side::Processed => &self.processed,
            Side::SentCopy => &self.copy,
        }
    }
}

impl Shown {
    /// Reads a processed message. It may be large: not on the UI thread.
    ///
    /// # Errors
    /// Why it can't be read, as a sentence.
    pub fn processed(raw: Bytes) -> Result<Self, String> {
        let message = ProcessedMessage::parse(raw).map_err(|problem| sentence(&problem.to_string()))?;
        let attachments = message.attachments().iter().map(|attachment| ShownAttachment {
            name: attachment.name.clone(),
            size: u64::try_from(attachment.decoded_len(&message)).ok(),
            inline: attachment.inline,
        });
        let (body, cut) = match message.body() {
            Body::Html(html) => readable(&mail_parser::decoders::html::html_to_text(&html)),
            Body::Plain(text) => readable(&text),
            Body::Empty => (String::new(), false),
        };
        Ok(Self {
            what: String::new(),
            subject: message.subject().to_owned(),
            body,
            cut,
            attachments: attachments.collect(),
        })
    }

    /// Reads what Exchange gave.
    #[must_use]
    pub fn sent_copy(copy: SentCopy) -> Self {
        let text = match (&copy.html, &copy.text) {
            (Some(html), _) => mail_parser::decoders::html::html_to_text(html),
            (None, Some(text)) => text.clone(),
            (None, None) => String::new(),
        };
        let (body, cut) = readable(&text);
        let attachments = copy.attachments.into_iter().map(|attachment| ShownAttachment {
            name: attachment.name,
            size: attachment.size,
            inline: attachment.inline,
        });
        let others = match copy.others {
            0 => String::new(),
            1 => " There is one more copy of it.".to_owned(),
            others => format!(" There are {others} more copies of it."),
        };
        Self {
            what: format!("{}{others}", copy.shows.in_words()),
            subject: copy.subject,
            body,
            cut: cut || copy.cut,
            attachments: attachments.collect(),
        }
    }
}

impl Fetched<Shown> {
    #[must_use]
    pub fn of(result: Result<Result<Shown, String>, String>) -> Self {
        match result {
            Ok(Ok(shown)) => Self::There(shown),
            Ok(Err(problem)) | Err(problem) => Self::Failed(problem),
        }
    }
}

/// Line ends of one kind, no characters that do something, at the most one empty line in a row, and an end.
fn readable(text: &str) -> (String, bool) {
    let mut shown = String::new();
    let (mut letters, mut empty) = (0, 0);
    for line in text.lines() {
        let line = line.trim_end();
        empty = if line.is_empty() { empty + 1 } else { 0 };
        if empty > 1 || (shown.is_empty() && line.is_empty()) {
            continue;
        }
        for c in line.chars() {
            if letters == LONGEST {
                return (shown, true);
            }
            letters += 1;
            match c {
                '\t' => shown.push_str("    "),
                c if c.is_control() => shown.push('\u{fffd}'),
                c => shown.push(c),
            }
        }
        shown.push('\n');
    }
    shown.truncate(shown.trim_end().len());
    (shown, false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipe::types::Shows;

    const MAIL: &str = "From: a@x\r\nMessage-ID: <1@x>\r\nSubject: Hello\r\nContent-Type: text/html\r\n\r\n\
        <p>Dear Ben,</p><p>see <b>below</b>.</p><script>alert(1)</script>";

    /// M3
    #[test]
    fn a_processed_message_is_shown_as_text() {
        let shown = Shown::processed(MAIL.into()).unwrap();
        assert_eq!(shown.subject, "Hello");
        assert!(shown.body.contains("Dear Ben,") && shown.body.contains("below"), "{}", shown.body);
        assert!(!shown.body.contains("alert"), "{}", shown.body);
    }

    #[test]
    fn what_is_no_message_is_told_in_words() {
        assert!(Shown::processed(Bytes::new()).unwrap_err().ends_with('.'));
    }

    /// M3
    #[test]
    fn the_senders_copy_says_which_it_is() {
        let copy = SentCopy {
            mailbox: "a@x".into(),
            shows: Shows::AsSent,
            subject: "Hello".into(),
            html: None,
            text: Some("Dear\u{0} Ben\r\n\r\n\r\n\r\nBye".into()),
            cut: false,
            attachments: Vec::new(),
            sent_at: None,
            changed_at: None,
            others: 2,
        };
        let shown = Shown::sent_copy(copy);
        assert!(shown.what.contains("has not been updated") && shown.what.contains("2 more copies"), "{}", shown.what);
        assert_eq!(shown.body, "Dear\u{fffd} Ben\n\nBye");
    }

    #[test]
    fn an_endless_body_ends() {
        let (body, cut) = readable(&"x".repeat(LONGEST * 3));
        assert!(cut && body.len() == LONGEST);
    }
}
