//! The embedded organisation, as far as the panel shows it.

/// How it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sandbox {
    Starting,
    /// With its name, and whether the sample messages are on their way.
    Running {
        name: String,
        sending: bool,
    },
    /// Why not, in whole sentences.
    Failed(String),
}
