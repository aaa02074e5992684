//! The published document: settings and sealed secret in one, so that one write changes both or neither. No I/O.
//!
//! It may have been written by a later version of the program, or by hand. What this version does not know is kept when it
//! is written anew; what it would have to understand and doesn't is refused, with the place.

mod json;
mod unknown;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::settings::{IntakeSettings, Settings, SettingsProblem};

/// Form of the document. A later one is refused.
pub const FORMAT: u32 = 1;

/// What a directory is asked to keep in one value, and to hand out to every updater.
pub const MOST_BYTES: usize = 256 * 1024;

/// No organisation changes its settings so often; and it can be counted on from there.
const HIGHEST_VERSION: u64 = 1 << 53;

/// Characters of a name that is shown.
const LONGEST_NAME: usize = 256;

/// The doors for messages are each computer's own, and not a part of what is published.
const OWN: &str = "intake";

/// Why a document can't be used, worded so that it can be put right.
#[derive(Debug, thiserror::Error)]
pub enum DocumentProblem {
    #[error("it is too large: {bytes} bytes, and {most} are the most", most = MOST_BYTES)]
    TooLarge { bytes: usize },
    #[error("it breaks off in line {line}, column {column}: a part of it is missing")]
    BreaksOff { line: usize, column: usize },
    #[error("it is not JSON: {0}")]
    NotJson(serde_json::Error),
    #[error(
        "it was published by a later version of the program (format {format}, and this one knows {FORMAT}): update this updater"
    )]
    Later { format: u64 },
    #[error("{at}: {problem}")]
    Wrong { at: String, problem: String },
    #[error("settings.{0}")]
    Settings(#[from] SettingsProblem),
    #[error("more than {most} of its fields are not known to this version of the program: update this updater")]
    Unknown { most: usize },
}

/// The account's password, encrypted to the updaters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    /// Counts the times that it was encrypted.
    pub serial: u64,
    /// The account whose password it is.
    pub user: String,
    /// Registered updaters that it is encrypted to, with the public key of each.
    pub recipients: BTreeMap<Uuid, String>,
    /// An armoured age file, see [`super::key`].
    pub sealed: String,
}

/// What a change sets.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub version: u64,
    pub write: Uuid,
    pub changed_by: String,
    pub changed_on: String,
    pub changed_at: Timestamp,
    pub settings: Settings,
    pub secret: Option<Sealed>,
}

/// A document that was understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    known: Known,
    /// As it was found, with whatever else is in it.
    raw: Map<String, Value>,
}

/// What this version knows of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    format: u32,
    organisation: Uuid,
    version: u64,
    /// Tells this write from every other.
    write: Uuid,
    changed_by: String,
    /// Name of the computer.
    changed_on: String,
    changed_at: Timestamp,
    /// Version of the program that wrote it.
    program: String,
    settings: Settings,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<Sealed>,
}

impl Document {
    /// The first one of an organisation.
    #[must_use]
    pub fn first(organisation: Uuid, change: Change) -> Self {
        let known = Known::new(organisation, change);
        Self { raw: known.to_object(), known }
    }

    /// What is in force after a change of this one; what is not known stays in it.
    #[must_use]
    pub fn next(&self, change: Change) -> Self {
        let known = Known::new(self.known.organisation, change);
        let new = Value::Object(known.to_object());
        let carried = unknown::carry(&Value::Object(self.raw.clone()), &Value::Object(self.known.to_object()), new);
        let Value::Object(raw) = carried else { return Self { raw: known.to_object(), known } };
        Self { known, raw }
    }

