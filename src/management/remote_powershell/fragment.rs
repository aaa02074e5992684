//! Fragments (MS-PSRP 2.2.4): a message is cut into pieces, each with a header of 21 bytes in network order.
//!
//! What arrives is believed in nothing: neither a length nor an order.

use std::collections::BTreeMap;

/// Bytes of a header: object, number, flags, length.
pub const HEADER: usize = 21;

/// Bytes of a message in one fragment that we send. Base64 of it, with its envelope, stays below every server's limit.
const PIECE: usize = 32 << 10;

const START: u8 = 1;
const END: u8 = 2;

/// What is taken in at most, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub fragment: usize,
    pub message: usize,
    /// Of everything that one stream brings.
    pub stream: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { fragment: 1 << 20, message: 8 << 20, stream: 64 << 20 }
    }
}

/// Messages of which a part is there at the same time.
const MOST_OPEN: usize = 8;

/// What is wrong with the fragments that arrived, as a phrase.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error("a fragment announces {0} bytes, more than any has")]
    FragmentTooLong(usize),
    #[error("a message has more than {0} bytes")]
    MessageTooLong(usize),
    #[error("it is more than {0} bytes long")]
    StreamTooLong(usize),
    #[error("fragment {found} of a message came where {expected} was due")]
    OutOfOrder { expected: u64, found: u64 },
    #[error("a message begins in its middle")]
    NoStart,
    #[error("a message begins twice")]
    StartsAgain,
    #[error("more messages than usual are sent at the same time")]
    TooManyOpen,
    #[error("it ends in the middle of a message")]
    Unfinished,
}

/// Cuts a message into fragments.
#[must_use]
pub fn cut(object: u64, message: &[u8]) -> Vec<Vec<u8>> {
    let pieces: Vec<_> = if message.is_empty() { vec![message] } else { message.chunks(PIECE).collect() };
    let last = pieces.len() - 1;
    let fragment = |(number, piece): (usize, &&[u8])| {
        let mut fragment = Vec::with_capacity(HEADER + piece.len());
        fragment.extend_from_slice(&object.to_be_bytes());
        fragment.extend_from_slice(&(number as u64).to_be_bytes());
        fragment.push(if number == 0 { START } else { 0 } | if number == last { END } else { 0 });
        // A piece is far below 4 GiB.
        fragment.extend_from_slice(&u32::try_from(piece.len()).unwrap_or(u32::MAX).to_be_bytes());
        fragment.extend_from_slice(piece);
        fragment
    };
    pieces.iter().enumerate().map(fragment).collect()
}

/// Puts the messages of one stream together again. Fragments may arrive in pieces of any size.
#[derive(Debug)]
pub struct Assembler {
    bounds: Bounds,
    /// What does not make a whole fragment yet.
    rest: Vec<u8>,
    received: usize,
    open: BTreeMap<u64, Open>,
}

#[derive(Debug, Default)]
struct Open {
    due: u64,
    message: Vec<u8>,
}

