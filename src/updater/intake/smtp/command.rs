//! Commands of the SMTP door (RFC 5321, section 4.1; RFC 3030 for BDAT).

use smtp_proto::{Error, MAIL_BODY_BINARYMIME, Request};

use super::reply::Reply;

/// What a client asks for, without what doesn't matter here: any sender and any recipient will do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    Hello { extended: bool },
    Mail { size: u64, binary: bool },
    Recipient,
    Data,
    Chunk { length: usize, last: bool },
    Reset,
    Nothing,
    Verify,
    Help,
    Quit,
    NotOffered(&'static str),
}

impl Command {
    /// Reads a whole line. The error is what the client gets to hear.
    pub(super) fn parse(line: &[u8]) -> Result<Self, Reply> {
        let parsed = match Request::parse(&mut line.iter()) {
            Err(error @ (Error::InvalidSenderAddress | Error::InvalidRecipientAddress)) => {
                match with_plain_address(line) {
                    Some(line) => Request::parse(&mut line.iter()).map(Self::of),
                    None => Err(error),
                }
            }
            Ok(Request::Rcpt { to }) if to.address.is_empty() && !names_postmaster(line) => {
                Err(Error::InvalidRecipientAddress)
            }
            parsed => parsed.map(Self::of),
        };
        parsed.map_err(|error| Reply::misunderstood(&error))
    }

    fn of<T>(request: Request<T>) -> Self {
        match request {
            Request::Ehlo { .. } => Self::Hello { extended: true },
            Request::Helo { .. } => Self::Hello { extended: false },
            Request::Mail { from } => {
                Self::Mail { size: from.size as u64, binary: from.flags & MAIL_BODY_BINARYMIME != 0 }
            }
            Request::Rcpt { .. } => Self::Recipient,
            Request::Data => Self::Data,
            Request::Bdat { chunk_size, is_last } => Self::Chunk { length: chunk_size, last: is_last },
            Request::Rset => Self::Reset,
            Request::Noop { .. } => Self::Nothing,
            Request::Vrfy { .. } => Self::Verify,
            Request::Help { .. } => Self::Help,
            Request::Quit => Self::Quit,
            other => Self::NotOffered(other.name()),
        }
    }
}

/// smtp-proto knows no address literals (`<anna@[192.0.2.1]>`). Since the address doesn't matter, a plain one is
/// put in its place.
fn with_plain_address(line: &[u8]) -> Option<Vec<u8>> {
    let start = line.iter().position(|byte| *byte == b'<')?;
    let literal = line[start..].windows(2).position(|two| two == b"@[")?;
    let name = &line[start + 1..start + literal];
    let length = line[start..].windows(2).position(|two| two == b"]>")?;
    let literal = &line[start + literal + 2..start + length];
    let sound = |bytes: &[u8]| !bytes.is_empty() && bytes.iter().all(|byte| *byte > b' ' && !b"<>@[]".contains(byte));
    (sound(name) && sound(literal)).then(|| [&line[..=start], b"a@x.invalid", &line[start + length + 1..]].concat())
}

/// RFC 5321, section 4.5.1: the one recipient without a domain, which smtp-proto returns as an empty address.
fn names_postmaster(line: &[u8]) -> bool {
    line.to_ascii_lowercase().windows(12).any(|window| window == b"<postmaster>")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_of_every_form_will_do() {
        for address in [
            "",
            "a@x.example",
            "a@[127.0.0.1]",
            "a@[IPv6:::1]",
            "\"a b\"@x.example",
            "jörg@bücher.example",
            "@r,@s:a@x.example",
        ] {
            let line = format!("MAIL FROM:<{address}> SIZE=7 BODY=BINARYMIME\r\n");
            assert_eq!(Command::parse(line.as_bytes()), Ok(Command::Mail { size: 7, binary: true }), "{address}");
        }
        for address in ["a@x.example", "Postmaster", "a@[127.0.0.1]"] {
            let line = format!("RCPT TO:<{address}>\r\n");
            assert_eq!(Command::parse(line.as_bytes()), Ok(Command::Recipient), "{address}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for address in ["a", "@x", "a@x@y", "a@[", "a@[]", "@[1]", "a b@[1]", "a@[1]x"] {
            let line = format!("RCPT TO:<{address}>\r\n");
            assert!(Command::parse(line.as_bytes()).is_err(), "{address}");
        }
        assert!(Command::parse(b"RCPT TO:<>\r\n").is_err());
    }

    proptest! {
        #[test]
        fn any_line_can_be_read(line in "(MAIL FROM:|RCPT TO:|BDAT |EHLO |[<>@\\[\\]\"= ]|SIZE=|BODY=|\\PC|[\0-\x7f]){0,20}") {
            let _ = Command::parse(format!("{line}\r\n").as_bytes());
        }
    }
}
