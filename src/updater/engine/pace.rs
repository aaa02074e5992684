//! How long searches take at the moment, beside what is usual: the sign by which a server that gets slow is known. Only
//! searches are compared, because they are alike; what an update takes depends on the message.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A new measurement's part in what is usual, and in what is at the moment.
const USUAL: f64 = 1.0 / 200.0;
const NOW: f64 = 1.0 / 8.0;

/// Faster than this nobody waits for anybody, in seconds: such times are noise.
const FAST: f64 = 0.05;

#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<Option<Times>>);

/// In seconds.
#[derive(Debug, Clone, Copy)]
struct Times {
    usual: f64,
    now: f64,
}

impl Pace {
    pub fn took(&self, time: Duration) {
        let time = time.as_secs_f64();
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = times.get_or_insert(Times { usual: time, now: time });
        known.usual += (time - known.usual) * USUAL;
        known.now += (time - known.now) * NOW;
    }

    /// How many times as long as usual they take; none: nothing was measured yet.
    pub fn pressure(&self) -> Option<f64> {
        let times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        times.map(|times| if times.now < FAST { 1.0 } else { times.now / times.usual.max(FAST / 10.0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// U9
    #[test]
    fn a_server_that_gets_slow_is_noticed_and_one_that_always_was_is_not() {
        let pace = Pace::default();
        assert_eq!(pace.pressure(), None);
        let after = |times: usize, milliseconds| {
            for _ in 0..times {
                pace.took(Duration::from_millis(milliseconds));
            }
            pace.pressure().unwrap()
        };
        assert!(after(300, 100) < 1.1);
        assert!(after(10, 500) > 2.0);
        assert!(after(1000, 500) < 1.1, "it became usual");
    }

    /// U9
    #[test]
    fn what_is_fast_is_never_slow() {
        let pace = Pace::default();
        for _ in 0..100 {
            pace.took(Duration::from_micros(300));
        }
        for _ in 0..100 {
            pace.took(Duration::from_millis(20));
        }
        assert_eq!(pace.pressure(), Some(1.0));
    }
}
