//! Fragments and the messages in them (MS-PSRP 2.2.1, 2.2.4).

/// Bytes of a message in one fragment. Small, so that clients have something to put together.
const PIECE: usize = 4 << 10;
/// Bytes that a client may send for one message.
const LARGEST: usize = 1 << 20;

pub const SESSION_CAPABILITY: u32 = 0x0001_0002;
pub const INIT_RUNSPACEPOOL: u32 = 0x0001_0004;
pub const RUNSPACEPOOL_STATE: u32 = 0x0002_1005;
pub const CREATE_PIPELINE: u32 = 0x0002_1006;
pub const APPLICATION_PRIVATE_DATA: u32 = 0x0002_1009;
pub const PIPELINE_OUTPUT: u32 = 0x0004_1004;
pub const ERROR_RECORD: u32 = 0x0004_1005;
pub const PIPELINE_STATE: u32 = 0x0004_1006;
pub const WARNING_RECORD: u32 = 0x0004_1009;

/// A message from a client.
#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    pub kind: u32,
    /// As on the wire.
    pub pool: [u8; 16],
    pub pipeline: [u8; 16],
    pub data: String,
}

/// Puts a client's messages together.
#[derive(Debug, Default)]
pub struct Incoming {
    rest: Vec<u8>,
    /// The message that has begun.
    message: Vec<u8>,
    due: u64,
}

impl Incoming {
    /// The messages that are complete. None: what came is no fragment.
    pub fn push(&mut self, bytes: &[u8]) -> Option<Vec<Message>> {
        self.rest.extend_from_slice(bytes);
        let mut messages = Vec::new();
        while let Some((header, behind)) = self.rest.split_first_chunk::<21>() {
            let length = u32::from_be_bytes(header[17..21].try_into().ok()?) as usize;
            let number = u64::from_be_bytes(header[8..16].try_into().ok()?);
            let flags = header[16];
            if length > LARGEST || self.message.len() + length > LARGEST {
                return None;
            }
            let Some((piece, behind)) = behind.split_at_checked(length) else { break };
            if flags & 1 != 0 {
                self.message.clear();
                self.due = 0;
            }
            if number != self.due {
                return None;
            }
            self.due += 1;
            self.message.extend_from_slice(piece);
            self.rest = behind.to_vec();
            if flags & 2 != 0 {
                messages.push(read(&std::mem::take(&mut self.message))?);
            }
        }
        Some(messages)
    }
}

fn read(bytes: &[u8]) -> Option<Message> {
    let (header, data) = bytes.split_first_chunk::<40>()?;
    // For a server.
    if header[..4] != [2, 0, 0, 0] {
        return None;
    }
    let data = data.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(data);
    Some(Message {
        kind: u32::from_le_bytes(header[4..8].try_into().ok()?),
        pool: header[8..24].try_into().ok()?,
        pipeline: header[24..40].try_into().ok()?,
        data: String::from_utf8(data.to_vec()).ok()?,
    })
}

/// The fragments of a message to a client.
pub fn fragments(object: u64, kind: u32, pool: [u8; 16], pipeline: [u8; 16], data: &str) -> Vec<Vec<u8>> {
    let kind = kind.to_le_bytes();
    let message = [&[1, 0, 0, 0], &kind[..], &pool, &pipeline, b"\xEF\xBB\xBF", data.as_bytes()].concat();
    let last = message.chunks(PIECE).count() - 1;
    let fragment = |(number, piece): (usize, &[u8])| {
        let flags = u8::from(number == 0) | if number == last { 2 } else { 0 };
        let length = u32::try_from(piece.len()).unwrap_or(0).to_be_bytes();
        [&object.to_be_bytes()[..], &(number as u64).to_be_bytes(), &[flags], &length, piece].concat()
    };
    message.chunks(PIECE).enumerate().map(fragment).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to_server(data: &str) -> Vec<Vec<u8>> {
        let mut fragments = fragments(7, CREATE_PIPELINE, [1; 16], [2; 16], data);
        // The first byte of the message says whom it is for.
        fragments[0][21] = 2;
        fragments
    }

    /// X1
    #[test]
    fn what_is_no_fragment_is_refused() {
        let message = to_server(&"x".repeat(9000));
        assert_eq!(message.len(), 3);
        let push = |bytes: &[u8]| Incoming::default().push(bytes);
        assert_eq!(push(&[0xFF; 30]), None);
        assert_eq!(push(&message[1]), None);
        assert_eq!(push(&[&message[0][..], &message[2]].concat()), None);
        assert_eq!(push(&fragments(1, 1, [0; 16], [0; 16], "")[0]), None);
    }

    /// X1
    #[test]
    fn a_message_is_put_together_from_pieces_of_any_size() {
        let data = "é".repeat(9000);
        let mut incoming = Incoming::default();
        let mut messages = Vec::new();
        for piece in to_server(&data).concat().chunks(1000) {
            messages.extend(incoming.push(piece).unwrap());
        }
        assert_eq!(messages, [Message { kind: CREATE_PIPELINE, pool: [1; 16], pipeline: [2; 16], data }]);
    }
}
