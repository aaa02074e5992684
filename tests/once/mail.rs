//! Mail as the client stored it, and as the signature program made it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

pub const ANNA: &str = "anna.bergstroem@nordwind.example";

pub const LOGO: &[u8] = b"\x89PNG\r\n\x1a\n logo of today";

/// An HTML message from Anna with attachments.
#[derive(Debug, Clone, PartialEq)]
pub struct Mail {
    /// Without angle brackets; what makes it unique is put before it.
    pub id: &'static str,
    pub subject: String,
    pub html: String,
    pub attachments: Vec<Attached>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Attached {
    pub name: String,
    /// Inline, under this content id.
    pub content_id: Option<&'static str>,
    pub content: Vec<u8>,
}

pub fn mail(text: &str) -> Mail {
    Mail {
        id: "offer@nordwind.example",
        subject: "Offer for the north park".into(),
        html: format!("<html><body><p>{text}</p></body></html>"),
        attachments: Vec::new(),
    }
}

impl Mail {
    pub fn id(self, id: &'static str) -> Self {
        Self { id, ..self }
    }

    pub fn subject(self, subject: &str) -> Self {
        Self { subject: subject.into(), ..self }
    }

    pub fn file(mut self, name: &str, content: &[u8]) -> Self {
        self.attachments.push(Attached { name: name.into(), content_id: None, content: content.into() });
        self
    }

    pub fn image(mut self, content_id: &'static str, content: &[u8]) -> Self {
        let name = format!("{content_id}.png");
        self.attachments.push(Attached { name, content_id: Some(content_id), content: content.into() });
        self
    }

    /// Its Message-ID in the case with this number.
    pub fn message_id(&self, case: u64) -> String {
        format!("<{case}.{}>", self.id)
    }

    pub fn mime(&self, case: u64) -> Bytes {
        let mut text = format!(
            "From: {ANNA}\r\nTo: customer@kunde.example\r\nSubject: {}\r\nMessage-ID: {}\r\n\
             Date: Tue, 24 Nov 2026 10:00:00 +0100\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
             Content-Type: text/html; charset=utf-8\r\n\r\n{}\r\n",
            self.subject,
            self.message_id(case),
            self.html
        );
        for Attached { name, content_id, content } in &self.attachments {
            text += &match content_id {
                Some(id) => format!(
                    "--b\r\nContent-Type: image/png; name={name}\r\nContent-ID: <{id}>\r\n\
                     Content-Disposition: inline; filename={name}\r\n"
                ),
                None => format!(
                    "--b\r\nContent-Type: application/octet-stream; name={name}\r\n\
                     Content-Disposition: attachment; filename={name}\r\n"
                ),
            };
            text += &format!("Content-Transfer-Encoding: base64\r\n\r\n{}\r\n", STANDARD.encode(content));
        }
        text += "--b--\r\n";
        text.into()
    }
}