impl Assembler {
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, rest: Vec::new(), received: 0, open: BTreeMap::new() }
    }

    /// The messages that are complete now, in the order in which they were completed.
    ///
    /// # Errors
    /// Says what is wrong. What comes after that can't be understood any more.
    pub fn push(&mut self, data: &[u8]) -> Result<Vec<Vec<u8>>, Broken> {
        self.received = self.received.saturating_add(data.len());
        if self.received > self.bounds.stream {
            return Err(Broken::StreamTooLong(self.bounds.stream));
        }
        self.rest.extend_from_slice(data);
        let received = std::mem::take(&mut self.rest);
        let mut at = &received[..];
        let mut complete = Vec::new();
        while let Some((header, behind)) = at.split_first_chunk::<HEADER>() {
            let length = u32::from_be_bytes([header[17], header[18], header[19], header[20]]) as usize;
            if length > self.bounds.fragment {
                return Err(Broken::FragmentTooLong(length));
            }
            let Some((piece, behind)) = behind.split_at_checked(length) else { break };
            complete.extend(self.take(number(&header[..8]), number(&header[8..16]), header[16], piece)?);
            at = behind;
        }
        self.rest = at.to_vec();
        Ok(complete)
    }

    fn take(&mut self, object: u64, found: u64, flags: u8, piece: &[u8]) -> Result<Option<Vec<u8>>, Broken> {
        if flags & START != 0 {
            if self.open.contains_key(&object) {
                return Err(Broken::StartsAgain);
            }
            if self.open.len() >= MOST_OPEN {
                return Err(Broken::TooManyOpen);
            }
            self.open.insert(object, Open::default());
        }
        let open = self.open.get_mut(&object).ok_or(Broken::NoStart)?;
        if found != open.due {
            return Err(Broken::OutOfOrder { expected: open.due, found });
        }
        open.due += 1;
        if open.message.len() + piece.len() > self.bounds.message {
            return Err(Broken::MessageTooLong(self.bounds.message));
        }
        open.message.extend_from_slice(piece);
        Ok(if flags & END != 0 { self.open.remove(&object).map(|open| open.message) } else { None })
    }

    /// The stream is over.
    ///
    /// # Errors
    /// When something of it is missing.
    pub fn finish(&self) -> Result<(), Broken> {
        if self.rest.is_empty() && self.open.is_empty() { Ok(()) } else { Err(Broken::Unfinished) }
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn fragment(object: u64, number: u64, flags: u8, length: u32, piece: &[u8]) -> Vec<u8> {
        let (object, number) = (object.to_be_bytes(), number.to_be_bytes());
        [&object[..], &number, &[flags], &length.to_be_bytes(), piece].concat()
    }

    fn assembler() -> Assembler {
        Assembler::new(Bounds { fragment: 100, message: 250, stream: 2000 })
    }

    /// W9
    #[test]
    fn a_length_that_no_fragment_has_is_refused_before_anything_is_kept_for_it() {
        let lie = fragment(1, 0, START, u32::MAX, b"");
        assert_eq!(assembler().push(&lie), Err(Broken::FragmentTooLong(u32::MAX as usize)));
        let mut one = assembler();
        let piece = [0; 100];
        one.push(&fragment(1, 0, START, 100, &piece)).unwrap();
        one.push(&fragment(1, 1, 0, 100, &piece)).unwrap();
        assert_eq!(one.push(&fragment(1, 2, END, 100, &piece)), Err(Broken::MessageTooLong(250)));
        let mut one = assembler();
        for number in 0..16 {
            one.push(&fragment(number, 0, START | END, 100, &piece)).unwrap();
        }
        assert_eq!(one.push(&piece), Err(Broken::StreamTooLong(2000)));
    }

    /// W9
    #[test]
    fn fragments_out_of_order_or_without_a_beginning_are_refused() {
        let push = |fragments: &[Vec<u8>]| assembler().push(&fragments.concat());
        assert_eq!(push(&[fragment(1, 1, 0, 1, b"a")]), Err(Broken::NoStart));
        let start = fragment(1, 0, START, 1, b"a");
        assert_eq!(push(&[start.clone(), start.clone()]), Err(Broken::StartsAgain));
        let late = fragment(1, 2, END, 1, b"b");
        assert_eq!(push(&[start, late]), Err(Broken::OutOfOrder { expected: 1, found: 2 }));
        let open: Vec<_> = (0..=MOST_OPEN as u64).map(|object| fragment(object, 0, START, 0, b"")).collect();
        assert_eq!(push(&open), Err(Broken::TooManyOpen));
    }

    /// W9
    #[test]
    fn a_stream_that_ends_in_a_message_is_not_taken_for_whole() {
        let mut one = assembler();
        assert_eq!(one.push(&fragment(1, 0, START, 2, b"ab")), Ok(vec![]));
        assert_eq!(one.finish(), Err(Broken::Unfinished));
        assert_eq!(one.push(&fragment(1, 1, END, 1, b"c")), Ok(vec![b"abc".to_vec()]));
        assert_eq!(one.finish(), Ok(()));
        // It announces more than comes.
        one.push(&fragment(2, 0, START | END, 9, b"short")).unwrap();
        assert_eq!(one.finish(), Err(Broken::Unfinished));
    }

    proptest! {
        /// W9
        #[test]
        fn messages_come_out_as_they_went_in_however_they_are_cut(
            messages in vec(vec(any::<u8>(), 0..80_000), 1..4),
            cuts in vec(1..50_000_usize, 1..6),
        ) {
            let sent: Vec<u8> =
                messages.iter().enumerate().flat_map(|(id, message)| cut(id as u64, message).concat()).collect();
            let mut assembler = Assembler::new(Bounds::default());
            let (mut rest, mut received) = (&sent[..], Vec::new());
            for length in cuts.iter().cycle() {
                let (piece, behind) = rest.split_at((*length).min(rest.len()));
                received.extend(assembler.push(piece).unwrap());
                rest = behind;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(received, messages);
            prop_assert_eq!(assembler.finish(), Ok(()));
        }

        /// W9
        #[test]
        fn whatever_arrives_is_within_bounds(pieces in vec(vec(any::<u8>(), 0..120), 0..40)) {
            let mut assembler = assembler();
            for piece in pieces {
                match assembler.push(&piece) {
                    Ok(messages) => prop_assert!(messages.iter().all(|message| message.len() <= 250)),
                    Err(broken) => {
                        prop_assert!(!broken.to_string().is_empty());
                        break;
                    }
                }
            }
        }
    }
}
