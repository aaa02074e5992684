//! Which mailboxes have open messages, and when the first of each is due: kept in memory, so that a claim costs the
//! same whatever waits behind it. Its size is that of the senders, not of the queue.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

/// A mailbox in the order of what is due.
pub(super) type Place = (i64, Arc<str>);

#[derive(Debug, Default)]
pub(super) struct Due {
    first: HashMap<Arc<str>, i64>,
    order: BTreeSet<Place>,
}

impl Due {
    /// The first open message of a mailbox is due then; none: it has no open message.
    pub fn set(&mut self, mailbox: &str, due: Option<i64>) {
        let known = self.first.remove_entry(mailbox);
        let name = match known {
            Some((name, before)) => {
                let place = (before, name);
                self.order.remove(&place);
                place.1
            }
            None => mailbox.into(),
        };
        if let Some(due) = due {
            self.order.insert((due, name.clone()));
            self.first.insert(name, due);
        }
    }

    /// Another open message of a mailbox is due then.
    pub fn add(&mut self, mailbox: &str, due: i64) {
        if self.first.get(mailbox).is_none_or(|first| *first > due) {
            self.set(mailbox, Some(due));
        }
    }

    /// The mailbox behind `place` in the order of what is due, if it has something due; without a place the first.
    pub fn next(&self, place: Option<&Place>, now: i64) -> Option<&Place> {
        let from = place.map_or(Bound::Unbounded, Bound::Excluded);
        self.order.range::<Place, _>((from, Bound::Unbounded)).next().filter(|(due, _)| *due <= now)
    }

    /// When the first message is due that is not due yet.
    pub fn after(&self, now: i64) -> Option<i64> {
        let from: Place = (now.saturating_add(1), "".into());
        self.order.range(from..).next().map(|(due, _)| *due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(due: &Due, now: i64) -> Vec<(i64, String)> {
        let mut all = Vec::new();
        let mut place = None;
        while let Some(next) = due.next(place.as_ref(), now) {
            all.push((next.0, next.1.to_string()));
            place = Some(next.clone());
        }
        all
    }

    #[test]
    fn mailboxes_come_in_the_order_of_their_first_message_and_only_when_it_is_due() {
        let mut due = Due::default();
        for (mailbox, at) in [("c@x", 30), ("a@x", 10), ("b@x", 10), ("a@x", 5), ("a@x", 20)] {
            due.add(mailbox, at);
        }
        assert_eq!(order(&due, 10), [(5, "a@x".into()), (10, "b@x".into())]);
        assert_eq!(due.after(10), Some(30));
        due.set("a@x", Some(40));
        due.set("b@x", None);
        due.set("nobody@x", None);
        assert_eq!(order(&due, 100), [(30, "c@x".into()), (40, "a@x".into())]);
        assert_eq!(due.after(100), None);
    }
}
