//! Time as the updater sees it: the system's, or a test's.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

/// Tells the time and waits for it. Cheap to clone.
#[derive(Clone)]
pub struct Clock(Inner);

#[derive(Clone)]
enum Inner {
    System,
    Manual(Arc<watch::Sender<Timestamp>>),
}

impl Clock {
    #[must_use]
    pub fn system() -> Self {
        Self(Inner::System)
    }

    /// A clock that stands still until [`Clock::advance`] is called.
    #[must_use]
    pub fn manual(start: Timestamp) -> Self {
        Self(Inner::Manual(Arc::new(watch::channel(start).0)))
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Inner::System => Timestamp::now(),
            Inner::Manual(now) => *now.borrow(),
        }
    }

    /// Milliseconds since 1970, the form that the queue stores.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.now().as_millisecond()
    }

    /// Moves a manual clock forward.
    ///
    /// # Panics
    /// When this is the system's clock.
    pub fn advance(&self, by: Duration) {
        let Inner::Manual(now) = &self.0 else { panic!("the system's clock can't be moved") };
        now.send_modify(|now| *now += by);
    }

    /// Returns once it is `until` (milliseconds since 1970).
    #[must_use]
    pub fn sleep_until_ms(&self, until: i64) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        match &self.0 {
            Inner::System => {
                let wait = until.saturating_sub(self.now_ms()).max(0).unsigned_abs();
                // A clock that jumps backwards must not leave work lying for longer than this.
                let wait = Duration::from_millis(wait.min(60_000));
                Box::pin(tokio::time::sleep(wait))
            }
            Inner::Manual(now) => {
                let mut now = now.subscribe();
                Box::pin(async move {
                    // The sender lives as long as any clone of the clock; without one nobody waits.
                    let _ = now.wait_for(|now| now.as_millisecond() >= until).await;
                })
            }
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}
