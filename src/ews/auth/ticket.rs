//! What a server says of a ticket that it refuses: an error of Kerberos, in the token beside its 401.
//!
//! The error stands by itself, in the frame of GSSAPI (RFC 2743 3.1, RFC 4121 4.1), or in that within an answer of SPNEGO
//! (RFC 4178 4.2.2). It is not signed: it is worth a word to the administrator, and no decision.

use super::der;
use super::kdc::error_code;
use super::problem::TicketRefusal;

/// Tags: `[APPLICATION 0]`, the frame of GSSAPI; `negTokenResp`, and the way to the other mechanism's token in it.
const FRAME: u8 = 0x60;
const NEGOTIATION: u8 = 0xa1;
const RESPONSE_TOKEN: [u8; 3] = [0x30, 0xa2, 0x04];
const OBJECT_IDENTIFIER: u8 = 0x06;
/// What stands before an error in the frame.
const IS_ERROR: [u8; 2] = [3, 0];

/// Why the server refuses the ticket, if its token says so.
pub(crate) fn refusal(token: &[u8]) -> Option<TicketRefusal> {
    let inner = match der::first(token)? {
        (value, _) if value.tag == NEGOTIATION => der::at(value.content, &RESPONSE_TOKEN)?,
        _ => token,
    };
    let message = match der::first(inner)? {
        (value, _) if value.tag == FRAME => {
            let (mechanism, rest) = der::first(value.content)?;
            rest.strip_prefix(&IS_ERROR).filter(|_| mechanism.tag == OBJECT_IDENTIFIER)?
        }
        _ => inner,
    };
    error_code(message).map(TicketRefusal::of)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::der::written;
    use super::*;

    const KERBEROS: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02];

    /// A KRB-ERROR with the fields that servers send.
    pub fn error(code: u8) -> Vec<u8> {
        let integer = |value: &[u8]| written(0x02, value);
        let text = |text: &str| written(0x1b, text.as_bytes());
        let names = written(0x30, &[text("HTTP"), text("mail.corp.example")].concat());
        let principal = written(0x30, &[written(0xa0, &integer(&[2])), written(0xa1, &names)].concat());
        let fields = [
            written(0xa0, &integer(&[5])),
            written(0xa1, &integer(&[30])),
            written(0xa4, &written(0x18, b"20261128080000Z")),
            written(0xa5, &integer(&[0x01, 0xe2, 0x40])),
            written(0xa6, &integer(&[code])),
            written(0xa9, &text("CORP.EXAMPLE")),
            written(0xaa, &principal),
        ];
        written(0x7e, &written(0x30, &fields.concat()))
    }

    pub fn framed(error: &[u8]) -> Vec<u8> {
        written(FRAME, &[&written(OBJECT_IDENTIFIER, &KERBEROS)[..], &IS_ERROR, error].concat())
    }

    /// As Negotiate answers: refused, by Kerberos, because of this.
    pub fn negotiated(token: &[u8]) -> Vec<u8> {
        let state = written(0xa0, &written(0x0a, &[2]));
        let mechanism = written(0xa1, &written(OBJECT_IDENTIFIER, &KERBEROS));
        let response = written(0xa2, &written(0x04, token));
        written(NEGOTIATION, &written(0x30, &[state, mechanism, response].concat()))
    }

    /// U11
    #[test]
    fn the_reason_is_found_in_each_form_of_the_token() {
        for (code, reason) in [
            (31, TicketRefusal::WrongKey),
            (32, TicketRefusal::Expired),
            (33, TicketRefusal::NotYetValid),
            (34, TicketRefusal::Repeated),
            (35, TicketRefusal::NotForIt),
            (37, TicketRefusal::ClockSkew),
            (41, TicketRefusal::WrongKey),
            (44, TicketRefusal::WrongKey),
            (60, TicketRefusal::Other(60)),
        ] {
            let error = error(code);
            for token in [error.clone(), framed(&error), negotiated(&framed(&error)), negotiated(&error)] {
                assert_eq!(refusal(&token), Some(reason), "{code}: {token:x?}");
            }
        }
    }

    /// U11
    #[test]
    fn other_and_damaged_tokens_say_nothing() {
        let whole = negotiated(&framed(&error(32)));
        for end in 0..whole.len() {
            assert_eq!(refusal(&whole[..end]), None, "{end}");
        }
        let answer = written(0x6f, &written(0x30, &[]));
        let rejected = written(NEGOTIATION, &written(0x30, &written(0xa0, &written(0x0a, &[2]))));
        for token in
            [answer.clone(), framed(&answer), negotiated(&answer), rejected, b"NTLMSSP\0".to_vec(), vec![0xff; 64]]
        {
            assert_eq!(refusal(&token), None, "{token:x?}");
        }
        // One negotiation within the other leads nowhere.
        assert_eq!(refusal(&negotiated(&whole)), None);
    }
}
