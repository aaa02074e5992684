//! When a message is tried again, when it is given up, and how much happens at once.

use serde::{Deserialize, Serialize};

use super::{SettingsProblem, wrong};

/// U3, U10: growing pauses, and an end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    /// Seconds to wait before each look for a copy that the client has not stored yet; the last one repeats.
    pub not_found_pauses: Vec<u32>,
    /// Seconds to wait after each temporary error; the last one repeats.
    pub error_pauses: Vec<u32>,
    /// Seconds from acceptance after which a message is given up.
    pub give_up_after: u64,
    /// Days for which finished messages are listed.
    pub keep_finished_days: u32,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            not_found_pauses: vec![2, 3, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600],
            error_pauses: vec![5, 15, 30, 60, 120, 300, 600, 1200, 1800],
            give_up_after: 24 * 3600,
            keep_finished_days: 30,
        }
    }
}

impl Schedule {
    pub(super) fn check(&self) -> Result<(), SettingsProblem> {
        let pauses = |pauses: &[u32]| !pauses.is_empty() && !pauses.contains(&0);
        if !pauses(&self.not_found_pauses) {
            return Err(wrong("schedule.not_found_pauses", "give at least one pause, each of at least a second"));
        }
        if !pauses(&self.error_pauses) {
            return Err(wrong("schedule.error_pauses", "give at least one pause, each of at least a second"));
        }
        if self.give_up_after == 0 {
            return Err(wrong("schedule.give_up_after", "nothing could ever be updated with 0 seconds"));
        }
        if self.keep_finished_days == 0 {
            return Err(wrong(
                "schedule.keep_finished_days",
                "at least 1 day: a message that comes in again is recognised by the record of the first",
            ));
        }
        Ok(())
    }
}

/// How much happens at once (U9).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections to Exchange.
    pub connections: usize,
    /// Messages of one mailbox at a time; Exchange allows a user 27 concurrent requests by default.
    pub per_mailbox: usize,
    /// Seconds that one request may take.
    pub request_timeout: u32,
    /// Seconds that a stop waits for work under way.
    pub stop_within: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 8, per_mailbox: 4, request_timeout: 100, stop_within: 20 }
    }
}

impl Limits {
    pub(super) fn check(&self) -> Result<(), SettingsProblem> {
        if !(1..=256).contains(&self.connections) {
            return Err(wrong("limits.connections", "from 1 to 256"));
        }
        if !(1..=27).contains(&self.per_mailbox) {
            return Err(wrong("limits.per_mailbox", "from 1 to 27, Exchange's own limit for a user"));
        }
        if !(5..=3600).contains(&self.request_timeout) {
            return Err(wrong("limits.request_timeout", "from 5 to 3600 seconds"));
        }
        Ok(())
    }
}
