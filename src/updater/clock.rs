//! Time as the updater sees it: the system's, or a test's.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// Tells the time and waits for it. Cheap to clone.
#[derive(Clone)]
pub struct Clock(Inner);

#[derive(Clone)]
enum Inner {
    System,
    /// Time and when it was heard.
    Heard(Arc<Mutex<(Timestamp, Instant)>>),
    Manual(Arc<watch::Sender<Manual>>),
}

#[derive(Clone, Copy)]
struct Manual {
    now: Timestamp,
    /// Milliseconds by which it was set forward in all.
    set: i64,
}

impl Clock {
    #[must_use]
    pub fn system() -> Self {
        Self(Inner::System)
    }

    /// A clock that stands still until [`Clock::advance`] is called.
    #[must_use]
    pub fn manual(start: Timestamp) -> Self {
        Self(Inner::Manual(Arc::new(watch::channel(Manual { now: start, set: 0 }).0)))
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Inner::System => Timestamp::now(),
            Inner::Heard(heard) => {
                let (time, at) = *heard.lock().unwrap_or_else(PoisonError::into_inner);
                time.saturating_add(at.elapsed()).unwrap_or(Timestamp::MAX)
            }
            Inner::Manual(manual) => manual.borrow().now,
        }
    }

    /// Milliseconds since 1970, the form that the queue stores.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.now().as_millisecond()
    }

    /// A clock that goes by what [`Clock::hear`] is told, and by this machine's only in between: several machines have
    /// one time then, however wrong their own clocks are. A manual one stays what it is.
    #[must_use]
    pub fn of_database(&self) -> Self {
        match &self.0 {
            Inner::System => Self(Inner::Heard(Arc::new(Mutex::new((Timestamp::now(), Instant::now()))))),
            Inner::Heard(_) | Inner::Manual(_) => self.clone(),
        }
    }

    /// Takes the time over (milliseconds since 1970) if it goes by what it hears. Returns the time that it is then.
    pub fn hear(&self, ms: i64) -> i64 {
        if let Inner::Heard(heard) = &self.0
            && let Ok(time) = Timestamp::from_millisecond(ms)
        {
            *heard.lock().unwrap_or_else(PoisonError::into_inner) = (time, Instant::now());
            return ms;
        }
        self.now_ms()
    }

    /// Moves a manual clock forward.
    ///
    /// # Panics
    /// When this is the system's clock.
    pub fn advance(&self, by: Duration) {
        let Inner::Manual(manual) = &self.0 else { panic!("the system's clock can't be moved") };
        manual.send_modify(|manual| manual.now += by);
    }

    /// The same by this machine's own clock, whatever this one goes by.
    #[must_use]
    pub fn of_machine_ms(&self) -> i64 {
        match &self.0 {
            Inner::System | Inner::Heard(_) => Timestamp::now().as_millisecond(),
            Inner::Manual(_) => self.now_ms(),
        }
    }

    /// Milliseconds from some moment on. Goes on as time does, whoever sets the clock; while a computer sleeps, it may
    /// stand still.
    #[must_use]
    pub fn steady_ms(&self) -> i64 {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        match &self.0 {
            Inner::System | Inner::Heard(_) => i64::try_from(START.elapsed().as_millis()).unwrap_or(i64::MAX),
            Inner::Manual(manual) => {
                let manual = *manual.borrow();
                manual.now.as_millisecond() - manual.set
            }
        }
    }

    /// Sets a manual clock forward, or back, as an administrator or a time server does: no time passes by that.
    ///
    /// # Panics
    /// When this is the system's clock.
    pub fn set_forward(&self, by: SignedDuration) {
        let Inner::Manual(manual) = &self.0 else { panic!("the system's clock can't be moved") };
        manual.send_modify(|manual| {
            manual.now += by;
            manual.set += i64::try_from(by.as_millis()).unwrap_or_default();
        });
    }

    /// Returns once it is `until` (milliseconds since 1970).
    #[must_use]
    pub fn sleep_until_ms(&self, until: i64) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        match &self.0 {
            Inner::System | Inner::Heard(_) => {
                let wait = until.saturating_sub(self.now_ms()).max(0).unsigned_abs();
                // A clock that jumps backwards must not leave work lying for longer than this.
                let wait = Duration::from_millis(wait.min(60_000));
                Box::pin(tokio::time::sleep(wait))
            }
            Inner::Manual(manual) => {
                let mut manual = manual.subscribe();
                Box::pin(async move {
                    // The sender lives as long as any clone of the clock; without one nobody waits.
                    let _ = manual.wait_for(|manual| manual.now.as_millisecond() >= until).await;
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
