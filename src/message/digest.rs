//! The digest, by which a processed message is recognised when it comes again.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use memchr::memchr;
use sha2::{Digest as _, Sha256};

use super::header::{Fields, Lines};

/// SHA-256 of a processed message without the trace fields at its top and with line ends normalised, so that
/// the same message handed over twice by a relay is one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

/// The text is not a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a digest is written as 64 hexadecimal digits")]
pub struct DigestError;

/// Fields that a relay puts on top of a message as it passes by. They differ between two deliveries of the
/// same message and change nothing of what it says.
const TRACE: [&str; 17] = [
    "Received",
    "X-Received",
    "Return-Path",
    "Delivered-To",
    "X-Delivered-To",
    "X-Original-To",
    "Envelope-To",
    "X-Envelope-To",
    "X-Envelope-From",
    "Delivery-Date",
    "Received-SPF",
    "Authentication-Results",
    "DKIM-Filter",
    "DKIM-Signature",
    "ARC-Seal",
    "ARC-Message-Signature",
    "ARC-Authentication-Results",
];

impl Digest {
    pub(super) fn of(raw: &[u8], lines: Lines) -> Self {
        let mut rest = raw;
        let trace = Fields::new(raw, lines).take_while(|field| TRACE.iter().any(|name| field.is(name))).last();
        if let Some(last) = trace {
            rest = &raw[last.end..];
        }
        while let [before @ .., b'\r' | b'\n'] = rest {
            rest = before;
        }
        let mut hasher = Sha256::new();
        // Every line end, be it CR LF, CR or LF, counts as one LF.
        while let Some(at) = memchr(b'\r', rest) {
            hasher.update(&rest[..at]);
            hasher.update(b"\n");
            rest = &rest[at + 1..];
            if let [b'\n', after @ ..] = rest {
                rest = after;
            }
        }
        hasher.update(rest);
        Self(hasher.finalize().into())
    }

    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Digest {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)?;
        f.write_char(' ')
    }
}

impl FromStr for Digest {
    type Err = DigestError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        let (digits, rest) = text.as_bytes().as_chunks::<2>();
        if digits.len() != bytes.len() || !rest.is_empty() {
            return Err(DigestError);
        }
        for (byte, digits) in bytes.iter_mut().zip(digits) {
            let digit = |digit: u8| char::from(digit).to_digit(16).ok_or(DigestError);
            *byte = u8::try_from(digit(digits[0])? * 16 + digit(digits[1])?).map_err(|_| DigestError)?;
        }
        Ok(Self(bytes))
    }
}
