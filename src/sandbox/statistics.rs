//! What the sandbox counts, so that a test can say how much a client asked of it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

/// Counts since the start or since the last reset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// HTTP requests on both listeners.
    pub requests: u64,
    /// EWS requests by operation, as far as one could be read.
    pub operations: BTreeMap<String, u64>,
    /// EWS requests by primary SMTP address of the mailbox that they acted on, and by operation.
    pub mailboxes: BTreeMap<String, BTreeMap<String, u64>>,
    /// Requests to the Autodiscover service.
    pub autodiscover: u64,
    /// Answers by HTTP status. A connection that was cut counts as 0.
    pub answers: BTreeMap<u16, u64>,
    /// Sign-ins refused, with or without credentials.
    pub denied: u64,
    /// Requests refused by throttling.
    pub throttled: u64,
    /// Requests struck by a fault rule.
    pub faults: u64,
    /// TCP connections accepted.
    pub connections: u64,
    /// TCP connections open now.
    pub connections_open: u64,
    /// TCP connections open at the same time at most.
    pub connections_most: u64,
    /// EWS requests under way now.
    pub in_flight: u64,
    /// EWS requests under way at the same time at most.
    pub in_flight_most: u64,
    /// The same for the mailbox that had most.
    pub in_flight_most_per_mailbox: u64,
    /// Bytes of request bodies.
    pub bytes_received: u64,
    /// Bytes of answer bodies.
    pub bytes_sent: u64,
}

impl Counts {
    /// EWS requests altogether.
    #[must_use]
    pub fn ews(&self) -> u64 {
        self.operations.values().sum()
    }

    /// EWS requests of one operation.
    #[must_use]
    pub fn of(&self, operation: &str) -> u64 {
        self.operations.get(operation).copied().unwrap_or_default()
    }
}

#[derive(Debug, Default)]
pub struct Statistics {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    counts: Counts,
    per_mailbox: BTreeMap<String, u64>,
}

impl Statistics {
    #[must_use]
    pub fn read(&self) -> Counts {
        self.lock().counts.clone()
    }

    /// Everything starts from nothing, but what is open or under way stays counted as such.
    pub fn reset(&self) {
        let mut inner = self.lock();
        let most = inner.per_mailbox.values().copied().max().unwrap_or_default();
        let (open, in_flight) = (inner.counts.connections_open, inner.counts.in_flight);
        inner.counts = Counts {
            connections_open: open,
            connections_most: open,
            in_flight,
            in_flight_most: in_flight,
            in_flight_most_per_mailbox: most,
            ..Counts::default()
        };
    }

    /// Changes counts that go up only.
    pub fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.lock().counts);
    }

    /// A connection is open until the guard is dropped.
    pub fn connection(&self) -> impl Drop + '_ {
        let mut inner = self.lock();
        inner.counts.connections += 1;
        inner.counts.connections_open += 1;
        inner.counts.connections_most = inner.counts.connections_most.max(inner.counts.connections_open);
        Guard(move || self.lock().counts.connections_open -= 1)
    }

    /// An EWS request is under way until the guard is dropped.
    pub fn in_flight(&self) -> impl Drop + '_ {
        let mut inner = self.lock();
        inner.counts.in_flight += 1;
        inner.counts.in_flight_most = inner.counts.in_flight_most.max(inner.counts.in_flight);
        Guard(move || self.lock().counts.in_flight -= 1)
    }

    /// The mailbox and operation of a request under way are known; the guard is dropped when it ends.
    pub fn acting_on(&self, mailbox: &str, operation: &str) -> impl Drop + Send + use<'_> {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let operations = inner.counts.mailboxes.entry(mailbox.to_owned()).or_default();
        *operations.entry(operation.to_owned()).or_default() += 1;
        let running = inner.per_mailbox.entry(mailbox.to_owned()).or_default();
        *running += 1;
        inner.counts.in_flight_most_per_mailbox = inner.counts.in_flight_most_per_mailbox.max(*running);
        let mailbox = mailbox.to_owned();
        Guard(move || {
            let mut inner = self.lock();
            if let Some(running) = inner.per_mailbox.get_mut(&mailbox) {
                *running -= 1;
                if *running == 0 {
                    inner.per_mailbox.remove(&mailbox);
                }
            }
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs when dropped.
struct Guard<F: FnMut()>(F);

impl<F: FnMut()> Drop for Guard<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// X1
    #[test]
    fn a_reset_forgets_the_past_and_not_what_is_open() {
        let statistics = Statistics::default();
        let open = statistics.connection();
        drop(statistics.connection());
        let running = statistics.in_flight();
        let acting = statistics.acting_on("anna@n.example", "FindItem");
        assert_eq!(statistics.read().connections_most, 2);
        statistics.reset();
        let counts = statistics.read();
        assert_eq!((counts.connections, counts.connections_open, counts.connections_most), (0, 1, 1));
        assert_eq!((counts.in_flight, counts.in_flight_most, counts.in_flight_most_per_mailbox), (1, 1, 1));
        drop((open, running, acting));
        let counts = statistics.read();
        assert_eq!((counts.connections_open, counts.in_flight), (0, 0));
    }

    /// U9
    #[test]
    fn requests_under_way_are_counted_for_each_mailbox() {
        let statistics = Statistics::default();
        let first = statistics.acting_on("anna@n.example", "FindItem");
        let second = statistics.acting_on("anna@n.example", "UpdateItem");
        let third = statistics.acting_on("jonas@n.example", "UpdateItem");
        drop((first, second, third));
        drop(statistics.acting_on("anna@n.example", "UpdateItem"));
        let counts = statistics.read();
        assert_eq!(counts.in_flight_most_per_mailbox, 2);
        assert_eq!(counts.mailboxes["anna@n.example"]["UpdateItem"], 2);
    }
}
