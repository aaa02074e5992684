//! Messages on the wire: where one ends, what it asks for.

use std::time::Instant;

use bytes::{Buf as _, Bytes, BytesMut};
use ldap3_lber::Parser;
use ldap3_lber::common::TagClass;
use ldap3_lber::structure::{PL, StructureTag};
use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::{LdapExtendedResponse, LdapMsg, LdapOp, LdapResult};

use super::filter::{Filter, Unreadable};
use super::search;

/// How deep elements of a message may be nested.
const DEPTH: usize = 200;
const SEARCH: u64 = 3;
const DISCONNECTION: &str = "1.3.6.1.4.1.1466.20036";

/// Bytes that are no message, or too many of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// What a client asks for.
pub enum Asked {
    Search(search::Request),
    Other(LdapOp, Vec<LdapControl>),
}

/// Takes the first whole message out of what was received; none when more has to come.
pub fn frame(received: &mut BytesMut, most: usize) -> Result<Option<Bytes>, Malformed> {
    let Some(&[tag, first]) = received.first_chunk::<2>() else { return Ok(None) };
    if tag != 0x30 {
        return Err(Malformed);
    }
    let (head, length) = match first {
        0..=0x7f => (2, usize::from(first)),
        // Of a length in more bytes, or in none, nothing good comes.
        0x81..=0x84 => {
            let count = usize::from(first & 0x7f);
            let Some(bytes) = received.get(2..2 + count) else { return Ok(None) };
            (2 + count, bytes.iter().fold(0, |length, &byte| (length << 8) | usize::from(byte)))
        }
        _ => return Err(Malformed),
    };
    if length > most {
        return Err(Malformed);
    }
    if received.len() < head + length {
        received.reserve(head + length - received.len());
        return Ok(None);
    }
    let message = received.split_to(head + length).freeze();
    debug_assert!(message.has_remaining());
    Ok(Some(message))
}

/// Reads a message. The values in a search's filter may be any bytes, unlike what [`LdapMsg`] takes, so the filter is
/// read apart.
pub fn read(message: &[u8]) -> Result<(i32, Asked), Malformed> {
    let (rest, mut tag) = Parser::new(DEPTH).parse(message).map_err(|_| Malformed)?;
    if !rest.is_empty() {
        return Err(Malformed);
    }
    let filter = take_filter(&mut tag)?;
    let LdapMsg { msgid, op, ctrl } = LdapMsg::try_from(tag).map_err(|_| Malformed)?;
    if msgid <= 0 {
        return Err(Malformed);
    }
    let asked = match (op, filter) {
        (LdapOp::SearchRequest(head), Some(filter)) => {
            Asked::Search(search::Request { head, filter, controls: ctrl, arrived: Instant::now() })
        }
        (LdapOp::SearchRequest(_), None) => return Err(Malformed),
        (op, _) => Asked::Other(op, ctrl),
    };
    Ok((msgid, asked))
}

/// Takes the filter out of a search request, and puts one in its place that is always read.
fn take_filter(message: &mut StructureTag) -> Result<Option<Result<Filter, Unreadable>>, Malformed> {
    let PL::C(parts) = &mut message.payload else { return Err(Malformed) };
    let Some(operation) = parts.get_mut(1) else { return Err(Malformed) };
    if operation.class != TagClass::Application || operation.id != SEARCH {
        return Ok(None);
    }
    let PL::C(parts) = &mut operation.payload else { return Err(Malformed) };
    let Some(filter) = parts.get_mut(6) else { return Err(Malformed) };
    let present = StructureTag { class: TagClass::Context, id: 7, payload: PL::P(b"objectClass".to_vec()) };
    Ok(Some(Filter::read(std::mem::replace(filter, present))))
}

/// Writes a message.
pub fn write(message: LdapMsg) -> BytesMut {
    let mut bytes = BytesMut::new();
    // Writing into memory doesn't fail.
    let _ = ldap3_lber::write::encode_into(&mut bytes, message.into());
    bytes
}

/// What a client is told before the connection is closed (RFC 4511 4.4.1).
pub fn disconnection(res: LdapResult) -> LdapMsg {
    let notice = LdapExtendedResponse { res, name: Some(DISCONNECTION.to_owned()), value: None };
    LdapMsg::new(0, LdapOp::ExtendedResponse(notice))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(bytes: &[u8], most: usize) -> Result<Option<Bytes>, Malformed> {
        frame(&mut BytesMut::from(bytes), most)
    }

    /// X1
    #[test]
    fn a_length_that_nobody_means_is_refused_before_anything_is_read() {
        assert_eq!(framed(&[0x30, 0x84, 0x7f, 0xff, 0xff, 0xff], 1024), Err(Malformed));
        assert_eq!(framed(&[0x30, 0x88, 1, 1, 1, 1, 1, 1, 1, 1], 1024), Err(Malformed));
        assert_eq!(framed(&[0x30, 0x80, 0, 0], 1024), Err(Malformed));
        assert_eq!(framed(b"GET / HTTP/1.1\r\n", 1024), Err(Malformed));
        assert_eq!(framed(&[0x30], 1024), Ok(None));
        assert_eq!(framed(&[0x30, 0x82, 0x01], 1024), Ok(None));
        assert_eq!(framed(&[0x30, 2, 1], 1024), Ok(None));
        assert_eq!(framed(&[0x30, 0x81, 1, 7, 9], 1024), Ok(Some(Bytes::from_static(&[0x30, 0x81, 1, 7]))));
    }

    /// X1
    #[test]
    fn what_is_framed_but_no_message_is_malformed() {
        for bytes in [&[0x30, 0][..], &[0x30, 3, 2, 1, 1], &[0x30, 5, 2, 1, 1, 0x63, 0], &[0x30, 4, 2, 9, 1, 1]] {
            assert!(read(bytes).is_err(), "{bytes:?}");
        }
    }
}
