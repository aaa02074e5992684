//! A sample message, as `organisation.toml` describes it.

use serde::{Deserialize, Deserializer, Serialize};

use super::super::store::{Delivery, FlagStatus};

/// A message that somebody of the organisation sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleMessage {
    pub name: String,
    /// What is particular about it.
    pub about: String,
    /// The mail client that wrote it.
    pub client: String,
    /// Primary address of the mailbox where the client stores its copy, or would if it stored one.
    pub mailbox: String,
    #[serde(default = "sent_items")]
    pub folder: String,
    /// File of what the client stores.
    pub original: String,
    /// What the signature program hands over; several when it splits the message for recipients under different rules.
    pub processed: Vec<ProcessedCopy>,
    /// When the client stores its copy.
    #[serde(default)]
    pub stored: Stored,
    /// Whether the client's copy is marked as read.
    #[serde(default = "yes")]
    pub read: bool,
    #[serde(default)]
    pub flag: FlagStatus,
    #[serde(default)]
    pub categories: Vec<String>,
}

/// A message as a signature program leaves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessedCopy {
    pub file: String,
    /// Name of the rule that the outcome is expected to state, under default settings and all mailboxes in scope.
    pub expected: String,
    /// A rule that is right as well, where it depends on what is faster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub or: Option<String>,
}

/// When the client stores its copy, seen from the processed copy's arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stored {
    /// It is there already.
    #[default]
    Before,
    /// So many seconds later.
    After(u32),
    Never,
}

impl<'de> Deserialize<'de> for Stored {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Word(String),
            Seconds(u32),
        }
        match Written::deserialize(deserializer)? {
            Written::Seconds(seconds) => Ok(Self::After(seconds)),
            Written::Word(word) if word == "before" => Ok(Self::Before),
            Written::Word(word) if word == "never" => Ok(Self::Never),
            Written::Word(word) => {
                Err(serde::de::Error::custom(format!("stored is \"before\", \"never\" or seconds, not {word:?}")))
            }
        }
    }
}

impl ProcessedCopy {
    /// Whether this is a right end for the copy.
    #[must_use]
    pub fn is_expected(&self, rule: &str) -> bool {
        self.expected == rule || self.or.as_deref() == Some(rule)
    }
}

impl SampleMessage {
    /// How the client's copy is put into its folder.
    #[must_use]
    pub fn delivery(&self) -> Delivery {
        Delivery { read: self.read, flag: self.flag, categories: self.categories.clone(), ..Delivery::default() }
    }

    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.original.as_str()).chain(self.processed.iter().map(|copy| copy.file.as_str()))
    }
}

fn sent_items() -> String {
    "sentitems".to_owned()
}

fn yes() -> bool {
    true
}
