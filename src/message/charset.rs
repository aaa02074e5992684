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
    let ascii = ["us-ascii", "ascii", "ansi_x3.4-1968", "iso-ir-6", "646"];
    if ascii.iter().any(|ascii| ascii.eq_ignore_ascii_case(label)) {
        return unlabelled(bytes);
    }
    if label.eq_ignore_ascii_case("utf-16") || label.eq_ignore_ascii_case("utf16") {
        return utf_16(bytes).decode_without_bom_handling(bytes).0;
    }
    match Encoding::for_label_no_replacement(label.as_bytes()) {
        Some(encoding) => encoding.decode_without_bom_handling(bytes).0,
        // The ones that browsers have dropped: UTF-7, the charsets of DOS.
        None => match charset_decoder(label.as_bytes()) {
            Some(decode) if !label.is_empty() => Cow::Owned(decode(bytes)),
            _ => unlabelled(bytes),
        },
    }
}

/// Which of the two it is, when neither label nor mark say so: Latin text has its zeros in the higher byte.
fn utf_16(bytes: &[u8]) -> &'static Encoding {
    let (pairs, _) = bytes[..bytes.len().min(256)].as_chunks::<2>();
    let zeros = |at: usize| pairs.iter().filter(|pair| pair[at] == 0).count();
    if zeros(0) > zeros(1) { UTF_16BE } else { UTF_16LE }
}
