//! Values in the forms that Active Directory gives them.

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// Seconds from 1601, where Windows begins to count, to 1970.
const EPOCH: i64 = 11_644_473_600;
/// "Never", as a time of Windows.
pub const NEVER: i64 = i64::MAX;

/// An `objectGUID` that is the same at each start: it follows from what identifies the object.
pub fn guid(seed: &[u8]) -> Uuid {
    let digest = Sha256::digest(seed);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// A security identifier in bytes (MS-DTYP 2.4.2.2).
pub fn sid_bytes(sid: &str) -> Option<Vec<u8>> {
    let mut parts = sid.strip_prefix("S-").or_else(|| sid.strip_prefix("s-"))?.split('-');
    let revision: u8 = parts.next()?.parse().ok()?;
    let authority: u64 = parts.next()?.parse().ok()?;
    let rest: Vec<u32> = parts.map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let mut bytes = vec![revision, u8::try_from(rest.len()).ok().filter(|count| *count <= 15)?];
    bytes.extend_from_slice(&authority.to_be_bytes()[2..]);
    for part in rest {
        bytes.extend_from_slice(&part.to_le_bytes());
    }
    Some(bytes)
}

/// Seconds since 1970 as a time of Windows.
pub fn file_time(seconds: i64) -> i64 {
    (seconds + EPOCH) * 10_000_000
}

/// Seconds since 1970 as `20260401120000.0Z`.
pub fn generalized_time(seconds: i64) -> String {
    let time = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    time.strftime("%Y%m%d%H%M%S.0Z").to_string()
}

pub fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// X1
    #[test]
    fn identifiers_and_times_have_the_bytes_of_windows() {
        // S-1-5-32-544 as Microsoft prints it.
        assert_eq!(sid_bytes("S-1-5-32-544").unwrap(), [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0]);
        assert_eq!(sid_bytes("anna"), None);
        assert_eq!(sid_bytes("S-1-5-x"), None);
        assert_eq!(file_time(0), 116_444_736_000_000_000);
        assert_eq!(generalized_time(0), "19700101000000.0Z");
        assert_eq!(guid(b"a"), guid(b"a"));
        assert_ne!(guid(b"a"), guid(b"b"));
    }
}
