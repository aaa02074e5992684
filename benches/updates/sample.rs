//! Messages as people write them all day: a few paragraphs of Outlook's HTML with a plain alternative, and the
//! signature that the server adds.

use std::fmt::Write as _;

use futures_util::{StreamExt as _, TryStreamExt as _};

use super::programs::{Error, Sandbox};

/// A message whose original is in Sent Items.
pub struct Message {
    pub mailbox: String,
    #[allow(clippy::struct_field_names)] // the protocol's word
    pub message_id: String,
    pub processed: String,
    /// HTML of the processed message, for clients that do not read MIME.
    pub html: String,
}

/// Messages that belong together.
pub struct Batch {
    pub messages: Vec<Message>,
}

impl Batch {
    /// Makes so many messages, spread over all mailboxes, and stores their originals.
    pub async fn store(sandbox: &Sandbox, name: &str, count: usize) -> Result<Self, Error> {
        let messages = futures_util::stream::iter(0..count)
            .map(|number| async move {
                let mailbox = sandbox.mailboxes[number % sandbox.mailboxes.len()].clone();
                let message_id = format!("<{name}-{number}@bench.nordwind.example>");
                sandbox.store(&mailbox, mime(&mailbox, &message_id, number, "", &html(number, ""))).await?;
                let html = html(number, SIGNATURE);
                let processed = mime(&mailbox, &message_id, number, PLAIN_SIGNATURE, &html);
                Ok::<_, Error>(Message { mailbox, message_id, processed, html })
            })
            .buffered(16)
            .try_collect()
            .await?;
        Ok(Self { messages })
    }
}

const PLAIN_SIGNATURE: &str = "\r\n-- \r\nNordwind GmbH, Speicherstadt 7, 20457 Hamburg\r\n";
const SIGNATURE: &str = "<table style=\"font-family:Calibri,sans-serif;font-size:10pt\"><tr><td><b>Nordwind GmbH</b></td></tr>\
    <tr><td>Speicherstadt 7, 20457 Hamburg</td></tr><tr><td style=\"color:#777\">Registered in Hamburg, HRB 4711</td></tr></table>";
const STYLE: &str = "<style>p.MsoNormal,li.MsoNormal,div.MsoNormal{margin:0cm;font-size:11.0pt;font-family:\"Calibri\",sans-serif}\
    a:link{color:#0563C1;text-decoration:underline}.MsoChpDefault{font-size:10.0pt}@page WordSection1{size:612.0pt 792.0pt}</style>";
const PARAGRAPH: &str = "the drawings of the new hub came back from the foundry this morning, and the tolerances are well within what we \
    agreed on; I would go ahead with the first series unless you see anything that speaks against it.";

fn html(number: usize, signature: &str) -> String {
    let mut text = format!("<html><head>{STYLE}</head><body lang=\"EN-GB\"><div class=\"WordSection1\">");
    for paragraph in 0..12 {
        let _ = write!(text, "<p class=\"MsoNormal\">{number}.{paragraph}: {PARAGRAPH}<o:p></o:p></p>\r\n");
    }
    let _ = write!(text, "</div>{signature}</body></html>");
    text
}

fn mime(mailbox: &str, message_id: &str, number: usize, plain_signature: &str, html: &str) -> String {
    format!(
        "From: <{mailbox}>\r\nTo: <h.smith@channel-power.example>\r\nSubject: Hub series, part {number}\r\n\
         Message-ID: {message_id}\r\nDate: Tue, 24 Nov 2026 09:15:00 +0100\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/alternative; boundary=\"=_a\"\r\n\r\n\
         --=_a\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
         {number}: {PARAGRAPH}\r\n{plain_signature}\r\n\
         --=_a\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{html}\r\n--=_a--\r\n"
    )
}
