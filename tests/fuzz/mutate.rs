//! Inputs that are nearly right.

use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

/// Inputs do not get larger than this.
const MOST: usize = 128 * 1024;

const NUMBERS: [&[u8]; 8] = [b"0", b"-1", b"1", b"255", b"65536", b"4294967296", b"18446744073709551616", b"1e309"];

/// Changes an input in a few places.
pub fn mutated(random: &mut StdRng, corpus: &[Vec<u8>], words: &[&[u8]]) -> Vec<u8> {
    let mut input = corpus.choose(random).cloned().unwrap_or_default();
    for _ in 0..random.random_range(1..=5) {
        step(random, &mut input, corpus, words);
        input.truncate(MOST);
    }
    input
}

fn step(random: &mut StdRng, input: &mut Vec<u8>, corpus: &[Vec<u8>], words: &[&[u8]]) {
    let at = random.random_range(0..=input.len());
    let end = (at + random.random_range(1..=40)).min(input.len());
    match random.random_range(0..11) {
        0 if at < input.len() => input[at] ^= 1 << random.random_range(0..8),
        1 if at < input.len() => input[at] = *[0, b'\r', b'\n', b'"', b'<', b'=', 0x80, 0xFF].choose(random).unwrap(),
        2 => drop(input.drain(at..end)),
        3 => {
            let piece = input[at..end].to_vec();
            insert(input, at, &piece);
        }
        4 | 5 => insert(input, at, words.choose(random).unwrap_or(&&b""[..])),
        6 => insert(input, at, NUMBERS.choose(random).unwrap()),
        7 => {
            let other = corpus.choose(random).cloned().unwrap_or_default();
            let from = random.random_range(0..=other.len());
            let to = (from + random.random_range(0..=400)).min(other.len());
            insert(input, at, &other[from..to]);
        }
        8 => {
            let piece = input[at..end].to_vec();
            let most = 1 << random.random_range(2..=11);
            let times = random.random_range(2..=most);
            insert(input, at, &piece.repeat(times.min(MOST / piece.len().max(1))));
        }
        9 => input.truncate(at),
        _ => {
            let to = random.random_range(0..=input.len() - (end - at));
            let piece: Vec<u8> = input.drain(at..end).collect();
            insert(input, to, &piece);
        }
    }
}

fn insert(input: &mut Vec<u8>, at: usize, piece: &[u8]) {
    input.splice(at..at, piece.iter().copied());
}
