//! The embedded organisation, as far as the panel shows it.

/// How it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sandbox {
    Starting,
    Running {
        name: String,
        samples: Samples,
    },
    /// Why not, in whole sentences.
    Failed(String),
}

/// The sample messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Samples {
    /// They can be sent.
    Here,
    Underway,
    /// Once is enough: the updater knows each of them from then on.
    Sent,
}
