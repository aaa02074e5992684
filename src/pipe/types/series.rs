//! How many messages ended when, for a plot.

use serde::{Deserialize, Serialize};

/// At the most so many buckets are given.
pub const MOST_BUCKETS: i64 = 2000;

/// Which time to count, and how finely. Milliseconds since 1970, like all times of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeriesQuery {
    pub from: i64,
    /// The first moment that is not counted any more.
    pub to: i64,
    /// Length of a bucket; at least a second.
    pub step: i64,
}

/// Why a series can't be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SeriesProblem {
    #[error("{0} is no time: times are milliseconds since 1970, until the year 9999")]
    Time(i64),
    #[error("the series ends before it begins: `to` must be later than `from`")]
    Backwards,
    #[error("a step of {0} ms is too short: at least 1000 ms")]
    Step(i64),
    #[error(
        "that would be {0} buckets, and {MOST_BUCKETS} are given at the most; take a longer step or a shorter time"
    )]
    TooMany(i64),
}

/// The end of the year 9999.
const LATEST: i64 = 253_402_300_800_000;

impl SeriesQuery {
    /// How many buckets it has.
    ///
    /// # Errors
    /// When it can't be answered.
    pub fn buckets(&self) -> Result<i64, SeriesProblem> {
        if let Some(odd) = [self.from, self.to].into_iter().find(|time| !(0..=LATEST).contains(time)) {
            return Err(SeriesProblem::Time(odd));
        }
        let length = self.to - self.from;
        if length <= 0 {
            return Err(SeriesProblem::Backwards);
        }
        if self.step < 1000 {
            return Err(SeriesProblem::Step(self.step));
        }
        let buckets = (length - 1) / self.step + 1;
        if buckets > MOST_BUCKETS { Err(SeriesProblem::TooMany(buckets)) } else { Ok(buckets) }
    }
}

/// The counts, a bucket for each step from `from` on; the last one may reach beyond `to`, where nothing is counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    pub from: i64,
    pub step: i64,
    pub buckets: Vec<Bucket>,
}

/// Messages that finished within one step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    pub updated: u32,
    pub skipped: u32,
    pub failed: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_be_answered_is_refused_in_words() {
        let buckets = |from, to, step| SeriesQuery { from, to, step }.buckets();
        assert_eq!(buckets(0, 0, 1000), Err(SeriesProblem::Backwards));
        assert_eq!(buckets(5000, 0, 1000), Err(SeriesProblem::Backwards));
        assert_eq!(buckets(0, 5000, 999), Err(SeriesProblem::Step(999)));
        assert_eq!(buckets(0, 5000, -1), Err(SeriesProblem::Step(-1)));
        assert_eq!(buckets(0, 2_000_001, 1000), Err(SeriesProblem::TooMany(2001)));
        assert_eq!(buckets(i64::MIN, i64::MAX, 1000), Err(SeriesProblem::Time(i64::MIN)));
        assert_eq!(buckets(0, i64::MAX, i64::MAX), Err(SeriesProblem::Time(i64::MAX)));
    }

    #[test]
    fn a_part_of_a_step_is_a_bucket_too() {
        let buckets = |to| SeriesQuery { from: 0, to, step: 1000 }.buckets();
        assert_eq!([buckets(1), buckets(1000), buckets(1001), buckets(2_000_000)], [1, 1, 2, 2000].map(Ok));
    }
}
