//! Values with parameters: Content-Type (RFC 2045) and Content-Disposition (RFC 2183), the parameters also in
//! pieces and charsets of their own (RFC 2231).

use super::{charset, encoded_word};

/// The longest file name of Windows, in pieces of the usual length, has about forty.
const MOST_PIECES: usize = 500;

/// A value and its parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Parameters {
    /// `text/plain`, `attachment`; in lower case.
    pub value: String,
    /// Names in lower case, values decoded.
    parameters: Vec<(String, String)>,
}

impl Parameters {
    /// What a part is that doesn't say it.
    pub(super) fn text() -> Self {
        Self { value: "text/plain".to_owned(), parameters: Vec::new() }
    }

    pub(super) fn read(text: &str) -> Self {
        let (value, mut rest) = split(text, ';');
        // Some programs forget the semicolon, some add a comment.
        let value = value.trim().split(|c: char| c.is_whitespace() || c == '(').next().unwrap_or_default();
        let mut pieces = Vec::new();
        while !rest.is_empty() && pieces.len() < MOST_PIECES {
            let (name, after) = split_at_either(rest);
            match after.strip_prefix('=') {
                Some(after) => {
                    let (value, after) = read_value(after);
                    pieces.push(Piece::new(name.trim(), value));
                    rest = after;
                }
                None => rest = after.strip_prefix(';').unwrap_or_default(),
            }
        }
        Self { value: value.trim_matches('"').to_ascii_lowercase(), parameters: join(pieces) }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

/// Up to a separator outside of quotes, and what follows it.
fn split(text: &str, separator: char) -> (&str, &str) {
    let mut quoted = false;
    let found = text.find(|c| {
        quoted ^= c == '"';
        c == separator && !quoted
    });
    match found {
        Some(at) => (&text[..at], &text[at + separator.len_utf8()..]),
        None => (text, ""),
    }
}

/// A parameter's name, and the rest from its `=` or `;` on.
fn split_at_either(text: &str) -> (&str, &str) {
    text.split_at(text.find(['=', ';']).unwrap_or(text.len()))
}

/// A parameter's value, quoted or not, and what follows the semicolon behind it.
fn read_value(text: &str) -> (String, &str) {
    let text = text.trim_start();
    let Some(quoted) = text.strip_prefix('"') else {
        // Names with blanks in them occur without quotes.
        let (value, rest) = split(text, ';');
        return (value.trim().to_owned(), rest);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return (value, split(&quoted[at + 1..], ';').1),
            // Only these two are escaped: a lone backslash is part of a path that a Windows program put here.
            '\\' => match characters.next_if(|(_, next)| matches!(next, '"' | '\\')) {
                Some((_, escaped)) => value.push(escaped),
                None => value.push(c),
            },
            _ => value.push(c),
        }
    }
    // The quotes are not closed.
    (value, "")
}

/// `name`, `name*`, `name*0` or `name*0*` with its value.
struct Piece {
    name: String,
    /// Its number, if it is one of several.
    number: Option<u32>,
    /// Percent-encoded; the first one begins with charset and language.
    extended: bool,
    value: String,
}

impl Piece {
    fn new(written: &str, value: String) -> Self {
        let written = written.to_ascii_lowercase();
        let (name, extended) = match written.strip_suffix('*') {
            Some(name) => (name, true),
            None => (written.as_str(), false),
        };
        let numbered = name.rsplit_once('*').and_then(|(name, number)| Some((name, number.parse().ok()?)));
        let (name, number) = numbered.map_or((name, None), |(name, number)| (name, Some(number)));
        Self { name: name.to_owned(), number, extended, value }
    }
}

fn join(mut pieces: Vec<Piece>) -> Vec<(String, String)> {
    let mut parameters: Vec<(String, String)> = Vec::new();
    // A program that knows RFC 2231 writes the plain form beside it for those that don't. What is whole counts
    // before what is in pieces.
    pieces.sort_by_key(|piece| (!(piece.extended || piece.number.is_some()), piece.number));
    let mut names: Vec<String> = Vec::new();
    let mut groups: Vec<Vec<Piece>> = Vec::new();
    for piece in pieces {
        let joins = piece.number.is_some_and(|number| number > 0);
        match groups.iter_mut().find(|group| joins && group[0].name == piece.name && group[0].number == Some(0)) {
            Some(group) => group.push(piece),
            None if names.contains(&piece.name) => {}
            None => {
                names.push(piece.name.clone());
                groups.push(vec![piece]);
            }
        }
    }
    for group in groups {
        let name = group[0].name.clone();
        let plain = group.iter().all(|piece| !piece.extended);
        let value = if plain {
            let value: String = group.into_iter().map(|piece| piece.value).collect();
            encoded_word::decode(&value)
        } else {
            decode(&group)
        };
        parameters.push((name, value));
    }
    parameters
}

/// Joins the pieces' bytes before it decodes them: a character may be cut in two.
fn decode(group: &[Piece]) -> String {
    let mut label = None;
    let mut bytes = Vec::new();
    for (index, piece) in group.iter().enumerate() {
        let mut value = piece.value.as_str();
        if index == 0
            && piece.extended
            && let Some((charset, rest)) = value.split_once('\'')
            && let Some((_language, rest)) = rest.split_once('\'')
        {
            label = Some(charset).filter(|charset| !charset.is_empty());
            value = rest;
        }
        if piece.extended {
            percent_decode(value, &mut bytes);
        } else {
            bytes.extend_from_slice(value.as_bytes());
        }
    }
    let mut decoded = charset::decode(&bytes, label).into_owned();
    decoded.retain(|c| charset::is_text(c) && !c.is_control());
    decoded
}

/// Appends the bytes that a text with `%41` stands for; what is not two hexadecimal digits stays.
pub(super) fn percent_decode(text: &str, bytes: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = |digit: u8| char::from(digit).to_digit(16);
        if *first == b'%'
            && let [high, low, after @ ..] = tail
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            #[allow(clippy::cast_possible_truncation, reason = "two hexadecimal digits")]
            bytes.push((high << 4 | low) as u8);
            rest = after;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, name: &str, expected: &str) {
        assert_eq!(Parameters::read(text).get(name), Some(expected), "{text}");
    }

