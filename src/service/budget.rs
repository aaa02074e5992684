//! How much of the event log may be filled: a server that is gone for a night must not push everybody else's entries out.

use std::time::{Duration, Instant};

const AN_HOUR: Duration = Duration::from_secs(60 * 60);
pub const ENTRIES_AN_HOUR: u32 = 120;

/// What to do with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    Write,
    /// The last one for now, which says so.
    WriteAsTheLast,
    Drop,
}

/// Counts the entries of an hour.
#[derive(Debug)]
pub struct Budget {
    since: Instant,
    written: u32,
}

impl Budget {
    pub fn new(now: Instant) -> Self {
        Self { since: now, written: 0 }
    }

    pub fn ask(&mut self, now: Instant) -> Grant {
        if now.duration_since(self.since) >= AN_HOUR {
            *self = Self::new(now);
        }
        self.written = self.written.saturating_add(1);
        match self.written {
            written if written < ENTRIES_AN_HOUR => Grant::Write,
            ENTRIES_AN_HOUR => Grant::WriteAsTheLast,
            _ => Grant::Drop,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_off_with_a_word_and_an_hour_later_there_is_room_again() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        for _ in 1..ENTRIES_AN_HOUR {
            assert_eq!(budget.ask(start), Grant::Write);
        }
        assert_eq!(budget.ask(start), Grant::WriteAsTheLast);
        assert_eq!(budget.ask(start + AN_HOUR / 2), Grant::Drop);
        assert_eq!(budget.ask(start + AN_HOUR), Grant::Write);
    }
}
