//! When to try again, and when to stop trying. Pure arithmetic.

use crate::settings::Schedule;

/// Temporary errors may last longer than a client takes to store its copy: a server that is down over a long
/// weekend must not cost a single update.
const ERRORS_LAST: i64 = 7;

/// What comes next for a message that could not be finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Due again at this time (milliseconds since 1970).
    At(i64),
    /// The time allowed is over.
    Never,
}

/// After a look that found no copy; `tries` were made before this one.
#[must_use]
pub fn after_not_found(schedule: &Schedule, since: i64, tries: u32, now: i64) -> Next {
    next(&schedule.not_found_pauses, since + milliseconds(schedule.give_up_after), tries, now)
}

/// After a temporary error; `tries` were made before this one.
#[must_use]
pub fn after_error(schedule: &Schedule, since: i64, tries: u32, now: i64) -> Next {
    let end = since + milliseconds(schedule.give_up_after).saturating_mul(ERRORS_LAST);
    next(&schedule.error_pauses, end, tries, now)
}

fn next(pauses: &[u32], end: i64, tries: u32, now: i64) -> Next {
    if now >= end {
        return Next::Never;
    }
    let at = usize::try_from(tries).unwrap_or(usize::MAX).min(pauses.len().saturating_sub(1));
    let pause = pauses.get(at).copied().unwrap_or(60);
    // The last try happens at the very end, not up to a pause before it.
    Next::At((now + i64::from(pause) * 1000).min(end))
}

fn milliseconds(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX / 100_000).min(i64::MAX / 100_000) * 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule() -> Schedule {
        Schedule { not_found_pauses: vec![2, 5, 10], error_pauses: vec![5], give_up_after: 60, keep_finished_days: 1 }
    }

    /// U3
    #[test]
    fn pauses_grow_and_the_last_one_repeats() {
        let next = |tries| after_not_found(&schedule(), 0, tries, 1_000);
        assert_eq!([next(0), next(1), next(2), next(9)], [3_000, 6_000, 11_000, 11_000].map(Next::At));
    }

    /// U10
    #[test]
    fn there_is_a_last_try_at_the_end_and_none_after_it() {
        assert_eq!(after_not_found(&schedule(), 0, 9, 55_000), Next::At(60_000));
        assert_eq!(after_not_found(&schedule(), 0, 10, 60_000), Next::Never);
    }

    /// U10
    #[test]
    fn temporary_errors_are_borne_longer_and_not_for_ever() {
        assert_eq!(after_error(&schedule(), 0, 3, 60_000), Next::At(65_000));
        assert_eq!(after_error(&schedule(), 0, 3, 7 * 60_000), Next::Never);
    }

    #[test]
    fn absurd_settings_do_not_overflow() {
        let schedule = Schedule { give_up_after: u64::MAX, ..schedule() };
        assert_eq!(after_error(&schedule, 1_700_000_000_000, 0, 1_700_000_000_000), Next::At(1_700_000_005_000));
    }
}
