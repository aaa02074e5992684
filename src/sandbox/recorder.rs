//! Writes the traffic of EWS down, for checking it against Microsoft's schema and for looking at it.
//!
//! Each request gets a number and two files: `000042-UpdateItem-request.xml` and `000042-UpdateItem-response.xml`.
//! What is larger than 1 MiB is left out: an attachment's base64 says nothing that a smaller one doesn't.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

const LARGEST: usize = 1024 * 1024;

#[derive(Debug)]
pub struct Recorder {
    folder: PathBuf,
    last: AtomicU64,
}

/// The number of a request and what it is called.
#[derive(Debug, Clone)]
pub struct Entry {
    number: u64,
    operation: String,
}

impl Recorder {
    /// Goes on counting behind what is in the folder already.
    pub fn open(folder: &Path) -> std::io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let mut last = 0;
        for entry in std::fs::read_dir(folder)? {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|name| name.split('-').next()).and_then(|digits| digits.parse().ok());
            last = last.max(number.unwrap_or(0));
        }
        Ok(Self { folder: folder.to_owned(), last: AtomicU64::new(last) })
    }

    /// Writes a request down.
    pub async fn request(&self, operation: &str, body: &Bytes) -> Entry {
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let entry = Entry { number, operation: operation.to_owned() };
        self.write(&entry, "request", body).await;
        entry
    }

    /// Writes the answer to a request down.
    pub async fn response(&self, entry: &Entry, body: &Bytes) {
        self.write(entry, "response", body).await;
    }

    async fn write(&self, entry: &Entry, what: &str, body: &Bytes) {
        if body.is_empty() || body.len() > LARGEST {
            return;
        }
        let path = self.folder.join(format!("{:06}-{}-{what}.xml", entry.number, entry.operation));
        if let Err(error) = tokio::fs::write(&path, body).await {
            tracing::warn!("the sandbox can't record to {}: {error}", path.display());
        }
    }
}

/// Name of the operation in a SOAP envelope, read without regard to anything else in it.
#[must_use]
pub fn operation(envelope: &[u8]) -> Option<String> {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_reader(envelope);
    let mut in_body = false;
    loop {
        match reader.read_event().ok()? {
            Event::Start(element) | Event::Empty(element) => {
                let name = element.local_name();
                if in_body {
                    let name: &str = name.as_ref();
                    let plain = !name.is_empty() && name.len() <= 60 && name.bytes().all(|b| b.is_ascii_alphanumeric());
                    return plain.then(|| name.to_owned());
                }
                in_body = name.as_ref() == "Body";
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// X1
    #[tokio::test]
    async fn requests_and_answers_are_numbered_on_and_large_ones_left_out() {
        let folder = tempfile::tempdir().unwrap();
        for body in ["<a/>".to_owned(), "x".repeat(LARGEST + 1)] {
            let recorder = Recorder::open(folder.path()).unwrap();
            let entry = recorder.request("FindItem", &Bytes::from(body)).await;
            recorder.response(&entry, &Bytes::from_static(b"<b/>")).await;
        }
        let mut names: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let expected = ["000001-FindItem-request.xml", "000001-FindItem-response.xml", "000002-FindItem-response.xml"];
        assert_eq!(names, expected);
    }

    /// X1
    #[test]
    fn the_operation_is_found_whatever_the_prefixes() {
        let envelope = b"<?xml version='1.0'?><!-- Body --><S:Envelope xmlns:S='x'><S:Header><t:Q/></S:Header>\
                         <S:Body><GetItem/></S:Body></S:Envelope>";
        assert_eq!(operation(envelope).as_deref(), Some("GetItem"));
    }

    /// X1
    #[test]
    fn an_operation_that_would_lead_out_of_the_folder_is_none() {
        assert_eq!(operation(b"<E><Body><a.b-..%2f/></Body></E>"), None);
        assert_eq!(operation(b"<E><Body></E>"), None);
        assert_eq!(operation(b"<html>"), None);
        assert_eq!(operation(b"\xff\xfe\x00"), None);
    }
}
