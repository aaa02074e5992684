//! Envelopes.

/// `t:ServerVersionInfo`: which Exchange answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerVersion {
    pub major: u32,
    pub minor: u32,
    pub major_build: u32,
    pub minor_build: u32,
    /// Version of the schema, such as `V2017_07_11`.
    pub version: Option<String>,
}
