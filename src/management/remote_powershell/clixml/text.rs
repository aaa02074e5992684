//! Characters that XML can't have, or that PowerShell does not trust it with, stand as `_xHHHH_`, a unit of UTF-16 each
//! (MS-PSRP 2.2.5.3.2).

/// Reads `_xHHHH_`. Halves of a surrogate pair that have lost the other one become U+FFFD.
#[must_use]
pub fn decoded(text: &str) -> String {
    if !text.contains("_x") && !text.contains("_X") {
        return text.to_owned();
    }
    let mut units = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if let Some(unit) = escape(rest) {
            units.push(unit);
            rest = &rest[7..];
        } else {
            units.extend_from_slice(character.encode_utf16(&mut [0; 2]));
            rest = &rest[character.len_utf8()..];
        }
    }
    String::from_utf16_lossy(&units)
}

/// The unit for which the text's beginning stands.
fn escape(text: &str) -> Option<u16> {
    let bytes = text.as_bytes().get(..7)?;
    let digits = bytes.strip_prefix(b"_x").or_else(|| bytes.strip_prefix(b"_X"))?.strip_suffix(b"_")?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}
