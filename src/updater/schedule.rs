//! When to try again, and when to stop trying. Pure arithmetic.

use crate::settings::Schedule;

/// Temporary errors may last longer than a client takes to store its copy: a server that is down over a long
/// weekend must not cost a single update.
const ERRORS_LAST: i64 = 7;

/// Pauses are made longer by up to this part, so that what failed together does not come back together.
const SPREAD: f64 = 0.25;

/// Trouble that lasts is not looked at in shorter pauses than this, in seconds.
const LASTING: u32 = 60;

/// How long trouble usually takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// A connection that broke, a conflict, an answer that did not come.
    Passing,
    /// A mailbox that is full or being moved, a store that is not there: somebody has to see to it, or it takes its time.
    Lasting,
}

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

/// Looks into the other folders of a mailbox begin with this one, at the fourth look of all: what the client has just not
/// stored yet is there by then.
const FIRST_ELSEWHERE: u32 = 4;

/// Whether this look, before which `tries` found nothing, is to go into all folders of the mailbox: at the fourth, the
/// eighth, the sixteenth and so on, and at the last one.
#[must_use]
pub fn looks_elsewhere(schedule: &Schedule, since: i64, tries: u32, now: i64) -> bool {
    let look = tries.saturating_add(1);
    let is_its_turn = look >= FIRST_ELSEWHERE && look.is_power_of_two();
    is_its_turn || after_not_found(schedule, since, tries, now) == Next::Never
}

/// After a temporary error; `tries` were made before this one. `random`, from 0 to 1, spreads what failed together.
#[must_use]
pub fn after_error(schedule: &Schedule, trouble: Trouble, since: i64, tries: u32, now: i64, random: f64) -> Next {
    let end = since + milliseconds(schedule.give_up_after).saturating_mul(ERRORS_LAST);
    let least = match trouble {
        Trouble::Passing => 0,
        Trouble::Lasting => LASTING,
    };
    let longer = schedule.error_pauses.iter().position(|pause| *pause >= least);
    let pauses = longer.map_or(&[LASTING][..], |from| &schedule.error_pauses[from..]);
    match next(pauses, end, tries, now) {
        Next::At(at) => Next::At((now + spread(at - now, random)).min(end)),
        Next::Never => Next::Never,
    }
}

/// A pause, at most a quarter longer.
#[must_use]
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)] // milliseconds of some hours
pub fn spread(pause: i64, random: f64) -> i64 {
    pause + (pause as f64 * SPREAD * random) as i64
}

/// As long as it is not known whether the sender is in scope, with looks so many milliseconds apart. As patient as with
/// errors.
#[must_use]
pub fn while_unknown(schedule: &Schedule, since: i64, pause: i64, now: i64) -> Next {
    let end = since + milliseconds(schedule.give_up_after).saturating_mul(ERRORS_LAST);
    if now >= end { Next::Never } else { Next::At((now + pause).min(end)) }
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

    /// U4: seldom, because it takes requests that find nothing in most cases.
    #[test]
    fn other_folders_are_looked_into_at_the_fourth_look_then_more_and_more_seldom_and_at_the_end() {
        let looks = |tries| looks_elsewhere(&schedule(), 0, tries, 1_000);
        assert_eq!((0..40).filter(|tries| looks(*tries)).collect::<Vec<_>>(), [3, 7, 15, 31]);
        assert!(!looks(u32::MAX));
        assert!(looks_elsewhere(&schedule(), 0, 0, 60_000));
    }

    /// U10
    #[test]
    fn temporary_errors_are_borne_longer_and_not_for_ever() {
        assert_eq!(after_error(&schedule(), Trouble::Passing, 0, 3, 60_000, 0.0), Next::At(65_000));
        assert_eq!(after_error(&schedule(), Trouble::Passing, 0, 3, 7 * 60_000, 0.0), Next::Never);
    }

    /// U10
    #[test]
    fn what_failed_together_does_not_come_back_together_and_nothing_comes_back_too_early() {
        let schedule = Schedule { error_pauses: vec![10], ..schedule() };
        let at = |random| after_error(&schedule, Trouble::Passing, 0, 0, 1_000, random);
        assert_eq!([at(0.0), at(0.5), at(1.0)], [11_000, 12_250, 13_500].map(Next::At));
    }

    /// U10
    #[test]
    fn trouble_that_lasts_begins_with_the_longer_pauses() {
        let schedule = Schedule { error_pauses: vec![5, 30, 60, 300], give_up_after: 3600, ..schedule() };
        let at = |tries| after_error(&schedule, Trouble::Lasting, 0, tries, 0, 0.0);
        assert_eq!([at(0), at(1), at(2)], [60_000, 300_000, 300_000].map(Next::At));
        let impatient = Schedule { error_pauses: vec![1], ..schedule };
        assert_eq!(after_error(&impatient, Trouble::Lasting, 0, 0, 0, 0.0), Next::At(60_000));
    }

    #[test]
    fn absurd_settings_do_not_overflow() {
        let schedule = Schedule { give_up_after: u64::MAX, ..schedule() };
        assert_eq!(
            after_error(&schedule, Trouble::Passing, 1_700_000_000_000, 0, 1_700_000_000_000, 0.0),
            Next::At(1_700_000_005_000)
        );
    }
}