    /// # Errors
    /// When it can't be used: too large, broken off, of a later form, or with a value that settings can't have.
    pub fn parse(text: &str) -> Result<Self, DocumentProblem> {
        if text.len() > MOST_BYTES {
            return Err(DocumentProblem::TooLarge { bytes: text.len() });
        }
        let raw = json::object(text).map_err(|error| {
            if error.is_eof() {
                DocumentProblem::BreaksOff { line: error.line(), column: error.column() }
            } else {
                DocumentProblem::NotJson(error)
            }
        })?;
        let wrong = |at: &str, problem: &str| DocumentProblem::Wrong { at: at.to_owned(), problem: problem.to_owned() };
        match raw.get("format").map(Value::as_u64) {
            None => return Err(wrong("format", "it is missing")),
            Some(None | Some(0)) => return Err(wrong("format", "a number from 1 is expected")),
            Some(Some(format)) if format > u64::from(FORMAT) => return Err(DocumentProblem::Later { format }),
            Some(Some(_)) => {}
        }
        let mut clean = raw.clone();
        if let Some(Value::Object(settings)) = clean.get_mut("settings") {
            settings.remove(OWN);
        }
        let known: Known = unknown::parse_known(Value::Object(clean))?;
        if !(1..=HIGHEST_VERSION).contains(&known.version) {
            return Err(wrong("version", "versions count up from 1, one by one"));
        }
        for (at, name) in [("changed_by", &known.changed_by), ("changed_on", &known.changed_on)] {
            if name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
                return Err(wrong(at, "it is not a name"));
            }
        }
        known.settings.check()?;
        Ok(Self { known, raw })
    }

    /// As it is published: on one line, which tools of the directory show as it is.
    ///
    /// # Errors
    /// When it is too large to be published.
    pub fn to_text(&self) -> Result<String, DocumentProblem> {
        let text = Value::Object(self.raw.clone()).to_string();
        if text.len() > MOST_BYTES {
            return Err(DocumentProblem::TooLarge { bytes: text.len() });
        }
        Ok(text)
    }

    #[must_use]
    pub fn organisation(&self) -> Uuid {
        self.known.organisation
    }

    #[must_use]
    pub fn version(&self) -> u64 {
        self.known.version
    }

    #[must_use]
    pub fn write(&self) -> Uuid {
        self.known.write
    }

    #[must_use]
    pub fn changed_by(&self) -> &str {
        &self.known.changed_by
    }

    #[must_use]
    pub fn changed_on(&self) -> &str {
        &self.known.changed_on
    }

    #[must_use]
    pub fn changed_at(&self) -> Timestamp {
        self.known.changed_at
    }

    /// The settings, with no door in them.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.known.settings
    }

    #[must_use]
    pub fn secret(&self) -> Option<&Sealed> {
        self.known.secret.as_ref()
    }
}

impl Known {
    fn new(organisation: Uuid, change: Change) -> Self {
        let Change { version, write, changed_by, changed_on, changed_at, settings, secret } = change;
        let name = |name: String| name.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
        Self {
            format: FORMAT,
            organisation,
            version,
            write,
            changed_by: name(changed_by),
            changed_on: name(changed_on),
            changed_at,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            settings: shared(settings),
            secret,
        }
    }

    fn to_object(&self) -> Map<String, Value> {
        let mut object = match serde_json::to_value(self) {
            Ok(Value::Object(object)) => object,
            // Strings, numbers and maps with strings for keys always have a form in JSON.
            Ok(_) | Err(_) => Map::new(),
        };
        if let Some(Value::Object(settings)) = object.get_mut("settings") {
            settings.remove(OWN);
        }
        object
    }
}

/// What of the settings is the organisation's: all but the doors.
#[must_use]
pub fn shared(settings: Settings) -> Settings {
    Settings { intake: IntakeSettings::default(), ..settings }
}

/// Names of the fields in which two settings differ, without the doors: `scope.mode`.
#[must_use]
pub fn differences(one: &Settings, other: &Settings) -> Vec<String> {
    let value = |settings: &Settings| serde_json::to_value(shared(settings.clone())).unwrap_or_default();
    let mut found = Vec::new();
    differ(&value(one), &value(other), "", &mut found);
    found
}

fn differ(one: &Value, other: &Value, at: &str, found: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let mut keys: Vec<_> = one.keys().chain(other.keys()).collect();
            keys.sort_unstable();
            keys.dedup();
            for key in keys {
                let at = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
                differ(one.get(key).unwrap_or(&Value::Null), other.get(key).unwrap_or(&Value::Null), &at, found);
            }
        }
        (one, other) if one != other => found.push(at.to_owned()),
        _ => {}
    }
}

/// The highest version that a text speaks of that is no document any more: the next one is to be above it.
#[must_use]
pub fn version_in_ruins(text: &str) -> Option<u64> {
    let rest = text.split("\"version\"").skip(1);
    let numbers = rest.filter_map(|rest| {
        let rest = rest.trim_start().strip_prefix(':')?.trim_start();
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..end].parse().ok()
    });
    numbers.filter(|version| (1..HIGHEST_VERSION).contains(version)).max()
}

#[cfg(test)]
mod tests;
