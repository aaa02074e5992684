//! The impersonation test (W10).

use serde::{Deserialize, Serialize};

/// Opens Sent Items of a mailbox with the account in force, and changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImpersonationTest {
    /// Primary SMTP address of the mailbox.
    pub mailbox: String,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum ImpersonationResult {
    /// It works.
    Opened {
        mailbox: String,
        /// Items in its Sent Items.
        items: u32,
    },
    Failed(TestFailure),
}

/// Why it does not work, for the person who configures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestFailure {
    pub mailbox: String,
    /// Where something has to be changed.
    pub concern: TestConcern,
    /// What went wrong, as one sentence.
    pub what: String,
    /// The likely cause, as whole sentences.
    pub cause: String,
    /// What to do, one sentence each, in order.
    pub advice: Vec<String>,
    /// What the other side said, word for word.
    pub details: String,
}

/// Whose matter a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TestConcern {
    /// The server, its address, its certificate, or the way there.
    Server,
    /// The service account: its name, its password, its state.
    Account,
    /// What the service account may do.
    Right,
    /// This mailbox; others may work.
    Mailbox,
    /// Nothing: it passes.
    Moment,
}
