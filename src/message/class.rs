//! What kind of message it is: each kind has its own rule for Sent Items (U7).

/// Kind of a message. Everything but `Normal` must never be changed in a way that breaks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageClass {
    Normal,
    /// Signed, the text readable without S/MIME or PGP (RFC 1847 `multipart/signed`, RFC 8551, RFC 3156).
    SmimeSignedClear,
    /// Signed, the text inside the signature (RFC 8551 `signed-data`, `compressed-data`, `certs-only`).
    SmimeSignedOpaque,
    /// Encrypted (RFC 8551 `enveloped-data`, `authEnveloped-data`; RFC 3156 `multipart/encrypted`).
    SmimeEncrypted,
    /// Protected by rights management (MS-OXORMMS).
    RightsProtected,
    /// The content is inside a `winmail.dat` (MS-OXTNEF).
    Tnef,
    /// A meeting request or an answer to one (RFC 6047).
    Calendar,
    /// A delivery report or a read receipt (RFC 3464, RFC 8098).
    Report,
}
