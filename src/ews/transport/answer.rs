//! Collects an answer, within limits of time and size, and sorts out what is not SOAP at all.

use bytes::Bytes;
use reqwest::Response;
use reqwest::header::CONTENT_ENCODING;

use super::status::Head;
use super::{Deadline, failure};
use crate::ews::client::AnswerLimits;
use crate::ews::error::{At, EwsError};
use crate::ews::soap::content::Separator;

/// What an answer may contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Nothing large.
    Text,
    /// MIME content or attachments, to be decoded while they arrive.
    Content,
}

/// An answer that may be SOAP.
#[derive(Debug)]
pub struct Arrived {
    pub text: Bytes,
    /// The contents that were taken out of the text.
    pub contents: Option<Vec<Bytes>>,
    pub head: Head,
}

/// How much of an answer that is not from EWS is looked at, in bytes.
pub const PAGE: usize = 64 << 10;

pub async fn collect(
    mut response: Response,
    at: &At,
    expect: Expect,
    limits: AnswerLimits,
    sent_bytes: u64,
    deadline: &mut Deadline,
    timed_out: &impl Fn(&Deadline) -> EwsError,
) -> Result<Arrived, EwsError> {
    let head = Head::of(&response, sent_bytes);
    if let Some(error) = head.says_all(at) {
        return Err(error);
    }
    let announced = response.content_length().filter(|_| !response.headers().contains_key(CONTENT_ENCODING));
    let limit = match expect {
        Expect::Text => limits.other,
        Expect::Content => limits.content,
    };
    let too_large = || EwsError::TooLarge { limit, at: at.clone() };
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let malformed = |problem| EwsError::Malformed { problem, at: at.clone() };

    let mut body = Collected::Nothing;
    let mut received = 0u64;
    loop {
        let chunk = match tokio::time::timeout_at(deadline.at(), response.chunk()).await {
            Err(_) => return Err(timed_out(deadline)),
            Ok(Err(error)) => return Err(failure::of_reading(error, at)),
            Ok(Ok(None)) => break,
            Ok(Ok(Some(chunk))) => chunk,
        };
        received += chunk.len() as u64;
        deadline.allow_for(chunk.len() as u64);
        if received > limit {
            return Err(too_large());
        }
        let rest = announced.map(|length| length.saturating_sub(received));
        body = match body {
            Collected::Nothing if expect == Expect::Content && looks_like_soap(&chunk) => {
                let mut separator = Box::<Separator>::default();
                separator.push(&chunk, rest).map_err(malformed)?;
                Collected::Separated(separator)
            }
            Collected::Nothing => Collected::One(chunk),
            Collected::One(first) => {
                let expected = rest.and_then(|rest| usize::try_from(rest).ok()).unwrap_or(0);
                let mut all = Vec::with_capacity(first.len() + chunk.len() + expected);
                all.extend_from_slice(&first);
                all.extend_from_slice(&chunk);
                Collected::Many(all)
            }
            Collected::Many(mut all) => {
                all.extend_from_slice(&chunk);
                Collected::Many(all)
            }
            Collected::Separated(mut separator) => {
                separator.push(&chunk, rest).map_err(malformed)?;
                Collected::Separated(separator)
            }
        };
        match &body {
            Collected::Separated(separator) if separator.text_len() as u64 > limits.other => {
                return Err(EwsError::TooLarge { limit: limits.other, at: at.clone() });
            }
            Collected::Many(all) if all.len() > PAGE && !looks_like_soap(all) => break,
            _ => {}
        }
    }
    let (text, contents) = match body {
        Collected::Nothing => (Bytes::new(), None),
        Collected::One(one) => (one, None),
        Collected::Many(all) => (all.into(), None),
        Collected::Separated(separator) => {
            let separated = separator.finish().map_err(malformed)?;
            (separated.text.into(), Some(separated.contents))
        }
    };
    if !looks_like_soap(&text) {
        return Err(head.not_soap(&text, at));
    }
    Ok(Arrived { text, contents, head })
}

enum Collected {
    Nothing,
    /// Most answers come in one piece, which is taken as it is.
    One(Bytes),
    Many(Vec<u8>),
    Separated(Box<Separator>),
}

/// Whether something that begins like this could be a SOAP envelope, even a broken one, in whatever encoding.
fn looks_like_soap(beginning: &[u8]) -> bool {
    let beginning = &beginning[..beginning.len().min(1024)];
    let beginning = beginning.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(beginning).trim_ascii_start();
    let utf16 = beginning.starts_with(b"\xFF\xFE") || beginning.starts_with(b"\xFE\xFF");
    if utf16 || beginning.get(..2).is_some_and(|start| start.contains(&0)) {
        return true;
    }
    let page = |tag: &[u8]| beginning.windows(tag.len()).any(|part| part.eq_ignore_ascii_case(tag));
    beginning.starts_with(b"<") && !page(b"<html") && !page(b"<!doctype html")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_and_other_texts_are_told_from_envelopes() {
        for soap in [
            &b"<?xml version='1.0'?><s:Envelope>"[..],
            b"\xEF\xBB\xBF\r\n<s:Envelope",
            b"<",
            b"\xFF\xFE<\0?\0",
            b"<\0?\0",
            b"<!DOCTYPE lolz [",
        ] {
            assert!(looks_like_soap(soap), "{soap:?}");
        }
        for other in [
            &b""[..],
            b"  \n",
            b"{\"error\":1}",
            b"<!DOCTYPE HTML PUBLIC>",
            b"<HTML>",
            b"<?xml version='1.0'?>\n<!DOCTYPE html><html xmlns='x'>",
            b"Service Unavailable",
        ] {
            assert!(!looks_like_soap(other), "{other:?}");
        }
    }
}
