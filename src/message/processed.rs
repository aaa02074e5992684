//! The processed message as a whole.

use std::sync::OnceLock;

use bytes::{Buf as _, Bytes};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use mail_parser::DateTime;
use mail_parser::parsers::MessageStream;

use super::address::addresses;
use super::body::{self, Layout};
use super::header::{Fields, Lines};
use super::structure::Structure;
use super::{
    Attachment, Body, Digest, JournalProblem, MessageClass, MessageId, MessageProblem, attachment, encoded_word,
    journal,
};
use crate::settings::SmtpAddress;

/// A message as the signature program or the server left it.
///
/// Holds the message's bytes (a mapped file, if it is large) and where in them its parts are. Contents are
/// decoded when they are asked for, and not kept.
#[derive(Debug, Clone)]
pub struct ProcessedMessage {
    raw: Bytes,
    structure: Structure,
    layout: Layout,
    class: MessageClass,
    attachments: OnceLock<Vec<Attachment>>,
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
    pub fn parse(mut raw: Bytes) -> Result<Self, MessageProblem> {
        let start = raw.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).ok_or(MessageProblem::Empty)?;
        // Empty lines in front would end the header before it begins.
        raw.advance(start);
        let lines = Lines::of(&raw);
        let head = Head::read(&raw, lines)?;
        if let Some(report) = journal::journaled(&raw) {
            let problem = report.err().unwrap_or(JournalProblem::Packed);
            return Err(MessageProblem::JournalReport(problem));
        }
        let message_id = head.message_id()?;
        let (from, sender) = head.authors()?;
        let structure = Structure::read(&raw, lines)?;
        let layout = Layout::of(&structure, head.from_apple);
        let class = MessageClass::of(&raw, &structure, &layout, head.content_class.as_deref());
        Ok(Self {
            structure,
            layout,
            class,
            attachments: OnceLock::new(),
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
        self.class
    }

    /// What Exchange would show. Decoded anew with every call.
    #[must_use]
    pub fn body(&self) -> Body {
        let content_id = |part| {
            let attachment = self.attachments().iter().find(|attachment| attachment.part == part);
            attachment.and_then(|attachment| attachment.content_id.clone())
        };
        body::compose(&self.raw, &self.structure, &self.layout.shown, content_id)
    }

    /// Everything that is not the body, in the order of the message.
    #[must_use]
    pub fn attachments(&self) -> &[Attachment] {
        self.attachments.get_or_init(|| attachment::attachments(&self.raw, &self.structure, &self.layout))
    }

    /// When it was written, by its Date field.
    #[must_use]
    pub fn date(&self) -> Option<Timestamp> {
        self.date
    }
}

/// So many fields of one name are looked at; messages that are no attempt at mischief have one.
const REPEATED: usize = 10;

/// What is needed of the header.
#[derive(Default)]
struct Head {
    message_ids: Vec<String>,
    from: Vec<String>,
    sender: Vec<String>,
    subject: Option<String>,
    date: Option<String>,
    content_class: Option<String>,
    /// MS-OXCMAIL, 2.2.3.3.2.2
    from_apple: bool,
}

impl Head {
    fn read(raw: &[u8], lines: Lines) -> Result<Self, MessageProblem> {
        let mut head = Self::default();
        let mut empty = true;
        for field in Fields::new(raw, lines) {
            empty = false;
            if field.is("Message-ID") {
                let value = field.text();
                if !head.message_ids.contains(&value) && head.message_ids.len() < REPEATED {
                    head.message_ids.push(value);
                }
            } else if field.is("From") {
                if head.from.len() < REPEATED {
                    head.from.push(field.text());
                }
            } else if field.is("Sender") {
                if head.sender.len() < REPEATED {
                    head.sender.push(field.text());
                }
            } else if field.is("Subject") {
                head.subject.get_or_insert_with(|| field.text());
            } else if field.is("Date") {
                head.date.get_or_insert_with(|| field.text());
            } else if field.is("Content-Class") {
                head.content_class.get_or_insert_with(|| field.text());
            } else if field.is("MIME-Version") || field.is("X-Mailer") || field.is("X-User-Agent") {
                let program = field.text().to_ascii_lowercase();
                head.from_apple |=
                    ["apple", "iphone", "ipad", "ipod", "mac os x"].iter().any(|name| program.contains(name));
            }
        }
        if empty { Err(MessageProblem::NotAMessage) } else { Ok(head) }
    }

    fn message_id(&self) -> Result<MessageId, MessageProblem> {
        let mut ids = self.message_ids.iter().filter_map(|id| MessageId::new(id).ok());
        let id = ids.next().ok_or(MessageProblem::NoMessageId)?;
        if ids.next().is_some() { Err(MessageProblem::SeveralMessageIds) } else { Ok(id) }
    }

    fn authors(&self) -> Result<(SmtpAddress, Option<SmtpAddress>), MessageProblem> {
        let read = |fields: &[String]| {
            let mut found: Vec<SmtpAddress> = Vec::new();
            let mut bad = None;
            for address in fields.iter().flat_map(|field| addresses(field)) {
                match SmtpAddress::new(&address) {
                    // Whether there are two or more makes no difference.
                    Ok(address) if found.len() < 2 && !found.contains(&address) => found.push(address),
                    Ok(_) => {}
                    Err(error) => bad = bad.or(Some(error.to_string())),
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
    const STRICT: DateTimeParser = DateTimeParser::new().relaxed_weekday(true);
    STRICT.parse_timestamp(text).ok().or_else(|| {
        let line = format!("{text}\n");
        let date = MessageStream::new(line.as_bytes()).parse_date().into_datetime().filter(DateTime::is_valid)?;
        Timestamp::from_second(date.to_timestamp()).ok()
    })
}
