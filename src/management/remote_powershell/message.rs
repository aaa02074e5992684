//! PSRP messages (MS-PSRP 2.2.1): a header of 40 bytes in the order of little ends, and an object as XML.

use uuid::Uuid;

/// Bytes before the object.
const HEADER: usize = 40;

const TO_CLIENT: u32 = 1;
const TO_SERVER: u32 = 2;

/// What a message is (MS-PSRP 2.2.1, MessageType). Those that a client of cmdlets has to do with; others are skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    SessionCapability,
    InitRunspacePool,
    RunspacePoolState,
    CreatePipeline,
    PipelineOutput,
    ErrorRecord,
    PipelineState,
    WarningRecord,
    RunspacePoolHostCall,
    PipelineHostCall,
    /// Progress, verbose and the like: not looked at.
    Other(u32),
}

impl Kind {
    fn number(self) -> u32 {
        match self {
            Self::SessionCapability => 0x0001_0002,
            Self::InitRunspacePool => 0x0001_0004,
            Self::RunspacePoolState => 0x0002_1005,
            Self::CreatePipeline => 0x0002_1006,
            Self::RunspacePoolHostCall => 0x0002_1100,
            Self::PipelineOutput => 0x0004_1004,
            Self::ErrorRecord => 0x0004_1005,
            Self::PipelineState => 0x0004_1006,
            Self::WarningRecord => 0x0004_1009,
            Self::PipelineHostCall => 0x0004_1100,
            Self::Other(number) => number,
        }
    }

    fn of(number: u32) -> Self {
        [
            Self::SessionCapability,
            Self::InitRunspacePool,
            Self::RunspacePoolState,
            Self::CreatePipeline,
            Self::RunspacePoolHostCall,
            Self::PipelineOutput,
            Self::ErrorRecord,
            Self::PipelineState,
            Self::WarningRecord,
            Self::PipelineHostCall,
        ]
        .into_iter()
        .find(|kind| kind.number() == number)
        .unwrap_or(Self::Other(number))
    }
}

/// A message that arrived.
#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    pub kind: Kind,
    /// XML; may be empty.
    pub data: String,
}

/// Why it is none, as a phrase.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoMessage {
    #[error("a message is too short")]
    TooShort,
    #[error("a message is not for us")]
    NotForUs,
    #[error("a message is not in UTF-8")]
    NotUtf8,
}

/// # Errors
/// Says why it is no message for a client.
pub fn read(bytes: &[u8]) -> Result<Message, NoMessage> {
    let (header, data) = bytes.split_first_chunk::<HEADER>().ok_or(NoMessage::TooShort)?;
    let number = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    if number(0) != TO_CLIENT {
        return Err(NoMessage::NotForUs);
    }
    let data = data.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(data);
    let data = std::str::from_utf8(data).map_err(|_| NoMessage::NotUtf8)?;
    Ok(Message { kind: Kind::of(number(4)), data: data.to_owned() })
}

/// A message to the server.
#[must_use]
pub fn write(kind: Kind, pool: Uuid, pipeline: Uuid, data: &str) -> Vec<u8> {
    let mut message = Vec::with_capacity(HEADER + 3 + data.len());
    message.extend_from_slice(&TO_SERVER.to_le_bytes());
    message.extend_from_slice(&kind.number().to_le_bytes());
    message.extend_from_slice(&pool.to_bytes_le());
    message.extend_from_slice(&pipeline.to_bytes_le());
    message.extend_from_slice(b"\xEF\xBB\xBF");
    message.extend_from_slice(data.as_bytes());
    message
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_message_for_us_is_refused() {
        assert_eq!(read(&[0; 39]), Err(NoMessage::TooShort));
        let ours = write(Kind::CreatePipeline, Uuid::nil(), Uuid::nil(), "<Nil />");
        assert_eq!(read(&ours), Err(NoMessage::NotForUs));
        let mut garbled = ours.clone();
        garbled[0] = 1;
        garbled.push(0xFF);
        assert_eq!(read(&garbled), Err(NoMessage::NotUtf8));
    }

    #[test]
    fn a_header_is_as_the_protocol_has_it() {
        let pool = Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
        let message = write(Kind::SessionCapability, pool, Uuid::nil(), "x");
        let expected = [2, 0, 0, 0, 2, 0, 1, 0, 0x33, 0x22, 0x11, 0, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa];
        assert_eq!(&message[..19], expected);
        assert_eq!(&message[40..], b"\xEF\xBB\xBFx");
    }

    proptest! {
        #[test]
        fn whatever_arrives_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            if let Ok(message) = read(&bytes) {
                prop_assert!(message.data.len() + HEADER <= bytes.len());
            }
        }
    }
}
