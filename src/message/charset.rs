//! Charsets of text.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE, WINDOWS_1252};
use mail_parser::decoders::charsets::map::charset_decoder;

/// Decodes text that doesn't say its charset: UTF-8 if it can be, else Windows-1252, which every byte is in.
pub(super) fn unlabelled(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes).0,
    }
}

/// Decodes text whose charset is said. A byte order mark has the last word, and a charset that is unknown, or
/// ASCII for text that is not, counts as none said.
pub(super) fn decode<'b>(bytes: &'b [u8], label: Option<&str>) -> Cow<'b, str> {
    if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        return encoding.decode_without_bom_handling(&bytes[length..]).0;
    }
    let Some(label) = label.map(str::trim) else { return unlabelled(bytes) };
    if !is_definite(label) {
        return unlabelled(bytes);
    }
    if label.eq_ignore_ascii_case("utf-16") || label.eq_ignore_ascii_case("utf16") {
        return utf_16(bytes).decode_without_bom_handling(bytes).0;
    }
    match Encoding::for_label_no_replacement(label.as_bytes()) {
        Some(encoding) => encoding.decode_without_bom_handling(bytes).0,
        // The ones that browsers have dropped: UTF-7, the charsets of DOS.
        None => charset_decoder(label.as_bytes()).map_or_else(|| unlabelled(bytes), |decode| Cow::Owned(decode(bytes))),
    }
}

/// Whether a label says more than "ASCII", and something that we know.
pub(super) fn is_definite(label: &str) -> bool {
    let label = label.trim();
    let ascii = ["us-ascii", "ascii", "ansi_x3.4-1968", "iso-ir-6", "646"];
    !ascii.iter().any(|ascii| ascii.eq_ignore_ascii_case(label))
        && !label.is_empty()
        && (Encoding::for_label_no_replacement(label.as_bytes()).is_some()
            || charset_decoder(label.as_bytes()).is_some())
}

/// Whether XML 1.0, and with it EWS, can carry the character.
pub(super) fn is_text(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

/// Whether [`is_text`] holds for every character.
pub(super) fn is_all_text(text: &str) -> bool {
    // Pieces of a fixed length are looked at without a branch for each byte. U+FFFE and U+FFFF begin with 0xEF.
    let suspicious = |byte: u8| byte == 0xEF || byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r');
    let is_plain = |piece: &[u8]| !piece.iter().fold(false, |found, byte| found | suspicious(*byte));
    text.as_bytes().chunks(64).all(is_plain) || text.chars().all(is_text)
}

/// Which of the two it is, when neither label nor mark say so: Latin text has its zeros in the higher byte.
fn utf_16(bytes: &[u8]) -> &'static Encoding {
    let (pairs, _) = bytes[..bytes.len().min(256)].as_chunks::<2>();
    let zeros = |at: usize| pairs.iter().filter(|pair| pair[at] == 0).count();
    if zeros(0) > zeros(1) { UTF_16BE } else { UTF_16LE }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_label_that_says_nothing_is_replaced_by_what_the_bytes_can_be() {
        for label in [None, Some(""), Some("us-ascii"), Some("ANSI_X3.4-1968"), Some("no-such"), Some("unknown-8bit")] {
            assert_eq!(decode("Grüße".as_bytes(), label), "Grüße", "{label:?}");
            assert_eq!(decode(b"Gr\xfc\xdfe \x80", label), "Grüße €", "{label:?}");
        }
    }

    #[test]
    fn charsets_of_mail_are_decoded() {
        assert_eq!(decode(b"\x80 \xfc", Some("iso-8859-1")), "€ ü");
        assert_eq!(decode(b"\x80 \xfc", Some("Windows-1252")), "€ ü");
        assert_eq!(decode(b"\x1b$BF|K\\\x1b(B", Some("iso-2022-jp")), "日本");
        assert_eq!(decode(b"\xc4\xe3\xba\xc3\x81\x30\x84\x36", Some("gb18030")), "你好¥");
        assert_eq!(decode(b"\xc4\xe3\xba\xc3", Some("GB2312")), "你好");
        assert_eq!(decode(b"\xbe\xc8", Some("ks_c_5601-1987")), "안");
        assert_eq!(decode(b"+ZeVnLIqe-", Some("utf-7")), "日本語");
        assert_eq!(decode(b"\x81", Some("ibm850")), "ü");
    }

    #[test]
    fn utf_16_is_decoded_with_and_without_its_mark() {
        assert_eq!(decode(b"\xff\xfeA\0\xe4\0", Some("utf-16")), "Aä");
        assert_eq!(decode(b"\xfe\xff\0A\0\xe4", Some("utf-16")), "Aä");
        assert_eq!(decode(b"A\0\xe4\0", Some("utf-16")), "Aä");
        assert_eq!(decode(b"\0A\0\xe4", Some("UTF-16")), "Aä");
        assert_eq!(decode(b"\0A\0\xe4", Some("utf-16be")), "Aä");
        assert_eq!(decode(b"\xff\xfeA\0", Some("us-ascii")), "A");
    }

    #[test]
    fn a_mark_counts_more_than_the_label() {
        assert_eq!(decode("\u{feff}ä".as_bytes(), Some("iso-8859-1")), "ä");
    }

    proptest! {
        #[test]
        fn a_text_is_looked_at_as_its_characters_are(
            text in r"(\PC|[\x00-\x20\x{fff0}-\x{ffff}\x{ff00}äé]){0,150}",
        ) {
            prop_assert_eq!(is_all_text(&text), text.chars().all(is_text));
        }

        #[test]
        fn any_bytes_can_be_decoded(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            label in "(utf-(7|8|16)|iso-2022-jp|gb18030|ibm850|macintosh|hz-gb-2312|[a-z0-9-]{0,50})",
        ) {
            let _ = decode(&bytes, Some(&label));
        }
    }
}
