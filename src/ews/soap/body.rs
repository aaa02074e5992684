//! A written envelope as the body of an HTTP request.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// How much is handed to the connection at a time, in bytes.
const CHUNK: usize = 64 << 10;
/// How much content makes a chunk of base64.
const CONTENT_OF_A_CHUNK: usize = CHUNK / 4 * 3;

#[derive(Clone)]
pub enum Piece {
    Text(Bytes),
    /// Sent as base64 (RFC 4648, with padding, without line ends).
    Base64(Bytes),
}

/// Pieces that are sent one after the other, in chunks of at most 64 KiB. Base64 exists for one chunk at a time.
pub struct RequestBody {
    pieces: VecDeque<Piece>,
    remaining: u64,
    handed_over: HandedOver,
}

/// Whether the whole body was handed to the connection: before that, the server can't have carried anything out.
#[derive(Clone)]
pub struct HandedOver(Arc<AtomicBool>);

impl HandedOver {
    pub fn is_complete(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// What was handed over was certainly not carried out: it is as if nothing had been.
    pub fn undone(&self) {
        self.0.store(false, Ordering::Release);
    }
}

impl RequestBody {
    pub fn new(pieces: Vec<Piece>) -> Self {
        let remaining = pieces.iter().map(Piece::sent_len).sum();
        Self { pieces: pieces.into(), remaining, handed_over: HandedOver(Arc::default()) }
    }

    /// In bytes, as it is sent.
    pub fn len(&self) -> u64 {
        self.remaining
    }

    pub fn handed_over(&self) -> HandedOver {
        self.handed_over.clone()
    }

    /// The same once more, for a server that refused to look at it. Both report to the same [`HandedOver`].
    pub fn again(&self) -> Self {
        Self { pieces: self.pieces.clone(), remaining: self.remaining, handed_over: self.handed_over.clone() }
    }

    fn next_chunk(&mut self) -> Option<Bytes> {
        loop {
            let (chunk, done) = match self.pieces.front_mut()? {
                Piece::Text(text) => {
                    let chunk = text.split_to(text.len().min(CHUNK));
                    (chunk, text.is_empty())
                }
                Piece::Base64(content) => {
                    let part = content.split_to(content.len().min(CONTENT_OF_A_CHUNK));
                    (STANDARD.encode(part).into(), content.is_empty())
                }
            };
            if done {
                self.pieces.pop_front();
            }
            if !chunk.is_empty() {
                return Some(chunk);
            }
        }
    }
}

impl Piece {
    fn sent_len(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Base64(content) => (content.len() as u64).div_ceil(3) * 4,
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let chunk = self.next_chunk();
        if let Some(chunk) = &chunk {
            self.remaining -= chunk.len() as u64;
        }
        if self.remaining == 0 {
            self.handed_over.0.store(true, Ordering::Release);
        }
        Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_small_and_together_as_long_as_announced() {
        let content: Vec<u8> = (0..200_001u32).map(|n| n.to_le_bytes()[0]).collect();
        let body = || {
            RequestBody::new(vec![
                Piece::Text("<a>".into()),
                Piece::Base64(content.clone().into()),
                Piece::Base64(Bytes::new()),
                Piece::Text("x".repeat(100_000).into()),
            ])
        };
        let announced = body().len();
        let mut sent = Vec::new();
        let mut body = body();
        while let Some(chunk) = body.next_chunk() {
            assert!(chunk.len() <= CHUNK);
            sent.extend_from_slice(&chunk);
        }
        assert_eq!(sent.len() as u64, announced);
        let expected = format!("<a>{}{}", STANDARD.encode(&content), "x".repeat(100_000));
        assert!(sent == expected.as_bytes());
    }
}
