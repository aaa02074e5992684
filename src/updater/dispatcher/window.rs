//! How many groups may be at work: as many as the settings allow, and fewer while the server has trouble with that many.
//!
//! Two signs tell of it. Several mailboxes that are throttled at the same time are no longer their own trouble: the
//! number is halved. Answers that take much longer than they used to: it shrinks little by little. Each end without
//! such a sign lets it grow again, one more in about as many ends as there are places.

/// So many mailboxes that are throttled at a time concern everybody.
const MAILBOXES: usize = 3;

/// Answers take so many times as long as usual: they wait for each other.
const SLOW: f64 = 2.0;

/// What a slow answer takes away.
const SHRINK: f64 = 0.95;

/// Milliseconds between two halvings: what was under way before the first tells nothing new.
const BETWEEN: i64 = 1000;

#[derive(Debug)]
pub struct Window {
    places: f64,
    halved_at: i64,
}

impl Default for Window {
    fn default() -> Self {
        Self { places: f64::INFINITY, halved_at: i64::MIN }
    }
}

impl Window {
    /// How many may be at work now, of `most`.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // from 1 to most
    pub fn slots(&self, most: usize) -> usize {
        (self.places.min(as_places(most)).max(1.0)) as usize
    }

    /// A mailbox was throttled; so many are, with it.
    pub fn throttled(&mut self, mailboxes: usize, most: usize, now: i64) {
        if mailboxes >= MAILBOXES && now >= self.halved_at.saturating_add(BETWEEN) {
            self.places = (self.places.min(as_places(most)) / 2.0).max(1.0);
            self.halved_at = now;
        }
    }

    /// Work ended. `pressure` is how long answers take at the moment beside what is usual.
    pub fn ended(&mut self, pressure: Option<f64>, most: usize) {
        let places = self.places.min(as_places(most));
        self.places = if pressure.is_some_and(|pressure| pressure > SLOW) {
            (places * SHRINK).max(1.0)
        } else {
            (places + 1.0 / places).min(as_places(most))
        };
    }
}

#[allow(clippy::cast_precision_loss)] // some hundreds at the most
fn as_places(most: usize) -> f64 {
    most as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// U9
    #[test]
    fn it_is_as_wide_as_the_settings_allow_until_there_is_a_sign_of_trouble() {
        let mut window = Window::default();
        assert_eq!(window.slots(8), 8);
        window.throttled(1, 8, 0);
        window.throttled(2, 8, 0);
        window.ended(Some(1.9), 8);
        assert_eq!(window.slots(8), 8, "one mailbox's throttling is its own");
    }

    /// U9
    #[test]
    fn throttling_of_several_mailboxes_halves_it_once_for_all_that_was_under_way() {
        let mut window = Window::default();
        for mailboxes in 3..8 {
            window.throttled(mailboxes, 8, 500);
        }
        assert_eq!(window.slots(8), 4);
        window.throttled(8, 8, 1_500);
        assert_eq!(window.slots(8), 2);
        for second in 2..20 {
            window.throttled(8, 8, second * 1_000 + 500);
        }
        assert_eq!(window.slots(8), 1, "one place is left");
    }

    /// U9
    #[test]
    fn it_grows_back_with_what_ends_well() {
        let mut window = Window::default();
        window.throttled(3, 8, 0);
        window.throttled(3, 8, 1_000);
        let mut ends = 0;
        while window.slots(8) < 8 {
            window.ended(Some(1.0), 8);
            ends += 1;
        }
        assert!((20..60).contains(&ends), "after {ends}");
        window.ended(None, 8);
        assert_eq!(window.slots(8), 8, "and no further");
    }

    /// U9
    #[test]
    fn answers_that_take_much_longer_than_usual_make_it_smaller() {
        let mut window = Window::default();
        for _ in 0..20 {
            window.ended(Some(3.0), 16);
        }
        assert!((4..8).contains(&window.slots(16)), "{}", window.slots(16));
    }
}
