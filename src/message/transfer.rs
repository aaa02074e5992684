//! Content-Transfer-Encoding (RFC 2045, section 6): decodes whatever can be decoded and skips the rest.

use std::borrow::Cow;

use memchr::memchr3;

/// How the bytes of a part are written in the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Encoding {
    /// `7bit`, `8bit`, `binary`, or one that nobody knows.
    Identity,
    Base64,
    QuotedPrintable,
}

impl Encoding {
    /// Reads the value of a Content-Transfer-Encoding field.
    pub(super) fn of(value: &str) -> Self {
        let token = value.trim_start_matches([' ', '\t', '"']);
        let end = token.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).unwrap_or(token.len());
        let token = &token[..end];
        if token.eq_ignore_ascii_case("base64") {
            Self::Base64
        } else if token.eq_ignore_ascii_case("quoted-printable") {
            Self::QuotedPrintable
        } else {
            Self::Identity
        }
    }

    pub(super) fn decode(self, encoded: &[u8]) -> Cow<'_, [u8]> {
        if self == Self::Identity {
            return Cow::Borrowed(encoded);
        }
        let mut decoded = Vec::with_capacity(match self {
            Self::Base64 => encoded.len() / 4 * 3 + 3,
            _ => encoded.len(),
        });
        self.decode_with(encoded, &mut |piece| decoded.extend_from_slice(piece));
        Cow::Owned(decoded)
    }

    pub(super) fn decoded_len(self, encoded: &[u8]) -> usize {
        if self == Self::Identity {
            return encoded.len();
        }
        let mut length = 0;
        self.decode_with(encoded, &mut |piece| length += piece.len());
        length
    }

    /// Gives the content to `sink` in pieces, so that it need never be in memory as a whole.
    pub(super) fn decode_with(self, encoded: &[u8], sink: &mut dyn FnMut(&[u8])) {
        match self {
            Self::Identity => sink(encoded),
            Self::Base64 => decode_base64(encoded, sink),
            Self::QuotedPrintable => decode_quoted_printable(encoded, sink),
        }
    }
}

const INVALID: u8 = 0xff;

const BASE64: [u8; 256] = {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut table = [INVALID; 256];
    let mut value = 0;
    while value < alphabet.len() {
        #[allow(clippy::cast_possible_truncation, reason = "there are 64 values")]
        let digit = value as u8;
        table[alphabet[value] as usize] = digit;
        value += 1;
    }
    table
};

/// Bytes gathered before they go to the sink.
struct Pieces<'s> {
    bytes: [u8; 3 * 1024],
    filled: usize,
    sink: &'s mut dyn FnMut(&[u8]),
}

impl Pieces<'_> {
    fn push(&mut self, bytes: &[u8]) {
        if self.filled + bytes.len() > self.bytes.len() {
            self.flush();
        }
        self.bytes[self.filled..self.filled + bytes.len()].copy_from_slice(bytes);
        self.filled += bytes.len();
    }

    fn flush(&mut self) {
        (self.sink)(&self.bytes[..self.filled]);
        self.filled = 0;
    }
}

/// Characters outside the alphabet are ignored (RFC 2045 asks for that). Padding ends a group, not the content:
/// some programs encode pieces one by one and join the results.
fn decode_base64(encoded: &[u8], sink: &mut dyn FnMut(&[u8])) {
    let mut pieces = Pieces { bytes: [0; 3 * 1024], filled: 0, sink };
    let (mut group, mut digits) = (0u32, 0);
    let mut rest = encoded;
    while let [first, tail @ ..] = rest {
        if digits == 0
            && let [a, b, c, d, tail @ ..] = rest
        {
            let [a, b, c, d] = [a, b, c, d].map(|digit| BASE64[usize::from(*digit)]);
            if a | b | c | d < 64 {
                pieces.push(&[a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d]);
                rest = tail;
                continue;
            }
        }
        rest = tail;
        let value = BASE64[usize::from(*first)];
        if value != INVALID {
            group = group << 6 | u32::from(value);
            digits += 1;
        }
        if digits == 4 || *first == b'=' || (rest.is_empty() && digits > 0) {
            let [_, bytes @ ..] = (group << (6 * (4 - digits))).to_be_bytes();
            pieces.push(&bytes[..digits.max(1) - 1]);
            (group, digits) = (0, 0);
        }
    }
    pieces.flush();
}

