//! Encrypted messages over a connection without TLS (MS-WSMV 2.2.9.1): a message of two parts, the first of which says
//! what the second one was.

use super::authorise::Cipher;

const BOUNDARY: &str = "Encrypted Boundary";
/// As it goes before both parts; a carriage return and a line feed stand at its end only.
const DELIMITER: &str = "--Encrypted Boundary";
const OCTETS: &[u8] = b"application/octet-stream\r\n";

/// The content type of a sealed message.
pub(super) fn content_type(cipher: &dyn Cipher) -> String {
    format!("multipart/encrypted;protocol=\"{}\";boundary=\"{BOUNDARY}\"", cipher.protocol())
}

/// Whether an answer of this content type is a sealed one.
pub(super) fn is_sealed(content_type: &str) -> bool {
    content_type.trim_start().get(..19).is_some_and(|start| start.eq_ignore_ascii_case("multipart/encrypted"))
}

pub(super) fn seal(cipher: &mut dyn Cipher, envelope: &[u8]) -> Result<Vec<u8>, String> {
    let (before, message) = cipher.seal(envelope)?;
    let length = u32::try_from(before.len()).map_err(|_| "the message is too long to be encrypted".to_owned())?;
    let mut body = format!(
        "{DELIMITER}\r\n\tContent-Type: {}\r\n\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length={}\r\n\
         {DELIMITER}\r\n\tContent-Type: application/octet-stream\r\n",
        cipher.protocol(),
        envelope.len()
    )
    .into_bytes();
    body.extend_from_slice(&length.to_le_bytes());
    body.extend_from_slice(&before);
    body.extend_from_slice(&message);
    body.extend_from_slice(format!("{DELIMITER}--\r\n").as_bytes());
    Ok(body)
}

/// The message in a body; the error is a phrase.
pub(super) fn open(cipher: &mut dyn Cipher, body: &[u8]) -> Result<Vec<u8>, String> {
    let (before, message, length) = parts(body).ok_or("what is encrypted is not in the form that it has to have")?;
    let envelope = cipher.open(before, message)?;
    if envelope.len() == length { Ok(envelope) } else { Err("what was encrypted has another length".to_owned()) }
}

/// What goes before the encrypted message, the message, and the length that it had.
fn parts(body: &[u8]) -> Option<(&[u8], &[u8], usize)> {
    let octets = find(body, OCTETS)?;
    let head = std::str::from_utf8(&body[..octets]).ok()?;
    let (_, length) = head.split_once("Length=")?;
    let length = length.lines().next()?.trim().parse().ok()?;
    let rest = &body[octets + OCTETS.len()..];
    let end = rest.trim_ascii_end().strip_suffix(b"--")?.strip_suffix(DELIMITER.as_bytes())?;
    let (size, rest) = end.split_at_checked(4)?;
    let size = usize::try_from(u32::from_le_bytes(size.try_into().ok()?)).ok()?;
    let (before, message) = rest.split_at_checked(size)?;
    Some((before, message, length))
}

fn find(body: &[u8], what: &[u8]) -> Option<usize> {
    body.windows(what.len()).position(|window| window.eq_ignore_ascii_case(what))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// No encryption at all; notes that it was asked.
    struct Plain;

    impl Cipher for Plain {
        fn protocol(&self) -> &'static str {
            "application/HTTP-Kerberos-session-encrypted"
        }

        fn seal(&mut self, message: &[u8]) -> Result<(Vec<u8>, Vec<u8>), String> {
            Ok((b"before".to_vec(), message.iter().rev().copied().collect()))
        }

        fn open(&mut self, before: &[u8], message: &[u8]) -> Result<Vec<u8>, String> {
            assert_eq!(before, b"before");
            Ok(message.iter().rev().copied().collect())
        }
    }

    #[test]
    fn a_message_is_sealed_in_the_form_that_windows_has() {
        let body = seal(&mut Plain, b"<abc>").unwrap();
        let expected = "--Encrypted Boundary\r\n\tContent-Type: application/HTTP-Kerberos-session-encrypted\r\n\
                        \tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=5\r\n--Encrypted Boundary\r\n\
                        \tContent-Type: application/octet-stream\r\n\u{6}\0\0\0before>cba<--Encrypted Boundary--\r\n";
        assert_eq!(String::from_utf8(body.clone()).unwrap(), expected);
        assert_eq!(open(&mut Plain, &body).unwrap(), b"<abc>");
        assert!(is_sealed(&content_type(&Plain)) && !is_sealed("application/soap+xml") && !is_sealed(""));
    }

    #[test]
    fn what_is_cut_off_or_of_another_length_is_refused() {
        let body = seal(&mut Plain, b"<abc>").unwrap();
        for end in 0..body.len() - 2 {
            assert!(open(&mut Plain, &body[..end]).is_err(), "{end}");
        }
        let lying = String::from_utf8(body).unwrap().replace("Length=5", "Length=6");
        assert!(open(&mut Plain, lying.as_bytes()).unwrap_err().contains("length"));
    }

    proptest! {
        #[test]
        fn no_body_makes_us_panic(noise in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut body = b"Length=3\r\napplication/octet-stream\r\n".to_vec();
            body.extend_from_slice(&noise);
            let _ = parts(&body);
            let _ = parts(&noise);
        }
    }
}
