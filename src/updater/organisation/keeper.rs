//! Looks again and again, not at the same moment as the other updaters, and seldom while the directory is away.

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Organisation;
use super::look::Looked;

/// Between two looks, in milliseconds.
const EVERY: i64 = 30_000;

/// After a failure; the last one repeats.
const FAILURE_PAUSES: [i64; 4] = [30_000, 60_000, 120_000, 300_000];

/// A pause is longer or shorter by up to this part of it.
const JITTER: f64 = 0.2;

/// The task that keeps an [`Organisation`] up to date.
pub struct Keeper {
    organisation: Organisation,
    stop: CancellationToken,
    /// From 0 to 1.
    random: fn() -> f64,
}

impl Keeper {
    #[must_use]
    pub fn new(organisation: Organisation, stop: CancellationToken) -> Self {
        Self { organisation, stop, random: rand::random }
    }

    /// With randomness from a test.
    #[cfg(test)]
    pub(super) fn with_random(self, random: fn() -> f64) -> Self {
        Self { random, ..self }
    }

    /// Runs until told to stop.
    pub async fn run(self) {
        let inner = self.organisation.0.clone();
        let mut failures = 0;
        loop {
            let looked = tokio::select! {
                () = self.stop.cancelled() => return,
                looked = self.organisation.look() => looked,
            };
            failures = if looked == Looked::Failed { failures + 1 } else { 0 };
            let next = match looked {
                Looked::NotJoined => None,
                Looked::Good | Looked::Failed => Some(inner.clock.now_ms() + varied(pause(failures), (self.random)())),
            };
            self.organisation.state().next_look = next.and_then(|next| Timestamp::from_millisecond(next).ok());
            let due = async {
                match next {
                    Some(next) => {
                        while inner.clock.now_ms() < next {
                            inner.clock.sleep_until_ms(next).await;
                        }
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = inner.wake.notified() => {}
                () = due => {}
            }
        }
    }
}

fn pause(failures: usize) -> i64 {
    match failures {
        0 => EVERY,
        failures => FAILURE_PAUSES[(failures - 1).min(FAILURE_PAUSES.len() - 1)],
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "some minutes in ms")]
fn varied(pause: i64, random: f64) -> i64 {
    (pause as f64 * (1.0 + JITTER * (2.0 * random.clamp(0.0, 1.0) - 1.0))) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_while_the_directory_is_away_and_are_never_the_same_for_all() {
        assert_eq!((0..7).map(pause).collect::<Vec<_>>(), [30_000, 30_000, 60_000, 120_000, 300_000, 300_000, 300_000]);
        assert_eq!([0.0, 0.5, 1.0].map(|random| varied(30_000, random)), [24_000, 30_000, 36_000]);
    }
}
