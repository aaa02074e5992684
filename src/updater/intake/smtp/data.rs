//! The text after DATA (RFC 5321, section 4.5.2): removes the dots that were stuffed, and finds the end.
//!
//! smtp-proto's receiver is not used here: it also takes `<CRLF>.<CR><CR><LF>` for the end, and misses an end
//! that follows DATA at once.

use memchr::memmem;

/// Reads the text in pieces of any size. Nothing but `<CRLF>.<CRLF>` ends it: other servers on the way may
/// take a bare CR or LF for a line end and let a second message slip in ("SMTP smuggling").
pub(super) struct DataReader {
    state: State,
    dotted_line: memmem::Finder<'static>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Behind a CR LF, or at the very start.
    LineStart,
    /// Behind a dot at the start of a line; it is not part of the text.
    Dot,
    /// Behind a dot at the start of a line and a CR, which is not given on yet.
    DotCr,
    /// Behind a CR.
    Cr,
    Text,
}

/// What became of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Progress {
    /// Bytes used; behind the end, commands follow.
    pub used: usize,
    pub ended: bool,
}

impl DataReader {
    pub(super) fn new() -> Self {
        Self { state: State::LineStart, dotted_line: memmem::Finder::new(b"\r\n.") }
    }

    /// Gives the message in a piece of the text to `sink`.
    pub(super) fn read(&mut self, piece: &[u8], mut sink: impl FnMut(&[u8])) -> Progress {
        let mut used = 0;
        while used < piece.len() {
            let next = piece[used];
            match self.state {
                State::LineStart if next == b'.' => {
                    self.state = State::Dot;
                    used += 1;
                }
                State::Dot if next == b'\r' => {
                    self.state = State::DotCr;
                    used += 1;
                }
                State::DotCr if next == b'\n' => return Progress { used: used + 1, ended: true },
                State::DotCr => {
                    sink(b"\r");
                    self.state = State::Cr;
                }
                State::Cr if next == b'\n' => {
                    sink(b"\n");
                    self.state = State::LineStart;
                    used += 1;
                }
                State::LineStart | State::Dot | State::Cr | State::Text => {
                    let rest = &piece[used..];
                    if let Some(at) = self.dotted_line.find(rest) {
                        sink(&rest[..at + 2]);
                        used += at + 2;
                        self.state = State::LineStart;
                    } else {
                        sink(rest);
                        used = piece.len();
                        self.state = match rest {
                            [.., b'\r', b'\n'] => State::LineStart,
                            [.., b'\r'] => State::Cr,
                            _ => State::Text,
                        };
                    }
                }
            }
        }
        Progress { used, ended: false }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The message and what follows the end, read in pieces of the given size; none when it doesn't end.
    fn read(text: &[u8], size: usize) -> Option<(Vec<u8>, Vec<u8>)> {
        let mut reader = DataReader::new();
        let mut message = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let piece = &rest[..rest.len().min(size)];
            let progress = reader.read(piece, |bytes| message.extend_from_slice(bytes));
            rest = &rest[progress.used..];
            if progress.ended {
                return Some((message, rest.to_vec()));
            }
        }
        None
    }

    #[track_caller]
    fn check(text: &str, message: &str, rest: &str) {
        for size in 1..=text.len() {
            let (read_message, read_rest) = read(text.as_bytes(), size).expect("it ends");
            assert_eq!(String::from_utf8_lossy(&read_message), message, "{text:?} in pieces of {size}");
            assert_eq!(String::from_utf8_lossy(&read_rest), rest, "{text:?} in pieces of {size}");
        }
    }

    #[test]
    fn only_a_dot_between_two_crlf_ends_the_text() {
        for text in [
            "a\n.\n",
            "a\n.\r\n",
            "a\r.\r\n",
            "a\r\n.\n",
            "a\r\n.\r",
            "a\r\n.\r\r\n",
            "a\r\n..\r\n",
            ".\n",
            "\r\n. \r\n",
        ] {
            for size in 1..=text.len() {
                assert_eq!(read(text.as_bytes(), size), None, "{text:?} in pieces of {size}");
            }
        }
    }

    #[test]
    fn the_end_is_found_wherever_the_pieces_are_cut() {
        check("one\r\ntwo\r\n.\r\nQUIT\r\n", "one\r\ntwo\r\n", "QUIT\r\n");
        check(".\r\nNOOP\r\n", "", "NOOP\r\n");
        check("\r\n.\r\n", "\r\n", "");
        check("a\r\n.\r\r\n.\r\n", "a\r\n\r\r\n", "");
        check("a\n.\r\nb\r\n.\r\n", "a\n.\r\nb\r\n", "");
    }

    #[test]
    fn stuffed_dots_are_removed() {
        check("..one\r\n..\r\n...two\r\n.x\r\n.\r\n", ".one\r\n.\r\n..two\r\nx\r\n", "");
    }

    proptest! {
        #[test]
        fn what_a_client_stuffed_comes_out_as_it_was(
            lines in prop::collection::vec("[a.\r\n]{0,6}", 0..20),
            size in 1_usize..40,
        ) {
            // A bare CR before the line end would look like a part of it.
            let message: String = lines.iter().map(|line| format!("{}\r\n", line.replace(['\r', '\n'], "b"))).collect();
            let stuffed: String = message.split_inclusive("\r\n").map(|line| {
                if line.starts_with('.') { format!(".{line}") } else { line.to_owned() }
            }).collect();
            let text = format!("{stuffed}.\r\nrest");
            prop_assert_eq!(read(text.as_bytes(), size), Some((message.into_bytes(), b"rest".to_vec())));
        }
    }
}
