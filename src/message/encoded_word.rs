//! Text in header fields that is not ASCII (RFC 2047).

use super::charset;
use super::transfer::Encoding;

/// Decodes the encoded words in a text; what only looks like one stays as it is.
pub(super) fn decode(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut pending: Option<Pending> = None;
    let mut rest = text;
    while let Some(at) = rest.find("=?") {
        if !rest[at..].contains("?=") {
            break;
        }
        let (before, candidate) = rest.split_at(at);
        let Some((word, after)) = Word::read(candidate) else {
            flush(&mut pending, &mut decoded);
            decoded.push_str(before);
            decoded.push_str("=?");
            rest = &candidate[2..];
            continue;
        };
        // Blanks between two encoded words are not part of the text.
        if pending.is_none() || !before.trim().is_empty() {
            flush(&mut pending, &mut decoded);
            decoded.push_str(before);
        }
        match &mut pending {
            // Some programs cut a character in two, so pieces of one charset are joined before they are decoded.
            Some(pending) if pending.charset.eq_ignore_ascii_case(word.charset) => pending.bytes.extend(word.bytes),
            _ => {
                flush(&mut pending, &mut decoded);
                pending = Some(Pending { charset: word.charset.to_owned(), bytes: word.bytes });
            }
        }
        rest = after;
    }
    flush(&mut pending, &mut decoded);
    decoded.push_str(rest);
    decoded.retain(|c| charset::is_text(c) && (!c.is_control() || c == '\t'));
    decoded
}

struct Pending {
    charset: String,
    bytes: Vec<u8>,
}

fn flush(pending: &mut Option<Pending>, decoded: &mut String) {
    if let Some(Pending { charset, bytes }) = pending.take() {
        decoded.push_str(&charset::decode(&bytes, Some(&charset)));
    }
}

struct Word<'t> {
    charset: &'t str,
    bytes: Vec<u8>,
}

impl<'t> Word<'t> {
    /// Reads `=?charset?encoding?text?=` at the start and returns what follows.
    fn read(text: &'t str) -> Option<(Self, &'t str)> {
        let (charset, rest) = text.strip_prefix("=?")?.split_once('?')?;
        // RFC 2231 appends a language: =?us-ascii*en?Q?…?=
        let charset = charset.split('*').next().unwrap_or(charset);
        if charset.is_empty() || charset.contains(char::is_whitespace) {
            return None;
        }
        let (encoding, rest) = rest.split_once('?')?;
        let end = rest.find("?=")?;
        let encoded = &rest[..end];
        let bytes = match encoding {
            "B" | "b" => Encoding::Base64.decode(encoded.as_bytes()).into_owned(),
            "Q" | "q" => Encoding::QuotedPrintable.decode(encoded.replace('_', " ").as_bytes()).into_owned(),
            _ => return None,
        };
        Some((Self { charset, bytes }, &rest[end + 2..]))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::decode;

    #[test]
    fn what_only_looks_like_an_encoded_word_stays() {
        for text in
            ["", "=?", "=?utf-8?Q?open", "=?utf-8?X?text?=", "=??Q?text?=", "a =? b ?= c", "=?bad charset?Q?x?="]
        {
            assert_eq!(decode(text), text);
        }
    }

    #[test]
    fn words_of_any_charset_are_decoded() {
        assert_eq!(decode("=?iso-8859-1?Q?Gr=FC=DFe?= aus =?UTF-8?B?S8O2bG4=?="), "Grüße aus Köln");
        assert_eq!(decode("=?ISO-2022-JP?B?GyRCRnxLXBsoQg==?="), "日本");
        assert_eq!(decode("=?gb18030?B?xOO6ww==?="), "你好");
        assert_eq!(decode("=?koi8-r?B?8NLJ18XU?="), "Привет");
        assert_eq!(decode("=?utf-8*de?q?Gr=C3=BC=C3=9Fe_Anna?="), "Grüße Anna");
        assert_eq!(decode("=?no-such-charset?Q?Gr=C3=BC=C3=9Fe?="), "Grüße");
        assert_eq!(decode("Re:=?utf-8?Q?_=C3=A4?=!"), "Re: ä!");
    }

    #[test]
    fn blanks_between_words_vanish_and_a_cut_character_is_whole_again() {
        assert_eq!(decode("=?utf-8?Q?one?=  =?utf-8?Q?two?= three"), "onetwo three");
        assert_eq!(decode("=?utf-8?Q?=C3?= =?utf-8?B?pA==?="), "ä");
        assert_eq!(decode("=?utf-8?Q?a?= b =?utf-8?Q?c?="), "a b c");
    }

    #[test]
    fn control_characters_do_not_get_in() {
        assert_eq!(decode("=?utf-8?Q?a=00b=0D=0Ac?="), "abc");
    }

    proptest! {
        #[test]
        fn any_text_can_be_decoded(text in "(=\\?|\\?=|utf-8|iso-2022-jp|utf-7|[QBqb?=_* ]|\\PC){0,40}") {
            let _ = decode(&text);
        }
    }
}
