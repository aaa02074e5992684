//! Updates over time.

use jiff::Timestamp;

use super::Fetched;
use crate::pipe::types::{Series, SeriesQuery};

/// The time that the plot shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Span {
    Hour,
    #[default]
    Day,
    Week,
}

const MINUTE: i64 = 60_000;

impl Span {
    pub const ALL: [Self; 3] = [Self::Hour, Self::Day, Self::Week];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hour => "Hour",
            Self::Day => "Day",
            Self::Week => "Week",
        }
    }

    /// Length of a bar, in milliseconds.
    #[must_use]
    pub fn step(self) -> i64 {
        match self {
            Self::Hour => MINUTE,
            Self::Day => 30 * MINUTE,
            Self::Week => 180 * MINUTE,
        }
    }

    fn bars(self) -> i64 {
        match self {
            Self::Hour => 60,
            Self::Day => 48,
            Self::Week => 56,
        }
    }

    /// What to ask for: up to the end of the bar that is growing now.
    #[must_use]
    pub fn query(self, now: Timestamp) -> SeriesQuery {
        let step = self.step();
        let to = (now.as_millisecond() / step + 1) * step;
        SeriesQuery { from: (to - self.bars() * step).max(0), to, step }
    }
}

/// The plot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plot {
    pub span: Span,
    pub series: Fetched<Series>,
}

impl Default for Plot {
    fn default() -> Self {
        Self { span: Span::default(), series: Fetched::Not }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// M3
    #[test]
    fn every_span_ends_with_the_bar_of_now_and_can_be_asked_for() {
        let now = Timestamp::from_second(1_764_000_007).unwrap();
        for span in Span::ALL {
            let query = span.query(now);
            assert!(query.from < now.as_millisecond() && now.as_millisecond() < query.to, "{query:?}");
            assert_eq!(query.buckets(), Ok(span.bars()));
        }
    }
}
