//! The processed message as a whole.

use bytes::Bytes;
use jiff::Timestamp;
use mail_parser::DateTime;
use mail_parser::parsers::MessageStream;

use super::address::addresses;
use super::header::{Fields, Lines};
use super::{Attachment, Body, Digest, MessageClass, MessageId, MessageProblem, encoded_word};
use crate::settings::SmtpAddress;

/// A message as the signature program or the server left it.
#[derive(Debug, Clone)]
pub struct ProcessedMessage {
    raw: Bytes,
    digest: Digest,
    message_id: MessageId,
    from: SmtpAddress,
    sender: Option<SmtpAddress>,
    subject: String,
    date: Option<Timestamp>,
}

impl ProcessedMessage {
    /// Reads a message (RFC 5322, MIME). Takes malformed ones as far as they can be understood.
    ///
    /// # Errors
    /// When the message can't lead to an update, because of what [`MessageProblem`] names.
    pub fn parse(raw: Bytes) -> Result<Self, MessageProblem> {
        if raw.is_empty() {
            return Err(MessageProblem::Empty);
        }
        let lines = Lines::of(&raw);
        let head = Head::read(&raw, lines)?;
        let message_id = head.message_id()?;
        let (from, sender) = head.from_and_sender()?;
        Ok(Self {
            digest: Digest::of(&raw, lines),
            message_id,
            from,
            sender,
            subject: head.subject.map(|subject| encoded_word::decode(&subject)).unwrap_or_default(),
            date: head.date.as_deref().and_then(date),
            raw,
        })
    }

    #[must_use]
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    #[must_use]
    pub fn message_id(&self) -> &MessageId {
        &self.message_id
    }

    /// Whose message it is: the address in From, or in Sender if From has several (RFC 5322, section 3.6.2).
    #[must_use]
    pub fn from(&self) -> &SmtpAddress {
        &self.from
    }

    /// Who sent it on behalf of the one in From; none when that is the same.
    #[must_use]
    pub fn sender(&self) -> Option<&SmtpAddress> {
        self.sender.as_ref()
    }

    /// Decoded and in one line; empty when there is none.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    #[must_use]
    pub fn class(&self) -> MessageClass {
        MessageClass::Normal
    }

    /// What Exchange would show.
    #[must_use]
    pub fn body(&self) -> Body {
        let Some(message) = mail_parser::MessageParser::default().parse(&self.raw) else { return Body::Empty };
        match message.html_bodies().next() {
            Some(_) => Body::Html(message.body_html(0).unwrap_or_default().into_owned()),
            None => message.body_text(0).map_or(Body::Empty, |text| Body::Plain(text.into_owned())),
        }
    }

    /// Everything that is not the body, in the order of the message.
    #[must_use]
    pub fn attachments(&self) -> &[Attachment] {
        &[]
    }

    /// When it was written, by its Date field.
    #[must_use]
    pub fn date(&self) -> Option<Timestamp> {
        self.date
    }
}

/// What is needed of the header.
#[derive(Default)]
struct Head {
    message_ids: Vec<String>,
    from: Vec<String>,
    sender: Vec<String>,
    subject: Option<String>,
    date: Option<String>,
}

impl Head {
    fn read(raw: &[u8], lines: Lines) -> Result<Self, MessageProblem> {
        let mut head = Self::default();
        let mut empty = true;
        for field in Fields::new(raw, lines) {
            empty = false;
            if field.is("Message-ID") {
                let value = field.text();
                if !head.message_ids.contains(&value) && head.message_ids.len() < 10 {
                    head.message_ids.push(value);
                }
            } else if field.is("From") {
                head.from.push(field.text());
            } else if field.is("Sender") {
                head.sender.push(field.text());
            } else if field.is("Subject") {
                head.subject.get_or_insert_with(|| field.text());
            } else if field.is("Date") {
                head.date.get_or_insert_with(|| field.text());
            }
        }
        if empty { Err(MessageProblem::NotAMessage) } else { Ok(head) }
    }

    fn message_id(&self) -> Result<MessageId, MessageProblem> {
        let mut ids = self.message_ids.iter().filter_map(|id| MessageId::new(id).ok());
        let id = ids.next().ok_or(MessageProblem::NoMessageId)?;
        if ids.next().is_some() { Err(MessageProblem::SeveralMessageIds) } else { Ok(id) }
    }

    fn from_and_sender(&self) -> Result<(SmtpAddress, Option<SmtpAddress>), MessageProblem> {
        let read = |fields: &[String]| {
            let mut found: Vec<SmtpAddress> = Vec::new();
            let mut bad = None;
            for field in fields {
                for address in addresses(field) {
                    match SmtpAddress::new(&address) {
                        Ok(address) if found.contains(&address) => {}
                        Ok(address) => found.push(address),
                        Err(error) => bad = bad.or(Some(error.to_string())),
                    }
                }
            }
            (found, bad)
        };
        let (from, bad) = read(&self.from);
        let sender = read(&self.sender).0.into_iter().next();
        match (<[SmtpAddress; 1]>::try_from(from), sender) {
            (Ok([from]), sender) => {
                let sender = sender.filter(|sender| *sender != from);
                Ok((from, sender))
            }
            (Err(from), sender) if from.is_empty() => match (bad, sender) {
                (Some(bad), _) => Err(MessageProblem::BadFrom(bad)),
                (None, _) => Err(MessageProblem::NoFrom),
            },
            (Err(_), Some(sender)) => Ok((sender, None)),
            (Err(_), None) => Err(MessageProblem::SeveralFrom),
        }
    }
}

/// RFC 5322, section 3.3, and what is near to it.
fn date(text: &str) -> Option<Timestamp> {
    let line = format!("{text}\n");
    let date = MessageStream::new(line.as_bytes()).parse_date().into_datetime().filter(DateTime::is_valid)?;
    Timestamp::from_second(date.to_timestamp()).ok()
}
