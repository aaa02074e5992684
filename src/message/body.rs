//! The body: what Exchange would show of a message.

/// What Exchange would show, decoded from its charset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    Html(String),
    /// Line ends are CR LF.
    Plain(String),
    Empty,
}
