//! What is in the folder, and since when it has not changed.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// How long an empty file may wait for its content before it is taken for what it is.
const EMPTY: Duration = Duration::from_mins(1);

/// A file that may be taken.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub name: OsString,
    state: State,
}

/// As much as tells whether a file has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    pub length: u64,
    pub modified: Option<SystemTime>,
}

impl State {
    pub(super) fn of(metadata: &std::fs::Metadata) -> Self {
        Self { length: metadata.len(), modified: metadata.modified().ok() }
    }
}

/// Messages in the folder, and those that were claimed and not finished, oldest first. Folders, links and other
/// special files are none.
pub(super) fn list(folder: &Path) -> std::io::Result<Vec<Listed>> {
    let mut listed = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if !(is_message(&name) || super::claim::is_claimed(&name)) {
            continue;
        }
        // One that is gone by now was taken by somebody else. A link's own metadata says that it is a link.
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_file() {
            listed.push(Listed { name, state: State::of(&metadata) });
        }
    }
    listed.sort_by(|a, b| (a.state.modified, &a.name).cmp(&(b.state.modified, &b.name)));
    Ok(listed)
}

fn is_message(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    // Hidden files are those that a program is still writing.
    !name.starts_with(b".") && name.len() > 4 && name[name.len() - 4..].eq_ignore_ascii_case(b".eml")
}

/// What the looks before have seen.
#[derive(Debug, Default)]
pub(super) struct Looks {
    seen: HashMap<OsString, (State, i64)>,
}

impl Looks {
    /// Which of the files are complete: they were the same `interval` ago. `now`: milliseconds since 1970.
    pub(super) fn complete(&mut self, listed: Vec<Listed>, now: i64, interval: Duration) -> Vec<OsString> {
        let mut before = std::mem::take(&mut self.seen);
        let mut complete = Vec::new();
        for Listed { name, state } in listed {
            let since = match before.remove(&name) {
                Some((seen, since)) if seen == state => since,
                _ => now,
            };
            let wait = if state.length == 0 { EMPTY.max(interval) } else { interval };
            if now.saturating_sub(since) >= i64::try_from(wait.as_millis()).unwrap_or(i64::MAX) {
                complete.push(name.clone());
            }
            self.seen.insert(name, (state, since));
        }
        complete
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, length: u64, seconds: u64) -> Listed {
        let modified = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        Listed { name: name.into(), state: State { length, modified } }
    }

    const INTERVAL: Duration = Duration::from_secs(1);

    #[test]
    fn a_file_is_complete_when_it_was_the_same_a_look_ago() {
        let mut looks = Looks::default();
        assert!(looks.complete(vec![file("a", 1, 1)], 0, INTERVAL).is_empty());
        assert!(looks.complete(vec![file("a", 1, 1)], 500, INTERVAL).is_empty(), "too soon");
        assert_eq!(looks.complete(vec![file("a", 1, 1)], 1000, INTERVAL), ["a"]);
        assert_eq!(looks.complete(vec![file("a", 1, 1)], 2000, INTERVAL), ["a"], "it was not taken");
    }

    #[test]
    fn a_file_that_grows_or_is_written_anew_is_left_alone() {
        let mut looks = Looks::default();
        for second in 0..10_u32 {
            let now = i64::from(second) * 1000;
            let (growing, rewritten) = (file("a", u64::from(second) + 1, 1), file("b", 5, u64::from(second)));
            assert!(looks.complete(vec![growing, rewritten], now, INTERVAL).is_empty());
        }
        let complete = looks.complete(vec![file("a", 10, 1), file("b", 5, 9)], 10_000, INTERVAL);
        assert_eq!(complete, ["a", "b"]);
    }

    #[test]
    fn an_empty_file_gets_time_to_be_filled() {
        let mut looks = Looks::default();
        for second in 0..60 {
            assert!(looks.complete(vec![file("a", 0, 1)], second * 1000, INTERVAL).is_empty());
        }
        assert_eq!(looks.complete(vec![file("a", 0, 1)], 60_000, INTERVAL), ["a"]);
    }

    #[test]
    fn a_file_that_came_back_under_its_name_is_new() {
        let mut looks = Looks::default();
        looks.complete(vec![file("a", 1, 1)], 0, INTERVAL);
        looks.complete(Vec::new(), 1000, INTERVAL);
        assert!(looks.complete(vec![file("a", 1, 1)], 2000, INTERVAL).is_empty());
    }

    #[test]
    fn only_messages_are_listed() {
        for (name, expected) in
            [("a.eml", true), ("A.EML", true), (".eml", false), (".a.eml", false), ("a.eml.tmp", false), ("eml", false)]
        {
            assert_eq!(is_message(OsStr::new(name)), expected, "{name}");
        }
    }
}