    #[test]
    fn the_value_is_read_whatever_surrounds_it() {
        for text in [
            "text/html",
            " Text/HTML ",
            "text/html; charset=utf-8",
            "text/html charset=utf-8",
            "text/html (the page)",
            "\"text/html\"",
        ] {
            assert_eq!(Parameters::read(text).value, "text/html", "{text}");
        }
        assert_eq!(Parameters::read("").value, "");
        assert_eq!(Parameters::read(";;=;a").get("a"), None);
    }

    #[test]
    fn parameters_are_read_as_programs_write_them() {
        check("multipart/mixed; boundary=\"----=_Next; Part\"; type=x", "boundary", "----=_Next; Part");
        check("multipart/mixed;boundary=----=_NextPart_000_01", "boundary", "----=_NextPart_000_01");
        check("a/b; BOUNDARY = \"x\" ; c=d", "boundary", "x");
        check("a/b; name=\"a \\\"b\\\" c.txt\"", "name", "a \"b\" c.txt");
        check("a/b; name=\"C:\\temp\\x.txt\"", "name", "C:\\temp\\x.txt");
        check("a/b; name=My Report (1).pdf; x=y", "name", "My Report (1).pdf");
        check("a/b; name=\"open", "name", "open");
        check("a/b; name=first; name=second", "name", "first");
        check("a/b; ;; name=x", "name", "x");
    }

    #[test]
    fn names_are_decoded_from_any_charset() {
        check("attachment; filename=\"=?utf-8?B?w6QudHh0?=\"", "filename", "ä.txt");
        check("attachment; filename*=UTF-8''%E2%82%AC%20rates.pdf", "filename", "€ rates.pdf");
        check("attachment; filename*=iso-8859-1'de'Gr%FC%DFe.pdf", "filename", "Grüße.pdf");
        check("attachment; filename*=iso-2022-jp''%1B$B%46%7C%4B%5C%1B(B.txt", "filename", "日本.txt");
        check("attachment; filename*=''plain.txt", "filename", "plain.txt");
        check("attachment; filename=Grüße.pdf", "filename", "Grüße.pdf");
    }

    #[test]
    fn names_in_pieces_are_joined_in_the_order_of_their_numbers() {
        check("a; filename*1=\"b.txt\"; filename*0=\"a\"", "filename", "ab.txt");
        check("a; filename*0*=UTF-8''%C3; filename*1*=%A4; filename*2=.txt", "filename", "ä.txt");
        let many: String = (0..12).map(|n| format!("; filename*{n}={n}-")).collect();
        check(&format!("a{many}"), "filename", "0-1-2-3-4-5-6-7-8-9-10-11-");
    }

    #[test]
    fn the_extended_form_counts_before_the_plain_one() {
        check("a; filename=\"?.txt\"; filename*=utf-8''%C3%A4.txt", "filename", "ä.txt");
        check("a; filename*0*=utf-8''%C3%A4; filename=\"x\"; filename*1=.txt", "filename", "ä.txt");
    }

    proptest! {
        #[test]
        fn any_text_can_be_read(text in "(filename|\\*|[0-9]|=|;|'|\"|%|utf-8|\\\\| |\\PC){0,60}") {
            let _ = Parameters::read(&text);
        }
    }
}
