//! Time as the engine sees it: the system's, or a test's.

use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;

/// Tells how long ago something was, and waits.
pub trait Time: Send + Sync {
    /// Since a point that stays the same.
    fn now(&self) -> Duration;

    fn sleep(&self, time: Duration) -> BoxFuture<'_, ()>;
}

/// The system's.
#[derive(Debug)]
pub struct SystemTime(Instant);

impl SystemTime {
    #[must_use]
    pub fn new() -> Self {
        Self(Instant::now())
    }
}

impl Default for SystemTime {
    fn default() -> Self {
        Self::new()
    }
}

impl Time for SystemTime {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(time))
    }
}
