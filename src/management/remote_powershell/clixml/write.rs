//! Texts as PowerShell writes them into XML.

use std::fmt::Write as _;

/// For the content of an element, and for an attribute in double quotes.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // What would be read as one that was written.
            '_' if characters.peek().is_some_and(|next| matches!(next, 'x' | 'X')) => escaped.push_str("_x005F_"),
            plain if !plain.is_control() && u32::from(plain) < 0xFFFE => escaped.push(plain),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    let _ = write!(escaped, "_x{unit:04X}_");
                }
            }
        }
    }
    escaped
}