/// What is not valid stays as it is written: better a stray `=3` in the text than a part of it missing.
fn decode_quoted_printable(encoded: &[u8], sink: &mut dyn FnMut(&[u8])) {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let mut rest = encoded;
    while let Some(at) = memchr3(b'=', b'\r', b'\n', rest) {
        let (before, tail) = (&rest[..at], &rest[at + 1..]);
        if rest[at] != b'=' {
            // Blanks at the end of a line were added on the way.
            sink(before.trim_ascii_end());
            sink(&rest[at..=at]);
            rest = tail;
            continue;
        }
        sink(before);
        let hex = |digit: u8| char::from(digit).to_digit(16);
        if let [high, low, after @ ..] = tail
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            #[allow(clippy::cast_possible_truncation, reason = "two hexadecimal digits")]
            sink(&[(high << 4 | low) as u8]);
            rest = after;
            continue;
        }
        // A soft line break, or the end of the content.
        let blanks = tail.iter().take_while(|byte| is_blank(byte)).count();
        rest = match &tail[blanks..] {
            [b'\r', b'\n', after @ ..] | [b'\r' | b'\n', after @ ..] => after,
            [] => &[],
            _ => {
                sink(b"=");
                tail
            }
        };
    }
    sink(rest);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn base64(encoded: &str) -> Vec<u8> {
        Encoding::Base64.decode(encoded.as_bytes()).into_owned()
    }

    fn quoted_printable(encoded: &str) -> String {
        String::from_utf8(Encoding::QuotedPrintable.decode(encoded.as_bytes()).into_owned()).unwrap()
    }

    #[test]
    fn base64_with_garbage_between_the_digits_is_decoded() {
        assert_eq!(base64("SGVs\r\nbG8g*d29!ybGQ="), b"Hello world");
        assert_eq!(base64("SGVsbG8gd29ybGQ"), b"Hello world", "padding is missing");
        assert_eq!(base64("SGVsbG8=IHdvcmxk"), b"Hello world", "two pieces joined");
        assert_eq!(base64("SGVsbG8=\r\n=\r\n"), b"Hello");
        assert_eq!(base64("S"), b"", "a single digit says nothing");
        assert_eq!(base64("=*-"), b"");
    }

    #[test]
    fn quoted_printable_that_is_not_keeps_its_text() {
        assert_eq!(quoted_printable("a=3Db=3dc =\r\nd  \r\ne=zz =4"), "a=b=c d\r\ne=zz =4");
        assert_eq!(quoted_printable("soft = \t\nbreak="), "soft break");
        assert_eq!(quoted_printable("=\rone"), "one");
        assert_eq!(quoted_printable("x=C3=A4y"), "xäy");
    }

    #[test]
    fn the_encoding_is_read_from_what_programs_write() {
        for value in ["base64", " BASE64 ", "\"base64\"", "base64; charset=utf-8", "Base64 (comment)"] {
            assert_eq!(Encoding::of(value), Encoding::Base64, "{value}");
        }
        assert_eq!(Encoding::of("Quoted-Printable"), Encoding::QuotedPrintable);
        for value in ["", "7bit", "8bit", "binary", "base64url", "x-uuencode"] {
            assert_eq!(Encoding::of(value), Encoding::Identity, "{value}");
        }
    }

    proptest! {
        #[test]
        fn what_was_encoded_comes_back(bytes in prop::collection::vec(any::<u8>(), 0..9000)) {
            use base64::Engine as _;
            let encoded = base64::engine::general_purpose::STANDARD.encode(&bytes);
            let decoded = Encoding::Base64.decode(encoded.as_bytes());
            prop_assert_eq!(decoded.as_ref(), bytes.as_slice());
            prop_assert_eq!(Encoding::Base64.decoded_len(encoded.as_bytes()), bytes.len());
        }

        #[test]
        fn any_bytes_can_be_decoded(bytes in prop::collection::vec(any::<u8>(), 0..4000)) {
            for encoding in [Encoding::Base64, Encoding::QuotedPrintable, Encoding::Identity] {
                prop_assert_eq!(encoding.decode(&bytes).len(), encoding.decoded_len(&bytes));
            }
        }
    }
}
