//! The gate behind all doors: looks at a message, then gives it to the queue.

use sha2::{Digest as _, Sha256};

use super::intake::{Accept, AcceptError, Receipt, Received, Unusable};
use super::queue::{NewMessage, Queue, mailbox_key};
use super::spool::{Content, IN_MEMORY};
use crate::message::{MessageProblem, ProcessedMessage};
use crate::pipe::types::{Outcome, Rule};

/// Accepts into a queue.
#[derive(Clone)]
pub struct Gate {
    queue: Queue,
}

impl Gate {
    #[must_use]
    pub fn new(queue: Queue) -> Self {
        Self { queue }
    }
}

impl Accept for Gate {
    async fn accept(&self, received: Received) -> Result<Receipt, AcceptError> {
        let Received { content, source, unusable } = received;
        let length = content.size().map_err(|error| AcceptError::Storage(error.to_string()))?;
        let limit = self.queue.spool().max_message_bytes();
        if length > limit {
            return Err(AcceptError::TooLarge { limit });
        }
        // Reading a large message takes long enough to hold up others on the same thread.
        let (content, read) = if length > IN_MEMORY as u64 {
            tokio::task::spawn_blocking(move || {
                let read = read(&content);
                (content, read)
            })
            .await
            .map_err(|error| AcceptError::Storage(error.to_string()))?
        } else {
            let read = read(&content);
            (content, read)
        };
        let read = read.map_err(|error| AcceptError::Storage(error.to_string()))?;
        let message = match read {
            Ok(seen) => NewMessage {
                digest: seen.digest,
                message_id: seen.message_id,
                mailbox: seen.mailbox,
                sender: seen.sender,
                subject: seen.subject,
                source,
                outcome: None,
            },
            Err((problem, digest)) => {
                if unusable == Unusable::Refuse {
                    return Err(AcceptError::Unusable(problem));
                }
                NewMessage {
                    digest,
                    message_id: String::new(),
                    mailbox: String::new(),
                    sender: String::new(),
                    subject: String::new(),
                    source,
                    outcome: Some(Outcome::new(Rule::Unusable, problem.to_string())),
                }
            }
        };
        self.queue.accept(message, content).await
    }
}

/// What the queue needs to know of a message.
struct Seen {
    digest: [u8; 32],
    message_id: String,
    mailbox: String,
    sender: String,
    subject: String,
}

type Read = Result<Seen, (MessageProblem, [u8; 32])>;

fn read(content: &Content) -> std::io::Result<Read> {
    let bytes = content.bytes()?;
    Ok(match ProcessedMessage::parse(bytes.clone()) {
        Ok(message) => Ok(Seen {
            digest: *message.digest().as_bytes(),
            message_id: message.message_id().as_str().to_owned(),
            mailbox: mailbox_key(message.from()),
            sender: message.from().to_string(),
            subject: message.subject().to_owned(),
        }),
        Err(problem) => Err((problem, Sha256::digest(&bytes).into())),
    })
}
