//! Mail, and journal reports with mail in them.

use bytes::Bytes;
use sent_items_update::message::{MessageProblem, ProcessedMessage, journaled};

use super::{Door, Open, files};

pub const MIME: Door =
    Door { name: "mime", words: WORDS, seeds: || files("message", &[".eml"]), open: || Open::new(read_message) };

pub const JOURNAL: Door = Door {
    name: "journal",
    words: WORDS,
    seeds: || files("message", &["journal-report.eml", "journal-report-of-ndr.eml"]),
    open: || {
        Open::new(|raw| {
            if let Some(Ok(messages)) = journaled(&Bytes::copy_from_slice(raw)) {
                for message in messages {
                    read_message(&message);
                }
            }
        })
    },
};

const WORDS: &[&[u8]] = &[
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
