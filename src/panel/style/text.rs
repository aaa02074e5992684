//! Numbers, times and names as they are shown.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Longest name shown; what is longer is cut, so that one hostile name can't stop the window.
const LONGEST: usize = 400;

/// A name from outside, fit to be shown on one line: control characters appear as symbols instead of doing something,
/// marks that turn the direction of the text around it are taken out, and it ends at some point.
#[must_use]
pub fn legible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| replacement(c) != Some(c)) && text.chars().nth(LONGEST).is_none() {
        return Cow::Borrowed(text);
    }
    let mut shown: String = text.chars().take(LONGEST).filter_map(replacement).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    Cow::Owned(shown)
}

fn replacement(c: char) -> Option<char> {
    match c {
        // The control pictures of Unicode: ␀ for NUL, ␊ for LF, and so on.
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)),
        '\u{7f}' => Some('\u{2421}'),
        '\u{80}'..='\u{9f}' | '\u{fff9}'..='\u{fffc}' => Some('\u{fffd}'),
        '\u{2028}' | '\u{2029}' => Some('\u{2424}'),
        // Overrides, embeddings and isolates of direction: they would let a name pretend to be another.
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{feff}' => None,
        c => Some(c),
    }
}

/// 1234567 as 1 234 567, which reads the same in every country.
#[must_use]
pub fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    if number < 0 { format!("-{text}") } else { text }
}

/// A size as people say it: 1 536 bytes are 1.5 KB.
#[must_use]
#[allow(clippy::cast_precision_loss)] // one digit behind the point is shown
pub fn bytes(size: i64) -> String {
    let size = size.max(0);
    if size < 1_024 {
        format!("{size} bytes")
    } else if size < 1_048_576 {
        format!("{:.1} KB", size as f64 / 1_024.0)
    } else {
        format!("{:.1} MB", size as f64 / 1_048_576.0)
    }
}

/// Date and time to the second.
#[must_use]
pub fn time(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The time alone when it is today, else with the date.
#[must_use]
pub fn day(time: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let (time, now) = (time.to_zoned(zone.clone()), now.to_zoned(zone.clone()));
    if time.date() == now.date() {
        time.strftime("%H:%M:%S").to_string()
    } else {
        time.strftime("%Y-%m-%d %H:%M").to_string()
    }
}

/// How long ago, roughly.
#[must_use]
pub fn ago(time: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second().saturating_sub(time.as_second()).max(0);
    match seconds {
        0..10 => "just now".to_owned(),
        10..60 => format!("{seconds} seconds ago"),
        60..120 => "a minute ago".to_owned(),
        120..3_600 => format!("{} minutes ago", seconds / 60),
        3_600..7_200 => "an hour ago".to_owned(),
        7_200..86_400 => format!("{} hours ago", seconds / 3_600),
        86_400..172_800 => "a day ago".to_owned(),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

/// The same words, where something begins with them.
#[must_use]
pub fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}", first.to_uppercase(), letters.as_str()))
}

/// An error's words as a sentence of their own.
#[must_use]
pub fn sentence(words: &str) -> String {
    let end = if words.is_empty() || words.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{}{end}", capital(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let text = [0, 7, 999, 1000, 1_234_567, -1000].map(grouped).map(|text| text.replace('\u{202f}', " "));
        assert_eq!(text, ["0", "7", "999", "1 000", "1 234 567", "-1 000"]);
    }

    #[test]
    fn a_hostile_name_is_shown_and_does_nothing() {
        assert_eq!(legible("Anna\r\nBcc: x\0\u{7f}"), "Anna␍␊Bcc: x␀␡");
        assert_eq!(legible("gnp.\u{202e}exe"), "gnp.exe");
        assert_eq!(legible(&"x".repeat(9_000)).chars().count(), LONGEST + 1);
        assert!(matches!(legible("田中 美咲 · עברית"), Cow::Borrowed(_)));
    }

    #[test]
    fn sizes_and_times_read_as_people_say_them() {
        assert_eq!([0, 1_023, 1_536, 5_242_880].map(bytes), ["0 bytes", "1023 bytes", "1.5 KB", "5.0 MB"]);
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let now = at(1_764_000_000);
        assert_eq!(ago(at(1_763_999_995), now), "just now");
        assert_eq!(ago(at(1_763_996_400), now), "an hour ago");
        assert_eq!(day(at(1_763_999_995), now, &TimeZone::UTC), "15:59:55");
        assert_eq!(day(at(1_763_900_000), now, &TimeZone::UTC), "2025-11-23 12:13");
    }

    #[test]
    fn an_error_becomes_a_sentence() {
        assert_eq!(sentence("the door is shut"), "The door is shut.");
        assert_eq!(sentence("Is it?"), "Is it?");
        assert_eq!(sentence(""), "");
    }
}
