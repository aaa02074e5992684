//! How values look on a terminal.

use comfy_table::{ContentArrangement, Table};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::pipe::types::{Activity, Rule, State};
use crate::settings::ScopeMode;

/// For people and programs alike.
pub fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|error| format!("{{\"error\": \"{error}\"}}"))
}

/// In the time zone of who reads it.
pub fn time(time: Timestamp) -> String {
    time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

pub fn time_ms(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), time)
}

pub fn activity(activity: &Activity) -> String {
    match activity {
        Activity::NotConfigured => "not configured".to_owned(),
        Activity::Off => "off; messages are accepted and kept".to_owned(),
        Activity::On => "on".to_owned(),
        Activity::Held { reason, until } => format!("held: {reason} (tried again at {})", time(*until)),
    }
}

pub fn state(state: State) -> &'static str {
    match state {
        State::Waiting => "waiting",
        State::Working => "in work",
        State::Updated => "updated",
        State::Skipped => "skipped",
        State::Failed => "failed",
    }
}

pub fn scope_mode(mode: ScopeMode) -> &'static str {
    match mode {
        ScopeMode::AllMailboxes => "all mailboxes are updated",
        ScopeMode::OnlyListed => "mailboxes from the list are updated, and no others",
        ScopeMode::AllExceptListed => "all mailboxes are updated but those from the list",
    }
}

/// The rule's stable name, in words: `updated-in-place` reads as it is.
pub fn rule(rule: Rule) -> String {
    serde_json::to_value(rule).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Names and values in two columns; a name without a value is left out.
pub fn facts(width: usize, facts: &[(&str, String)]) -> String {
    let mut text = String::new();
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        text.extend([&format!("{name:<width$}"), value.as_str(), "\n"]);
    }
    text
}

/// A table that fits the terminal.
pub fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(comfy_table::presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width())
        .set_header(header);
    table
}

/// Columns of the terminal; where there is none, wide enough for most lines.
pub fn width() -> u16 {
    terminal_size::terminal_size().map_or(160, |(terminal_size::Width(width), _)| width.max(60))
}
